"""Base calls of the room `ceilings`."""

import numpy as np
from comparing import rng
from problems import small_bandit, small_grid

import metarl_min.ceilings as room
from campaign.judging import call
from metarl_min.baselines.posterior_sampling import random
from metarl_min.ceilings import (
    assignment,
    bayes_optimal,
    beta_arms,
    beta_integrals,
    bounds,
    brackets,
    correlated_arms,
    goal_search,
    normal_bounds,
)
from metarl_min.mdps.rollouts import gaussian as gaussian_noise
from metarl_min.tasks import BetaArms, CorrelatedArms, DirichletMDP, GaussianArms
from metarl_min.tasks.bandits import correlated, gaussian

BETA, GRID = small_bandit(), small_grid()
NOISY_GRID = small_grid(episodes=1, horizon=2)._replace(reward_noise=gaussian_noise)
NORMAL, CORRELATED = gaussian(arms=2, pulls=3), correlated(pulls=3)
PRIOR = BetaArms(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
GAUSS = GaussianArms(np.array([0.5, -1.0]), np.array([1.0, 2.0]), 0.5)
DIRICHLET = DirichletMDP(np.array([[[1.0, 2.0]] * 2] * 2), -0.5, 1.0, 1.0)
SOLVED, GRID_SOLVED = bayes_optimal.solve(BETA), bayes_optimal.solve(GRID)


def trials(family):
    player = random(family)
    return player.trial(rng(1), (), family.sample(rng(), 2))


def _numbers(ceiling):
    return ceiling[:4]


def _use(ceiling):
    return (*ceiling[:4], ceiling.action_values(ceiling.start(2), np.array([0, 0])))


NO_STATE = {"arrivals": "None", "states": "None"}  # they may be unknown, or be the only state

CALLS = {
    "require_ceiling_of": call(room.require_ceiling_of, family=BETA, ceiling=SOLVED),
    "expected_random": call(room.expected_random, family=BETA),
    "assignment.assignment_duals": call(
        assignment.assignment_duals, {"worth": "shape"}, worth=np.array([[3.0, 1.0, -1.0], [2.0,
        0.5, 1.0]])
    ),
    "bayes_optimal.solve": call(bayes_optimal.solve, None, _use, family=BETA),
    "bayes_optimal.solve:grid": call(bayes_optimal.solve, None, _numbers, family=GRID),
    "bayes_optimal.solve:correlated": call(bayes_optimal.solve, None, _use, family=CORRELATED),
    "bayes_optimal.solve.start": call(SOLVED.start, num_tasks=2),
    "bayes_optimal.solve.action_values": call(
        SOLVED.action_values, NO_STATE, history=SOLVED.start(2), states=np.array([0, 0])
    ),
    "bayes_optimal.solve.observe": call(
        SOLVED.observe, NO_STATE, history=SOLVED.start(2), states=np.array([0, 0]),
        actions=np.array([0, 1]),
        rewards=np.array([1.0, 0.0]), arrivals=np.array([0, 0]),
    ),
    "bayes_optimal.regret": call(bayes_optimal.regret, ceiling=SOLVED, episodes=trials(BETA)),
    "bayes_optimal.regret:grid": call(
        bayes_optimal.regret, ceiling=GRID_SOLVED, episodes=trials(GRID)
    ),
    "bayes_optimal.bayes_optimal": call(
        bayes_optimal.bayes_optimal, None,
        lambda player: player.trial(rng(1), (), BETA.sample(rng(), 2)), family=BETA, ceiling=SOLVED,
    ),
    "beta_arms.size": call(beta_arms.size, prior=PRIOR, pulls=3),
    "beta_integrals.beta_cdf": call(
        beta_integrals.beta_cdf, {"logit": "shape"}, a=2.0, b=1.5, logit=np.array([0.5, -1.0])
    ),
    "beta_integrals.expected_best_mean": call(beta_integrals.expected_best_mean, prior=PRIOR),
    "brackets.bracket": call(brackets.bracket, family=GRID, limit=100),
    "bounds.bounds": call(bounds.bounds, family=BETA),
    "bounds.bounds:candidates": call(bounds.bounds, family=NOISY_GRID),
    "bounds.bounds:normal": call(bounds.bounds, family=NORMAL),
    "bounds.applies_to": call(bounds.applies_to, family=BETA),
    "bounds.best_subset_value": call(bounds.best_subset_value, family=BETA),
    "bounds.never_return_value": call(bounds.never_return_value, prior=PRIOR, pulls=3),
    "bounds.whittle_relaxation": call(
        bounds.whittle_relaxation, prior=PRIOR, pulls=3, multiplier=0.5
    ),
    "bounds.golden_section_minimum": call(
        bounds.golden_section_minimum, None, function=lambda x: (x - 0.3) ** 2, low=0.0, high=1.0
    ),
    "correlated_arms.expected_best_correlated": call(
        correlated_arms.expected_best_correlated, prior=CorrelatedArms(1.0, 2.0)
    ),
    "goal_search.recognise": call(goal_search.recognise, {"family": "*"}, family=GRID),
    "normal_bounds.expected_max": call(
        normal_bounds.expected_max, mean=np.array([0.5, -1.0]), std=np.array([1.0, 2.0])
    ),
    "normal_bounds.explore_then_commit": call(
        normal_bounds.explore_then_commit, prior=GAUSS, pulls=5
    ),
    "normal_bounds.arm_bounds": call(normal_bounds.arm_bounds, prior=GAUSS, pulls=5),
    "normal_bounds.mdp_bounds": call(
        normal_bounds.mdp_bounds, prior=DIRICHLET, num_episodes=2, horizon=3
    ),
    "normal_bounds.bounds": call(normal_bounds.bounds, family=NORMAL),
    "normal_bounds.applies_to": call(normal_bounds.applies_to, family=NORMAL),
}  # fmt: skip
RESULTS = (
    "Ceiling",
    "arm_records.Numbering", "bounds.Bounds", "brackets.Bracket", "brackets.Returns",
    "costs.Cost", "outcomes.Arrivals", "correlated_arms.BeliefLayer",
    "correlated_arms.Belief", "goal_search.Goals", "goal_search.Walk", "goal_search.Belief",
    "goal_tables.StepTables", "histories.TrialShape", "histories.History", "hypotheses.Beliefs",
    "hypotheses.Belief", "normal_bounds.NormalBounds", "outcomes.Outcomes", "walks.WalkProblem",
    "walks.Layer", "walks.BoundTable",
)  # fmt: skip
