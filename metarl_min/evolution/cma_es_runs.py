"""Runs of CMA-ES: the best point so far, reasons to stop, and a loop.

`begin` starts a run with a state of the module `cma_es`, and `advance` adds a generation. `stop`
returns a reason to end the run, or None. `maximise` calls these functions in a loop, and ends at
the first reason. `advance` also accepts a run that has a reason to stop.

In this module, m is the mean, l_i and b_i are the eigenvalues of C and its eigenvectors of length
1, and l_max is the largest l_i. F is the fitness of a point, and g is the number of generations.
(1)-(7) give the reasons, with the names of Hansen 2016. `Stop` lists the reasons in the same order,
with plain names. A run stops:

    (1)  ConditionCov: if the largest l_i is above 1e14 times the smallest   [Hansen 2016, sec. B.3]
    (2)  TolXUp: if sigma sqrt(l_max) is above 1e4 times its value at the start
                                                                    [Hansen 2016, sec. B.3]
    (3)  TolX: if, for all i, sigma sqrt(C_ii) and sigma |p_c,i| are below 1e-12 times the value of
         sigma sqrt(l_max) at the start                             [Hansen 2016, sec. B.3]
    (4)  NoEffectAxis: if, for some i, m + 0.1 sigma sqrt(l_i) b_i is equal to m in all entries
                                                                    [Hansen 2016, sec. B.3]
    (5)  NoEffectCoord: if m_i + 0.2 sigma sqrt(C_ii) is equal to m_i for some i
                                                                    [Hansen 2016, sec. B.3]
    (6)  EqualFunValues: if the largest F of a generation has been the same in the last
         10 + ceil(30 D / P) generations                            [Hansen 2016, sec. B.3]
    (7)  Stagnation: if neither the largest F nor the median F of a generation has risen in the last
         n = max(0.2 g, 120 + 30 D / P) generations, but at most 20,000; a series of n numbers has
         risen if the median of its last 30 % is above the median of its first 30 %
                                                                    [Hansen 2016, sec. B.3]

If no population is given, `maximise` uses this population:

    (8)  P = 4 + floor(3 ln D)                                      [Hansen 2016, eq. 48]

Hansen tests (4) with one axis in each generation. Here all axes are tested.

The reasons have these causes:
- (1): the fitness is a slope, or so noisy that the search learns nothing.
- (2): sigma was far too small at the start, or the fitness has no maximum.
- (3): the search has found a maximum.
- (4), (5): the steps are smaller than the distance between two floats near m.
- (6): the points lie on a plateau, or the differences of their fitness are lost in rounding.
- (7): the search is at a maximum, and noise in the fitness keeps the steps from becoming small.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import numpy as np

from metarl_min.basics.arguments import floats, function, generator, instance, require, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.evolution import cma_es, covariances
from metarl_min.evolution.cma_es import State


class Stop(Enum):
    """A reason to stop, with a sentence that explains the reason."""

    CONDITION = "the condition number of C is above 1e14"
    GROWTH = "sigma sqrt(l_max) has grown by a factor of 1e4"
    SMALL_STEPS = "all steps have shrunk by a factor of 1e12"
    NO_EFFECT_AXIS = "a step along an axis of C does not change the mean"
    NO_EFFECT_ENTRY = "a step in an entry does not change the mean"
    FLAT = "the largest fitness has been the same for many generations"
    STAGNATION = "the fitness has not become better for many generations"
    GENERATIONS = "the given number of generations is done"


class Run(NamedTuple):
    """A run after some generations."""

    start: State
    state: State
    best: Array  # [D] point with the largest fitness so far; before the first generation, the mean
    fitness: float  # fitness of this point; before the first generation, -inf
    population: int  # P of the last generation; before the first generation, 0
    # `largest` and `median` keep the last 20,000 generations of the run.
    largest: Array  # largest fitness of each generation
    median: Array  # median fitness of each generation


def begin(state: State) -> Run:
    """Return the run that begins with this state."""
    none = np.zeros(0)
    return Run(
        start=instance("state", state, State),
        state=state,
        best=state.mean.copy(),
        fitness=-math.inf,
        population=0,
        largest=none,
        median=none,
    )


def advance(run: Run, x: Array, F: Array) -> Run:
    """Return the run after a generation with points x [P, D] and fitness F [P].

    If several points have the largest fitness so far, `best` is the first of them. This function
    raises the errors of `cma_es.tell`.
    """
    state = cma_es.tell(instance("run", run, Run).state, x, F)
    F = np.asarray(F, float)
    first = int(F.argmax())
    better = F[first] > run.fitness
    return Run(
        start=run.start,
        state=state,
        best=x[first].copy() if better else run.best,
        fitness=float(F[first]) if better else run.fitness,
        population=len(F),
        largest=np.append(run.largest, F[first])[-20_000:],
        median=np.append(run.median, np.median(F))[-20_000:],
    )


def shortened(state: State, x: Array) -> Array:
    """Return points x [n, D], moved towards the mean so that their steps obey covariances (2).

    Call this function with points that `cma_es.ask` has not drawn. Then evaluate the returned
    points, and give them to `cma_es.tell` together with their fitness.
    """
    D = len(instance("state", state, State).mean)
    require(floats("x", x).ndim == 2 and x.shape[1] == D, f"x must be [n, {D}]", np.shape(x))
    _, values, vectors = covariances.decompose(state.C)
    y = (x - state.mean) / state.sigma
    short = covariances.shorten(y, covariances.compose(values**-0.5, vectors))
    return np.where(short == y, x, state.mean + state.sigma * short)


def _by_distribution(start: State, state: State) -> Stop | None:
    """Return a reason of eqs. (1)-(5), or None."""
    mean, (values, vectors) = state.mean, np.linalg.eigh(state.C)
    start_length = start.sigma * math.sqrt(np.linalg.eigvalsh(start.C)[-1])
    deviations = state.sigma * np.sqrt(np.diag(state.C))
    axes = state.sigma * np.sqrt(np.maximum(values, 0)) * vectors  # column i belongs to axis i
    if values[-1] > covariances.LARGEST_CONDITION * values[0]:
        return Stop.CONDITION
    if state.sigma * math.sqrt(values[-1]) > 1e4 * start_length:
        return Stop.GROWTH
    if (np.maximum(deviations, state.sigma * np.abs(state.p_c)) < 1e-12 * start_length).all():
        return Stop.SMALL_STEPS
    if (mean[:, None] + 0.1 * axes == mean[:, None]).all(axis=0).any():
        return Stop.NO_EFFECT_AXIS
    if (mean + 0.2 * deviations == mean).any():
        return Stop.NO_EFFECT_ENTRY
    return None


def _by_history(run: Run) -> Stop | None:
    """Return a reason of eqs. (6), (7), or None."""
    generations = len(run.largest)
    term = math.ceil(30 * len(run.best) / max(run.population, 1))  # ceil(30 D / P)
    num_flat = 10 + term
    if generations >= num_flat and np.ptp(run.largest[-num_flat:]) == 0:
        return Stop.FLAT
    n = min(max(math.ceil(0.2 * run.state.generation), 120 + term), 20_000)
    if generations < n:
        return None
    share = int(0.3 * n)
    for history in (run.largest[-n:], run.median[-n:]):
        if np.median(history[-share:]) > np.median(history[:share]):
            return None
    return Stop.STAGNATION


def stop(run: Run) -> Stop | None:
    """Return the first reason of eqs. (1)-(7) to stop, or None if there is none."""
    return _by_distribution(instance("run", run, Run).start, run.state) or _by_history(run)


class Result(NamedTuple):
    """The end of a run."""

    best: Array  # [D] point with the largest fitness
    fitness: float  # fitness of this point
    state: State
    reason: Stop


def maximise(
    rng: Rng,
    fitness: Callable[[Array], Array],
    mean: Array,
    sigma: float,
    population: int | None = None,
    generations: int = 10_000,
) -> Result:
    """Search for the maximum of `fitness`; return the best point and the reason to stop.

    `fitness` maps points [P, D] to their fitness [P]. The first distribution has the mean `mean`
    [D] and the covariance sigma^2 I. If `population` is None, eq. (8) gives P. FloatingPointError
    if a fitness is not finite, ValueError or TypeError if an argument is out of range.

    >>> hill = lambda x: -((x - 3) ** 2).sum(1)
    >>> found = maximise(np.random.default_rng(0), hill, np.zeros(2), sigma=1.0)
    >>> found.best.round(6), found.reason.name
    (array([3., 3.]), 'SMALL_STEPS')
    """
    run = begin(cma_es.init(mean, sigma))
    P = 4 + int(3 * math.log(len(mean))) if population is None else population
    function("fitness", fitness)
    generator("rng", rng)
    for _ in range(whole("generations", generations)):
        x = cma_es.ask(rng, run.state, P)
        run = advance(run, x, fitness(x.copy()))  # a copy, because `fitness` may change it
        if reason := stop(run):
            return Result(run.best, run.fitness, run.state, reason)
    return Result(run.best, run.fitness, run.state, Stop.GENERATIONS)
