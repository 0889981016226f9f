"""Problems of `estimators`, each with all its data sets, and the Hessian that an inner step has.

A data set has two forms: counts of all trajectories, or N sampled episodes. Here it mostly has the
second form, in every order, so that the two forms are tested against each other.
"""

import estimators_by_hand as by_hand
import numpy as np
import problems
import pytest

from metarl_min.basics import trees
from metarl_min.gradients import (
    estimator_weights,
    estimators,
    inner_steps,
    meta_gradients,
    objectives,
)
from metarl_min.gradients.enumeration import Data
from metarl_min.gradients.estimator_weights import WEIGHTS
from metarl_min.gradients.inner_steps import InnerStep
from metarl_min.gradients.meta_gradients import Problem
from metarl_min.mdps import networks, policies
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks.bandits import bandit_mdps

BANDIT = problems.TWO_ARMS
THREE_ARMS = bandit_mdps(np.array([[0.2, 0.9, -0.6]]))
SLIP = MDP(  # the rewards of a step do not depend on its arrival
    np.array([[1.0, 0.0]]),
    problems.SLIP[None],
    np.array([[[[1.0], [-0.5]], [[0.3], [2.0]]]]),
)
TRAP = MDP(  # state 1 is absorbing
    np.array([[1.0, 0.0]]),
    problems.TRAP[None],
    np.array([[[[1.0, 2.0], [-0.5, 0.4]], [[0.0, 0.0], [0.0, 0.0]]]]),
)
ALPHA = 0.7
NETWORK = networks.mlp(2)
PROBLEMS = {  # task, horizon, policy, episodes and number of inner steps
    "bandit": (BANDIT, 1, policies.tabular, 2, 1),
    "bandit, two steps": (THREE_ARMS, 1, policies.tabular, 1, 2),
    "bandit, three steps": (BANDIT, 1, policies.tabular, 1, 3),
    "slip": (SLIP, 2, policies.tabular, 2, 1),
    "slip, one episode of three steps": (SLIP, 3, policies.tabular, 1, 1),
    "slip, two steps": (SLIP, 2, policies.tabular, 1, 2),
    "trap": (TRAP, 3, policies.tabular, 1, 1),
    "trap, two steps": (TRAP, 2, policies.tabular, 1, 2),
    "slip, network": (SLIP, 2, NETWORK, 1, 1),
    "bandit, network, two steps": (THREE_ARMS, 1, NETWORK, 1, 2),
}
every_problem = pytest.mark.parametrize("name", PROBLEMS)
OF_SEVERAL = "mean", "leave_one_out", "standardised"  # baselines that need a second episode
ALL_BASELINES = 0.0, 0.4, *OF_SEVERAL
baselines = pytest.mark.parametrize("baseline", ALL_BASELINES)


def with_baselines(names):
    """Parametrise over the problems of these names, each with every baseline that it allows."""
    pairs = [(x, b) for x in names for b in ALL_BASELINES if PROBLEMS[x][3] > 1 or b in (0.0, 0.4)]
    return pytest.mark.parametrize(("name", "baseline"), pairs)


def start(policy, task, seed=5):
    rng = np.random.default_rng(seed)
    theta = policy.init(rng, *task.shape)
    return trees.map_leaves(lambda x: 0.6 * rng.standard_normal(x.shape), theta)


def inner_step_of(policy, baseline, gamma=1.0):
    return InnerStep(policy=policy, alpha=ALPHA, baseline=baseline, gamma=gamma)


def problem_of(inner, theta, task, horizon, N, K):
    return Problem(
        inner=inner, theta=theta, task=task, horizon=horizon, num_episodes=N, num_steps=K
    )


def worked_problem(N, K=1):
    """The worked example: two arms that pay .2 and .9, theta = (.3, -.2) and alpha = .7."""
    inner = inner_step_of(policies.tabular, 0.0)
    return problem_of(inner, {"logits": np.array([[0.3, -0.2]])}, BANDIT, 1, N, K)


def estimates(estimator, problem):
    """The estimates on every enumerated data set [M, D], and the probabilities [M]."""
    inputs, p = meta_gradients.enumerated_inputs(problem)
    return rows(estimator(*inputs)), p


def sampled(stages_of_sets):
    """K `Data` of M data sets, N sampled episodes each, from lists of stages of episodes."""
    data = []
    for stage in zip(*stages_of_sets, strict=True):
        steps = np.array([[e.steps for e in one] for one in stage])  # [M, N, T, 4]
        s, a, r, alive = np.moveaxis(steps, -1, 0)
        episodes = Episodes(s.astype(int), a.astype(int), r, alive.astype(bool))
        data.append(Data(episodes=episodes, counts=np.ones(s.shape[:2])))
    return data


def adapted(inner, theta, data, M):
    path = [trees.broadcast_to_tasks(theta, M)]
    for D in data:
        weights = estimator_weights.plain_weights
        path.append(inner_steps.inner_step(inner, path[-1], path[-1], D, weights))
    return path


MOST_BY_HAND = 40  # data sets of a case whose estimates are computed by loops


class Case:
    """Every ordered data set of a problem, as the package and as the loops see it."""

    def __init__(self, name, baseline, gamma):
        self.task, self.horizon, policy, self.N, self.K = PROBLEMS[name]
        self.inner, self.theta = inner_step_of(policy, baseline, gamma), start(policy, self.task)
        kinds = by_hand.episodes(self.task, self.horizon)
        self.rule = by_hand.Rule(ALPHA, baseline, gamma)
        pairs = list(by_hand.all_data(self.theta, kinds, self.N, self.K, self.rule))
        self.stages, p = zip(*pairs, strict=True)
        self.p, self.J = np.array(p), by_hand.outer(self.task, self.horizon)
        self.data = sampled(self.stages)
        self.some = np.random.default_rng(0).permutation(len(p))[:MOST_BY_HAND]
        self.path = adapted(self.inner, self.theta, self.data, len(p))
        exact = objectives.expected_return_objective(self.task, self.horizon)
        logits = policy.logits(self.path[-1])
        self.R, self.v = exact.value(logits), policy.pullback(self.path[-1], exact.gradient(logits))

    def estimates(self, estimator, **options):
        return rows(estimator(self.inner, self.path, self.data, self.v, self.R, **options))

    def estimates_by_hand(self, kind, c=0.0):
        """Of the data sets `some`: each estimate depends on its own data set alone."""
        rest = self.rule, self.J, c
        some = [self.stages[m] for m in self.some]
        return np.array([by_hand.estimate(kind, self.theta, x, *rest) for x in some])


CASES = {}


def case(name, baseline=0.0, gamma=1.0):
    key = name, baseline, gamma
    if key not in CASES:
        CASES[key] = Case(*key)
    return CASES[key]


def rows(tree):
    """Leaves [M, ...] -> [M, D], in the order of their names."""
    return np.concatenate([tree[name].reshape(len(tree[name]), -1) for name in sorted(tree)], -1)


def close(x, y, tolerance=1e-11):
    assert np.shape(x) == np.shape(y) and np.abs(y).max() > 0
    return np.abs(x - y).max() <= tolerance * np.abs(y).max()


def differ(x, y, least=1e-4):
    return np.abs(np.asarray(x) - y).max() >= least


def hessians(inner, path, data, weights):
    """((dphi_1/dtheta)^T e - e)/alpha for each unit vector e: taken for Hess J. [M, D, D]"""
    first, D = [path[0], path[1]], rows(path[0]).shape[1]
    columns = []
    for e in np.eye(D):
        v = trees.map_leaves(
            lambda x, y: x + np.zeros(y.shape), by_hand.like(one(path[0]), e), path[0]
        )
        g = rows(estimators.through_inner_steps(inner, first, data[:1], v, weights))
        columns.append((g - e) / inner.alpha)
    return np.stack(columns, axis=-1)


def one(tree):
    return trees.map_leaves(lambda x: x[0], tree)


def expected_hessian(kind, task, horizon, policy, N, baseline, theta=None):
    """Enumerated, and the exact one."""
    theta = start(policy, task) if theta is None else theta
    inner = inner_step_of(policy, baseline)
    problem = problem_of(inner, theta, task, horizon, N, 1)
    sets = meta_gradients.enumerate_data(problem)
    path, log_p = meta_gradients.adapt(problem, theta, sets)
    H = hessians(inner, path, sets.data, WEIGHTS[kind])
    exact = by_hand.outer(task, horizon).hessian(theta)
    return np.einsum("m,mij->ij", np.exp(log_p), H), exact


SETTINGS = {
    "bandit": (THREE_ARMS, 1, policies.tabular),
    "slip, two steps": (SLIP, 2, policies.tabular),
    "slip, three steps": (SLIP, 3, policies.tabular),
    "trap, three steps": (TRAP, 3, policies.tabular),
    "slip, network": (SLIP, 2, NETWORK),
}
LONG = [name for name in SETTINGS if name != "bandit"]
