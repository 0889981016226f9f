"""The beliefs that can occur in a trial if outcomes are hints.

A candidate is a task of the prior. Two candidates may allow the same outcome with different
probabilities. Such an outcome is called a hint. It changes the probabilities of the two candidates,
but it excludes none of them. A belief b is the vector of the probabilities of all candidates, and
b_o is the belief after the outcome o:

    (1)  b_o(g) = b(g) p_g(o) / sum_g' b(g') p_g'(o)                         [ceilings (1)]

The outcome o of a step is (s, a, s', r), and p_g(o) is its probability in candidate g. The reward r
is noise-free or Bernoulli. For other rewards, `reward_hints` puts a label with finitely many values
in the place of r. The first state s of an episode is an outcome too, with the probability rho_g(s).
In this module, B is a number of beliefs and O is the number of outcomes.

The beliefs are listed step after step. A belief does not depend on the order of the outcomes, and
hints in opposite directions cancel. So many histories lead to the same belief, which is kept only
once. Two beliefs are the same if their logarithms are equal after rounding to multiples of 1e-9.
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
UNITS = 1e9  # logarithms of beliefs are rounded to multiples of 1 / UNITS
NEVER = -4_000_000_000_000_000_037  # stands for the logarithm of 0, below all other numbers


class Hints(NamedTuple):
    """All outcomes of a family and their kinds: the parameter `of` of the functions below.

    Two outcomes are of the same kind if their vectors p_g(o) over g are multiples of each other.
    Then both outcomes lead from a belief to the same belief.
    """

    listed: Outcomes
    kind: Array  # [O] number of the kind of each outcome
    log_likelihood: Array  # [kinds, G] log p_g(o) minus its maximum over g


class Layer(NamedTuple):
    """The beliefs before one step of the trial."""

    log_beliefs: Array  # [B, G]
    occurs: Array  # [B, S] whether a belief can occur together with a state
    successor: Array  # [B, kinds] row of the belief after an outcome of each kind, or -1


class Start(NamedTuple):
    """The effect of the first state of an episode on the beliefs."""

    chance: Array  # [B, S] probability of each first state
    successor: Array  # [B, S] row of the belief after each first state, or -1


def merged(log_beliefs: Array) -> tuple[Array, Array]:
    """Return the different rows of `log_beliefs` [n, G], and the place of each row among them. [n]

    Rows are compared by their hashes. ValueError if different rows have equal hashes, which is very
    unlikely.
    """
    never = np.isneginf(log_beliefs)
    units = np.rint(np.where(never, 0.0, log_beliefs) * UNITS).astype(np.int64)
    units[never] = NEVER
    factors = np.random.default_rng(0).integers(2**62, size=units.shape[1]) * 2 + 1
    hashes = (units * factors).sum(-1)  # an overflow does no harm
    _, first, numbers = np.unique(hashes, return_index=True, return_inverse=True)
    same = bool((units == units[first][numbers]).all())
    require(same, "hashes of different beliefs must differ", "equal hashes")
    return log_beliefs[first], numbers


def _log(x: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(x))


def _children(log_beliefs: Array, log_p: Array) -> tuple[Array, Array]:
    """Return p(o|b), and the logarithms of the beliefs b_o of eq. (1).

    `log_beliefs` is [n, G], and `log_p` is [O, G]. -> [n, O], [n, O, G]
    """
    joint = log_beliefs[:, None] + log_p
    chance = np.exp(joint).sum(-1)
    with np.errstate(invalid="ignore"):  # there is no belief after an impossible outcome
        return chance, joint - _log(chance)[..., None]


def _start(log_beliefs: Array, rho: Array) -> tuple[Start, Array, Array]:
    """Return the effect of a first state, and `log_beliefs` and `occurs` of the beliefs after it.

    `rho` [G, S] holds the probabilities of the first state in each candidate.
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
    """Return the outcomes with their kinds."""
    log_p = _log(listed.probs)
    log_likelihood, kind = merged(log_p - log_p.max(-1, keepdims=True))
    return Hints(listed, kind, log_likelihood)


def chances(log_beliefs: Array, occurs: Array, listed: Outcomes) -> Iterator[tuple[slice, Array]]:
    """Yield the rows of a group of beliefs, and their probabilities p(o|b), group after group.

    A probability is 0 if the belief cannot occur together with the state of the outcome. [rows, O]
    """
    size = max(1, GROUP // len(listed.codes))
    for start in range(0, len(log_beliefs), size):
        rows = slice(start, start + size)
        yield rows, np.exp(log_beliefs[rows]) @ listed.probs.T * occurs[rows][:, listed.state]


def _after(
    log_beliefs: Array, occurs: Array, of: Hints, require_fits: Callable[[int], None]
) -> tuple[Layer, Array, Array]:
    """Return the layer of one step, and `log_beliefs` and `occurs` of the beliefs after the step.

    `require_fits` raises an error if the beliefs have too many entries before they are merged.
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
    occurs: Array  # [B, S] whether a belief after the step can occur together with a state
    size: int  # numbers of this layer, and of its action values


def each_step(family: Family, of: Hints, limit: int = LIMIT) -> Iterator[Step]:
    """Yield the steps of a trial with their beliefs.

    Before a step is yielded, `TooLarge` is raised in two cases: the layers up to this step need
    more than `limit` numbers, or the beliefs after this step have more than `limit` entries before
    they are merged.
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
    """Return the tree of the first steps of a trial."""
    tree = Tree([], [])
    for step in steps:
        tree.layers.append(step.layer)
        if step.start is not None:
            tree.starts.append(step.start)
    return tree
