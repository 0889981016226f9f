"""Every data set of a small problem, with its probability.

An episode is one of U trajectories u, of probability p_u; N episodes are told by how often each
occurs, n_u, for no estimator depends on their order:

    (1)  p_u = c_u prod_t pi(a_t|s_t),  c_u the chance of its arrivals          [definition]
    (2)  P(D) = prod_k N! prod_u p_u(phi_k)^{n_u} / n_u!, phi_k from earlier data   [definition]

After the arrival in an absorbing state one action stands for all, with a factor of 1 in (1). So
whatever a learner would call on sampled episodes sees every data set as an array axis.
"""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import require, whole
from metarl_min.basics.trees import Array
from metarl_min.mdps.mdp import MDP, absorbing
from metarl_min.mdps.rollouts import Episodes

LIMIT = 2_000_000  # data sets, or trajectories


class Data(NamedTuple):
    """What one inner step sees, for M data sets at once."""

    episodes: Episodes  # [M or 1, N, T]
    counts: Array  # [M, N] how often each episode occurs: 1 where it was sampled


class Trajectories(NamedTuple):
    """All that can happen in one episode."""

    episodes: Episodes  # [U, T]
    log_chance: Array  # [U] log c_u


def trajectories(task: MDP, horizon: int) -> Trajectories:
    """List the trajectories of a task of leading axis [1], eq. (1); noise-free rewards.

    Of last arrivals only the reward matters: those that pay the same are one.
    """
    require(task.leading == (1,), "task must have one leading axis of length 1", task.leading)
    initial, P = task.initial[0], task.transition[0]
    R, stays = np.broadcast_to(task.reward[0], P.shape), absorbing(task)[0]
    ways, rule = (P > 0).sum(1), f"there may be at most {LIMIT:,} trajectories"
    count = (initial > 0).astype(int)
    for t in range(whole("horizon", horizon)):  # count them first: what is refused is not listed
        count = count @ ways
        require(count.sum() <= LIMIT, rule, f"{count.sum():,} of {t + 1} steps")
        ways = np.where(stays[:, None], np.eye(len(P), dtype=int), ways)
    partial = [((), s, chance, True) for s, chance in enumerate(initial) if chance > 0]
    for t in range(horizon):
        found: dict[Any, float] = {}
        for steps, s, chance, alive in partial:
            for a, arrival in np.argwhere(P[s] > 0) if alive else [(0, s)]:
                step = (s, a, R[s, a, arrival], alive)
                after = (arrival, alive and not stays[arrival]) if t + 1 < horizon else (0, False)
                key = (*steps, step), *after
                found[key] = found.get(key, 0.0) + chance * P[s, a, arrival]
        partial = [(steps, s, chance, alive) for (steps, s, alive), chance in found.items()]
    arrays = (np.array(x) for x in zip(*(zip(*p[0], strict=True) for p in partial), strict=True))
    return Trajectories(Episodes(*arrays), np.log([p[2] for p in partial]))


def compositions(num_kinds: int, size: int) -> tuple[Array, Array]:
    """How often each of U kinds occurs among N, and the log of the ways. [C, U], [C]

    >>> multisets(2, 2)[0].tolist()
    [[2, 0], [1, 1], [0, 2]]
    """
    places = range(size + num_kinds - 1)  # of N stars and U - 1 bars
    bars = np.array(list(itertools.combinations(places, num_kinds - 1)), int)[::-1]
    counts = np.diff(bars, prepend=-1, append=len(places)) - 1
    log_factorial = np.array([math.lgamma(n + 1) for n in range(size + 1)])
    return counts, log_factorial[size] - log_factorial[counts].sum(-1)


class AllDataSets(NamedTuple):
    """All data of K inner steps of N episodes; M data sets along the leading axis."""

    data: list[Data]  # K of them
    log_ways: Array  # [M] what (2) holds besides the probabilities of the actions


def num_data_sets(num_kinds: int, num_episodes: int, num_steps: int) -> int:
    """How many data sets there are; ValueError that names the size where there are too many."""
    N, K = whole("num_episodes", num_episodes), whole("num_steps", num_steps, low=0)
    size = math.comb(N + num_kinds - 1, N) ** min(K, 333)  # 2^333 > 1e99
    text = f"{size:,}" if size < 1e99 else "more than 1e99"
    require(size <= LIMIT, f"there may be at most {LIMIT:,} data sets", text)
    return size


def enumerate_data_sets(task: MDP, horizon: int, num_episodes: int, num_steps: int) -> AllDataSets:
    """Enumerate the data of eq. (2); ValueError that names the size where there are too many."""
    kinds, N, K = trajectories(task, horizon), num_episodes, num_steps
    U = len(kinds.log_chance)
    M = num_data_sets(U, N, K)
    counts, log_ways = compositions(U, N)
    log_ways = log_ways + counts @ kinds.log_chance
    picks = np.indices((len(counts),) * K).reshape(K, M)
    shape = (M, *kinds.episodes.states.shape)
    episodes = Episodes._make(np.broadcast_to(x, shape) for x in kinds.episodes)
    total = np.zeros(M) + sum(log_ways[pick] for pick in picks)
    return AllDataSets([Data(episodes, counts[pick]) for pick in picks], total)
