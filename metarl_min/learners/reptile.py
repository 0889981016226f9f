"""Reptile: move the start towards the end of adaptation, and differentiate nothing.

    (1)  theta <- theta + beta/M sum_tasks (phi_K - theta) / alpha
               =  theta + beta/M sum_tasks sum_{k<K} grad J_k(phi_k)
                                                     [Nichol et al. 2018, alg. 2 and eq. 28]

The direction (1) is the sum of the K inner gradients, because phi_K - theta is alpha times this
sum. With K = 1 it is the average policy gradient, and nothing is learned about adaptation.
Nichol et al. write beta (phi_K - theta); this is (1) with beta alpha in the place of beta.

What K > 1 adds is seen in an expansion in alpha. Let step k use a batch of its own, whose
gradient is g_k and whose Hessian is Hess_k, both at theta. The batches are exchangeable:

    (2)  E[sum_{k<K} grad J_k(phi_k)] = K E[g] + K (K - 1) / 2 alpha E[Hess_k g_j] + O(alpha^2)
                                                                  [Nichol et al. 2018, eq. 35]
    (3)  E[grad J_{K-1}(phi_{K-1})] = E[g] + (K - 1) alpha E[Hess_k g_j] + O(alpha^2)
                                                                  [Nichol et al. 2018, eq. 34]
    (4)  E[Hess_k g_j] = 1/2 E[grad (g_k . g_j)],  k != j                            [derivation]

(3) is first-order MAML whose outer data are the last of the K batches.

    Steps of (2) and (3): phi_k = theta + alpha sum_{j<k} g_j + O(alpha^2), by the inner steps.
    A Taylor expansion gives grad J_k(phi_k) = g_k + alpha Hess_k sum_{j<k} g_j + O(alpha^2).
    The mean of Hess_k g_j is the same for all pairs k != j, and the sum over j has k terms.
    So the mean of step k is E[g] + k alpha E[Hess_k g_j]. (3) is k = K - 1.
    (2) is the sum over k, and 0 + 1 + .. + (K - 1) = K (K - 1) / 2.
    Steps of (4): the product rule gives grad (g_k . g_j) = Hess_k g_j + Hess_j g_k.
    Both terms have the same mean, because the batches are exchangeable.

By (4) the second term ascends the inner product of the gradients of two batches of one task. Where
it is large, a step on one batch improves the other batch too. (The signs are those of ascent.)
"""

from functools import partial
from typing import Annotated, Any

from metarl_min.gradients import traced_trials
from metarl_min.learners import Learner
from metarl_min.learners.maml import fixed, maml
from metarl_min.tasks import Family

ESTIMATOR = traced_trials.reptile


def reptile(
    family: Family, **settings: Annotated[Any, partial(maml, estimator=ESTIMATOR)]
) -> Learner:
    """Return Reptile for a family: `maml` that moves theta to the end of adaptation, eq. (1).

    Eqs. (2), (3) and (4) say what it learns from more than one inner step.
    """
    return fixed(maml(family, estimator=ESTIMATOR, **settings), "estimator")
