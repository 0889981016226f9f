"""Meta-SGD: a step size for each parameter, learned beside the start.

The inner step is adaptation (1) with an alpha of the shape of theta, and the gradient in alpha is
adaptation (6); all products are elementwise [Li et al. 2017, eq. 2 and sec. 3]. The update of both
is outer_updates (1).

With estimator=fomaml the adjoints v_k of adaptation (4) take the place of those of (3). The
derivative in theta is then that of first-order MAML. The derivative in alpha does not vanish; with
K = 1 it is exact, because v_K is the same in (3) and (4).

The gradient is taken in alpha itself and not in its logarithm, so that a step size may change its
sign, as in the paper. All step sizes start at the alpha of the family.
"""

from functools import partial
from typing import Annotated, Any

from metarl_min.gradients.outer_updates import alpha_per_parameter
from metarl_min.learners import Learner
from metarl_min.learners.maml import fixed, maml
from metarl_min.tasks import Family


def meta_sgd(
    family: Family, **settings: Annotated[Any, partial(maml, learn_alpha=alpha_per_parameter)]
) -> Learner:
    """Return Meta-SGD for a family: `maml` that learns a step size for each parameter.

    Its gradients are those of adaptation (3) and (6).
    """
    return fixed(maml(family, learn_alpha=alpha_per_parameter, **settings), "learn_alpha")
