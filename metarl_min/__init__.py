"""Meta-reinforcement learning, small enough to read and exact enough to trust.

Every task is a finite MDP. So a formula has an exact value, and its sampled form can be compared
with the exact value.

The rooms of the package are listed in import order. Each room imports only rooms above it. The
docstring of a room lists its files in reading order.

    basics       the tools that every other room is written with
    mdps         one finite MDP: its arrays, policies, values and episodes
    tasks        distributions over MDPs, one file for each kind
    gradients    learning by gradients that pass through learning
    memory       learning that happens in a memory
    evolution    learning from the returns of perturbed copies of the parameters, without gradients
    learners     one file for each learner of the command line
    baselines    players that are not trained
    ceilings     the best return that a player can earn
    evaluation   scores with standard errors
    checkpoints  the state of a run in one file
    training     one loop that trains every learner
    reports      tables, plots, progress and the index of equations
    cli          python -m metarl_min

The axes of arrays always have this order. In `[..., S, A]`, the dots stand for any number of
leading axes, also none.

    P  members of a population
    M  tasks
    N  episodes of a trial, or of a stage
    T  steps of an episode
    S  states
    A  actions
    H  hidden units of a network
    I  inputs of a network
    K  inner steps
    D  parameters, the entries of theta
    G  candidate tasks of a finite family
    B  rows of a flattened batch, such as (task, state) or (member, task)

The symbols of equations have one meaning in the whole package. A module that departs from the table
says so: "In this module, u is the update gate." Some letters of the axes have a second use. P(..)
with an argument is a probability, D_k with an index is a data set, I in a matrix formula is the
identity, and T as an exponent is a transpose. In F_N, N is the number of episodes of each inner
step.

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
    F            objective of theta: F_N if each inner step uses N sampled episodes, F_inf if
                 inner gradients are exact
    v            adjoint v_k = dF/dphi_k, or the direction of a derivative
    u            vector in the space of the logits, such as a gradient in the logits
    D_k          data set of stage k; inner step k uses it if k < K
    tau          episode
    Hess         Hessian
    h, x         hidden state and input of a network
    e, sigma     normal noise direction and its standard deviation
    lambda       trace parameter of generalised advantages
    eta          weight of the entropy
    eps          a small constant
    w            prior probability of a candidate task

Every objective is maximised.

A module that imports `autograd.numpy as np` may be traced by autograd. A module that imports
`numpy as np` is never traced. The docstring of a module numbers its equations, and the source of an
equation follows it in brackets. `python -m metarl_min equations` lists the tests of each equation.
"""

__version__ = "0.1.0"
