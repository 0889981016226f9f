"""Meta-reinforcement learning, small enough to read and exact enough to trust.

The rooms, in reading order; each imports only rooms above it:

    arguments       what a function may be given: the rule, then what it got
    trees           parameters: flat dicts of float arrays, each treated as one vector
    checks          is this derivative right? is this estimator unbiased?
    mdp             the finite MDP: three arrays, valid from the moment they exist; its optimum
    values          exact value of a policy, occupancy, policy gradient, Hessian
    rollouts        episodes of M tasks x N episodes at once, and their sufficient statistics
    tasks           Family: a distribution over tasks, with its prior; bandits, gridworlds (goal
                    search), random_mdps (Dirichlet transitions, normal rewards)
    policies        softmax over tables and networks: log-probabilities, entropy, KL
    networks        recurrent cells, and back-propagation through time by hand
    memory_policies  a cell with its heads, how it starts, and the way back of a trial
    addressing      rows that are found by content: reading, writing, usage
    external_memory a network beside such rows, and its way back
    actor_critic    advantages over a trial, gradients in logits and values, clipped or not
    agents          a network with a memory, playing a trial: what it sees, what is kept
    search_gradients  what the fitness of neighbours tells: ES estimators, ranks, directions
    cma_es          a normal distribution that learns the shape of what it ascends
    executors       slices of a population on many workers, gathered in order
    returns         returns-to-go, baselines, GAE: data, never traced
    objectives      what is ascended: expected return, REINFORCE from a table
    optimizers      SGD, momentum, Adam as (init, update)
    adaptation      the inner loop, and the exact meta-gradient in three ways
    enumeration     every data set of a small problem, with its probability
    estimators      plain, emaml, dice, lvc, ..: estimators of the gradient of MAML-RL
    meta_gradients  what they estimate: exact moments and bias, and a check of your own
    trials          a trial on a fresh task: episodes in a row, inner steps in between
    trust_region    TRPO's step and the clipped surrogate, through the inner loop
    trial_gradients the gradient of the return of a trial, in theta and in alpha
    learners        Learner: the one protocol in which all are compared; maml (first order too),
                    reptile (towards where adaptation ends), meta_sgd (a step size for each entry),
                    recurrent (RL^2: the memory of a network is what adapts), memory (the same with
                    an external memory), players (what a search plays with), generations (on
                    many workers), evolution (ES), genetic, es_maml (a start), evolved_rule
                    (a learning rule)
    baselines       the judges: bandits (Thompson sampling, UCB1, the best prior arm), arms and
                    dirichlet (players that know the prior), mdps (uniformly random, posterior
                    sampling), published (tables to recompute); ceilings (what one is): beta_arms
                    (up to relabelling), normal_bounds and bounds
                    (out of reach), posteriors (correlated arms),
                    gittins (indices), index_policies (their players), beliefs (subsets of
                    hypotheses), walks (branch and bound) for goal_search (many goals);
                    bayes_optimal (whichever fits, and its player)
    evaluation      scores with standard errors
    checkpoints     the state of a run in one file, written atomically, read without pickle
    training        one loop for all learners
    reports         what people look at: progress, tables, plots, and the index of equations
    cli             python -m metarl_min: words in, one table or one JSON object out; runs,
                    comparison, estimation, columns, published_tables, commands, main
    teach           coursework: mistakes, what goes wrong in a meta-gradient, by name

Axes, always in this order: P population, M tasks, N episodes, T steps, S states, A actions;
H hidden units, D parameters. `[..., S, A]`: the leading axes are free.

Symbols: theta meta-parameters, phi adapted parameters, alpha inner and beta outer step size,
gamma discount, pi policy, z logits, rho first state, d occupancy, V and Q values, J expected
return, W return-to-go of a sampled episode, C advantages summed per state and action.

Sign: every objective is maximised.

A module whose import line reads `import autograd.numpy as np` may be traced; one with
`import numpy as np` never is. Equations are numbered in each module's docstring, with their
source in brackets; `python -m metarl_min equations` lists which test executes each.
"""

__version__ = "0.1.0"
