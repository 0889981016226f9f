"""Bounds where rewards are normal, against closed forms, finer sums and players."""

import math
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose

from metarl_min import evaluation
from metarl_min.baselines import dirichlet_mdps
from metarl_min.baselines import posterior_sampling as players
from metarl_min.ceilings import bounds, normal_bounds
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import optimal_return
from metarl_min.mdps.rollouts import Agent
from metarl_min.tasks import GaussianArms, make


@pytest.mark.verifies("normal_bounds.1")
def test_the_expected_maximum_of_normals_in_closed_form():
    e = normal_bounds.expected_max
    assert e(np.zeros(3), np.ones(3)) == pytest.approx(1.5 / math.sqrt(math.pi), abs=1e-12)
    for (m, s), (k, t) in [((0.3, 1.0), (-0.2, 2.0)), ((5.0, 0.1), (4.9, 0.3)), ((1, 1), (0.5, 0))]:
        spread = math.hypot(s, t)  # of two normals [Clark 1961]
        z = (m - k) / spread
        cdf, density = (
            0.5 * (1 + math.erf(z / math.sqrt(2))),
            math.exp(-z * z / 2) / math.sqrt(2 * math.pi),
        )
        two = e(np.array([m, k], float), np.array([s, t], float))
        assert two == pytest.approx(m * cdf + k * (1 - cdf) + spread * density, abs=1e-11)
    assert e(np.array([1.0, 3.0]), np.zeros(2)) == 3
    assert e(np.array([-20.0, 0.0]), np.array([1.0, 0.0])) == pytest.approx(0, abs=1e-12)
    assert e(np.zeros(50), np.ones(50)) == pytest.approx(2.2490736, abs=1e-6)  # Harter 1961
    assert e(np.array([0.0, 1e6]), np.ones(2)) == pytest.approx(1e6, abs=1e-8)
    half = 1 / math.sqrt(2 * math.pi)  # of two arms that know their mean, the sharper all but 0
    assert e(np.zeros(2), np.array([1.0, 1e-3])) == pytest.approx(
        half * math.hypot(1, 1e-3), abs=1e-10
    )


def commit(m, prior):
    """An agent that pulls each arm `m` times, then the one with the best posterior mean."""
    A = len(prior.mean)
    s2, noise2 = prior.std**2, prior.noise**2

    def act(rng, memory, states):
        t, paid = memory
        if t < m * A:
            return np.full(len(states), t % A)
        return np.argmax((prior.mean * noise2 + s2 * paid) / (noise2 + m * s2), axis=1)

    def observe(memory, states, actions, rewards, arrivals):
        t, paid = memory
        return t + 1, paid + (t < m * A) * np.eye(A)[actions] * rewards[:, None]

    return Agent(lambda M: (0, np.zeros((M, A))), rollouts.keep_memory, act, observe)


@pytest.mark.verifies("normal_bounds.3")
def test_explore_then_commit_earns_what_its_formula_says():
    prior = GaussianArms(np.array([0.5, 0.0, 0.2]), np.array([0.3, 1.0, 0.6]), 0.8)
    pulls, M = 20, 100_000
    family = make("gaussian", {"arms": "3", "pulls": str(pulls), "noise": "0.8"})
    rng, means = np.random.default_rng(3), []
    tasks = family.sample(rng, M)
    mean = rng.normal(prior.mean, prior.std, (M, 3))
    tasks = tasks._replace(reward=mean[:, None, :, None])
    tables = rollouts.sampler(tasks, partial(rollouts.gaussian, std=0.8))
    for m in range(1, 7):
        total = rollouts.play(rng, tables, commit(m, prior), pulls, 1).rewards.sum((1, 2))
        s2 = prior.std**2
        std = np.sqrt(m * s2**2 / (m * s2 + 0.64))
        formula = m * 0.7 + (pulls - 3 * m) * normal_bounds.expected_max(prior.mean, std)
        assert abs(total.mean() - formula) < 5 * total.std() / math.sqrt(M)
        means.append(formula)
    assert normal_bounds.explore_then_commit(prior, pulls) == pytest.approx(max(means), abs=1e-12)
    assert normal_bounds.explore_then_commit(prior, 2) == 1  # no time to explore


@pytest.mark.verifies("normal_bounds.2")
def test_known_arms_leave_no_gap_and_sure_rewards_a_small_one():
    prior = GaussianArms(np.array([1.0, 2.0]), np.zeros(2), 1.0)
    family = make("gaussian", {"arms": "2", "pulls": "7"})._replace(prior=prior)
    assert bounds.bounds(family)[:3] == (14, 14, 14)
    found = bounds.bounds(make("gaussian", {"arms": "3", "pulls": "100", "noise": "0"}))
    assert_allclose(found.upper, 150 / math.sqrt(math.pi), atol=1e-9)
    assert_allclose(found.lower, 97 * 1.5 / math.sqrt(math.pi), atol=1e-9)


@pytest.mark.verifies("normal_bounds.4", "normal_bounds.5")
def test_bounds_of_random_mdps_hold_for_the_told_and_for_a_player():
    family = make("mdp", {"states": "3", "actions": "2", "horizon": "4", "episodes": "6"})
    found = bounds.bounds(family)
    assert found.known_task is None and found.random == 24 < found.lower < found.upper
    told = 6 * optimal_return(family.sample(np.random.default_rng(0), 4000), 4)
    error = told.std() / math.sqrt(4000)
    assert told.mean() - 5 * error < found.upper
    for player in (dirichlet_mdps.beb(1.0), players.psrl()):
        state = player.init(np.random.default_rng(0), family)
        scores = evaluation.evaluate(player, state, family, num_tasks=2000, seed=1)
        assert scores.value < found.upper + 5 * scores.stderr
    one = bounds.bounds(make("mdp", {"states": "1", "actions": "2", "horizon": "1"}))
    arm = bounds.bounds(make("gaussian", {"arms": "2", "pulls": "10", "mean": "1"}))
    assert one[:2] == pytest.approx(arm[:2], abs=1e-12)


@pytest.mark.verifies("normal_bounds.5")
def test_the_first_actions_of_an_mdp_are_a_bandit():
    prior, N, T, M = GaussianArms(np.ones(2), np.ones(2), 1.0), 6, 4, 50_000
    family = make("mdp", {"states": "3", "actions": "2", "horizon": "4", "episodes": "6"})
    first = commit(1, prior)

    def act(rng, memory, states):
        return first.act(rng, memory[0], states) if memory[1] else rng.integers(2, size=len(states))

    def observe(memory, states, actions, rewards, arrivals):
        inner = first.observe(memory[0], states, actions, rewards, arrivals)
        return (inner, False) if memory[1] else memory

    agent = Agent(
        lambda M: (first.start(M), True), lambda rng, memory: (memory[0], True), act, observe
    )
    rng = np.random.default_rng(0)
    tables = rollouts.sampler(family.sample(rng, M), family.reward_noise)
    total = rollouts.play(rng, tables, agent, N, T).rewards.sum((1, 2))
    e = 1 / math.sqrt(math.pi)  # of two standard normals; m = 1 has posterior std sqrt(1 / 2)
    formula = N * (T - 1) + 2 + (N - 2) * (1 + e * math.sqrt(0.5))
    assert abs(total.mean() - formula) < 5 * total.std() / math.sqrt(M)
    assert bounds.bounds(family).lower == pytest.approx(formula, abs=1e-9)


def test_other_noise_has_no_bounds_here():
    family = make("gaussian", {})
    assert normal_bounds.has(family)
    assert not normal_bounds.has(family._replace(reward_noise=rollouts.bernoulli))
    assert not normal_bounds.has(family._replace(horizon=2))


@pytest.mark.verifies("normal_bounds.4")
def test_the_upper_bound_of_an_mdp_by_hand():
    """One action: the first pair pays 1 on average, the better of two 1 + 1 / sqrt(pi)."""
    family = make("mdp", {"states": "2", "actions": "1", "horizon": "3", "episodes": "2"})
    _, upper, _ = normal_bounds.bracket(family)
    assert upper == pytest.approx(2 * (1 + 2 * (1 + 1 / math.sqrt(math.pi))), rel=1e-12)


@pytest.mark.verifies("normal_bounds.3")
def test_the_best_number_of_pulls_before_committing_lies_within():
    prior = GaussianArms(np.zeros(2), np.ones(2), 3.0)
    earned = [
        (40 - 2 * m) * math.sqrt(2 / math.pi) * math.sqrt(m / (m + 9)) / math.sqrt(2)
        for m in range(1, 21)
    ]
    assert 1 < np.argmax(earned) + 1 < 20
    found = normal_bounds.explore_then_commit(prior, 40)
    assert found == pytest.approx(max(earned), rel=1e-10)
