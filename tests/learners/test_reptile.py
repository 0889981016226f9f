"""reptile (1)-(4): its direction, and the expansion that tells it from first-order MAML."""

import adaptation_by_hand as by_hand
import numpy as np
import pytest

from metarl_min.basics.optimizers import adam, sgd
from metarl_min.gradients import adaptation, objectives, traced_trials, trials
from metarl_min.gradients.adaptation_settings import adaptation as resolve
from metarl_min.gradients.outer_updates import ascent
from metarl_min.learners.maml import exact_return
from metarl_min.learners.reptile import reptile
from metarl_min.mdps import networks, policies
from metarl_min.tasks.bandits import bandit, bandit_mdps

BANDIT = bandit(arms=3, pulls=6)
HOW = resolve(BANDIT, alpha=0.8)
MEANS = np.array([[0.2, 0.9, 0.4], [0.7, 0.1, 0.3]])
THETA = np.array([[0.3, -0.2, 0.1]])


def exact_trial(alpha, num_steps):
    J = objectives.expected_return_objective(bandit_mdps(MEANS), 1)
    inner = [J] * num_steps
    path = adaptation.inner_loop(policies.tabular, {"logits": THETA}, alpha, inner)
    return J, trials.Trial(alpha, path, inner, [])


def gradients(theta):
    """Policy gradient of each task, by hand. [2, 3]"""
    probs = by_hand.softmax(theta[0])
    return probs * (MEANS - (MEANS @ probs)[:, None])


@pytest.mark.verifies("reptile.1")
@pytest.mark.parametrize("num_steps", [1, 2, 5])
def test_the_direction_is_where_adaptation_ends_over_alpha(num_steps):
    _, trial = exact_trial(0.8, num_steps)
    direction, _ = traced_trials.reptile_gradients(HOW, trial, [])
    moved = (trial.path[-1]["logits"] - THETA).sum(0) / 0.8
    np.testing.assert_allclose(direction["logits"], moved, atol=1e-14)


def test_with_one_step_it_is_the_average_policy_gradient():
    _, trial = exact_trial(0.8, 1)
    direction, _ = traced_trials.reptile_gradients(HOW, trial, [])
    np.testing.assert_allclose(direction["logits"][0] / 2, gradients(THETA).mean(0), atol=1e-15)


def batches(theta, index):
    """Gradient of one of three batches of a task, each a bandit of its own. [3]"""
    rewards = np.array([[0.1, 0.8, 0.3], [0.4, 0.9, 0.0], [0.2, 0.6, 0.7]])[index]
    probs = by_hand.softmax(theta)
    return probs * (rewards - probs @ rewards)


def path_over(order, alpha):
    theta, found = THETA[0], []
    for index in order:
        found.append(batches(theta, index))
        theta = theta + alpha * found[-1]
    return found


def slope(function):
    """Value and derivative at alpha = 0, by Richardson extrapolation of central differences."""
    central = [(function(h) - function(-h)) / (2 * h) for h in (1e-2, 5e-3, 2.5e-3)]
    first = [(4 * central[i + 1] - central[i]) / 3 for i in range(2)]
    return function(0.0), (16 * first[1] - first[0]) / 15


def hessian(index):
    h, eye = 1e-5, np.eye(3)
    columns = [
        (batches(THETA[0] + h * e, index) - batches(THETA[0] - h * e, index)) / (2 * h) for e in eye
    ]
    return np.stack(columns, axis=1)


@pytest.mark.verifies("reptile.2", "reptile.3")
@pytest.mark.parametrize("num_steps", [2, 3])
def test_the_expansion_in_alpha_has_the_coefficients_of_nichol_et_al(num_steps):
    orders = [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)]
    if num_steps == 3:
        orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    average = np.mean([batches(THETA[0], i) for i in range(3)], axis=0)
    pairs = [hessian(i) @ batches(THETA[0], j) for i in range(3) for j in range(3) if i != j]
    inner_average = np.mean(pairs, axis=0)

    def sum_of_all(alpha):
        return np.mean([sum(path_over(order, alpha)) for order in orders], axis=0)

    def first_order_maml(alpha):
        return np.mean([path_over(order, alpha)[-1] for order in orders], axis=0)

    K = num_steps
    for direction, at_zero, coefficient in (
        (sum_of_all, K, K * (K - 1) / 2),
        (first_order_maml, 1, K - 1),
    ):
        value, derivative = slope(direction)
        np.testing.assert_allclose(value, at_zero * average, atol=1e-15)
        np.testing.assert_allclose(derivative, coefficient * inner_average, atol=1e-9)
    assert np.abs(inner_average).max() > 1e-3


@pytest.mark.verifies("reptile.4")
def test_the_second_term_aligns_the_gradients_of_two_batches():
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    mean = np.mean([hessian(i) @ batches(THETA[0], j) for i, j in pairs], axis=0)
    h, aligned = 1e-5, np.zeros(3)
    for i, j in pairs:
        for n, e in enumerate(np.eye(3)):
            values = [batches(x, i) @ batches(x, j) for x in (THETA[0] + h * e, THETA[0] - h * e)]
            aligned[n] += (values[0] - values[1]) / (2 * h) / len(pairs)
    assert np.abs(mean).max() > 1e-3
    np.testing.assert_allclose(mean, aligned / 2, atol=1e-9)


def test_it_learns_the_arms_that_are_good_on_average_and_forgets_to_explore():
    family = bandit(arms=3, pulls=6, prior=((3, 1), (1, 3), (1, 3)))
    learner = reptile(family, num_tasks=50, outer=ascent(adam(0.1)))
    state = learner.init(np.random.default_rng(0))
    for i in range(60):
        state, _ = learner.step(np.random.default_rng([1, i]), state)
    assert state.theta["logits"].argmax() == 0
    assert state.alpha == 4.0


@pytest.mark.verifies("reptile.1")
def test_one_step_of_sgd_is_beta_times_the_direction():
    learner = reptile(BANDIT, objective=exact_return, num_tasks=7, outer=ascent(sgd(0.3)))
    state = learner.init(np.random.default_rng(0))
    after, _ = learner.step(np.random.default_rng(1), state)
    J = objectives.expected_return_objective(BANDIT.sample(np.random.default_rng(1), 7), 1)
    path = adaptation.inner_loop(policies.tabular, state.theta, 4.0, [J] * 5)
    mean = (path[-1]["logits"] - state.theta["logits"]).mean(0) / 4.0
    np.testing.assert_allclose(after.theta["logits"], 0.3 * mean, atol=1e-14)


def test_only_parameters_that_adapt_move():
    policy = networks.mlp(3)
    learner = reptile(BANDIT, policy=policy, adapt=("W2", "b2"), num_tasks=6)
    state = learner.init(np.random.default_rng(0))
    after, _ = learner.step(np.random.default_rng(1), state)
    for name, leaf in state.theta.items():
        assert np.array_equal(after.theta[name], leaf) == (name not in ("W2", "b2"))
