"""Where an initialisation has something to learn, and where it has not.

MAML against its control, the same adaptation from an untrained start with the best step size. On
arms with different priors, and goals on one side of the grid, the start holds what tasks share.
On exchangeable arms, and goals all around the start, tasks share nothing that a start could hold.
"""

import numpy as np

from metarl_min import evaluation, learners, tasks, training

FAMILIES = [
    ("bandit", {"prior": "1,1/2,2/4,4/1,3/1,5"}),
    ("bandit", {}),
    ("gridworld", {"goals": "4,9,14,19,24"}),
    ("gridworld", {}),
]


def rows():
    """For each family: returns of MAML and of its control, with standard errors."""
    learner = learners.make("maml", {})
    for name, words in FAMILIES:
        family = tasks.make(name, words)
        iterations = learner.iterations(family)[0]
        state = training.train(learner, family, iterations=iterations, seed=0)
        control = learner.control(np.random.default_rng([0, 0, 2]), state, family)
        pair = [
            evaluation.evaluate(learner, played, family, num_tasks=20_000, seed=0)
            for played in (state, control)
        ]
        yield " ".join([name, *(f"{key}={value}" for key, value in words.items())]), pair


def main():
    table = {}
    print(f"{'':38s} {'MAML':>16s} {'control':>16s} {'gain':>16s}")
    for name, (maml, control) in rows():
        gain, error = maml.value - control.value, np.hypot(maml.stderr, control.stderr)
        cells = [(maml.value, maml.stderr), (control.value, control.stderr), (gain, error)]
        print(f"{name:38s}", *(f"{value:6.2f} +- {stderr:5.2f} " for value, stderr in cells))
        table[name] = cells
    return table


if __name__ == "__main__":
    main()
