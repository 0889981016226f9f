"""Bandit players, eqs. (1)-(4) of baselines.bandits."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metarl_min.baselines import bandits
from metarl_min.baselines.bandits import Record
from metarl_min.mdps import rollouts
from metarl_min.tasks import BetaArms, GaussianArms, make, prior_means

quick = settings(derandomize=True, deadline=None, max_examples=20)


def rng():
    return np.random.default_rng(0)


def choices(learner, family, pulls, sums, num_draws):
    """Actions of an agent that has the same record in every task."""
    agent = learner.init(rng(), family)
    record = Record(*(np.tile(np.array(x, float), (num_draws, 1)) for x in (pulls, sums)))
    return agent.act(rng(), record, np.zeros(num_draws, int))


def close_to(share, probability, num_draws):
    return abs(share - probability) < 5 * math.sqrt(probability * (1 - probability) / num_draws)


@pytest.mark.verifies("baselines.bandits.1")
@pytest.mark.parametrize(
    ("pulls", "sums", "second"),
    [
        ((0, 0), (0, 0), 1 / 2),
        ((0, 1), (0, 1), 2 / 3),  # Beta(2, 1) above Beta(1, 1)
        ((0, 1), (0, 0), 1 / 3),
        ((1, 1), (0, 1), 5 / 6),  # 1 - int 2 (1 - x) x^2 dx
    ],
)
def test_eq1_thompson_plays_an_arm_as_often_as_it_is_best(pulls, sums, second):
    actions = choices(bandits.thompson(), make("bandit", {"arms": "2"}), pulls, sums, 20_000)
    assert close_to(actions.mean(), second, 20_000)


@pytest.mark.verifies("baselines.bandits.1")
def test_eq1_thompson_uses_the_prior_of_each_arm():
    family = make("bandit", {"arms": "2", "prior": "1,2/3,1"})
    # P(X < Y), X ~ Beta(1, 2), Y ~ Beta(3, 1): int 3 y^2 (1 - (1 - y)^2) dy = 3/2 - 3/5
    assert close_to(choices(bandits.thompson(), family, (0, 0), (0, 0), 20_000).mean(), 0.9, 20_000)


@pytest.mark.verifies("baselines.bandits.2")
@quick
@given(
    st.floats(-2, 2), st.floats(0.1, 3), st.floats(0.1, 3), st.lists(st.floats(-3, 3), max_size=6)
)
def test_eq2_the_posterior_adds_precisions(mean, std, noise, rewards):
    record = Record(np.array([[float(len(rewards))]]), np.array([[sum(rewards)]]))
    prior = GaussianArms(np.array([mean]), np.array([std]), noise)
    precision = 1 / std**2 + len(rewards) / noise**2
    expected = (mean / std**2 + sum(rewards) / noise**2) / precision
    np.testing.assert_allclose(
        np.ravel(bandits.posterior(record, prior)), [expected, precision**-0.5], atol=1e-12
    )


@pytest.mark.verifies("baselines.bandits.2")
def test_eq2_without_noise_one_pull_tells_the_mean_and_without_spread_nothing_does():
    record = Record(np.array([[0.0, 2.0]]), np.array([[0.0, 1.0]]))
    exact = GaussianArms(np.array([3.0, 3.0]), np.array([2.0, 2.0]), 0.0)
    np.testing.assert_allclose(bandits.posterior(record, exact), [[[3, 0.5]], [[2, 0]]])
    known = GaussianArms(np.array([3.0, 4.0]), np.zeros(2), 0.0)
    np.testing.assert_allclose(bandits.posterior(record, known), [[[3, 4]], [[0, 0]]])


@pytest.mark.verifies("baselines.bandits.2")
def test_eq2_thompson_draws_gaussian_arms_from_their_posterior():
    family = make("gaussian", {"arms": "2"})
    actions = choices(bandits.thompson(), family, (0, 3), (0, 3), 20_000)
    # the second arm has posterior N(3/4, 1/4), the difference N(3/4, 5/4)
    share = 0.5 * (1 + math.erf(0.75 / math.sqrt(2 * 1.25)))
    assert close_to(actions.mean(), share, 20_000)


@pytest.mark.verifies("baselines.bandits.3")
def test_eq3_bounds_by_hand_and_infinite_before_the_first_pull():
    bounds = bandits.upper_bounds(Record(np.array([[4.0, 1.0, 0.0]]), np.array([[3.0, 0.0, 0.0]])))
    expected = [
        3 / 4 + math.sqrt(2 * math.log(5) / 4), math.sqrt(2 * math.log(5)), math.inf
    ]  # fmt: skip
    np.testing.assert_allclose(bounds[0], expected, rtol=1e-14)
    assert np.isinf(bandits.upper_bounds(Record(*np.zeros((2, 1, 3))))).all()


@pytest.mark.verifies("baselines.bandits.3")
def test_eq3_ucb1_plays_each_arm_once_and_then_the_highest_bound():
    family = make("bandit", {"arms": "4", "pulls": "7"})
    learner = bandits.ucb1()
    tasks = family.sample(rng(), 300)
    episodes = learner.trial(rng(), learner.init(rng(), family), family, tasks)
    actions, rewards = episodes.actions[..., 0], episodes.rewards[..., 0]
    assert (np.sort(actions[:, :4], axis=1) == np.arange(4)).all()
    for row, paid in zip(actions, rewards, strict=True):
        for t in range(4, 7):
            n = [sum(row[:t] == i) for i in range(4)]
            bound = [
                sum(paid[:t][row[:t] == i]) / n[i] + math.sqrt(2 * math.log(t) / n[i])
                for i in range(4)
            ]
            assert bound[row[t]] == pytest.approx(max(bound), abs=1e-12)


@pytest.mark.verifies("baselines.bandits.3")
def test_equally_good_actions_are_drawn_uniformly():
    values = np.tile([1.0, 3.0, 3.0 - 1e-10, 3.0 - 1e-8], (20_000, 1))
    share = np.bincount(bandits.random_argmax(rng(), values, 1e-9), minlength=4) / 20_000
    assert share[0] == share[3] == 0 and close_to(share[1], 0.5, 20_000)
    assert (bandits.random_argmax(rng(), values) == 1).all()
    first = choices(bandits.ucb1(), make("bandit", {"arms": "3"}), (0, 2, 0), (0, 2, 0), 20_000)
    assert set(first) == {0, 2} and close_to((first == 0).mean(), 0.5, 20_000)


@pytest.mark.verifies("baselines.bandits.4")
@pytest.mark.parametrize(
    ("name", "words", "best"),
    [
        ("bandit", {"prior": "1,1/2,2/4,4/1,3/1,5"}, {0, 1, 2}),
        ("bandit", {"prior": "1,1/3,1/5,2/1,3/1,5"}, {1}),
        ("gaussian", {"arms": "2"}, {0, 1}),
        ("correlated", {}, {0, 1}),
    ],
)
def test_eq4_best_prior_arm_never_looks_back(name, words, best):
    family = make(name, words)
    learner = bandits.best_prior_arm()
    state = learner.init(rng(), family)
    episodes = learner.trial(rng(), state, family, family.sample(rng(), 50))
    assert set(episodes.actions.ravel()) == best


@pytest.mark.verifies("baselines.bandits.4")
def test_eq4_prior_means():
    np.testing.assert_allclose(
        prior_means(BetaArms(np.array([1.0]), np.array([3.0]))), 0.25
    )
    means = prior_means(make("correlated", {}).prior._replace(b=3.0))
    np.testing.assert_allclose(means, [0.25, 0.75])


LEARNERS = [bandits.thompson, bandits.ucb1, bandits.best_prior_arm]


@pytest.mark.parametrize("make_learner", LEARNERS)
def test_a_player_is_a_learner_that_pickles_and_remembers_within_a_trial_alone(make_learner):
    family = make("bandit", {"arms": "3", "pulls": "6"})
    learner = pickle.loads(pickle.dumps(make_learner()))
    state = pickle.loads(pickle.dumps(learner.init(rng(), family)))
    assert learner.step(rng(), state, family) == (state, None)
    tasks = family.sample(rng(), 8)
    first, again, greedy = (
        learner.trial(rng(), state, family, tasks, greedy=flag) for flag in (False, False, True)
    )
    assert first.rewards.shape == (8, 6, 1)
    for x, y, z in zip(first, again, greedy, strict=True):
        assert (x == y).all() and (x == z).all()


@pytest.mark.parametrize(
    ("make_learner", "name", "words", "rule"),
    [
        (bandits.thompson, "correlated", {}, "thompson plays .* CorrelatedArms"),
        (bandits.thompson, "gridworld", {}, "thompson plays .* Hypotheses"),
        (bandits.ucb1, "gaussian", {}, "ucb1 plays Bernoulli bandits.* got gaussian"),
        (bandits.ucb1, "gridworld", {"horizon": "1"}, "ucb1 plays Bernoulli bandits"),
        (bandits.best_prior_arm, "mdp", {}, "best_prior_arm plays .* got DirichletMDP"),
    ],
)
def test_a_family_that_a_player_cannot_play_is_refused(make_learner, name, words, rule):
    with pytest.raises(ValueError, match=rule):
        make_learner().init(rng(), make(name, words))


def test_ucb1_refuses_longer_episodes_of_bernoulli_arms():
    with pytest.raises(ValueError, match="horizon 2"):
        bandits.ucb1().init(rng(), make("bandit", {})._replace(horizon=2))


def test_thompson_and_ucb1_learn_and_best_prior_arm_earns_its_mean():
    family = make("bandit", {"arms": "2", "pulls": "20", "prior": "1,1/3,2"})
    tasks = family.sample(rng(), 4000)
    returns = {}
    for make_learner in LEARNERS:
        learner = make_learner()
        trial = learner.trial(rng(), learner.init(rng(), family), family, tasks)
        returns[make_learner.__name__] = trial.rewards.sum((1, 2))
    error = {name: x.std() / math.sqrt(4000) for name, x in returns.items()}
    assert abs(returns["best_prior_arm"].mean() - 12) < 5 * error["best_prior_arm"]
    assert returns["thompson"].mean() > 12 + 5 * error["thompson"]
    assert returns["ucb1"].mean() > 11 + 5 * error["ucb1"]  # the random player earns 11


def test_thompson_refuses_rewards_of_which_it_has_no_posterior():
    family = make("bandit", {"arms": "2", "pulls": "3"})
    for other in ({"reward_noise": rollouts.deterministic}, {"horizon": 2}):
        with pytest.raises(ValueError, match="thompson plays Beta and Gaussian arms, got bandit"):
            bandits.thompson().init(np.random.default_rng(0), family._replace(**other))
