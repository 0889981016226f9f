"""The ceiling of Bernoulli arms whose means depend on each other.

In the first case, there are finitely many candidate tasks. Arm i pays 1 with probability p_g(i) in
candidate g. b is the belief before a pull of arm i. The belief is b_i1 after a reward of 1 and b_i0
after a reward of 0:

    (1)  b_i1(g) = b(g) p_g(i) / p(1|i),  b_i0(g) = b(g) (1 - p_g(i)) / (1 - p(1|i)),
         p(1|i) = sum_g b(g) p_g(i)                            [Bayes' rule, ceilings (1)]

In the second case, two arms have the means p and 1 - p, and p has the prior Beta(a, b). In this
module, a and b without an argument are the parameters of this prior. A sign of a large p is a win
of the first arm or a loss of the second arm. I_x is the distribution function of a Beta variable
(beta_integrals (1)):

    (2)  p ~ Beta(a + k, b + n - k) after n pulls with k signs of a large p  [derivation]
    (3)  E[max(p, 1 - p)] = (a (1 - I_1/2(a + 1,b)) + b I_1/2(a,b + 1)) / (a + b)
                                                                             [derivation]

    Steps of (2). A win of the first arm has the probability p.
    A loss of the second arm has the probability 1 - (1 - p) = p as well.
    So each sign of a large p has the likelihood p, and each other result has 1 - p.
    All n results together have the likelihood p^k (1 - p)^(n-k), whichever arms were pulled.
    The prior density is proportional to p^(a-1) (1 - p)^(b-1); Bayes' rule multiplies the two.

    Steps of (3). E[max(p, 1 - p)] = E[p 1{p > 1/2}] + E[(1 - p) 1{p <= 1/2}].
    p times the density of Beta(a, b) is a / (a + b) times the density of Beta(a + 1, b).
    So the first term is a / (a + b) times the probability of Beta(a + 1, b) above 1/2.
    Likewise, the second term is b / (a + b) times the probability of Beta(a, b + 1) up to 1/2.

A layer lists the beliefs that can occur after some number of pulls. For each belief, it holds the
places of the next beliefs in the next layer. The order of the pulls does not change the belief (1),
so most histories lead to the same beliefs. Beliefs whose logarithms agree to 1e-9 are merged;
merging equal beliefs changes the values by rounding only.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.baselines import conditions
from metarl_min.basics.arguments import instance
from metarl_min.basics.trees import Array
from metarl_min.ceilings import Ceiling, require_table_fits
from metarl_min.ceilings.beta_integrals import beta_cdf
from metarl_min.ceilings.histories import checked_ceiling, require_possible
from metarl_min.tasks import (
    CorrelatedArms,
    Family,
    Hypotheses,
    expected_under_prior,
    require_support,
)

LIMIT = 20_000_000  # table entries of 8 bytes
LEAST = 1e-300  # smaller probabilities count as equal


class BeliefLayer(NamedTuple):
    """The B beliefs that can occur after some number of pulls."""

    win_probability: Array  # [B, A] p(1|i)
    successor: Array  # [B, A, 2] place of the next belief after a reward of 0, and of 1


class Belief(NamedTuple):
    """The belief of M tasks."""

    place: Array  # [M] its place in the layer
    time: int  # number of pulls so far


def _merge(beliefs: Array) -> tuple[Array, Array]:
    """Keep one of equal beliefs. [B, G] -> [B', G], and the new place of each of the B

    Each row gets one whole number, a weighted sum modulo 2^64, and rows are compared by their
    numbers. If different rows have the same number, which is very unlikely, whole rows are
    compared.
    """
    key = np.round(np.log(np.maximum(beliefs, LEAST)) * 1e9).astype(np.int64)
    weights = np.random.default_rng(0).integers(2**63, size=key.shape[1], dtype=np.uint64) * 2 + 1
    number = (key.view(np.uint64) * weights).sum(-1)
    _, first, place = np.unique(number, return_index=True, return_inverse=True)
    if (key[first][place] != key).any():
        _, first, place = np.unique(key, axis=0, return_index=True, return_inverse=True)
    return beliefs[first], place.reshape(-1)


def fewest_beliefs(p: Array, weights: Array, pulls: int) -> int:
    """Return a lower bound of the number of beliefs after 0 .. pulls - 1 pulls. p [G, A]

    Suppose that an arm has different means in two candidates. After n pulls of this arm there can
    be 0 .. n wins. These are n + 1 different beliefs, unless a probability is below `LEAST`. A pull
    changes the logarithm of a ratio of two probabilities by at most `step`. So no probability is
    below `LEAST` after 0 .. most - 1 pulls. After more pulls, two candidates still have `most`
    beliefs in which no probability is below `LEAST`. With more candidates, this need not be true,
    so 1 belief is counted.
    """
    p, weights = p[weights > 0], weights[weights > 0]
    low, high = p.min(0), p.max(0)
    tells = (low > 0) & (high < 1) & (high - low > 1e-6)
    if not tells.any():
        return pulls
    step = np.log(high[tells] / low[tells]) + np.log((1 - low[tells]) / (1 - high[tells]))
    room = -np.log(LEAST) / 2 - np.log(weights.max() / weights.min())
    most = min(pulls, 1 + int(max(room, 0) / step.min()))
    return most * (most + 1) // 2 + (pulls - most) * (most if len(p) == 2 else 1)


def _candidate_means(prior: Hypotheses) -> Array:
    """Return the means of the arms in each candidate. [G, A]"""
    A = prior.mdps.shape[1]
    means = np.broadcast_to(prior.mdps.reward, (len(prior.weights), 1, A, 1))
    return means[:, 0, :, 0]


def candidate_layers(family: Family) -> list[BeliefLayer]:
    """Return the layers of a finite set of candidate tasks, eq. (1)."""
    prior, p = family.prior, _candidate_means(family.prior)
    G, A = p.shape
    row = A * (4 + 2 * G)  # table entries of a belief
    fewest = fewest_beliefs(p, prior.weights, family.num_episodes)
    require_table_fits(family, fewest * row, LIMIT, "at least ")
    likelihood = np.moveaxis(np.stack([1 - p, p], axis=-1), 0, -1)  # [A, 2, G]
    beliefs, layers, size = prior.weights[None], [], 0
    for _ in range(family.num_episodes):
        B = len(beliefs)
        size += B * row
        require_table_fits(family, size, LIMIT, "at least ")
        joint = beliefs[:, None, None] * likelihood  # [B, A, 2, G]
        total = joint.sum(-1, keepdims=True)
        possible = total > 0  # an impossible result leaves the belief as it is
        posterior = np.where(possible, joint, beliefs[:, None, None]) / np.where(possible, total, 1)
        beliefs, place = _merge(posterior.reshape(-1, G))
        layers.append(BeliefLayer(total[..., 1, 0], place.reshape(B, A, 2)))
    return layers


def correlated_layers(family: Family) -> list[BeliefLayer]:
    """Return the layers of two arms with means p and 1 - p, eq. (2). The place of a belief is k."""
    prior, pulls, layers = family.prior, family.num_episodes, []
    require_table_fits(family, 6 * pulls * (pulls + 1) // 2, LIMIT)
    for n in range(pulls):
        k = np.arange(n + 1)
        win = np.stack([prior.a + k, prior.b + n - k], axis=-1) / (prior.a + prior.b + n)
        # A win of the first arm or a loss of the second arm adds 1 to k.
        layers.append(BeliefLayer(win, k[:, None, None] + np.array([[0, 1], [1, 0]])))
    return layers


def action_values(layers: list[BeliefLayer]) -> list[Array]:
    """Return Q of ceilings (2) after 0, 1, .. pulls. [B, A] each

    `by_history` in tests/ceilings/test_correlated_arms.py computes these values by recursion over
    histories.
    """
    next_values, q_layers = np.zeros(int(layers[-1].successor.max()) + 1), []
    for p, successor in reversed(layers):
        lost, won = next_values[successor[..., 0]], next_values[successor[..., 1]]
        q = p * (1 + won) + (1 - p) * lost
        q_layers.append(q)
        next_values = q.max(-1)
    return q_layers[::-1]


def expected_best_correlated(prior: CorrelatedArms) -> float:
    """Return the expected mean of the better of two arms with means p and 1 - p, eq. (3).

    >>> round(expected_best_correlated(CorrelatedArms(1.0, 1.0)), 9)
    0.75
    """
    (a, b), logit_of_half = instance("prior", prior, CorrelatedArms), np.zeros(1)
    above = 1 - beta_cdf(a + 1, b, logit_of_half)[0]
    below = beta_cdf(a, b + 1, logit_of_half)[0]
    return float(a * above + b * below) / (a + b)


def _start(num_tasks: int) -> Belief:
    return Belief(np.zeros(num_tasks, int), 0)


def _observe(
    belief: Belief,
    states: Array,
    actions: Array,
    rewards: Array,
    arrivals: Any,
    layers: list[BeliefLayer],
) -> Belief:
    """Return the belief after one pull. ValueError if its reward has probability 0."""
    win_probability, successor = layers[belief.time]
    p, won = win_probability[belief.place, actions], (rewards == 1).astype(int)
    possible = np.where(won == 1, p, 1 - p) > 0
    require_possible(possible & (rewards == won), belief.time)
    return Belief(successor[belief.place, actions, won], belief.time + 1)


def _action_values(belief: Belief, states: Array, q: list[Array]) -> Array:
    return q[belief.time][belief.place]


def _supported_prior(family: Family) -> Any:
    """Return the prior. `Unsupported`, with the condition that fails, for any other family."""
    rule = "no exact ceiling of Bernoulli rewards but for arms"
    prior = conditions.require_prior(rule, family, CorrelatedArms, Hypotheses)
    conditions.require_one_step(rule, family)
    conditions.require_bernoulli(rule, family)
    if isinstance(prior, Hypotheses):
        conditions.largest_reward(rule, family)
        got = f"{prior.mdps.shape[0]}"
        require_support(prior.mdps.shape[0] == 1, f"{rule}: a task must have one state", got)
    return prior


def solve(family: Family) -> Ceiling:
    """Return the optimum of correlated Bernoulli arms.

    `Unsupported` for any other family. `TooLarge` above `LIMIT` table entries.
    """
    prior = _supported_prior(family)
    if isinstance(prior, Hypotheses):
        layers = candidate_layers(family)
        best_mean = expected_under_prior(_candidate_means(prior).max(-1), prior)
    else:
        layers, best_mean = correlated_layers(family), expected_best_correlated(prior)
    q = action_values(layers)
    return checked_ceiling(
        family,
        value=float(q[0][0].max()),
        known_task=best_mean * family.num_episodes,
        needs_arrivals=False,
        start=_start,
        observe=partial(_observe, layers=layers),
        action_values=partial(_action_values, q=q),
    )
