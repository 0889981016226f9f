"""An evolved learning rule, against loops over single trials."""

import math

import numpy as np
import pytest
from comparing import assert_same_in_every_unit, rng
from numpy.testing import assert_allclose, assert_array_equal
from problems import PAYING, small_bandit, small_grid

from metarl_min import learners, training
from metarl_min.baselines import bandits
from metarl_min.basics import trees, words
from metarl_min.ceilings import bayes_optimal
from metarl_min.evaluation import evaluate
from metarl_min.evolution import players, search_gradients
from metarl_min.learners import es
from metarl_min.learners import evolved_rule as module
from metarl_min.tasks import shape_of

FAMILIES = {"bandit": small_bandit(arms=3, pulls=12), "gridworld": small_grid(goals=(1, 5))}
VECTOR = np.array([[0.4, 0.7, 1.2, 0.5, 0.3, 1.0], [0.1, -0.5, 0.2, -0.4, -0.2, -1.0]])


def test_coefficients_stay_where_they_make_sense():
    rule = module.coefficients(VECTOR)
    assert_allclose(rule.initial_value, VECTOR[:, 0])
    assert_allclose(rule.prior_count, [math.exp(0.7), math.exp(-0.5)])
    assert_allclose(rule.sharpness, [math.exp(1.2), math.exp(0.2)])
    assert_allclose(rule.growth, [math.exp(0.5) - 1, math.exp(-0.4) - 1])
    assert_allclose(rule.bonus, VECTOR[:, 4])
    assert_allclose(rule.discount, [1 / (1 + math.exp(-1)), 1 / (1 + math.exp(1))])


@pytest.mark.verifies("evolved_rule.1", "evolved_rule.2")
@pytest.mark.parametrize("name", FAMILIES)
def test_a_trial_is_that_of_a_loop_over_steps(name):
    family, rule = FAMILIES[name], module.coefficients(VECTOR)
    (S, A), draw, T = shape_of(family), rng(3), family.horizon
    player = module.agent(rule, family, (S, A), greedy=False)
    memory = player.start(2)
    Q = [[[float(rule.initial_value[m])] * A for _ in range(S)] for m in range(2)]
    n = np.zeros((2, S, A))
    for t in range(12):
        states, u = draw.integers(S, size=2), draw.random()
        actions, memory = player.act(Fixed(u), memory, states)
        for m in range(2):
            k = rule.sharpness[m] * (1 + rule.growth[m] * t / 12)
            z = [
                k * (Q[m][states[m]][a] + rule.bonus[m] / math.sqrt(n[m, states[m], a] + 1))
                for a in range(A)
            ]
            one = module.Rule(*(x[[m]] for x in rule))
            row = m * S + states[m]
            logits = module.logits(one, memory.Q[[row]], memory.visits[[row]], t / 12)
            assert_allclose(logits[0], z, rtol=1e-12)
            sums = np.cumsum(np.exp(z)) / np.sum(np.exp(z))
            assert actions[m] == np.searchsorted(sums, u, side="right")
        rewards, arrivals = draw.normal(size=2), draw.integers(S, size=2)
        memory = player.observe(memory, states, actions, rewards, arrivals)
        for m in range(2):
            s, a = states[m], actions[m]
            later = 0.0 if (t + 1) % T == 0 else rule.discount[m] * max(Q[m][arrivals[m]])
            n[m, s, a] += 1
            Q[m][s][a] += (rewards[m] + later - Q[m][s][a]) / (rule.prior_count[m] + n[m, s, a])
        assert_allclose(memory.Q.reshape(2, S, A), Q, rtol=1e-12)
        assert_array_equal(memory.visits.reshape(2, S, A), n)


class Fixed:
    """An rng that always draws u."""

    def __init__(self, u):
        self.u = u

    def random(self, shape):
        return np.full(shape, self.u)


def test_a_memory_never_changes():
    family = FAMILIES["gridworld"]
    player = module.agent(module.coefficients(VECTOR), family, shape_of(family), greedy=False)
    memory, draw = player.start(2), rng(1)
    for _ in range(4):
        before = module.Memory(*(np.array(x) for x in memory))
        states, arrivals = draw.integers(9, size=(2, 2))
        actions, acted = player.act(draw, memory, states)
        after = player.observe(acted, states, actions, draw.normal(size=2), arrivals)
        for x, y in zip(memory, before, strict=True):
            assert_array_equal(x, y)
        assert not np.array_equal(after.Q, memory.Q) and after.step == memory.step + 1
        memory = after


@pytest.mark.verifies("evolved_rule.1", "evolved_rule.3")
@pytest.mark.parametrize(("q", "m"), [(0.5, 2.0), (0.3, 5.0)])
def test_on_a_bandit_it_holds_the_posterior_mean(q, m):
    family = small_bandit(arms=2, pulls=20)
    rule = module.coefficients(np.array([[q, math.log(m), 0.0, 0.0, 0.0, 0.0]]))
    player = module.agent(rule, family, (1, 2), greedy=False)
    memory, wins, pulls, draw = player.start(1), np.zeros(2), np.zeros(2), rng(1)
    for _ in range(20):
        a, r = draw.integers(2), float(draw.integers(2))
        state = np.zeros(1, int)
        memory = player.observe(memory, state, np.array([a]), np.array([r]), state)
        wins[a], pulls[a] = wins[a] + r, pulls[a] + 1
        assert_allclose(memory.Q[0], (m * q + wins) / (m + pulls), rtol=1e-13)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_member_earns_the_same_whoever_else_plays(name):
    player = module.rule_player(FAMILIES[name])
    thetas = es.members(es.Search(population=4, sigma=2.0), player.init(rng()), 9, 0, 4)
    returns = players.mean_returns(player, thetas, 11, 3)
    assert returns.shape == (4, FAMILIES[name].num_episodes)
    assert len(np.unique(returns.sum(1))) > 1
    for p in range(4):
        one = trees.map_leaves(lambda x, p=p: x[p : p + 1], thetas)
        assert_array_equal(players.mean_returns(player, one, 11, 3)[0], returns[p])


def test_a_greedy_player_draws_nothing():
    """In a grid without chance a second trial repeats the first for any generator."""
    player, tasks = module.rule_player(small_grid()), small_grid().sample(rng(1), 5)
    for greedy in (True, False):
        one = players.play_one(player, rng(2), {"rule": VECTOR[0]}, tasks, greedy)
        other = players.play_one(player, rng(3), {"rule": VECTOR[0]}, tasks, greedy)
        assert np.array_equal(one.actions, other.actions) == greedy


def test_it_keeps_to_the_protocol_and_names_its_settings():
    learner = module.evolved_rule(FAMILIES["bandit"], beta=0.2)
    learners.check(learner)
    assert learner.iterations == 600
    assert module.evolved_rule(small_grid()).iterations == 400
    given = {name: learner.settings[name] for name in ("population", "num_tasks", "beta")}
    assert given == {"population": 32, "num_tasks": 64, "beta": 0.2}
    assert learner.settings["estimator"] == "antithetic"
    names = learner.settings.keys() | {"num_slices"}  # which has no effect without an executor
    assert words.keys(module.evolved_rule).keys() == names


@pytest.mark.parametrize("paying", PAYING.values(), ids=PAYING)
@pytest.mark.parametrize("shaping", search_gradients.SHAPING)
def test_the_unit_of_the_rewards_does_not_matter(paying, shaping):
    settings = {"population": 6, "num_tasks": 4, "shaping": search_gradients.SHAPING[shaping]}
    assert_same_in_every_unit(lambda family: module.evolved_rule(family, **settings), paying)


@pytest.mark.verifies("evolved_rule.2", "evolved_rule.3")
def test_it_is_written_as_a_formula():
    rule = module.Rule(
        initial_value=0.5, prior_count=2.0, sharpness=10.0, growth=0.25, bonus=0.125, discount=0.9
    )
    assert module.formula(rule) == (
        "Q = (1.00 + rewards) / (2.00 + n),  "
        "pi = softmax 10.0 (1 + 0.25 t / L) (Q + 0.125 / sqrt(n + 1))"
    )


def test_what_evolves_beats_thompson_sampling_at_its_horizon():
    family = small_bandit(arms=2, pulls=10)
    learner, ceiling = module.evolved_rule(family), bayes_optimal.solve(family)
    state = training.train(learner, 60, seed=0)
    thompson = bandits.thompson(family)
    rival = thompson.init(rng())
    found, other = (
        evaluate(player, x, num_tasks=4000, seed=3, ceiling=ceiling)
        for player, x in ((learner, state), (thompson, rival))
    )
    error = np.hypot(found.score_pdl_stderr, other.score_pdl_stderr)
    assert found.score_pdl > max(0.5, other.score_pdl + 5 * error)
    greedy = evaluate(learner, state, num_tasks=4000, seed=3, ceiling=ceiling, greedy=True)
    assert greedy.score_pdl > 0.5


def test_a_rule_that_is_no_number_does_not_play():
    family = FAMILIES["bandit"]
    for place in (1, 2, 3):  # logarithms, whose exponentials overflow
        vector = VECTOR.copy()
        vector[1, place] = 800.0
        rule = module.coefficients(vector)
        with pytest.raises(ValueError, match=r"must be finite, got -?inf"):
            module.agent(rule, family, shape_of(family), greedy=True)
    for bad, error in (
        (VECTOR * np.nan, ValueError),
        (VECTOR[:, :5], ValueError),
        (None, TypeError),
    ):
        with pytest.raises(error, match="vector must be"):
            module.coefficients(bad)
    rule = module.coefficients(VECTOR)
    for unit in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="unit must be"):
            module.agent(rule, family, shape_of(family), True, unit)
    with pytest.raises(
        ValueError, match=r"bonus must have the shape of the rule, \(2,\), got \(1,"
    ):
        module.agent(rule._replace(bonus=np.ones(1)), family, shape_of(family), True)
    with pytest.raises(TypeError, match="rule must be of type Rule, got NoneType"):
        module.agent(None, family, shape_of(family), True)


@pytest.mark.parametrize("wrong", [None, "rule", np.zeros(6), (1.0,) * 6])
def test_a_formula_is_that_of_a_rule(wrong):
    with pytest.raises(TypeError, match="rule must be of type Rule, got"):
        module.formula(wrong)
