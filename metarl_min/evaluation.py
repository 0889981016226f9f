"""Scores: what a learner earns over whole trials on fresh tasks, relative to what is possible.

With R the sum of all rewards of a trial, exploration included, undiscounted:

    (1)  score = (E R - random) / (bayes_optimal - random)                          [definition]
    (2)  score_pdl = 1 - E[sum_t V*(b_t) - Q*(b_t, a_t)] / (bayes_optimal - random), V* and Q*
         from the tables of the ceiling along the Bayes filter b_t of the history
                                                        [Kakade and Langford 2002, lemma 6.1]
    (3)  standard error = standard deviation over tasks / sqrt(number of tasks)     [definition]

(1) and (2) have the same expectation for whoever meets the task through its history alone, (2)
with a fraction of the error. Whoever sees the task has a plain score that may exceed 1, and a
score_pdl that may not: the alarm reads the plain one.
"""

from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import whole
from metarl_min.basics.trees import Array
from metarl_min.ceilings.bayes_optimal import Ceiling, regret
from metarl_min.learners import Learner
from metarl_min.tasks import Family

Pair = tuple[float | None, float | None]
CHUNK = 1000  # tasks played at a time: bounds the memory, and is part of the random streams


class Scores(NamedTuple):
    """Means over tasks, with standard errors by eq. (3); None where there is no ceiling."""

    value: float  # return of a whole trial
    stderr: float
    score: float | None
    score_stderr: float | None
    score_pdl: float | None
    score_pdl_stderr: float | None
    per_episode: list[float]  # [N] mean return of each episode of the trial


def mean_and_stderr(samples: Array) -> tuple[float, float]:
    """Mean over tasks and its standard error, eq. (3). [num_tasks] -> two floats

    >>> mean_and_stderr(np.array([1.0, 3.0]))
    (2.0, 1.0)
    """
    return float(samples.mean()), float(samples.std(ddof=1) / np.sqrt(len(samples)))


def evaluate(
    learner: Learner, state: Any, family: Family, *, num_tasks: int, seed: int,
    ceiling: Ceiling | None = None, greedy: bool = False,
) -> Scores:  # fmt: skip
    """Score a learner over one trial on each of `num_tasks` fresh tasks, eqs. (1)-(3).

    The tasks depend on `seed` and `num_tasks` alone: everybody meets the same ones. ValueError
    below two tasks, where no standard error exists.
    """
    whole("num_tasks", num_tasks, low=2)
    whole("seed", seed, low=0)
    earned, regrets = [], []
    for chunk, first in enumerate(range(0, num_tasks, CHUNK)):
        fresh, rng = (np.random.default_rng([seed, chunk, use]) for use in (1, 3))
        tasks = family.sample(fresh, min(CHUNK, num_tasks - first))
        episodes = learner.trial(rng, state, family, tasks, greedy=greedy)
        earned.append(episodes.rewards.sum(-1))
        if ceiling is not None and ceiling.told_by_episodes:
            regrets.append(regret(ceiling, episodes))
    returns = np.concatenate(earned)  # [num_tasks, N]
    value, stderr = mean_and_stderr(returns.sum(-1))
    score: Pair = (None, None)
    pdl: Pair = (None, None)
    span = 0.0 if ceiling is None else ceiling.value - ceiling.random
    if ceiling is not None and span > 1e-12 * max(abs(ceiling.value), abs(ceiling.random)):
        score = (value - ceiling.random) / span, stderr / span
        if regrets:
            lost, lost_stderr = mean_and_stderr(np.concatenate(regrets))
            pdl = 1 - lost / span, lost_stderr / span
    return Scores(value, stderr, *score, *pdl, returns.mean(0).tolist())
