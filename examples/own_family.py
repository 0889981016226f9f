"""A new family of tasks in one short file, trained on and scored against its exact ceiling.

Four doors in a corridor, one of which hides the treasure. Knocking tells where it is (left or
right half of the doors) at a cost; opening pays 1 at the right door. Whoever learns to learn
knocks once, then opens. A family is a set of candidate MDPs and their prior probabilities: from
that follow its sampler, its Bayes-optimal value and every score.
"""

import numpy as np

from metarl_min import evaluation, learners, rollouts, tasks, training
from metarl_min.baselines import bayes_optimal
from metarl_min.mdp import MDP

DOORS, LEFT, RIGHT = range(4), 1, 2  # states: 0 the corridor, 1 and 2 after an answer


def treasure_hunt(episodes=4):
    """Actions 0-3 open a door and return to the corridor; action 4 knocks, for -0.1."""
    transition, reward = np.zeros((4, 3, 5, 3)), np.zeros((4, 3, 5, 1))
    for treasure in DOORS:
        transition[treasure, :, :4, 0] = 1.0
        transition[treasure, :, 4, LEFT if treasure < 2 else RIGHT] = 1.0
        reward[treasure, :, 4] = -0.1
        reward[treasure, :, treasure] = 1.0
    mdps = MDP(np.array([[1.0, 0.0, 0.0]]), transition, reward)
    prior = np.array([0.4, 0.1, 0.1, 0.4])
    words = {"episodes": episodes}
    return tasks.finite_family(
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
