"""Meta-reinforcement learning, small enough to read and exact enough to trust.

The rooms, in import order: each imports only rooms above it, and lists its own files.

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
