"""The data sets of a problem, listed as if they were sampled.

`enumeration` lists a data set as counts of trajectories. An estimator that was written for sampled
data does not expect counts. For such an estimator, this module lists a data set as N episodes.

Stage k is the stage in which phi_k samples D_k. A combination consists of one data set of each
stage. The M combinations are numbered from 0 to M - 1, and lie along the axis M of tasks. A long
list is visited in blocks of combinations, so the memory does not grow with M.

The estimators of papers do not depend on the order of the episodes. For these estimators, each data
set is listed in one order, with the probability of all its orders together. `in_every_order` lists
each order by itself. `as_sampled` finds out whether an inner step of your own depends on the order.

If a problem has outer episodes, they are one more stage, which is sampled with phi_K. The adjoint v
and the number R are then the REINFORCE estimates of grad J(phi_K) and of J(phi_K), without bias. In
this module, U is the number of trajectories, and L the number of data sets of a stage.

`has_own_functions`, `as_sampled`, `shortest`, `reorders`, `reordered`, `sampled_choices`, `block`,
`blocks`, `objective`, `adapt`, `inputs_at` and `sampled_form` trust their arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import function, instance
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients import enumeration, inner_steps
from metarl_min.gradients.enumeration import Data, Trajectories
from metarl_min.gradients.estimator_weights import plain_weights
from metarl_min.gradients.estimators import Estimator, EstimatorInputs
from metarl_min.gradients.forward_passes import gradient
from metarl_min.gradients.objectives import Objective, expected_return_objective
from metarl_min.gradients.problems import Problem
from metarl_min.mdps.episodes import map_fields

BLOCK = 100_000  # steps of all episodes of one block
SAMPLE = 200  # the largest number of data sets that `sampled_choices` chooses


class AllDataSets(NamedTuple):
    """All combinations, or a block of them, along the axis M."""

    data: list[Data]  # D_0 .. D_{K-1} of each combination, and D_K if there are outer episodes
    log_constant: Array  # [M] log of enumeration (3) without the factors pi(a_t|s_t)


class Listing(NamedTuple):
    """The data sets of each stage. Each of the M combinations has one data set of each stage."""

    stages: list[Data]  # for each stage: its L data sets, along the leading axis
    log_factors: list[Array]  # for each stage [L]: log P(D|phi) without the factors pi(a_t|s_t)

    @property
    def size(self) -> int:
        """The number M of combinations."""
        return math.prod(len(stage) for stage in self.log_factors)


def _from_counts(trajectories: Trajectories, num_episodes: int) -> tuple[Data, Array]:
    """Return all data sets as counts of one list of trajectories, and their log factors. [L]"""
    counts, log_orders = enumeration.compositions(len(trajectories.log_chance), num_episodes)
    shape = (len(counts), *trajectories.episodes.states.shape)
    episodes = map_fields(lambda field: np.broadcast_to(field, shape), trajectories.episodes)
    return Data(episodes=episodes, counts=counts), log_orders + counts @ trajectories.log_chance


def _in_one_order(trajectories: Trajectories, num_episodes: int) -> tuple[Data, Array]:
    data, log_factors = _from_counts(trajectories, num_episodes)
    enumeration.require_few_steps(len(log_factors), num_episodes, data.episodes.states.shape[-1])
    return sampled_form(data), log_factors


def _in_every_order(trajectories: Trajectories, num_episodes: int) -> tuple[Data, Array]:
    U, horizon = trajectories.episodes.states.shape
    num_sets = U ** min(num_episodes, 333)
    enumeration.require_few(num_sets)
    enumeration.require_few_steps(num_sets, num_episodes, horizon)
    members = np.indices((U,) * num_episodes).reshape(num_episodes, -1).T  # [U^N, N]
    episodes = map_fields(lambda field: field[members], trajectories.episodes)
    data = Data(episodes=episodes, counts=np.ones(members.shape))
    return data, trajectories.log_chance[members].sum(-1)


def _listing(problem: Problem, form: Callable[[Trajectories, int], tuple[Data, Array]]) -> Listing:
    problem = instance("problem", problem, Problem)
    trajectories = enumeration.trajectories(problem.task, problem.horizon, problem.reward_noise)
    sizes = [problem.num_episodes] * problem.num_steps
    sizes += [problem.num_outer_episodes] * (problem.num_outer_episodes > 0)
    of_size = {n: form(trajectories, n) for n in set(sizes)}
    listing = Listing._make([[of_size[n][i] for n in sizes] for i in (0, 1)])  # data, log factors
    enumeration.require_few(listing.size)
    return listing


def from_counts(problem: Problem) -> Listing:
    """List every data set by its counts. If there are too many, ValueError."""
    return _listing(problem, _from_counts)


def in_one_order(problem: Problem) -> Listing:
    """List every data set as N episodes in one order. If there are too many, ValueError."""
    return _listing(problem, _in_one_order)


def in_every_order(problem: Problem) -> Listing:
    """List every data set as N episodes in every order. If there are too many, ValueError."""
    return _listing(problem, _in_every_order)


def sampled_choices(size: int) -> Array:
    """Return the numbers of all data sets, or of SAMPLE random ones if there are more."""
    rng = np.random.default_rng(0)
    return np.sort(rng.choice(size, min(size, SAMPLE), replace=False))


def reorders(num_episodes: int) -> list[list[int]]:
    """Return two changes of order, or [] for one episode.

    One change exchanges the first two episodes, the other moves the first episode to the end. The
    two changes, repeated, lead to every order. So a function that ignores both ignores the order.
    """
    N = num_episodes
    return [[1, 0, *range(2, N)], [*range(1, N), 0]] if N > 1 else []


def reordered(data: list[Data], order: list[int]) -> list[Data]:
    """Return data sets whose episodes are in another order. Their counts are 1."""
    return [
        D._replace(episodes=map_fields(lambda field: field[:, order], D.episodes)) for D in data
    ]


def has_own_functions(problem: Problem) -> bool:
    """Return whether the baseline is a function, or the weights or update are not the default."""
    defaults = (plain_weights, inner_steps.ascend)
    return callable(problem.inner.baseline) or problem.inner[-2:] != defaults


def as_sampled(problem: Problem) -> Listing:
    """List every data set as N episodes: in every order, if the inner step depends on the order."""
    listing = in_one_order(problem)
    if not has_own_functions(problem) or problem.num_steps == 0:
        return listing
    some = block(listing, sampled_choices(listing.size))
    last = trees.flatten_tasks(adapt(problem, problem.theta, some)[0][-1])  # phi_K
    for order in reorders(problem.num_episodes):
        K = problem.num_steps
        data = reordered(some.data[:K], order) + some.data[K:]
        path, _ = adapt(problem, problem.theta, some._replace(data=data))
        if abs(trees.flatten_tasks(path[-1]) - last).max() > 1e-9 * abs(last).max():
            return in_every_order(problem)
    return listing


def shortest(problem: Problem) -> Listing:
    """List every data set in the form that has the fewest episodes.

    A function of your own may ignore counts. If there is one, every count is therefore 1.
    """
    if has_own_functions(problem):
        return as_sampled(problem)
    trajectories = enumeration.trajectories(problem.task, problem.horizon, problem.reward_noise)
    by_counts = len(trajectories.log_chance) < problem.num_episodes
    return from_counts(problem) if by_counts else in_one_order(problem)


def block(listing: Listing, choices: Array) -> AllDataSets:
    """Return the combinations with the numbers `choices`. They lie along the axis M."""
    lengths = [len(stage) for stage in listing.log_factors]
    rows = np.unravel_index(choices, lengths) if lengths else []
    data, log_constant = [], np.zeros(len(choices))
    for stage, log_factors, row in zip(listing.stages, listing.log_factors, rows, strict=True):
        episodes = map_fields(partial(np.take, indices=row, axis=0), stage.episodes)
        data.append(Data(episodes=episodes, counts=stage.counts[row]))
        log_constant = log_constant + log_factors[row]
    return AllDataSets(data=data, log_constant=log_constant)


def blocks(listing: Listing) -> Iterator[AllDataSets]:
    """Yield all data sets in blocks."""
    steps = sum(math.prod(stage.episodes.states.shape[1:]) for stage in listing.stages)
    size = max(1, BLOCK // max(1, steps))
    for start in range(0, listing.size, size):
        yield block(listing, np.arange(start, min(start + size, listing.size)))


def objective(problem: Problem) -> Objective:
    """Return J of the task of a problem."""
    return expected_return_objective(problem.task, problem.horizon, problem.gamma)


def adapt(problem: Problem, theta: Tree, sets: AllDataSets) -> tuple[list[Tree], Any]:
    """Return phi_0 .. phi_K [M, ...] and log P(D) [M], enumeration (3). Traceable in theta."""
    inner, log_p = problem.inner, sets.log_constant
    path = [trees.broadcast_to_tasks(theta, len(log_p))]
    for k, D in enumerate(sets.data):
        log_p = log_p + inner_steps.log_probability(inner, path[-1], D)
        if k < problem.num_steps:
            path.append(inner_steps.next_iterate(inner, path, path[-1], D, inner.weights))
    return path, log_p


def _outer_estimates(problem: Problem, phi: Tree, data: Data) -> tuple[Tree, Array]:
    """Return the REINFORCE estimates of grad J(phi) and of J(phi) from outer episodes."""
    step = problem.inner._replace(baseline=0.0, gamma=problem.gamma)
    weights = inner_steps.discounted_from_start
    v = inner_steps.estimated_gradient(step, phi, phi, data, weights)
    W = plain_weights(0.0, data.episodes.rewards, np.zeros(1), problem.gamma)
    return v, np.sum(inner_steps.episode_weights(data) * W[..., 0], axis=-1)


def inputs_at(problem: Problem, path: list[Tree], data: list[Data]) -> EstimatorInputs:
    """Return the inputs of an estimator. `data` contains D_K if there are outer episodes."""
    inner, K = problem.inner, problem.num_steps
    if problem.num_outer_episodes > 0:
        v, R = _outer_estimates(problem, path[-1], data[K])
    else:
        J = objective(problem)
        v = gradient(inner.policy, path[-1], J)
        R = J.value(inner.policy.logits(path[-1]))
    return EstimatorInputs(inner=inner, path=path, data=data[:K], v=v, R=R)


def sampled_form(data: Data) -> Data:
    """Return data sets as N episodes with the count 1. The counts must be whole numbers."""
    M, U = data.counts.shape
    taken = np.repeat(np.tile(np.arange(U), M), data.counts.astype(int).ravel()).reshape(M, -1)
    rows = np.arange(M)[:, None]
    episodes = map_fields(lambda field: field[rows, taken], data.episodes)
    return Data(episodes=episodes, counts=np.ones(taken.shape))


def _on_episodes(inner: Any, path: Any, data: Any, v: Tree, R: Array, estimator: Estimator) -> Tree:
    return estimator(inner, path, [sampled_form(D) for D in data], v, R)


def on_episodes(estimator: Estimator) -> Estimator:
    """Return an estimator for data sets with counts, from one that was written for sampled data.

    The result calls the given estimator with data sets of N episodes [M, N, T], whose counts are 1.
    `meta_gradients.check_meta_gradient` makes such data sets, so it does not need this wrapper.
    """
    return partial(_on_episodes, estimator=function("estimator", estimator))
