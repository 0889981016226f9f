"""The best policy of a known task, with a horizon and without one.

With a horizon, mdp (2) gives Q* for each number of remaining steps. Without a horizon, the best
policy does not depend on time, and Q* is a fixed point:

    (1)  Q*(s,a) = r(s,a) + gamma sum_s' P(s'|s,a) V*(s'),  V*(s) = max_a Q*(s,a)
                                                      [Sutton and Barto 2018, eqs. 3.19, 3.20]

Policy iteration evaluates a policy and then improves it, until no action is better:

    (2)  pi'(s) = argmax_a Q_pi(s,a)                      [Sutton and Barto 2018, eq. 4.9]

An action is replaced only by an action that is better by more than round-off. There are finitely
many deterministic policies, and each new policy is better than the one before. So the iteration
ends.

Without a horizon and a discount, a return can be infinite. So gamma = 1 is accepted only if three
conditions hold. `optimum` checks them on the arrays:

- From every state, an absorbing state can be reached. The first policy of the iteration takes
  actions that can come nearer to one. So it reaches one with probability 1.
- A set of states that are not absorbing is *closed* if a player can visit each of them again and
  again, with actions that never lead out of the set. No such action may have a positive reward.
  Then the return of a player that stays in the set for ever cannot grow without limit.
- A set can be closed with actions of reward 0 alone. Then no value V* in the set may be negative.
  Otherwise a player that stays in the set for ever, and earns 0, would earn more than V*.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metarl_min.basics.arguments import real, require
from metarl_min.basics.trees import Array
from metarl_min.mdps.mdp import MDP, absorbing, expected_rewards, optimal_action_values, plain

ROUND_OFF = 1e-12  # least advantage of a better action, relative to the largest value


class Optimum(NamedTuple):
    """The best policy, and its values. The axis [T] has length 1 where there is no horizon."""

    state_values: Array  # V* with T, T-1, .., 1 steps to go [..., T, S]
    action_values: Array  # Q* [..., T, S, A]
    policy: Array  # 1 for the first best action, 0 for the others [..., T, S, A]
    expected_return: Array  # J of this policy [...]

    @property
    def advantages(self) -> Array:
        """Q* - V*, which is minus the loss of each action. [..., T, S, A]"""
        return self.action_values - self.state_values[..., None]


def _evaluate(mdp: MDP, rewards: Array, gamma: float, actions: Array) -> Array:
    """Return Q of a deterministic policy of one task. actions [S] -> [S, A]

    The value of an absorbing state is 0, so these states have no equation.
    """
    inside, states = ~absorbing(mdp), np.arange(len(actions))
    P_pi, V = mdp.transition[states, actions], np.zeros(len(actions))
    system = np.eye(inside.sum()) - gamma * P_pi[inside][:, inside]
    V[inside] = np.linalg.solve(system, rewards[states, actions][inside])
    return np.asarray(rewards + gamma * (mdp.transition @ V))


def _towards_the_end(mdp: MDP, ends: Array) -> Array:
    """Return for each state an action that can come nearer to an absorbing state. [S]

    ValueError if a state has no such action.
    """
    possible, reached, actions = mdp.transition > 0, ends, np.zeros(len(ends), int)
    while not reached.all():
        nearer = possible[..., reached].any(-1)  # [S, A]
        new = ~reached & nearer.any(-1)
        if not new.any():
            rule = "without a horizon and a discount, every state must reach an absorbing state"
            raise ValueError(f"{rule}, got states {np.flatnonzero(~reached)[:10].tolist()}")
        actions = np.where(new, nearer.argmax(-1), actions)
        reached = reached | new
    return actions


def _closed(mdp: MDP, pairs: Array) -> Array:
    """Return which of the given pairs (s, a) form closed sets, as a mask. [S, A]

    A pair is removed if it can leave the remaining states, or if its state cannot be reached again
    from each of its arrivals. The pairs that remain form the closed sets.
    """
    possible = mdp.transition > 0
    while True:
        kept = pairs & ~possible[..., ~pairs.any(-1)].any(-1)
        paths = (possible & kept[..., None]).any(-2) | np.eye(len(pairs), dtype=bool)
        for _ in range(len(paths).bit_length()):  # each product doubles the length of the paths
            paths = paths.astype(np.float32) @ paths.astype(np.float32) > 0
        kept &= ~(possible & ~paths.T[:, None, :]).any(-1)
        if (kept == pairs).all():
            return kept
        pairs = kept


def _free_states(mdp: MDP, ends: Array) -> Array:
    """Return a mask of the states of closed sets whose rewards are all 0. [S]

    ValueError if a closed set has a positive reward.
    """
    rewards, inside = expected_rewards(mdp), np.repeat(~ends[:, None], mdp.shape[1], axis=1)
    paying = np.argwhere(_closed(mdp, inside) & (rewards > 0))
    rule = "without a horizon and a discount, no step that can be repeated for ever may pay"
    require(not len(paying), rule, f"(state, action) {paying[:5].tolist()}")
    return np.asarray(_closed(mdp, inside & (rewards == 0)).any(-1))


def _improved(mdp: MDP, gamma: float, actions: Array) -> tuple[Array, Array]:
    """Return Q* [S, A] and the best actions [S] by policy iteration, eqs. (1) and (2)."""
    rewards = expected_rewards(mdp)
    while True:
        Q = _evaluate(mdp, rewards, gamma, actions)
        now = np.take_along_axis(Q, actions[:, None], -1)[:, 0]
        better = Q.max(-1) > now + ROUND_OFF * abs(Q).max()
        if not better.any():
            return Q, actions
        actions = np.where(better, Q.argmax(-1), actions)


def _one(mdp: MDP, gamma: float) -> tuple[Array, Array]:
    """Return Q* [S, A] and the best actions [S] of one task without a horizon."""
    ends = absorbing(mdp)
    if gamma < 1:
        return _improved(mdp, gamma, np.zeros(len(ends), int))
    start, free = _towards_the_end(mdp, ends), _free_states(mdp, ends)
    Q, actions = _improved(mdp, gamma, start)
    worse = np.flatnonzero(free & (Q.max(-1) < -ROUND_OFF * abs(Q).max()))
    rule = "without a horizon and a discount, staying for nothing must not be better than the end"
    require(not len(worse), rule, f"states {worse[:10].tolist()}")
    return Q, actions


def _separate(mdp: MDP) -> list[MDP]:
    """Return the tasks of a batch, one by one."""
    arrays = [
        np.broadcast_to(x, (*mdp.leading, *x.shape[x.ndim - n :])).reshape(
            -1, *x.shape[x.ndim - n :]
        )
        for x, n in zip(mdp, (1, 3, 3), strict=True)
    ]
    return [MDP._make(parts) for parts in zip(*arrays, strict=True)]


def optimum(mdp: MDP, horizon: int | None, gamma: float = 1.0) -> Optimum:
    """Return the best policy of each task, and its values. `horizon` None means no horizon.

    TypeError or ValueError for a wrong argument. ValueError for a task without horizon and discount
    that does not fulfil the three conditions.

    >>> from metarl_min.mdps.mdp_tables import from_lists
    >>> wait, leave = [(1.0, 0, -1.0, False)], [(0.5, 0, -1.0, False), (0.5, 1, 3.0, True)]
    >>> task = from_lists([[wait, leave], [wait, wait]], np.array([1.0, 0.0]))
    >>> float(optimum(task, None).expected_return), float(optimum(task, None, 0.5).expected_return)
    (2.0, 1.3333333333333333)
    """
    plain("mdp", mdp)
    if horizon is not None:
        Q = optimal_action_values(mdp, horizon, gamma)
        actions = Q.argmax(-1)
    else:
        gamma = real("gamma", gamma, 0, 1)
        tasks = _separate(mdp)
        found = [_one(task, gamma) for task in tasks]
        Q, actions = (
            np.reshape(x, (*mdp.leading, 1, *x[0].shape)) for x in zip(*found, strict=True)
        )
    V = np.take_along_axis(Q, actions[..., None], -1)[..., 0]
    J = (mdp.initial * V[..., 0, :]).sum(-1)
    return Optimum(
        state_values=V, action_values=Q, policy=np.eye(Q.shape[-1])[actions], expected_return=J
    )
