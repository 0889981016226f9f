"""Base calls of the room `tasks`."""

import numpy as np
from comparing import rng
from problems import SMALL_GRID, small_bandit, table_agent

import metarl_min.tasks as tasks
from campaign.judging import call
from metarl_min.mdps import rollouts
from metarl_min.tasks import (
    BetaArms,
    DirichletMDP,
    Family,
    GaussianArms,
    Hypotheses,
    bandits,
    gridworlds,
    random_mdps,
    registry,
    restless_arms,
    two_step,
)
from metarl_min.tasks.gridworlds import gridworld

BETA = BetaArms(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
NORMAL = GaussianArms(np.array([0.5, -1.0]), np.array([1.0, 2.0]), 0.5)
MEANS = np.array([[0.25, 0.75, 0.5], [0.5, 0.25, 1.0]])
CANDIDATES = Hypotheses(bandits.bandit_mdps(MEANS), np.array([0.25, 0.75]))
DIRICHLET = DirichletMDP(np.array([[[1.0, 2.0]] * 3] * 2), -0.5, 1.0, 1.0)
FAMILY = small_bandit()
GRID = gridworld(**SMALL_GRID)
LINE = gridworlds.transitions(2, 4, (), 0.25)


def fields(family):
    return {**family._asdict(), "unit": 1.0}


def draw(family):
    return family.sample(rng(), 3), family.horizon, family.num_episodes


CALLS = {
    "Family": call(
        Family, {"name": "*", "parameters": "*", "prior": "*", "unit": "None"}, draw,
        **fields(FAMILY)
    ),
    "Family:of_a_grid": call(
        Family, {"name": "*", "parameters": "*", "prior": "*", "unit": "None"}, draw, **fields(GRID)
    ),
    "Family._replace": call(
        FAMILY._replace, {"unit": "None"}, draw, horizon=2, num_episodes=5, unit=2.0
    ),
    "sample_hypotheses": call(tasks.sample_hypotheses, rng=rng(), num_tasks=3, prior=CANDIDATES),
    "family_of_candidates": call(
        tasks.family_of_candidates, {"name": "*", "parameters": "*"}, draw,
        name="own", parameters={"n": 3}, mdps=CANDIDATES.mdps, weights=CANDIDATES.weights,
        horizon=1, num_episodes=3, noise=rollouts.bernoulli,
    ),
    "require_support": call(
        tasks.require_support, {"condition": "*", "rule": "*", "got": "*"}, condition=True,
        rule="x", got=3
    ),
    "reward_unit": call(tasks.reward_unit, {"family": "*"}, family=GRID),
    "shared_initial": call(tasks.shared_initial, {"prior": "huge negative"}, prior=CANDIDATES),
    "shape_of": call(tasks.shape_of, {"family": "*"}, family=FAMILY),
    "play_trial": call(
        tasks.play_trial, {"family": "huge text negative zero"},
        rng=rng(), family=FAMILY, tasks=FAMILY.sample(rng(), 2),
        agent=table_agent(np.array([[0.25, 0.75]])),
    ),
    "bandits.bandit_mdps": call(bandits.bandit_mdps, {"means": "shape"}, means=MEANS - 0.5),
    "bandits.sample_beta": call(bandits.sample_beta, rng=rng(), num_tasks=3, prior=BETA),
    "bandits.sample_gaussian": call(bandits.sample_gaussian, rng=rng(), num_tasks=3, prior=NORMAL),
    "bandits.sample_correlated": call(
        bandits.sample_correlated, rng=rng(), num_tasks=3, prior=tasks.CorrelatedArms(1.0, 2.0)
    ),
    "bandits.bandit": call(
        bandits.bandit, {"prior": "wrong-shape:one-fewer"}, draw, arms=2, pulls=3, prior=((1.0,
        2.0), (3.0, 1.0))
    ),
    "bandits.gaussian": call(
        bandits.gaussian, None, draw, arms=2, pulls=3, mean=-0.5, std=1.0, noise=0.5
    ),
    "bandits.correlated": call(bandits.correlated, None, draw, kind="easy", pulls=3),
    "bandits.contextual": call(bandits.contextual, None, draw, cues=2, arms=2, pulls=3),
    "gridworlds.transitions": call(
        gridworlds.transitions, {"walls": "wrong-shape:one-fewer wrong-shape:one-more"}, size=3,
        num_actions=4, walls=(2, 6), slip=0.25
    ),
    "gridworlds.goal_mdps": call(
        gridworlds.goal_mdps, {"goals": "wrong-shape:one-fewer wrong-shape:one-more", "transition":
        "wrong-shape size-1"}, transition=LINE, start=1, goals=(2, 3), goal_reward=-1.0,
        step_reward=-0.5,
    ),
    "gridworlds.end_at_goals": call(
        gridworlds.end_at_goals, mdps=gridworlds.goal_mdps(LINE, 0, (2, 3), 1.0, -0.5),
        goals=(2, 3),
    ),
    "gridworlds.gridworld": call(
        gridworld, {"start": "None", "goals": "wrong-shape:one-fewer", "walls":
        "wrong-shape:one-fewer"}, draw, size=3, start=4, horizon=4, episodes=3, stay=1,
        goal_reward=-1.0,
        step_reward=-0.5, terminate=0, goals=(2, 8), walls=(1, 3), slip=0.25,
    ),
    "gridworlds.squared_distances": call(gridworlds.squared_distances, size=3),
    "gridworlds.navigation": call(
        gridworlds.navigation, {"start": "None", "goals": "wrong-shape:one-fewer"}, draw, size=3,
        start=4, horizon=4, episodes=3, goals=(2, 8),
    ),
    "restless_arms.paths": call(restless_arms.paths, pulls=3, swap=0.25),
    "restless_arms.restless": call(
        restless_arms.restless, None, draw, pulls=3, swap=0.25, high=0.75
    ),
    "two_step.two_step_mdps": call(two_step.two_step_mdps, common=0.75, high=0.875),
    "two_step.two_step": call(
        two_step.two_step, None, draw, episodes=3, common=0.75, high=0.875, structure="hidden"
    ),
    "random_mdps.sample_dirichlet": call(
        random_mdps.sample_dirichlet, rng=rng(), num_tasks=3, prior=DIRICHLET
    ),
    "random_mdps.mdp": call(
        random_mdps.mdp, None, draw, states=3, actions=2, horizon=3, episodes=2
    ),
    "registry.make": call(
        registry.make, {"parameters": "wrong-names"}, draw, name="bandit", parameters={"arms": "2",
        "pulls": "3"}
    ),
    "registry.function": call(registry.function, name="bandit"),
}  # fmt: skip

RESULTS = ()
