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
    registry,
)
from metarl_min.baselines.bandits import Record
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
    return call(make, None, played, family=family, **settings)


CALLS = {
    "random_argmax": call(
        room.random_argmax, {"values": "shape"}, rng=rng(),
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
    "bandits.upper_bounds": call(bandits.upper_bounds, record=RECORD),
    "bandits.draw_beta": call(bandits.draw_beta, rng=rng(), record=RECORD, prior=PRIOR),
    "bandits.draw_normal": call(bandits.draw_normal, rng=rng(), record=SUMS, prior=GAUSS),
    "bayesian_bandits.posterior_means": call(
        bayesian_bandits.posterior_means, record=RECORD, prior=PRIOR
    ),
    "bayesian_bandits.upper_bounds": call(
        bayesian_bandits.upper_bounds, record=RECORD, prior=PRIOR, c=0.5
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
        published.published_value, table=published.BANDITS, cell=(10, 5), algorithm="thompson"
    ),
    "registry.players_for": call(registry.players_for, family=BETA),
}  # fmt: skip
RESULTS = ()
