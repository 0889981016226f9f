"""Evolution strategies: ascend a smoothed return by trying neighbours, without a derivative.

F(theta) is the return of a trial, exploration included, and g one of the estimates of its smoothed
gradient, search_gradients (2)-(4), from its ranks, (6), or as it is:

    (1)  an optimizer ascends g - decay theta: sgd by theta <- theta + beta (g - decay theta),
         adam, unless another is named, by optimizers (3)   [Salimans et al. 2017, sec. 2.1]

Directions are named, so they need not travel: `generations` says what does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import optimizers, trees
from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.evolution import executors, generations, players, search_gradients
from metarl_min.evolution.generations import Update
from metarl_min.evolution.players import Player
from metarl_min.learners import Learner
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Family


class State(NamedTuple):
    """What the next step needs."""

    theta: Tree
    optimizer: Any
    told: Update


class Info(NamedTuple):
    """What a person wants to see of a step."""

    per_episode: Array  # [N] mean over the population of the return of each episode


class Rules(NamedTuple):
    """How the search goes. Estimators, directions and shapings by name."""

    player: Player
    population: int
    num_tasks: int
    sigma: float
    optimizer: optimizers.Optimizer
    estimator: str
    directions: str
    shaping: str
    decay: float


@lru_cache(maxsize=1)
def _directions(name: str, key: int, first: int, end: int, D: int, dtype: Any) -> Array:
    """Directions first .. end - 1, kept from playing to learning. [end - first, D]"""
    return search_gradients.DIRECTIONS[name](key, np.arange(first, end), D).astype(dtype)


def members(rules: Rules, theta: Tree, key: int, first: int, end: int) -> Tree:
    """Parameters of the members first .. end - 1, finite. [end - first, ..]"""
    vector, unravel = trees.ravel(theta)
    like = len(vector), vector.dtype
    number, factor = search_gradients.ESTIMATORS[rules.estimator].place(np.arange(first, end))
    e = _directions(rules.directions, key, number[0], number[-1] + 1, *like)
    rows = e.take(number - number[0], axis=0)
    with np.errstate(over="ignore"):  # what does not fit the dtype is refused, not warned of
        rows *= rules.sigma * factor[:, None]
        rows += vector
    return trees.check(unravel(rows))


def advance(state: State, key: int, F: Array, rules: Rules) -> State:
    """Take the step of eq. (1) that the fitness [P] of a generation asks for."""
    estimator, F = search_gradients.ESTIMATORS[rules.estimator], search_gradients.require_finite(F)
    vector, unravel = trees.ravel(state.theta)
    n = estimator.count(rules.population)
    e = _directions(rules.directions, key, 0, n, len(vector), vector.dtype)
    g = (
        estimator.gradient(search_gradients.SHAPING[rules.shaping](F), e, rules.sigma)
        - rules.decay * vector
    )
    update = rules.optimizer.update
    theta, moments = update(state.theta, state.optimizer, unravel(g.astype(vector.dtype)))
    return State(theta, moments, Update(generations.digest(state), key, F))


def play(state: State, key: int, first: int, end: int, rules: Rules, family: Family) -> Array:
    """Returns of members first .. end - 1. [end - first, N]"""
    thetas = members(rules, state.theta, key, first, end)
    return players.returns(rules.player, family, thetas, key, rules.num_tasks)


def _init(rng: Rng, family: Family, rules: Rules) -> State:
    theta = rules.player.init(rng, family)
    return State(theta, rules.optimizer.init(theta), generations.no_update(rules.population))


def _step(
    rng: Rng, state: State, family: Family, rules: Rules, executor: Any, num_slices: int
) -> tuple[State, Info]:
    key = int(rng.integers(2**62))
    ask, step = partial(play, rules=rules, family=family), partial(advance, rules=rules)
    returns = generations.returns(executor, num_slices, state, key, ask, step)
    return step(state, key, returns.sum(-1)), Info(returns.mean(0))


def _trial(
    rng: Rng, state: State, family: Family, tasks: MDP, *, player: Player, greedy: bool = False
) -> Episodes:
    return players.play_one(player, rng, state.theta, family, tasks, greedy)


def evolve(
    player: Player, iterations: Callable[[Family], tuple[int, int]], *, population: int,
    num_tasks: int, sigma: float, beta: float, optimizer: str, estimator: str, directions: str,
    shaping: str, decay: float, executor: Any, num_slices: int,
) -> Learner:  # fmt: skip
    """A Learner that searches the parameters of any player, eq. (1)."""
    for name, value, known in (
        ("estimator", estimator, search_gradients.ESTIMATORS),
        ("directions", directions, search_gradients.DIRECTIONS),
        ("shaping", shaping, search_gradients.SHAPING),
    ):  # fmt: skip
        require(value in known, f"{name} must be one of {', '.join(known)}", repr(value))
    rule = "population must be at least 2, and even with antithetic directions"
    P = whole("population", population)
    require(P > 1 and search_gradients.ESTIMATORS[estimator].count(P) > 0, rule, P)
    require(real("sigma", sigma) > 0, "sigma must be positive", sigma)
    rules = Rules(
        player, P, whole("num_tasks", num_tasks), sigma, optimizers.OPTIMIZERS[optimizer](beta),
        estimator, directions, shaping, real("decay", decay, 0),
    )  # fmt: skip
    search = {"executor": executors.check(executor), "num_slices": whole("num_slices", num_slices)}
    step = partial(_step, rules=rules, **search)
    return Learner(
        partial(_init, rules=rules), step, partial(_trial, player=player), iterations=iterations
    )


def _iterations(family: Family) -> tuple[int, int]:
    return (160, 1600) if family.horizon == 1 else (30, 600)


def es(
    *, hidden: int = 8, population: int = 64, num_tasks: int = 32, sigma: float = 0.3,
    beta: float = 0.03, optimizer: str = "adam", estimator: str = "antithetic",
    directions: str = "gaussian", shaping: str = "ranks", decay: float = 0.0,
    executor: Any = None, num_slices: int = 8,
) -> Learner:  # fmt: skip
    """Evolve the weights of a GRU of `hidden` units that plays as RL^2 does.

    `population` members on `num_tasks` common tasks, `sigma` away; `beta` (three times as long in
    a short budget) and `optimizer` (sgd, momentum, adam); `estimator` vanilla, antithetic or
    forward; `directions` gaussian or orthogonal; `shaping` ranks or none; `decay` of the weights.
    `executor` evaluates the population elsewhere, in at most `num_slices` slices: no fewer than
    there are workers, or some are idle. ValueError or TypeError out of range.
    """
    known: dict[str, Any] = {
        "population": population, "num_tasks": num_tasks, "sigma": sigma, "optimizer": optimizer,
        "estimator": estimator, "directions": directions, "shaping": shaping, "decay": decay,
        "executor": executor, "num_slices": num_slices,
    }  # fmt: skip
    player = players.recurrent_player(whole("hidden", hidden))
    hasty = evolve(player, _iterations, beta=3 * real("beta", beta, 0), **known)
    return evolve(player, _iterations, beta=beta, **known)._replace(short=hasty)
