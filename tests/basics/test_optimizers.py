"""Optimisers, eqs. (1)-(3), against steps worked out by hand and loops over single numbers."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from metarl_min.basics import optimizers
from metarl_min.basics.optimizers import adam, momentum, sgd

ALL = {"sgd": sgd(0.1), "momentum": momentum(0.05), "adam": adam(0.1)}
every_optimizer = pytest.mark.parametrize("name", ALL)
seeds = st.integers(0, 10**6)


def path(optimizer, theta, gradients):
    """Return the iterates of one number."""
    params, iterates = {"x": np.array([float(theta)])}, []
    state = optimizer.init(params)
    for g in gradients:
        params, state = optimizer.update(params, state, {"x": np.array([float(g)])})
        iterates.append(params["x"][0])
    return iterates


def drawn(seed, dtype=float):
    """A tree of two leaves and three gradients for it."""
    rng = np.random.default_rng(seed)
    shapes = {"w": (2, 3), "b": (3,)}
    trees = [{k: rng.normal(size=s).astype(dtype) for k, s in shapes.items()} for _ in range(4)]
    return trees[0], trees[1:]


def run(optimizer, theta, gradients):
    state = optimizer.init(theta)
    for g in gradients:
        theta, state = optimizer.update(theta, state, g)
    return theta


def by_numbers(one_number, theta, gradients):
    """Run an algorithm for single numbers on every coordinate of a tree."""
    result = {}
    for name, leaf in theta.items():
        result[name] = np.zeros(leaf.shape)
        for i in np.ndindex(leaf.shape):
            result[name][i] = one_number(leaf[i], [g[name][i] for g in gradients])
    return result


def assert_trees_close(tree, truth, rtol=1e-12):
    assert set(tree) == set(truth)
    for name in truth:
        assert_allclose(tree[name], truth[name], rtol=rtol)


# ---- steps by hand ----


@pytest.mark.verifies("optimizers.1")
def test_eq1_sgd_by_hand():
    assert_allclose(path(sgd(0.5), 1.0, [2, -4, 1]), [2.0, 0.0, 0.5], rtol=1e-15, atol=0)


@pytest.mark.verifies("optimizers.2")
def test_eq2_momentum_by_hand():
    # m = 2, then 1 - 4 = -3, then -1.5 + 1 = -0.5
    assert_allclose(path(momentum(0.5, mu=0.5), 1.0, [2, -4, 1]), [2.0, 0.5, 0.25], rtol=1e-15)


@pytest.mark.verifies("optimizers.3")
def test_eq3_adam_by_hand_with_epsilon_outside_the_root():
    # b1 = 3/4: m hat = 5, then (3/4 5 + 1) / (7/4), then (9/16 5 + 3/4 + 3) / (37/16)
    # b2 = 1/2: v hat = 25, then (25 + 2) / 3 = 9, then (25 + 2 + 36) / 7 = 9; eps = 1
    steps = [Fraction(5, 6), Fraction(19, 7) / 4, Fraction(105, 37) / 4]
    truth = [float(10 + sum(steps[: k + 1]) / 2) for k in range(3)]
    assert_allclose(path(adam(0.5, b1=0.75, b2=0.5, eps=1.0), 10, [5, 1, 3]), truth, rtol=1e-15)


# ---- loops over single numbers ----


@pytest.mark.verifies("optimizers.1", "optimizers.2", "optimizers.3")
@given(seeds)
def test_every_coordinate_moves_as_if_it_were_alone(seed):
    theta, gradients = drawn(seed)

    def by_sgd(x, g):
        return x + 0.3 * sum(g)

    def by_momentum(x, g):
        # each gradient counts once in its own step and mu^j times j steps later
        return x + 0.3 * sum(0.8**j * g[k - j] for k in range(len(g)) for j in range(k + 1))

    def by_adam(x, g):
        # weighted means of all gradients so far, the weights normalised to sum to one
        for k in range(1, len(g) + 1):
            first, second = (np.array([b ** (k - i) for i in range(1, k + 1)]) for b in (0.9, 0.99))
            mean = np.average(g[:k], weights=first)
            square = np.average(np.square(g[:k]), weights=second)
            x = x + 0.3 * mean / (np.sqrt(square) + 1e-3)
        return x

    given_settings = (
        (sgd(0.3), by_sgd),
        (momentum(0.3, mu=0.8), by_momentum),
        (adam(0.3, b1=0.9, b2=0.99, eps=1e-3), by_adam),
    )
    for optimizer, one_number in given_settings:
        truth = by_numbers(one_number, theta, gradients)
        assert_trees_close(run(optimizer, theta, gradients), truth, rtol=1e-10)


@pytest.mark.verifies("optimizers.2")
def test_momentum_without_memory_is_sgd_and_with_it_approaches_g_over_one_minus_mu():
    gradients = [1.0, -2.0, 0.5]
    assert_allclose(path(momentum(0.1, mu=0.0), 0, gradients), path(sgd(0.1), 0, gradients))
    iterates = path(momentum(0.1), 0, [1.0] * 400)
    assert iterates[-1] - iterates[-2] == pytest.approx(0.1 / (1 - 0.9), rel=1e-9)


@pytest.mark.verifies("optimizers.3")
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_constant_gradients_of_any_scale_move_adam_by_beta_from_the_first_step_on(scale):
    iterates = path(adam(0.01), 0, [-scale] * 5)
    assert_allclose(iterates, -0.01 * np.arange(1, 6), rtol=2e-5)


@pytest.mark.verifies("optimizers.3")
def test_adam_has_the_defaults_of_the_paper():
    gradients = [3.0, -1.0, 0.5]
    written = adam(0.1, b1=0.9, b2=0.999, eps=1e-8)
    assert path(adam(0.1), 0, gradients) == path(written, 0, gradients)
    assert_allclose(path(adam(1.0), 0, [1e-8]), [0.5], rtol=1e-12)  # g / (|g| + eps)


# ---- relations that hold for all ----


@pytest.mark.verifies("optimizers.1", "optimizers.2", "optimizers.3")
@every_optimizer
def test_all_of_them_climb_to_the_maximum(name):
    top = {"a": np.array([1.0, -2.0]), "b": np.array([[0.5]])}
    theta = {"a": np.zeros(2), "b": np.zeros((1, 1))}
    state, heights = ALL[name].init(theta), []
    for _ in range(500):
        gradient = {k: top[k] - theta[k] for k in theta}
        theta, state = ALL[name].update(theta, state, gradient)
        heights.append(-sum(((top[k] - theta[k]) ** 2).sum() for k in theta) / 2)
    assert heights[0] > -(1.0 + 4.0 + 0.25) / 2
    assert heights[-1] > -1e-5


@every_optimizer
def test_nothing_is_mutated_and_an_old_state_gives_the_same_step_again(name):
    theta, gradients = drawn(1)
    optimizer = ALL[name]
    _, state = optimizer.update(theta, optimizer.init(theta), gradients[0])
    moments = [leaf for part in state if isinstance(part, dict) for leaf in part.values()]
    for leaf in [*theta.values(), *gradients[1].values(), *moments]:
        leaf.flags.writeable = False
    first, _ = optimizer.update(theta, state, gradients[1])
    again, _ = optimizer.update(theta, state, gradients[1])
    for leaf in first:
        assert (first[leaf] == again[leaf]).all()
        assert (first[leaf] != theta[leaf]).all()
        assert not np.shares_memory(first[leaf], theta[leaf])


@every_optimizer
def test_a_population_is_updated_as_its_members_one_at_a_time(name):
    members = [drawn(seed) for seed in (2, 3)]

    def stacked(trees):
        return {key: np.stack([tree[key] for tree in trees]) for key in trees[0]}

    together = run(
        ALL[name],
        stacked([theta for theta, _ in members]),
        [stacked(pair) for pair in zip(*(g for _, g in members), strict=True)],
    )
    alone = stacked([run(ALL[name], theta, g) for theta, g in members])
    assert_trees_close(together, alone, rtol=0)


@pytest.mark.parametrize(
    "optimizer",
    [
        sgd(np.float64(0.1)),
        momentum(np.float64(0.1), mu=np.float64(0.5)),
        adam(np.float64(0.1), np.float64(0.5), np.float64(0.5), np.float64(1e-6)),
    ],
    ids=["sgd", "momentum", "adam"],
)
def test_single_precision_stays_single_whatever_the_settings_are(optimizer):
    theta, gradients = drawn(4, np.float32)
    assert {leaf.dtype for leaf in run(optimizer, theta, gradients).values()} == {
        np.dtype(np.float32)
    }


@every_optimizer
def test_optimisers_travel_between_processes(name):
    theta, gradients = drawn(5)
    truth = run(ALL[name], theta, gradients)
    assert_trees_close(run(pickle.loads(pickle.dumps(ALL[name])), theta, gradients), truth, rtol=0)


# ---- words ----


def test_optimisers_are_known_by_name():
    assert [x.__name__ for x in optimizers.OPTIMIZERS.values()] == list(optimizers.OPTIMIZERS)
    assert list(optimizers.OPTIMIZERS.values()) == [sgd, momentum, adam]


def test_the_words_of_an_optimiser_are_its_settings_without_the_defaults():
    assert sgd(0.1).words == {"optimizer": "sgd", "beta": 0.1}
    assert momentum(0.1).words == {"optimizer": "momentum", "beta": 0.1}
    assert momentum(0.1, mu=0.5).words == {"optimizer": "momentum", "beta": 0.1, "mu": 0.5}
    assert adam(1, b1=0.9, b2=0.5).words == {"optimizer": "adam", "beta": 1.0, "b2": 0.5}


@pytest.mark.parametrize(
    "optimizer", [sgd(0.3), momentum(0.2, mu=0.5), adam(0.1, b1=0.5, eps=1e-3)]
)
def test_the_words_of_an_optimiser_make_it_again(optimizer):
    theta, gradients = drawn(6)
    settings = dict(optimizer.words)
    again = optimizers.OPTIMIZERS[settings.pop("optimizer")](**settings)
    assert again.words == optimizer.words
    truth = run(optimizer, theta, gradients)
    assert_trees_close(run(again, theta, gradients), truth, rtol=0)


# ---- errors ----

NAN = float("nan")
REFUSED = [
    (lambda: sgd(-0.1), "beta must be finite, from 0 to inf, got -0.1"),
    (lambda: sgd(NAN), "beta must be finite, from 0 to inf, got nan"),
    (lambda: momentum(float("inf")), "beta must be finite, from 0 to inf, got inf"),
    (lambda: momentum(0.1, mu=1.5), "mu must be finite, from 0 to 1, got 1.5"),
    (lambda: momentum(0.1, mu=NAN), "mu must be finite, from 0 to 1, got nan"),
    (lambda: adam(-1), "beta must be finite, from 0 to inf, got -1.0"),
    (lambda: adam(NAN), "beta must be finite, from 0 to inf, got nan"),
    (lambda: adam(0.1, b1=1.0), "b1 must be at least 0 and below 1, got 1.0"),
    (lambda: adam(0.1, b1=-0.5), "b1 must be at least 0 and below 1, got -0.5"),
    (lambda: adam(0.1, b2=1.0), "b2 must be at least 0 and below 1, got 1.0"),
    (lambda: adam(0.1, b2=NAN), "b2 must be finite, got nan"),
    (lambda: adam(0.1, eps=0.0), "eps must be positive, got 0.0"),
    (lambda: adam(0.1, eps=-1e-8), "eps must be positive, got -1e-08"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_settings_out_of_range_are_refused_with_the_rule_and_the_value(call, message):
    with pytest.raises(ValueError, match="must be") as error:
        call()
    assert str(error.value) == message


@pytest.mark.parametrize("make", [sgd, momentum, adam])
@pytest.mark.parametrize(
    "beta", ["0.1", None, True, np.ones(2)], ids=["text", "None", "True", "array"]
)
def test_a_step_size_is_one_real_number(make, beta):
    with pytest.raises(TypeError) as error:
        make(beta)
    assert str(error.value) == f"beta must be a real number, got {beta!r}"


@every_optimizer
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (
            {"w": np.ones((2, 1))},
            ValueError,
            r"gradient 'w' must have the shape of theta, \(2, 3\)",
        ),
        ({"b": np.ones((2, 3))}, ValueError, r"gradient 'b' must have the shape of theta, \(3,\)"),
        ({"c": np.ones(2)}, ValueError, r"gradient must have the names \['b', 'w'\], got"),
        (
            {"b": np.array([1.0, np.nan, 2])},
            FloatingPointError,
            r"in 'b' must be finite, .* got nan",
        ),
        ({"w": np.full((2, 3), np.inf)}, FloatingPointError, r"in 'w' must be finite, .* got inf"),
    ],
)
def test_a_gradient_that_does_not_fit_theta_or_is_not_finite_is_refused(
    name, wrong, error, message
):
    theta, gradients = drawn(7)
    state = ALL[name].init(theta)
    with pytest.raises(error, match=message):
        ALL[name].update(theta, state, {**gradients[0], **wrong})


@every_optimizer
def test_a_gradient_without_a_name_or_of_another_kind_is_refused(name):
    theta, gradients = drawn(7)
    state = ALL[name].init(theta)
    with pytest.raises(ValueError, match=r"gradient must have the names \['b', 'w'\], got \['b'\]"):
        ALL[name].update(theta, state, {"b": gradients[0]["b"]})
    for other in (None, gradients[0]["b"], [1.0]):
        with pytest.raises(TypeError, match="gradient must be of type dict, got"):
            ALL[name].update(theta, state, other)


@every_optimizer
def test_theta_must_be_a_tree_of_finite_floats(name):
    for theta in (None, {}, [1.0], {"w": np.array([1])}):
        with pytest.raises(TypeError, match="must be a"):
            ALL[name].init(theta)
    with pytest.raises(ValueError, match="parameter 'w' must be finite"):
        ALL[name].init({"w": np.array([np.nan])})


@pytest.mark.parametrize(("make", "kind"), [(momentum, "Momentum"), (adam, "Moments")])
def test_a_state_must_be_that_of_the_optimiser_and_of_theta(make, kind):
    theta, gradients = drawn(8)
    optimizer = make(0.1)
    for state in (None, (), theta, ALL["sgd"].init(theta)):
        with pytest.raises(TypeError, match=f"state must be of type {kind}, got"):
            optimizer.update(theta, state, gradients[0])
    other = optimizer.init({**theta, "w": theta["w"][:, :1]})
    with pytest.raises(ValueError, match=r"m 'w' must have the shape of theta, \(2, 3\)"):
        optimizer.update(theta, other, gradients[0])


def test_an_optimiser_of_our_own_has_two_functions_and_words():
    for name, value in (("init", None), ("update", "adam"), ("words", "adam")):
        with pytest.raises(TypeError, match=f"{name} must be"):
            sgd(0.1)._replace(**{name: value})


@pytest.mark.parametrize(
    ("name", "size"), [("adam", 1e160), ("sgd", 1.7e308), ("momentum", 1.7e308)]
)
def test_a_gradient_from_which_nothing_finite_follows_is_refused(name, size):
    optimizer = {"sgd": sgd(10.0), "momentum": momentum(10.0), "adam": adam(0.1)}[name]
    theta = {"w": np.ones(2)}
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match=r"must be its square, got"),
    ):
        optimizer.update(theta, optimizer.init(theta), {"w": np.array([1.0, size])})


@every_optimizer
def test_a_parameter_without_axes_stays_a_parameter(name):
    theta = {"alpha": np.array(0.5)}
    state = ALL[name].init(theta)
    for g in (np.array(1.0), np.float64(1.0), np.array(1.0)):
        # A sum of two arrays without axes is a NumPy number, so theta and g may be numbers.
        theta, state = ALL[name].update(theta, state, {"alpha": g})
    assert theta["alpha"] > 0.6
    with pytest.raises(FloatingPointError, match=r"gradient in 'alpha' must be finite, .* got nan"):
        ALL[name].update(theta, state, {"alpha": np.array(np.nan)})
