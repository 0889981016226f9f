"""Small problems, data and settings for the base calls of the room `gradients`."""

import numpy as np
from comparing import rng
from problems import small_bandit, small_grid

from metarl_min.gradients import (
    adaptation,
    adaptation_settings,
    exact_mistakes,
    inner_steps,
    meta_gradients,
    objectives,
    returns,
    stage_tables,
    trials,
)
from metarl_min.gradients import problems as problems_
from metarl_min.gradients.enumeration import Data
from metarl_min.learners.maml import maml
from metarl_min.mdps import policies, prepared_mdps, rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.policies import tabular

TASKS = MDP(
    np.array([[0.25, 0.75]]),
    np.array([[[[0.7, 0.3], [0.1, 0.9]], [[0.4, 0.6], [0.8, 0.2]]]]),
    np.array(
        [
            [[[0.3], [1.1]], [[-0.5], [0.8]]],
            [[[0.2], [-1.1]], [[0.5], [0.4]]],
            [[[0.1], [0.2]], [[-0.3], [0.4]]],
        ]
    ),
)  # [3] tasks of two states and two actions
SAMPLER = rollouts.sampler(TASKS, rollouts.deterministic)
Z = np.array(
    [[[0.3, -0.2], [0.5, 0.1]], [[-0.3, 0.4], [1.5, -0.5]], [[0.0, 0.1], [0.2, -0.3]]]
)  # [M, S, A]
V = Z[::-1] - 0.2
THETA = {"logits": Z[0]}
EPISODES = rollouts.sample(rng(), SAMPLER, policies.softmax(Z), 4, 5)  # [3, 4, 5]
W = returns.discounted_returns(EPISODES.rewards, 0.9)
ADV = W - 0.25
C = objectives.advantage_table(EPISODES, ADV, (2, 2))
PREPARED = prepared_mdps.prepare(TASKS, 3, 0.9)
J = objectives.expected_return_objective(TASKS, 3, 0.9)
L = objectives.reinforce_objective(C)
PATH = adaptation.inner_loop(tabular, THETA, 0.5, [J, L])
ADJOINTS = adaptation.adjoints(tabular, PATH, 0.5, [J, L], [None, J, J])
exact = {"policy": tabular, "theta": THETA, "alpha": 0.5, "num_steps": 2, "J": J}

INNER = inner_steps.InnerStep(tabular, 0.5, 0.25, 0.9)
ONE = MDP(TASKS.initial, TASKS.transition, TASKS.reward[:1])
PROBLEM = problems_.Problem(INNER._replace(gamma=1.0), THETA, ONE, 1, 2, 1)
EXACT_PROBLEM = exact_mistakes.ExactProblem(tabular, THETA, 0.5, TASKS, 2, 2, 0.9)
DATA = Data(EPISODES, np.ones((3, 4)))
PHI = {"logits": Z}
INPUTS, P = meta_gradients.enumerated_inputs(PROBLEM)
EXACT = meta_gradients.exact_gradients(PROBLEM)
ROWS = np.array([[1.0, -2.0, 0.5, 0.25], [0.5, 1.0, -1.0, 2.0]])
MOMENTS = meta_gradients.measure(ROWS, np.array([0.25, 0.75]), EXACT)
LOG_RATIO = np.array([[[0.1, -0.2, 0.3]]])
weights = {
    "log_ratio": LOG_RATIO,
    "rewards": np.array([[[1.0, -0.5, 2.0]]]),
    "b": np.array([[[0.5, -0.25, 0.1]]]),
    "gamma": 0.9,
}

FAMILY, GRID = small_bandit(), small_grid()
SETTINGS = adaptation_settings.adaptation(GRID, inner_steps=1, baseline=0.25)
GRID_SAMPLER = rollouts.sampler(GRID.sample(rng(), 3), GRID.reward_noise)
GRID_THETA = SETTINGS.policy.init(rng(), 9, 5)
TRIAL = trials.play(rng(), SETTINGS, GRID_SAMPLER, GRID_THETA, 8.0)
TABLES = stage_tables.trial_tables(TRIAL.stages, [x.rewards - 0.1 for x in TRIAL.stages], (9, 5))


MAML = maml(GRID, num_tasks=5).step.keywords["settings"]
