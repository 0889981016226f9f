"""adaptation (1)-(6): against MAML written by hand and differentiated by complex steps."""

import adaptation_by_hand as by_hand
import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad

from metarl_min.basics import trees
from metarl_min.gradients import adaptation, objectives
from metarl_min.mdps import mdp, networks, policies
from metarl_min.tasks.bandits import bandit
from metarl_min.tasks.gridworlds import gridworld

WAYS = [
    adaptation.meta_gradient,
    adaptation.meta_gradient_reverse_over_reverse,
    adaptation.meta_gradient_by_hessian_products,
]
FAMILIES = {
    "bandit": bandit(arms=3, prior=((1.0, 1.0), (2.0, 1.0), (1.0, 3.0))),
    "gridworld": gridworld(size=2, start=0, horizon=2),
    "slippery, ending at the goal": gridworld(size=2, start=0, horizon=2, slip=0.3, terminate=1),
}
POLICIES = {"table": policies.tabular, "network": networks.mlp(3)}


def problem(family, policy, num_tasks=3, seed=0):
    rng = np.random.default_rng(seed)
    batch = family.sample(rng, num_tasks)
    theta = policy.init(rng, *batch.shape)
    theta = trees.map_leaves(lambda x: x + 0.5 * rng.standard_normal(x.shape), theta)
    return batch, theta, objectives.expected_return_objective(batch, family.horizon)


def paths_of(batch, horizon):
    return [list(by_hand.trajectories(single(batch, m), horizon)) for m in range(batch.leading[0])]


def single(batch, m):
    return mdp.MDP(*(x[min(m, len(x) - 1)] for x in batch))


@pytest.mark.verifies("adaptation.1")
@pytest.mark.verifies("adaptation.3")
@pytest.mark.verifies("adaptation.5")
@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("family", FAMILIES)
def test_three_ways_to_the_meta_gradient_are_that_of_the_enumerated_objective(
    family, policy, alpha
):
    steps = range(3 if family.startswith("slippery") else 4) if alpha else (0, 2)
    family, policy = FAMILIES[family], POLICIES[policy]
    batch, theta, J = problem(family, policy, num_tasks=2)
    paths = paths_of(batch, family.horizon)
    for num_steps in steps:
        value = by_hand.adapted_return(theta, paths, alpha, num_steps)
        assert adaptation.adapted_return(policy, theta, alpha, num_steps, J) == pytest.approx(
            np.real(value), rel=1e-12
        )
        truth = by_hand.complex_step(
            lambda t, K=num_steps: by_hand.adapted_return(t, paths, alpha, K), theta
        )
        for way in WAYS:
            gradient = way(policy, theta, alpha, num_steps, J)
            assert by_hand.relative_error(gradient, truth) < 1e-10


@pytest.mark.verifies("adaptation.4")
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("num_steps", [0, 1, 3])
def test_first_order_is_the_mean_policy_gradient_after_adaptation(policy, num_steps):
    family, policy = FAMILIES["bandit"], POLICIES[policy]
    batch, theta, J = problem(family, policy)
    truth = trees.map_leaves(lambda x: np.zeros(x.shape), theta)
    for paths in paths_of(batch, family.horizon):
        phi = by_hand.adapt(theta, paths, 0.7, num_steps)
        truth = trees.add_scaled(truth, 1 / 3, by_hand.policy_gradient(phi, paths))
    gradient = adaptation.first_order_meta_gradient(policy, theta, 0.7, num_steps, J)
    assert by_hand.relative_error(gradient, trees.map_leaves(np.real, truth)) < 1e-12


@pytest.mark.verifies("adaptation.4")
@pytest.mark.parametrize("num_steps", [0, 1, 3])
def test_a_first_order_adjoint_is_the_sum_of_the_gradients_from_its_iterate_on(num_steps):
    _, theta, J = problem(FAMILIES["bandit"], policies.tabular)
    own = trees.broadcast_to_tasks(theta, J.num_tasks)
    path = adaptation.inner_loop(policies.tabular, own, 0.6, [J] * num_steps)
    found = adaptation.first_order_adjoints(policies.tabular, path, [J] * (num_steps + 1))
    truth = 0.0
    for v, phi in zip(found[::-1], path[::-1], strict=True):
        truth = truth + J.gradient(phi["logits"])
        assert by_hand.relative_error(v, {"logits": truth}) < 1e-14


def test_first_and_second_order_agree_without_steps_and_differ_with_one():
    family, policy = FAMILIES["gridworld"], policies.tabular
    _, theta, J = problem(family, policy)
    for num_steps, low, high in ((0, 0.0, 1e-14), (1, 1e-2, np.inf)):
        first = adaptation.first_order_meta_gradient(policy, theta, 1.0, num_steps, J)
        second = adaptation.meta_gradient_by_hessian_products(policy, theta, 1.0, num_steps, J)
        assert low <= by_hand.relative_error(first, second) <= high


def chain(policy, path, alpha, inner, outer):
    v = adaptation.adjoints(policy, path, alpha, inner, outer)
    return trees.sum_tasks(v[0], path[0])


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("num_steps", [0, 2])
def test_the_first_adjoint_is_summed_over_the_tasks_only_if_they_share_theta(policy, num_steps):
    policy = POLICIES[policy]
    _, theta, J = problem(FAMILIES["gridworld"], policy)
    own = trees.broadcast_to_tasks(theta, J.num_tasks)
    outer = [J] * (num_steps + 1)
    shared, each = (
        adaptation.adjoints(
            policy, adaptation.inner_loop(policy, start, 0.6, outer[1:]), 0.6, outer[1:], outer
        )
        for start in (theta, own)
    )
    for name, leaf in theta.items():
        assert shared[0][name].shape == leaf.shape and each[0][name].shape == own[name].shape
    assert by_hand.relative_error(shared[0], trees.sum_tasks(each[0])) < 1e-14
    nothing = adaptation.adjoints(policy, [theta], 0.6, [], [None])
    assert all(not leaf.any() for leaf in nothing[0].values())


@pytest.mark.verifies("adaptation.2")
@pytest.mark.parametrize("policy", POLICIES)
def test_chain_differentiates_a_sum_of_objectives_at_every_iterate(policy):
    policy, rng = POLICIES[policy], np.random.default_rng(1)
    M, S, A, K = 4, 2, 3, 3
    theta = trees.map_leaves(
        lambda x: x + 0.5 * rng.standard_normal(x.shape), policy.init(rng, S, A)
    )
    inner = [objectives.reinforce_objective(rng.standard_normal((M, S, A))) for _ in range(K)]
    outer = [objectives.reinforce_objective(rng.standard_normal((M, S, A))) for _ in range(K + 1)]

    def total(theta):
        path = adaptation.inner_loop(policy, theta, 0.8, inner)
        values = [L.value(policy.logits(phi)).sum() for L, phi in zip(outer, path, strict=True)]
        return sum(values)

    path = adaptation.inner_loop(policy, theta, 0.8, inner)
    gradient = chain(policy, path, 0.8, inner, outer)
    assert by_hand.relative_error(gradient, grad(total)(theta)) < 1e-12

    some = [outer[0], None, outer[2], None]
    with_zeros = [L or objectives.reinforce_objective(np.zeros((M, S, A))) for L in some]
    assert (
        by_hand.relative_error(
            chain(policy, path, 0.8, inner, some),
            chain(policy, path, 0.8, inner, with_zeros),
        )
        < 1e-14
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_a_batch_of_tasks_is_the_mean_of_one_task_at_a_time(policy):
    family, policy = FAMILIES["slippery, ending at the goal"], POLICIES[policy]
    batch, theta, J = problem(family, policy)
    one_by_one = [
        adaptation.meta_gradient_by_hessian_products(
            policy,
            theta,
            0.9,
            2,
            objectives.expected_return_objective(mdp.take_tasks(batch, [m]), family.horizon),
        )
        for m in range(3)
    ]
    mean = trees.map_leaves(lambda *x: np.mean(x, axis=0), *one_by_one)
    for way in WAYS:
        assert by_hand.relative_error(way(policy, theta, 0.9, 2, J), mean) < 1e-12


def test_the_gradient_in_the_step_size_comes_from_the_same_trace():
    family, policy = FAMILIES["bandit"], policies.tabular
    _, theta, J = problem(family, policy)
    derivative = grad(lambda alpha: adaptation.adapted_return(policy, theta, alpha, 2, J))(0.6)
    h = 1e-5
    values = [adaptation.adapted_return(policy, theta, 0.6 + d, 2, J) for d in (h, -h)]
    assert derivative == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-8)


@pytest.mark.verifies("adaptation.6")
@pytest.mark.parametrize("policy", POLICIES)
def test_step_sizes_of_their_own_have_the_traced_gradient_and_so_has_theta(policy):
    policy, rng = POLICIES[policy], np.random.default_rng(2)
    _, theta, J = problem(FAMILIES["slippery, ending at the goal"], policy)
    alpha = trees.map_leaves(lambda x: rng.uniform(0.2, 1.5, x.shape), theta)
    inner, outer = [J] * 3, [None, J, None, J]

    def total(theta, alpha):
        path = adaptation.inner_loop(policy, theta, alpha, inner)
        return sum(anp.sum(J.value(policy.logits(path[k]))) for k in (1, 3))

    path = adaptation.inner_loop(policy, theta, alpha, inner)
    v = adaptation.adjoints(policy, path, alpha, inner, outer)
    in_theta = trees.sum_tasks(v[0], theta)
    assert by_hand.relative_error(in_theta, grad(total, 0)(theta, alpha)) < 1e-12
    in_alpha = adaptation.alpha_gradient(policy, path, inner, v)
    assert by_hand.relative_error(in_alpha, grad(total, 1)(theta, alpha)) < 1e-12


@pytest.mark.verifies("adaptation.6")
def test_first_order_keeps_the_derivative_in_the_step_size():
    """With one step the adjoints of the two orders meet the step size alike."""
    _, theta, J = problem(FAMILIES["bandit"], policies.tabular)
    path = adaptation.inner_loop(policies.tabular, theta, 0.6, [J])
    outer = [None, J]
    second = adaptation.adjoints(policies.tabular, path, 0.6, [J], outer)
    first = adaptation.first_order_adjoints(policies.tabular, path, outer)
    found = [adaptation.alpha_gradient(policies.tabular, path, [J], v) for v in (first, second)]
    assert by_hand.relative_error(*found) < 1e-14
    total = grad(lambda a: 3 * adaptation.adapted_return(policies.tabular, theta, a, 1, J))(0.6)
    assert found[0]["logits"].sum() == pytest.approx(total, rel=1e-12)


def test_infinite_horizon_is_the_limit_of_long_horizons():
    family = gridworld(size=3, start=0)
    batch, theta, _ = problem(family, policies.tabular)
    infinite = objectives.expected_return_objective(batch, None, 0.8)
    long = objectives.expected_return_objective(batch, 200, 0.8)
    for way in WAYS:
        limit = way(policies.tabular, theta, 1.0, 2, infinite)
        assert by_hand.relative_error(way(policies.tabular, theta, 1.0, 2, long), limit) < 1e-12


EDGES = [*WAYS, adaptation.first_order_meta_gradient, adaptation.adapted_return]
SHAPES = r"must have the names and shapes \{'logits': \(1, 3\)\}, got"


@pytest.mark.parametrize("way", EDGES)
@pytest.mark.parametrize(
    ("theta", "alpha", "num_steps", "error", "message"),
    [
        ({"logits": np.zeros((1, 3))}, np.nan, 1, ValueError, "alpha must be finite, .* got nan"),
        ({"logits": np.zeros((1, 3))}, -4.0, 1, ValueError, "alpha must be finite, from 0 to inf,"),
        ({"logits": np.zeros((1, 3))}, True, 1, TypeError, "alpha must be a real number, got True"),
        ({"logits": np.zeros((1, 3))}, 0.1, True, TypeError, "num_steps must be a whole number"),
        ({"logits": np.zeros((1, 3))}, "1", 1, TypeError, "alpha must be a real number, got '1'"),
        ({"logits": np.zeros((1, 3))}, 0.1, -1, ValueError, "num_steps must be at least 0, got -1"),
        ({"logits": np.zeros((1, 3))}, 0.1, 1.5, TypeError, "whole number, got 1.5"),
        ({"logits": np.zeros((1, 3), int)}, 0.1, 1, TypeError, "array of floats, got int"),
        ({"logits": np.full((1, 3), np.inf)}, 0.1, 1, ValueError, "must be finite, got"),
        (np.zeros((1, 3)), 0.1, 1, TypeError, "non-empty dict of float arrays"),
        ({"logits": np.zeros((1, 2))}, 0.1, 1, ValueError, f"theta {SHAPES}"),
        ({"logits": np.zeros((5, 1, 3))}, 0.1, 1, ValueError, f"theta {SHAPES}"),
        ({"Logits": np.zeros((1, 3))}, 0.1, 1, ValueError, f"theta {SHAPES}"),
        ({"logits": np.zeros((1, 3)), "b": np.zeros(1)}, 0.1, 1, ValueError, f"theta {SHAPES}"),
        (
            {"logits": np.zeros((1, 3))},
            {"logits": np.ones((1, 1))},
            1,
            ValueError,
            f"alpha {SHAPES}",
        ),
        ({"logits": np.zeros((1, 3))}, {"z": np.ones((1, 3))}, 1, ValueError, f"alpha {SHAPES}"),
        (
            {"logits": np.zeros((1, 3))},
            {"logits": np.full((1, 3), np.nan)},
            1,
            ValueError,
            "must be finite",
        ),
    ],
)
def test_what_is_not_a_problem_is_refused(way, theta, alpha, num_steps, error, message):
    _, _, J = problem(FAMILIES["bandit"], policies.tabular)
    with pytest.raises(error, match=message):
        way(policies.tabular, theta, alpha, num_steps, J)


@pytest.mark.parametrize("way", EDGES)
def test_each_task_may_have_parameters_of_its_own(way):
    _, theta, J = problem(FAMILIES["bandit"], policies.tabular)
    one = way(policies.tabular, theta, 0.7, 1, J)
    each = way(policies.tabular, {"logits": np.stack([theta["logits"]] * 3)}, 0.7, 1, J)
    if isinstance(one, dict):
        np.testing.assert_allclose(each["logits"].sum(0), one["logits"], atol=1e-14)
    else:
        assert each == pytest.approx(one, abs=1e-14)


@pytest.mark.parametrize("way", EDGES)
def test_a_policy_is_a_policy_and_an_objective_an_objective(way):
    batch, theta, J = problem(FAMILIES["bandit"], policies.tabular)
    for policy in (None, "table", policies):
        with pytest.raises(TypeError, match="policy must be of type Policy, got"):
            way(policy, theta, 0.1, 1, J)
    for other in (None, batch, J.value):
        with pytest.raises(TypeError, match="J must be of type Objective, got"):
            way(policies.tabular, theta, 0.1, 1, other)


def test_the_names_of_step_sizes_are_those_of_the_parameters_in_a_single_step_too():
    _, theta, J = problem(FAMILIES["bandit"], policies.tabular)
    wrong = {"z": np.ones((1, 3))}, {"logits": np.ones((1, 3)), "z": np.ones(1)}
    for alpha in (*wrong, {"logits": np.ones((1, 1))}, {"logits": np.ones(3)}):
        with pytest.raises(ValueError, match=f"alpha {SHAPES}"):
            adaptation.inner_loop(policies.tabular, theta, alpha, [J])
        with pytest.raises(ValueError, match=f"alpha {SHAPES}"):
            adaptation.inner_loop(policies.tabular, theta, alpha, [J, J])
    each = {"logits": np.array([[0.5, 1.0, -2.0]])}
    path = adaptation.inner_loop(policies.tabular, theta, each, [J, J])
    again = adaptation.inner_loop(policies.tabular, path[1], each, [J])[1]
    np.testing.assert_array_equal(again["logits"], path[2]["logits"])


def test_a_table_of_another_size_is_refused():
    task = mdp.MDP(np.ones((1, 2)) / 2, np.full((1, 2, 2, 2), 0.5), np.ones((1, 2, 2, 1)))
    J, theta = objectives.expected_return_objective(task, 1), {"logits": np.zeros((1, 2))}
    for way in (adaptation.meta_gradient_by_hessian_products, adaptation.adapted_return):
        with pytest.raises(ValueError, match=r"names and shapes \{'logits': \(2, 2\)\}, got"):
            way(policies.tabular, theta, 0.5, 1, J)


def test_each_parameter_may_have_its_alpha():
    task = mdp.MDP(
        np.ones((1, 2)) / 2, np.full((1, 2, 2, 2), 0.5), np.arange(4.0).reshape(1, 2, 2, 1)
    )
    J, theta = (
        objectives.expected_return_objective(task, 2),
        {"logits": np.array([[0.1, 0.4], [0.2, -0.3]])},
    )
    alpha = {"logits": np.array([[0.5, 1.0], [0.0, 2.0]])}
    one, other = (
        way(policies.tabular, theta, alpha, 2, J)["logits"]
        for way in (adaptation.meta_gradient_by_hessian_products, adaptation.meta_gradient)
    )
    assert abs(one).max() > 0
    np.testing.assert_allclose(one, other, atol=1e-15)
