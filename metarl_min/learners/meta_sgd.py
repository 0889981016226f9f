"""Meta-SGD: learn a step size for each parameter, together with theta.

In the inner step, adaptation (1), alpha has the shape of theta. The gradient in alpha is
adaptation (6). All products are elementwise [Li et al. 2017, eq. 2 and sec. 3]. The outer update
ascends in theta and alpha, outer_updates (1):

    theta <- theta + beta/M sum_tasks dF/dtheta,  alpha <- alpha + beta/M sum_tasks dF/dalpha

With estimator=fomaml, the adjoints v_k are adaptation (4) in place of adaptation (3). The gradient
in theta is then the gradient of first-order MAML. The gradient in alpha is adaptation (6) with
these adjoints. If K = 1, this gradient is exact, because (6) then needs only v_K, which is the same
in adaptation (3) and (4).

As in the paper, the gradient is taken in alpha, and not in the logarithm of alpha. So a step size
may change its sign. Every step size starts at the setting `alpha`.
"""

from functools import partial
from typing import Annotated, Any

from metarl_min.gradients.outer_updates import Outer
from metarl_min.gradients.outer_words import ascent_of_words
from metarl_min.gradients.step_sizes import alpha_per_parameter
from metarl_min.learners import Learner
from metarl_min.learners.maml import ASCENT, hide_settings, maml
from metarl_min.tasks import Family


def meta_sgd(
    family: Family,
    *,
    outer: Annotated[Outer, ascent_of_words] = ASCENT,
    **settings: Annotated[Any, partial(maml, learn_alpha=alpha_per_parameter, outer=ASCENT)],
) -> Learner:
    """Return Meta-SGD for a family: `maml` that learns a step size for each parameter.

    The gradients in theta and alpha are adaptation (3) and (6).
    """
    learner = maml(family, learn_alpha=alpha_per_parameter, outer=outer, **settings)
    return hide_settings(learner, "learn_alpha", "update")
