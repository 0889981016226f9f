"""The step size of an untrained control: the fair opponent of a learner that adapts.

A control adapts in the same way as a trained learner, from a start that was not trained. Its only
advantage is the inner step size, which is chosen for it. The difference in return to the trained
learner is what meta-training has gained.
"""

from collections.abc import Callable

import numpy as np

from metarl_min.basics.trees import Rng
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Family

NUM_TASKS = 2000  # tasks on which the step size is chosen


def best_alpha(returns_of: Callable[[float], float], start: float, most: int = 12) -> float:
    """Return the step size of largest return on the grid start 2^j, j = -1, 0, 1.

    The grid is widened by one step while its best point is at an edge, at most until
    abs(j) = `most`.

    >>> best_alpha(lambda alpha: -abs(alpha - 13.0), start=1.0)
    16.0
    """
    grid = {j: returns_of(start * 2.0**j) for j in (-1, 0, 1)}
    while True:
        best = max(grid, key=lambda j: grid[j])
        beyond = best + 1 if best == max(grid) else best - 1
        if min(grid) < best < max(grid) or abs(beyond) > most:
            return start * 2.0**best
        grid[beyond] = returns_of(start * 2.0**beyond)


def best_untrained_alpha(
    rng: Rng, family: Family, start: float, play_trial: Callable[[Rng, float, MDP], Episodes]
) -> float:
    """Return the step size with which an untrained start earns most on tasks of its own.

    `play_trial(rng, alpha, tasks)` returns the episodes [M, N, T] of this start. All step sizes
    meet the same tasks and the same random numbers.
    """
    tasks = family.sample(rng, NUM_TASKS)
    seed = int(rng.integers(2**63))

    def returns_of(alpha: float) -> float:
        episodes = play_trial(np.random.default_rng(seed), alpha, tasks)
        return float(np.mean(episodes.rewards.sum(-1), axis=0).sum())

    return best_alpha(returns_of, abs(start) or 1.0)
