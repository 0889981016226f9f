"""The exact core against trajectories written out one by one, eqs. (1)-(6) of `values`."""

from fractions import Fraction
from typing import NamedTuple

import autograd.numpy as np
import numpy as onp
import pytest
from autograd import grad
from comparing import close
from enumerate_trajectories import (
    discounted_forever,
    expected_return,
    gradient,
    hessian_product,
    occupancy,
    random_batch,
    random_mdp,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from metarl_min.basics import checks
from metarl_min.mdps import mdp, prepared_mdps, values
from metarl_min.mdps.mdp import MDP

FORMS = {"closed": values.expected_return, "traced": values.expected_return_by_recursion}
HORIZONS = [1, 2, 3]
ENDLESS = [(None, 0.6), (None, 0.3)]
seeds = st.integers(0, 10_000)
few = settings(max_examples=15)


def tangent(seed, probs):
    return onp.random.default_rng(seed).normal(size=probs.shape)


# ---- closed forms ----


@given(st.floats(0, 0.95), st.integers(1, 30), st.floats(-2, 2))
@pytest.mark.verifies("values.2")
def test_one_state_is_a_geometric_sum(gamma, horizon, pay):
    task = MDP(onp.ones(1), onp.ones((1, 1, 1)), onp.full((1, 1, 1), pay))
    exact = sum(pay * gamma**t for t in range(horizon))
    for form in FORMS.values():
        assert form(task, onp.ones((1, 1)), horizon, gamma) == pytest.approx(exact, abs=1e-12)
        endless = form(task, onp.ones((1, 1)), None, gamma)
        assert endless == pytest.approx(pay / (1 - gamma), abs=1e-11)
    assert mdp.optimal_return(task, horizon, gamma) == pytest.approx(exact, abs=1e-12)


@pytest.mark.verifies("values.3")
def test_a_corridor_is_walked_one_state_a_step():
    right = onp.eye(4)[[1, 2, 3, 3]][:, None]
    task = MDP(onp.eye(4)[0], right, onp.zeros((4, 1, 1)))
    visited = values.occupancy(task, onp.ones((4, 1)), 5, 0.5)
    assert close(visited, onp.eye(4)[[0, 1, 2, 3, 3]] * 0.5 ** onp.arange(5)[:, None])


# ---- every trajectory ----


@pytest.mark.verifies("values.1")
@pytest.mark.verifies("values.2")
@pytest.mark.parametrize("form", FORMS)
@few
@given(seeds, st.sampled_from(HORIZONS), st.floats(0, 1))
def test_the_return_is_the_sum_over_all_trajectories(form, seed, horizon, gamma):
    task, probs = random_mdp(seed)
    exact = expected_return(task, probs, horizon, gamma)
    assert close(FORMS[form](task, probs, horizon, gamma), exact)


@pytest.mark.parametrize("form", FORMS)
def test_with_three_states_and_actions_too(form):
    task, probs = random_mdp(1, 3, 3)
    assert close(FORMS[form](task, probs, 3, 0.8), expected_return(task, probs, 3, 0.8))


@pytest.mark.verifies("values.1")
@few
@given(seeds, st.sampled_from(HORIZONS), st.floats(0, 1))
def test_q_is_the_return_after_a_first_step_with_that_state_and_action(seed, horizon, gamma):
    task, probs = random_mdp(seed)
    q = values.action_values(task, probs, horizon, gamma)
    assert q.shape == (horizon, 2, 2)
    for steps_to_go in range(1, horizon + 1):
        for s in range(2):
            for a in range(2):
                first = onp.where(onp.arange(2)[:, None] == s, onp.eye(2)[a], probs)
                policy = onp.stack([first, *[probs] * (steps_to_go - 1)])
                there = MDP(onp.eye(2)[s], task.transition, task.reward)
                exact = expected_return(there, policy, steps_to_go, gamma)
                assert close(q[horizon - steps_to_go, s, a], exact)


@pytest.mark.verifies("values.3")
@few
@given(seeds, st.sampled_from([*HORIZONS, 4]), st.floats(0, 1))
def test_occupancy_is_the_discounted_probability_of_each_state(seed, horizon, gamma):
    task, probs = random_mdp(seed)
    visited = values.occupancy(task, probs, horizon, gamma)
    assert close(visited, occupancy(task, probs, horizon, gamma))
    assert close(visited.sum(-1), gamma ** onp.arange(horizon))


@pytest.mark.verifies("values.4", "values.7")
@few
@given(seeds, st.sampled_from(HORIZONS), st.floats(0, 1))
def test_the_gradient_is_the_product_rule_over_all_trajectories(seed, horizon, gamma):
    task, probs = random_mdp(seed)
    exact = gradient(task, probs, horizon, gamma)
    assert close(values.policy_gradient(task, probs, horizon, gamma), exact)
    for form in FORMS.values():
        assert close(grad(form, 1)(task, probs, horizon, gamma), exact)


@pytest.mark.verifies("values.5", "values.7")
@few
@given(seeds, st.sampled_from(HORIZONS), st.floats(0, 1))
def test_the_hessian_product_is_the_product_rule_twice(seed, horizon, gamma):
    task, probs = random_mdp(seed)
    v = tangent(seed, probs)
    exact = hessian_product(task, probs, v, horizon, gamma)
    assert close(values.hessian_product(task, probs, v, horizon, gamma), exact)
    for form in FORMS.values() if horizon > 1 else []:  # at horizon 1 J is linear: autograd warns
        inner = grad(form, 1)
        along = grad(lambda p, f=inner: np.sum(f(task, p, horizon, gamma) * v))(probs)
        assert close(along, exact)


@pytest.mark.verifies("values.4", "values.7")
@pytest.mark.parametrize(("horizon", "gamma"), [(1, 1.0), (2, 0.9), (6, 1.0), (6, 0.7)])
def test_the_gradient_is_the_sum_over_time_of_occupancy_times_q(horizon, gamma):
    batch, probs, _ = random_batch(18, 3, 4, 3)
    d = values.occupancy(batch, probs, horizon, gamma)
    q = values.action_values(batch, probs, horizon, gamma)
    total = sum(d[:, t, :, None] * q[:, t] for t in range(horizon))
    assert close(values.policy_gradient(batch, probs, horizon, gamma), total)


# ---- an infinite horizon ----


@pytest.mark.verifies("values.6")
@few
@given(seeds, st.floats(0, 0.6))
def test_return_and_gradient_of_an_endless_episode(seed, gamma):
    task, probs = random_mdp(seed, 3, 2)

    def truth(p):
        return discounted_forever(task, p, gamma)

    for form in FORMS.values():
        assert close(form(task, probs, None, gamma), truth(probs))
    exact = checks.complex_step(truth, probs)
    assert close(values.policy_gradient(task, probs, None, gamma), exact)
    for form in FORMS.values():
        assert close(grad(form, 1)(task, probs, None, gamma), exact)


@pytest.mark.verifies("values.6")
@few
@given(seeds, st.floats(0, 0.6))
def test_hessian_product_of_an_endless_episode(seed, gamma):
    task, probs = random_mdp(seed)
    v, h = tangent(seed, probs), 1e-3
    product = values.hessian_product(task, probs, v, None, gamma)

    def slope(h):
        return checks.complex_step(lambda p: discounted_forever(task, p, gamma), probs + h * v)

    wide, narrow = ((slope(d) - slope(-d)) / (2 * d) for d in (2 * h, h))
    assert close(product, (4 * narrow - wide) / 3, 1e-9)
    inner = grad(values.expected_return_by_recursion, 1)
    along = grad(lambda p: np.sum(inner(task, p, None, gamma) * v))(probs)
    assert close(product, along, 1e-12)


@pytest.mark.verifies("values.6")
def test_values_and_occupancy_are_the_limits_of_long_horizons():
    task, probs = random_mdp(9, 3, 2)
    endless_q = values.action_values(task, probs, None, 0.5)
    assert endless_q.shape == (1, 3, 2)
    assert close(endless_q[0], values.action_values(task, probs, 60, 0.5)[0])
    endless_d = values.occupancy(task, probs, None, 0.5)
    assert endless_d.shape == (1, 3)
    assert close(endless_d[0], values.occupancy(task, probs, 60, 0.5).sum(0))
    assert endless_d.sum() == pytest.approx(1 / (1 - 0.5))


# ---- relations ----


def every_function(v):
    """All public functions of (task, probs, horizon, gamma)."""
    return {
        "expected_return": values.expected_return,
        "recursion": values.expected_return_by_recursion,
        "policy_gradient": values.policy_gradient,
        "hessian_product": lambda task, probs, *rest: values.hessian_product(
            task, probs, v[: probs.shape[0]] if probs.ndim == 3 else v[0], *rest
        ),
        "occupancy": values.occupancy,
        "action_values": values.action_values,
    }


@pytest.mark.parametrize(("horizon", "gamma"), [(1, 1.0), (4, 1.0), (4, 0.7), *ENDLESS])
def test_a_batch_is_its_tasks_one_at_a_time(horizon, gamma):
    batch, probs, single = random_batch(3, 4, 3, 2)
    v = tangent(1, probs)
    for name, function in every_function(v).items():
        together = function(batch, probs, horizon, gamma)
        for m, (task, policy) in enumerate(single):
            if name == "hessian_product":
                alone = values.hessian_product(task, policy, v[m], horizon, gamma)
            else:
                alone = function(task, policy, horizon, gamma)
            assert close(together[m], alone), name
    if horizon is not None:
        together = mdp.optimal_action_values(batch, horizon, gamma)
        for m, (task, _) in enumerate(single):
            assert close(together[m], mdp.optimal_action_values(task, horizon, gamma))
            alone = mdp.optimal_return(task, horizon, gamma)
            assert close(mdp.optimal_return(batch, horizon, gamma)[m], alone)


@pytest.mark.parametrize(("horizon", "gamma"), [(1, 1.0), (4, 0.7), *ENDLESS])
@pytest.mark.parametrize("shared", ["initial", "transition", "reward", "probs", "all but reward"])
def test_a_shared_leading_axis_is_the_same_as_repeating_it(shared, horizon, gamma):
    batch, probs, _ = random_batch(4, 3)
    names = ["initial", "transition", "probs"] if shared == "all but reward" else [shared]
    arrays = {**batch._asdict(), "probs": probs}
    short = {k: x[:1] if k in names else x for k, x in arrays.items()}
    full = {k: onp.repeat(x[:1], 3, 0) if k in names else x for k, x in arrays.items()}
    p, q = short.pop("probs"), full.pop("probs")
    v = tangent(2, p)
    some, every = MDP(**short), MDP(**full)
    for function in (
        values.expected_return,
        values.policy_gradient,
        values.occupancy,
        values.action_values,
    ):
        one, other = function(some, p, horizon, gamma), function(every, q, horizon, gamma)
        assert close(one, other), function

    def slope(p):
        return grad(lambda p: np.sum(values.expected_return(some, p, horizon, gamma)))(p)

    slopes, curves = (
        values.policy_gradient(every, q, horizon, gamma),
        values.hessian_product(every, q, v + 0 * q, horizon, gamma),
    )
    if len(p) == 1:
        slopes, curves = slopes.sum(0, keepdims=True), curves.sum(0, keepdims=True)
    assert close(slope(p), slopes)
    if horizon != 1:
        assert close(grad(lambda p: np.sum(slope(p) * v))(p), curves)


@pytest.mark.parametrize("horizon", [1, 3])
def test_derivatives_have_the_leading_axes_of_the_policies(horizon):
    task, probs = random_mdp(6)
    many = onp.repeat(probs[None], 3, axis=0)
    for slope in (
        values.policy_gradient(task, many, horizon),
        values.prepared_derivatives(many, prepared_mdps.prepare(task, horizon))[0],
    ):
        assert slope.shape == (3, 2, 2)
        assert all(close(row, gradient(task, probs, horizon)) for row in slope)


@pytest.mark.parametrize(("horizon", "gamma"), [(1, 1.0), (3, 0.8), (None, 0.6)])
def test_tasks_that_share_the_policy_and_the_transitions_have_derivatives_of_their_own(
    horizon, gamma
):
    task, probs = random_mdp(6)
    rewards = onp.random.default_rng(0).random((2, *task.reward.shape))
    tasks = task._replace(reward=rewards)
    slopes, product = values.prepared_derivatives(
        probs, prepared_mdps.prepare(tasks, horizon, gamma)
    )
    directions = onp.random.default_rng(1).normal(size=(2, *probs.shape))
    for m, curve in enumerate(product(directions)):
        setting = task._replace(reward=rewards[m]), probs
        assert close(slopes[m], values.policy_gradient(*setting, horizon, gamma))
        exact = values.hessian_product(*setting, directions[m], horizon, gamma)
        assert close(curve, exact)


def test_a_single_mdp_takes_a_population_of_policies_and_two_leading_axes_work():
    task, _ = random_mdp(6)
    probs = onp.random.default_rng(0).dirichlet(onp.ones(2), (3, 4, 2))
    returns = values.expected_return(task, probs, 3, 0.9)
    assert returns.shape == (3, 4)
    assert close(returns[2, 1], expected_return(task, probs[2, 1], 3, 0.9))
    slopes = values.policy_gradient(task, probs, 3, 0.9)
    assert close(slopes[2, 1], gradient(task, probs[2, 1], 3, 0.9))
    assert values.action_values(task, probs, 3).shape == (3, 4, 3, 2, 2)
    assert values.occupancy(task, probs, 3).shape == (3, 4, 3, 2)


def test_without_discount_horizon_h_is_the_sum_of_the_visits_times_the_rewards():
    task, probs = random_mdp(7, 3, 2)
    visits = values.occupancy(task, probs, 6).sum(0)[:, None] * probs
    assert values.expected_return(task, probs, 6) == pytest.approx(
        onp.sum(visits * mdp.expected_rewards(task))
    )


def test_discounting_is_dying_with_probability_one_minus_gamma():
    task, probs = random_mdp(8)
    gamma = 0.7
    transition, reward = onp.zeros((3, 2, 3)), onp.zeros((3, 2, 3))
    transition[:2, :, :2], transition[:2, :, 2], transition[2, :, 2] = (
        gamma * task.transition,
        1 - gamma,
        1,
    )
    reward[:2] = mdp.expected_rewards(task)[..., None]
    dying = MDP(onp.append(task.initial, 0.0), transition, reward)
    longer = onp.concatenate([probs, [[0.5, 0.5]]])
    for horizon in (1, 2, 7):
        a = values.expected_return(dying, longer, horizon)
        assert a == pytest.approx(values.expected_return(task, probs, horizon, gamma), abs=1e-13)


@pytest.mark.parametrize(("horizon", "gamma"), [(5, 1.0), (5, 0.7), *ENDLESS])
def test_scaling_and_shifting_the_rewards_scales_and_shifts_the_return(horizon, gamma):
    task, probs = random_mdp(10)
    moved = task._replace(reward=3 * task.reward - 2)
    length = 1 / (1 - gamma) if horizon is None else sum(gamma**t for t in range(horizon))
    a, b = (values.expected_return(x, probs, horizon, gamma) for x in (task, moved))
    assert b == pytest.approx(3 * a - 2 * length)
    if horizon is not None:
        a, b = (mdp.optimal_return(x, horizon, gamma) for x in (task, moved))
        assert b == pytest.approx(3 * a - 2 * length)


@pytest.mark.parametrize(("horizon", "gamma"), [(4, 0.9), *ENDLESS])
def test_renaming_states_and_actions_changes_nothing_but_the_names(horizon, gamma):
    task, probs = random_mdp(11, 4, 3)
    s, a = onp.array([2, 0, 3, 1]), onp.array([1, 2, 0])
    renamed = MDP(task.initial[s], task.transition[s][:, a][:, :, s], task.reward[s][:, a][:, :, s])
    policy = probs[s][:, a]
    one = values.expected_return(task, probs, horizon, gamma)
    assert one == pytest.approx(values.expected_return(renamed, policy, horizon, gamma))
    slopes = values.policy_gradient(task, probs, horizon, gamma)
    assert close(values.policy_gradient(renamed, policy, horizon, gamma), slopes[s][:, a])


def test_horizon_one_is_a_bandit_in_each_state():
    task, probs = random_mdp(12, 3, 2)
    rewards = mdp.expected_rewards(task)
    assert close(values.policy_gradient(task, probs, 1), task.initial[:, None] * rewards)
    assert close(values.hessian_product(task, probs, probs, 1), onp.zeros((3, 2)))
    assert mdp.optimal_return(task, 1) == pytest.approx(task.initial @ rewards.max(-1))


@few
@given(seeds, st.sampled_from([(3, 1.0), (4, 0.8), (None, 0.8)]))
def test_the_hessian_is_symmetric(seed, setting):
    task, probs = random_mdp(seed, 3, 2)
    u, v = tangent(seed, probs), tangent(seed + 1, probs)
    one = onp.sum(u * values.hessian_product(task, probs, v, *setting))
    assert one == pytest.approx(onp.sum(v * values.hessian_product(task, probs, u, *setting)))


def test_no_policy_beats_the_optimum_and_the_greedy_one_reaches_it():
    batch, probs, _ = random_batch(13, 20, 3, 3)
    best = mdp.optimal_return(batch, 5)
    assert (values.expected_return(batch, probs, 5) <= best + 1e-12).all()


# ---- finite differences, and the orders of the derivative ----


@pytest.mark.parametrize(("horizon", "gamma"), [(1, 1.0), (4, 0.8), *ENDLESS])
def test_softmax_gradients_of_first_second_and_third_order(horizon, gamma):
    task, _ = random_mdp(14)
    x, v = onp.array([[0.3, -0.4], [1.0, 0.2]]), onp.array([[1.0, -2.0], [0.5, 0.7]])

    def softmax(x):
        z = np.exp(x)
        return z / np.sum(z, -1, keepdims=True)

    def zeroth(x, form=values.expected_return):
        return form(task, softmax(x), horizon, gamma)

    def first(x, form=values.expected_return):
        return np.sum(grad(zeroth)(x, form) * v)

    def second(x, form=values.expected_return):
        return np.sum(grad(first)(x, form) * v)

    for function in (zeroth, first, second):
        checks.assert_derivative(function, grad(function), x)
        if horizon != 1:
            traced = grad(function)(x, values.expected_return_by_recursion)
            assert close(grad(function)(x), traced, 1e-11)


def test_derivatives_of_a_batch_stay_with_their_tasks():
    batch, probs, single = random_batch(15, 3)
    weights = onp.array([1.0, -2.0, 0.5])

    def first(p, task, weights):
        return np.sum(weights * values.expected_return(task, p, 3))

    def third(p, task, weights):
        second = grad(lambda p: np.sum(grad(first)(p, task, weights) ** 2))
        return grad(lambda p: np.sum(second(p) ** 2))(p)

    slopes, third_slopes = grad(first)(probs, batch, weights), third(probs, batch, weights)
    for m, (task, policy) in enumerate(single):
        assert close(slopes[m], weights[m] * gradient(task, policy, 3))
        assert close(third_slopes[m], third(policy, task, weights[m]), 1e-11)


@pytest.mark.verifies("values.4")
def test_the_gradient_of_one_step_does_not_depend_on_the_policy():
    batch, probs, _ = random_batch(15, 3, 3, 2)
    prepared = prepared_mdps.prepare(batch, 1)
    first_reward = batch.initial[..., None] * (batch.transition * batch.reward).sum(-1)
    assert close(values.prepared_gradient(probs, prepared), first_reward)
    slope = grad(lambda p: np.sum(values.prepared_gradient(p, prepared) ** 2))(probs)
    assert not slope.any()


@pytest.mark.parametrize(("horizon", "gamma"), [(1, 1.0), (3, 0.8), *ENDLESS])
@pytest.mark.parametrize("field", ["initial", "transition", "reward"])
def test_the_traced_form_is_differentiable_in_the_model(field, horizon, gamma):
    task, probs = random_mdp(16)

    def value(x):
        model = MDP(**{**task._asdict(), field: x})
        return values.expected_return_by_recursion(model, probs, horizon, gamma)

    slope = grad(value)(task._asdict()[field])

    def oracle(x):
        model = Numbers(**{**task._asdict(), field: x})
        return discounted_forever(model, probs, gamma, steps=horizon or 80)

    assert close(slope, checks.complex_step(oracle, task._asdict()[field]), 1e-12)


class Numbers(NamedTuple):
    """A model whose numbers may be complex, or no probabilities."""

    initial: onp.ndarray
    transition: onp.ndarray
    reward: onp.ndarray


# ---- prepared MDPs ----


@few
@given(seeds, st.sampled_from([(1, 1.0), (3, 0.8), (None, 0.6)]))
def test_the_prepared_functions_give_what_the_public_functions_give(seed, setting):
    batch, _, _ = random_batch(seed, 3)
    shared = onp.random.default_rng(seed).dirichlet(onp.ones(2), (1, 2))
    prepared = prepared_mdps.prepare(batch, *setting)
    probs = prepared_mdps.broadcast(shared, prepared)
    v = tangent(seed, probs)
    exact = values.expected_return(batch, shared, *setting)
    assert close(values.prepared_return(probs, prepared), exact)
    slopes, product = values.prepared_derivatives(probs, prepared)
    for slope in (slopes, values.prepared_gradient(probs, prepared)):
        assert close(slope, values.policy_gradient(batch, probs, *setting))
    assert close(product(v), values.hessian_product(batch, probs, v, *setting))


def test_broadcasting_a_shared_policy_sums_its_gradient_over_the_tasks():
    batch, probs, single = random_batch(17, 3)
    prepared = prepared_mdps.prepare(batch, 2)

    def total(p):
        return np.sum(values.prepared_return(prepared_mdps.broadcast(p, prepared), prepared))

    slope = grad(total)(probs[0])
    assert close(slope, sum(gradient(task, probs[0], 2) for task, _ in single))


# ---- what is refused ----

ONE = onp.ones(1)
FITS = {
    "initial": onp.array([0.5, 0.5]),
    "transition": onp.full((2, 3, 2), 0.5),
    "reward": onp.zeros((2, 3, 2)),
}

FUNCTIONS = {
    "expected_return": values.expected_return,
    "expected_return_by_recursion": values.expected_return_by_recursion,
    "policy_gradient": values.policy_gradient,
    "hessian_product": lambda task, p, *rest: values.hessian_product(task, p, p, *rest),
    "occupancy": values.occupancy,
    "action_values": values.action_values,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"horizon": 0}, ValueError, "horizon must be at least 1, got 0"),
        ({"horizon": True}, TypeError, "horizon must be a whole number, got True"),
        ({"horizon": 2.0}, TypeError, "horizon must be a whole number, got 2.0"),
        (
            {"horizon": None},
            ValueError,
            "gamma must be below 1 where the horizon is infinite, got 1",
        ),
        ({"gamma": 1.5}, ValueError, "gamma must be finite, from 0 to 1, got 1.5"),
        ({"gamma": -0.1}, ValueError, "gamma must be finite, from 0 to 1, got -0.1"),
        ({"gamma": onp.nan}, ValueError, "gamma must be finite, from 0 to 1, got nan"),
        ({"gamma": "1"}, TypeError, "gamma must be a real number, got '1'"),
        ({"probs": onp.full((2, 2), 0.5)}, ValueError, r"\[\.\.\., 2, 3\], got \(2, 2\)"),
        ({"probs": onp.full(3, 1 / 3)}, ValueError, r"probs must have shape .*, got \(3,\)"),
        ({"probs": onp.full((2, 3), 0.3)}, ValueError, "rows of probs must sum to one, got .* 0.1"),
        ({"probs": onp.full((2, 3), onp.nan)}, ValueError, "probs must be finite"),
        ({"probs": onp.array([[2.0, -1.0, 0.0]] * 2)}, ValueError, "probs must not be negative"),
        (
            {"probs": onp.array([[0, 1, 0]] * 2)},
            TypeError,
            "probs must be an array of floats, got int",
        ),
        ({"mdp": tuple(FITS.values())}, TypeError, "mdp must be (an MDP|of type MDP).*, got tuple"),
        ({"mdp": None}, TypeError, "mdp must be (an MDP|of type MDP).*, got NoneType"),
        ({"probs": onp.full((2, 1), 1.0)}, ValueError, r"\[\.\.\., 2, 3\], got \(2, 1\)"),
        ({"probs": onp.full((1, 3), 1 / 3)}, ValueError, r"\[\.\.\., 2, 3\], got \(1, 3\)"),
        ({"probs": None}, TypeError, "probs must be an array of floats, got NoneType"),
        ({"probs": [[0.5] * 3] * 2}, TypeError, "probs must be an array of floats, got list"),
    ],
)
def test_every_function_refuses_what_does_not_fit(name, arguments, error, message):
    good = {"mdp": MDP(**FITS), "probs": onp.full((2, 3), 1 / 3), "horizon": 3, "gamma": 1.0}
    with pytest.raises(error, match=message):
        FUNCTIONS[name](*{**good, **arguments}.values())


def test_the_direction_must_have_the_shape_of_the_policy():
    task, probs = random_mdp(0)
    with pytest.raises(ValueError, match=r"v must have the shape of probs, \(2, 2\), got \(2, 1\)"):
        values.hessian_product(task, probs, probs[:, :1], 2)


def test_a_model_under_a_trace_is_refused_by_the_closed_form():
    task, probs = random_mdp(0)
    with pytest.raises(TypeError, match="mdp must be an MDP of plain arrays, got"):
        grad(lambda r: values.expected_return(task._replace(reward=r), probs, 2))(task.reward)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_leading_axes_of_the_policy_must_fit(name):
    batch, probs, _ = random_batch(0, 3)
    with pytest.raises(ValueError, match=r"equal to those of the MDP, \(3,\), or 1, got \(2,\)"):
        FUNCTIONS[name](batch, probs[:2], 3, 1.0)


@pytest.mark.parametrize("shape", [(2, 1), (1, 2), (2,), (3, 2)])
def test_the_shape_of_a_policy_is_checked_under_a_trace_too(shape):
    task, _ = random_mdp(0)
    forms = values.expected_return, values.expected_return_by_recursion, values.policy_gradient
    for form in forms:
        with pytest.raises(
            ValueError, match=r"probs must have shape \[\.\.\., S, A\] = \[\.\.\., 2, 2\]"
        ):
            grad(lambda p, form=form: np.sum(form(task, p, 2)))(onp.full(shape, 0.5))


@pytest.mark.parametrize("v", [None, [[0.5, 0.5]] * 2, 1.0, onp.ones((2, 2), int)])
def test_a_direction_is_an_array_of_floats(v):
    task, probs = random_mdp(0)
    with pytest.raises(TypeError, match="v must be an array of floats, got"):
        values.hessian_product(task, probs, v, 2)


def test_horizons_and_discounts_of_other_types_give_the_same_numbers():
    task, probs = random_mdp(0)
    for name, function in FUNCTIONS.items():
        for setting in ((onp.int8(100), Fraction(1, 2)), (onp.uint8(100), onp.float32(0.5))):
            assert onp.array_equal(
                function(task, probs, *setting), function(task, probs, 100, 0.5)
            ), name


@pytest.mark.parametrize("horizon", [4, None])
def test_a_policy_of_less_precise_floats_has_the_values_of_the_same_numbers(horizon):
    """The numbers 1/8 .. 7/8 are exact in every dtype, and gamma = .999 is not exact in float32."""
    task, _ = random_mdp(0)
    probs = onp.array([[0.125, 0.875], [0.625, 0.375]])
    for name, function in FUNCTIONS.items():
        expected = function(task, probs, horizon, 0.999)
        assert close(function(task, probs.astype(onp.float32), horizon, 0.999), expected), name
