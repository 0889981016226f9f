"""Comparisons and random generators that several tests use."""

import numpy as np


def rng(seed=0):
    """A generator of its own for each test."""
    return np.random.default_rng(seed)


def close(x, y, tolerance=1e-13):
    """Whether two arrays have one shape, and entries that agree absolutely and relatively."""
    return np.shape(x) == np.shape(y) and np.allclose(x, y, rtol=tolerance, atol=tolerance)


def softmax(z):
    """The softmax along the last axis, as it is defined."""
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def within_errors(samples, expected, errors=5):
    """Whether the mean of samples [n, ...] is within so many standard errors of `expected`."""
    samples = np.asarray(samples, float)
    stderr = samples.std(0, ddof=1) / np.sqrt(len(samples))
    return bool((abs(samples.mean(0) - expected) <= errors * stderr).all())
