"""CMA-ES, eqs. (1)-(8): numbers worked out one at a time, invariances, and blind selection."""

import math
import pickle

import numpy as np
import pytest
from comparing import matrix_power, rng
from numpy.testing import assert_allclose, assert_array_equal

from metarl_min.evolution import cma_es

D, P = 3, 6


def grown(seed=0, generation=3):
    """A state in the middle of a run, and a generation of it."""
    draw = rng(seed)
    A = draw.normal(size=(D, D))
    paths = draw.normal(size=(2, D))
    state = cma_es.State(draw.normal(size=D), 0.7, A @ A.T + np.eye(D), *paths, generation)
    return state, cma_es.ask(draw, state, P), draw.normal(size=P)


@pytest.mark.verifies("cma_es.2", "cma_es.3")
def test_constants_are_those_of_the_tutorial():
    c = cma_es.constants(10, 4)
    raw = [math.log(5.5 / i) for i in range(1, 6)]
    w = [x / sum(raw) for x in raw]
    assert_allclose(c.weights, [*w, 0, 0, 0, 0, 0], rtol=1e-14)
    assert_allclose(c.weights[:2], [0.456273, 0.270753], atol=1e-6)
    mu = 1 / sum(x * x for x in w)
    assert c.mu_eff == pytest.approx(mu, rel=1e-14) and 3.167 < mu < 3.168
    assert c.c_sigma == pytest.approx((mu + 2) / (9 + mu)) and c.d_sigma == pytest.approx(
        1 + c.c_sigma
    )
    assert c.c_c == pytest.approx((4 + mu / 4) / (8 + mu / 2))
    assert c.c_1 == pytest.approx(2 / (5.3**2 + mu))
    assert c.c_mu == pytest.approx(2 * (mu - 2 + 1 / mu) / (36 + mu))
    many = cma_es.constants(1000, 2)
    assert many.d_sigma == pytest.approx(
        1 + 2 * (math.sqrt((many.mu_eff - 1) / 3) - 1) + many.c_sigma
    )
    assert many.c_mu == 1 - many.c_1  # the rank-mu part takes all that is left
    odd = cma_es.constants(5, 2).weights
    assert odd[1] > 0 and not odd[2:].any()  # the best P // 2 of an odd number


def test_the_expected_norm_is_that_of_known_dimensions():
    truth = math.sqrt(2 / math.pi), math.sqrt(math.pi / 2), 2 * math.sqrt(2 / math.pi)
    assert_allclose([cma_es.expected_norm(n) for n in (1, 2, 3)], truth, rtol=1e-14)


def test_a_start_is_round_and_its_own():
    mean = np.array([1.0, -2.0])
    state = cma_es.init(mean, 0.5)
    mean[0] = 9.0
    truth = [1.0, -2.0], 0.5, np.eye(2), np.zeros(2), np.zeros(2), 0
    for found, expected in zip(state, truth, strict=True):
        assert_array_equal(found, expected)


@pytest.mark.verifies("cma_es.1")
def test_points_have_the_covariance_of_the_state():
    state, _, _ = grown()
    x = cma_es.ask(rng(5), state, 100_000)
    z = (x - state.mean) / state.sigma
    found, n = z.T @ z / len(z), len(z)
    stderr = np.sqrt((state.C**2 + np.outer(np.diag(state.C), np.diag(state.C))) / n)
    assert (abs(found - state.C) < 5 * stderr).all()
    assert (abs(z.mean(0)) < 5 * np.sqrt(np.diag(state.C) / n)).all()


@pytest.mark.verifies("cma_es.2", "cma_es.4", "cma_es.5", "cma_es.6", "cma_es.7", "cma_es.8")
@pytest.mark.parametrize("length", [0.5, 4.0, 20.0])  # of the path: short, too long for rank one
def test_a_generation_is_that_of_a_loop_over_numbers(length):
    state, x, F = grown()
    state = state._replace(p_sigma=length * state.p_sigma, C=np.diag([4.0, 1.0, 0.25]))
    found = cma_es.tell(state, x, F)
    best = sorted(range(P), key=lambda i: -F[i])[: P // 2]
    raw = [math.log(3.5 / i) for i in (1, 2, 3)]
    w = [r / sum(raw) for r in raw]
    mu = 1 / sum(r * r for r in w)
    y = [[(x[i][j] - state.mean[j]) / 0.7 for j in range(D)] for i in best]
    step = [sum(w[i] * y[i][j] for i in range(3)) for j in range(D)]
    assert_allclose(found.mean, [state.mean[j] + 0.7 * step[j] for j in range(D)], rtol=1e-12)
    a = (mu + 2) / (D + mu + 5)
    whitened = [step[0] / 2, step[1], step[2] * 2]
    p = [(1 - a) * state.p_sigma[j] + math.sqrt(a * (2 - a) * mu) * whitened[j] for j in range(D)]
    assert_allclose(found.p_sigma, p, rtol=1e-12)
    norm, chi = math.sqrt(sum(v * v for v in p)), 2 * math.sqrt(2 / math.pi)
    d = 1 + a  # mu < D + 2
    growth = min(1.0, a / d * (norm / chi - 1))
    assert (growth == 1) == (length == 20)
    assert found.sigma == pytest.approx(0.7 * math.exp(growth), rel=1e-12)
    h = norm / math.sqrt(1 - (1 - a) ** 8) < (1.4 + 2 / (D + 1)) * chi
    assert h == (length == 0.5)
    b = (4 + mu / D) / (D + 4 + 2 * mu / D)
    q = [(1 - b) * state.p_c[j] + h * math.sqrt(b * (2 - b) * mu) * step[j] for j in range(D)]
    assert_allclose(found.p_c, q, rtol=1e-12)
    one = 2 / ((D + 1.3) ** 2 + mu)
    many = 2 * (mu - 2 + 1 / mu) / ((D + 2) ** 2 + mu)
    for i in range(D):
        for j in range(D):
            kept = (1 - one - many + (1 - h) * one * b * (2 - b)) * state.C[i, j]
            rank_mu = sum(w[m] * y[m][i] * y[m][j] for m in range(3))
            truth = kept + one * q[i] * q[j] + many * rank_mu
            assert found.C[i, j] == pytest.approx(truth, rel=1e-12, abs=1e-14)
    assert found.generation == 4


@pytest.mark.verifies("cma_es.7")
@pytest.mark.parametrize("generation", [1, 2, 50])
def test_a_path_that_is_too_long_is_told_at_the_length_of_the_tutorial(generation):
    """The better half stands at the mean, so that p only shrinks, and h shows in C alone."""
    base, x, _ = grown(generation=generation - 1)
    x[: P // 2] = base.mean
    F = np.array([1.0] * (P // 2) + [0.0] * (P // 2))
    c, chi = cma_es.constants(P, D), 2 * math.sqrt(2 / math.pi)
    limit = 1.9 * chi * math.sqrt(1 - (1 - c.c_sigma) ** (2 * generation))  # 1.4 + 2 / 4
    for length, h in ((1 - 1e-9, 1), (1 + 1e-9, 0)):
        state = base._replace(p_sigma=np.array([0.0, limit, 0.0]) * length / (1 - c.c_sigma))
        after = cma_es.tell(state, x, F)
        kept = 1 - c.c_1 - c.c_mu + (1 - h) * c.c_1 * c.c_c * (2 - c.c_c)
        truth = kept * state.C + c.c_1 * np.outer(after.p_c, after.p_c)
        assert_allclose(after.C, truth, rtol=1e-11)


@pytest.mark.verifies("cma_es.5", "cma_es.7", "cma_es.8")
@pytest.mark.parametrize("levels", [None, 2])
def test_blind_selection_leaves_paths_and_covariance_what_they_are_on_average(levels):
    """Also where many points are equal: of two `levels`."""
    draw, n = rng(2), 1_500
    base, _, _ = grown(generation=10**6)
    root = matrix_power(base.C, 0.5)
    moments = np.zeros((3, n, D, D))
    for i in range(n):
        p, q = draw.normal(size=D), root @ draw.normal(size=D)
        state = base._replace(p_sigma=0.1 * p, p_c=q)  # so short that h = 0 is rare
        F = draw.normal(size=P) if levels is None else [0.0, *draw.integers(levels, size=P - 2), 1]
        after = cma_es.tell(state, cma_es.ask(draw, state, P), np.array(F))
        a = cma_es.constants(P, D).c_sigma
        full = after.p_sigma + (1 - a) * 0.9 * p  # as if p had its own length
        moments[:, i] = np.outer(full, full), np.outer(after.p_c, after.p_c), after.C
    for found, truth in zip(moments, (np.eye(D), base.C, base.C), strict=True):
        error = found.std(0) / math.sqrt(n)
        assert (abs(found.mean(0) - truth) < 5 * error).all()


def test_only_the_order_of_the_fitness_counts():
    state, x, F = grown()
    for G in (np.exp(3 * F), 1e9 * F - 7):
        for one, other in zip(cma_es.tell(state, x, F), cma_es.tell(state, x, G), strict=True):
            assert_array_equal(one, other)
    order = rng(4).permutation(P)
    for one, other in zip(
        cma_es.tell(state, x, F), cma_es.tell(state, x[order], F[order]), strict=True
    ):
        assert_allclose(one, other, rtol=1e-12)


def test_it_turns_and_scales_with_the_space():
    state, x, F = grown()
    R, _ = np.linalg.qr(rng(9).normal(size=(D, D)))
    turned = cma_es.State(
        3 * R @ state.mean, 3 * 0.7, R @ state.C @ R.T, R @ state.p_sigma, R @ state.p_c, 3
    )
    one, other = cma_es.tell(state, x, F), cma_es.tell(turned, 3 * x @ R.T, F)
    assert_allclose(other.mean, 3 * R @ one.mean, rtol=1e-11, atol=1e-12)
    assert other.sigma == pytest.approx(3 * one.sigma, rel=1e-11)
    assert_allclose(other.C, R @ one.C @ R.T, rtol=1e-11, atol=1e-12)
    assert_allclose(other.p_sigma, R @ one.p_sigma, rtol=1e-11, atol=1e-12)
    assert_allclose(other.p_c, R @ one.p_c, rtol=1e-11, atol=1e-12)


def test_equals_share_and_a_flat_fitness_moves_nothing():
    state, x, _ = grown()
    w = cma_es.constants(P, D).weights
    tied = cma_es.rank_weights(np.array([2.0, 3.0, 2.0, 2.0, 0.0, 1.0]), w)
    assert_allclose(tied, [(w[1] + w[2]) / 3, w[0], *[(w[1] + w[2]) / 3] * 2, 0, 0], rtol=1e-14)
    after = cma_es.tell(state, x, np.full(P, 0.3))
    assert after.generation == 4
    for one, other in zip(after[:5], state[:5], strict=True):
        assert_array_equal(one, other)


def test_it_finds_the_top_of_an_ill_conditioned_hill_and_learns_its_shape():
    n, draw = 5, rng(1)
    R, _ = np.linalg.qr(draw.normal(size=(n, n)))
    H = R @ np.diag(10.0 ** np.arange(n)) @ R.T
    state = cma_es.init(np.ones(n), 0.5)
    for _ in range(300):
        x = cma_es.ask(draw, state, 8)
        state = cma_es.tell(state, x, -np.einsum("pi,ij,pj->p", x, H, x))
    assert state.mean @ H @ state.mean < 1e-10
    root = matrix_power(state.C, 0.5)
    assert np.linalg.cond(root @ H @ root) < 100  # round as seen by the search; that of H is 1e4


NOISE = rng(1)
HARD = {
    "noisy hill": lambda x: -(x**2).sum(1) + 0.1 * NOISE.standard_normal(len(x)),
    "noise": lambda x: NOISE.standard_normal(len(x)),
    "slope": lambda x: x[:, 0].copy(),
    "stairs": lambda x: np.floor(x.sum(1)),
    "ties": lambda x: np.round(2 * NOISE.random(len(x))),
}


def is_sound(state):
    """Whether a state is finite, and is a state that a user may build."""
    built = cma_es.State(*state)
    return all(np.isfinite(x).all() for x in built) and built.sigma > 0


@pytest.mark.parametrize("repair", [False, True])
@pytest.mark.parametrize("name", HARD)
def test_a_search_that_cannot_learn_stays_finite(name, repair):
    """Along a slope, and in noise, the condition number of C grows without end."""
    draw, state = rng(), cma_es.init(np.ones(3), 1.0)
    num_generations = 600 if name == "slope" else 250  # the slope reaches the limit at last
    for _ in range(num_generations):
        x = cma_es.ask(draw, state, 12)
        x = np.clip(x, -1, 1) if repair else x
        state = cma_es.tell(state, x, HARD[name](x))
        values = np.linalg.eigvalsh(state.C)
        assert is_sound(state) and values[-1] < 1e15 * values[0]
    assert state.generation == num_generations
    if name == "slope" and not repair:
        assert values[-1] > 1e13 * values[0]  # the limit is reached


@pytest.mark.verifies("cma_es.8", "covariances.1")
def test_the_next_covariance_begins_with_the_one_whose_condition_is_limited():
    state, x, _ = grown()
    C = np.diag([1e18, 1.0, 1.0])
    x[: P // 2], x[P // 2 :] = state.mean, state.mean + 1.0
    F = np.array([1.0] * (P // 2) + [0.0] * (P // 2))
    after = cma_es.tell(state._replace(C=C, p_c=np.zeros(3), p_sigma=np.zeros(3)), x, F)
    c = cma_es.constants(P, D)
    kept = 1 - c.c_1 - c.c_mu
    assert_allclose(np.diag(after.C), kept * np.array([1e18, 1e4, 1e4]), rtol=1e-12)
    z = (cma_es.ask(rng(), state._replace(C=C), 5000) - state.mean) / state.sigma
    assert_allclose(z.std(0), [1e9, 1e2, 1e2], rtol=0.05)


@pytest.mark.parametrize("length", [10.0, 1e3, 1e9, 1e160])
@pytest.mark.parametrize("how_many", [1, 6])
def test_points_that_were_not_drawn_do_not_throw_the_search_away(length, how_many):
    state, x, F = grown()
    x[:how_many] = state.mean + length * state.sigma * (x[:how_many] - state.mean)
    F[0] = 9.0  # one of them is the best
    after = cma_es.tell(state, x, F)
    assert is_sound(after)
    assert after.sigma <= math.e * state.sigma * (1 + 1e-12)
    root = matrix_power(state.C, -0.5)
    moved = root @ (after.mean - state.mean) / state.sigma
    assert np.linalg.norm(moved) < math.sqrt(D) + 8  # a drawn point could lie there
    assert np.linalg.eigvalsh(root @ after.C @ root)[-1] < 100


@pytest.mark.verifies("covariances.2")
def test_a_point_that_was_not_drawn_counts_at_the_length_of_the_report():
    state = cma_es.init(np.array([1.0, 2.0, 3.0]), 0.5)
    x = state.mean + 0.5 * rng(3).normal(size=(6, 3)).clip(-2, 2)
    F = np.arange(6.0)
    x[5] = state.mean + 0.5 * 1e7 * np.array([0.6, 0.0, 0.8])
    near = x.copy()
    near[5] = state.mean + 0.5 * (math.sqrt(3) + 6 / 5) * np.array([0.6, 0.0, 0.8])
    for one, other in zip(cma_es.tell(state, x, F), cma_es.tell(state, near, F), strict=True):
        assert_allclose(one, other, rtol=1e-12)


def test_a_long_step_that_can_be_drawn_counts_as_it_is():
    state = cma_es.init(np.zeros(3), 1.0)
    x, F = rng(3).normal(size=(4, 3)), np.arange(4.0)
    x[3] = [math.sqrt(3) + 7.9, 0, 0]
    w = math.log(2.5), math.log(2.5 / 2)
    truth = (w[0] * x[3] + w[1] * x[2]) / sum(w)
    assert_allclose(cma_es.tell(state, x, F).mean, truth, rtol=1e-12)


def test_a_fitness_without_a_maximum_ends_in_an_error_that_says_so():
    draw, state = rng(), cma_es.init(np.zeros(2), 1e300)
    states = [state]

    def climb():
        while len(states) < 200:
            x = cma_es.ask(draw, states[-1], 6)
            states.append(cma_es.tell(states[-1], x, x[:, 0] / 1e300))

    rule = r"must stay in the range of floats \(if F has no maximum, steps grow .*\), got sigma "
    with pytest.raises(FloatingPointError, match=rule + r".*e\+30. and .* in generation"):
        climb()
    assert all(map(is_sound, states)) and len(states) > 2


def test_what_no_float_can_hold_is_an_error():
    tiny = cma_es.init(np.zeros(2), 1e-300)
    with pytest.raises(ValueError, match="x must be at most 1e308 sigma from the mean"):
        cma_es.tell(tiny, np.full((4, 2), 1e10), np.arange(4.0))
    some = cma_es.init(np.zeros(2), 1.0)  # with so many points C is made of their steps alone
    with pytest.raises(FloatingPointError, match="and a largest variance 0 in generation 1"):
        cma_es.tell(some, np.zeros((1000, 2)), np.arange(1000.0))
    huge = cma_es.init(np.zeros(2), 1.7e308)
    with pytest.raises(FloatingPointError, match="steps must stay in the range of floats"):
        cma_es.ask(rng(), huge, 50)


@pytest.mark.verifies("covariances.3")
@pytest.mark.parametrize("exponent", [-450, -300, 0, 300, 450])
def test_the_scale_of_the_covariance_does_not_matter(exponent):
    """In a long search C shrinks or grows by many powers of ten, and sigma makes up for it."""
    state, _, _ = grown()
    fields = {"sigma": np.ldexp(0.75, -exponent), "p_c": np.ldexp(state.p_c, exponent)}
    one = state._replace(sigma=0.75)
    other = state._replace(C=np.ldexp(state.C, 2 * exponent), **fields)
    for i in range(3):
        x = cma_es.ask(rng(i), one, P)
        assert_allclose(cma_es.ask(rng(i), other, P), x, rtol=1e-9)
        F = rng(10 + i).normal(size=P)
        one, other = cma_es.tell(one, x, F), cma_es.tell(other, x, F)
        assert 1e-90 < other.C.max() < 1e90 or exponent == 0
        assert_allclose(other.sigma**2 * other.C, one.sigma**2 * one.C, rtol=1e-9)
        assert_allclose(other.mean, one.mean, rtol=1e-9)


def test_constants_cannot_be_changed_by_who_reads_them():
    """They are computed once for all generations."""
    assert cma_es.constants(6, 3) is cma_es.constants(6, 3)
    with pytest.raises(ValueError, match="read-only"):
        cma_es.constants(6, 3).weights[0] = 9.0
    for wrong, error in (((1, 3), ValueError), ((6, 0), ValueError), ((6.0, 3), TypeError)):
        with pytest.raises(error, match="must be"):
            cma_es.constants(*wrong)


@pytest.mark.parametrize(
    ("wrong", "error", "rule"),
    [
        ({"mean": [0.0] * 3}, TypeError, "mean must be an array of floats, got list"),
        ({"mean": np.zeros((3, 1))}, ValueError, r"mean must be \[D\], got \(3, 1\)"),
        ({"mean": np.full(3, np.nan)}, ValueError, "mean must be finite"),
        ({"sigma": -0.5}, ValueError, "sigma must be positive, got -0.5"),
        ({"sigma": np.inf}, ValueError, "sigma must be finite, got inf"),
        ({"sigma": None}, TypeError, "sigma must be a real number, got None"),
        ({"C": np.eye(2)}, ValueError, r"C must be \[3, 3\], got \(2, 2\)"),
        ({"C": np.ones((3, 3)) - np.eye(3)}, ValueError, "C must be positive definite, got"),
        (
            {"C": np.zeros((3, 3))},
            ValueError,
            "C must be positive definite, got an eigenvalue of 0",
        ),
        ({"C": np.triu(np.ones((3, 3)))}, ValueError, "C must be symmetric, got a difference of 1"),
        ({"p_c": np.zeros(2)}, ValueError, r"p_c must have the shape of the mean, \(3,\), got"),
        ({"p_sigma": None}, TypeError, "p_sigma must be an array of floats, got NoneType"),
        ({"generation": -1}, ValueError, "generation must be at least 0, got -1"),
        ({"generation": 2.0}, TypeError, "generation must be a whole number, got 2.0"),
    ],
)
def test_a_state_is_valid_from_the_moment_it_exists(wrong, error, rule):
    state, _, _ = grown()
    for make in (state._replace, lambda **new: cma_es.State(**state._asdict() | new)):
        make()
        with pytest.raises(error, match=rule):
            make(**wrong)


def test_a_state_travels():
    draw, state = rng(), cma_es.init(np.ones(3), 1.0)
    for _ in range(500):  # its condition number is at the limit
        x = cma_es.ask(draw, state, 8)
        state = cma_es.tell(state, x, x[:, 0])
    for one, other in zip(pickle.loads(pickle.dumps(state)), state, strict=True):
        assert_array_equal(one, other)


def test_numbers_of_few_bits_are_converted():
    state, x, F = grown()
    assert_array_equal(cma_es.ask(rng(), state, np.int8(6)), cma_es.ask(rng(), state, 6))
    few = cma_es.tell(state._replace(generation=np.int8(127)), x, F)
    assert few.generation == 128
    whole = np.array([3, 1, 2, 6, 5, 4], np.int8)
    for fitness in (whole, whole.tolist(), whole.astype(np.float16)):
        after = cma_es.tell(state, x, fitness)
        assert_array_equal(after.C, cma_es.tell(state, x, whole.astype(float)).C)


@pytest.mark.parametrize("wrong", [None, 0, np.random, np.random.RandomState(0)])
def test_points_are_drawn_by_a_generator(wrong):
    with pytest.raises(TypeError, match="rng must be a Generator"):
        cma_es.ask(wrong, cma_es.init(np.zeros(2), 1.0), 4)


def test_bad_inputs_are_refused_with_the_rule():
    state, x, F = grown()
    with pytest.raises(ValueError, match="sigma must be positive"):
        cma_es.init(np.zeros(2), 0.0)
    with pytest.raises(TypeError, match="mean must be an array of floats"):
        cma_es.init([0.0, 1.0], 1.0)
    for wrong in (np.zeros((2, 2)), np.zeros(0)):
        with pytest.raises(ValueError, match=r"mean must be \[D\]"):
            cma_es.init(wrong, 1.0)
    with pytest.raises(ValueError, match="population must be"):
        cma_es.ask(rng(), state, 1)
    with pytest.raises(ValueError, match=r"F must be \[6\], one entry for each .* got \(5,\)"):
        cma_es.tell(state, x, F[:-1])
    for wrong in (x[0], x[:, :2], x[:1]):
        with pytest.raises(ValueError, match=r"x must be \[P, 3\], P at least 2, got"):
            cma_es.tell(state, wrong, F)
    for wrong in (None, tuple(state), "state"):
        for use in (lambda s: cma_es.tell(s, x, F), lambda s: cma_es.ask(rng(), s, 4)):
            with pytest.raises(TypeError, match="state must be of type State, got"):
                use(wrong)
    with pytest.raises(TypeError, match="x must be an array of floats, got list"):
        cma_es.tell(state, x.tolist(), F)
    with pytest.raises(TypeError, match="fitness must hold real numbers, got bool"):
        cma_es.tell(state, x, F > 0)
    with pytest.raises(ValueError, match=r"F must have the shape of the weights, \(3,\), got"):
        cma_es.rank_weights(F[:2], np.ones(3))
    F[2] = np.nan
    for use in (lambda: cma_es.tell(state, x, F), lambda: cma_es.rank_weights(F, np.ones(6))):
        with pytest.raises(FloatingPointError, match="fitness must be finite, got nan of member 2"):
            use()
    with pytest.raises(ValueError, match="C must be positive definite, got an eigenvalue of -1"):
        cma_es.ask(rng(), state._replace(C=-np.eye(D)), 4)
