"""Evolution strategies: theta ascends a smoothed fitness, search_gradients (1).

The fitness F of a member is the return of a trial, averaged over M tasks. The return is the sum of
the rewards of all episodes, so the rewards of the exploration count too. Each return is divided by
`tasks.reward_unit`. So if all rewards are multiplied by a positive number, the search changes only
by rounding. The estimate g of search_gradients (2), (3) or (4) is computed from F, or from the
ranks of F by search_gradients (10). Then theta ascends:

    (1)  theta <- theta + beta (g - decay theta)              [Salimans et al. 2017, sec. 2.1]

The decay keeps theta small. This is useful, because sigma e has less effect if theta is large. The
optimizer sgd takes the step (1). Momentum and Adam are (2) and (3) of the module `optimizers`. They
use g - decay theta as the gradient. An optimizer has a function `update(theta, state, direction)`,
which returns the next theta and the next state of the optimizer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Annotated, Any, NamedTuple

import numpy as np

from metarl_min.basics import optimizers, trees, words
from metarl_min.basics.arguments import function, generator, instance, real, require, whole
from metarl_min.basics.optimizers import OPTIMIZERS, Optimizer
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.evolution import executors, generations, players, search_gradients
from metarl_min.evolution.fitness import Summary, summary
from metarl_min.evolution.generations import Update
from metarl_min.evolution.players import Player
from metarl_min.evolution.search_gradients import DIRECTIONS, ESTIMATORS, SHAPING, Estimator
from metarl_min.learners import Learner
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Family, reward_unit


def _check_search(*fields: Any) -> tuple[Any, ...]:
    """Return the fields of `Search`. Each number becomes an int or a float of Python."""
    by_name = dict(zip(Search._fields, fields, strict=True))
    for name in ("population", "num_tasks"):
        by_name[name] = whole(name, by_name[name])
    for name in ("sigma", "beta", "decay"):  # the limit of sigma is checked below
        by_name[name] = real(name, by_name[name], -np.inf if name == "sigma" else 0)
    require(by_name["sigma"] > 0, "sigma must be positive", by_name["sigma"])
    if not isinstance(by_name["estimator"], Estimator):
        raise TypeError(f"estimator must be an Estimator, got {by_name['estimator']!r}")
    for name in ("optimizer", "directions", "shaping"):
        function(name, by_name[name])
    search_gradients.num_directions(by_name["estimator"], by_name["population"])
    by_name["num_slices"] = executors.check_slices(by_name["executor"], by_name["num_slices"])
    return tuple(by_name.values())


@checked(_check_search)
class Search(NamedTuple):
    """Settings of a search by eq. (1).

    population  number of members P of a generation
    num_tasks   number of tasks M on which every member plays
    sigma       standard deviation of the noise that is added to each entry of theta
    beta        step size of the optimizer
    optimizer   sgd, momentum or adam
    estimator   vanilla (one-sided), antithetic or forward (forward difference)
    directions  gaussian or orthogonal
    shaping     ranks (they replace the fitness) or none
    decay       this number times theta is subtracted from the gradient
    num_slices  largest number of slices of the population, by default 8; for an executor only

    If there are fewer slices than workers, some workers are idle.

    `executor` evaluates the members on workers, as in the module `executors`; if it is None, they
    are evaluated in this process. ValueError or TypeError if a setting is out of range.
    """

    # In `Annotated[.., table]`, the command line accepts the keys of the table.
    population: int = 64
    num_tasks: int = 32
    sigma: float = 0.3
    beta: float = 0.03
    optimizer: Annotated[Callable[[float], Optimizer], OPTIMIZERS] = optimizers.adam
    estimator: Annotated[Estimator, ESTIMATORS] = ESTIMATORS["antithetic"]
    directions: Annotated[Callable[..., Array], DIRECTIONS] = search_gradients.gaussian_directions
    shaping: Annotated[Callable[[Array], Array], SHAPING] = search_gradients.centred_ranks
    decay: float = 0.0
    executor: Any = None
    num_slices: int | None = None


class State(NamedTuple):
    """The state of a search between two generations."""

    theta: Tree
    optimizer: Any
    last_update: Update


class Info(NamedTuple):
    """A report on one step, for the user."""

    per_episode: Array  # [N] return of each episode, averaged over the population
    fitness: Summary  # summary of the returns of all members, which are not divided by the unit
    alpha: float | None = None  # for es_maml, the step size of the adaptation


@lru_cache(maxsize=1)
def _directions(draw: Any, key: int, start: int, stop: int, D: int, dtype: Any) -> Array:
    """Return the directions start .. stop - 1, rounded to numbers of `dtype`, as float64.

    The last result is cached: if there is no executor, `apply_update` needs the directions that
    `members` has just drawn. Both compute with them in float64.
    """
    e: Array = draw(key, np.arange(start, stop), D)
    return e.astype(dtype, copy=False).astype(float, copy=False)


def members(search: Search, theta: Tree, key: int, start: int, stop: int) -> Tree:
    """Return members start .. stop - 1, [stop - start, ..]; ValueError if they are not finite."""
    vector, unravel = trees.ravel(theta)
    indices, signs = search_gradients.direction_and_sign(search.estimator, np.arange(start, stop))
    first, last = indices[0], indices[-1]
    e = _directions(search.directions, key, first, last + 1, len(vector), vector.dtype)
    with np.errstate(over="ignore"):  # `trees.check` refuses a number that the dtype cannot hold
        steps = (search.sigma * e).astype(vector.dtype)  # computed once for both signs
        rows = steps.take(indices - first, axis=0)  # a copy, [stop - start, D]
        rows *= signs[:, None].astype(rows.dtype)
        rows += vector  # theta + sigma s e_i
    # If the sum of the squares is finite, all entries are finite. One sum is a faster test.
    is_finite = math.isfinite(np.vdot(rows, rows))
    return unravel(rows) if is_finite else trees.check(unravel(rows))


def evaluate(
    state: State, key: int, start: int, stop: int, player: Player, search: Search, unit: float
) -> Array:
    """Return the returns of the members start .. stop - 1, divided by `unit`. [stop - start, N]"""
    thetas = members(search, state.theta, key, start, stop)
    return players.mean_returns(player, thetas, key, search.num_tasks, unit)


def apply_update(
    state: State, key: int, fitness: Array, search: Search, optimizer: Optimizer
) -> State:
    """Return the state after a generation with this fitness [P], eq. (1)."""
    F = search_gradients.require_finite(fitness)
    vector, unravel = trees.ravel(state.theta)
    n = search_gradients.num_directions(search.estimator, search.population)
    e = _directions(search.directions, key, 0, n, len(vector), vector.dtype)
    g = search.estimator.gradient(search.shaping(F), e, search.sigma) - search.decay * vector
    direction = unravel(g.astype(vector.dtype))
    theta, moments = optimizer.update(state.theta, state.optimizer, direction)
    last_update = Update(digest=generations.digest(state), key=key, fitness=F)
    return State(theta=theta, optimizer=moments, last_update=last_update)


def _init(rng: Rng, player: Player, search: Search, optimizer: Optimizer) -> State:
    theta = player.init(generator("rng", rng))
    last_update = generations.no_update(search.population)
    return State(theta=theta, optimizer=optimizer.init(theta), last_update=last_update)


def _step(
    rng: Rng, state: State, player: Player, search: Search, optimizer: Optimizer, executor: Any,
    unit: float,
) -> tuple[State, Info]:  # fmt: skip
    instance("state", state, State)
    key = int(generator("rng", rng).integers(2**62))
    evaluation = partial(evaluate, player=player, search=search, unit=unit)
    update = partial(apply_update, search=search, optimizer=optimizer)
    returns = generations.returns(executor, search.num_slices, state, key, evaluation, update)
    F = returns.sum(-1)
    new = update(state, key, F)
    return new, Info(per_episode=unit * returns.mean(0), fitness=summary(unit * F))


def _trial(rng: Rng, state: State, tasks: MDP, greedy: bool = False, *, player: Player) -> Episodes:
    return players.play_one(player, rng, instance("state", state, State).theta, tasks, greedy)


def evolve(
    player: Player, search: Search, iterations: int, settings: dict[str, Any] | None = None
) -> Learner:
    """Return the learner that searches the parameters of any player by eq. (1)."""
    instance("player", player, Player)
    optimizer = instance("search", search, Search).optimizer(search.beta)
    executors.require_effect(search.executor, search.num_slices)
    shared: dict[str, Any] = {
        "player": player,
        "search": search._replace(executor=None),  # sent to the workers; an executor cannot be sent
        "optimizer": instance("the result of optimizer", optimizer, Optimizer),
    }
    return Learner(
        family=player.family,
        init=partial(_init, **shared),
        step=partial(_step, **shared, executor=search.executor, unit=reward_unit(player.family)),
        trial=partial(_trial, player=player),
        iterations=whole("iterations", iterations),
        settings=settings or {},
    )


SEARCH = Search()


def es(family: Family, *, hidden: int = 8, **search: Annotated[Any, SEARCH]) -> Learner:
    """Return a learner that plays as RL^2 does, and evolves the weights of its GRU by eq. (1).

    hidden  number of hidden units of the GRU

    `search` holds fields of `Search`. ValueError or TypeError if a setting is out of range.
    """
    hidden = whole("hidden", hidden)
    player = players.recurrent_player(instance("family", family, Family), hidden)
    resolved = Search(**(SEARCH._asdict() | search))
    settings = words.describe(es, {"hidden": hidden, **resolved._asdict()})
    return evolve(player, resolved, 1600 if family.horizon == 1 else 600, settings)
