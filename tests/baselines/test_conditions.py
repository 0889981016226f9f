"""The conditions that players and solvers put on a family, and the words in which they refuse."""

from functools import partial

import numpy as np
import pytest
from problems import POSTERIOR_MEAN_PLAYERS

from metarl_min.baselines import (
    bandits,
    conditions,
    dirichlet_mdps,
    index_policies,
    posterior_sampling,
)
from metarl_min.ceilings import bayes_optimal, bounds
from metarl_min.mdps import rollouts
from metarl_min.tasks import Unsupported, family_of_candidates
from metarl_min.tasks.bandits import bandit, bandit_mdps, correlated, gaussian
from metarl_min.tasks.gridworlds import gridworld
from metarl_min.tasks.random_mdps import mdp

LOUD = partial(rollouts.gaussian, std=5.0)
RANDOM = mdp(states=3, actions=2)


def my_noise(rng, mean):
    return mean + rng.choice([-1.0, 1.0], mean.shape)


def test_the_standard_deviation_of_rewards_is_read_where_it_is_known():
    for noise, std in [
        (rollouts.deterministic, 0.0),
        (rollouts.gaussian, 1.0),
        (partial(rollouts.gaussian), 1.0),
        (LOUD, 5.0),
        (rollouts.bernoulli, None),
        (my_noise, None),
        (partial(my_noise), None),
        (partial(rollouts.gaussian, None), None),
        (None, None),
    ]:
        assert conditions.reward_std(noise) == std


def test_rewards_are_named_with_their_arguments():
    for noise, name in [
        (rollouts.bernoulli, "bernoulli"),
        (LOUD, "gaussian with std=5.0"),
        (partial(rollouts.gaussian, 2), "gaussian with 2"),
        (my_noise, "my_noise"),
        (np.random.default_rng, "default_rng"),
        (None, "NoneType"),
    ]:
        assert conditions.describe(noise) == f"rewards by {name}"


BETA_PLAYERS = {
    "thompson": bandits.thompson,
    **POSTERIOR_MEAN_PLAYERS,
    "gittins": partial(index_policies.gittins, gamma=0.5),
    "finite_horizon_gittins": index_policies.finite_horizon_gittins,
}


@pytest.mark.parametrize("name", BETA_PLAYERS)
@pytest.mark.parametrize("noise", [rollouts.deterministic, LOUD, my_noise])
def test_a_player_of_beta_arms_refuses_rewards_that_are_not_bernoulli(name, noise):
    fractions = bandit(pulls=3)._replace(reward_noise=noise)
    got = conditions.describe(noise)
    with pytest.raises(Unsupported, match=f"^{name} plays .*: rewards must be Bern.*, got {got}$"):
        BETA_PLAYERS[name](fractions)


RANDOM_PLAYERS = {
    "psrl": posterior_sampling.psrl,
    "opsrl": partial(dirichlet_mdps.opsrl, num_draws=2),
    "greedy": dirichlet_mdps.greedy,
    "eps_greedy": partial(dirichlet_mdps.eps_greedy, eps=0.1),
    "beb": partial(dirichlet_mdps.beb, beta=1.0),
    "ucrl2": partial(dirichlet_mdps.ucrl2, c=0.1),
}


@pytest.mark.parametrize("name", RANDOM_PLAYERS)
@pytest.mark.parametrize(
    "noise", [LOUD, rollouts.deterministic, rollouts.bernoulli, my_noise], ids=str
)
def test_a_player_of_random_mdps_refuses_rewards_that_are_not_those_of_the_prior(name, noise):
    rule = f"^{name} plays .* noise of the prior, 1.0, got {conditions.describe(noise)}$"
    with pytest.raises(Unsupported, match=rule):
        RANDOM_PLAYERS[name](RANDOM._replace(reward_noise=noise))


def test_thompson_refuses_normal_rewards_of_another_deviation():
    for noise in (LOUD, rollouts.deterministic, rollouts.bernoulli, my_noise):
        with pytest.raises(Unsupported, match=r"^thompson plays .* noise of the prior, 1.0, got"):
            bandits.thompson(gaussian()._replace(reward_noise=noise))
    bandits.thompson(gaussian(noise=0.0)._replace(reward_noise=rollouts.deterministic))
    bandits.thompson(gaussian()._replace(reward_noise=rollouts.gaussian))


def test_psrl_refuses_rewards_whose_likelihood_it_does_not_know():
    for noise in (LOUD, my_noise):
        rule = "^psrl plays .*: rewards must be Bernoulli or without noise, got rewards by"
        with pytest.raises(Unsupported, match=rule):
            posterior_sampling.psrl(gridworld()._replace(reward_noise=noise))


def one_state_family(means, noise):
    mdps, weights = bandit_mdps(np.array(means)), np.full(len(means), 1 / len(means))
    return family_of_candidates("mine", {}, mdps, weights, 1, 5, noise)


def test_bernoulli_rewards_need_means_between_0_and_1():
    family = one_state_family([[0.3, 1.7], [0.2, 0.1]], rollouts.bernoulli)
    for refuse in (posterior_sampling.psrl, bandits.ucb1, bayes_optimal.solve):
        with pytest.raises(Unsupported, match=r"from 0 to 1, got means from 0.1 to 1.7$"):
            refuse(family)


def test_the_largest_reward_is_known_from_the_prior():
    for family, largest in [
        (bandit(), 1.0),
        (correlated(), 1.0),
        (bandit()._replace(reward_noise=rollouts.deterministic), 1.0),
        (one_state_family([[0.3, 0.7], [0.2, 0.1]], rollouts.bernoulli), 1.0),
        (one_state_family([[0.3, 0.7], [0.2, 0.1]], rollouts.deterministic), 0.7),
        (one_state_family([[30.0, 70.0], [0.0, 0.1]], rollouts.deterministic), 70.0),
    ]:
        assert conditions.largest_reward("", family) == largest
    with pytest.raises(Unsupported, match=r"rewards must be from 0 up, got means from -1.0 to 2.0"):
        conditions.largest_reward("", one_state_family([[-1.0, 2.0]], rollouts.deterministic))
    with pytest.raises(Unsupported, match=r"the prior must be BetaArms or .* got gaussian with"):
        conditions.largest_reward("", gaussian()._replace(reward_noise=rollouts.deterministic))


EDGES = [
    *BETA_PLAYERS.values(),
    *RANDOM_PLAYERS.values(),
    bandits.ucb1,
    bandits.best_prior_arm,
    posterior_sampling.random,
    bayes_optimal.solve,
    bounds.bounds,
    bounds.applies_to,
]


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("family", [None, "bandit", [bandit()], tuple(bandit())])
def test_what_is_no_family_is_refused_by_its_type(edge, family):
    with pytest.raises(
        TypeError, match=f"^family must be of type Family, got {type(family).__name__}$"
    ):
        edge(family)
