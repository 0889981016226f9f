"""CMA-ES, eqs. (1)-(8): numbers worked out one at a time, invariances, and blind selection."""

import math

import numpy as np
import pytest
from comparing import rng
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
@pytest.mark.parametrize("length", [0.5, 20.0])  # of the path: short, and too long for rank one
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
    assert found.sigma == pytest.approx(0.7 * math.exp(a / d * (norm / chi - 1)), rel=1e-12)
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
    root = cma_es.matrix_power(base.C, 0.5)
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
    root = cma_es.matrix_power(state.C, 0.5)
    assert np.linalg.cond(root @ H @ root) < 100  # round as seen by the search; that of H is 1e4


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
    F[2] = np.nan
    with pytest.raises(FloatingPointError, match="fitness must be finite, got nan of member 2"):
        cma_es.tell(state, x, F)
    with pytest.raises(ValueError, match="C must be positive definite, got an eigenvalue of -1"):
        cma_es.ask(rng(), state._replace(C=-np.eye(D)), 4)
