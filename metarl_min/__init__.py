"""Meta-reinforcement learning, small enough to read and exact enough to trust.

Every task is a finite MDP, so that every formula has an exact value beside its sampled one.

The rooms of the package, in import order. Each room imports only rooms above it. The docstring of
a room lists its files in reading order.

    basics       the tools that every other room is written with
    mdps         one finite MDP: its arrays, policies, values and episodes
    tasks        distributions over MDPs, one file for each kind
    gradients    learning by gradients that pass through learning
    memory       learning that happens in a memory
    evolution    learning from the fitness of neighbours
    learners     one file for each learner of the command line
    baselines    players that are not trained
    ceilings     the best return that any player can earn
    evaluation   scores with standard errors
    checkpoints  the state of a run in one file
    training     one loop that trains every learner
    reports      tables, plots, progress and the index of equations
    cli          python -m metarl_min

Axes of arrays, always in this order. In `[..., S, A]` the leading axes are free.

    P  members of a population
    M  tasks
    N  episodes of a trial
    T  steps of an episode
    S  states
    A  actions
    H  hidden units of a network
    I  inputs of a network
    K  inner steps
    D  parameters, the entries of theta
    G  candidate tasks of a finite family
    B  rows of a flattened batch, such as (task, state) or (member, task)

Symbols of equations. One symbol has one meaning in the whole package; a module that departs from
the table says so: "In this module, u is the update gate."

    s, a, s'     state, action, next state (the arrival)
    r            reward: r(s,a,s') and r(s,a) are means, r_t is sampled
    rho          distribution of the first state
    P(..)        a probability; P(s'|s,a) is the probability of the arrival
    gamma        discount
    pi           policy: pi(a|s) is the probability of an action
    P_pi         sum_a pi(a|s) P(s'|s,a), the matrix of arrivals under a policy
    z            logits of a policy
    V, Q         values of states and of actions; V*, Q* belong to the best policy
    J            expected return of a policy on one task
    d_t          discounted occupancy of the states at time t
    W_t          return-to-go of a sampled episode from step t on
    b            baseline
    Adv          advantage, W - b
    C(s,a)       advantages summed over the visits of a pair
    L            surrogate, whose gradient is a policy gradient
    R            return of a whole trial; R_{>k} is the part of it after stage k
    theta        meta-parameters
    phi_k        parameters of a task after k inner steps; phi_0 = theta
    alpha, beta  step sizes of the inner and of the outer loop
    F            objective of theta: F_N with N sampled episodes per inner step, F_inf exact
    v            adjoint v_k = dF/dphi_k, or the direction of a derivative
    u            vector in the space of the logits, such as a gradient in the logits
    D_k          data set of inner step k
    tau          episode
    Hess         Hessian
    h, x         hidden state and input of a network
    e, sigma     normal noise direction and its standard deviation
    lambda       trace parameter of generalised advantages
    eta          weight of the entropy
    eps          a small constant
    w            prior probability of a candidate task

Sign: every objective is maximised.

A module that reads `import autograd.numpy as np` may be traced by autograd. A module that reads
`import numpy as np` is never traced. Equations are numbered in the docstring of each module, with
their source in brackets. `python -m metarl_min equations` lists the tests of each equation.
"""

__version__ = "0.1.0"
