"""Networks, eqs. (1)-(3), and the derivatives of every policy in its parameters."""

import pickle
from functools import partial

import autograd.numpy as np
import numpy as onp
import plain_forms
import pytest
from autograd import grad
from comparing import rng
from numpy.testing import assert_allclose

from metarl_min.basics import trees
from metarl_min.basics.checks import complex_step
from metarl_min.gradients import objectives
from metarl_min.mdps.episodes import map_fields
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.networks import mlp, parse
from metarl_min.mdps.policies import Derivatives, Policy, softmax, tabular
from metarl_min.mdps.rollouts import Episodes

M, S, A, H = 2, 3, 4, 5


def draw(seed, *shape):
    return rng(seed).normal(size=shape)


# ---- the logits of a network, and its initial parameters ----


@pytest.mark.verifies("networks.1")
def test_eq1_row_s_of_the_first_weights_is_the_answer_to_state_s():
    params = {
        "W1": onp.array([[0.5], [-1.0]]),
        "b1": onp.array([0.25]),
        "W2": onp.array([[2.0, -4.0]]),
        "b2": onp.array([1.0, 0.0]),
    }
    hidden = onp.tanh([0.75, -0.75])
    truth = [[2 * hidden[0] + 1, -4 * hidden[0]], [2 * hidden[1] + 1, -4 * hidden[1]]]
    assert_allclose(mlp(1).logits(params), truth, rtol=1e-15)


@pytest.mark.verifies("networks.1")
def test_leading_axes_of_the_parameters_become_those_of_the_logits():
    params = trees.map_leaves(abs, parameters(mlp(H), 11, leading=(2, 3)))
    logits = mlp(H).logits(params)  # sums of positive terms: no digits cancel on any processor
    for index in onp.ndindex(2, 3):
        one = trees.map_leaves(lambda x, index=index: x[index], params)
        assert_allclose(logits[index], plain_forms.network_logits(one), rtol=1e-13)


def test_policies_start_uniform_or_nearly_so_and_depend_on_the_generator_alone():
    assert_allclose(tabular.init(rng(), S, A)["logits"], onp.zeros((S, A)), atol=0)
    params = mlp(H).init(rng(8), S, A)
    shapes = {"W1": (S, H), "b1": (H,), "W2": (H, A), "b2": (A,)}
    assert trees.map_leaves(onp.shape, params) == shapes
    assert not params["b1"].any() and not params["b2"].any()
    assert_allclose(softmax(mlp(H).logits(params)), 1 / A, atol=0.02)
    assert onp.ptp(mlp(H).logits(params), axis=-1).min() > 0
    again, other = mlp(H).init(rng(8), S, A), mlp(H).init(rng(9), S, A)
    assert all((params[name] == again[name]).all() for name in params)
    assert (params["W1"] != other["W1"]).all()


def test_hidden_units_of_a_new_network_tell_the_states_apart_and_its_logits_do_not_grow():
    for hidden in (16, 4096):
        params = mlp(hidden).init(rng(10), 50, 20)
        assert abs(params["W1"].std() - 1) < 0.1
        assert 0.004 < mlp(hidden).logits(params).std() < 0.01


def parameters(policy, seed, leading=()):
    one = policy.init(rng(), S, A)
    return {name: draw([seed, i], *leading, *x.shape) for i, (name, x) in enumerate(one.items())}


def tasks(num_tasks):
    generator = rng(12)
    initial = generator.dirichlet(onp.ones(S), size=num_tasks)
    transition = generator.dirichlet(onp.ones(S), size=(num_tasks, S, A))
    return MDP(initial, transition, generator.normal(size=(num_tasks, S, A, S)))


def exact(horizon, gamma, num_steps):
    """The expected return of M tasks, and that of task m written plainly."""
    batch = tasks(M)

    def plain(m, probs):
        task = MDP(*(x[m] for x in batch))
        return plain_forms.expected_return(probs, task, num_steps, gamma)

    return objectives.expected_return_objective(batch, horizon, gamma), plain


def sampled():
    generator = rng(13)
    alive = onp.arange(4) < generator.integers(1, 5, size=(M, 3, 1))
    states, actions = (generator.integers(n, size=alive.shape) for n in (S, A))
    episodes = Episodes(states, actions, onp.zeros(alive.shape), alive)
    advantages = generator.normal(size=alive.shape)

    def plain(m, probs):
        return plain_forms.surrogate(probs, map_fields(lambda x: x[m], episodes), advantages[m])

    return objectives.reinforce_objective(
        objectives.advantage_table(episodes, advantages, (S, A))
    ), plain


OBJECTIVES = {
    "exact": lambda: exact(horizon=3, gamma=0.9, num_steps=3),
    "exact, one step": lambda: exact(horizon=1, gamma=1.0, num_steps=1),
    "exact, endless": lambda: exact(horizon=None, gamma=0.5, num_steps=60),
    "sampled": sampled,
}
POLICIES = {
    "table": (tabular, lambda params: params["logits"]),
    "network": (mlp(H), plain_forms.network_logits),
}
every_objective = pytest.mark.parametrize("objective", OBJECTIVES)
every_policy = pytest.mark.parametrize("policy", POLICIES)
shared_or_not = pytest.mark.parametrize("shared", [True, False], ids=["shared", "per task"])


def of_task(tree, m, shared):
    return tree if shared else trees.map_leaves(lambda x: x[m], tree)


def plain_functions(policy, plain, params, shared):
    """Return, for each task, its parameters and the objective written plainly."""
    logits = POLICIES[policy][1]

    def function(m, p):
        return plain(m, plain_forms.softmax(logits(p)))

    return [(of_task(params, m, shared), lambda p, m=m: function(m, p)) for m in range(M)]


def assert_trees_close(tree, m, truth, atol):
    """Compare task m of a tree; a truth of zeros would show nothing."""
    assert set(tree) == set(truth)
    for name, leaf in truth.items():
        assert abs(leaf).max() > 1e-4
        assert_allclose(tree[name][m], leaf, atol=atol, rtol=0, err_msg=name)


@pytest.mark.verifies("networks.2")
@every_objective
@every_policy
@shared_or_not
def test_pullback_gives_every_coordinate_of_the_gradient_of_each_task(objective, policy, shared):
    J, plain = OBJECTIVES[objective]()
    ours = POLICIES[policy][0]
    params = parameters(ours, 14, () if shared else (M,))
    z = ours.logits(params)
    gradient = ours.pullback(params, J.gradient(z))
    values = onp.broadcast_to(J.value(z), M)
    for m, (one, function) in enumerate(plain_functions(policy, plain, params, shared)):
        assert values[m] == pytest.approx(function(one), rel=1e-12)
        assert_trees_close(gradient, m, complex_step(function, one), atol=1e-13)
    total = trees.sum_tasks(gradient) if shared else gradient
    traced = grad(lambda p: np.sum(J.value(ours.logits(p)) * onp.ones(M)))(params)
    for name in params:
        assert_allclose(traced[name], total[name], atol=1e-13, err_msg=name)


def product_of(policy, J, params, v):
    """The Hessian of an objective in the parameters of a policy, times v."""
    z, hidden = policy.forward(params)
    derivatives = Derivatives(J.gradient(z), partial(J.hessian_product, z))
    return policy.hessian_product(params, hidden, v, derivatives, 0.0)


@pytest.mark.verifies("networks.3")
@every_objective
@every_policy
@shared_or_not
def test_hessian_product_is_that_of_plain_double_tracing_and_of_differences(
    objective, policy, shared
):
    J, plain = OBJECTIVES[objective]()
    ours = POLICIES[policy][0]
    leading = () if shared else (M,)
    params, v = parameters(ours, 15, leading), parameters(ours, 16, leading)
    product = product_of(ours, J, params, v)
    for m, (one, function) in enumerate(plain_functions(policy, plain, params, shared)):
        along = of_task(v, m, shared)
        traced = grad(lambda p, f=function, v=along: trees.dot(grad(f)(p), v))(one)
        assert_trees_close(product, m, traced, atol=1e-13)
        differences = plain_forms.derivative_along(
            lambda p, f=function: complex_step(f, p), one, along
        )
        assert_trees_close(product, m, differences, atol=1e-9)


@pytest.mark.verifies("networks.3")
@every_policy
def test_shared_parameters_take_one_direction_per_task(policy):
    J, _ = sampled()
    ours = POLICIES[policy][0]
    params, v = parameters(ours, 17), parameters(ours, 18, (M,))
    together = product_of(ours, J, params, v)
    for m in range(M):
        one = of_task(v, m, False)
        alone = product_of(ours, J, params, one)
        for name in params:
            assert together[name].shape == (M, *params[name].shape)
            assert_allclose(together[name][m], alone[name][m], rtol=1e-12, atol=1e-14)


@every_policy
@shared_or_not
def test_a_hessian_product_adds_the_gradient_of_another_function(policy, shared):
    J, _ = sampled()
    ours = POLICIES[policy][0]
    params, v = parameters(ours, 21, () if shared else (M,)), parameters(ours, 22, (M,))
    z, hidden = ours.forward(params)
    derivatives = Derivatives(J.gradient(z), partial(J.hessian_product, z))
    w = draw(23, M, S, A)
    together = ours.hessian_product(params, hidden, v, derivatives, w)
    parts = product_of(ours, J, params, v), ours.backward(params, hidden, w)
    for name in params:
        assert_allclose(together[name], parts[0][name] + parts[1][name], atol=1e-13)


@pytest.mark.verifies("networks.2", "networks.3")
@every_policy
def test_the_formulas_can_be_traced_once_more(policy):
    J, _ = exact(horizon=2, gamma=1.0, num_steps=2)
    ours = POLICIES[policy][0]
    params, v = parameters(ours, 19, (M,)), parameters(ours, 20, (M,))

    def slope(p):
        return trees.dot(ours.pullback(p, J.gradient(ours.logits(p))), v)

    traced = grad(slope)(params)
    product = product_of(ours, J, params, v)
    for name in params:
        assert abs(product[name]).max() > 1e-4
        assert_allclose(traced[name], product[name], atol=1e-13)


# ---- names and errors ----


def test_policies_are_read_from_words_and_keep_a_word_that_reads_back():
    assert parse("table") is tabular and tabular.word == "table"
    assert parse("network").init(rng(), S, A)["W1"].shape == (S, 64)
    assert parse("network:7").init(rng(), S, A)["W1"].shape == (S, 7)
    assert [parse("network").word, mlp(7).word] == ["network:64", "network:7"]


def test_policies_travel_between_processes():
    for policy in (tabular, mlp(4)):
        params = policy.init(rng(), S, A)
        copy = pickle.loads(pickle.dumps(policy))
        assert isinstance(copy, Policy)
        assert_allclose(copy.logits(params), policy.logits(params), atol=0)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Table",
        "table:3",
        "table:",
        "mlp",
        "network:",
        "network:x",
        "network:-1",
        "network:\u00b2",
    ],
)
def test_an_unknown_policy_is_refused_with_the_known_ones_and_the_word(name):
    with pytest.raises(ValueError, match="policy must be table, network or network:H") as error:
        parse(name)
    assert str(error.value).endswith(f"with H hidden units, got {name!r}")


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: parse("network:0"), ValueError, "hidden must be at least 1, got 0"),
        (lambda: mlp(-2), ValueError, "hidden must be at least 1, got -2"),
        (lambda: mlp(3.0), TypeError, "hidden must be a whole number, got 3.0"),
        (lambda: mlp(True), TypeError, "hidden must be a whole number, got True"),
    ],
)
def test_a_network_needs_a_whole_number_of_hidden_units(make, kind, text):
    with pytest.raises(kind) as error:
        make()
    assert str(error.value) == text


@pytest.mark.parametrize("word", ["network:\u0663", "network:+5", "network: 5", "network:1_0"])
def test_hidden_units_are_written_in_digits(word):
    with pytest.raises(ValueError, match="policy must be table, network or network:H"):
        parse(word)


def test_a_word_of_a_policy_is_a_short_text():
    with pytest.raises(ValueError, match=r"got 'network:1{191}\.\. \(5,010 characters\)$"):
        parse("network:" + "1" * 5000)
    with pytest.raises(TypeError, match="policy must be of type str, got NoneType"):
        parse(None)


def test_the_word_of_a_network_is_written_with_a_python_number():
    assert mlp(onp.int8(100)).word == "network:100"
    assert mlp(onp.int8(100)).init(rng(), S, A)["W1"].shape == (S, 100)


@pytest.mark.parametrize("wrong", [None, 0, onp.random, onp.random.RandomState(0)])
@every_policy
def test_a_policy_starts_with_a_generator(policy, wrong):
    with pytest.raises(TypeError, match="rng must be a Generator"):
        POLICIES[policy][0].init(wrong, S, A)


@every_policy
def test_a_policy_starts_with_whole_numbers_of_states_and_actions(policy):
    init = POLICIES[policy][0].init
    for num_states, num_actions in ((0, A), (S, 0)):
        with pytest.raises(ValueError, match="must be at least 1, got 0"):
            init(rng(), num_states, num_actions)
    with pytest.raises(TypeError, match=r"must be a whole number, got 2\.0"):
        init(rng(), 2.0, A)
