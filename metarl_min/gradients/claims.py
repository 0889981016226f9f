"""What an estimator of the meta-gradient claims, and its estimates on all data sets.

An estimator can claim to be unbiased for one of three quantities, its estimand:

    F_N      the gradient of F_N
    F_inf    the gradient of F_inf
    hessian  the Hessian of J at theta, inside of one inner step

DiCE and its relatives claim the Hessian. To isolate the Hessian, call the estimator with one inner
step, with a unit vector e_j in the place of v, and with R = 0. The estimate is then
(dphi_1/dtheta)^T e_j. By adaptation (3), the right value of this product is
e_j + alpha Hess J(theta) e_j. (1) solves this for column j of the Hessian. If each parameter has
its own step size, alpha is the step size of parameter j:

    (1)  Hess_j(D) = (g(D) - e_j) / alpha,  claim: E[Hess_j(D)] = Hess J(theta) e_j
                                                              [adaptation (3) with K = 1]

`check_estimand`, `name_of`, `for_estimand`, `answer`, `truths`, `check_leaves`, `inputs_of`,
`depends_on_order`, `sampled_choices` and `evidence` trust their arguments.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import floats, require
from metarl_min.basics.trees import Array, Tree
from metarl_min.basics.vectors import call_with_copy, coarsest_dtype, entry_name
from metarl_min.gradients import exact_objectives, inner_steps, listed_data
from metarl_min.gradients.enumeration import Data
from metarl_min.gradients.estimators import Estimator, EstimatorInputs
from metarl_min.gradients.listed_data import AllDataSets, Listing
from metarl_min.gradients.problems import Problem

SAMPLE = 200  # data sets on which the order of episodes is tried, and known estimators are compared
SECONDS = 3.0  # a check that takes longer says so


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
    changed: bool  # whether the estimator changed its inputs in place


def for_estimand(problem: Problem, estimand: str) -> Problem:
    """Return the problem on which an estimand is checked.

    ValueError if the estimand has no meaning on the given problem.
    """
    if estimand != "hessian":
        return problem
    rule = "alpha must not be 0 where estimand is hessian"
    alphas = problem.inner.alpha
    leaves = alphas.values() if isinstance(alphas, dict) else [alphas]
    require(all(np.all(leaf) for leaf in leaves), rule, alphas)
    rule = "update must be ascend where estimand is hessian"
    require(problem.inner.update is inner_steps.ascend, rule, problem.inner.update)
    rule = "num_steps must be at least 1 where estimand is hessian"
    require(problem.num_steps > 0, rule, problem.num_steps)
    return problem._replace(num_steps=1, num_outer_episodes=0)


def _unit_vectors(theta: Tree) -> list[tuple[str, Tree]]:
    """Return the unit vectors e_j as trees, each with the name of its entry."""
    vector, unravel = trees.ravel(theta)
    names = [f"Hess of {entry_name(theta, j)}" for j in range(len(vector))]
    return list(zip(names, map(unravel, np.eye(len(vector))), strict=True))


def answer(estimator: Estimator, inputs: EstimatorInputs, estimand: str) -> Tree:
    """Return the estimates, or the columns of the estimated Hessian by eq. (1). Leaves [M, ..]"""
    if estimand != "hessian":
        return estimator(*inputs)
    columns = {}
    for name, e in _unit_vectors(trees.map_leaves(lambda x: x[0], inputs.path[0])):
        v = trees.map_leaves(lambda x, y: x + np.zeros(y.shape), e, inputs.path[0])
        g = estimator(*inputs._replace(v=v, R=np.zeros_like(inputs.R)))
        check_leaves(g, inputs.path[0])
        alpha = inputs.inner.alpha
        alpha_j = trees.dot(e, alpha) if isinstance(alpha, dict) else alpha
        columns[name] = trees.flatten_tasks(trees.add_scaled(g, -1.0, v)) / alpha_j
    return columns


def truths(problem: Problem, estimand: str) -> dict[str, Tree]:
    """Return the exact gradients of both objectives, or the exact Hessian."""
    if estimand != "hessian":
        exact = exact_objectives.exact_gradients(problem)
        return {"grad F_N": exact.grad_F_N, "grad F_inf": exact.grad_F_inf}
    policy, theta, J = problem.inner.policy, problem.theta, listed_data.objective(problem)
    columns = {}
    for name, e in _unit_vectors(theta):
        one, direction = trees.broadcast_to_tasks(theta, 1), trees.broadcast_to_tasks(e, 1)
        z = policy.logits(one)
        product = policy.hessian_product(one, direction, z, J.gradient, J.hessian_product)
        columns[name] = trees.flatten_tasks(product)[0]
    return {"Hess J": columns}


def check_leaves(g: Any, phi: Tree) -> None:
    """Raise TypeError or ValueError unless the estimate g is finite and has the leaves of phi."""
    rule, shapes = "estimator must return a dict of float arrays", trees.map_leaves(np.shape, phi)
    got = trees.map_leaves(np.shape, g) if isinstance(g, dict) else type(g).__name__
    require(got == shapes, f"{rule} with the names and shapes {shapes}", got)
    for name in g:
        floats(f"estimator(..)[{name!r}]", g[name])


def _checked_answer(estimator: Estimator, inputs: EstimatorInputs, estimand: str) -> Any:
    """Return the answer of the estimator to copies of its inputs, and whether it changed them."""
    g, changed = call_with_copy(lambda copies: answer(estimator, copies, estimand), inputs)
    if estimand != "hessian":
        check_leaves(g, inputs.path[0])
    return g, changed


def inputs_of(problem: Problem, sets: AllDataSets) -> tuple[EstimatorInputs, Array]:
    """Return the inputs of an estimator on some data sets, and the probabilities of the sets."""
    path, log_p = listed_data.adapt(problem, problem.theta, sets)
    return listed_data.inputs_at(problem, path, sets.data), np.exp(log_p)


def _reordered(inputs: EstimatorInputs, order: Sequence[int]) -> EstimatorInputs:
    """Return the inputs with the episodes of every data set in another order."""
    data = [Data._make([_taken(D.episodes, order), D.counts]) for D in inputs.data]
    return inputs._replace(data=data)


def _taken(episodes: Any, order: Sequence[int]) -> Any:
    return episodes._make(field[:, list(order)] for field in episodes)


def depends_on_order(estimator: Estimator, inputs: EstimatorInputs, estimand: str) -> bool:
    """Return whether the estimates change if the episodes of the data sets are reordered.

    Two changes of the order, repeated, lead to every order: the first two episodes are exchanged,
    or the first episode moves to the end. So an estimator that ignores both changes ignores every
    order.
    """
    N = inputs.data[0].counts.shape[1] if inputs.data else 1
    if N == 1:
        return False
    first = trees.flatten_tasks(_checked_answer(estimator, inputs, estimand)[0])
    for order in ([1, 0, *range(2, N)], [*range(1, N), 0]):
        g = _checked_answer(estimator, _reordered(inputs, order), estimand)[0]
        tolerance = 1e-9 if coarsest_dtype(g).itemsize > 4 else 1e-4
        if abs(trees.flatten_tasks(g) - first).max() > tolerance * abs(first).max():
            return True
    return False


def sampled_choices(size: int) -> Array:
    """Return the numbers of all data sets, or of SAMPLE random ones if there are more."""
    rng = np.random.default_rng(0)
    return np.sort(rng.choice(size, min(size, SAMPLE), replace=False))


def _announce(seconds: float, listing: Listing) -> None:
    if seconds > SECONDS:
        text = f"{listing.size:,} data sets to list, about {seconds:.0f} s"
        print(text, file=sys.stderr, flush=True)


def evidence(estimator: Estimator, problem: Problem, estimand: str) -> Evidence:
    """Call an estimator with all data sets of a problem.

    If its estimates depend on the order of the episodes, the data sets are listed in every order.
    """
    listing = listed_data.in_one_order(problem)
    some = listed_data.block(listing, sampled_choices(listing.size))
    if depends_on_order(estimator, inputs_of(problem, some)[0], estimand):
        listing = listed_data.in_every_order(problem)
    parts, probabilities, changed, start = [], [], False, time.perf_counter()
    for sets in listed_data.blocks(listing):
        inputs, p = inputs_of(problem, sets)
        g, change = _checked_answer(estimator, inputs, estimand)
        parts.append(g)
        probabilities.append(p)
        changed = changed or change
        if len(parts) == 1:
            # The exact values take about as long as the estimates, so the time is doubled.
            _announce(2 * (time.perf_counter() - start) * listing.size / len(p), listing)
    return Evidence(
        problem=problem,
        listing=listing,
        estimates={name: np.concatenate([g[name] for g in parts]) for name in parts[0]},
        probability=np.concatenate(probabilities),
        truths=truths(problem, estimand),
        changed=changed,
    )
