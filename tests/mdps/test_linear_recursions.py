"""The linear recursions, against loops, the sum of all powers, and recursions of block matrices."""

import numpy as np
import pytest

from metarl_min.mdps import linear_recursions

T = 4


def inputs():
    """Return M and delta M of two tasks, x and delta x of two tasks, and the y of both tasks."""
    rng = np.random.default_rng(0)
    M, delta_M = 0.2 * rng.random((2, 2, 3, 3))  # the powers of M tend to 0
    x, delta_x = rng.random((2, 2, 3))
    return M, delta_M, x, delta_x, rng.random(3)


def blocks(M, delta_M):
    """Return the matrix that acts on a vector delta p, joined with the vector p."""
    return np.block([[M, delta_M], [np.zeros_like(M), M]])


def test_a_finite_horizon_is_the_loop_over_time():
    M, _, x, _, y = inputs()
    p, q = linear_recursions.paths(M, x, y, T)
    assert p.shape == q.shape == (T + 1, 2, 3)
    for m in range(2):
        backward, forward = np.zeros(3), y
        for t in range(T + 1):
            assert p[T - t, m] == pytest.approx(backward, rel=1e-14)
            assert q[t, m] == pytest.approx(forward, rel=1e-14)
            backward, forward = M[m] @ backward + x[m], M[m].T @ forward


def test_an_infinite_horizon_is_the_sum_over_all_powers():
    M, _, x, _, y = inputs()
    inverse, p, q = linear_recursions.solutions(M, x, y)
    for m in range(2):
        powers = sum(np.linalg.matrix_power(M[m], t) for t in range(200))
        assert inverse[m] == pytest.approx(powers, rel=1e-13)
        assert p[m] == pytest.approx(powers @ x[m], rel=1e-13)
        assert q[m] == pytest.approx(powers.T @ y, rel=1e-13)


def both_forms(horizon):
    """Return functions for the results and their derivatives, with the same arguments."""
    if horizon is None:
        return linear_recursions.solutions, linear_recursions.solution_derivatives

    def solve(M, x, y):
        return M, *linear_recursions.paths(M, x, y, horizon)

    return solve, linear_recursions.path_derivatives


@pytest.mark.parametrize("horizon", [1, T, None])
def test_the_derivatives_follow_the_recursion_of_a_block_matrix(horizon):
    M, delta_M, x, delta_x, y = inputs()
    solve, derivatives = both_forms(horizon)
    delta_p, delta_q = derivatives(*solve(M, x, y), delta_M, delta_x)
    zero = np.zeros(3)
    for m in range(2):
        twice = blocks(M[m], delta_M[m])
        _, p, _ = solve(twice, np.concatenate([delta_x[m], x[m]]), np.zeros(6))
        transposed = blocks(M[m].T, delta_M[m].T).T  # `paths` transposes it again for q
        _, _, q = solve(transposed, np.zeros(6), np.concatenate([zero, y]))
        assert delta_p[..., m, :] == pytest.approx(p[..., :3], rel=1e-13)
        assert delta_q[..., m, :] == pytest.approx(q[..., :3], rel=1e-13)


@pytest.mark.parametrize("shared", [True, False], ids=["one delta M", "a delta M per task"])
def test_tasks_may_share_the_matrix_or_the_vectors(shared):
    M, delta_M, x, delta_x, y = inputs()
    delta_M = np.stack([delta_M[0]] * 2) if shared else delta_M
    p, q = linear_recursions.paths(M[0], x, y, T)
    given = delta_M[0] if shared else delta_M
    changes = linear_recursions.path_derivatives(M[0], p, q, given, delta_x[0])
    for m in range(2):
        alone = linear_recursions.paths(M[0], x[m], y, T)
        changes_alone = linear_recursions.path_derivatives(M[0], *alone, delta_M[m], delta_x[0])
        for full, one in zip((p, q, *changes), (*alone, *changes_alone), strict=True):
            assert full[:, m] == pytest.approx(one, rel=1e-14)
