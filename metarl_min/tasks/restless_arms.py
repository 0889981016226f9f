"""Restless arms: the arm that pays well changes during a trial.

One of two arms is good. After each pull, the two arms exchange their roles with the probability
`swap`. A path says which arm is good: path_t is the good arm at pull t = 0, 1, .. The player can
neither choose nor see the path. So the whole path can be drawn before the trial:

    (1)  P(path) = 1/2 product over t of (swap if path_{t+1} differs from path_t, else 1 - swap)
                                                                                    [definition]
    (2)  r(t,a) = high if a = path_t, else 1 - high,  reward ~ Bernoulli(r(t,a))
                                                      [after Wang et al. 2016, sec. 3.1.4]

A task must not change during a trial. Here the task is the whole path, which does not change. The
state is the number t of pulls so far. So a trial is one episode, and each step is a pull. In this
module, S is the number of pulls of a trial.

The candidate tasks are all 2^S paths, so only short trials are possible. A belief depends on the
rewards and on their order, so the number of beliefs doubles with each pull.
"""

from __future__ import annotations

import numpy as np

from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.trees import Array
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import Family, family_of_candidates

MAX_PULLS = 12  # of a trial, so that there are at most 4,096 candidates


def paths(pulls: int, swap: float) -> tuple[Array, Array]:
    """Return all paths and their probabilities, eq. (1). [G, S], [G]

    >>> which, chance = paths(pulls=2, swap=0.25)
    >>> which.tolist(), chance.tolist()
    ([[0, 0], [0, 1], [1, 0], [1, 1]], [0.375, 0.125, 0.125, 0.375])
    """
    pulls, swap = whole("pulls", pulls), real("swap", swap, 0, 1)
    require(pulls <= MAX_PULLS, f"pulls of restless arms must be at most {MAX_PULLS}", pulls)
    which = np.arange(2**pulls)[:, None] >> np.arange(pulls)[::-1] & 1  # the bits of each number
    changes = which[:, 1:] != which[:, :-1]
    return which, np.where(changes, swap, 1 - swap).prod(-1) / 2


def restless(*, pulls: int = 10, swap: float = 0.05, high: float = 0.9) -> Family:
    """Return two restless arms, eqs. (1) and (2). One arm is good, and after each pull the arms may
    exchange their roles. A trial is one episode, and the state is the number of pulls so far.

    pulls  pulls of a trial, at most 12
    swap   probability that the arms exchange their roles after a pull
    high   mean reward of the good arm, at least 0.5; the mean of the other arm is 1 - high

    >>> from metarl_min.ceilings.bayes_optimal import solve
    >>> round(solve(restless(pulls=2, swap=0.1)).value, 12)  # 0.5, then .9 * .82 + .1 * .18
    1.256
    """
    high = real("high", high, 0.5, 1)
    which, weights = paths(pulls, swap)
    S = which.shape[1]
    is_good = which[:, :, None] == np.arange(2)  # [G, S, A]
    next_pull = np.eye(S)[np.minimum(np.arange(1, S + 1), S - 1)]
    mdps = MDP(
        initial=np.eye(S)[:1],
        transition=np.repeat(next_pull[None, :, None], 2, axis=2),
        reward=np.where(is_good, high, 1 - high)[..., None],
    )
    return family_of_candidates(
        name="restless",
        parameters={"pulls": S, "swap": real("swap", swap, 0, 1), "high": high},
        mdps=mdps,
        weights=weights,
        horizon=S,
        num_episodes=1,
        noise=rollouts.bernoulli,
    )
