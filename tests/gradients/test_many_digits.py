"""many_digits: derivatives of the weights, of an inner step and of the return; the estimates."""

from decimal import Decimal, localcontext

import autograd.numpy as np
import estimators_by_hand as by_hand
import pytest
from autograd import jacobian

from metarl_min.gradients import estimators, inner_steps, many_digits, meta_gradients
from metarl_min.gradients.enumeration import Data
from metarl_min.gradients.estimator_weights import WEIGHTS
from metarl_min.gradients.inner_steps import InnerStep
from metarl_min.gradients.many_digits import SmallProblem, decimals
from metarl_min.gradients.problems import Problem
from metarl_min.mdps import policies
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes

INITIAL = [0.75, 0.25]
TRANSITION = [[[0.7, 0.3], [0.1, 0.9]], [[0.4, 0.6], [0.8, 0.2]]]
REWARD = [[0.3, 1.1], [-0.5, 0.8]]
THETA = [[0.3, -0.2], [-0.4, 0.5]]
ALPHA, BASELINE, T, N, K = 0.6, 0.25, 2, 2, 2
TASK = MDP(np.array([INITIAL]), np.array([TRANSITION]), np.array(REWARD)[None, ..., None])
SMALL = SmallProblem(
    initial=decimals(INITIAL),
    transition=decimals(TRANSITION),
    reward=decimals(REWARD),
    theta=decimals(THETA),
    alpha=Decimal("0.6"),
    baseline=Decimal("0.25"),
    horizon=T,
    num_episodes=N,
    num_steps=K,
)
LARGE = Problem(
    inner=InnerStep(policy=policies.tabular, alpha=ALPHA, baseline=BASELINE),
    theta={"logits": np.array(THETA)},
    task=TASK,
    horizon=T,
    num_episodes=N,
    num_steps=K,
)


@pytest.fixture(autouse=True)
def digits():
    with localcontext(many_digits.CONTEXT):
        yield


def assert_close(found, expected, tolerance=1e-14):
    found, expected = np.array(found, float), np.array(expected, float)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


def data_of(stage):
    """The record `Data` of one data set of the small problem, with the leading axis [1]."""
    fields = [np.array([getattr(tau, x) for tau in stage]) for x in ("states", "actions")]
    rewards = np.array([[float(r) for r in tau.rewards] for tau in stage])
    episodes = Episodes(*(x[None] for x in (*fields, rewards, np.ones((N, T), bool))))
    return Data(episodes=episodes, counts=np.ones((1, N)))


def some_data():
    """Three data sets for two inner steps."""
    taus = list(many_digits.trajectories(SMALL))
    assert len(taus) == 16
    picks = [((3, 14), (9, 0)), ((5, 5), (2, 13)), ((0, 7), (10, 4))]
    return [[tuple(taus[i] for i in stage) for stage in stages] for stages in picks]


def test_a_decimal_is_the_number_that_is_written():
    assert decimals([[0.3], [-0.2]]).tolist() == [[Decimal("0.3")], [Decimal("-0.2")]]


@pytest.mark.verifies("many_digits.1")
def test_the_return_and_its_derivatives_on_a_bandit_are_closed_forms():
    bandit = SMALL._replace(
        initial=decimals([1.0]), transition=decimals(np.ones((1, 3, 1))), horizon=1,
        reward=decimals([[0.2, 0.9, -0.4]]), theta=decimals([[0.3, -0.2, 0.1]]),
    )  # fmt: skip
    r, pi = np.array([0.2, 0.9, -0.4]), np.exp([0.3, -0.2, 0.1])
    pi = pi / pi.sum()
    gradient = pi * (r - pi @ r)
    J = many_digits.expected_return(bandit, bandit.theta)
    assert_close(J.value, pi @ r)
    assert_close(J.gradient, gradient)
    assert_close(J.hessian, np.diag(gradient) - np.outer(gradient, pi) - np.outer(pi, gradient))


@pytest.mark.verifies("many_digits.1")
def test_the_return_and_its_derivatives_on_an_mdp_are_those_of_the_plain_form():
    J, plain = many_digits.expected_return(SMALL, SMALL.theta), by_hand.outer(TASK, T)
    assert_close(J.value, plain.value(LARGE.theta))
    assert_close(J.gradient, plain.gradient(LARGE.theta))
    assert_close(J.hessian, plain.hessian(LARGE.theta))


@pytest.mark.verifies("many_digits.2")
def test_the_derivatives_of_the_weights_are_those_of_the_traced_weights():
    rewards, scores = np.array([0.3, -0.5, 1.1]), np.array([[1.0, -2.0], [0.5, 0.25], [-1.5, 3.0]])
    found = many_digits.weight_derivatives(decimals(rewards), Decimal("0.25"), decimals(scores))
    assert list(found) == list(WEIGHTS)
    for name, weights in WEIGHTS.items():
        b = np.full((1, 3), 0.25)
        in_log_ratio = jacobian(lambda x, f=weights, b=b: f(x[None], rewards[None], b)[0] + 0 * x)
        assert_close(found[name], in_log_ratio(np.zeros(3)) @ scores)


@pytest.mark.verifies("many_digits.3")
@pytest.mark.parametrize("name", WEIGHTS)
def test_the_jacobian_of_an_inner_step_is_that_of_the_traced_step(name):
    reference, stage = {"logits": np.array([THETA])}, some_data()[0][0]

    def after(flat):
        phi = {"logits": flat.reshape(1, 2, 2)}
        step = inner_steps.inner_step
        moved = step(LARGE.inner, phi, reference, data_of(stage), WEIGHTS[name])
        return moved["logits"].ravel()

    found = many_digits.inner_step(SMALL, SMALL.theta, stage)
    flat = np.array(THETA).ravel()
    assert_close(found.after.ravel(), after(flat))
    assert_close(found.jacobians[name], jacobian(after)(flat))
    log_p = inner_steps.log_probability(LARGE.inner, reference, data_of(stage))[0]
    chance = np.prod([float(tau.chance) for tau in stage])
    assert_close(found.probability, np.exp(log_p) * chance)


@pytest.mark.verifies("many_digits.4")
def test_the_estimates_on_a_data_set_are_those_of_the_traced_estimators():
    for stages in some_data():
        found = many_digits.answers(SMALL, stages)
        path = [{"logits": np.array(phi, float)[None]} for phi in found.path]
        inputs = meta_gradients.inputs_at(LARGE, path, [data_of(stage) for stage in stages])
        assert_close(found.R, inputs.R[0])
        assert_close(found.v, inputs.v["logits"].ravel())
        for name, estimator in estimators.ESTIMATORS.items():
            assert_close(found.estimates[name], estimators.rows_of(name, estimator, inputs)[0])
        plain, emaml = found.estimates["plain"], found.estimates["emaml"]
        assert_close(found.estimates["averaged_score_term"], plain + (emaml - plain) / (N * T))


def test_more_digits_change_no_digit_that_is_kept():
    first = many_digits.answers(SMALL, some_data()[0])
    with localcontext() as context:
        context.prec = 60
        more = many_digits.answers(SMALL, some_data()[0])
    for name, x in first.estimates.items():
        assert max(abs(x - more.estimates[name])) < Decimal("1e-37")


def test_episodes_that_cannot_happen_are_left_out():
    one_start = SMALL._replace(initial=decimals([1.0, 0.0]))
    assert {tau.states[0] for tau in many_digits.trajectories(one_start)} == {0}
    total = sum(tau.chance for tau in many_digits.trajectories(SMALL))
    assert total == 4  # for each of the four pairs of actions the chances add up to 1
