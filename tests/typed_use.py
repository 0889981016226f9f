"""Calls of the public functions, as a user writes them: mypy --strict and pyright accept this file.

It is checked, not run. `.ci/run` and the job `types` of CI check it.
"""

from pathlib import Path

import numpy as np

from metarl_min import evaluation, training
from metarl_min.ceilings.bayes_optimal import solve
from metarl_min.gradients import adaptation, objectives
from metarl_min.gradients.estimators import emaml
from metarl_min.gradients.meta_gradients import check_meta_gradient
from metarl_min.learners.maml import maml
from metarl_min.learners.rl2 import rl2
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.networks import mlp
from metarl_min.mdps.optimum import optimum
from metarl_min.mdps.policies import softmax, tabular
from metarl_min.tasks.bandits import bandit, bandit_mdps
from metarl_min.tasks.gridworlds import gridworld


def use() -> tuple[object, ...]:
    """Return what the calls return."""
    family = bandit(arms=2, pulls=5, prior=((1, 3), (3, 1)))
    learner = maml(family, alpha=2.0)
    state = training.train(learner, 50, seed=0)
    scores = evaluation.evaluate(learner, state, num_tasks=2000, seed=0, ceiling=solve(family))
    value: float = scores.value
    grid = gridworld(size=5, goals=(4, 9))
    memory = rl2(grid, hidden=8, iterations=10)
    arms = bandit_mdps(np.array([[0.2, 0.9]]))
    J = objectives.expected_return_objective(arms, horizon=1)
    theta = {"logits": np.array([[0.3, -0.2]])}
    F = adaptation.adapted_return(policy=tabular, theta=theta, alpha=0.7, num_steps=1, J=J)
    g = adaptation.meta_gradient_by_hessian_products(
        mlp(4), mlp(4).init(np.random.default_rng(0), 1, 2), 0.1, 2, J
    )
    pi = softmax(np.zeros((1, 2)))
    report = check_meta_gradient(emaml, "F_N")
    ok: bool = report.agrees
    task = MDP(np.ones(1), np.ones((1, 2, 1)), np.zeros((1, 2, 1)))
    best = optimum(task, None, 0.9)
    training.train_run(Path("x"), learner, 10, seed=1)
    return value, memory, F, g, pi, ok, best
