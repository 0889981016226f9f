"""Where an initialisation has something to learn, and where it has not.

MAML stands beside its control: the same adaptation from an untrained start, with the step size
that is best for it. If the arms have different priors, or if all goals lie on one side of the
grid, the start holds what the tasks have in common. If the arms are exchangeable, or if the goals
lie all around the start, the tasks have nothing in common that a start could hold.
"""

import numpy as np

from metarl_min import evaluation, training
from metarl_min.learners.maml import maml
from metarl_min.tasks.bandits import bandit
from metarl_min.tasks.gridworlds import gridworld

NUM_TASKS = 20_000  # fresh tasks
PRIOR = ((1, 1), (2, 2), (4, 4), (1, 3), (1, 5))
FAMILIES = {
    "bandit prior=1,1/2,2/4,4/1,3/1,5": (bandit(prior=PRIOR), 100),
    "bandit": (bandit(), 100),
    "gridworld goals=4,9,14,19,24": (gridworld(goals=(4, 9, 14, 19, 24)), 100),
    "gridworld": (gridworld(), 100),
}


def rows():
    """For each family: the scores of MAML and of its control."""
    for name, (family, iterations) in FAMILIES.items():
        learner = maml(family)
        state = training.train(learner, iterations, seed=0)
        control = learner.untrained_control(np.random.default_rng([0, 0, 2])).state
        pair = [
            evaluation.evaluate(learner, player, num_tasks=NUM_TASKS, seed=0)
            for player in (state, control)
        ]
        yield name, pair


def main():
    table = {}
    print(f"{'':38s} {'MAML':>16s} {'control':>16s} {'gain':>16s}")
    for name, (trained, control) in rows():
        gain, error = trained.value - control.value, np.hypot(trained.stderr, control.stderr)
        cells = [(trained.value, trained.stderr), (control.value, control.stderr), (gain, error)]
        print(f"{name:38s}", *(f"{value:6.2f} +- {stderr:5.2f} " for value, stderr in cells))
        table[name] = cells
    return table


if __name__ == "__main__":
    main()
