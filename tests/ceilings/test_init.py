"""What all ceilings share: eqs. (1)-(4), and the refusal of large tables.

(1) and (2) are also compared with recursion over histories in the tests of each solver.
"""

import numpy as np
import pytest
from comparing import assert_mean, at_most_bytes, rng

from metarl_min import ceilings
from metarl_min.ceilings import bayes_optimal
from metarl_min.mdps import rollouts, values
from metarl_min.mdps.policies import uniform
from metarl_min.tasks import family_of_candidates
from metarl_min.tasks.bandits import bandit, bandit_mdps, correlated, gaussian
from metarl_min.tasks.gridworlds import gridworld
from metarl_min.tasks.random_mdps import mdp


@pytest.mark.verifies("ceilings.1", "ceilings.2")
def test_eqs1_and_2_two_pulls_of_two_arms_by_hand():
    """One arm pays 1/2 and the other 1/4 or 1; after a win of the second, it is worth 17/20."""
    means = bandit_mdps(np.array([[0.5, 0.25], [0.5, 1.0]]))
    family = family_of_candidates("two", {}, means, np.full(2, 0.5), 1, 2, rollouts.bernoulli)
    ceiling = bayes_optimal.solve(family)
    win = 0.5 * 0.25 + 0.5 * 1.0
    after_win, after_loss = (0.125 * 0.25 + 0.5) / win, 0.25
    expected = [0.5 + win, win + win * after_win + (1 - win) * max(0.5, after_loss)]
    q = ceiling.action_values(ceiling.start(1), np.zeros(1, int))
    np.testing.assert_allclose(q, [expected], atol=1e-15)
    assert ceiling.value == pytest.approx(max(expected), abs=1e-15)


@pytest.mark.verifies("ceilings.3")
def test_eq3_weighs_the_candidates_and_counts_the_episodes():
    means = bandit_mdps(np.array([[1.0, 0.0], [0.0, 0.5], [1.0, 1.0]]))
    weights = np.array([0.5, 0.25, 0.25])
    family = family_of_candidates("three", {}, means, weights, 1, 4, rollouts.bernoulli)
    expected = 4 * (0.5 * 0.5 + 0.25 * 0.25 + 0.25)
    assert ceilings.expected_random(family) == pytest.approx(expected, abs=1e-12)


@pytest.mark.verifies("ceilings.3")
def test_eq3_is_the_mean_return_of_a_random_player_of_a_grid():
    family = gridworld(size=2, start=0, horizon=3, episodes=2, terminate=1)
    tasks = family.sample(rng(), 4000)
    sampler = rollouts.sampler(tasks, family.reward_noise)
    episodes = rollouts.sample(rng(1), sampler, uniform(tasks.shape), 2, 3)
    assert_mean(episodes.rewards.sum((1, 2)), ceilings.expected_random(family))


@pytest.mark.verifies("ceilings.3")
def test_eq3_needs_tables_for_a_part_of_the_candidates_at_a_time(monkeypatch):
    monkeypatch.setattr(ceilings, "MAX_TABLES", 10**9)
    families = [gridworld(size=3, horizon=3, terminate=x, slip=0.2) for x in (0, 1)]
    at_once = [ceilings.expected_random(family) for family in families]
    for most in (1, 200, 81 * 8):  # one candidate at a time, two, and all
        monkeypatch.setattr(ceilings, "MAX_TABLES", most)
        parts = [ceilings.expected_random(family) for family in families]
        np.testing.assert_allclose(parts, at_once, rtol=1e-13)
    monkeypatch.undo()
    grid = gridworld(size=14, horizon=3)  # tables for all 195 candidates: 180 MB
    at_most_bytes(30e6, ceilings.expected_random, grid)


@pytest.mark.verifies("ceilings.3", "ceilings.4")
def test_eq4_a_random_player_earns_the_prior_mean_in_each_step():
    expected = ceilings.expected_random
    assert expected(bandit(arms=2, prior=((1, 3), (1, 1)))) == pytest.approx(3.75)
    assert expected(gaussian(mean=0.5, pulls=7)) == pytest.approx(3.5)
    assert expected(correlated(pulls=30)) == pytest.approx(15)
    assert expected(correlated(kind="easy", pulls=30)) == pytest.approx(15)
    family = mdp(states=3, actions=2, horizon=4, episodes=5)
    assert expected(family._replace(prior=family.prior._replace(mean=2.0))) == pytest.approx(40)


@pytest.mark.verifies("ceilings.4")
def test_eq4_a_random_mdp_pays_its_mean_reward_in_each_step():
    family = mdp(states=3, actions=2, horizon=4, episodes=5)
    returns = 5 * values.expected_return(family.sample(rng(), 2000), uniform((3, 2)), 4)
    assert_mean(returns, ceilings.expected_random(family))


def test_a_table_is_refused_by_its_size_only_above_the_limit():
    family = bandit()
    ceilings.require_table_fits(family, 10, limit=10)
    rule = (
        r"ceiling of bandit may have at most 1,000 table entries, got at least 2,000 \(1.6e-05 GB"
    )
    with pytest.raises(ceilings.TooLarge, match=rule):
        ceilings.require_table_fits(family, 2000, limit=1000, prefix="at least ")
    with pytest.raises(ceilings.TooLarge, match=r"got more than 1e99$"):
        ceilings.require_table_fits(family, 10**5000, limit=1000)
