"""The ceiling of correlated Bernoulli arms: one of finitely many sets, or mirrored.

Arm i pays with probability p_h(i) under hypothesis h; b is the belief after n pulls.

    (1)  b_i1(h) = b(h) p_h(i) / p(i|b),  b_i0(h) = b(h) (1 - p_h(i)) / (1 - p(i|b)),
         p(i|b) = sum_h b(h) p_h(i)                                             [definition]
    (2)  with means (p, 1 - p), p ~ Beta(a, b): after k results that speak for the first arm (its
         wins, the losses of the other) out of n, p ~ Beta(a + k, b + n - k), whichever arms
         were pulled                                                            [derivation]
    (3)  E[max(p, 1 - p)] = (a (1 - I_1/2(a + 1,b)) + b I_1/2(a,b + 1)) / (a + b), I as in
         bandits (6)                                                            [derivation]

Both are lists of the beliefs that can be met after 0, 1, 2, .. pulls, each with the numbers of
those that it leads to. Under (1), beliefs whose logarithms agree to 1e-9 are one: pulls commute,
so most histories meet again; where what meets is equal, no value moves by more than rounding.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.baselines.bandits import beta_cdf
from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array
from metarl_min.ceilings import Ceiling, expected_random, require_table_fits
from metarl_min.tasks import Family, Hypotheses, MirroredArms, expected_under_prior

LIMIT = 20_000_000  # table entries of 8 bytes


class Layer(NamedTuple):
    """The beliefs that can be met after some number of pulls."""

    win: Array  # [K, A] p(i|b)
    child: Array  # [K, A, 2] the next belief after a loss, after a win


class Belief(NamedTuple):
    """Which belief, and after how many pulls."""

    number: Array  # [M]
    time: int


def _merge(beliefs: Array) -> tuple[Array, Array]:
    """Keep one of equal beliefs. [K, G] -> [K', G], the new number of each [K]"""
    key = np.round(np.log(np.maximum(beliefs, 1e-300)) * 1e9).astype(np.int64)
    _, first, number = np.unique(key, axis=0, return_index=True, return_inverse=True)
    return beliefs[first], number.reshape(-1)


def hypothesis_layers(family: Family) -> list[Layer]:
    """The beliefs that finitely many hypotheses allow, eq. (1)."""
    prior, A = family.prior, family.prior.mdps.shape[1]
    p = np.broadcast_to(prior.mdps.reward[:, 0, :, 0], (len(prior.weights), A))
    beliefs, layers, size = prior.weights[None], [], 0
    for _ in range(family.num_episodes):
        K, G = len(beliefs), len(prior.weights)
        size += K * A * (4 + 2 * G)
        require_table_fits(family, size, LIMIT, "at least ")
        chance = np.stack([1 - p, p], axis=-1)  # [G, A, 2]
        joint = beliefs[:, None, None] * np.moveaxis(chance, 0, -1)  # [K, A, 2, G]
        total = joint.sum(-1, keepdims=True)
        after = np.where(total > 0, joint, beliefs[:, None, None]) / np.where(total > 0, total, 1)
        beliefs, number = _merge(after.reshape(-1, G))
        layers.append(Layer(total[..., 1, 0], number.reshape(K, A, 2)))
    return layers


def mirrored_layers(family: Family) -> list[Layer]:
    """The beliefs of two mirrored arms, eq. (2)."""
    prior, layers = family.prior, []
    require_table_fits(family, 6 * family.num_episodes * (family.num_episodes + 1) // 2, LIMIT)
    for n in range(family.num_episodes):
        k = np.arange(n + 1)
        win = np.stack([prior.a + k, prior.b + n - k], axis=-1) / (prior.a + prior.b + n)
        layers.append(Layer(win, k[:, None, None] + np.array([[0, 1], [1, 0]])))
    return layers


def action_values(layers: list[Layer]) -> list[Array]:
    """Q of ceilings (2) after 0, 1, .. pulls. [K, A] each"""
    after, found = np.zeros(int(layers[-1].child.max()) + 1), []
    for win, child in reversed(layers):
        q = win * (1 + after[child[..., 1]]) + (1 - win) * after[child[..., 0]]
        found.append(q)
        after = q.max(-1)
    return found[::-1]


def _start(num_tasks: int) -> Belief:
    return Belief(np.zeros(num_tasks, int), 0)


def _observe(
    belief: Belief, states: Array, actions: Array, rewards: Array, arrivals: Any,
    layers: list[Layer],
) -> Belief:  # fmt: skip
    win, child = layers[belief.time]
    chance, won = win[belief.number, actions], (rewards > 0).astype(int)
    happened = np.where(won == 1, chance, 1 - chance) > 0
    rule = "history must be possible under the prior"
    require(bool(happened.all()), rule, f"an impossible step {belief.time}")
    return Belief(child[belief.number, actions, won], belief.time + 1)


def _values(belief: Belief, states: Array, q: list[Array]) -> Array:
    return q[belief.time][belief.number]


def expected_best_mirrored(prior: MirroredArms) -> float:
    """Expected mean of the better of two mirrored arms, eq. (3).

    >>> round(expected_best_mirrored(MirroredArms(1.0, 1.0)), 9)
    0.75
    """
    (a, b), half = prior, np.zeros(1)
    above = 1 - beta_cdf(a + 1, b, half)[0]
    below = beta_cdf(a, b + 1, half)[0]
    return float(a * above + b * below) / (a + b)


def solve(family: Family) -> Ceiling:
    """Return the optimum of correlated Bernoulli arms; ValueError where there are too many."""
    prior = family.prior
    if isinstance(prior, Hypotheses):
        layers = hypothesis_layers(family)
        told = expected_under_prior(prior.mdps.reward[:, 0, :, 0].max(-1), prior)
    else:
        layers, told = mirrored_layers(family), expected_best_mirrored(prior)
    q = action_values(layers)
    return Ceiling(
        float(q[0][0].max()),
        told * family.num_episodes,
        expected_random(family),
        True,
        _start,
        partial(_observe, layers=layers),
        partial(_values, q=q),
    )
