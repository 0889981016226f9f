"""Players of Bernoulli arms that know the prior, eqs. (1)-(7) of arms."""

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metarl_min.baselines import bayesian_bandits
from metarl_min.baselines.bandits import Record
from metarl_min.tasks import BetaArms, make

TWO = make("bandit", {"arms": "2", "pulls": "3"})
UNIFORM = BetaArms(np.ones(2), np.ones(2))


def rng(seed=0):
    return np.random.default_rng(seed)


def record(pulls, sums, num_tasks=1):
    return Record(*(np.tile(np.array(x, float), (num_tasks, 1)) for x in (pulls, sums)))


def choices(learner, pulls, sums, prior="1,1", num_draws=20_000):
    family = make("bandit", {"arms": str(len(pulls)), "prior": prior})
    agent = learner.init(rng(), family)
    return agent.act(rng(), record(pulls, sums, num_draws), np.zeros(num_draws, int))


def shares(actions):
    return np.bincount(actions, minlength=2) / len(actions)


def close(share, probability, num_draws):
    return abs(share - probability) <= 5 * math.sqrt(probability * (1 - probability) / num_draws)


def trial_of(learner, family, num_tasks, seed=1):
    state = learner.init(rng(), family)
    return learner.trial(rng(seed), state, family, family.sample(rng(), num_tasks))


def earns(learner, family, expected, num_tasks=40_000):
    paid = trial_of(learner, family, num_tasks).rewards.sum((1, 2))
    return abs(paid.mean() - float(expected)) < 5 * paid.std() / math.sqrt(num_tasks)


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
    found = bayesian_bandits.posterior_means(Record((wins + losses)[None], wins[None]), prior)
    expected = (prior.a + wins) / (prior.a + wins + prior.b + losses)
    np.testing.assert_allclose(found[0], expected, rtol=1e-14)


@pytest.mark.verifies("bayesian_bandits.2")
def test_eq2_greedy_by_enumeration_over_histories():
    expected = enumerated(best_means, 3)
    assert enumerated(best_means, 2) == Fraction(13, 12)  # 1/2 + 1/2 2/3 + 1/2 1/2
    assert earns(bayesian_bandits.greedy(), TWO, expected)
    first = enumerated(lambda wins, losses: best_means(wins, losses)[:1], 3)
    assert earns(bayesian_bandits.greedy_first_arm(), TWO, first)


@pytest.mark.verifies("bayesian_bandits.2")
def test_eq2_equally_good_arms_are_drawn_uniformly_or_the_first_is_taken():
    pulls, sums = (0, 2, 1), (0, 1, 0)  # means 1/2, 1/2, 1/3
    share = np.bincount(choices(bayesian_bandits.greedy(), pulls, sums), minlength=3) / 20_000
    assert share[2] == 0 and close(share[0], 0.5, 20_000)
    assert (choices(bayesian_bandits.greedy_first_arm(), pulls, sums) == 0).all()
    assert (choices(bayesian_bandits.greedy_first_arm(), (1, 2, 1), (0, 1, 0)) == 1).all()


@pytest.mark.verifies("bayesian_bandits.3")
@pytest.mark.parametrize(
    "make_learner", [bayesian_bandits.eps_greedy, bayesian_bandits.eps_greedy_first_arm]
)
def test_eq3_any_arm_with_probability_eps(make_learner):
    share = np.bincount(choices(make_learner(0.3), (1, 1, 0), (0, 1, 0))) / 20_000
    assert close(share[1], 0.8, 20_000) and close(share[0], 0.1, 20_000)
    assert (choices(make_learner(0.0), (1, 1, 0), (0, 1, 0)) == 1).all()


@pytest.mark.verifies("bayesian_bandits.3")
def test_eq3_with_eps_1_it_is_the_random_player():
    assert earns(bayesian_bandits.eps_greedy(1.0), TWO, 1.5)


@pytest.mark.verifies("bayesian_bandits.4")
def test_eq4_by_hand():
    found = bayesian_bandits.upper_bounds(record((3, 0), (2, 0)), UNIFORM, 0.5)
    expected = [
        3 / 5 + 0.5 * math.sqrt(2 * math.log(4) / 5), 1 / 2 + 0.5 * math.sqrt(2 * math.log(4) / 2)
    ]  # fmt: skip
    np.testing.assert_allclose(found[0], expected, rtol=1e-14)
    learner = bayesian_bandits.ucb_posterior_mean(0.5)
    assert (choices(learner, (3, 0), (2, 0)) == np.argmax(expected)).all()


@pytest.mark.verifies("bayesian_bandits.4")
def test_eq4_without_a_bonus_it_is_greedy_and_many_tasks_are_as_one():
    greedy, without = (
        trial_of(x, TWO, 500).actions
        for x in (bayesian_bandits.greedy(), bayesian_bandits.ucb_posterior_mean(0.0))
    )
    assert (greedy == without).all()
    pulls = rng().integers(0, 9, (50, 2)).astype(float)
    many = Record(pulls, np.floor(pulls / 2))
    together = bayesian_bandits.upper_bounds(many, UNIFORM, 0.3)
    for i in range(50):
        alone = bayesian_bandits.upper_bounds(
            Record(many.pulls[i : i + 1], many.sums[i : i + 1]), UNIFORM, 0.3
        )
        assert (alone == together[i]).all()


@pytest.mark.verifies("bayesian_bandits.5")
@pytest.mark.parametrize(("other", "untried"), [("600000,400000", 0.4), ("400000,600000", 1.0)])
def test_eq5_an_arm_is_never_thought_worse_than_its_mean(other, untried):
    # a uniform arm beside one of mean .6, or .4 where its own mean, 1/2, is always better
    actions = choices(bayesian_bandits.optimistic_thompson(), (0, 0), (0, 0), f"1,1/{other}")
    assert abs(shares(actions)[0] - untried) <= 5 * math.sqrt(0.25 / 20_000) * (untried < 1)


@pytest.mark.verifies("bayesian_bandits.6")
def test_eq6_each_arm_m_times_and_then_one_for_ever():
    family = make("bandit", {"arms": "3", "pulls": "11"})
    trial = trial_of(bayesian_bandits.explore_then_commit(2), family, 2000)
    actions, rewards = trial.actions[..., 0], trial.rewards[..., 0]
    assert (np.sort(actions[:, :6], axis=1) == [0, 0, 1, 1, 2, 2]).all()
    assert (actions[:, 6:] == actions[:, 6:7]).all()
    wins = np.stack([(rewards[:, :6] * (actions[:, :6] == i)).sum(1) for i in range(3)], axis=1)
    assert (wins[np.arange(2000), actions[:, 6]] == wins.max(1)).all()
    tied = actions[(wins == wins[:, :1]).all(1), 6]
    assert all(close(np.mean(tied == i), 1 / 3, len(tied)) for i in range(3))


@pytest.mark.verifies("bayesian_bandits.6")
def test_eq6_it_explores_in_random_order_and_commits_after_the_last_pull_of_all():
    family = make("bandit", {"arms": "2", "pulls": "9"})
    actions = trial_of(bayesian_bandits.explore_then_commit(2), family, 4000).actions[..., 0]
    assert close(actions[:, 0].mean(), 0.5, 4000) and close(actions[:, 2].mean(), 0.5, 4000)
    agent = bayesian_bandits.explore_then_commit(2).init(rng(), family)
    for pulls, committed in (((2, 1), 0), ((2, 2), 1), ((5, 2), 0)):
        plan = agent.start(1)._replace(record=record(pulls, (0, 1)))
        assert agent.begin(rng(), plan).arm == committed


@pytest.mark.verifies("bayesian_bandits.6")
def test_eq6_the_expected_return_of_three_pulls():
    # the third pays 2/3 unless both have failed, with probability 1/4: then 1/3
    assert earns(bayesian_bandits.explore_then_commit(1), TWO, 1 + Fraction(7, 12))
    assert earns(bayesian_bandits.explore_then_commit(5), TWO, 1.5)


def mean_index(a, b, remaining):
    return a / (a + b)


def patient_index(a, b, remaining):
    return b if remaining > 1 else a / (a + b)


@pytest.mark.verifies("bayesian_bandits.7")
def test_eq7_the_mean_as_index_is_greedy_and_the_index_knows_what_remains():
    greedy, by_index = (
        trial_of(x, TWO, 500).actions
        for x in (bayesian_bandits.greedy(), bayesian_bandits.gittins(mean_index))
    )
    assert (greedy == by_index).all()
    trial = trial_of(bayesian_bandits.gittins(patient_index), TWO, 500)
    actions, rewards = trial.actions[..., 0], trial.rewards[..., 0]
    failed = rewards[:, 0] == 0
    assert (actions[failed, 1] == actions[failed, 0]).all()  # b is larger there
    both = (rewards[:, :2] == 0).all(1)
    assert (actions[both, 2] != actions[both, 0]).all()  # mean 1/2 beside 1/4
    assert set(actions[~failed, 1] - actions[~failed, 0]) == {-1, 0, 1}


LEARNERS = {
    "greedy": bayesian_bandits.greedy(), "greedy_first_arm": bayesian_bandits.greedy_first_arm(),
    "eps_greedy": bayesian_bandits.eps_greedy(0.1), "eps_greedy_first_arm": bayesian_bandits.eps_greedy_first_arm(0.1),
    "ucb_posterior_mean": bayesian_bandits.ucb_posterior_mean(0.2), "gittins": bayesian_bandits.gittins(mean_index),
    "optimistic_thompson": bayesian_bandits.optimistic_thompson(),
    "explore_then_commit": bayesian_bandits.explore_then_commit(2),
}  # fmt: skip


@pytest.mark.parametrize("name", LEARNERS)
def test_a_player_pickles_and_refuses_other_families(name):
    learner = pickle.loads(pickle.dumps(LEARNERS[name]))
    state = pickle.loads(pickle.dumps(learner.init(rng(), TWO)))
    assert learner.step(rng(), state, TWO) == (state, None)
    for other in ("gaussian", "correlated", "gridworld", "mdp"):
        with pytest.raises(ValueError, match=f"{name} plays Bernoulli arms"):
            learner.init(rng(), make(other, {}))


@pytest.mark.parametrize(
    ("make_learner", "constant"),
    [
        (bayesian_bandits.eps_greedy, 1.1),
        (bayesian_bandits.ucb_posterior_mean, -1),
        (bayesian_bandits.explore_then_commit, 0),
    ],
)
def test_a_constant_out_of_range_is_refused(make_learner, constant):
    with pytest.raises(ValueError, match="must be"):
        make_learner(constant)


def test_optimistic_thompson_draws_among_draws_that_were_raised_to_the_mean():
    """Two arms alike: with chance 1/4 both draws are below the mean, and neither arm is first."""
    family = make("bandit", {"arms": "2", "pulls": "3"})
    agent = bayesian_bandits.optimistic_thompson().init(np.random.default_rng(0), family)
    memory = agent.begin(np.random.default_rng(0), agent.start(20_000))
    actions = agent.act(np.random.default_rng(1), memory, np.zeros(20_000, int))
    assert abs(actions.mean() - 0.5) < 5 * 0.5 / 20_000**0.5
