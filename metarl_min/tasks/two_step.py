"""The two-step task: the first step leads to one of two states, and the second step pays.

An episode has two steps. State 0 is the first stage, and states 1 and 2 are the second stage. In
the first stage, each action usually leads to one state of the second stage. This is the common
transition of the action. The rare transition of the action leads to the other state. One state of
the second stage pays often, and the other state pays seldom. In the second stage, both actions have
the same effect:

    (1)  P(s'|0,a) = common if s' = 1 + a, else 1 - common
                                           [after Daw et al. 2011; Wang et al. 2016, sec. 3.2.1]
    (2)  r_t is 1 or 0. The probability of 1 is 0 in state 0, high in the state that pays often,
         and 1 - high in the other state of the second stage
                                           [after Daw et al. 2011; Wang et al. 2016, sec. 3.2.1]

The state that pays often is drawn once for each trial. If the structure is known, (1) holds in
every task. If the structure is hidden, (1) holds in half of the tasks. In the other half, the two
actions are exchanged in (1).

In Wang et al., the two states of the second stage change their roles after an episode with
probability 0.025. In Daw et al., the second stage has two actions, and its chances of reward drift.
Here the probabilities are fixed in a trial, because a task does not change in a trial. The roles
cannot be a part of the state either, because a player sees the state. All their changes could be a
part of the task, as in `restless_arms`. But then a trial of 100 episodes would have 2^100 candidate
tasks.

Two kinds of players differ in their choice after a rare transition that was followed by a reward. A
player that knows the transitions prefers the other action, because the other action leads more
often to the state that has paid. A player that only repeats rewarded actions stays with its action.
`examples/two_step_stays.py` computes the choices of both.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np

from metarl_min.basics.arguments import instance, real, require, whole
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import Family, family_of_candidates

STRUCTURES = {"known": "known", "hidden": "hidden"}


def two_step_mdps(common: float, high: float) -> MDP:
    """Return the four tasks of eqs. (1) and (2). [G]

    The common transition of action 0 leads to state 1 in tasks 0 and 1, and to state 2 in tasks 2
    and 3. State 1 pays often in tasks 0 and 2, and state 2 pays often in tasks 1 and 3.

    >>> two_step_mdps(common=0.8, high=0.9).transition[:, 0, 0, 1:]  # action 0
    array([[0.8, 0.2], [0.8, 0.2], [0.2, 0.8], [0.2, 0.8]])
    """
    common, high = real("common", common, 0.5, 1), real("high", high, 0.5, 1)
    arrival = np.array([[common, 1 - common], [1 - common, common]])  # [A, states 1 and 2]
    transition = np.zeros((4, 3, 2, 3))
    transition[:2, 0, :, 1:], transition[2:, 0, :, 1:] = arrival, arrival[::-1]
    transition[:, 1:, :, 0] = 1  # the next episode begins in the first stage
    chance = np.array([[0, high, 1 - high], [0, 1 - high, high]] * 2)  # [G, S]
    return MDP(initial=np.eye(3)[:1], transition=transition, reward=chance[:, :, None, None])


def two_step(
    *,
    episodes: int = 100,
    common: float = 0.8,
    high: float = 0.9,
    structure: Annotated[str, STRUCTURES] = "known",
) -> Family:
    """Return the two-step task, eqs. (1) and (2). An episode has two steps.

    episodes   episodes of a trial
    common     probability of the common transition, at least 0.5
    high       probability of a reward in the state that pays often, at least 0.5; in the other
               state the probability is 1 - high
    structure  known: the common transition of action 0 leads to state 1; hidden: it leads to state
               2 in half of the tasks

    >>> from metarl_min.ceilings.bayes_optimal import solve
    >>> round(solve(two_step(episodes=2)).value, 12)  # 0.5, then .9 * .74 + .1 * .26
    1.192
    """
    episodes = whole("episodes", episodes)
    known = instance("structure", structure, str) in STRUCTURES
    require(known, f"structure must be one of {', '.join(STRUCTURES)}", repr(structure))
    common, high = real("common", common, 0.5, 1), real("high", high, 0.5, 1)
    mdps = two_step_mdps(common, high)
    if structure == "known":
        mdps = mdps._replace(transition=mdps.transition[:2], reward=mdps.reward[:2])
    G = len(mdps.reward)
    return family_of_candidates(
        name="two_step",
        parameters={
            "episodes": episodes, "common": common, "high": high, "structure": structure,
        },
        mdps=mdps,
        weights=np.full(G, 1 / G),
        horizon=2,
        num_episodes=episodes,
        noise=rollouts.bernoulli,
    )  # fmt: skip
