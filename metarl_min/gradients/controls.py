"""The inner step size of a control, the untrained player with which a learner is compared.

A control adapts in the same way as the trained learner, but starts with untrained parameters. The
inner step size of the control is the best for these parameters. The return of the trained learner
minus the return of the control is the gain by meta-training.
"""

from collections.abc import Callable

import numpy as np

from metarl_min.basics.arguments import function, generator, instance, real, require, whole
from metarl_min.basics.trees import Rng
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Family

NUM_TASKS = 2000  # number of tasks on which the step size is chosen


def _finite(value: float) -> float:
    if not np.isfinite(value):
        raise FloatingPointError(f"the return of a control must be finite, got {value}")
    return value


def best_alpha(returns_of: Callable[[float], float], first_alpha: float, most: int = 12) -> float:
    """Return the step size with the largest return on a grid around `first_alpha`.

    The grid has the step sizes first_alpha 2^j, at first with j = -1, 0, 1. While the best j is at
    an end of the grid, the grid gets the next j beyond this end, until abs(j) is `most`.
    FloatingPointError if a return is NaN or infinite, because then no step size is the best.

    >>> best_alpha(lambda alpha: -abs(alpha - 13.0), first_alpha=1.0)
    16.0
    """
    function("returns_of", returns_of)
    first_alpha, most = real("first_alpha", first_alpha), whole("most", most, high=1000)
    require(first_alpha > 0, "first_alpha must be positive", first_alpha)
    grid = {j: _finite(returns_of(first_alpha * 2.0**j)) for j in (-1, 0, 1)}
    while True:
        best = max(grid, key=lambda j: grid[j])
        if min(grid) < best < max(grid):
            return first_alpha * 2.0**best
        beyond = best + 1 if best == max(grid) else best - 1
        if abs(beyond) > most:
            return first_alpha * 2.0**best
        grid[beyond] = _finite(returns_of(first_alpha * 2.0**beyond))


def best_untrained_alpha(
    rng: Rng, family: Family, first_alpha: float, play_trial: Callable[[Rng, float, MDP], Episodes]
) -> float:
    """Return the inner step size with which an untrained player has the largest return.

    NUM_TASKS tasks are drawn only for this choice. All step sizes are compared on the same tasks,
    with the same random numbers. `play_trial(rng, alpha, tasks)` returns the episodes [M, N, T] of
    the untrained player. `best_alpha` receives `first_alpha`, which must be positive.
    """
    generator("rng", rng)
    function("play_trial", play_trial)
    tasks = instance("family", family, Family).sample(rng, NUM_TASKS)
    seed = int(rng.integers(2**63))

    def returns_of(alpha: float) -> float:
        episodes = play_trial(np.random.default_rng(seed), alpha, tasks)
        return float(np.mean(episodes.rewards.sum(-1), axis=0).sum())

    return best_alpha(returns_of, first_alpha)
