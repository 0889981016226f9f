"""Learning by gradients that pass through learning.

returns              returns-to-go of sampled episodes, and the mean over a batch
advantages           baselines by name, and how much of the mean gradient is left with each
objective            the record of an objective
objectives           the objectives that inner and outer steps ascend, in the logits
parameters           checks of parameters and step sizes
forward_passes       the inner loop, and what it keeps for derivatives
adaptation           the inner loop of MAML, and the exact gradient through it
adaptation_settings  the settings of adaptation, resolved for a family
trials               a trial of a learner that adapts
trial_gradients      the gradient of the return of a trial
controls             the best step size of an untrained start
step_sizes           rules for the inner step size: it is fixed, or it is learned
stage_tables         the tables of a surrogate of a trial
trust_region         TRPO and the clipped surrogate, through the inner steps
outer_updates        the updates of the meta-parameters: ascent, trpo, clipped
outer_words          the outer updates from words of the command line, with their defaults
enumeration          all data sets of a small problem, with their probabilities
estimator_weights    the weights of sampled actions in an inner step, and their derivatives
inner_steps          the inner step of an estimator, on data that are sampled or listed
estimators           published estimators of the meta-gradient
traced_trials        gradients of a trial with these estimators, and a table of all estimators
combinations         settings of MAML that do not go together
problems             problems on which estimators are measured
listed_data          the data sets of a problem, listed as if they were sampled
exact_objectives     the two objectives of a problem, and their exact gradients
claims               what an estimator claims, and what it answers on all data sets
known_sums           a search for known vectors whose sum is an unknown vector
mistakes             frequent mistakes in an estimator, by name
meta_gradients       the exact mean, covariance and bias of an estimator, and a check of your own
orders               how the bias and the variance change with the number of episodes
exact_mistakes       exact meta-gradients of several tasks, and frequent mistakes in them
exact_checks         a check of exact meta-gradients of your own
monte_carlo          the mean and the bias of an estimator, from sampled data sets
ordered_data         every ordered list of episodes of a small problem
library_estimators   estimators that the code of published libraries computes
libraries            the estimator of each library, with the line of its code
library_verdicts     which known estimator each library computes, by comparison
many_digits          meta-gradients of small problems in 40 digits
vector_contents      the content of the test vectors for other libraries
vector_files         the files of the test vectors

Other modules of the package call the functions of `forward_passes`, `default_steps`,
`surrogate_objective` and `check_update`. These functions trust their arguments.
"""
