"""Reptile: move theta towards phi_K, without derivatives of the inner steps.

    (1)  theta <- theta + beta/M sum_tasks (phi_K - theta) / alpha
               =  theta + beta/M sum_tasks sum_{k<K} grad J_k(phi_k)
                                                     [Nichol et al. 2018, alg. 2 and eq. 28]

The second line holds because phi_K - theta is alpha times the sum of the K inner gradients. With
K = 1, the sum is the policy gradient at theta, so theta only learns to play well without
adaptation. The step of Nichol et al. is beta' (phi_K - theta), with beta' = beta/alpha.

An expansion in alpha shows the effect of K > 1. The expansion assumes that the data do not depend
on phi, as in supervised learning. Step k uses batch k, and the batches are exchangeable: all orders
of the batches have the same probability. At theta, g_k is the gradient of J_k, and Hess_k is the
Hessian of J_k. E[g] is the mean of g_k, which is the same for every k. In this module, H is the
mean E[Hess_i g_j] for two different batches i and j:

    (2)  E[sum_{k<K} grad J_k(phi_k)] = K E[g] + K (K - 1) / 2 alpha H + O(alpha^2)
                                                                  [Nichol et al. 2018, eq. 35]
    (3)  E[grad J_{K-1}(phi_{K-1})] = E[g] + (K - 1) alpha H + O(alpha^2)
                                                                  [Nichol et al. 2018, eq. 34]
    (4)  H = 1/2 E[grad (g_i . g_j)],  i != j                                        [derivation]

(3) is the gradient of first-order MAML with K - 1 inner steps and with the last batch as the outer
data.

    Steps of (2) and (3): phi_k = theta + alpha sum_{j<k} g_j + O(alpha^2), by the inner steps.
    A Taylor expansion gives grad J_k(phi_k) = g_k + alpha Hess_k sum_{j<k} g_j + O(alpha^2).
    The sum over j < k has k terms, and each term Hess_k g_j has the mean H.
    So the mean of grad J_k(phi_k) is E[g] + k alpha H + O(alpha^2). This is (3) if k = K - 1.
    The sum over k is (2), because 0 + 1 + .. + (K - 1) = K (K - 1) / 2.
    Steps of (4): the product rule gives grad (g_i . g_j) = Hess_i g_j + Hess_j g_i.
    Both terms have the mean H, because the batches are exchangeable.

By (4), the term with H in (2) and (3) ascends the inner product of the gradients of two batches of
one task. If the inner product is large, a step on one batch also raises the objective of the other
batch. In sampled trials the data depend on phi, so the means (2) and (3) have further terms.
"""

from functools import partial
from typing import Annotated, Any

from metarl_min.gradients import traced_trials
from metarl_min.gradients.outer_updates import Outer
from metarl_min.gradients.outer_words import ascent_of_words
from metarl_min.gradients.step_sizes import fixed_alpha
from metarl_min.learners import Learner
from metarl_min.learners.maml import ASCENT, hide_settings, maml
from metarl_min.tasks import Family

ESTIMATOR = traced_trials.reptile
ALPHA = fixed_alpha  # Reptile has no gradient in alpha
FIXED = partial(maml, estimator=ESTIMATOR, learn_alpha=ALPHA, outer=ASCENT)


def reptile(
    family: Family,
    *,
    outer: Annotated[Outer, ascent_of_words] = ASCENT,
    **settings: Annotated[Any, FIXED],
) -> Learner:
    """Return Reptile for a family: `maml` that moves theta towards phi_K, eq. (1).

    Eqs. (2), (3) and (4) show the effect of several inner steps.
    """
    learner = maml(family, estimator=ESTIMATOR, learn_alpha=ALPHA, outer=outer, **settings)
    return hide_settings(learner, "estimator", "learn_alpha", "update")
