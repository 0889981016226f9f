"""A genetic algorithm: the best members have children, by crossover and mutation.

A population has P members with D entries each. The fitness of a member is the return of a trial,
averaged over M tasks, which are the same for all members. The E best members are called the elite.
The other members of the next generation are children, made by genetic_operators (1)-(5): selection
of two parents, crossover and mutation. In this module, a run has the generations i = 0 .. n - 1,
and x is an exponent that grows from 0 to 1 during the run:

    (1)  elitism: the E best members live on unchanged     [De Jong 1975]
    (2)  generation i uses sigma / 10^x instead of sigma, and M 16^x tasks instead of M tasks;
         x = min(i / n, 1)
                                                           [definition]

These are the reasons for the numbers 10 and 16 in (2):
- Near an optimum only small mutations help, so sigma falls to a tenth during a run.
- Away from an optimum, the differences of fitness between members are proportional to sigma, so
  they fall to a tenth too. Close to a smooth optimum they are proportional to sigma^2.
- If the standard error of a fitness did not fall, it would hide these differences. It is
  proportional to 1 / sqrt(M). With 100 M tasks at the end, it would also fall to a tenth, but this
  is too expensive. With 16 M tasks, it falls to a quarter.
- The mean of 16^x for x from 0 to 1 is 15 / ln 16 = 5.4. So a run needs 5.4 times the tasks of a
  run with constant M.

From the second generation on, the elite comes first in the population, and the best member comes
first in the elite. The trained learner plays with the first member only. If `elites` is 0, the
first member is a child that was never evaluated.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple

import numpy as np

from metarl_min.basics import trees, words
from metarl_min.basics.arguments import floats, function, generator, instance, real, require, whole
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.evolution import executors, generations, genetic_operators, players
from metarl_min.evolution.fitness import Summary, require_finite, summary
from metarl_min.evolution.generations import Update
from metarl_min.evolution.genetic_operators import CROSSOVER, SELECTION, mutate
from metarl_min.evolution.players import Player
from metarl_min.learners import Learner
from metarl_min.mdps.mdp import MAX_COUNT, MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Family, reward_unit

BREEDING_STREAM = 3  # children are bred with the generator seeded by [key, 3]


def _check_breeding(*fields: Any) -> tuple[Any, ...]:
    """Return the fields of `Breeding`. Each number becomes an int or a float of Python."""
    by_name = dict(zip(Breeding._fields, fields, strict=True))
    lowest = {"population": 2, "elites": 0, "pressure": 1, "num_tasks": 1}
    by_name |= {name: whole(name, by_name[name], low, MAX_COUNT) for name, low in lowest.items()}
    P, elites, pressure = (by_name[name] for name in ("population", "elites", "pressure"))
    require(elites < P, "elites must be fewer than the population", elites)
    require(pressure <= P, f"pressure must be at most {P}", pressure)
    for name in ("selection", "crossover"):
        function(name, by_name[name])
    chance, sigma = real("chance", by_name["chance"], 0, 1), real("sigma", by_name["sigma"])
    require(sigma > 0, "sigma must be positive", sigma)
    by_name["num_slices"] = executors.check_slices(by_name["executor"], by_name["num_slices"])
    return tuple((by_name | {"chance": chance, "sigma": sigma}).values())


@checked(_check_breeding)
class Breeding(NamedTuple):
    """Settings of a genetic search.

    population  number of members P
    num_tasks   number of tasks M on which every member plays at the start
    elites      number E of members that live on unchanged
    selection   truncation or tournament
    pressure    number of best members from which truncation draws, or size of a tournament
    crossover   uniform or one_point
    chance      mutation probability of an entry
    sigma       standard deviation of a mutation at the start
    num_slices  largest number of slices of the population, by default 8; for an executor only

    `executor` evaluates the members on workers, as in the module `executors`; if it is None, they
    are evaluated in this process. ValueError or TypeError if a setting is out of range.
    """

    population: int = 64
    num_tasks: int = 32
    elites: int = 4
    selection: Annotated[Callable[..., Array], SELECTION] = genetic_operators.truncation
    pressure: int = 32
    crossover: Annotated[Callable[..., Array], CROSSOVER] = genetic_operators.uniform_crossover
    chance: float = 0.1
    sigma: float = 0.5
    executor: Any = None
    num_slices: int | None = None


class State(NamedTuple):
    """The state of a search between two generations."""

    population: Tree  # [P, ..], the elite first from the second generation on
    generation: int
    last_update: Update


class Info(NamedTuple):
    """A report on one step, for the user."""

    per_episode: Array  # [N] return of the best member in each episode
    fitness: Summary  # summary of the returns of all members, which are not divided by the unit


def schedule(breeding: Breeding, generation: int, iterations: int) -> tuple[float, int]:
    """Return sigma and the number of tasks of a generation, eq. (2); n is `iterations`."""
    instance("breeding", breeding, Breeding)
    x = min(whole("generation", generation, 0) / whole("iterations", iterations), 1.0)
    return float(breeding.sigma / 10**x), round(breeding.num_tasks * 16**x)


def breed(rng: Rng, breeding: Breeding, population: Array, fitness: Array, sigma: float) -> Array:
    """Return the next generation, eq. (1) and genetic_operators (1)-(5). [P, D] -> [P, D]

    >>> one_parent = Breeding(population=2, elites=1, pressure=1, chance=0.0)
    >>> population, fitness = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.2, 0.9])
    >>> breed(np.random.default_rng(0), one_parent, population, fitness, sigma=0.5)
    array([[3., 4.],
           [3., 4.]])
    """
    P = instance("breeding", breeding, Breeding).population
    fitness = require_finite(fitness)
    shape = floats("population", population).shape
    fits = len(shape) == 2 and shape[0] == len(fitness) == P
    require(fits, f"population must be [{P}, D], with a fitness for each member", shape)
    elite = np.argsort(-fitness, kind="stable")[: breeding.elites]
    num_children, pressure = P - breeding.elites, breeding.pressure
    # The two parents of a child are drawn independently, so they may be the same member.
    one = population[breeding.selection(rng, fitness, num_children, pressure)]
    other = population[breeding.selection(rng, fitness, num_children, pressure)]
    mutation_probability = breeding.chance
    children = mutate(rng, breeding.crossover(rng, one, other), mutation_probability, sigma)
    return np.concatenate([population[elite], children])


def evaluate(
    state: State, key: int, start: int, stop: int, player: Player, breeding: Breeding,
    iterations: int, unit: float,
) -> Array:  # fmt: skip
    """Return the returns of the members start .. stop - 1, divided by `unit`. [stop - start, N]"""
    members = trees.map_leaves(lambda x: x[start:stop], state.population)
    _, num_tasks = schedule(breeding, state.generation, iterations)
    return players.mean_returns(player, members, key, num_tasks, unit)


def apply_update(
    state: State, key: int, fitness: Array, breeding: Breeding, iterations: int
) -> State:
    """Return the next state, bred from the population of `state`, which has this fitness [P]."""
    rng = np.random.default_rng([key, BREEDING_STREAM])
    fitness = require_finite(fitness)
    sigma, _ = schedule(breeding, state.generation, iterations)
    vectors = trees.flatten_tasks(state.population)  # the first axis is P here: [P, ..] -> [P, D]
    rows = breed(rng, breeding, vectors, fitness, sigma)
    _, unravel = trees.ravel(trees.map_leaves(lambda x: x[0], state.population))
    last_update = Update(digest=generations.digest(state), key=key, fitness=fitness)
    return State(population=unravel(rows), generation=state.generation + 1, last_update=last_update)


def _init(rng: Rng, *, player: Player, breeding: Breeding) -> State:
    generator("rng", rng)
    members = [player.init(rng) for _ in range(breeding.population)]
    _, unravel = trees.ravel(members[0])
    rows = np.stack([trees.ravel(theta)[0] for theta in members])
    # `player.init` draws the first population, and every entry is mutated once.
    population = unravel(mutate(rng, rows, 1.0, breeding.sigma))
    last_update = generations.no_update(breeding.population)
    return State(population=population, generation=0, last_update=last_update)


def _step(
    rng: Rng, state: State, *, player: Player, breeding: Breeding, iterations: int, executor: Any,
    unit: float,
) -> tuple[State, Info]:  # fmt: skip
    instance("state", state, State)
    key = int(generator("rng", rng).integers(2**62))
    update = partial(apply_update, breeding=breeding, iterations=iterations)
    evaluation = partial(
        evaluate, player=player, breeding=breeding, iterations=iterations, unit=unit
    )
    returns = generations.returns(executor, breeding.num_slices, state, key, evaluation, update)
    fitness = returns.sum(-1)
    new, best = update(state, key, fitness), unit * returns[fitness.argmax()]
    return new, Info(per_episode=best, fitness=summary(unit * fitness))


def _trial(rng: Rng, state: State, tasks: MDP, greedy: bool = False, *, player: Player) -> Episodes:
    best = trees.map_leaves(lambda x: x[0], instance("state", state, State).population)
    return players.play_one(player, rng, best, tasks, greedy)


def genetic_search(
    player: Player, breeding: Breeding, iterations: int, settings: dict[str, Any] | None = None
) -> Learner:
    """Return the learner that breeds the parameters of any player in n = `iterations` steps."""
    instance("player", player, Player)
    instance("breeding", breeding, Breeding)
    executors.require_effect(breeding.executor, breeding.num_slices)
    without_executor = breeding._replace(executor=None)  # an executor cannot be sent to workers
    step = partial(_step, player=player, breeding=without_executor, executor=breeding.executor)
    iterations = whole("iterations", iterations)
    return Learner(
        family=player.family,
        init=partial(_init, player=player, breeding=without_executor),
        step=partial(step, iterations=iterations, unit=reward_unit(player.family)),
        trial=partial(_trial, player=player),
        iterations=iterations,
        settings=settings or {},
        schedule_end=iterations,  # the schedule (2) ends here, and a longer training is refused
        schedule="the mutations become ten times smaller",
    )


BREEDING = Breeding()


def ga(
    family: Family,
    *,
    hidden: int = 8,
    iterations: int | None = None,
    **breeding: Annotated[Any, BREEDING],
) -> Learner:
    """Return a learner that plays as RL^2 does, and breeds the weights of its GRU, eqs. (1), (2).

    hidden      number of hidden units of the GRU
    iterations  number n of generations in (2); by default 600 for bandits and 300 for other
                families

    `breeding` holds fields of `Breeding`. ValueError or TypeError if a setting is out of range.
    """
    hidden = whole("hidden", hidden)
    player = players.recurrent_player(instance("family", family, Family), hidden)
    default = 600 if family.horizon == 1 else 300
    n = default if iterations is None else iterations
    resolved = Breeding(**(BREEDING._asdict() | breeding))
    settings = words.describe(ga, {"hidden": hidden, "iterations": n, **resolved._asdict()})
    return genetic_search(player, resolved, n, settings)
