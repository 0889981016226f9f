"""All data sets of a small problem, with their probabilities.

An episode of T steps is one of finitely many trajectories tau. A data set D is a set of N episodes
that are drawn independently with the policy phi. The estimators of papers do not depend on the
order of the episodes, so counts describe a data set: n_tau is the number of its episodes that
follow tau. K inner steps use the data sets D_0 .. D_{K-1}. The parameters phi_k, which sample D_k,
follow from the earlier data sets.

    (1)  P(tau|phi) = c_tau prod_t pi(a_t|s_t),
         c_tau = rho(s_0) prod_t P(s_{t+1}|s_t,a_t)                                [definition]
    (2)  P(D|phi) = N! prod_tau P(tau|phi)^{n_tau} / n_tau!          [multinomial distribution]
    (3)  P(D_0, .., D_{K-1}) = prod_k P(D_k|phi_k)                  [chain rule of probability]

In (2), the factor N! / prod_tau n_tau! is the number of ordered lists of episodes that have the
counts n_tau. Each of these lists has the probability prod_tau P(tau|phi)^{n_tau}.

Two rules keep the list of trajectories short:

- After the arrival in an absorbing state all actions are equivalent. Action 0 represents them, and
  its factor in (1) is 1.
- The last arrival matters only through its reward. If several trajectories differ only in their
  last arrival, and have equal rewards, they are listed as one trajectory. Its c_tau is the sum of
  their c_tau.

Rewards are equal to their means, or they are Bernoulli rewards, 1 or 0. With Bernoulli rewards, the
mean reward of a step is the probability of the reward 1, and c_tau contains the probability of each
reward.

All data sets lie along the axis M of tasks, so one call of a function treats all of them. In a sum
over episodes, the function must multiply each term by the count of its episode.
tests/estimators_by_hand.py lists these data sets with loops, without counts and without the two
rules. In this module, U is the number of trajectories.

`require_few` trusts its arguments.
"""

import itertools
import math
import sys
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import (
    array,
    floats,
    indices,
    instance,
    require,
    shaped,
    whole,
)
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array
from metarl_min.mdps.mdp import MDP, absorbing
from metarl_min.mdps.noises import Noise, bernoulli, check_noise, deterministic
from metarl_min.mdps.rollouts import Episodes

# The largest number of data sets, and of trajectories. For this limit, trajectories that differ
# only in their last arrival count separately.
LIMIT = 2_000_000
# The largest number of steps of all data sets of a stage, if each is listed as N episodes.
MOST_STEPS = 20_000_000


def _check_data(episodes: Episodes, counts: Array) -> tuple[Episodes, Array]:
    axes = instance("episodes", episodes, Episodes).states.shape
    require(len(axes) == 3, "episodes of data sets must have the axes [M, N, T]", axes)
    array("counts", counts, "iuf", "numbers")
    whole_numbers = counts.dtype.kind in "iu"
    indices("counts", counts, sys.maxsize) if whole_numbers else floats("counts", counts, 0)
    shaped("counts", counts, axes[:2], "the episodes without their steps")
    return episodes, counts


@checked(_check_data)
class Data(NamedTuple):
    """The data of one inner step, for M data sets at once.

    Sampled data sets have N episodes, each with the count 1. Enumerated data sets share the list of
    all U trajectories, and differ only in their counts.
    """

    episodes: Episodes  # [M, N, T], or [M, U, T] if enumerated
    counts: Array  # [M, N], or [M, U] if enumerated: number of times that the episode occurs


class Trajectories(NamedTuple):
    """Every trajectory of one task."""

    episodes: Episodes  # [U, T]
    log_chance: Array  # [U] log c_tau


def _rewards(task: MDP, noise: Noise) -> list[tuple[Array, Array]]:
    """Return the possible rewards, each with its probability. Both are arrays [S, A, S].

    ValueError if a reward can take more than two values.
    """
    check_noise(noise, task)
    mean = np.broadcast_to(task.reward[0], task.transition[0].shape)
    if noise is bernoulli:
        return [(np.ones_like(mean), mean), (np.zeros_like(mean), 1 - mean)]
    rule = "reward_noise of listed data sets must be deterministic or bernoulli"
    require(noise is deterministic, rule, noise)
    return [(mean, np.ones_like(mean))]


def _require_few_trajectories(task: MDP, horizon: int, noise: Noise) -> None:
    """Count the trajectories by dynamic programming; ValueError if there are more than LIMIT.

    Trajectories that differ only in their last arrival count separately.
    """
    num_rewards = sum((p > 0).astype(int) for _, p in _rewards(task, noise))
    # [S, S] number of ways in which a step may lead to s': an action and a reward
    num_ways = ((task.transition[0] > 0) * num_rewards).sum(1)
    stays, one_way = absorbing(task)[0], np.eye(len(num_ways), dtype=int)
    num_partial = (task.initial[0] > 0).astype(int)  # [S] partial trajectories that end in s
    for t in range(horizon):
        num_partial = num_partial @ num_ways
        got = f"{num_partial.sum():,} of {t + 1} steps"
        require(num_partial.sum() <= LIMIT, f"there may be at most {LIMIT:,} trajectories", got)
        # From the second step on, an absorbing state has only action 0. In the first step it has
        # all actions, because no arrival came before.
        num_ways = np.where(stays[:, None], one_way, num_ways)


def _append_step(
    task: MDP, noise: Noise, partial: dict[Any, float], last: bool
) -> dict[Any, float]:
    """Append one step to every partial trajectory, in every possible way.

    `partial` maps the key (steps, state, alive) of a partial trajectory to a number. This number is
    the product of rho(s_0), the factors P of the steps, eq. (1), and the probabilities of the
    rewards.
    """
    P, stays = task.transition[0], absorbing(task)[0]
    chances = [(rewards, P * p) for rewards, p in _rewards(task, noise)]
    chances_after_end = [(np.zeros_like(P), P)]
    longer: dict[Any, float] = {}
    for (steps, s, alive), chance in partial.items():
        for rewards, p in chances if alive else chances_after_end:
            # An episode that is not alive takes action 0, stays, and has the reward 0.
            for a, arrival in np.argwhere(p[s] > 0) if alive else [(0, s)]:
                step = (s, a, rewards[s, a, arrival], alive)
                # After the last step, the key contains (0, False) in the place of state and alive.
                # So trajectories that differ only in their last arrival, and have equal rewards,
                # have the same key, and their numbers are added.
                end = (0, False) if last else (arrival, alive and not stays[arrival])
                key = ((*steps, step), *end)
                longer[key] = longer.get(key, 0.0) + chance * p[s, a, arrival]
    return longer


def trajectories(task: MDP, horizon: int, noise: Noise = deterministic) -> Trajectories:
    """List the trajectories of one task with leading axis [1], eq. (1).

    ValueError if there are more than LIMIT trajectories, or if the noise of the rewards is neither
    `deterministic` nor `bernoulli`.
    """
    leading = instance("task", task, MDP).leading
    require(leading == (1,), "task must have one leading axis of length 1", leading)
    horizon = whole("horizon", horizon)
    _require_few_trajectories(task, horizon, noise)
    partial = {((), s, True): rho for s, rho in enumerate(task.initial[0]) if rho > 0}
    for t in range(horizon):
        partial = _append_step(task, noise, partial, last=t + 1 == horizon)
    # Two transpositions, from [U][T][4] to [U][4][T] to [4][U][T], make a table of each field.
    fields_of_each = [list(zip(*steps, strict=True)) for steps, _, _ in partial]
    states, actions, rewards, alive = zip(*fields_of_each, strict=True)
    episodes = Episodes(
        states=np.array(states),
        actions=np.array(actions),
        rewards=np.array(rewards),
        alive=np.array(alive),
    )
    return Trajectories(episodes=episodes, log_chance=np.log(list(partial.values())))


def compositions(num_trajectories: int, num_episodes: int) -> tuple[Array, Array]:
    """List the counts of every data set of N episodes, and the log of N! / prod n_tau! of eq. (2).

    If there are U trajectories, there are (N + U - 1) choose N data sets. -> [M, U], [M]

    >>> counts, log_orders = compositions(num_trajectories=2, num_episodes=2)
    >>> counts.tolist(), np.exp(log_orders).round(12).tolist()
    ([[2, 0], [1, 1], [0, 2]], [1.0, 2.0, 1.0])
    """
    num_data_sets(num_trajectories, num_episodes, 1)  # This call checks the arguments.
    # N stars and U - 1 bars stand in a row of places. Two more bars stand at the ends of the row. A
    # count is the number of stars between two neighbouring bars.
    places = range(num_episodes + num_trajectories - 1)
    bars = np.array(list(itertools.combinations(places, num_trajectories - 1)), int)[::-1]
    counts = np.diff(bars, prepend=-1, append=len(places)) - 1
    log_factorial = np.array([math.lgamma(n + 1) for n in range(num_episodes + 1)])
    return counts, log_factorial[num_episodes] - log_factorial[counts].sum(-1)


def num_data_sets(num_trajectories: int, num_episodes: int, num_steps: int) -> int:
    """Return the number M of combinations of K data sets; ValueError if it exceeds LIMIT."""
    N, K = whole("num_episodes", num_episodes), whole("num_steps", num_steps, low=0)
    U = whole("num_trajectories", num_trajectories)
    # require_few needs no exact number above 1e99. So 2^333 can replace every larger number.
    # num_sets is the number of data sets of one inner step: (n choose m), where n is N + U - 1, and
    # m is the smaller one of N and U - 1. Since n >= 2 m, num_sets is at least 2^m.
    small = min(N, U - 1) <= 333
    num_sets = math.comb(N + U - 1, N) if small else 2**333
    # If num_sets is 1, M is 1 for every K. Otherwise M is at least 2^K, so 333 can replace every
    # larger K.
    M = num_sets ** min(K, 333)
    require_few(M)
    return M


def require_few(num_sets: float) -> None:
    """Raise a ValueError if there are more than LIMIT data sets. It trusts its argument."""
    text = f"{num_sets:,.0f}" if num_sets < 1e99 else "more than 1e99"
    require(num_sets <= LIMIT, f"there may be at most {LIMIT:,} data sets", text)


def require_few_steps(num_sets: int, num_episodes: int, horizon: int) -> None:
    """Raise a ValueError if data sets of N episodes have more than MOST_STEPS steps together.

    It trusts its arguments.
    """
    num_steps = num_sets * num_episodes * horizon
    rule = f"the data sets of a stage may have at most {MOST_STEPS:,} steps"
    require(num_steps <= MOST_STEPS, rule, f"{num_steps:,}")
