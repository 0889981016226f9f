"""The beliefs that can occur if the outcomes of steps are hints with noise.

A candidate is a task of the prior. Two candidates may allow the same outcome with different
probabilities. Such an outcome does not exclude a candidate, but it changes the probabilities of the
candidates. A belief is a vector of these probabilities:

    (1)  b_o(g) = b(g) p_g(o) / sum_g' b(g') p_g'(o)                         [ceilings (1)]

The outcome o of a step is (s, a, s', r), and p_g(o) is its probability in candidate g. Rewards are
noise-free, or Bernoulli. The first state of an episode is an outcome too, with the probability
rho_g(s). In this module, b is a belief, B is a number of beliefs and O the number of outcomes.

The beliefs are listed step after step. The order of outcomes does not matter for a belief, and
opposite hints cancel. So many histories lead to the same belief, and it is kept once. Two beliefs
are the same if their logarithms, rounded to multiples of 1e-9, are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array
from metarl_min.ceilings import require_table_fits
from metarl_min.ceilings.outcomes import Outcomes
from metarl_min.tasks import Family

LIMIT = 100_000_000  # numbers of at most 8 bytes in all layers
GROUP = 4_000_000  # probabilities of outcomes that are computed at once
DIGITS = 1e9  # logarithms of beliefs are multiplied by this and rounded
NEVER = -4_000_000_000_000_000_037  # stands for the logarithm of 0


class Hints(NamedTuple):
    """The outcomes and their kinds. Two outcomes of one kind lead to the same belief.

    Their likelihoods p_g(o), which are vectors over the candidates g, are multiples of each other.
    """

    listed: Outcomes
    kind: Array  # [O]
    log_likelihood: Array  # [kinds, G]


class Layer(NamedTuple):
    """The beliefs before one step of the trial."""

    log_beliefs: Array  # [B, G]
    occurs: Array  # [B, S] True if a belief can occur in a state
    successor: Array  # [B, kinds] number of the belief after each kind of outcome, or -1


class Start(NamedTuple):
    """The effect of the first state of an episode on the beliefs."""

    chance: Array  # [B, S] probability of each first state
    successor: Array  # [B, S] number of the belief after it


def merged(log_beliefs: Array) -> tuple[Array, Array]:
    """Return the different log beliefs of some rows [n, G], and the number of each row. [n]

    Rows are compared by a hash. Rows with equal hashes must have equal entries.
    """
    never = np.isneginf(log_beliefs)
    units = np.rint(np.where(never, 0.0, log_beliefs) * DIGITS).astype(np.int64)
    units[never] = NEVER
    factors = np.random.default_rng(0).integers(2**62, size=units.shape[1]) * 2 + 1
    hashes = (units * factors).sum(-1)  # an overflow does no harm
    _, first, numbers = np.unique(hashes, return_index=True, return_inverse=True)
    require(bool((units == units[first][numbers]).all()), "hashes must differ", "equal hashes")
    return log_beliefs[first], numbers


def _log(x: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(x))


def _children(log_beliefs: Array, log_p: Array) -> tuple[Array, Array]:
    """Return p(o|b) and the beliefs of eq. (1). [n, G], [O, G] -> [n, O], [n, O, G]"""
    joint = log_beliefs[:, None] + log_p
    chance = np.exp(joint).sum(-1)
    with np.errstate(invalid="ignore"):  # an outcome that is impossible leaves no belief
        return chance, joint - _log(chance)[..., None]


def _start(log_beliefs: Array, rho: Array) -> tuple[Start, Array, Array]:
    """Return the effect of a first state, the new beliefs, and a mask of their states. [B, S]

    rho is [G, S]: the probabilities of the first state in each candidate.
    """
    chance, children = _children(log_beliefs, _log(rho.T))
    possible = chance > 0
    beliefs, numbers = merged(children[possible])
    successor = np.full(chance.shape, -1)
    successor[possible] = numbers
    occurs = np.zeros((len(beliefs), rho.shape[1]), bool)
    occurs[numbers, np.nonzero(possible)[1]] = True
    return Start(chance, successor), beliefs, occurs


def hints(listed: Outcomes) -> Hints:
    """Return the outcomes of the steps of a family with their kinds."""
    log_p = _log(listed.probs)
    log_likelihood, kind = merged(log_p - log_p.max(-1, keepdims=True))
    return Hints(listed, kind, log_likelihood)


def chances(log_beliefs: Array, occurs: Array, listed: Outcomes) -> Iterator[tuple[slice, Array]]:
    """Yield groups of beliefs and p(o|b), which is 0 where a belief cannot occur. [.., O]"""
    size = max(1, GROUP // len(listed.codes))
    for start in range(0, len(log_beliefs), size):
        rows = slice(start, start + size)
        yield rows, np.exp(log_beliefs[rows]) @ listed.probs.T * occurs[rows][:, listed.state]


def _after(
    log_beliefs: Array, occurs: Array, of: Hints, require_fits: Callable[[int], None]
) -> tuple[Layer, Array, Array]:
    """Return the layer of one step, the beliefs after it, and a mask of their states. [B, S]

    `require_fits` refuses the size of the beliefs before they are merged, if it is too large.
    """
    listed, possible = of.listed, np.zeros((len(log_beliefs), len(of.log_likelihood)), bool)
    happens = [(rows, np.nonzero(chance)) for rows, chance in chances(log_beliefs, occurs, listed)]
    for rows, (b, o) in happens:
        possible[rows.start + b, of.kind[o]] = True
    b, kind = np.nonzero(possible)
    require_fits(len(b) * log_beliefs.shape[1])
    joint = log_beliefs[b] + of.log_likelihood[kind]
    beliefs, numbers = merged(joint - _log(np.exp(joint).sum(-1, keepdims=True)))
    successor = np.full(possible.shape, -1, np.int32)
    successor[b, kind] = numbers
    arrives = np.zeros((len(beliefs), occurs.shape[1]), bool)
    for rows, (b, o) in happens:
        arrives[successor[rows.start + b, of.kind[o]], listed.arrival[o]] = True
    return Layer(log_beliefs, occurs, successor), beliefs, arrives


class Step(NamedTuple):
    """One step of the list of beliefs."""

    start: Start | None  # the effect of the first state, if an episode starts
    layer: Layer
    log_beliefs: Array  # [B, G] the beliefs after the step
    occurs: Array  # [B, S] True if a belief after the step can occur in a state
    size: int  # numbers of this layer and of the effect of the first state


def each_step(family: Family, of: Hints, limit: int = LIMIT) -> Iterator[Step]:
    """List the beliefs of a trial, step after step.

    `TooLarge` before the first step for which all layers so far need more than `limit` numbers, or
    for which the beliefs of one step do, before they are merged.
    """
    mdps, weights = family.prior.mdps, family.prior.weights
    G, (S, A), numbers = len(weights), mdps.shape, 0
    rho, beliefs = np.broadcast_to(mdps.initial, (G, S)), _log(weights)[None]
    fits = partial(require_table_fits, family, limit=limit, prefix="at least ")
    for t in range(family.num_episodes * family.horizon):
        start = None
        if t % family.horizon == 0:
            start, beliefs, occurs = _start(beliefs, rho)
        size = beliefs.size + len(beliefs) * len(of.log_likelihood) + int(occurs.sum()) * A
        numbers += size
        fits(numbers)
        layer, beliefs, occurs = _after(beliefs, occurs, of, fits)
        yield Step(start, layer, beliefs, occurs, size)


class Tree(NamedTuple):
    """The beliefs of a trial, or of its first steps."""

    starts: list[Start]  # one for each episode
    layers: list[Layer]  # one for each step


def tree_of(steps: Iterable[Step]) -> Tree:
    """Return the tree of some steps, which begin with the first step of the trial."""
    tree = Tree([], [])
    for step in steps:
        tree.layers.append(step.layer)
        if step.start is not None:
            tree.starts.append(step.start)
    return tree
