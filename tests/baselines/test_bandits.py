"""bandits (1)-(4): Thompson sampling, UCB1 and the best prior arm."""

import math
import pickle
from functools import partial

import numpy as np
import pytest
from comparing import assert_mean, episodes_equal, rng, within_errors
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import returns_of, small_bandit, trials_of

from metarl_min.baselines import bandits
from metarl_min.baselines.bandits import Record
from metarl_min.mdps import rollouts
from metarl_min.tasks import (
    BetaArms,
    GaussianArms,
    Unsupported,
    family_of_candidates,
    play_trial,
    prior_means,
)
from metarl_min.tasks.bandits import bandit, bandit_mdps, correlated, gaussian
from metarl_min.tasks.gridworlds import gridworld
from metarl_min.tasks.random_mdps import mdp

quick = settings(derandomize=True, deadline=None, max_examples=20)
UNIFORM = BetaArms(np.ones(2), np.ones(2))
NUM_DRAWS = 20_000


def choices(choose, pulls, sums):
    """The arms that are chosen in many tasks of the same record."""
    return choose(
        rng(), Record(*(np.tile(np.array(x, float), (NUM_DRAWS, 1)) for x in (pulls, sums)))
    )


def by_draw(draw, prior):
    return partial(bandits.choose_by_draw, draw=partial(draw, prior=prior))


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
    assert within_errors(choices(by_draw(bandits.draw_beta, UNIFORM), pulls, sums), second)


@pytest.mark.verifies("baselines.bandits.1")
def test_eq1_thompson_uses_the_prior_of_each_arm():
    family = bandit(arms=2, pulls=1, prior=((1, 2), (3, 1)))
    # P(X < Y), X ~ Beta(1, 2), Y ~ Beta(3, 1): int 3 y^2 (1 - (1 - y)^2) dy = 3/2 - 3/5
    assert within_errors(trials_of(bandits.thompson(family), NUM_DRAWS).actions.ravel(), 0.9)


@pytest.mark.verifies("baselines.bandits.1")
def test_eq1_thompson_learns_from_every_pull_of_a_trial():
    trial = trials_of(bandits.thompson(small_bandit(pulls=2)), NUM_DRAWS)
    actions, rewards = trial.actions[..., 0], trial.rewards[..., 0]
    for reward, stays in ((1, 2 / 3), (0, 1 / 3)):
        rows = rewards[:, 0] == reward
        assert within_errors(actions[rows, 1] == actions[rows, 0], stays)


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
        np.ravel(bandits.normal_posterior(record, prior)), [expected, precision**-0.5], atol=1e-12
    )


@pytest.mark.verifies("baselines.bandits.2")
def test_eq2_without_noise_one_pull_shows_the_mean_and_without_spread_nothing_is_learned():
    record = Record(np.array([[0.0, 2.0]]), np.array([[0.0, 1.0]]))
    no_noise = GaussianArms(np.array([3.0, 3.0]), np.array([2.0, 2.0]), 0.0)
    np.testing.assert_allclose(bandits.normal_posterior(record, no_noise), [[[3, 0.5]], [[2, 0]]])
    no_spread = GaussianArms(np.array([3.0, 4.0]), np.zeros(2), 0.0)
    np.testing.assert_allclose(bandits.normal_posterior(record, no_spread), [[[3, 4]], [[0, 0]]])


@pytest.mark.verifies("baselines.bandits.2")
@pytest.mark.parametrize("size", [1e-90, 1e-6, 1e6, 1e90])
def test_eq2_the_posterior_has_no_unit_of_its_own(size):
    """By hand: three rewards of 2, with the prior N(1, 4) and noise 1, all in units of `size`."""
    prior = GaussianArms(np.array([size]), np.array([2 * size]), size)
    mean, std = bandits.normal_posterior(Record(np.array([[3.0]]), np.array([[6 * size]])), prior)
    assert mean[0, 0] / size == pytest.approx((1 / 4 + 6) / (1 / 4 + 3), rel=1e-14)
    assert std[0, 0] / size == pytest.approx((1 / 4 + 3) ** -0.5, rel=1e-14)


@pytest.mark.verifies("baselines.bandits.2")
def test_eq2_little_noise_leaves_little_doubt_and_much_noise_teaches_nothing():
    record = Record(np.array([[1.0]]), np.array([[3.0]]))
    for noise, expected in ((1e-12, (3, 1e-12)), (1e90, (0, 1))):
        prior = GaussianArms(np.zeros(1), np.ones(1), noise)
        posterior = np.ravel(bandits.normal_posterior(record, prior))
        np.testing.assert_allclose(posterior, expected, rtol=1e-12, atol=1e-100)
    tiny = GaussianArms(np.zeros(1), np.full(1, 1e-99), 1e99)
    np.testing.assert_allclose(
        np.ravel(bandits.normal_posterior(record, tiny)), (0, 1e-99), atol=1e-110
    )


@pytest.mark.verifies("baselines.bandits.2")
def test_eq2_thompson_draws_gaussian_arms_from_their_posterior():
    prior = GaussianArms(np.zeros(2), np.ones(2), 1.0)
    actions = choices(by_draw(bandits.draw_normal, prior), (0, 3), (0, 3))
    # the second arm has posterior N(3/4, 1/4), the difference N(3/4, 5/4)
    assert within_errors(actions, 0.5 * (1 + math.erf(0.75 / math.sqrt(2 * 1.25))))


@pytest.mark.verifies("baselines.bandits.2")
def test_eq2_thompson_plays_normal_arms_by_their_prior():
    family = gaussian(arms=2, pulls=4)
    tasks = family.sample(rng(), 300)
    agent = bandits.recording_agent(2, by_draw(bandits.draw_normal, family.prior))
    expected = play_trial(rng(1), family, tasks, agent)[0]
    assert episodes_equal(trials_of(bandits.thompson(family), 300), expected)


@pytest.mark.verifies("baselines.bandits.3")
def test_eq3_bounds_by_hand_and_infinite_before_the_first_pull():
    bounds = bandits.upper_bounds(Record(np.array([[4.0, 1.0, 0.0]]), np.array([[3.0, 0.0, 0.0]])))
    expected = [3 / 4 + math.sqrt(2 * math.log(5) / 4), math.sqrt(2 * math.log(5)), math.inf]
    np.testing.assert_allclose(bounds[0], expected, rtol=1e-14)
    assert np.isinf(bandits.upper_bounds(bandits.start(1, 3))).all()


@pytest.mark.verifies("baselines.bandits.3")
def test_eq3_ucb1_plays_each_arm_once_and_then_the_highest_bound():
    trial = trials_of(bandits.ucb1(small_bandit(arms=4, pulls=7)), 300)
    actions, rewards = trial.actions[..., 0], trial.rewards[..., 0]
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
def test_eq3_arms_without_a_pull_are_drawn_uniformly():
    first = choices(bandits.choose_by_bounds, (0, 2, 0), (0, 2, 0))
    assert set(first) == {0, 2} and within_errors(first == 0, 0.5)


@pytest.mark.verifies("baselines.bandits.4")
@pytest.mark.parametrize(
    ("family", "best"),
    [
        (bandit(prior=((1, 1), (2, 2), (4, 4), (1, 3), (1, 5))), {0, 1, 2}),
        (bandit(prior=((1, 1), (3, 1), (5, 2), (1, 3), (1, 5))), {1}),
        (gaussian(arms=2), {0, 1}),
        (correlated(), {0, 1}),
    ],
)
def test_eq4_best_prior_arm_never_looks_back(family, best):
    actions = trials_of(bandits.best_prior_arm(family), 50).actions
    assert set(actions.ravel()) == best


@pytest.mark.verifies("baselines.bandits.4")
def test_eq4_prior_means():
    np.testing.assert_allclose(prior_means(BetaArms(np.array([1.0]), np.array([3.0]))), 0.25)
    means = prior_means(correlated().prior._replace(b=3.0))
    np.testing.assert_allclose(means, [0.25, 0.75])


def test_a_record_counts_pulls_and_adds_rewards_and_never_changes():
    before = bandits.start(2, 3)
    after = bandits.observe(before, np.zeros(2, int), np.array([2, 0]), np.array([1.5, -1.0]), None)
    after = bandits.observe(after, np.zeros(2, int), np.array([2, 1]), np.array([1.0, 4.0]), None)
    assert after.pulls.tolist() == [[0, 0, 2], [1, 1, 0]]
    assert after.sums.tolist() == [[0, 0, 2.5], [-1, 4, 0]]
    assert not before.pulls.any() and not before.sums.any()


PLAYERS = [bandits.thompson, bandits.ucb1, bandits.best_prior_arm]


@pytest.mark.parametrize("maker", PLAYERS)
def test_a_player_is_a_learner_that_pickles_and_remembers_within_one_trial_only(maker):
    player = pickle.loads(pickle.dumps(maker(small_bandit(arms=3, pulls=6))))
    state = player.init(rng())
    assert player.step(rng(), state) == (state, None)
    tasks = player.family.sample(rng(), 8)
    first = player.trial(rng(), state, tasks)
    assert first.rewards.shape == (8, 6, 1)
    assert episodes_equal(first, player.trial(rng(), state, tasks))
    assert episodes_equal(first, player.trial(rng(), state, tasks, greedy=True))


@pytest.mark.parametrize(
    ("maker", "family", "rule"),
    [
        (bandits.thompson, correlated(), "thompson plays .* CorrelatedArms"),
        (bandits.thompson, gridworld(), "thompson plays .* Hypotheses"),
        (bandits.ucb1, gaussian(), "ucb1 plays bandits.* got rewards by gaussian with std=1.0"),
        (bandits.ucb1, gridworld(horizon=1), "ucb1 plays bandits.* got means from -0.1 to 1.0"),
        (bandits.ucb1, gridworld(horizon=1, step_reward=0.0), "a task must have one state"),
        (bandits.ucb1, bandit()._replace(horizon=2), "ucb1 plays .* horizon 2"),
        (
            bandits.best_prior_arm,
            mdp(),
            "best_prior_arm plays .* got mdp with a prior of DirichletMDP",
        ),
    ],
)
def test_a_family_that_a_player_does_not_support_is_refused(maker, family, rule):
    with pytest.raises(Unsupported, match=rule):
        maker(family)


def test_thompson_refuses_rewards_of_which_it_has_no_posterior():
    got = {"reward_noise": "rewards by deterministic", "horizon": "horizon 2"}
    for name, other in {"reward_noise": rollouts.deterministic, "horizon": 2}.items():
        with pytest.raises(Unsupported, match=f"thompson plays .* got {got[name]}$"):
            bandits.thompson(small_bandit()._replace(**{name: other}))


def test_ucb1_needs_no_prior_that_it_knows():
    family = correlated(kind="hard", pulls=3)
    assert trials_of(bandits.ucb1(family), 5).rewards.shape == (5, 3, 1)
    unknown = small_bandit(arms=4, pulls=4)._replace(prior="a prior of another kind")
    assert set(trials_of(bandits.ucb1(unknown), 1).actions.ravel()) == {0, 1, 2, 3}


def test_thompson_and_ucb1_learn_and_best_prior_arm_earns_its_mean():
    family = bandit(arms=2, pulls=20, prior=((1, 1), (3, 2)))
    assert_mean(returns_of(bandits.best_prior_arm(family), 4000), 12)
    thompson = returns_of(bandits.thompson(family), 4000)
    assert thompson.mean() > 12 + 5 * thompson.std() / math.sqrt(4000)
    ucb1 = returns_of(bandits.ucb1(family), 4000)
    assert ucb1.mean() > 11 + 5 * ucb1.std() / math.sqrt(4000)  # the random player earns 11


@pytest.mark.verifies("baselines.bandits.3")
@pytest.mark.parametrize("unit", [1e-6, 1.0, 100.0])
def test_eq3_ucb1_plays_rewards_without_noise_in_any_unit(unit):
    """By hand: after one pull of each arm the bounds are u x_i + u sqrt(2 ln t / n_i)."""
    means = np.array([[0.1, 0.4, 1.0], [1.0, 0.2, 0.3]])
    mdps, weights = bandit_mdps(unit * means), np.full(2, 0.5)
    family = family_of_candidates("mine", {}, mdps, weights, 1, 40, rollouts.deterministic)
    trial = trials_of(bandits.ucb1(family), 20)
    for row, paid in zip(trial.actions[..., 0], trial.rewards[..., 0] / unit, strict=True):
        for t in range(3, 40):
            n = np.bincount(row[:t], minlength=3)
            bound = np.bincount(row[:t], paid[:t], 3) / n + np.sqrt(2 * math.log(t) / n)
            assert bound[row[t]] == pytest.approx(max(bound), abs=1e-12)


def test_ucb1_plays_fractions_between_0_and_1():
    fractions = small_bandit(pulls=50)._replace(reward_noise=rollouts.deterministic)
    trial = trials_of(bandits.ucb1(fractions), 200)
    best = trial.rewards.max((1, 2))
    assert (trial.rewards > 0).all() and trial.rewards.max() < 1
    assert (trial.rewards[:, -10:, 0].mean(-1) > 0.5 * best).all()
