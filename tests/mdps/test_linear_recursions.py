"""Two linear recursions, against loops and against the sum of all powers."""

import numpy as np
import pytest

from metarl_min.mdps.linear_recursions import previous, recursions


def matrices():
    M = 0.2 * np.random.default_rng(0).random((2, 3, 3))  # two tasks; the powers tend to 0
    return M, np.stack([M, M.swapaxes(-1, -2)])


def test_a_finite_horizon_is_the_loop_over_time():
    M, both = matrices()
    x = np.random.default_rng(1).random((4, 2, 2, 3))
    y = recursions(both, 4)(x.copy())
    for m in range(2):
        forward, backward = x[0, 0, m], x[0, 1, m]
        for t in range(4):
            if t:
                forward = M[m] @ forward + x[t, 0, m]
                backward = M[m].T @ backward + x[t, 1, m]
            assert y[t, 0, m] == pytest.approx(forward, rel=1e-14)
            assert y[t, 1, m] == pytest.approx(backward, rel=1e-14)
    assert (previous(y, 4)[0] == 0).all() and (previous(y, 4)[1:] == y[:-1]).all()


def test_an_infinite_horizon_is_the_sum_over_all_powers():
    M, both = matrices()
    x = np.random.default_rng(2).random((1, 2, 2, 3))
    y = recursions(both, None)(x.copy())
    for m in range(2):
        for j, matrix in enumerate((M[m], M[m].T)):
            total = sum(np.linalg.matrix_power(matrix, t) @ x[0, j, m] for t in range(200))
            assert y[0, j, m] == pytest.approx(total, rel=1e-13)
    assert previous(y, None) is y
