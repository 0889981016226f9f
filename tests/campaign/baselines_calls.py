"""Base calls of the room `baselines`."""

import numpy as np
from comparing import rng
from problems import small_bandit, small_grid, table_agent

import metarl_min.baselines as room
from campaign.judging import call
from metarl_min.baselines import (
    bandits,
    bayesian_bandits,
    dirichlet_mdps,
    dirichlet_planners,
    gittins,
    index_policies,
    posterior_sampling,
    published,
    pull_records,
    registry,
)
from metarl_min.baselines.pull_records import Record
from metarl_min.tasks import BetaArms, DirichletMDP, GaussianArms
from metarl_min.tasks.bandits import gaussian
from metarl_min.tasks.random_mdps import mdp

BETA, NORMAL, GRID = small_bandit(), gaussian(arms=2, pulls=3), small_grid()
RANDOM = mdp(states=2, actions=2, horizon=2, episodes=2)
RECORD = Record(np.array([[3.0, 1.0], [0.0, 2.0]]), np.array([[2.0, 1.0], [0.0, 1.0]]))
PRIOR = BetaArms(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
SUMS = Record(RECORD.pulls, RECORD.sums - 2.5)
GAUSS = GaussianArms(np.array([0.5, -1.0]), np.array([1.0, 2.0]), 0.5)
COUNTS = dirichlet_planners.Counts(
    np.array([[[[1.0, 0.0], [0.0, 2.0]], [[0.0, 1.0], [3.0, 0.0]]]]),
    np.array([[[1.0, -2.0], [0.5, 4.0]]]),
)
DIRICHLET = DirichletMDP(np.array([[[1.0, 2.0]] * 2] * 2), -0.5, 1.0, 1.0)


def played(player):
    return player.trial(rng(1), player.init(rng()), player.family.sample(rng(2), 2))


def _player(make, family, **settings):
    return call(make, {"num_draws": "huge"}, played, family=family, **settings)


PLANNED = {"counts": COUNTS, "prior": DIRICHLET}
MODELS = posterior_sampling.candidate_models(GRID)


def _pulled(agent):
    """What an agent of two arms does in two pulls of two tasks."""
    memory = agent.begin_episode(rng(), agent.start(2))
    actions, memory = agent.act(rng(), memory, np.array([0, 0]))
    return actions, agent.observe(memory, 0 * actions, actions, np.ones(2), 0 * actions)


def _backed_up(backup):
    return backup(np.array([[0.5, -1.0]]))


def _plan(make, free=None, **settings):
    return call(make, free, _backed_up, rng=rng(), **PLANNED, **settings)


def _choice(choose, prior=PRIOR, **settings):
    given = {} if prior is None else {"prior": prior}
    return call(choose, {"record": "sign"}, rng=rng(), record=RECORD, **given, **settings)


NO_DRAW = {"rng": "*"}  # a plan that is not random

CALLS = {
    "best_actions": call(
        room.best_actions, {"values": "shape infinite"},
        values=np.array([[1.0, -2.0, 1.0], [0.5, 0.5, 0.0]]), tolerance=0.5,
    ),
    "pull_records.Record": call(
        Record, {"sums": "sign", "": ""}, **RECORD._asdict()
    ),
    "pull_records.start": call(pull_records.start, num_tasks=2, num_arms=3),
    "pull_records.observe": call(
        pull_records.observe, {"states": "*", "arrivals": "*", "record": "sign"}, record=RECORD,
        states=np.array([0, 0]), actions=np.array([0, 1]), rewards=np.array([1.0, -0.5]),
        arrivals=np.array([0, 0]),
    ),
    "pull_records.recording_agent": call(
        pull_records.recording_agent, None, _pulled, num_arms=2, choose=bandits.choose_by_bounds
    ),
    "bandits.choose_by_bounds": _choice(bandits.choose_by_bounds, None),
    "bandits.choose_by_prior": _choice(bandits.choose_by_prior, None, means=np.array([0.5, -1.0])),
    "bayesian_bandits.choose_greedily": _choice(bayesian_bandits.choose_greedily),
    "bayesian_bandits.choose_first_greedy": call(
        bayesian_bandits.choose_first_greedy, {"rng": "*"}, rng=rng(), record=RECORD, prior=PRIOR
    ),
    "bayesian_bandits.explore": call(
        bayesian_bandits.explore, {"actions": "shape"}, rng=rng(), actions=np.array([0, 1, 1]),
        num_actions=2, eps=0.5
    ),
    "bayesian_bandits.choose_by_bounds": _choice(bayesian_bandits.choose_by_bounds, c=0.5),
    "bayesian_bandits.choose_optimistically": _choice(bayesian_bandits.choose_optimistically),
    "bayesian_bandits.beta_prior": call(
        bayesian_bandits.beta_prior, {"name": "*"}, name="x", family=BETA
    ),
    "bayesian_bandits.start_exploring": call(
        bayesian_bandits.start_exploring, num_tasks=2, num_arms=3
    ),
    "dirichlet_planners.Counts": call(
        dirichlet_planners.Counts, {"sums": "sign"}, **COUNTS._asdict()
    ),
    "dirichlet_planners.reward_posterior": call(dirichlet_planners.reward_posterior, **PLANNED),
    "dirichlet_planners.draw_model": call(dirichlet_planners.draw_model, rng=rng(), **PLANNED),
    "dirichlet_planners.plan_by_draw": _plan(dirichlet_planners.plan_by_draw),
    "dirichlet_planners.plan_by_draws": _plan(
        dirichlet_planners.plan_by_draws, {"num_draws": "huge"}, num_draws=2
    ),
    "dirichlet_planners.plan_by_mean": _plan(dirichlet_planners.plan_by_mean, NO_DRAW),
    "dirichlet_planners.plan_with_bonus": _plan(
        dirichlet_planners.plan_with_bonus, NO_DRAW, beta=0.5
    ),
    "dirichlet_planners.plan_optimistically": _plan(
        dirichlet_planners.plan_optimistically, NO_DRAW, c=0.5
    ),
    "dirichlet_planners.confidence_radii": call(
        dirichlet_planners.confidence_radii, counts=COUNTS, c=0.5
    ),
    "posterior_sampling.candidate_models": call(posterior_sampling.candidate_models, family=GRID),
    "posterior_sampling.sampling_agent": call(
        posterior_sampling.sampling_agent, None, lambda agent: agent.start(2), models=MODELS
    ),
    "random_argmax": call(
        room.random_argmax, {"values": "shape infinite"}, rng=rng(),
        values=np.array([[1.0, -2.0, 1.0], [0.5, 0.5, 0.0]]), tolerance=0.0,
    ),
    "learner_of_agent": call(
        room.learner_of_agent, None, played, family=BETA, agent=table_agent(np.array([[0.25,
        0.75]]))
    ),
    "bandits.thompson": _player(bandits.thompson, BETA),
    "bandits.thompson:normal": _player(bandits.thompson, NORMAL),
    "bandits.ucb1": _player(bandits.ucb1, BETA),
    "bandits.best_prior_arm": _player(bandits.best_prior_arm, BETA),
    "bandits.normal_posterior": call(bandits.normal_posterior, record=SUMS, prior=GAUSS),
    "bandits.upper_bounds": call(
        bandits.upper_bounds, {"record": "sign"}, record=RECORD
    ),
    "bandits.draw_beta": call(bandits.draw_beta, rng=rng(), record=RECORD, prior=PRIOR),
    "bandits.draw_normal": call(bandits.draw_normal, rng=rng(), record=SUMS, prior=GAUSS),
    "bayesian_bandits.posterior_means": call(
        bayesian_bandits.posterior_means, record=RECORD, prior=PRIOR
    ),
    "bayesian_bandits.upper_bounds": call(
        bayesian_bandits.upper_bounds, {"record": "sign"}, record=RECORD, prior=PRIOR,
        c=0.5
    ),
    "bayesian_bandits.greedy": _player(bayesian_bandits.greedy, BETA),
    "bayesian_bandits.greedy_first_arm": _player(bayesian_bandits.greedy_first_arm, BETA),
    "bayesian_bandits.eps_greedy": _player(bayesian_bandits.eps_greedy, BETA, eps=0.25),
    "bayesian_bandits.eps_greedy_first_arm": _player(
        bayesian_bandits.eps_greedy_first_arm, BETA, eps=0.25
    ),
    "bayesian_bandits.ucb_posterior_mean": _player(
        bayesian_bandits.ucb_posterior_mean, BETA, c=0.5
    ),
    "bayesian_bandits.optimistic_thompson": _player(bayesian_bandits.optimistic_thompson, BETA),
    "bayesian_bandits.index_player": _player(
        bayesian_bandits.index_player, BETA, index=lambda a, b, remaining: a / (a + b)
    ),
    "bayesian_bandits.explore_then_commit": _player(
        bayesian_bandits.explore_then_commit, BETA, pulls_per_arm=1
    ),
    "dirichlet_mdps.opsrl": _player(dirichlet_mdps.opsrl, RANDOM, num_draws=2),
    "dirichlet_mdps.greedy": _player(dirichlet_mdps.greedy, RANDOM),
    "dirichlet_mdps.eps_greedy": _player(dirichlet_mdps.eps_greedy, RANDOM, eps=0.25),
    "dirichlet_mdps.beb": _player(dirichlet_mdps.beb, RANDOM, beta=0.5),
    "dirichlet_mdps.ucrl2": _player(dirichlet_mdps.ucrl2, RANDOM, c=0.5),
    "dirichlet_planners.mean_model": call(
        dirichlet_planners.mean_model, counts=COUNTS, prior=DIRICHLET
    ),
    "gittins.index": call(gittins.index, a=1.0, b=2.0, gamma=0.5, error=1e-4),
    "index_policies.gittins": _player(index_policies.gittins, BETA, gamma=0.5),
    "index_policies.finite_horizon_gittins": _player(index_policies.finite_horizon_gittins, BETA),
    "index_policies.discounted": call(index_policies.discounted, a=1.0, b=2.0, pulls=3, gamma=0.5),
    "index_policies.finite_horizon": call(index_policies.finite_horizon, a=1.0, b=2.0, pulls=3),
    "posterior_sampling.random": _player(posterior_sampling.random, GRID),
    "posterior_sampling.psrl": _player(posterior_sampling.psrl, GRID),
    "posterior_sampling.psrl:dirichlet": _player(posterior_sampling.psrl, RANDOM),
    "published.published_value": call(
        published.published_value, {"algorithm": "text"}, table=published.BANDITS, cell=(10, 5),
        algorithm="thompson"
    ),
    "registry.players_for": call(registry.players_for, family=BETA),
}  # fmt: skip
RESULTS = (
    "bayesian_bandits.CommitState", "dirichlet_mdps.Step", "dirichlet_mdps.PlanState",
    "gittins.IndexBounds", "posterior_sampling.CandidateModels", "posterior_sampling.Posterior",
    "published.Table",
)  # fmt: skip
