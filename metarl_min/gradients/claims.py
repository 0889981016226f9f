"""The claim of an estimator of the meta-gradient, and its estimates on all data sets.

An estimator can claim to be unbiased for one of three quantities, its estimand:

    F_N      the gradient of F_N
    F_inf    the gradient of F_inf
    hessian  the Hessian of J at theta, found from the derivative of one inner step

DiCE and its relatives claim the Hessian. To isolate the Hessian, call the estimator with one inner
step, with a unit vector e_j in the place of v, and with R = 0. The estimate is then
(dphi_1/dtheta)^T e_j. By adaptation (3), the right value of this product is
e_j + alpha Hess J(theta) e_j. (1) solves this for column j of the Hessian. If each parameter has
its own step size, alpha is the step size of parameter j:

    (1)  Hess_j(D) = (g(D) - e_j) / alpha,  claim: E[Hess_j(D)] = Hess J(theta) e_j
                                                              [adaptation (3) with K = 1]

In float64, the difference in (1) loses digits if alpha times the Hessian is small. `round_off`
is an upper estimate of this loss, and of the loss in the exact values.

`check_estimand`, `name_of`, `for_estimand`, `coordinate`, `round_off`, `answer`, `truths`,
`check_leaves`, `inputs_of`, `depends_on_order` and `evidence` trust their arguments.
"""

from __future__ import annotations

import sys
import time
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import floats, require
from metarl_min.basics.trees import Array, Tree
from metarl_min.basics.vectors import EPS, call_with_copy, coarsest_dtype, entry_name
from metarl_min.gradients import exact_objectives, inner_steps, listed_data
from metarl_min.gradients.estimators import Estimator, EstimatorInputs
from metarl_min.gradients.listed_data import AllDataSets, Listing
from metarl_min.gradients.problems import Problem
from metarl_min.mdps.policies import forward_pass

SECONDS = 3.0  # a check that takes longer says so
SMALLEST_ALPHA = 1e-100  # of the check of the Hessian, which divides by alpha


def check_estimand(estimand: str) -> None:
    """Raise a ValueError unless the estimand is one of the three."""
    known = isinstance(estimand, str) and estimand in ("F_N", "F_inf", "hessian")
    require(known, "estimand must be F_N, F_inf or hessian", repr(estimand))


def name_of(estimand: str) -> str:
    """Return the name of the exact value of an estimand."""
    return "Hess J" if estimand == "hessian" else f"grad {estimand}"


class Evidence(NamedTuple):
    """The estimates on all M data sets of a problem, or the estimated columns of the Hessian."""

    problem: Problem
    listing: Listing
    estimates: Tree  # leaves [M, ...]
    probability: Array  # [M]
    truths: dict[str, Tree]  # exact values by name
    dtype: np.dtype[Any]  # in which the estimator computed
    changed: bool  # whether the estimator changed its inputs in place


def for_estimand(problem: Problem, estimand: str) -> Problem:
    """Return the problem on which an estimand is checked.

    ValueError if the estimand has no meaning on the given problem.
    """
    if estimand != "hessian":
        return problem
    rule = "alpha must not be 0 where estimand is hessian"
    require(_smallest_alpha(problem) >= SMALLEST_ALPHA, rule, problem.inner.alpha)
    rule = "update must be ascend where estimand is hessian"
    require(problem.inner.update is inner_steps.ascend, rule, problem.inner.update)
    rule = "num_steps must be at least 1 where estimand is hessian"
    require(problem.num_steps > 0, rule, problem.num_steps)
    return problem._replace(num_steps=1, num_outer_episodes=0)


def _smallest_alpha(problem: Problem) -> float:
    alpha = problem.inner.alpha
    leaves = alpha.values() if isinstance(alpha, dict) else [alpha]
    return float(min(np.min(abs(leaf)) for leaf in leaves))


def _unit_vectors(theta: Tree) -> list[tuple[str, Tree]]:
    """Return the unit vectors e_j as trees, each with the name of its entry."""
    vector, unravel = trees.ravel(theta)
    names = [entry_name(theta, j) for j in range(len(vector))]
    return list(zip(names, map(unravel, np.eye(len(vector))), strict=True))


def coordinate(one: Evidence, estimand: str, index: int) -> str:
    """Return the name of an entry of the gradient, or of a row and a column of the Hessian."""
    if estimand != "hessian":
        return entry_name(one.problem.theta, index)
    # The columns of the Hessian stand one after the other, and each has D = len(estimates) rows.
    column, row = divmod(index, len(one.estimates))
    name = sorted(one.estimates)[column]
    return f"row {entry_name(one.problem.theta, row)}, column {name} of the Hessian"


def round_off(one: Evidence, estimand: str) -> float:
    """Return how much round-off may change a mean of estimates or an exact value.

    Every term of an exact value is a product of a return and scores of actions. A score in the
    logits is 1 or 0, minus a probability. So its error is EPS, even if the score is small.
    """
    problem, EPS_g = one.problem, _resolution(one.dtype)
    b = problem.inner.baseline if isinstance(problem.inner.baseline, float) else 0.0
    largest = problem.horizon * float(abs(problem.task.reward).max()) + abs(b)
    num_scores = problem.horizon * (1 + problem.num_steps * problem.num_episodes)
    error = 8 * EPS * num_scores * largest
    # In (1), e_j has an entry 1, so g has an entry near 1, which is rounded in the dtype of g.
    return error + (8 * max(EPS, EPS_g) / _smallest_alpha(problem) if estimand == "hessian" else 0)


def _resolution(dtype: np.dtype[Any]) -> float:
    return float(np.finfo(dtype).eps)


class Answer(NamedTuple):
    """The answer of an estimator on some data sets."""

    values: Tree  # leaves [M, ...]
    dtype: np.dtype[Any]
    changed: bool  # whether the estimator changed its inputs in place


def _estimate(estimator: Estimator, inputs: EstimatorInputs) -> Answer:
    """Call the estimator with copies of its inputs, and check the result."""
    g, changed = call_with_copy(lambda copies: estimator(*copies), inputs)
    check_leaves(g, inputs.path[0])
    return Answer(values=g, dtype=coarsest_dtype(g), changed=changed)


def answer(estimator: Estimator, inputs: EstimatorInputs, estimand: str) -> Answer:
    """Return the estimates, or the columns of the estimated Hessian by eq. (1)."""
    if estimand != "hessian":
        return _estimate(estimator, inputs)
    columns, answers, alpha = {}, [], inputs.inner.alpha
    for name, e in _unit_vectors(trees.map_leaves(lambda x: x[0], inputs.path[0])):
        v = trees.map_leaves(lambda x, y: x + np.zeros(y.shape), e, inputs.path[0])
        one = _estimate(estimator, inputs._replace(v=v, R=np.zeros_like(inputs.R)))
        alpha_j = trees.dot(e, alpha) if isinstance(alpha, dict) else alpha
        columns[name] = trees.flatten_tasks(trees.add_scaled(one.values, -1.0, v)) / alpha_j
        answers.append(one)
    dtype = max((one.dtype for one in answers), key=_resolution)
    return Answer(values=columns, dtype=dtype, changed=any(one.changed for one in answers))


def truths(problem: Problem, estimand: str) -> dict[str, Tree]:
    """Return the exact gradients of both objectives, or the exact Hessian."""
    if estimand != "hessian":
        exact = exact_objectives.exact_gradients(problem)
        return {"grad F_N": exact.grad_F_N, "grad F_inf": exact.grad_F_inf}
    policy, theta, J = problem.inner.policy, problem.theta, listed_data.objective(problem)
    columns = {}
    for name, e in _unit_vectors(theta):
        one, direction = trees.broadcast_to_tasks(theta, 1), trees.broadcast_to_tasks(e, 1)
        hidden, probs, _ = forward_pass(policy, one)
        at = one, hidden, direction, J.derivatives_at(probs)
        product = policy.hessian_product(*at, 0.0)
        columns[name] = trees.flatten_tasks(product)[0]
    return {"Hess J": columns}


def check_leaves(g: Any, phi: Tree) -> None:
    """Raise TypeError or ValueError unless the estimate g is finite and has the leaves of phi."""
    rule, shapes = "estimator must return a dict of float arrays", trees.map_leaves(np.shape, phi)
    got = trees.map_leaves(np.shape, g) if isinstance(g, dict) else type(g).__name__
    require(got == shapes, f"{rule} with the names and shapes {shapes}", got)
    for name in g:
        floats(f"estimator(..)[{name!r}]", g[name])


def inputs_of(problem: Problem, sets: AllDataSets) -> tuple[EstimatorInputs, Array]:
    """Return the inputs of an estimator on some data sets, and the probabilities of the sets."""
    path, log_p = listed_data.adapt(problem, problem.theta, sets)
    return listed_data.inputs_at(problem, path, sets.data), np.exp(log_p)


def depends_on_order(estimator: Estimator, inputs: EstimatorInputs, estimand: str) -> bool:
    """Return whether the estimates change if the episodes of the data sets are reordered."""
    orders = listed_data.reorders(inputs.data[0].counts.shape[1]) if inputs.data else []
    if not orders:
        return False
    first, dtype, _ = answer(estimator, inputs, estimand)
    rows = trees.flatten_tasks(first)
    tolerance = 1e-9 if dtype.itemsize > 4 else 1e-4
    for order in orders:
        changed = inputs._replace(data=listed_data.reordered(list(inputs.data), order))
        g = trees.flatten_tasks(answer(estimator, changed, estimand).values)
        if abs(g - rows).max() > tolerance * abs(rows).max():
            return True
    return False


def _announce(seconds: float, listing: Listing) -> None:
    if seconds > SECONDS:
        text = f"{listing.size:,} data sets to list, about {seconds:.0f} s"
        print(text, file=sys.stderr, flush=True)


def evidence(estimator: Estimator, problem: Problem, estimand: str) -> Evidence:
    """Call an estimator with all data sets of a problem.

    If its estimates or the inner steps depend on the order of the episodes, every order is listed.
    """
    listing = listed_data.as_sampled(problem)
    some = listed_data.block(listing, listed_data.sampled_choices(listing.size))
    if depends_on_order(estimator, inputs_of(problem, some)[0], estimand):
        listing = listed_data.in_every_order(problem)
    parts, probabilities, start = [], [], time.perf_counter()
    for sets in listed_data.blocks(listing):
        inputs, p = inputs_of(problem, sets)
        parts.append(answer(estimator, inputs, estimand))
        probabilities.append(p)
        if len(parts) == 1:
            # The exact values take about as long as the estimates, so the time is doubled.
            _announce(2 * (time.perf_counter() - start) * listing.size / len(p), listing)
    names = parts[0].values
    return Evidence(
        problem=problem,
        listing=listing,
        estimates={name: np.concatenate([g.values[name] for g in parts]) for name in names},
        probability=np.concatenate(probabilities),
        truths=truths(problem, estimand),
        dtype=max((g.dtype for g in parts), key=_resolution),
        changed=any(g.changed for g in parts),
    )
