"""Comparisons and random generators that several tests use."""

import cProfile
import itertools
import sys
import tracemalloc

import numpy as np


def rng(seed=0):
    """A generator of its own for each test."""
    return np.random.default_rng(seed)


def close(x, y, tolerance=1e-13):
    """Whether two arrays have one shape, and entries that agree absolutely and relatively."""
    return np.shape(x) == np.shape(y) and np.allclose(x, y, rtol=tolerance, atol=tolerance)


def trees_close(tree, other, tolerance=1e-13):
    """Whether two dicts have the same names, and arrays that are close."""
    return set(tree) == set(other) and all(close(tree[x], other[x], tolerance) for x in tree)


def trees_equal(tree, other):
    """Whether two dicts have the same names, and arrays that are the same bit for bit."""
    return set(tree) == set(other) and all(np.array_equal(tree[x], other[x]) for x in tree)


def episodes_equal(episodes, other):
    """Whether all fields of two Episodes are the same bit for bit."""
    return all(np.array_equal(x, y) for x, y in zip(episodes, other, strict=True))


def softmax(z):
    """The softmax along the last axis, as it is defined."""
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def matrix_power(C, exponent):
    """The power C^exponent of a symmetric and positive definite matrix [D, D]."""
    values, vectors = np.linalg.eigh(C)
    return vectors @ np.diag(values**exponent) @ vectors.T


def within_errors(samples, expected, errors=5):
    """Whether the mean of samples [n, ...] is within so many standard errors of `expected`."""
    samples = np.asarray(samples, float)
    stderr = samples.std(0, ddof=1) / np.sqrt(len(samples))
    return bool((abs(samples.mean(0) - expected) <= errors * stderr + 1e-12).all())


def assert_mean(samples, expected, errors=5, largest_error=np.inf):
    """Assert `within_errors`, and that the standard errors are small enough to show something."""
    assert within_errors(samples, expected, errors)
    assert (np.std(samples, axis=0) / np.sqrt(len(samples))).max() < largest_error


def at_most_bytes(limit, function, *args):
    """Assert that a call never holds more than so many bytes, and return its result."""
    tracemalloc.start()
    try:
        result = function(*args)
        assert tracemalloc.get_traced_memory()[1] <= limit
    finally:
        tracemalloc.stop()
    return result


def at_most_lines(function, limit):
    """Assert that a call executes at most so many lines of Python, and return its result.

    The call ends at the first line too many. Lines do not depend on the speed of the machine.
    """
    before, count = sys.gettrace(), itertools.count(1)

    def trace(frame, event, argument):
        if event == "line":
            assert next(count) <= limit, f"more than {limit} lines"
        return trace

    sys.settrace(trace)
    try:
        return function()
    finally:
        sys.settrace(before)


def at_most_calls(function, limit):
    """Assert that a call makes at most so many calls of Python functions, and return its result."""
    profile = cProfile.Profile(subcalls=False, builtins=False)
    result = profile.runcall(function)
    count = sum(entry.callcount for entry in profile.getstats())
    assert count <= limit, f"{count} calls are more than {limit}"
    return result


def assert_same_in_every_unit(make, paying, units=(2.0**-9, 0.01, 100.0), steps=3):
    """Assert that a learner of `paying(unit)` does not depend on the unit.

    `make` makes the learner, and `paying` its family. A unit that is a power of two changes no bit.
    Of other units, a reward is divided into another last digit.
    """
    reports = {}
    for unit in (1.0, *units):
        learner = make(paying(unit))
        state = learner.init(rng(5))
        for i in range(steps):
            state, info = learner.step(rng(i), state)
        tasks = learner.family.sample(rng(7), 6)
        trials = learner.trial(rng(8), state, tasks)
        theta = state.theta if hasattr(state, "theta") else state.population
        fitness = np.array(getattr(info, "fitness", 0.0)) / unit
        returns = trials.rewards / unit, info.per_episode / unit, fitness
        reports[unit] = theta, trials.actions, *returns
    theta, actions, *rewards = reports[1.0]
    for unit in units:
        other, other_actions, *other_rewards = reports[unit]
        exact = np.frexp(unit)[0] == 0.5
        assert trees_equal(theta, other) if exact else trees_close(theta, other, 1e-5)
        assert np.array_equal(actions, other_actions)
        assert all(close(x, y, 1e-12) for x, y in zip(rewards, other_rewards, strict=True))
