"""Coursework: questions that are graded exactly, and the commands of an instructor.

The files stand in reading order. The assignments themselves, with their solutions, are not part of
the package. They lie in `examples/coursework` of the repository.

    messages              values as JSON, and calls between two processes
    watched_calls         a call that notices side effects
    student_limits        rules for the program of a student
    student_process       the process in which a student's program runs
    faults                why a submission gives no answer
    time_limits           the limits of time of a running program
    submissions           a running submission, as the grader sees it
    questions             what a question is, and its check in a notebook
    result_vectors        results of a student's function as vectors
    wrong_results         explanations of wrong results for a student
    value_questions       questions about the values of a function
    written_tests         questions about tests that students write
    central_differences   assignment 1, central differences
    difference_tests      assignment 1, a test of central differences
    difference_steps      assignment 1, the step of a difference
    score_functions       assignment 2, log-probabilities and scores
    bandit_gradients      assignment 2, policy gradients of bandits
    reward_sums           assignment 3, returns-to-go
    episode_lists         assignment 3, all lists of episodes of small tasks
    reinforce_weights     assignment 3, REINFORCE with right and wrong weights
    reinforce_mistakes    assignment 3, the mistakes of REINFORCE
    reinforce_estimators  assignment 3, questions about REINFORCE
    bandit_hessians       assignment 5, the Hessian of one bandit
    meta_gradient_mistakes  assignment 5, mistakes in the meta-gradient
    exact_meta_gradients  assignment 5, the meta-gradient
    inner_loops           assignment 4, the inner loop
    task_means            assignment 4, means over tasks of vectors from the inner loop
    first_order_learners  assignment 4, first-order MAML and Reptile
    sampled_surrogates    assignment 6, a surrogate of pulls that another policy has drawn
    sampled_hessians      assignment 6, an estimate of the Hessian
    sampled_terms         assignment 6, the parts of a sampled meta-gradient
    sampled_steps         assignment 6, the inner step from sampled pulls
    sampled_mistakes      assignment 6, mistakes in a sampled meta-gradient
    sampled_gradients     assignment 6, an estimate of the gradient of F_N
    recurrent_steps       assignment 7, one step of a recurrent policy
    recurrent_trials      assignment 7, trials
    trial_returns         assignment 7, returns-to-go
    backpropagation       assignment 7, back-propagation through a trial
    recurrent_gradients   assignment 7, the gradient of a trial
    evolution_strategies  assignment 8, the antithetic estimate
    evolution_tests       assignment 8, a test of the antithetic estimate
    ranked_gradients      assignment 8, ranks
    es_derivation         assignment 8, a derivation as programs
    broken_derivation     assignment 8, the wrong equation
    registry              the questions by name
    manifests             the tests, points and limits of an assignment
    source_checks         checks of a submission before it runs
    grading               a verdict for each test
    result_files          results in the formats of grading services
    stripping             the student's version of an assignment, without solutions
    verification          the check of an assignment by its instructor
    mistake_counts        how often a class has made each mistake
    wheels                packages that a grading service installs
    classroom50_autograder  the script in a bundle for Classroom 50
    bundles               the files that a grading service needs for one assignment
    commands              the commands
    __main__              python -m metarl_min.teach
"""
