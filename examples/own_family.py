"""A new family of tasks in one short file: trained on, and scored against its exact ceiling.

There are four doors, and a treasure behind one of them. Opening the right door pays 1, again and
again. Knocking costs 0.1 if the treasure is behind door 0 or 1, and 0.2 otherwise, so the price
tells something. Is the answer worth its price? The ceiling says no. Opening the likeliest door
first earns 11.1 in expectation, and knocking first earns 10.65.

The family is a finite set of candidate MDPs with their prior probabilities. Because the candidates
differ in their rewards alone, the sampler, the Bayes-optimal value and every score follow.
"""

import numpy as np

from metarl_min import evaluation, training
from metarl_min.ceilings import bayes_optimal
from metarl_min.learners.maml import maml
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import family_of_candidates


def treasure_hunt(*, episodes: int = 4):
    """One state; actions 0 to 3 open a door, action 4 knocks; an episode has three steps.

    episodes  episodes of a trial
    """
    reward = np.zeros((4, 1, 5, 1))  # treasure, state, action, arrival
    reward[range(4), 0, range(4)] = 1.0
    reward[:, 0, 4, 0] = [-0.1, -0.1, -0.2, -0.2]
    return family_of_candidates(
        name="treasure_hunt",
        parameters={"episodes": episodes},
        mdps=MDP(np.ones((1, 1)), np.ones((1, 1, 5, 1)), reward),
        weights=np.array([0.4, 0.1, 0.1, 0.4]),
        horizon=3,
        num_episodes=episodes,
        noise=rollouts.deterministic,
    )


def main():
    family = treasure_hunt()
    ceiling = bayes_optimal.solve(family)
    learner = maml(family, alpha=2.0, gamma=0.0)
    state = training.train(learner, 300, seed=0)
    players = {
        "maml": state,
        "unadapted start": learner.without_adaptation(state),
        "control": learner.untrained_control(np.random.default_rng(1)).state,
    }
    print(f"random {ceiling.random:.3f}, Bayes-optimal {ceiling.value:.3f}")
    scores = {}
    for name, player in players.items():
        scores[name] = evaluation.evaluate(learner, player, num_tasks=4000, seed=0, ceiling=ceiling)
        print(f"{name:16s} return {scores[name].value:6.3f}  score {scores[name].score:.3f}")
    return ceiling, scores


if __name__ == "__main__":
    main()
