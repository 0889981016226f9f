"""Published estimators of the gradient of MAML, computed from sampled data.

A policy with the parameters theta = phi_0 adapts to one task by K inner steps. Step k uses the data
set D_k: N episodes tau_i, sampled with phi_k. In this module, w_t is the weight of a sampled
action:

    (1)  phi_{k+1} = phi_k + alpha/N sum_i sum_t w_t grad log pi(a_t|s_t; phi_k)
                                                              [Finn et al. 2017, sec. 2.2]

The objective is the expected return J after adaptation. In F_N, each inner step uses N sampled
episodes. In F_inf, each inner step uses the exact gradient of J, adaptation (5):

    (2)  F_N(theta) = E[J(phi_K)],  F_inf(theta) = J(phi_K)
                   [Al-Shedivat et al. 2018, eq. 3; Rothfuss et al. 2019, formulations I and II]

An estimator is given the adjoint v = v_K = grad J(phi_K) and the number R = J(phi_K), exact or
estimated. In this module, R is the return after adaptation. The estimator returns an estimate g. A
number c can reduce the variance of g:

    (3)  g = (dphi_K/dtheta)^T v + (R - c) d/dtheta sum_k sum_i log P(tau_i|phi_k(theta))
                                                              [Stadie et al. 2018, eq. 7]

The mean of (3) is the derivative of F_N = sum_D P(D) J(phi_K(D)), which has two terms. Here D
stands for all data sets together:

- The derivative of J(phi_K(D)) is (dphi_K/dtheta)^T v, by the chain rule.
- The derivative of P(D) is P(D) d log P(D)/dtheta. So the second term of (3) is J(phi_K(D)) times
  d log P(D)/dtheta. It is called the score term.
- log P(D) is a constant plus sum_k sum_i log P(tau_i|phi_k), by enumeration (2) and (3).
- phi_k depends on theta through the earlier inner steps, so log P is differentiated through them.
- c changes no mean: sum_D P(D) d log P(D)/dtheta is the derivative of sum_D P(D) = 1, so it is 0.

In every estimator, the weight w_t has the value Adv_t = W_t - b_t, so phi_K is the same for all
estimators. plain, lvc, dice, loaded_dice and linearised_score have no score term. Their weights,
estimator_weights (4)-(8), differ only in the derivative of w_t. There are two more estimators:

    (4)  emaml   w_t = Adv_t as in plain, and the score term of (3)  [Stadie et al. 2018, eq. 7]
    (5)  fomaml  g = v                                              [Finn et al. 2017, sec. 5.2]

The bias of an estimator is the mean of g minus the gradient of F_N or F_inf, with exact v and R:

- emaml is unbiased for F_N, with every baseline and every gamma.
- dice, loaded_dice and linearised_score have a bias of O(1/N) for F_N and for F_inf, if gamma is 1
  and b is constant or leave_one_out. The reasons are below. At horizon 1, the same is true of lvc.
- plain and fomaml are biased for F_N and F_inf, and their bias does not vanish as N grows.

    Reasons for O(1/N): the factor dphi_{k+1}/dphi_k of these estimators has the mean
    I + alpha Hess J(phi_k), as with exact gradients. (The leave_one_out baseline of an episode
    depends only on the other episodes. Given these episodes, it is constant too.)
    Let noise be the difference between phi_k and its value with exact gradients. Each factor of
    (dphi_K/dtheta)^T v also has noise. The mean and the variance of all noise are O(1/N).
    Therefore the mean of the product is grad F_inf + O(1/N). In the same way F_N, which is the mean
    of J(phi_K), is F_inf + O(1/N). F_N - F_inf is smooth in theta, so its gradient is O(1/N) too.

The modules `meta_gradients` and `monte_carlo` make the inputs of the estimators. So `plain`,
`emaml`, `fomaml`, `through_inner_steps` and `without_score_term` trust their arguments.
`with_five_arguments` trusts the argument `name`.

tests/estimators_by_hand.py computes the same estimates with loops and full matrices. The module
trial_gradients also has estimators with the names emaml, plain and fomaml. Those differentiate the
return of a whole trial.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import autograd.numpy as np
from autograd import grad

from metarl_min.basics import trees
from metarl_min.basics.arguments import array, function
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients.adaptation import Iterates
from metarl_min.gradients.enumeration import Data
from metarl_min.gradients.estimator_weights import (
    Weights,
    dice_weights,
    linearised_weights,
    loaded_dice_weights,
    lvc_weights,
)
from metarl_min.gradients.inner_steps import (
    InnerStep,
    log_probability,
    next_iterate,
)

StageData = Sequence[Data]  # D_0 .. D_{K-1}
Estimator = Callable[..., Tree]  # takes the fields of `EstimatorInputs`, in their order


class EstimatorInputs(NamedTuple):
    """The arguments of an estimator. M data sets lie along the leading axis."""

    inner: InnerStep
    path: Iterates  # phi_0 .. phi_K, leaves [M, ...]
    data: StageData
    v: Tree  # leaves [M, ...]: the adjoint v_K = grad J(phi_K), exact or estimated
    R: Array  # [M] J(phi_K), exact or estimated


def through_inner_steps(
    inner: InnerStep, path: Iterates, data: StageData, v: Tree, weights: Weights, factor: Any = None
) -> Tree:
    """Return the estimate of eq. (3). -> leaves [M, ...]

    Autograd differentiates the inner steps of eq. (1), which have the given weights.
    `factor` is R - c, an array [M]. If it is None, there is no score term.
    """

    # v and factor are constants. So the gradient of factor log P + v.phi_K in theta is eq. (3).
    # `total` adds up this number over the data sets. Each data set has its own copy of theta, so
    # the gradient of the sum contains the gradient of each data set.
    def total(theta: Tree) -> Any:
        phis, score_term = [theta], 0.0
        for reference, D in zip(path[:-1], data, strict=True):
            if factor is not None:
                score_term = score_term + np.sum(factor * log_probability(inner, phis[-1], D))
            phis.append(next_iterate(inner, phis, reference, D, weights))
        return score_term + trees.dot(v, phis[-1])

    return grad(total)(path[0])


def without_score_term(
    inner: InnerStep, path: Iterates, data: StageData, v: Tree, R: Array, weights: Weights
) -> Tree:
    """Return the first term of eq. (3) for the given weights. R is not used. -> leaves [M, ...]"""
    return through_inner_steps(inner, path, data, v, weights)


def plain(inner: InnerStep, path: Iterates, data: StageData, v: Tree, R: Array) -> Tree:
    """Return the first term of eq. (3) with the weights of the inner step. R is not used."""
    return through_inner_steps(inner, path, data, v, inner.weights)


lvc = partial(without_score_term, weights=lvc_weights)
dice = partial(without_score_term, weights=dice_weights)
loaded_dice = partial(without_score_term, weights=loaded_dice_weights)
linearised_score = partial(without_score_term, weights=linearised_weights)


def emaml(
    inner: InnerStep, path: Iterates, data: StageData, v: Tree, R: Array, c: float | Array = 0.0
) -> Tree:
    """Return the estimate of E-MAML, eqs. (3) and (4), which is unbiased for F_N.

    c is a control variate, and must not depend on the data. J(theta) is a good control variate.

    An example: theta = (0, 0), v = (-1, 1), R = 0.5, and a pull of arm 2 pays 0.9. Hess log pi,
    times v, is -0.5 v. So the first term is (1 - 0.7 * 0.9 * 0.5) v = 0.685 v. The score of arm 2
    is (-0.5, 0.5), so the score term is 0.5 * (-0.5, 0.5).

    >>> import numpy as onp
    >>> from metarl_min.gradients.inner_steps import inner_step
    >>> from metarl_min.mdps import policies, rollouts
    >>> inner = InnerStep(policy=policies.tabular, alpha=0.7, baseline=0.0)
    >>> state, action, reward, alive = (onp.array([[[x]]]) for x in (0, 1, 0.9, True))
    >>> data = [Data(rollouts.Episodes(state, action, reward, alive), counts=onp.ones((1, 1)))]
    >>> theta, v = {"logits": onp.zeros((1, 1, 2))}, {"logits": onp.array([[[-1.0, 1.0]]])}
    >>> phi = inner_step(inner, theta, theta, data[0], inner.weights)
    >>> emaml(inner, [theta, phi], data, v, R=onp.array([0.5]))["logits"].round(12)
    array([[[-0.935,  0.935]]])
    """
    return through_inner_steps(inner, path, data, v, inner.weights, R - c)


def fomaml(inner: InnerStep, path: Iterates, data: StageData, v: Tree, R: Array) -> Tree:
    """Return the estimate of first-order MAML, eq. (5), which is biased for F_N and F_inf."""
    return v


def with_five_arguments(name: str, estimator: Estimator) -> Estimator:
    """Return the estimator. TypeError unless it is a function of five arguments."""
    function(name, estimator)
    try:
        signature = inspect.signature(estimator)
    except (TypeError, ValueError):  # a compiled function may have no signature
        return estimator
    try:
        signature.bind(*EstimatorInputs._fields)
    except TypeError as error:
        rule = f"{name} must take five arguments ({', '.join(EstimatorInputs._fields)})"
        raise TypeError(f"{rule}, got a function of {signature}") from error
    return estimator


def rows_of(name: str, estimator: Estimator, inputs: EstimatorInputs) -> Array:
    """Return the estimates of an estimator called `name`, one row for each data set. [M, D]

    TypeError or ValueError unless the estimator returns floats with the leaves of phi_0, and
    FloatingPointError unless these floats are finite. It trusts its arguments `name` and `inputs`.
    """
    g = with_five_arguments(f"the estimator {name}", estimator)(*inputs)
    trees.check_like(f"the estimate of {name}", g, inputs.path[0], "phi")
    rows = array(f"the estimate of {name}", trees.flatten_tasks(g))
    if not np.isfinite(rows).all():
        raise FloatingPointError(f"the estimates of {name} must be finite, got NaN or infinity")
    return rows


ESTIMATORS: dict[str, Estimator] = {
    "plain": plain,
    "emaml": emaml,
    "dice": dice,
    "loaded_dice": loaded_dice,
    "lvc": lvc,
    "linearised_score": linearised_score,
    "fomaml": fomaml,
}

# The objective that each estimator was made for. plain and fomaml were made for neither. dice,
# loaded_dice and lvc estimate the Hessian of J, which the gradient of F_inf needs. linearised_score
# is emaml with two approximations in the score term of each step k:
# - R is replaced by v_{k+1}.(phi_{k+1} - phi_k), its first-order change in step k. Here v_{k+1} is
#   the derivative of J(phi_K) in phi_{k+1}, adaptation (3).
# - v_{k+1}.(phi_{k+1} - phi_k) is a sum over episodes i, and the score is a sum over episodes j. In
#   their product, the terms with i != j are left out: their mean is zero if v_{k+1} is constant.
# The terms with i = j remain: alpha/N sum_i (v_{k+1}.sum_t Adv_t g_t) sum_l g_l, where g_t is the
# score of step t of episode i. The first term of (3) contains this sum if w_t is
# estimator_weights (8):
# - dw_t/dphi is Adv_t sum_l g_l.
# - So by estimator_weights (3), dphi_{k+1}/dphi_k contains alpha/N sum_i sum_t g_t (dw_t/dphi)^T.
# - The transpose of this matrix, times v_{k+1}, is the sum of the terms with i = j.
MEANT_FOR: dict[str, str] = {
    "emaml": "F_N",
    "dice": "F_inf",
    "loaded_dice": "F_inf",
    "lvc": "F_inf",
    "linearised_score": "F_N",
}
