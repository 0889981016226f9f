"""A new family of tasks in one short file, trained on and scored against its exact ceiling.

Four doors, one of which hides a treasure that can be fetched again and again. Opening a door pays
1 if it is there. Knocking costs .1 if the treasure is behind one of the first two doors and .2
otherwise. Is the answer worth its price? The ceiling says no: 11.1 is what opening the likeliest
door first earns, knocking first earns 10.65. A family is a set of candidate MDPs and their prior
probabilities; its sampler, its Bayes-optimal value and every score follow from these.
"""

import numpy as np

from metarl_min import evaluation, learners, tasks, training
from metarl_min.ceilings import bayes_optimal
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP


def treasure_hunt(episodes=4):
    """One state; actions 0-3 open a door, action 4 knocks; episodes of three steps."""
    reward = np.zeros((4, 1, 5, 1))  # treasure, state, action, arrival
    reward[range(4), 0, range(4)] = 1.0
    reward[:, 0, 4, 0] = [-0.1, -0.1, -0.2, -0.2]
    mdps = MDP(np.ones((1, 1)), np.ones((1, 1, 5, 1)), reward)
    prior, words = np.array([0.4, 0.1, 0.1, 0.4]), {"episodes": episodes}
    return tasks.family_of_candidates(
        "treasure_hunt", words, mdps, prior, 3, episodes, rollouts.deterministic
    )


def main():
    family = treasure_hunt()
    ceiling = bayes_optimal.solve(family)
    learner = learners.make("maml", {"alpha": "2", "gamma": "0"})
    state = training.train(learner, family, iterations=300, seed=0)
    control = learner.control(np.random.default_rng(1), state, family)
    rows = {"maml": state, "unadapted start": learner.before(state), "control": control}
    print(f"random {ceiling.random:.3f}, Bayes-optimal {ceiling.value:.3f}")
    scores = {}
    for name, played in rows.items():
        scores[name] = evaluation.evaluate(
            learner, played, family, num_tasks=4000, seed=0, ceiling=ceiling
        )
        print(f"{name:16s} return {scores[name].value:6.3f}  score {scores[name].score:.3f}")
    return ceiling, scores


if __name__ == "__main__":
    main()
