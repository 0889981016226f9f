"""Correlated arms, eqs. (1)-(3), against recursion over histories in rational numbers."""

import pickle
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from comparing import rng, within_errors
from hypothesis import given, settings
from hypothesis import strategies as st

from metarl_min.baselines import bandits, posterior_sampling
from metarl_min.ceilings import TooLarge, bayes_optimal, correlated_arms
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import CorrelatedArms, family_of_candidates
from metarl_min.tasks.bandits import bandit_mdps, correlated


def finite(means, weights, pulls):
    """Finitely many sets of means."""
    mdps, weights = bandit_mdps(np.array(means, float)), np.array(weights, float)
    return family_of_candidates("finite", {}, mdps, weights, 1, pulls, rollouts.bernoulli)


def by_history(means, weights, pulls):
    """Q before the first pull, by Bayes' rule and recursion in rational numbers."""

    @cache
    def q(belief, pulls_left):
        values = []
        for i in range(len(means[0])):
            win = sum(b * m[i] for b, m in zip(belief, means, strict=True))
            value = win
            for probability, won in ((win, True), (1 - win, False)):
                if probability and pulls_left > 1:
                    posterior = tuple(
                        b * (m[i] if won else 1 - m[i]) / probability
                        for b, m in zip(belief, means, strict=True)
                    )
                    value += probability * max(q(posterior, pulls_left - 1))
            values.append(value)
        return values

    return q(tuple(weights), pulls)


@pytest.mark.verifies("correlated_arms.1")
@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 5), st.data()
)  # fmt: skip
def test_eq1_finitely_many_sets_have_the_values_of_the_recursion(num_sets, arms, pulls, data):
    eighths = st.integers(0, 8).map(lambda n: Fraction(n, 8))
    means = data.draw(
        st.lists(
            st.lists(eighths, min_size=arms, max_size=arms),
            min_size=num_sets, max_size=num_sets,
        )
    )  # fmt: skip
    weights = [Fraction(n, sum(range(num_sets + 1))) for n in range(1, num_sets + 1)]
    ceiling = correlated_arms.solve(finite(means, weights, pulls))
    expected = by_history(means, weights, pulls)
    q = ceiling.action_values(ceiling.start(1), None)[0]
    np.testing.assert_allclose(q, [float(x) for x in expected], atol=1e-12)
    assert ceiling.value == pytest.approx(float(max(expected)), abs=1e-12)
    best_mean = sum(w * max(m) for w, m in zip(weights, means, strict=True))
    assert ceiling.known_task == pytest.approx(float(pulls * best_mean), abs=1e-12)


@pytest.mark.verifies("correlated_arms.1")
def test_eq1_sets_that_differ_little_stay_apart():
    means = [[Fraction(50, 100), Fraction(51, 100)], [Fraction(51, 100), Fraction(49, 100)]]
    weights = [Fraction(1, 2)] * 2
    expected = max(by_history(means, weights, 6))
    value = correlated_arms.solve(finite(means, weights, 6)).value
    assert value == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.verifies("correlated_arms.1")
@pytest.mark.parametrize("kind", ["easy", "medium", "hard"])
def test_eq1_two_opposite_sets_have_one_belief_more_after_each_pull(kind):
    layers = correlated_arms.candidate_layers(correlated(kind=kind, pulls=30))
    assert [len(layer.win_probability) for layer in layers] == [n + 1 for n in range(30)]


@pytest.mark.verifies("correlated_arms.2")
@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 3)])
def test_eq2_arms_with_means_p_and_1_minus_p_have_the_values_of_the_recursion(a, b):
    def q(k, n, pulls_left):
        win = Fraction(a + k, a + b + n)
        if pulls_left == 0:
            return [Fraction(0)]
        up, down = max(q(k + 1, n + 1, pulls_left - 1)), max(q(k, n + 1, pulls_left - 1))
        return [win * (1 + up) + (1 - win) * down, (1 - win) * (1 + down) + win * up]

    family = correlated(pulls=6)._replace(prior=CorrelatedArms(float(a), float(b)))
    ceiling = correlated_arms.solve(family)
    belief, signs, draw = ceiling.start(5), np.zeros(5, int), rng()
    for n in range(6):
        expected = [[float(x) for x in q(int(k), n, 6 - n)] for k in signs]
        np.testing.assert_allclose(ceiling.action_values(belief, None), expected, atol=1e-13)
        actions, rewards = draw.integers(0, 2, 5), draw.integers(0, 2, 5)
        belief = ceiling.observe(belief, None, actions, rewards.astype(float), None)
        signs += np.where(actions == 0, rewards, 1 - rewards)


@pytest.mark.verifies("correlated_arms.2")
def test_eq2_the_player_that_follows_the_evidence_earns_the_value():
    pulls = 12
    by_hand = sum(
        Fraction(sum(max(k + 1, n - k + 1) for k in range(n + 1)), (n + 1) * (n + 2))
        for n in range(pulls)
    )
    ceiling = correlated_arms.solve(correlated(pulls=pulls))
    assert ceiling.value == pytest.approx(float(by_hand), abs=1e-12)


@pytest.mark.verifies("correlated_arms.3")
@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.5, 0.5), (3.0, 1.0), (2.0, 7.0)])
def test_eq3_is_the_mean_of_the_better_arm(a, b):
    p = (np.arange(200_000) + 0.5) / 200_000
    weight = p ** (a - 1) * (1 - p) ** (b - 1)
    expected = (weight @ np.maximum(p, 1 - p)) / weight.sum()
    best = correlated_arms.expected_best_correlated(CorrelatedArms(a, b))
    assert best == pytest.approx(expected, abs=2e-3 if a < 1 else 1e-9)


FAMILIES = {
    "uniform": correlated(pulls=20),
    "hard": correlated(kind="hard", pulls=20),
    "three sets": finite([[0, 0.5, 1], [0.9, 0.2, 0.1], [0.5, 0.6, 0.4]], [0.25, 0.5, 0.25], 6),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_player_earns_the_value_and_nobody_more(name):
    family = FAMILIES[name]
    ceiling = correlated_arms.solve(family)
    player = pickle.loads(pickle.dumps(bayes_optimal.bayes_optimal(family, ceiling)))
    tasks = family.sample(rng(1), 4000)
    assert ceiling.random <= ceiling.value <= ceiling.known_task
    for learner in (player, posterior_sampling.random(family), bandits.ucb1(family)):
        trial = learner.trial(rng(2), learner.init(rng()), tasks)
        returns, regret = trial.rewards.sum((1, 2)), bayes_optimal.regret(ceiling, trial)
        assert within_errors(ceiling.value - regret - returns, 0)
        assert regret.max() < 1e-8 if learner is player else regret.min() > -1e-9


def test_an_impossible_reward_is_refused():
    certain = correlated_arms.solve(finite([[1.0, 0.5]], [1.0], 3))
    step = (certain.start(1), None, np.zeros(1, int), np.zeros(1), None)
    with pytest.raises(ValueError, match="possible under the prior, got an impossible step 0"):
        certain.observe(*step)


def test_too_many_beliefs_are_refused(monkeypatch):
    monkeypatch.setattr(correlated_arms, "LIMIT", 100)
    with pytest.raises(TooLarge, match=r"at most 100 table entries, got at least \d+ \("):
        correlated_arms.solve(FAMILIES["three sets"])
    with pytest.raises(TooLarge, match=r"at most 100 table entries, got 1,260 \("):
        correlated_arms.solve(FAMILIES["uniform"])


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(1, 2), st.integers(1, 8), st.integers(0, 99))
def test_no_family_is_refused_for_beliefs_that_it_has_not(num_sets, arms, pulls, seed):
    draw = np.random.default_rng(seed)
    means = np.round(4 * draw.random((num_sets, arms))) / 4 if seed % 2 else draw.random((1, arms))
    weights = draw.dirichlet(np.ones(len(means)))
    family = family_of_candidates(
        "drawn", {}, bandit_mdps(means), weights, 1, pulls, rollouts.bernoulli
    )
    beliefs = sum(len(layer.win_probability) for layer in correlated_arms.candidate_layers(family))
    assert correlated_arms.fewest_beliefs(means, weights, pulls) <= beliefs


def test_two_opposite_sets_have_a_known_number_of_beliefs_in_a_long_trial():
    """After many pulls the less likely set has the probability 0 of a float, and beliefs merge."""
    family = finite([[0.1, 0.9], [0.9, 0.1]], [0.5, 0.5], 600)
    beliefs = [len(layer.win_probability) for layer in correlated_arms.candidate_layers(family)]
    assert beliefs[:100] == list(range(1, 101)) and beliefs[-1] < 640
    means, weights = np.array([[0.1, 0.9], [0.9, 0.1]]), np.full(2, 0.5)
    assert correlated_arms.fewest_beliefs(means, weights, 600) <= sum(beliefs)
    assert correlated_arms.fewest_beliefs(means, weights, 600) > 0.3 * sum(beliefs)


def test_rows_of_one_number_are_told_apart(monkeypatch):
    """Where two rows have the same number, whole rows are sorted."""
    beliefs = np.array([[0.25, 0.75], [0.75, 0.25], [0.25, 0.75]])
    expected = correlated_arms._merge(beliefs)[1].tolist()
    assert expected[0] == expected[2] != expected[1]

    class Zeros:
        def integers(self, high, size, dtype):
            return np.zeros(size, dtype)

    monkeypatch.setattr(np.random, "default_rng", lambda seed: Zeros())
    merged, place = correlated_arms._merge(beliefs)
    assert len(merged) == 2 and place[0] == place[2] != place[1]
    np.testing.assert_array_equal(merged[place], beliefs)


def test_candidates_may_share_their_arrays():
    """The reward of all candidates may be one array, and the axis of arms may have length 1."""
    shared = MDP(np.ones((2, 1)), np.ones((1, 3, 1)), np.full((1, 1, 1), 0.5))
    family = family_of_candidates("shared", {}, shared, np.full(2, 0.5), 1, 4, rollouts.bernoulli)
    ceiling = correlated_arms.solve(family)
    assert ceiling.value == ceiling.known_task == ceiling.random == 2.0


@pytest.mark.parametrize("wrong", [None, (1.0, 1.0), "uniform"])
def test_the_better_of_two_arms_is_that_of_a_prior_of_correlated_arms(wrong):
    with pytest.raises(TypeError, match="prior must be of type CorrelatedArms, got"):
        correlated_arms.expected_best_correlated(wrong)
