"""Which known estimator a library computes, found by comparison on every data set.

The problems and their ordered data sets come from the module `ordered_data`. In this module, x
and y are estimators:

    (1)  share_out = g(D) / v  at alpha = 0 and R = 0                               [definition]
    (2)  x equals y if |x(D) - y(D)| <= 1e-9 max over D' of |y(D')| for every D     [definition]
    (3)  the verdict is the name of the first known estimator that equals g / share_out on each
         problem and for each N, and `none` if there is no such estimator           [definition]
    (4)  an addition makes a library unbiased if g / share_out + addition equals emaml
                                                                                    [definition]

- (1): if alpha = 0, the factor dphi/dtheta is the identity. If R = 0, there is no score term. So
  library_estimators (2) is share_out v. A meta-gradient that is always zero has share_out = 0.
- (4): emaml is unbiased for F_N by estimators (4). An addition is a multiple of the score term. For
  a first-order library, the second derivatives of plain are added too. For a meta-gradient that is
  always zero, the addition is emaml itself.

F_N depends on the inner step. So the bias of a library for F_N is measured with the inner step of
this library. Only `learn2learn maml_dice` has another inner step than estimators (1).

`measure_all` checks its arguments. The other functions of `library_verdicts` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import instance, require, sequence
from metarl_min.basics.expectations import moments
from metarl_min.basics.trees import Array
from metarl_min.gradients import adaptation
from metarl_min.gradients.estimator_weights import Weights, plain_weights
from metarl_min.gradients.estimators import ESTIMATORS, EstimatorInputs, through_inner_steps
from metarl_min.gradients.inner_steps import InnerStep
from metarl_min.gradients.libraries import Library
from metarl_min.gradients.objectives import expected_return_objective
from metarl_min.gradients.ordered_data import ordered_inputs, own_gradient
from metarl_min.gradients.problems import Problem

TOLERANCE = 1e-9  # of eq. (2)
BATCHES = 1, 2, 20  # numbers of tasks B


def equal(x: Array, y: Array) -> bool:
    """Return whether x equals y on every data set, eq. (2). [M, D], [M, D]"""
    return bool(abs(x - y).max() <= TOLERANCE * abs(y).max())


def share_of_outer_loss(library: Library, inputs: EstimatorInputs) -> float:
    """Return share_out by eq. (1). All entries of v have the same share."""
    theta, v = inputs.path[0], trees.map_leaves(np.ones_like, inputs.v)
    inner, zero = inputs.inner._replace(alpha=0.0), np.zeros_like(inputs.R)
    g = library.estimator(inner, [theta, theta], inputs.data, v, zero)
    return float(trees.flatten_tasks(g).mean())


class Known(NamedTuple):
    """The known estimators on every ordered data set of a problem, for one kind of inner step."""

    problem: Problem
    steps_per_set: int  # N T, the number of steps of a data set
    inputs: EstimatorInputs
    probability: Array  # [M]
    rows: dict[str, Array]  # name -> estimates [M, D], the simplest first
    score: Array  # [M, D] the score term with the factor 1
    grad_F_N: Array  # [D]
    grad_F_inf: Array  # [D]


def known_estimators(problem: Problem, weights: Weights) -> Known:
    """Run all known estimators after inner steps with the given weights."""
    inputs, p = ordered_inputs(problem, weights)
    rows = {name: trees.flatten_tasks(g(*inputs)) for name, g in ESTIMATORS.items()}
    zero, one = trees.scale(inputs.v, 0.0), np.ones_like(inputs.R)
    score = trees.flatten_tasks(through_inner_steps(*inputs[:3], zero, plain_weights, one))
    term, N = inputs.R[:, None] * score, problem.num_episodes
    rows["emaml, score/N"] = rows["plain"] + term / N
    rows["emaml, score/(N T)"] = rows["plain"] + term / (N * problem.horizon)
    J = expected_return_objective(problem.task, problem.horizon)
    F_inf = adaptation.meta_gradient_by_hessian_products(
        problem.inner.policy, problem.theta, problem.inner.alpha, 1, J
    )
    return Known(
        problem=problem,
        steps_per_set=problem.num_episodes * problem.horizon,
        inputs=inputs,
        probability=p,
        rows={"zero": 0 * score, **rows},
        score=score,
        grad_F_N=own_gradient(inputs, p, weights),
        grad_F_inf=trees.ravel(F_inf)[0],
    )


class Measured(NamedTuple):
    """A library on one problem, with one N."""

    known: Known
    share_in: Array  # one number for each B of BATCHES
    share_out: float  # eq. (1)
    estimates: Array  # [M, D] g / share_out, or g if share_out is zero


def measure(library: Library, known: Known) -> Measured:
    """Run a library on every ordered data set of a problem."""
    inputs = known.inputs
    share = share_of_outer_loss(library, inputs)
    own = inputs._replace(R=library.result(known.problem, inputs.path[-1]))
    g = trees.flatten_tasks(library.estimator(*own))
    return Measured(
        known=known,
        share_in=np.array([library.share_in(known.problem.horizon, B) for B in BATCHES]),
        share_out=share,
        estimates=g / share if share else g,
    )


def measure_all(libraries: list[Library], problems: list[Problem]) -> dict[str, list[Measured]]:
    """Run each library on each problem. -> {name: one entry for each problem}

    The problems have one inner step. TypeError or ValueError if an argument is out of range.
    """
    known: dict[Any, list[Known]] = {}
    for one in sequence("problems", problems):
        K = instance("a problem", one, Problem).num_steps
        require(K == 1, "a problem must have one inner step", K)
        own = one[6:] + one.inner[3:]  # the fields that have defaults
        defaults = [*Problem._field_defaults.values(), *InnerStep._field_defaults.values()]
        rule = "a problem must have the defaults of the fields after num_steps and baseline"
        require(list(own) == defaults, rule, own)
    measured = {}
    for library in sequence("libraries", libraries):
        key = instance("a library", library, Library).setting, library.weights
        if key not in known:
            known[key] = [known_estimators(key[0](one), key[1]) for one in problems]
        measured[library.name] = [measure(library, on) for on in known[key]]
    return measured


def verdict(cells: list[Measured]) -> str:
    """Return the name of the known estimator, eq. (3), or none.

    `cells` has one entry for each problem, as in the functions below.
    """
    names = cells[0].known.rows
    found = (x for x in names if all(equal(c.estimates, c.known.rows[x]) for c in cells))
    return next(found, "none")


def _parallel(x: Array, y: Array) -> Array:
    """Return the projection of each row of x on the same row of y. [M, D], [M, D] -> [M, D]"""
    return (x * y).sum(-1, keepdims=True) / (y * y).sum(-1, keepdims=True) * y


# An addition is a function of the known estimators, and of emaml minus g / share_out (`missing`).
ADDITIONS: dict[str, Callable[[Known, Array], Array]] = {
    "nothing": lambda on, missing: 0 * missing,
    "score term": lambda on, missing: on.rows["emaml"] - on.rows["plain"],
    "(1 - 1/(N T)) score term": lambda on, missing: (
        (1 - 1 / on.steps_per_set) * (on.rows["emaml"] - on.rows["plain"])
    ),
    "score term, other factor": lambda on, missing: _parallel(missing, on.score),
    "score term, second order": lambda on, missing: on.rows["emaml"] - on.rows["fomaml"],
    "all of it": lambda on, missing: on.rows["emaml"],
}


def addition(cells: list[Measured]) -> str:
    """Return the name of the first addition that makes a library unbiased for F_N, eq. (4).

    If no entry of ADDITIONS does so, the result is `score term, plain loss`: the loss of plain must
    replace the inner loss, and the score term must be added.
    """
    for name, term in ADDITIONS.items():
        sums = []
        for c in cells:
            emaml = c.known.rows["emaml"]
            sums.append((c.estimates + term(c.known, emaml - c.estimates), emaml))
        if all(equal(*pair) for pair in sums):
            return name
    return "score term, plain loss"


RATES: dict[str, Callable[[int, int], int]] = {  # (T, B) -> rate / alpha = 1 / share_in
    "alpha": lambda T, B: 1,
    "alpha T": lambda T, B: T,
    "alpha B T": lambda T, B: B * T,
}


def rate(cells: list[Measured]) -> str:
    """Return in words the rate with which the inner step is estimators (1)."""
    pairs = [(1 / c.share_in, c.known.problem.horizon) for c in cells]
    names = (
        x for x, f in RATES.items() if all(_close(n, [f(T, B) for B in BATCHES]) for n, T in pairs)
    )
    return next(names, "other")


def share_out(cells: list[Measured]) -> str:
    """Return in words share_out of eq. (1)."""
    pairs = [(c.share_out, c.known.problem.horizon) for c in cells]
    forms: dict[str, Callable[[int], float]] = {"1": lambda T: 1, "1/T": lambda T: 1 / T}
    names = (x for x, f in forms.items() if all(_close(n, f(T)) for n, T in pairs))
    return next(names, "0" if not any(n for n, _ in pairs) else "other")


def _close(x: Any, y: Any) -> bool:
    return np.allclose(x, y, rtol=TOLERANCE, atol=0)


class Worth(NamedTuple):
    """How near the mean of the estimates of a library is to the exact gradients."""

    bias_F_N: float  # the norm of the bias for F_N, divided by the norm of grad F_N
    bias_F_inf: float  # the norm of the bias for F_inf, divided by the norm of grad F_inf
    variance: float  # trace of the covariance


def worth(c: Measured) -> Worth:
    """Return the relative biases and the variance of g / share_out."""
    mean, covariance = moments(c.estimates, c.known.probability)
    F_N, F_inf = (
        float(np.linalg.norm(mean - target) / np.linalg.norm(target))
        for target in (c.known.grad_F_N, c.known.grad_F_inf)
    )
    return Worth(bias_F_N=F_N, bias_F_inf=F_inf, variance=float(np.trace(covariance)))
