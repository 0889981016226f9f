"""A genetic algorithm: the best members have children, by crossover and mutation.

A population has P members with D entries each. The fitness of a member is its return of a whole
trial, as a mean over M tasks that are the same for all members. In this module, K is the selection
pressure: the number of parents in (1), the size of a tournament in (2).

    (1)  truncation: a parent is one of the K best members, each with probability 1 / K
                                                           [Such et al. 2017, alg. 1]
    (2)  tournament: a parent is the best of K members that are drawn with replacement; the member
         that r others surpass wins with probability ((P - r)^K - (P - r - 1)^K) / P^K
                                                           [Baeck 1996, sec. 5.2; derivation]
    (3)  uniform crossover: each entry comes from either parent with probability 1/2
                                                           [Syswerda 1989]
    (4)  one-point crossover: the first c entries come from one parent, c uniform on 1 .. D - 1
                                                           [Holland 1975]
    (5)  mutation: with the mutation probability, an entry gains sigma N(0, 1)
                                                           [Baeck 1996, sec. 2.1]
    (6)  elitism: the E best members live on unchanged     [De Jong 1975]
    (7)  in generation i of n, with x = min(i / n, 1): mutation by sigma / 10^x, fitness on
         M 16^x tasks                                      [definition]

The probability in (2):
- No drawn member surpasses the winner if all K draws fall on the P - r others that are left: this
  has probability ((P - r) / P)^K.
- It includes the draws without the member itself, of probability ((P - r - 1) / P)^K.

The constants of (7):
- A mutation changes the fitness in proportion to sigma. Small steps are needed near an optimum, so
  sigma falls to a tenth, and so do the differences of fitness between members.
- The standard error of a fitness falls as 1 / sqrt(M). Differences and error would stay in
  proportion with 100 times the tasks; 16 times the tasks bring a quarter of the error.
- 16^x has the mean 15 / ln 16 = 5.4 over a run: that is the price.

The elite comes first in the population, the best member first. That member plays in trials. With
`elites=0` a child plays that was never evaluated.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple

import numpy as np

from metarl_min.basics import trees, words
from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.evolution import executors, generations, players, search_gradients
from metarl_min.evolution.generations import Update
from metarl_min.evolution.players import Player
from metarl_min.learners import Learner
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Family

BREEDING_STREAM = 3  # the random stream of a key that breeds


def truncation(rng: Rng, fitness: Array, num: int, num_parents: int) -> Array:
    """Return the places of parents in the population, eq. (1). fitness [P] -> [num]"""
    return np.argsort(-fitness, kind="stable")[rng.integers(num_parents, size=num)]


def tournament(rng: Rng, fitness: Array, num: int, tournament_size: int) -> Array:
    """Return the places of parents in the population, eq. (2). fitness [P] -> [num]

    Of equal members the first in the population wins.

    >>> tournament(np.random.default_rng(0), np.array([0.3, 0.9, 0.1]), 4, tournament_size=50)
    array([1, 1, 1, 1])
    """
    order = np.argsort(-fitness, kind="stable")
    return order[rng.integers(len(fitness), size=(num, tournament_size)).min(1)]


def uniform_crossover(rng: Rng, one: Array, other: Array) -> Array:
    """Return the children of parents `one` and `other`, eq. (3). [n, D], [n, D] -> [n, D]"""
    return np.where(rng.random(one.shape) < 0.5, one, other)


def one_point_crossover(rng: Rng, one: Array, other: Array) -> Array:
    """Return the children of parents `one` and `other`, eq. (4). [n, D], [n, D] -> [n, D]

    With D = 1 a child is a copy of `one`.
    """
    n, D = one.shape
    cut = rng.integers(1, max(D, 2), size=(n, 1))
    return np.where(np.arange(D) < cut, one, other)


def mutate(rng: Rng, x: Array, probability: float, sigma: float) -> Array:
    """Return mutated members, eq. (5). [n, D] -> [n, D]"""
    step = sigma * rng.standard_normal(x.shape)
    return np.where(rng.random(x.shape) < probability, x + step, x).astype(x.dtype)


SELECTION = {"truncation": truncation, "tournament": tournament}
CROSSOVER = {"uniform": uniform_crossover, "one_point": one_point_crossover}


class Breeding(NamedTuple):
    """Settings of a search by eqs. (1)-(7).

    population  number of members P
    num_tasks   number of tasks M on which every member plays at the start
    elites      number of members E that live on unchanged
    selection   truncation or tournament
    pressure    number of parents of truncation, or size of a tournament
    crossover   uniform or one_point
    chance      mutation probability of an entry
    sigma       standard deviation of a mutation at the start
    iterations  number n of generations over which mutations become smaller and tasks more
    num_slices  most slices into which an executor cuts the population

    `executor` evaluates the population elsewhere; None evaluates it in this process.
    """

    population: int = 64
    num_tasks: int = 32
    elites: int = 4
    selection: Annotated[Callable[..., Array], SELECTION] = truncation
    pressure: int = 32
    crossover: Annotated[Callable[..., Array], CROSSOVER] = uniform_crossover
    chance: float = 0.1
    sigma: float = 0.5
    iterations: int | None = None
    executor: Any = None
    num_slices: int = 8


class State(NamedTuple):
    """What the next step needs."""

    population: Tree  # [P, ..], the elite first
    generation: int
    last_update: Update


class Info(NamedTuple):
    """What a person wants to see of a step."""

    per_episode: Array  # [N] return of each episode, of the best member


def schedule(breeding: Breeding, generation: int) -> tuple[float, int]:
    """Return sigma and the number of tasks of a generation, eq. (7)."""
    x = min(generation / breeding.iterations, 1.0)
    return float(breeding.sigma / 10**x), round(breeding.num_tasks * 16**x)


def breed(rng: Rng, breeding: Breeding, population: Array, fitness: Array, sigma: float) -> Array:
    """Return the next generation, eqs. (1)-(6). [P, D] -> [P, D]

    >>> one_parent = Breeding(population=3, elites=1, pressure=1, chance=0.0)
    >>> population, fitness = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([0, 9, 1])
    >>> breed(np.random.default_rng(0), one_parent, population, fitness, sigma=0.5)
    array([[3., 4.],
           [3., 4.],
           [3., 4.]])
    """
    best = np.argsort(-fitness, kind="stable")[: breeding.elites]
    num_children = breeding.population - breeding.elites
    one = population[breeding.selection(rng, fitness, num_children, breeding.pressure)]
    other = population[breeding.selection(rng, fitness, num_children, breeding.pressure)]
    children = breeding.crossover(rng, one, other)
    children = mutate(rng, children, breeding.chance, sigma)
    return np.concatenate([population[best], children])


def evaluate(
    state: State, key: int, start: int, stop: int, player: Player, breeding: Breeding
) -> Array:
    """Return the returns of the members start .. stop - 1. [stop - start, N]"""
    members = trees.map_leaves(lambda x: x[start:stop], state.population)
    _, num_tasks = schedule(breeding, state.generation)
    return players.returns(player, members, key, num_tasks)


def apply_update(state: State, key: int, fitness: Array, breeding: Breeding) -> State:
    """Return the state with the next generation, bred by the fitness [P] of this one."""
    rng = np.random.default_rng([key, BREEDING_STREAM])
    fitness = search_gradients.require_finite(fitness)
    sigma, _ = schedule(breeding, state.generation)
    rows = breed(rng, breeding, trees.flatten_tasks(state.population), fitness, sigma)
    _, unravel = trees.ravel(trees.map_leaves(lambda x: x[0], state.population))
    last_update = Update(digest=generations.digest(state), key=key, fitness=fitness)
    return State(population=unravel(rows), generation=state.generation + 1, last_update=last_update)


def _init(rng: Rng, player: Player, breeding: Breeding) -> State:
    members = [player.init(rng) for _ in range(breeding.population)]
    rows = np.stack([trees.ravel(theta)[0] for theta in members])
    rows = mutate(rng, rows, 1.0, breeding.sigma)
    _, unravel = trees.ravel(members[0])
    last_update = generations.no_update(breeding.population)
    return State(population=unravel(rows), generation=0, last_update=last_update)


def _step(
    rng: Rng, state: State, player: Player, breeding: Breeding, executor: Any
) -> tuple[State, Info]:
    key = int(rng.integers(2**62))
    evaluation = partial(evaluate, player=player, breeding=breeding)
    update = partial(apply_update, breeding=breeding)
    returns = generations.returns(executor, breeding.num_slices, state, key, evaluation, update)
    fitness = returns.sum(-1)
    return update(state, key, fitness), Info(returns[fitness.argmax()])


def _trial(rng: Rng, state: State, tasks: MDP, greedy: bool = False, *, player: Player) -> Episodes:
    best = trees.map_leaves(lambda x: x[0], state.population)
    return players.play_one(player, rng, best, tasks, greedy)


def check(breeding: Breeding) -> None:
    """Check the settings of a genetic search; ValueError or TypeError out of range."""
    P = whole("population", breeding.population, low=2)
    E = whole("elites", breeding.elites, low=0)
    require(E < P, "elites must be fewer than the population", E)
    K = whole("pressure", breeding.pressure)
    require(K <= P, f"pressure must be at most {P}", K)
    for name in ("num_tasks", "iterations", "num_slices"):
        whole(name, getattr(breeding, name))
    for name in ("selection", "crossover"):
        if not callable(getattr(breeding, name)):
            raise TypeError(f"{name} must be a function, got {getattr(breeding, name)!r}")
    real("chance", breeding.chance, 0, 1)
    require(real("sigma", breeding.sigma) > 0, "sigma must be positive", breeding.sigma)
    executors.check(breeding.executor)


def genetic_search(
    player: Player, breeding: Breeding, settings: dict[str, Any] | None = None
) -> Learner:
    """Return the learner that breeds the parameters of any player."""
    check(breeding)
    rules = {"player": player, "breeding": breeding._replace(executor=None)}
    return Learner(
        family=player.family,
        init=partial(_init, **rules),
        step=partial(_step, **rules, executor=breeding.executor),
        trial=partial(_trial, player=player),
        iterations=breeding.iterations,
        settings=settings or {},
    )


BREEDING = Breeding()


def ga(family: Family, *, hidden: int = 8, **breeding: Annotated[Any, BREEDING]) -> Learner:
    """Return a learner that breeds the weights of a GRU, which plays as RL^2 does, eqs. (1)-(7).

    hidden  number of hidden units of the GRU

    `breeding` holds fields of `Breeding`. ValueError or TypeError out of range.
    """
    player = players.recurrent_player(family, whole("hidden", hidden))
    iterations = 600 if family.horizon == 1 else 300
    resolved = Breeding(**(BREEDING._asdict() | {"iterations": iterations} | breeding))
    settings = words.describe(ga, {"hidden": hidden, **resolved._asdict()})
    return genetic_search(player, resolved, settings)
