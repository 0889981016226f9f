"""Surrogates and exact objectives, eqs. (1)-(6), against every trajectory and plain derivatives."""

import autograd.numpy as np
import enumerate_trajectories as oracle
import numpy as onp
import plain_forms
import pytest
from autograd import grad
from autograd.tracer import Node, trace
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from metarl_min.basics.checks import complex_step
from metarl_min.gradients import objectives, returns
from metarl_min.gradients.objectives import (
    advantage_table,
    expected_return,
    expected_return_gradient,
    expected_return_hessian_product,
    reinforce,
    reinforce_gradient,
    reinforce_hessian_product,
    reinforce_per_step,
)
from metarl_min.mdps import prepared_mdps
from metarl_min.mdps.episodes import map_fields
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes

sizes = st.tuples(*[st.integers(1, 4)] * 4)
leading_axes = st.sampled_from([(), (1,), (3,), (2, 2)])
seeds = st.integers(0, 10**6)


def drawn(seed, leading, N, T, S, A):
    """Logits, episodes that die at their own times, and advantages that do not vanish there."""
    rng = onp.random.default_rng(seed)
    alive = onp.arange(T) < rng.integers(1, T + 1, size=(*leading, N, 1))
    states, actions = (rng.integers(n, size=alive.shape) for n in (S, A))
    episodes = Episodes(states, actions, rng.normal(size=alive.shape), alive)
    return rng.normal(size=(*leading, S, A)), episodes, rng.normal(size=alive.shape)


def one_of(episodes, index):
    return map_fields(lambda x: x[index], episodes)


def plain_surrogate(z, episodes, advantages):
    return plain_forms.surrogate(plain_forms.softmax(z), episodes, advantages)


# ---- eqs. (1)-(4): the surrogate of sampled episodes ----


@pytest.mark.verifies("objectives.1", "objectives.2", "objectives.3")
def test_surrogate_of_two_short_episodes_by_hand():
    # in state 0: action 0 with advantage 6, action 1 with -2; in state 1: action 1 with 4;
    # the last step is not alive
    episodes = Episodes(
        onp.array([[0, 1], [0, 1]]), onp.array([[0, 1], [1, 0]]), onp.zeros((2, 2)),
        onp.array([[True, True], [True, False]]),
    )  # fmt: skip
    advantages, z = onp.array([[6.0, 4.0], [-2.0, 9.0]]), onp.log([[1.0, 3.0], [1.0, 1.0]])
    C = advantage_table(episodes, advantages, (2, 2))
    assert_allclose(C, [[3, -1], [0, 2]], atol=0)
    value = 3 * onp.log(0.25) - onp.log(0.75) + 2 * onp.log(0.5)
    assert reinforce(z, C) == pytest.approx(value, rel=1e-14)
    assert reinforce_per_step(z, episodes, advantages) == pytest.approx(value, rel=1e-14)
    assert_allclose(reinforce_gradient(z, C), [[2.5, -2.5], [-1, 1]], rtol=1e-14)


@pytest.mark.verifies("objectives.1", "objectives.2", "objectives.3")
@given(seeds, leading_axes, sizes)
def test_table_form_and_step_form_are_one_function_with_one_gradient(seed, leading, size):
    z, episodes, advantages = drawn(seed, leading, *size)
    C = advantage_table(episodes, advantages, z.shape[-2:])
    by_step = reinforce_per_step(z, episodes, advantages)
    assert onp.shape(by_step) == leading
    assert_allclose(reinforce(z, C), by_step, rtol=1e-12, atol=1e-12)
    gradient = grad(lambda z: np.sum(reinforce_per_step(z, episodes, advantages)))(z)
    assert_allclose(grad(lambda z: np.sum(reinforce(z, C)))(z), gradient, atol=1e-12)
    assert_allclose(reinforce_gradient(z, C), gradient, atol=1e-12)


@pytest.mark.verifies("objectives.1", "objectives.2", "objectives.3")
@given(seeds)
def test_each_task_of_a_batch_is_the_loop_over_its_own_steps(seed):
    z, episodes, advantages = drawn(seed, (2,), 3, 4, 3, 2)
    C = advantage_table(episodes, advantages, (3, 2))
    for m in range(2):
        data = one_of(episodes, m), advantages[m]
        value = plain_surrogate(z[m], *data)
        assert reinforce(z, C)[m] == pytest.approx(value, abs=1e-13)
        assert reinforce_per_step(z, episodes, advantages)[m] == pytest.approx(value, abs=1e-13)
        truth = complex_step(lambda x, data=data: plain_surrogate(x, *data), z[m])
        assert_allclose(reinforce_gradient(z, C)[m], truth, atol=1e-13)
        assert_allclose(reinforce_gradient(z[m], C[m]), truth, atol=1e-13)


@pytest.mark.verifies("objectives.4")
@given(seeds)
def test_eq4_hessian_product_of_the_surrogate_is_that_of_plain_double_tracing(seed):
    z, episodes, advantages = drawn(seed, (2,), 3, 4, 3, 2)
    v = onp.random.default_rng(seed + 1).normal(size=z.shape)
    product = reinforce_hessian_product(z, v, advantage_table(episodes, advantages, (3, 2)))
    for m in range(2):
        data = one_of(episodes, m), advantages[m]

        def slope(x, data=data, v=v[m]):
            return np.sum(grad(lambda y: plain_surrogate(y, *data))(x) * v)

        assert_allclose(product[m], grad(slope)(z[m]), atol=1e-12)


@pytest.mark.verifies("objectives.4")
def test_eq4_is_the_derivative_of_eq3_by_differences_and_of_every_traced_form():
    z, episodes, advantages = drawn(5, (2,), 3, 4, 3, 2)
    C, v = advantage_table(episodes, advantages, (3, 2)), drawn(6, (2,), 1, 1, 3, 2)[0]
    product = reinforce_hessian_product(z, v, C)
    differences = plain_forms.derivative_along(
        lambda x: {"z": reinforce_gradient(x["z"], C)}, {"z": z}, {"z": v}
    )
    assert abs(product).max() > 0.01
    assert_allclose(product, differences["z"], atol=1e-10)
    for surrogate in (
        lambda x: reinforce(x, C),
        lambda x: reinforce_per_step(x, episodes, advantages),
    ):
        gradient = grad(lambda x, f=surrogate: np.sum(f(x)))
        traced = grad(lambda x, g=gradient: np.sum(g(x) * v))(z)
        assert_allclose(traced, product, atol=1e-13)
    traced = grad(lambda x: np.sum(reinforce_gradient(x, C) * v))(z)
    assert_allclose(traced, product, atol=1e-13)


@pytest.mark.verifies("objectives.2")
@given(seeds, st.floats(-5, 5))
def test_surrogate_is_linear_in_the_advantages_and_blind_to_the_order_of_episodes(seed, scale):
    z, episodes, advantages = drawn(seed, (2,), 4, 3, 3, 2)
    other = drawn(seed + 1, (2,), 4, 3, 3, 2)[2]

    def gradient(episodes, advantages):
        return reinforce_gradient(z, advantage_table(episodes, advantages, (3, 2)))

    mixed = gradient(episodes, advantages) + scale * gradient(episodes, other)
    assert_allclose(gradient(episodes, advantages + scale * other), mixed, atol=1e-12)
    turned = map_fields(lambda x: x[:, ::-1], episodes)
    assert_allclose(
        gradient(turned, advantages[:, ::-1]), gradient(episodes, advantages), atol=1e-13
    )
    twice = map_fields(lambda x: onp.concatenate([x, x], axis=1), episodes)
    doubled = onp.concatenate([advantages, advantages], axis=1)
    assert_allclose(gradient(twice, doubled), gradient(episodes, advantages), atol=1e-13)


# ---- the cost of a trace ----


def traced_work(function, x):
    """Name and shape of the value of every node that autograd records."""
    seen = []

    class Recorder(Node):
        def __init__(self, value, fun, args, kwargs, parent_argnums, parents):
            seen.append((fun.__name__, onp.shape(value)))

        def initialize_root(self):
            pass

    trace(Recorder.new_root(), function, x)
    return seen


def test_what_the_table_form_traces_does_not_grow_with_episodes_or_steps():
    by_table, by_step = [], []
    for N, T in ((1, 1), (3, 7), (40, 50)):
        z, episodes, advantages = drawn(7, (2,), N, T, 3, 2)
        C = advantage_table(episodes, advantages, (3, 2))
        by_table.append(traced_work(lambda z, C=C: np.sum(reinforce(z, C)), z))
        by_step.append(
            traced_work(lambda z, e=episodes, a=advantages: np.sum(reinforce_per_step(z, e, a)), z)
        )
    names = [name for name, _ in by_table[0]]
    assert names == ["_log_softmax", "multiply", "sum", "sum"]
    assert by_table[0] == by_table[1] == by_table[2]
    numbers = [max(onp.prod(shape) for _, shape in work) for work in by_step]
    assert numbers == [2 * 3 * 2, 2 * 3 * 7, 2 * 40 * 50]
    assert max(onp.prod(shape) for _, shape in by_table[2]) == 2 * 3 * 2


# ---- the expectation of the estimator over everything that can happen ----


def absorbing(task):
    """The same MDP with its last state made absorbing."""
    transition, reward = task.transition.copy(), task.reward.copy()
    transition[-1], reward[-1] = 0, 0
    transition[-1, :, -1] = 1
    return MDP(onp.array([0.7, 0.3, 0.0])[: len(task.initial)], transition, reward)


TASKS = {
    "two states": oracle.random_mdp(21)[0],
    "three states, one of them absorbing": absorbing(oracle.random_mdp(22, num_states=3)[0]),
}
every_task = pytest.mark.parametrize("task", TASKS)


def everything(task, z, horizon):
    """Probability [K] and episodes [K, 1, T] of all that can happen."""
    probs, rows = plain_forms.softmax(z), []
    for states, actions, arrivals, p in oracle.trajectories(task, horizon):
        paid = [task.reward[step] for step in zip(states, actions, arrivals, strict=True)]
        ends = len(task.initial) > 2  # then the last state is absorbing
        alive = [not (ends and s == len(task.initial) - 1) for s in states]
        for step in zip(states, actions, strict=True):
            p = p * probs[step]
        rows.append((p, states, actions, paid, alive))
    p, *data = (onp.array(column) for column in zip(*rows, strict=True))
    assert p.sum() == pytest.approx(1, rel=1e-13)
    return p, Episodes(*(x[:, None] for x in data))


def exact_gradient(task, z, horizon, gamma):
    """Gradient in the logits of the sum over trajectories, by complex steps."""

    def value(z):
        return plain_forms.expected_return(plain_forms.softmax(z), task, horizon, gamma)

    probs = plain_forms.softmax(z)
    assert value(z) == pytest.approx(oracle.expected_return(task, probs, horizon, gamma), rel=1e-12)
    return complex_step(value, z)


def expectation(p, episodes, advantages, z):
    """Mean of the estimator as the learners compute it: table, then gradient."""
    C = advantage_table(episodes, advantages, z.shape)
    stacked = onp.broadcast_to(z, (len(p), *z.shape))
    return onp.tensordot(p, reinforce_gradient(stacked, C), axes=1)


def logits(task, seed=23):
    return onp.random.default_rng(seed).normal(size=task.shape)


@pytest.mark.verifies("objectives.1", "objectives.2", "objectives.3", "returns.1")
@every_task
@pytest.mark.parametrize("constant", [0.0, 0.5, -20.0])
def test_mean_of_the_estimator_is_the_policy_gradient_with_any_constant_baseline(task, constant):
    task = TASKS[task]
    z = logits(task)
    p, episodes = everything(task, z, horizon=3)
    W = returns.discounted_returns(episodes.rewards, 1.0)
    A = W - returns.constant_baseline(constant, W)
    truth = exact_gradient(task, z, horizon=3, gamma=1.0)
    assert abs(truth).max() > 0.01
    assert_allclose(expectation(p, episodes, A, z), truth, atol=1e-13)


@pytest.mark.verifies("objectives.1", "returns.1")
def test_with_a_discount_the_estimator_lacks_gamma_to_the_t_and_with_it_is_exact():
    task, gamma = TASKS["two states"], 0.6
    z = logits(task)
    p, episodes = everything(task, z, horizon=3)
    W = returns.discounted_returns(episodes.rewards, gamma)
    truth = exact_gradient(task, z, horizon=3, gamma=gamma)
    assert_allclose(expectation(p, episodes, gamma ** onp.arange(3) * W, z), truth, atol=1e-13)
    assert abs(expectation(p, episodes, W, z) - truth).max() > 0.01


@pytest.mark.verifies("returns.2", "objectives.2")
@every_task
def test_the_batch_mean_of_n_episodes_shrinks_the_gradient_by_one_nth(task):
    task = TASKS[task]
    z, horizon = logits(task), 2
    p, one = everything(task, z, horizon)
    first, second = (i.ravel() for i in onp.indices((len(p), len(p))))
    pairs = map_fields(lambda x: onp.concatenate([x[first], x[second]], axis=1), one)
    W = returns.discounted_returns(pairs.rewards, 1.0)
    mean = expectation(p[first] * p[second], pairs, W - returns.batch_mean_baseline(W), z)
    truth = exact_gradient(task, z, horizon, gamma=1.0)
    assert_allclose(mean, truth / 2, atol=1e-13)
    assert_allclose(expectation(p, one, 0 * W[: len(p), :1], z), 0, atol=0)


# ---- eqs. (5), (6): the expected return and its derivatives ----


@pytest.mark.verifies("objectives.5")
@every_task
@pytest.mark.parametrize(("horizon", "gamma"), [(1, 1.0), (3, 1.0), (3, 0.6)])
def test_eq5_is_the_gradient_of_the_sum_over_all_trajectories(task, horizon, gamma):
    task = TASKS[task]
    z = logits(task)
    problem = prepared_mdps.prepare(task, horizon, gamma)
    truth = exact_gradient(task, z, horizon, gamma)
    value = oracle.expected_return(task, plain_forms.softmax(z), horizon, gamma)
    assert expected_return(z, problem) == pytest.approx(value, rel=1e-12)
    assert_allclose(expected_return_gradient(z, problem), truth, atol=1e-13)
    assert_allclose(grad(lambda z: expected_return(z, problem))(z), truth, atol=1e-13)


@pytest.mark.verifies("objectives.5", "objectives.6")
@every_task
@pytest.mark.parametrize(("horizon", "gamma"), [(1, 1.0), (3, 0.6), (None, 0.5)])
def test_eq6_is_the_second_derivative_by_plain_tracing_and_by_differences(task, horizon, gamma):
    task = TASKS[task]
    z, v, w = logits(task), logits(task, 24), logits(task, 25)
    problem, num_steps = prepared_mdps.prepare(task, horizon, gamma), horizon or 60

    def plain(z):
        return plain_forms.expected_return(plain_forms.softmax(z), task, num_steps, gamma)

    assert_allclose(expected_return_gradient(z, problem), complex_step(plain, z), atol=1e-13)
    product = expected_return_hessian_product(z, v, problem)
    assert_allclose(product, grad(lambda z: np.sum(grad(plain)(z) * v))(z), atol=1e-13)
    differences = plain_forms.derivative_along(
        lambda x: {"z": complex_step(plain, x["z"])}, {"z": z}, {"z": v}
    )
    assert abs(product).max() > 1e-3
    assert_allclose(product, differences["z"], atol=1e-10)
    traced = grad(lambda z: np.sum(expected_return_gradient(z, problem) * v))(z)
    assert_allclose(traced, product, atol=1e-13)
    symmetric = onp.sum(w * product) - onp.sum(v * expected_return_hessian_product(z, w, problem))
    assert symmetric == pytest.approx(0, abs=1e-13)


@pytest.mark.verifies("objectives.3", "objectives.4", "objectives.5", "objectives.6")
@pytest.mark.parametrize("kind", ["exact", "sampled"])
def test_the_logits_of_a_state_can_be_shifted_so_gradients_sum_to_zero(kind):
    if kind == "exact":
        J = objectives.expected_return_objective(oracle.random_batch(26, 2)[0], horizon=3)
    else:
        _, episodes, advantages = drawn(26, (2,), 3, 4, 2, 2)
        J = objectives.reinforce_objective(advantage_table(episodes, advantages, (2, 2)))
    z, v, shift = (drawn(seed, (2,), 1, 1, 2, 2)[0] for seed in (27, 28, 29))
    shift = shift[..., :1] + onp.zeros(2)
    assert_allclose(J.gradient(z).sum(-1), 0, atol=1e-14)
    assert_allclose(J.gradient(z + shift), J.gradient(z), atol=1e-13)
    assert_allclose(J.hessian_product(z, v).sum(-1), 0, atol=1e-14)
    assert_allclose(J.hessian_product(z, shift), 0, atol=1e-13)
    assert abs(J.hessian_product(z, v)).max() > 0.01


# ---- objectives as values ----


@pytest.mark.verifies("objectives.5", "objectives.6")
@pytest.mark.parametrize("horizon", [1, 2, 3])
def test_a_batch_of_tasks_is_its_tasks_one_at_a_time_also_with_shared_logits(horizon):
    batch, _, singles = oracle.random_batch(30, num_tasks=3)
    J = objectives.expected_return_objective(batch, horizon, gamma=0.9)
    assert J.num_tasks == 3
    # When T is 1, the objective uses formulas of its own. The functions of one task never do.
    z, v = drawn(31, (3,), 1, 1, 2, 2)[0], drawn(32, (3,), 1, 1, 2, 2)[0]
    derivatives = J.derivatives_at(plain_forms.softmax(z))
    assert_allclose(derivatives.gradient, J.gradient(z), atol=1e-14)
    for m, (task, _) in enumerate(singles):
        problem = prepared_mdps.prepare(task, horizon, 0.9)
        assert_allclose(J.value(z)[m], expected_return(z[m], problem), rtol=1e-13)
        assert_allclose(J.gradient(z)[m], expected_return_gradient(z[m], problem), atol=1e-14)
        alone = expected_return_hessian_product(z[m], v[m], problem)
        assert_allclose(J.hessian_product(z, v)[m], alone, atol=1e-14)
        assert_allclose(J.gradient(z[0])[m], expected_return_gradient(z[0], problem), atol=1e-14)
        alone = expected_return_hessian_product(z[0], v[m], problem)
        assert_allclose(J.hessian_product(z[0], v)[m], alone, atol=1e-14)


@pytest.mark.verifies("objectives.2", "objectives.3", "objectives.4")
def test_the_surrogate_of_a_batch_takes_shared_logits():
    z, episodes, advantages = drawn(33, (3,), 2, 3, 2, 4)
    C, v = advantage_table(episodes, advantages, (2, 4)), drawn(34, (3,), 1, 1, 2, 4)[0]
    J = objectives.reinforce_objective(C)
    assert J.num_tasks == 3
    repeated = onp.stack([z[0]] * 3)
    assert_allclose(J.value(z[0]), J.value(repeated), rtol=1e-14)
    assert_allclose(J.gradient(z[0]), J.gradient(repeated), atol=1e-15)
    assert_allclose(J.hessian_product(z[0], v), J.hessian_product(repeated, v), atol=1e-15)
    assert objectives.reinforce_objective(onp.ones((1, 1, 1))).shape == (1, 1)
    traced = grad(lambda z: np.sum(J.value(z)))(z[0])
    assert_allclose(traced, J.gradient(repeated).sum(0), atol=1e-14)


# ---- errors ----


def refusals():
    task, _ = oracle.random_mdp(40)
    batch, _, _ = oracle.random_batch(41, 3)
    z, episodes, advantages = drawn(42, (3,), 2, 4, 2, 2)
    axes = "logits and tables must have the leading axes of the episodes, (3,), got"
    shape = "advantages must have the shape of the episodes, (3, 2, 4), got"
    return {
        "one task": (
            lambda: objectives.expected_return_objective(task, horizon=2),
            "tasks must have one leading axis [M], got ()",
        ),
        "gamma": (
            lambda: objectives.expected_return_objective(batch, horizon=2, gamma=1.5),
            "gamma must be finite, from 0 to 1, got 1.5",
        ),
        "endless without discount": (
            lambda: objectives.expected_return_objective(batch, horizon=None),
            "gamma must be below 1 where the horizon is infinite, got 1.0",
        ),
        "horizon": (
            lambda: objectives.expected_return_objective(batch, horizon=0),
            "horizon must be at least 1, got 0",
        ),
        "no tasks": (
            lambda: objectives.reinforce_objective(onp.zeros((0, 2, 2))),
            "C must have shape [..., M, S, A], got (0, 2, 2)",
        ),
        "shared logits": (lambda: reinforce_per_step(z[0], episodes, advantages), f"{axes} ()"),
        "a population": (
            lambda: reinforce_per_step(onp.stack([z, z]), episodes, advantages),
            f"{axes} (2, 3)",
        ),
        "advantages of fewer steps": (
            lambda: advantage_table(episodes, advantages[..., :3], (2, 2)),
            f"{shape} (3, 2, 3)",
        ),
        "advantages of one task": (
            lambda: advantage_table(episodes, advantages[0], (2, 2)),
            f"{shape} (2, 4)",
        ),
    }


@pytest.mark.parametrize("what", refusals())
def test_what_does_not_fit_is_refused_with_the_rule_and_the_value(what):
    call, message = refusals()[what]
    with pytest.raises(ValueError, match="must") as error:
        call()
    assert str(error.value) == message


def test_a_table_without_the_state_that_was_visited_is_refused():
    visited = Episodes(*(onp.array([[[x]]]) for x in (1, 0, 1.0, True)))
    message = "states of the episodes must be below 1, the rows of the table, got 1"
    with pytest.raises(ValueError, match=message):
        objectives.at_visits(onp.zeros((1, 1, 2)), visited)
