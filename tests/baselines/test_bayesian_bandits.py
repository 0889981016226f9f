"""bayesian_bandits (1)-(7): players of Bernoulli arms that use the posterior mean."""

import math
import pickle
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from comparing import assert_mean, rng, within_errors
from hypothesis import given
from hypothesis import strategies as st
from problems import POSTERIOR_MEAN_PLAYERS, returns_of, small_bandit, trials_of

from metarl_min.baselines import bayesian_bandits
from metarl_min.baselines.bandits import Record
from metarl_min.tasks import BetaArms, Unsupported
from metarl_min.tasks.bandits import bandit, correlated, gaussian
from metarl_min.tasks.gridworlds import gridworld
from metarl_min.tasks.random_mdps import mdp

TWO = small_bandit(arms=2, pulls=3)
UNIFORM = BetaArms(np.ones(2), np.ones(2))
THREE = BetaArms(np.ones(3), np.ones(3))
NUM_DRAWS = 20_000


def record(pulls, sums, num_tasks=1):
    return Record(*(np.tile(np.array(x, float), (num_tasks, 1)) for x in (pulls, sums)))


def choices(choose, pulls, sums, prior=THREE):
    """The arms that are chosen in many tasks of the same record."""
    return choose(rng(), record(pulls, sums, NUM_DRAWS), prior=prior)


def assert_earns(player, expected):
    """The mean of 40,000 trials is within 5 standard errors."""
    assert_mean(returns_of(player, 40_000), float(expected))


def enumerated(choose, num_pulls, wins=(0, 0), losses=(0, 0)):
    """Expected return of two uniform arms: over every history, `choose` names equally good arms."""
    if sum(wins) + sum(losses) == num_pulls:
        return Fraction(0)
    total, best = Fraction(0), choose(wins, losses)
    for i in best:
        p = Fraction(1 + wins[i], 2 + wins[i] + losses[i])
        won = tuple(w + (j == i) for j, w in enumerate(wins))
        lost = tuple(x + (j == i) for j, x in enumerate(losses))
        total += p * (1 + enumerated(choose, num_pulls, won, losses))
        total += (1 - p) * enumerated(choose, num_pulls, wins, lost)
    return total / len(best)


def best_means(wins, losses):
    means = [Fraction(1 + w, 2 + w + x) for w, x in zip(wins, losses, strict=True)]
    return [i for i in range(2) if means[i] == max(means)]


@pytest.mark.verifies("bayesian_bandits.1")
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=2))
def test_eq1_the_posterior_mean_is_a_ratio_of_counts(counts):
    wins, losses = np.array(counts, float).T
    prior = BetaArms(np.array([1.0, 2.5]), np.array([3.0, 0.5]))
    means = bayesian_bandits.posterior_means(Record((wins + losses)[None], wins[None]), prior)
    expected = (prior.a + wins) / (prior.a + wins + prior.b + losses)
    np.testing.assert_allclose(means[0], expected, rtol=1e-14)


@pytest.mark.verifies("bayesian_bandits.2")
def test_eq2_greedy_by_enumeration_over_histories():
    expected = enumerated(best_means, 3)
    assert enumerated(best_means, 2) == Fraction(13, 12)  # 1/2 + 1/2 2/3 + 1/2 1/2
    assert_earns(bayesian_bandits.greedy(TWO), expected)
    first = enumerated(lambda wins, losses: best_means(wins, losses)[:1], 3)
    assert_earns(bayesian_bandits.greedy_first_arm(TWO), first)


@pytest.mark.verifies("bayesian_bandits.2")
def test_eq2_equally_good_arms_are_drawn_uniformly_or_the_first_is_taken():
    pulls, sums = (0, 2, 1), (0, 1, 0)  # means 1/2, 1/2, 1/3
    arms = choices(bayesian_bandits.choose_greedily, pulls, sums)
    assert set(arms) == {0, 1} and within_errors(arms == 0, 0.5)
    choose_first = bayesian_bandits.choose_first_greedy
    assert (choices(choose_first, pulls, sums) == 0).all()
    assert (choices(choose_first, (1, 2, 1), (0, 1, 0)) == 1).all()


@pytest.mark.verifies("bayesian_bandits.3")
@pytest.mark.parametrize(
    "choose", [bayesian_bandits.choose_greedily, bayesian_bandits.choose_first_greedy]
)
def test_eq3_any_arm_with_probability_eps(choose):
    choose = partial(bayesian_bandits.choose_eps_greedily, choose=choose)
    arms = choices(partial(choose, eps=0.3), (1, 1, 0), (0, 1, 0))
    assert within_errors(arms == 1, 0.8) and within_errors(arms == 0, 0.1)
    assert (choices(partial(choose, eps=0.0), (1, 1, 0), (0, 1, 0)) == 1).all()


@pytest.mark.verifies("bayesian_bandits.3")
@pytest.mark.parametrize(
    "maker", [bayesian_bandits.eps_greedy, bayesian_bandits.eps_greedy_first_arm]
)
def test_eq3_with_eps_1_it_is_the_random_player(maker):
    assert_earns(maker(TWO, 1.0), 1.5)


@pytest.mark.verifies("bayesian_bandits.3")
@pytest.mark.parametrize(
    ("maker", "greedy"),
    [
        (bayesian_bandits.eps_greedy, bayesian_bandits.greedy),
        (bayesian_bandits.eps_greedy_first_arm, bayesian_bandits.greedy_first_arm),
    ],
)
def test_eq3_eps_is_the_share_of_uniform_choices_of_the_player(maker, greedy):
    one = bandit(arms=2, pulls=1, prior=((2, 1), (1, 1)))  # the first arm is greedy
    assert (trials_of(greedy(one), 500).actions == 0).all()
    assert within_errors(trials_of(maker(one, 0.4), NUM_DRAWS).actions.ravel(), 0.2)


@pytest.mark.verifies("bayesian_bandits.4")
def test_eq4_by_hand():
    bounds = bayesian_bandits.upper_bounds(record((3, 0), (2, 0)), UNIFORM, 0.5)
    expected = [
        3 / 5 + 0.5 * math.sqrt(2 * math.log(4) / 5),
        1 / 2 + 0.5 * math.sqrt(2 * math.log(4) / 2),
    ]
    np.testing.assert_allclose(bounds[0], expected, rtol=1e-14)
    choose = partial(bayesian_bandits.choose_by_bounds, c=0.5)
    assert (choices(choose, (3, 0), (2, 0), UNIFORM) == np.argmax(expected)).all()


@pytest.mark.verifies("bayesian_bandits.4")
def test_eq4_without_a_bonus_it_is_greedy_and_many_tasks_are_as_one():
    greedy = trials_of(bayesian_bandits.greedy(TWO), 500).actions
    without_bonus = trials_of(bayesian_bandits.ucb_posterior_mean(TWO, 0.0), 500).actions
    assert (greedy == without_bonus).all()
    pulls = rng().integers(0, 9, (50, 2)).astype(float)
    many = Record(pulls, np.floor(pulls / 2))
    together = bayesian_bandits.upper_bounds(many, UNIFORM, 0.3)
    for i in range(50):
        one = Record(many.pulls[i : i + 1], many.sums[i : i + 1])
        assert (bayesian_bandits.upper_bounds(one, UNIFORM, 0.3) == together[i]).all()


@pytest.mark.verifies("bayesian_bandits.4")
def test_eq4_with_a_large_bonus_the_player_pulls_every_arm():
    family = small_bandit(arms=4, pulls=4)
    actions = trials_of(bayesian_bandits.ucb_posterior_mean(family, 50.0), 100).actions[..., 0]
    assert (np.sort(actions, axis=1) == np.arange(4)).all()


@pytest.mark.verifies("bayesian_bandits.5")
@pytest.mark.parametrize(("other", "untried"), [((600000, 400000), 0.4), ((400000, 600000), 1.0)])
def test_eq5_an_arm_is_never_valued_below_its_mean(other, untried):
    # a uniform arm beside one of mean .6, or .4 where its own mean, 1/2, is always better
    family = bandit(arms=2, pulls=1, prior=((1, 1), other))
    actions = trials_of(bayesian_bandits.optimistic_thompson(family), NUM_DRAWS).actions.ravel()
    share = np.mean(actions == 0)
    assert abs(share - untried) <= 5 * math.sqrt(0.25 / NUM_DRAWS) * (untried < 1)


@pytest.mark.verifies("bayesian_bandits.5")
def test_eq5_the_best_of_the_raised_draws_is_drawn():
    """Two arms alike: with chance 1/4 both draws are below the mean, and neither arm is first."""
    arms = choices(bayesian_bandits.choose_optimistically, (0, 0), (0, 0), UNIFORM)
    assert abs(arms.mean() - 0.5) < 5 * 0.5 / NUM_DRAWS**0.5


def mean_index(a, b, remaining):
    return a / (a + b)


def patient_index(a, b, remaining):
    return b if remaining > 1 else a / (a + b)


@pytest.mark.verifies("bayesian_bandits.6")
def test_eq6_the_mean_as_index_is_greedy_and_the_index_knows_the_remaining_pulls():
    greedy = trials_of(bayesian_bandits.greedy(TWO), 500).actions
    by_index = trials_of(bayesian_bandits.index_player(TWO, mean_index), 500).actions
    assert (greedy == by_index).all()
    trial = trials_of(bayesian_bandits.index_player(TWO, patient_index), 500)
    actions, rewards = trial.actions[..., 0], trial.rewards[..., 0]
    failed = rewards[:, 0] == 0
    assert (actions[failed, 1] == actions[failed, 0]).all()  # b is larger there
    never_paid = (rewards[:, :2] == 0).all(1)
    assert (actions[never_paid, 2] != actions[never_paid, 0]).all()  # mean 1/2 beside 1/4
    assert set(actions[~failed, 1] - actions[~failed, 0]) == {-1, 0, 1}


@pytest.mark.verifies("bayesian_bandits.7")
def test_eq7_each_arm_m_times_and_then_one_for_the_rest_of_the_trial():
    family = small_bandit(arms=3, pulls=11)
    trial = trials_of(bayesian_bandits.explore_then_commit(family, 2), 2000)
    actions, rewards = trial.actions[..., 0], trial.rewards[..., 0]
    assert (np.sort(actions[:, :6], axis=1) == [0, 0, 1, 1, 2, 2]).all()
    assert (actions[:, 6:] == actions[:, 6:7]).all()
    wins = np.stack([(rewards[:, :6] * (actions[:, :6] == i)).sum(1) for i in range(3)], axis=1)
    assert (wins[np.arange(2000), actions[:, 6]] == wins.max(1)).all()
    tied = actions[(wins == wins[:, :1]).all(1), 6]
    assert all(within_errors(tied == i, 1 / 3) for i in range(3))


@pytest.mark.verifies("bayesian_bandits.7")
def test_eq7_it_explores_in_random_order_and_commits_after_the_last_exploring_pull():
    player = bayesian_bandits.explore_then_commit(small_bandit(arms=2, pulls=9), 2)
    actions = trials_of(player, 4000).actions[..., 0]
    assert within_errors(actions[:, 0], 0.5) and within_errors(actions[:, 2], 0.5)
    for pulls, committed in (((2, 1), 0), ((2, 2), 1), ((5, 2), 0)):
        memory = bayesian_bandits.start_exploring(1, 2)._replace(record=record(pulls, (0, 1)))
        assert bayesian_bandits.commit(rng(), memory, UNIFORM, 2).arm == committed


@pytest.mark.verifies("bayesian_bandits.7")
def test_eq7_the_expected_return_of_three_pulls():
    # the third pays 2/3 unless both have failed, with probability 1/4: then 1/3
    assert_earns(bayesian_bandits.explore_then_commit(TWO, 1), 1 + Fraction(7, 12))
    assert_earns(bayesian_bandits.explore_then_commit(TWO, 5), 1.5)


MAKERS = {
    **POSTERIOR_MEAN_PLAYERS,
    "index_player": partial(bayesian_bandits.index_player, index=mean_index),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_player_pickles_and_refuses_other_families(name):
    player = MAKERS[name](TWO)
    again = pickle.loads(pickle.dumps(player))
    assert again.step(rng(), ()) == ((), None)
    assert (trials_of(again, 20).actions == trials_of(player, 20).actions).all()
    for other in (gaussian(), correlated(), gridworld(), mdp()):
        with pytest.raises(Unsupported, match=f"{name} plays Bernoulli arms"):
            MAKERS[name](other)


@pytest.mark.parametrize(
    ("maker", "constant"),
    [
        (bayesian_bandits.eps_greedy, 1.1),
        (bayesian_bandits.ucb_posterior_mean, -1),
        (bayesian_bandits.explore_then_commit, 0),
    ],
)
def test_a_constant_out_of_range_is_refused(maker, constant):
    with pytest.raises(ValueError, match="must be"):
        maker(TWO, constant)
