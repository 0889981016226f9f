"""Meta-SGD: a step size of its own for each parameter, learned beside the start.

    (1)  phi_{k+1} = phi_k + alpha o grad J_k(phi_k), alpha of the shape of theta
                                                            [Li et al. 2017, eq. 2]
    (2)  dF/dalpha = sum_k v_{k+1} o grad J_k(phi_k), v the adjoints of adaptation (3)
                                                            [chain rule; Li et al. 2017, sec. 3]
    (3)  first order: (2) with the adjoints of adaptation (4): the derivative in alpha survives,
         that in theta becomes first-order MAML             [derivation]

The gradient is taken in alpha itself, not in its logarithm, so that a step size may change sign,
as in the paper; it starts at the family's alpha everywhere.
"""

from functools import partial

from metarl_min.learners.maml import maml

meta_sgd = partial(maml, learn_alpha="each")  # eq. (2); eq. (3) with estimator="fomaml"
