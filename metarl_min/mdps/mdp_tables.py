"""MDPs from the tables of other libraries.

Two forms are common. The first is a list for each state and action, as in the toy-text environments
of Gymnasium (`env.unwrapped.P`). An entry of the list is (probability, s', reward, terminated):

    (1)  P(s'|s,a) = sum of the probabilities of the entries that arrive in s'      [definition]
    (2)  r(s,a,s') = sum of probability times reward over these entries, divided by P(s'|s,a)
                                                              [definition of a conditional mean]

Some environments do not follow their tables. In Gymnasium 1.4.0, the steps of `Taxi-v4` with
`fickle_passenger=True` change the destination, and its table does not contain this.

The second form is an array of transitions [S, A, S] or [A, S, S], and an array of rewards [S],
[S, A], [S, A, S] or [A, S, S], as in toolboxes for dynamic programming.

A terminated arrival pays its reward, and nothing is paid after it. A state becomes absorbing if all
arrivals in it are terminated and no episode starts in it. Its own rows in the table are then not
used. The other terminated arrivals lead to an additional absorbing state, which is the last one. A
caller can name `last_states`: a step from such a state pays its reward, and ends the episode.

An action that is not available in a state has the effect of the first available action. So the best
return is that of the available actions. But the return of a player that draws actions at random can
change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import (
    flag,
    floats,
    probabilities,
    real,
    require,
    require_all,
    sequence,
    shaped,
    truths,
    whole,
)
from metarl_min.basics.trees import Array
from metarl_min.mdps.mdp import MDP

ROUND_OFF = 1e-9  # largest difference from 1 of the sum of the probabilities of a row


class _Table(NamedTuple):
    """Probabilities of arrivals, and probability times reward. each [S, A, S]"""

    going_on: Array  # probabilities of the arrivals that are not terminated
    ended: Array  # probabilities of the terminated arrivals
    paid: Array  # probability times reward of the arrivals that are not terminated
    paid_at_end: Array  # probability times reward of the terminated arrivals


def _rows(name: str, value: Any) -> list[Any]:
    """Return the entries of a list or of a dict; ValueError if its keys are not 0, 1, .., n - 1."""
    if isinstance(value, Mapping):
        rule = f"{name} must have the keys 0, 1, .., {max(len(value) - 1, 0)}"
        require(set(value) == set(range(len(value))), rule, list(value)[:10])
        value = [value[key] for key in range(len(value))]
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a dict or a list, got {type(value).__name__}")
    return list(value)


def _entry(place: str, entry: Any, num_states: int) -> tuple[float, int, float, bool]:
    """Return an entry (probability, s', reward, terminated)."""
    rule = f"{place} must be (probability, next state, reward, terminated)"
    require(isinstance(entry, Sequence) and len(entry) == 4, rule, repr(entry))
    p, reward = (
        real(f"probability of {place}", entry[0], 0, 1),
        real(f"reward of {place}", entry[2]),
    )
    arrival = whole(f"next state of {place}", entry[1], 0, num_states - 1)
    return p, arrival, reward, flag(f"terminated of {place}", entry[3])


def _read(P: Any) -> tuple[_Table, Array]:
    """Return the table of the lists P[s][a], and a mask of the lists that have entries. [S, A]"""
    states = [_rows(f"P[{s}]", row) for s, row in enumerate(_rows("P", P))]
    require(states != [] and states[0] != [], "P must have states and actions", "none")
    S, A = len(states), len(states[0])
    table, given = _Table(*np.zeros((4, S, A, S))), np.zeros((S, A), bool)
    for s, actions in enumerate(states):
        require(len(actions) == A, f"P[{s}] must have {A} actions, as P[0] has", len(actions))
        for a, entries in enumerate(actions):
            given[s, a] = len(_rows(f"P[{s}][{a}]", entries)) > 0
            for i, one in enumerate(entries):
                p, arrival, reward, terminated = _entry(f"P[{s}][{a}][{i}]", one, S)
                kinds = (
                    (table.ended, table.paid_at_end) if terminated else (table.going_on, table.paid)
                )
                kinds[0][s, a, arrival] += p
                kinds[1][s, a, arrival] += p * reward
    return table, given


def _availability(available: Any, given: Array) -> Array:
    """Return the mask of the available actions. ValueError if a state has no such action. [S, A]"""
    if available is None:
        available = np.ones(given.shape, bool)
    shaped("available", truths("available", available), given.shape, "the table [S, A]")
    require_all(available.any(-1), "each state must have an available action", available.any(-1))
    require_all(given | ~available, "each available action must have entries", given)
    return np.asarray(available)


def _repeated(x: Array, available: Array) -> Array:
    """Return rows [S, A, ..], with the first available row in place of each unavailable row."""
    chosen = np.where(available, np.arange(available.shape[1]), available.argmax(-1)[:, None])
    return np.asarray(x[np.arange(len(x))[:, None], chosen])


def _check_sums(table: _Table) -> None:
    sums = (table.going_on + table.ended).sum(-1)
    require_all(
        abs(sums - 1) <= ROUND_OFF, "the probabilities of a state and action must sum to 1", sums
    )


def _assembled(table: _Table, initial: Array) -> MDP:
    """Return the MDP of a table, eqs. (1) and (2)."""
    S, A, _ = table.going_on.shape
    ends = table.ended.any((0, 1))  # states in which an arrival is terminated
    # These states become absorbing.
    absorbed = ends & ~table.going_on.any((0, 1)) & (initial == 0)
    # The other terminated arrivals lead to an additional state, which has the number S.
    P, paid = np.zeros((S + 1, A, S + 1)), np.zeros((S + 1, A, S + 1))
    P[:S, :, :S] = table.going_on + table.ended * absorbed
    paid[:S, :, :S] = table.paid + table.paid_at_end * absorbed
    P[:S, :, S] = (table.ended * ~absorbed).sum(-1)
    paid[:S, :, S] = (table.paid_at_end * ~absorbed).sum(-1)
    stays = np.append(absorbed, True)
    P[stays], paid[stays] = np.eye(S + 1)[stays][:, None], 0.0
    reward = np.divide(paid, P, out=np.zeros_like(P), where=P > 0)
    kept = slice(S + 1 if (ends & ~absorbed).any() else S)
    rho = np.append(initial, 0.0)
    return MDP(initial=rho[kept], transition=P[kept, :, kept], reward=reward[kept, :, kept])


def _ending(table: _Table, last_states: Any) -> _Table:
    """Return the table in which every step from the last states is terminated."""
    S, last = len(table.going_on), np.zeros(len(table.going_on), bool)
    for s in sequence("last_states", last_states):
        last[whole("a last state", s, 0, S - 1)] = True
    last = last[:, None, None]
    return _Table(
        going_on=table.going_on * ~last,
        ended=table.ended + table.going_on * last,
        paid=table.paid * ~last,
        paid_at_end=table.paid_at_end + table.paid * last,
    )


def _mdp(table: _Table, given: Array, initial: Any, available: Any, last_states: Any) -> MDP:
    available = _availability(available, given)
    shaped("initial", probabilities("initial", initial), (len(given),), "the states of the table")
    table = _Table(*[_repeated(x, available) for x in table])
    _check_sums(table)
    return _assembled(_ending(table, last_states), initial)


def from_lists(
    P: Any, initial: Array, available: Array | None = None, last_states: Sequence[int] = ()
) -> MDP:
    """Return the MDP of lists P[s][a] of (probability, next state, reward, terminated).

    `initial` [S] holds the probabilities of the first state. `available` [S, A] is True for the
    available actions; the list of an unavailable action may be empty. TypeError or ValueError, with
    the place, for an entry of another form, a missing action, a next state that does not exist, a
    reward that is not finite, and probabilities that do not sum to 1.

    >>> P = {0: {0: [(0.5, 0, -1.0, False), (0.25, 1, 4.0, True), (0.25, 1, 8.0, True)]},
    ...      1: {0: [(1.0, 0, 0.0, False)]}}
    >>> task = from_lists(P, np.array([1.0, 0.0]))
    >>> task.transition[:, 0].tolist(), task.reward[0, 0].tolist()
    ([[0.5, 0.5], [0.0, 1.0]], [-1.0, 6.0])
    """
    table, given = _read(P)
    return _mdp(table, given, initial, available, last_states)


SHAPES = {"SAS": "[S, A, S]", "ASS": "[A, S, S]"}


def _arranged(transition: Array, arrangement: str | None) -> str:
    """Return the arrangement of an array of transitions; ValueError if the shape leaves it open."""
    shape = transition.shape
    rule = "transition must have the shape [S, A, S] or [A, S, S]"
    require(len(shape) == 3 and 0 not in shape, rule, shape)
    fits = {"SAS": shape[0] == shape[2], "ASS": shape[1] == shape[2]}
    possible = [name for name in SHAPES if fits[name]]
    require(possible != [], rule, shape)
    if arrangement is None:
        rule = "arrangement must be given, SAS or ASS, where there are as many states as actions"
        require(len(possible) == 1, rule, shape)
        return possible[0]
    known = isinstance(arrangement, str) and arrangement in SHAPES
    require(known, "arrangement must be SAS, ASS or None", repr(arrangement))
    require(arrangement in possible, f"transition must have the shape {SHAPES[arrangement]}", shape)
    return arrangement


def _rewards(reward: Array, arrangement: str, shape: tuple[int, ...]) -> Array:
    """Return the rewards as [S, A, S]. Their shape is [S], [S, A] or that of the transitions."""
    S, A, _ = shape
    if reward.shape == (S,):
        reward = reward[:, None, None]
    elif reward.shape == (S, A):
        reward = reward[:, :, None]
    else:
        whole_shape = {"SAS": (S, A, S), "ASS": (A, S, S)}[arrangement]
        rule = f"reward must have the shape {(S,)}, {(S, A)} or {whole_shape}"
        require(reward.shape == whole_shape, rule, reward.shape)
        reward = np.moveaxis(reward, 0, 1) if arrangement == "ASS" else reward
    return np.broadcast_to(reward, shape)


def from_arrays(
    transition: Array,
    reward: Array,
    initial: Array,
    arrangement: str | None = None,
    available: Array | None = None,
    last_states: Sequence[int] = (),
) -> MDP:
    """Return the MDP of an array of transitions, [S, A, S] or [A, S, S], and an array of rewards.

    The rewards have the shape [S], [S, A] or that of the transitions. `arrangement` is "SAS" or
    "ASS"; it must be given if S = A. The rows of actions that are not `available` [S, A] need not
    sum to 1. TypeError or ValueError for other shapes, numbers that are not finite, negative
    probabilities, and probabilities that do not sum to 1.

    >>> P = np.array([[[0.9, 0.1], [0.0, 1.0]], [[0.5, 0.5], [0.0, 1.0]], [[1.0, 0], [0, 1]]])
    >>> task = from_arrays(P, np.array([1.0, 0.0]), np.array([1.0, 0.0]))  # [A, S, S] and [S]
    >>> task.shape, task.transition[0, 1].tolist()
    ((2, 3), [0.5, 0.5])
    """
    P, r = floats("transition", transition), floats("reward", reward)
    arrangement = _arranged(P, arrangement)
    P = np.moveaxis(P, 0, 1) if arrangement == "ASS" else P
    require_all(P >= 0, "transition must not be negative", P)
    r, zeros = _rewards(r, arrangement, P.shape), np.zeros(P.shape)
    table = _Table(going_on=P, ended=zeros, paid=P * r, paid_at_end=zeros)
    return _mdp(table, np.ones(P.shape[:2], bool), initial, available, last_states)
