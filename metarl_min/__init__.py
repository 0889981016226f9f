"""Meta-reinforcement learning, small enough to read and exact enough to trust.

Every task is a finite MDP. So expected returns and their gradients have exact values, and estimates
from sampled episodes can be compared with these values.

A room is a folder or a file of the package. The rooms are listed in import order: each room imports
only rooms above it. The docstring of a folder lists the files of the folder in reading order.

    basics       the tools that every other room is written with
    mdps         one finite MDP: its arrays, policies, values and episodes
    tasks        distributions over MDPs, one file for each kind
    gradients    MAML and its relatives: gradients that pass through inner steps
    memory       RL^2 and its relatives: networks that learn a task in their memory
    evolution    learning from the returns of perturbed parameters, without backpropagation
    learners     one file for each learner of the command line
    baselines    players that are not trained
    ceilings     the best return that a player can earn
    evaluation   scores with standard errors
    checkpoints  the state of a run in one file
    training     one loop that trains every learner
    reports      tables, plots, progress and the index of equations
    cli          python -m metarl_min
    teach        coursework: exact grading of what students write

A trial is N episodes in a row on one task that is new to the player. The inner steps of MAML divide
a trial into stages.

The axes of arrays always have the order of the next table. In the shape `[..., S, A]`, the dots
stand for any number of axes, or for no axis. These axes are called leading axes.

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
    B  entries of a flattened batch, such as all pairs (member, task)

Each symbol of the next table has one meaning in all equations of the package. A module in which a
symbol means something else says so: "In this module, u is the update gate." Some letters of the
axes have a second use in equations. P(..) with an argument is a probability, D_k with an index is a
data set, I in a matrix formula is the identity, and T as an exponent is a transpose. In F_N, N is
the number of episodes of each inner step.

    s, a, s'     state, action, next state (the arrival)
    r            reward: r(s,a,s') and r(s,a) are means, r_t is sampled
    rho          distribution of the first state
    P(..)        a probability; P(s'|s,a) is the probability of the arrival
    gamma        discount
    pi           policy: pi(a|s) is the probability of an action
    P_pi         sum_a pi(a|s) P(s'|s,a), the transition matrix of a policy
    z            logits of a policy
    V, Q         values of states and of actions; V*, Q* belong to the best policy
    J            expected return of a policy on one task
    d_t          discounted occupancy: gamma^t times the probability of a state at time t
    W_t          return-to-go of a sampled episode from step t on
    b            baseline
    Adv          advantage, W - b
    C(s,a)       sum of the advantages over the visits of a pair: a state and an action
    L            surrogate: a function whose gradient is a policy gradient
    R            return of a whole trial; R_{>k} is the sum of the rewards after stage k
    theta        meta-parameters
    phi_k        parameters of a task after k inner steps; phi_0 = theta
    alpha, beta  step sizes of the inner and of the outer loop
    F            objective of theta: F_N if each inner step uses N sampled episodes, F_inf if
                 inner gradients are exact
    v            adjoint v_k = dF/dphi_k; v without an index is the direction of a derivative
    u            vector in the space of the logits, such as a gradient in the logits
    D_k          data set of stage k, which inner step k uses if k < K
    tau          episode
    Hess         Hessian
    h, x         hidden state and input of a network
    e, sigma     theta + sigma e is a perturbed theta; the entries of e are standard normal
    lambda       trace parameter of generalised advantages
    eta          weight of the entropy
    eps          a small constant
    w            prior probability of a candidate task
    1{..}        1 if the condition in the braces is true, 0 if it is false
    x.y          inner product of two vectors

Every objective is maximised. The gradient "in x" is the gradient with respect to x.

To differentiate a function, autograd records its operations. The record is called a trace, and an
operation in the record is a node. During a trace, a box stands in the place of each traced array.
The decorator `@primitive` makes a whole function one node, and `defvjp` defines the derivative of
the node. A module that imports `autograd.numpy as np` may be traced. A module that imports
`numpy as np` is never traced. If a module needs both, NumPy is imported as `onp`. Three types have
short names: Array is an array of NumPy, Rng is a random generator of NumPy, and Tree is a dict of
arrays that holds parameters. The arrays of a Tree are called its leaves.

The docstring of a module numbers its equations. The source of an equation follows in brackets. The
source [derivation] refers to the steps below the equation. `python -m metarl_min equations` lists
the tests of each equation.
"""

__version__ = "0.1.0"
