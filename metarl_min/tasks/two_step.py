"""The two-step task: the first step chooses where the second step is paid.

State 0 is the first stage, and states 1 and 2 are the second stage. An episode has two steps. In
the first stage, each action has one state to which it leads in most cases, by the common
transition. Otherwise the rare transition leads to the other state. One state of the second stage
pays often, and the other pays seldom. In the second stage, both actions do the same:

    (1)  P(s'|0,a) = common if s' = 1 + a, else 1 - common
                                           [after Daw et al. 2011; Wang et al. 2016, sec. 3.2.1]
    (2)  r_t is 1 or 0. It is 1 with the probability 0 in state 0, high in the state that pays
         often, and 1 - high in the other state
                                           [after Daw et al. 2011; Wang et al. 2016, sec. 3.2.1]

The state that pays often is drawn once for each trial. Equation (1) is the known structure. If the
structure is hidden, half of the tasks have (1), and in the other half the two actions are
exchanged.

In Wang et al., the two states of the second stage change their roles after an episode with
probability 0.025. In Daw et al., the second stage has two actions, and its chances of reward drift.
Here the chances are fixed in a trial, because a task does not change in a trial. The change cannot
be a part of the state either, because a player sees the state. It could only be a part of the task,
as in `restless_arms`. Then a trial of 100 episodes would have 2^100 candidate tasks.

Two players can be distinguished by their choices after a rare transition and a reward. A player
that knows the transitions tends to the other action, which leads to the paying state more often. A
player that only repeats what was paid stays with its action. `examples/two_step_stays.py` computes
the choices of both.
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

    In tasks 0 and 1, action 0 leads to state 1 by the common transition, and in tasks 2 and 3 it
    leads to state 2. State 1 pays often in tasks 0 and 2, and state 2 in tasks 1 and 3.

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
               state it is 1 - high
    structure  known: action 0 leads to state 1 by the common transition in every task; hidden: in
               half of the tasks it leads to state 2

    >>> from metarl_min.ceilings.bayes_optimal import solve
    >>> round(solve(two_step(episodes=2)).value, 12)  # one half, then .9 * .74 + .1 * .26
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
