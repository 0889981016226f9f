"""All data sets of a small problem, with their probabilities.

An episode of T steps is one of finitely many trajectories tau. A data set D is N episodes, drawn
independently with the policy phi. No estimator depends on the order of the episodes, so a data set
is described by counts: n_tau is the number of its episodes that follow tau. K inner steps see the
data sets D_0 .. D_{K-1}; the earlier data sets determine the parameters phi_k that sample D_k.

    (1)  P(tau|phi) = c_tau prod_t pi(a_t|s_t),
         c_tau = rho(s_0) prod_t P(s_{t+1}|s_t,a_t)                                [definition]
    (2)  P(D|phi) = N! prod_tau P(tau|phi)^{n_tau} / n_tau!          [multinomial distribution]
    (3)  P(D_0, .., D_{K-1}) = prod_k P(D_k|phi_k)                  [chain rule of probability]

(2) counts the orders: there are N! / prod_tau n_tau! ordered lists of episodes with the counts
n_tau, and each list has the probability prod_tau P(tau|phi)^{n_tau}.

Two rules keep the list of trajectories short. After the arrival in an absorbing state all actions
are equivalent, so action 0 represents them, with the factor 1 in (1). The last arrival matters
only through its reward, so last arrivals that pay the same are one trajectory, and their c_tau
are added.

All data sets lie along the axis M of tasks, so a function that was written for sampled episodes
runs on them unchanged. The same list without counts and without the two rules is made by loops in
tests/estimators_by_hand.py. In this module, U is the number of trajectories.
"""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import require, whole
from metarl_min.basics.trees import Array
from metarl_min.mdps.mdp import MDP, absorbing
from metarl_min.mdps.rollouts import Episodes

LIMIT = 2_000_000  # the largest number of data sets, and of trajectories


class Data(NamedTuple):
    """The data of one inner step, for M data sets at once.

    Sampled episodes have the counts 1. Enumerated episodes are the list of all trajectories, which
    every data set shares, and the counts tell the data sets apart.
    """

    episodes: Episodes  # [M or 1, N, T]
    counts: Array  # [M, N] how often each episode occurs in the data set


class Trajectories(NamedTuple):
    """Every trajectory of one task."""

    episodes: Episodes  # [U, T]
    log_chance: Array  # [U] log c_tau


class AllDataSets(NamedTuple):
    """All data sets of K inner steps; the M combinations lie along the leading axis."""

    data: list[Data]  # D_0 .. D_{K-1}
    log_constant: Array  # [M] log of eq. (3) without the probabilities of the actions


def _require_few_trajectories(task: MDP, horizon: int) -> None:
    """Count the trajectories by dynamic programming; ValueError if they are more than LIMIT."""
    num_ways = (task.transition[0] > 0).sum(1)  # [S, S] number of actions that may lead to s'
    stays, one_way = absorbing(task)[0], np.eye(len(num_ways), dtype=int)
    num_partial = (task.initial[0] > 0).astype(int)  # [S] partial trajectories that end in s
    for t in range(horizon):
        num_partial = num_partial @ num_ways
        got = f"{num_partial.sum():,} of {t + 1} steps"
        require(num_partial.sum() <= LIMIT, f"there may be at most {LIMIT:,} trajectories", got)
        num_ways = np.where(stays[:, None], one_way, num_ways)  # after an arrival at s


def _append_step(task: MDP, partial: dict[Any, float], last: bool) -> dict[Any, float]:
    """Append one step to every partial trajectory, in every possible way.

    A partial trajectory has the key (steps, state, alive), and its value is the product of the
    factors of c_tau so far. The last step does not record its arrival, so trajectories that differ
    in nothing else are merged.
    """
    P, stays = task.transition[0], absorbing(task)[0]
    rewards = np.broadcast_to(task.reward[0], P.shape)
    longer: dict[Any, float] = {}
    for (steps, s, alive), chance in partial.items():
        for a, arrival in np.argwhere(P[s] > 0) if alive else [(0, s)]:
            step = (s, a, rewards[s, a, arrival], alive)
            end = (0, False) if last else (arrival, alive and not stays[arrival])
            key = ((*steps, step), *end)
            longer[key] = longer.get(key, 0.0) + chance * P[s, a, arrival]
    return longer


def trajectories(task: MDP, horizon: int) -> Trajectories:
    """List the trajectories of one task with leading axis [1], eq. (1); rewards have no noise.

    ValueError if there are more than LIMIT of them.
    """
    require(task.leading == (1,), "task must have one leading axis of length 1", task.leading)
    _require_few_trajectories(task, whole("horizon", horizon))
    complete = {((), s, True): rho for s, rho in enumerate(task.initial[0]) if rho > 0}
    for t in range(horizon):
        complete = _append_step(task, complete, last=t + 1 == horizon)
    steps = [list(zip(*steps, strict=True)) for steps, _, _ in complete]  # [U][4][T]
    fields = [np.array(field) for field in zip(*steps, strict=True)]
    return Trajectories(Episodes._make(fields), np.log(list(complete.values())))


def compositions(num_kinds: int, size: int) -> tuple[Array, Array]:
    """List the counts of every data set of N episodes, and the log of their orders, eq. (2).

    Of U kinds there are (N + U - 1) choose N such lists of counts. -> [M, U], [M]

    >>> counts, log_orders = compositions(num_kinds=2, size=2)
    >>> counts.tolist(), np.exp(log_orders).round(12).tolist()
    ([[2, 0], [1, 1], [0, 2]], [1.0, 2.0, 1.0])
    """
    places = range(size + num_kinds - 1)  # N stars and U - 1 bars; a count is the gap of two bars
    bars = np.array(list(itertools.combinations(places, num_kinds - 1)), int)[::-1]
    counts = np.diff(bars, prepend=-1, append=len(places)) - 1
    log_factorial = np.array([math.lgamma(n + 1) for n in range(size + 1)])
    return counts, log_factorial[size] - log_factorial[counts].sum(-1)


def num_data_sets(num_kinds: int, num_episodes: int, num_steps: int) -> int:
    """Return the number M of combinations of K data sets; ValueError if it exceeds LIMIT."""
    N, K = whole("num_episodes", num_episodes), whole("num_steps", num_steps, low=0)
    size = math.comb(N + num_kinds - 1, N) ** min(K, 333)  # 2^333 > 1e99
    text = f"{size:,}" if size < 1e99 else "more than 1e99"
    require(size <= LIMIT, f"there may be at most {LIMIT:,} data sets", text)
    return size


def enumerate_data_sets(task: MDP, horizon: int, num_episodes: int, num_steps: int) -> AllDataSets:
    """List all combinations of the data sets of K inner steps, eq. (3).

    ValueError that names their number if there are more than LIMIT.
    """
    listed = trajectories(task, horizon)
    M = num_data_sets(len(listed.log_chance), num_episodes, num_steps)
    counts, log_orders = compositions(len(listed.log_chance), num_episodes)
    log_factors = log_orders + counts @ listed.log_chance
    choices = np.indices((len(counts),) * num_steps).reshape(num_steps, M)  # [K, M]
    shape = (M, *listed.episodes.states.shape)
    episodes = Episodes._make(np.broadcast_to(field, shape) for field in listed.episodes)
    return AllDataSets(
        data=[Data(episodes=episodes, counts=counts[choice]) for choice in choices],
        log_constant=np.zeros(M) + sum(log_factors[choice] for choice in choices),
    )
