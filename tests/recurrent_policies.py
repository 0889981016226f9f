"""Small recurrent policies, a trial that one of them played, and a check of a backward pass."""

import autograd.numpy as np
import numpy as onp
from numpy.testing import assert_allclose
from problems import small_grid

from metarl_min.basics import trees
from metarl_min.memory import recurrent_agents, recurrent_policies
from metarl_min.tasks import play_trial

T, M, INPUTS, H, A = 5, 3, 4, 6, 2
CELLS = list(recurrent_policies.CELLS)


def moved(params, size, rng):
    """Parameters at a distance from the initial ones, where no entry is zero."""
    return trees.map_leaves(lambda x: x + size * rng.normal(size=x.shape), params)


def made(cell, seed=0):
    """A policy in float64, parameters, observations and the generator that drew them."""
    rng = onp.random.default_rng(seed)
    policy = recurrent_policies.CELLS[cell](H, "float64")
    params = moved(policy.init(rng, INPUTS, A), 0.3, rng)
    return policy, params, rng.normal(size=(T, M, INPUTS)), rng


def parts(memory):
    """All arrays of a memory, h first."""
    return memory if isinstance(memory, tuple) else (memory,)


def played(seed=0):
    """Six tasks, a GRU, its parameters, and the record and the episodes of a trial on each task."""
    family = small_grid(terminate=1)
    tasks = family.sample(onp.random.default_rng(0), 6)
    policy = recurrent_policies.gru(5, "float64")
    theta = policy.init(onp.random.default_rng(1), sum(tasks.shape) + 2, tasks.shape[1])
    agent = recurrent_agents.recording_agent(policy, theta, tasks.shape)
    episodes, memory = play_trial(onp.random.default_rng(seed), family, tasks, agent)
    return tasks, policy, theta, recurrent_agents.record(memory), episodes


def trial_and_gradient(policy, params, x, u, v):
    """A function f of a trial, and its gradient by hand, which must be the traced one.

    u = df/dlogits [T, M, A], v = df/dvalues [T, M]
    """

    def f(params):
        _, logits, values = recurrent_policies.unroll(policy, params, x)
        return np.sum(logits * u) + np.sum(values * v)

    memories = recurrent_policies.unroll(policy, params, x)[0]
    g = recurrent_policies.gradient(policy, params, x, memories, u, v)
    traced = recurrent_policies.gradient(policy._replace(gradient=None), params, x, memories, u, v)
    assert g.keys() == traced.keys() == params.keys()
    for name in params:
        assert_allclose(g[name], traced[name], rtol=1e-10, atol=1e-12)
    return f, g
