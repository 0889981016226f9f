"""How the bias and the variance of an estimator change with the number N of inner episodes.

A bias can vanish as N grows: the bias of dice, loaded_dice and linearised_score for F_inf is
O(1/N), as the module `estimators` shows. The bias of plain has a limit that is not zero. Let
beta(N) be the bias of an estimator at N. This bias is a power series in 1/N:

    (1)  beta(N) = beta_inf + c_1/N + c_2/N^2 + ..              [expansion of F_N in 1/N]

The bias is O(1/N) if beta_inf = 0. `check_order` computes beta(N) exactly at a few numbers
N_0 < .. < N_n. One polynomial in 1/N passes through all these biases. Neville's scheme of
extrapolation finds the value of this polynomial at 1/N = 0:

    (2)  P_i^0 = beta(N_i),
         P_i^m = (N_i P_i^(m-1) - N_(i-m) P_(i-1)^(m-1)) / (N_i - N_(i-m)),
         beta_inf = P_n^n + error                       [Press et al. 2007, sec. 3.2]

    Steps of (2): let P be a line in x = 1/N through (1/N_a, p) and (1/N_b, q).
    Its value at x = 0 is (N_b q - N_a p) / (N_b - N_a). Neville's scheme repeats this step, and
    each step removes one more power of 1/N. P_i^m belongs to the polynomial through the biases at
    N_(i-m) .. N_i.

The difference between the last two values P_n^n and P_n^(n-1) is taken as the error of beta_inf.
The verdict compares the length of beta_inf with the length of the bias at the largest N. The
verdict is `agrees` if beta_inf plus its error is at most a quarter of this bias. It is `WRONG` if
beta_inf minus its error is above one half of this bias, and `not checked` otherwise.

If a quantity is proportional to N^slope, its slope follows from the last two numbers of episodes:

    (3)  slope = log(|beta(N_n)| / |beta(N_(n-1))|) / log(N_n / N_(n-1))             [definition]

The trace of the covariance also has a slope. This slope is about 1 for emaml, because its score
term is a sum over N episodes. It is about -1 for the other estimators. In this module, beta is a
bias, and P_i^m is an extrapolated bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import instance, require, sequence, whole
from metarl_min.basics.expectations import round_off
from metarl_min.basics.trees import Array
from metarl_min.gradients import claims
from metarl_min.gradients.estimators import Estimator, with_five_arguments
from metarl_min.gradients.problems import Problem, standard_problems

ROUND_OFF = 1e-11  # a smaller relative bias counts as zero


class Order(NamedTuple):
    """How bias and variance change with N, eq. (1). An Order is true if its verdict is agrees."""

    verdict: str  # "agrees" if the bias is O(1/N), "WRONG", or "not checked"
    num_episodes: tuple[int, ...]
    bias: tuple[float, ...]  # length of the bias at each N, relative to the exact value
    limit: float  # length of beta_inf by eq. (2), in the same unit
    error: float  # error of the limit
    slope: float  # of the bias, eq. (3); 0 if the bias is zero
    variance: tuple[float, ...]  # trace of the covariance at each N
    variance_slope: float

    def __bool__(self) -> bool:
        return self.verdict == "agrees"

    def __str__(self) -> str:
        rows = zip(self.num_episodes, self.bias, self.variance, strict=True)
        lines = [f"N = {N:3d}: bias {b:.2e}, variance {x:.3g}" for N, b, x in rows]
        limit = f"limit of the bias {self.limit:.1e} +- {self.error:.0e}"
        slopes = f"slopes {self.slope:.2f} and {self.variance_slope:.2f}"
        return "\n".join([f"O(1/N): {self.verdict}; {limit}; {slopes}", *lines])


def extrapolate(num_episodes: Sequence[int], values: Array) -> tuple[Array, Array]:
    """Return the value at 1/N = 0 and its error, eq. (2). [numbers, D] -> [D], [D]

    The function trusts its arguments.

    >>> N = np.array([1, 2, 4])
    >>> extrapolate(N, (3 + 2 / N + 1 / N**2)[:, None])[0].round(12)
    array([3.])
    """
    row, last = list(values), values[-1]
    for m in range(1, len(values)):
        last = row[-1]
        # `row` contains P_i^(m-1) for i = m-1 .. n. So row[i - m + 1] is P_i^(m-1).
        row = [
            (num_episodes[i] * row[i - m + 1] - num_episodes[i - m] * row[i - m])
            / (num_episodes[i] - num_episodes[i - m])
            for i in range(m, len(values))
        ]
    return row[-1], abs(row[-1] - last)


def _slope(num_episodes: Sequence[int], sizes: Array) -> float:
    """Return eq. (3), or 0 if a size is zero."""
    if min(sizes[-2:]) <= 0:
        return 0.0
    return float(np.log(sizes[-1] / sizes[-2]) / np.log(num_episodes[-1] / num_episodes[-2]))


def _verdict(limit: float, error: float, sizes: Array, smallest: float) -> str:
    """Compare the limit and its error with the bias at the largest N.

    A limit below `smallest` is zero, up to round-off.
    """
    if limit + error <= max(0.25 * sizes[-1], smallest):
        return "agrees"
    return "WRONG" if limit - error > max(0.5 * sizes[-1], smallest) else "not checked"


def _measure(estimator: Estimator, problem: Problem, estimand: str) -> tuple[Any, ...]:
    """Return the bias [D], its round-off, the trace of the covariance, and the exact length."""
    found = claims.evidence(estimator, problem, estimand)
    rows, p = trees.flatten_tasks(found.estimates).astype(float), found.probability
    exact = trees.ravel(found.truths[claims.name_of(estimand)])[0]
    mean = p @ rows
    variance = float(p @ ((rows - mean) ** 2).sum(-1))
    lost = np.linalg.norm(round_off(p, rows, found.dtype) + claims.round_off(found, estimand))
    return mean - exact, float(lost), variance, float(np.linalg.norm(exact))


def _order(numbers: tuple[int, ...], measured: list[tuple[Any, ...]]) -> Order:
    """Return the report on what `_measure` has found for each number of episodes."""
    biases, lost, variances, scales = map(np.array, zip(*measured, strict=True))
    scale = scales.max()
    require(scale > 0, "the exact value must not be zero", scale)
    rule = "the round-off must be at most 1e-3 of the exact value"
    require(lost.max() <= 1e-3 * scale, rule, lost.max() / scale)
    limit, error = (float(np.linalg.norm(x)) / scale for x in extrapolate(numbers, biases))
    sizes = np.linalg.norm(biases, axis=-1) / scale
    sizes = np.where(sizes > max(ROUND_OFF, lost.max() / scale), sizes, 0.0)
    # The limit is a weighted sum of the biases. `growth` is the sum of the absolute weights.
    growth = float(abs(extrapolate(numbers, np.eye(len(numbers)))[0]).sum())
    smallest = max(ROUND_OFF, 2 * growth * lost.max() / scale)
    return Order(
        verdict=_verdict(limit, error, sizes, smallest),
        num_episodes=numbers,
        bias=tuple(sizes.tolist()),
        limit=limit,
        error=error,
        slope=_slope(numbers, sizes),
        variance=tuple(variances.tolist()),
        variance_slope=_slope(numbers, variances),
    )


def check_order(
    estimator: Estimator,
    estimand: str = "F_inf",
    *,
    problem: Problem | None = None,
    num_episodes: Sequence[int] = (1, 2, 4, 8),
) -> Order:
    """Check that the bias of an estimator is O(1/N), eq. (1), and measure its variance.

    The estimator is called as by `meta_gradients.check_meta_gradient`, with each of the given
    numbers N of episodes in an inner step. There must be at least three numbers, and they must
    increase. The default problem is the MDP of `standard_problems` with one inner step. A bias
    that may be round-off counts as zero. ValueError if the exact value is zero, or if the round-off
    is more than 1e-3 of it.

    >>> from metarl_min.gradients import estimators
    >>> check_order(estimators.dice).verdict, check_order(estimators.plain).verdict
    ('agrees', 'WRONG')
    """
    claims.check_estimand(estimand)
    numbers = tuple(whole("num_episodes", N) for N in sequence("num_episodes", num_episodes))
    rule = "num_episodes must be at least three numbers that increase"
    require(len(numbers) > 2 and all(np.diff(numbers) > 0), rule, numbers)
    one = standard_problems()[1]._replace(num_steps=1) if problem is None else problem
    one = claims.for_estimand(instance("problem", one, Problem), estimand)
    with_five_arguments("estimator", estimator)
    measured = [_measure(estimator, one._replace(num_episodes=N), estimand) for N in numbers]
    return _order(numbers, measured)
