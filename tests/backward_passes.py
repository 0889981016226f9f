"""A backward pass written by hand, against the traced trial and against differences of it."""

import autograd.numpy as np
from numpy.testing import assert_allclose

from metarl_min import networks
from metarl_min.checks import assert_derivative


def assert_gradient_of_a_trial(policy, params, x, u, v):
    """`policy.gradient` from u = df/dlogits [T, M, A] and v = df/dvalues [T, M]."""

    def f(params):
        _, logits, values = networks.unroll(policy, params, x)
        return np.sum(logits * u) + np.sum(values * v)

    memories = networks.unroll(policy, params, x)[0]
    g = networks.gradient(policy, params, x, memories, u, v)
    traced = networks.gradient(policy._replace(gradient=None), params, x, memories, u, v)
    assert g.keys() == traced.keys() == params.keys()
    for name in params:
        assert_allclose(g[name], traced[name], rtol=1e-10, atol=1e-12)
    assert_derivative(f, g, params)
