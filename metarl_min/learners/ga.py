"""A genetic algorithm: members that earn much have children, crossed and mutated.

P members of D entries, fitness the mean return of a trial on tasks common to all:

    (1)  truncation: a parent is one of the K best, each with chance 1 / K
                                                           [Such et al. 2017, alg. 1]
    (2)  tournament: the best of K drawn with replacement; the one with r better than it wins with
         chance ((P - r)^K - (P - r - 1)^K) / P^K          [Baeck 1996, sec. 5.2; derivation]
    (3)  uniform crossover: each entry from either parent with chance 1/2
                                                           [Syswerda 1989]
    (4)  one-point crossover: the first c entries from one parent, c uniform on 1 .. D - 1
                                                           [Holland 1975]
    (5)  mutation: with chance m an entry gains sigma N(0, 1), else nothing
                                                           [Baeck 1996, sec. 2.1]
    (6)  elitism: the E best live on unchanged             [De Jong 1975]
    (7)  generation i of n, x = min(i / n, 1): mutation by sigma / 10^x, fitness on M 16^x tasks,
         for what is selected late differs by less than early fitness can tell
                                                           [derivation]

The elite stands first, best before second best on the tasks of the last generation, and its first
is who plays; without an elite, a child that was never judged.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.evolution import executors, generations, players, search_gradients
from metarl_min.evolution.generations import Update
from metarl_min.evolution.players import Player
from metarl_min.learners import Learner
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Family


def truncation(rng: Rng, fitness: Array, num: int, best: int) -> Array:
    """Parents by eq. (1): places in the population. fitness [P] -> [num]"""
    return np.argsort(-fitness, kind="stable")[rng.integers(best, size=num)]


def tournament(rng: Rng, fitness: Array, num: int, rivals: int) -> Array:
    """Parents by eq. (2); of equals the first in the population wins. [P] -> [num]"""
    order = np.argsort(-fitness, kind="stable")
    return order[rng.integers(len(fitness), size=(num, rivals)).min(1)]


def uniform_crossover(rng: Rng, one: Array, other: Array) -> Array:
    """Children by eq. (3). [n, D], [n, D] -> [n, D]"""
    return np.where(rng.random(one.shape) < 0.5, one, other)


def one_point_crossover(rng: Rng, one: Array, other: Array) -> Array:
    """Children by eq. (4); with a single entry, `one`. [n, D], [n, D] -> [n, D]"""
    n, D = one.shape
    cut = rng.integers(1, max(D, 2), size=(n, 1))
    return np.where(np.arange(D) < cut, one, other)


def mutate(rng: Rng, x: Array, chance: float, sigma: float) -> Array:
    """Eq. (5). [n, D] -> [n, D]"""
    step = sigma * rng.standard_normal(x.shape)
    return np.where(rng.random(x.shape) < chance, x + step, x).astype(x.dtype)


SELECTION = {"truncation": truncation, "tournament": tournament}
CROSSOVER = {"uniform": uniform_crossover, "one_point": one_point_crossover}


class State(NamedTuple):
    """What the next step needs."""

    population: Tree  # [P, ..], the elite first
    generation: int
    told: Update


class Info(NamedTuple):
    """What a person wants to see of a step."""

    per_episode: Array  # [N] return of each episode, of the best member


class Rules(NamedTuple):
    """How a generation follows from the last. Selection and crossover by name."""

    player: Player
    size: int
    num_tasks: int
    elites: int
    selection: str
    pressure: int  # K of eqs. (1), (2)
    crossover: str
    chance: float
    sigma: float
    iterations: Any  # n of eq. (7); None: the budget


def schedule(sigma: float, num_tasks: int, done: float) -> tuple[float, int]:
    """Mutation and number of tasks by eq. (7), `done` i / n."""
    x = min(done, 1.0)
    return float(sigma / 10**x), round(num_tasks * 16**x)


def breed(rng: Rng, rules: Rules, population: Array, fitness: Array, sigma: float) -> Array:
    """Return the next generation, eqs. (1)-(6). [P, D] -> [P, D]"""
    best = np.argsort(-fitness, kind="stable")[: rules.elites]
    select = partial(SELECTION[rules.selection], rng, fitness, rules.size - rules.elites)
    one, other = (population[select(rules.pressure)] for _ in range(2))
    children = CROSSOVER[rules.crossover](rng, one, other)
    children = mutate(rng, children, rules.chance, sigma)
    return np.concatenate([population[best], children])


def _init(rng: Rng, family: Family, rules: Rules) -> State:
    each = [rules.player.init(rng, family) for _ in range(rules.size)]
    rows = np.stack([trees.ravel(theta)[0] for theta in each])
    unravel = trees.ravel(each[0])[1]
    rows = mutate(rng, rows, 1.0, rules.sigma)
    return State(unravel(rows), 0, generations.no_update(rules.size))


def play(state: State, key: int, first: int, end: int, rules: Rules, family: Family) -> Array:
    """Returns of members first .. end - 1. [end - first, N]"""
    some = trees.map_leaves(lambda x: x[first:end], state.population)
    _, num_tasks = schedule(rules.sigma, rules.num_tasks, state.generation / rules.iterations)
    return players.returns(rules.player, family, some, key, num_tasks)


def advance(state: State, key: int, fitness: Array, rules: Rules) -> State:
    """The next generation, bred by the fitness [P] of this one."""
    fitness, rng = search_gradients.require_finite(fitness), np.random.default_rng([key, 3])
    sigma, _ = schedule(rules.sigma, rules.num_tasks, state.generation / rules.iterations)
    rows = breed(rng, rules, trees.flatten_tasks(state.population), fitness, sigma)
    unravel = trees.ravel(trees.map_leaves(lambda x: x[0], state.population))[1]
    told = Update(generations.digest(state), key, fitness)
    return State(unravel(rows), state.generation + 1, told)


def _step(
    rng: Rng, state: State, family: Family, rules: Rules, executor: Any, num_slices: int,
    budget: Callable[[Family], int],
) -> tuple[State, Info]:  # fmt: skip
    rules = rules._replace(iterations=rules.iterations or budget(family))
    key = int(rng.integers(2**62))
    ask, step = partial(play, rules=rules, family=family), partial(advance, rules=rules)
    returns = generations.returns(executor, num_slices, state, key, ask, step)
    fitness = returns.sum(-1)
    return step(state, key, fitness), Info(returns[fitness.argmax()])


def _trial(
    rng: Rng, state: State, family: Family, tasks: MDP, *, player: Player, greedy: bool = False
) -> Episodes:
    best = trees.map_leaves(lambda x: x[0], state.population)
    return players.play_one(player, rng, best, family, tasks, greedy)


def _budget(iterations: Callable[[Family], tuple[int, int]], place: int, family: Family) -> int:
    return iterations(family)[place]


def genetic_search(
    player: Player, iterations: Callable[[Family], tuple[int, int]], rules: dict[str, Any],
    executor: Any, num_slices: int,
) -> Learner:  # fmt: skip
    """A Learner that breeds the parameters of any player."""
    made = Rules(player=player, **rules)
    for name, known in (("selection", SELECTION), ("crossover", CROSSOVER)):
        value = getattr(made, name)
        require(value in known, f"{name} must be one of {', '.join(known)}", repr(value))
    whole("num_tasks", made.num_tasks)
    P = whole("population", made.size, low=2)
    E = whole("elites", made.elites, low=0)
    require(E < P, "elites must be fewer than the population", E)
    require(whole("pressure", made.pressure) <= P, f"pressure must be at most {P}", made.pressure)
    real("chance", made.chance, 0, 1)
    require(real("sigma", made.sigma) > 0, "sigma must be positive", made.sigma)
    executors.check(executor)
    if made.iterations is not None:
        whole("iterations", made.iterations)
    step = partial(_step, rules=made, executor=executor, num_slices=whole("num_slices", num_slices))
    init, trial = partial(_init, rules=made), partial(_trial, player=player)
    short, full = (partial(step, budget=partial(_budget, iterations, i)) for i in (0, 1))
    return Learner(init, full, trial, iterations=iterations, short=Learner(init, short, trial))


def _iterations(family: Family) -> tuple[int, int]:
    return (90, 600) if family.horizon == 1 else (22, 300)


def ga(
    *, hidden: int = 8, population: int = 64, num_tasks: int = 32, elites: int = 4,
    selection: str = "truncation", pressure: int = 32, crossover: str = "uniform",
    chance: float = 0.1, sigma: float = 0.5, iterations: int | None = None,
    executor: Any = None, num_slices: int = 8,
) -> Learner:  # fmt: skip
    """Breed the weights of a GRU of `hidden` units that plays as RL^2 does, eqs. (1)-(7).

    `population` on `num_tasks` common tasks (half as many in a short budget), `elites` of which
    live on; `selection` truncation to the `pressure` best, or tournament of so many; `crossover`
    uniform or one_point; an entry mutates with `chance` by `sigma`; over `iterations` sigma falls
    and the tasks become more. `executor` as in `evolution.es`. ValueError or TypeError out of
    range.
    """
    rules = {
        "size": population, "num_tasks": num_tasks, "elites": elites, "selection": selection,
        "pressure": pressure, "crossover": crossover, "chance": chance, "sigma": sigma,
        "iterations": iterations,
    }  # fmt: skip
    player = players.recurrent_player(whole("hidden", hidden))
    hasty = rules | {"num_tasks": -(-whole("num_tasks", num_tasks) // 2)}
    short = genetic_search(player, _iterations, hasty, executor, num_slices).short
    return genetic_search(player, _iterations, rules, executor, num_slices)._replace(short=short)
