"""Small recurrent policies, and a check of any backward pass that was written by hand."""

import autograd.numpy as np
import numpy as onp
from numpy.testing import assert_allclose

from metarl_min.basics import trees
from metarl_min.basics.checks import assert_derivative
from metarl_min.memory import cells, recurrent_policies

T, M, K, H, A = 5, 3, 4, 6, 2
CELLS = list(recurrent_policies.CELLS)


def made(cell, seed=0):
    rng = onp.random.default_rng(seed)
    policy = recurrent_policies.recurrent(cell, H, "float64")
    params = trees.map_leaves(lambda x: x + 0.3 * rng.normal(size=x.shape), policy.init(rng, K, A))
    return policy, params, rng.normal(size=(T, M, K)), rng


def parts(memory):
    """All arrays of a memory, h first."""
    return memory if isinstance(memory, cells.GRUStep) else (memory,)


def assert_gradient_of_a_trial(policy, params, x, u, v):
    """Against the traced trial and differences of it. u = df/dlogits [T, M, A], v = df/dvalues"""

    def f(params):
        _, logits, values = recurrent_policies.unroll(policy, params, x)
        return np.sum(logits * u) + np.sum(values * v)

    memories = recurrent_policies.unroll(policy, params, x)[0]
    g = recurrent_policies.gradient(policy, params, x, memories, u, v)
    traced = recurrent_policies.gradient(policy._replace(gradient=None), params, x, memories, u, v)
    assert g.keys() == traced.keys() == params.keys()
    for name in params:
        assert_allclose(g[name], traced[name], rtol=1e-10, atol=1e-12)
    assert_derivative(f, g, params)
