"""An evolved learning rule, against loops over single trials."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from metarl_min import learners, tasks, training
from metarl_min.baselines import bandits
from metarl_min.ceilings import bayes_optimal
from metarl_min.evaluation import evaluate
from metarl_min.learners import evolved_rule as room

GRID = {"size": "3", "start": "4", "horizon": "4", "episodes": "3", "goals": "1,5"}
VECTOR = np.array([[0.4, 0.7, 1.2, 0.5, 0.3, 1.0], [0.1, -0.5, 0.2, -0.4, -0.2, -1.0]])


def rng(seed=0):
    return np.random.default_rng(seed)


def test_coefficients_stay_where_they_make_sense():
    rule = room.coefficients(VECTOR)
    assert_allclose(rule.prior, VECTOR[:, 0])
    assert_allclose(rule.weight, [math.exp(0.7), math.exp(-0.5)])
    assert_allclose(rule.sharpness, [math.exp(1.2), math.exp(0.2)])
    assert_allclose(rule.growth, [math.exp(0.5) - 1, math.exp(-0.4) - 1])
    assert_allclose(rule.bonus, VECTOR[:, 4])
    assert_allclose(rule.discount, [1 / (1 + math.exp(-1)), 1 / (1 + math.exp(1))])


@pytest.mark.verifies("evolved_rule.1", "evolved_rule.2")
@pytest.mark.parametrize("name", ["bandit", "gridworld"])
def test_a_trial_is_that_of_a_loop_over_steps(name):
    family = tasks.make(name, GRID if name == "gridworld" else {"arms": "3", "pulls": "12"})
    rule, (S, A) = room.coefficients(VECTOR), family.sample(rng(), 1).shape
    player = room.agent(rule, family, (S, A), False)
    memory, draw, T = player.start(2), rng(3), family.horizon
    Q, n = [[[float(rule.prior[m])] * A for _ in range(S)] for m in range(2)], np.zeros((2, S, A))
    for t in range(12):
        states = draw.integers(S, size=2)
        for m in range(2):
            k = rule.sharpness[m] * (1 + rule.growth[m] * t / 12)
            truth = [k * (Q[m][states[m]][a] + rule.bonus[m] / math.sqrt(n[m, states[m], a] + 1))
                     for a in range(A)]  # fmt: skip
            one = room.Rule(*(x[[m]] for x in rule))
            found = room.logits(
                one, memory.Q[[m], states[m]], memory.visits[[m], states[m]], t / 12
            )
            assert_allclose(found[0], truth, rtol=1e-12)
        u = draw.random()
        actions = player.act(Fixed(u), memory, states)
        for m in range(2):
            k = rule.sharpness[m] * (1 + rule.growth[m] * t / 12)
            z = [k * (Q[m][states[m]][a] + rule.bonus[m] / math.sqrt(n[m, states[m], a] + 1))
                 for a in range(A)]  # fmt: skip
            sums = np.cumsum(np.exp(z)) / np.sum(np.exp(z))
            assert actions[m] == np.searchsorted(sums, u, side="right")
        rewards, arrivals = draw.normal(size=2), draw.integers(S, size=2)
        memory = player.observe(memory, states, actions, rewards, arrivals)
        for m in range(2):
            s, a = states[m], actions[m]
            later = 0.0 if (t + 1) % T == 0 else rule.discount[m] * max(Q[m][arrivals[m]])
            n[m, s, a] += 1
            Q[m][s][a] += (rewards[m] + later - Q[m][s][a]) / (rule.weight[m] + n[m, s, a])
        assert_allclose(memory.Q, Q, rtol=1e-12)


class Fixed:
    """An rng that always draws u."""

    def __init__(self, u):
        self.u = u

    def random(self, shape):
        return np.full(shape, self.u)


@pytest.mark.verifies("evolved_rule.1")
def test_on_a_bandit_it_holds_the_posterior_mean():
    family = tasks.make("bandit", {"arms": "2", "pulls": "20"})
    rule = room.coefficients(np.array([[0.5, math.log(2), 0.0, 0.0, 0.0, 0.0]]))
    player = room.agent(rule, family, (1, 2), False)
    memory, wins, pulls, draw = player.start(1), np.zeros(2), np.zeros(2), rng(1)
    for _ in range(20):
        a, r = draw.integers(2), float(draw.integers(2))
        state = np.zeros(1, int)
        memory = player.observe(memory, state, np.array([a]), np.array([r]), state)
        wins[a], pulls[a] = wins[a] + r, pulls[a] + 1
        assert_allclose(memory.Q[0, 0], (1 + wins) / (2 + pulls), rtol=1e-13)


def test_it_is_written_as_a_formula():
    rule = room.Rule(0.5, 2.0, 10.0, 0.25, 0.125, 0.9)
    assert room.formula(rule) == (
        "Q = (1.00 + rewards) / (2.00 + n),  "
        "pi = softmax 10.0 (1 + 0.25 t / L) (Q + 0.125 / sqrt(n + 1))"
    )


def test_what_evolves_beats_thompson_sampling_at_its_horizon():
    family = tasks.make("bandit", {"arms": "2", "pulls": "10", "prior": "1,1"})
    learner, ceiling = learners.make("evolved_rule", {}), bayes_optimal.solve(family)
    state = training.train(learner, family, iterations=60, seed=0)
    thompson = bandits.thompson()
    rival = thompson.init(rng(), family)
    found, other = (
        evaluate(player, x, family, num_tasks=4000, seed=3, ceiling=ceiling)
        for player, x in ((learner, state), (thompson, rival))
    )
    error = np.hypot(found.score_pdl_stderr, other.score_pdl_stderr)
    assert found.score_pdl > max(0.5, other.score_pdl + 5 * error)
    greedy = evaluate(learner, state, family, num_tasks=4000, seed=3, ceiling=ceiling, greedy=True)
    assert greedy.score_pdl > 0.5
