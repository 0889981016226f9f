"""Bounds where rewards are normal, eqs. (1)-(5), against closed forms, sums and players."""

import math
from functools import partial

import numpy as np
import pytest
from comparing import assert_mean, rng
from numpy.testing import assert_allclose

from metarl_min.baselines import dirichlet_mdps, posterior_sampling
from metarl_min.ceilings import TooLarge, bounds, normal_bounds
from metarl_min.mdps import agents, rollouts
from metarl_min.mdps.agents import Agent, keep_memory
from metarl_min.mdps.mdp import optimal_return
from metarl_min.tasks import DirichletMDP, GaussianArms, Unsupported, play_trial
from metarl_min.tasks.bandits import gaussian
from metarl_min.tasks.random_mdps import mdp


def maximum_of_two(m, s, k, t):
    """The expected maximum of N(m, s^2) and N(k, t^2) [Clark 1961]."""
    spread = math.hypot(s, t)
    z = (m - k) / spread
    cdf = 0.5 * (1 + math.erf(z / math.sqrt(2)))
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return m * cdf + k * (1 - cdf) + spread * density


@pytest.mark.verifies("normal_bounds.1")
def test_eq1_the_expected_maximum_of_normals_in_closed_form():
    e = normal_bounds.expected_max
    assert e(np.zeros(3), np.ones(3)) == pytest.approx(1.5 / math.sqrt(math.pi), abs=1e-12)
    for (m, s), (k, t) in [((0.3, 1.0), (-0.2, 2.0)), ((5.0, 0.1), (4.9, 0.3)), ((1, 1), (0.5, 0))]:
        two = e(np.array([m, k], float), np.array([s, t], float))
        assert two == pytest.approx(maximum_of_two(m, s, k, t), abs=1e-11)
    assert e(np.array([1.0, 3.0]), np.zeros(2)) == 3
    assert e(np.array([-20.0, 0.0]), np.array([1.0, 0.0])) == pytest.approx(0, abs=1e-12)
    assert e(np.zeros(50), np.ones(50)) == pytest.approx(2.2490736, abs=1e-6)  # Harter 1961
    assert e(np.array([0.0, 1e6]), np.ones(2)) == pytest.approx(1e6, abs=1e-8)
    half = 1 / math.sqrt(2 * math.pi)
    almost_one = e(np.zeros(2), np.array([1.0, 1e-3]))  # the second one is nearly the constant 0
    assert almost_one == pytest.approx(half * math.hypot(1, 1e-3), abs=1e-10)


def commit(pulls_each, prior):
    """An agent that pulls each arm `pulls_each` times, then that of the best posterior mean.

    Its memory is the number of pulls so far, and the sums of the first rewards of each arm.
    """
    A = len(prior.mean)
    s2, noise2 = prior.std**2, prior.noise**2

    def act(rng, memory, states):
        t, sums = memory
        if t < pulls_each * A:
            return np.full(len(states), t % A), memory
        posterior_means = (prior.mean * noise2 + s2 * sums) / (noise2 + pulls_each * s2)
        return np.argmax(posterior_means, axis=1), memory

    def observe(memory, states, actions, rewards, arrivals):
        t, sums = memory
        explores = t < pulls_each * A
        return t + 1, sums + explores * np.eye(A)[actions] * rewards[:, None]

    return Agent(
        start=lambda num_rows: (0, np.zeros((num_rows, A))),
        begin_episode=keep_memory,
        act=act,
        observe=observe,
    )


@pytest.mark.verifies("normal_bounds.2")
def test_eq2_known_arms_leave_no_gap_and_certain_rewards_a_small_one():
    prior = GaussianArms(np.array([1.0, 2.0]), np.zeros(2), 1.0)
    family = gaussian(arms=2, pulls=7)._replace(prior=prior)
    assert bounds.bounds(family)[:3] == (14, 14, 14)
    bracket = bounds.bounds(gaussian(arms=3, pulls=100, noise=0.0))
    assert_allclose(bracket.upper, 150 / math.sqrt(math.pi), atol=1e-9)
    assert_allclose(bracket.lower, 97 * 1.5 / math.sqrt(math.pi), atol=1e-9)


@pytest.mark.verifies("normal_bounds.3")
def test_eq3_explore_then_commit_earns_what_its_formula_says():
    prior = GaussianArms(np.array([0.5, 0.0, 0.2]), np.array([0.3, 1.0, 0.6]), 0.8)
    pulls, M, draw, values = 20, 20_000, rng(3), []
    tasks = gaussian(arms=3, pulls=pulls, noise=0.8).sample(draw, M)
    tasks = tasks._replace(reward=draw.normal(prior.mean, prior.std, (M, 3))[:, None, :, None])
    sampler = rollouts.sampler(tasks, partial(rollouts.gaussian, std=0.8))
    for j in range(1, 7):
        episodes, _ = agents.play(draw, sampler, commit(j, prior), pulls, 1)
        s2 = prior.std**2
        std = np.sqrt(j * s2**2 / (j * s2 + 0.64))
        value = j * 0.7 + (pulls - 3 * j) * normal_bounds.expected_max(prior.mean, std)
        assert_mean(episodes.rewards.sum((1, 2)), value)
        values.append(value)
    assert normal_bounds.explore_then_commit(prior, pulls) == pytest.approx(max(values), abs=1e-12)
    assert normal_bounds.explore_then_commit(prior, 2) == 1  # no time to explore


@pytest.mark.verifies("normal_bounds.3")
def test_eq3_the_best_number_of_pulls_before_committing_lies_within():
    prior = GaussianArms(np.zeros(2), np.ones(2), 3.0)
    values = [
        (40 - 2 * j) * math.sqrt(2 / math.pi) * math.sqrt(j / (j + 9)) / math.sqrt(2)
        for j in range(1, 21)
    ]
    assert 1 < np.argmax(values) + 1 < 20
    value = normal_bounds.explore_then_commit(prior, 40)
    assert value == pytest.approx(max(values), rel=1e-10)


@pytest.mark.verifies("normal_bounds.4", "normal_bounds.5")
def test_bounds_of_random_mdps_hold_for_known_tasks_and_for_players():
    family = mdp(states=3, actions=2, horizon=4, episodes=6)
    bracket = bounds.bounds(family)
    assert bracket.known_task is None and bracket.random == 24 < bracket.lower < bracket.upper
    known = 6 * optimal_return(family.sample(rng(), 4000), 4)
    assert known.mean() - 5 * known.std() / math.sqrt(4000) < bracket.upper
    for player in (dirichlet_mdps.beb(family, 1.0), posterior_sampling.psrl(family)):
        tasks = family.sample(rng(1), 2000)
        returns = player.trial(rng(2), player.init(rng()), tasks).rewards.sum((1, 2))
        assert returns.mean() < bracket.upper + 5 * returns.std() / math.sqrt(2000)
    one = bounds.bounds(mdp(states=1, actions=2, horizon=1))
    arms = bounds.bounds(gaussian(arms=2, pulls=10, mean=1.0))
    assert one[:2] == pytest.approx(arms[:2], abs=1e-12)


@pytest.mark.verifies("normal_bounds.4")
def test_eq4_the_upper_bound_of_an_mdp_by_hand():
    """One action: the first pair pays 1 on average, the better of two 1 + 1 / sqrt(pi)."""
    bracket = normal_bounds.bounds(mdp(states=2, actions=1, horizon=3, episodes=2))
    assert bracket.upper == pytest.approx(2 * (1 + 2 * (1 + 1 / math.sqrt(math.pi))), rel=1e-12)


@pytest.mark.verifies("normal_bounds.5")
def test_eq5_the_first_actions_of_an_mdp_are_a_bandit():
    N, T, M = 6, 4, 50_000
    family = mdp(states=3, actions=2, horizon=T, episodes=N)
    first = commit(1, GaussianArms(np.ones(2), np.ones(2), 1.0))

    def act(rng, memory, states):
        inner, is_first = memory
        actions = first.act(rng, inner, states)[0] if is_first else rng.integers(2, size=M)
        return actions, memory

    def observe(memory, *step):
        inner, is_first = memory
        return (first.observe(inner, *step) if is_first else inner), False

    agent = Agent(
        start=lambda num_rows: (first.start(num_rows), True),
        begin_episode=lambda rng, memory: (memory[0], True),
        act=act,
        observe=observe,
    )
    draw = rng()
    episodes, _ = play_trial(draw, family, family.sample(draw, M), agent)
    e = 1 / math.sqrt(math.pi)  # of two standard normals; j = 1 has posterior std sqrt(1 / 2)
    value = N * (T - 1) + 2 + (N - 2) * (1 + e * math.sqrt(0.5))
    assert_mean(episodes.rewards.sum((1, 2)), value)
    assert bounds.bounds(family).lower == pytest.approx(value, abs=1e-9)


def test_other_noise_and_longer_episodes_have_no_bounds_here():
    family = gaussian()
    assert normal_bounds.applies_to(family)
    assert not normal_bounds.applies_to(family._replace(reward_noise=rollouts.bernoulli))
    assert not normal_bounds.applies_to(family._replace(horizon=2))


LOUD = partial(rollouts.gaussian, std=5.0)


def best_of_three(t):
    """The mean reward of who sees t rewards of all three arms: posterior means have this spread."""
    return 1.5 / math.sqrt(math.pi) * math.sqrt(t / (t + 25))


def test_the_lower_bound_is_below_a_player_that_sees_every_arm_at_each_pull():
    """Rewards of another deviation than the prior's are refused, and the right ones are bounded."""
    told = gaussian(arms=3, pulls=20, noise=5.0)
    sees_all = sum(best_of_three(t) for t in range(20))
    assert sees_all == pytest.approx(8.05, abs=0.01)
    assert bounds.bounds(told).lower == pytest.approx(3.225, abs=1e-3)
    lied = gaussian(arms=3, pulls=20)._replace(reward_noise=LOUD)
    with pytest.raises(Unsupported, match=r"noise of the prior, 1.0, got .* with std=5.0$"):
        bounds.bounds(lied)
    assert not bounds.applies_to(lied) and not normal_bounds.applies_to(lied)
    random = mdp(states=2, actions=2)
    for noise in (LOUD, rollouts.deterministic, rollouts.bernoulli, lambda rng, mean: mean):
        with pytest.raises(Unsupported, match="rewards must be normal with the noise of the pri"):
            bounds.bounds(random._replace(reward_noise=noise))


def test_the_lower_bound_of_random_mdps_needs_one_first_state():
    family = mdp(states=2, actions=2)

    def sample(rng, num_tasks):
        tasks = family.sample(rng, num_tasks)
        return tasks._replace(initial=np.full((1, 2), 0.5))

    with pytest.raises(Unsupported, match="must start in one state, got several first states"):
        bounds.bounds(family._replace(sample=sample))


@pytest.mark.verifies("normal_bounds.1")
def test_eq1_equal_normals_are_computed_once():
    many = normal_bounds.expected_max(np.zeros(200_000), np.ones(200_000))
    some = normal_bounds.expected_max(np.zeros(1000), np.ones(1000))
    assert some == pytest.approx(3.2414358, abs=1e-6)  # Harter 1961
    assert some < many < some + 1.5
    mixed = np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.5, 1.0])
    alone = normal_bounds.expected_max(np.array([0, 1e-300, 1]), np.array([1, 1.0, 0.5]))
    assert normal_bounds.expected_max(*mixed) == pytest.approx(alone, rel=1e-12)


@pytest.mark.verifies("normal_bounds.2", "normal_bounds.3", "normal_bounds.4", "normal_bounds.5")
@pytest.mark.parametrize("unit", [1e-90, 1e-6, 100.0, 1e90])
def test_bounds_scale_with_the_unit_of_the_rewards(unit):
    def both(u):
        arms = gaussian(arms=3, pulls=10, mean=3 * u, std=u, noise=2 * u)
        prior = DirichletMDP(np.ones((3, 2, 3)), 1 * u, 2 * u, 3 * u)
        random = mdp(states=3, actions=2)._replace(
            prior=prior, reward_noise=partial(rollouts.gaussian, std=3 * u)
        )
        found = [*bounds.bounds(arms), *bounds.bounds(random)]
        return np.array([x for x in found if x is not None]) / u

    assert_allclose(both(unit), both(1.0), rtol=1e-12)


@pytest.mark.parametrize(
    ("mean", "std", "words"),
    [
        (np.zeros(2), -np.ones(2), "std must be from 0"),
        (np.zeros(2), np.ones(1), "std must have the shape of mean"),
        (np.zeros(0), np.zeros(0), "must have one axis"),
        (np.zeros((1, 2)), np.ones((1, 2)), "must have one axis"),
        (np.array([np.nan, 0]), np.ones(2), "mean must be finite"),
        ([0.0, 1.0], np.ones(2), "mean must be an array of floats, got list"),
    ],
)
def test_an_expected_maximum_needs_normals(mean, std, words):
    with pytest.raises((TypeError, ValueError), match=words):
        normal_bounds.expected_max(mean, std)


def test_too_many_different_normals_are_refused():
    with pytest.raises(TooLarge, match="may take at most 8,000,000 numbers, got 64,000,000"):
        normal_bounds.expected_max(np.arange(500.0), np.ones(500))


def test_a_trial_of_too_many_pulls_is_refused():
    prior = gaussian(arms=2).prior
    with pytest.raises(TooLarge, match=r"bounds may have at most 1,000,000,000,000,000 pulls"):
        normal_bounds.arm_bounds(prior, 10**16)
    with pytest.raises(TooLarge, match=r"bounds may have at most 1,000,000,000,000,000 steps"):
        normal_bounds.mdp_bounds(mdp().prior, 10**16, 2)
    with pytest.raises(ValueError, match="pulls must be at most"):
        normal_bounds.arm_bounds(prior, 10**400)
    long = normal_bounds.arm_bounds(prior, 10**15)
    assert 0.9 * long.upper < long.lower < long.upper
