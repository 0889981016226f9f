"""The noise of rewards: functions that draw rewards around their means.

A noise of your own must depend on its two arguments only. A noise that counts its calls, for
example, gives other rewards if a population is played in parts. For a population, `rng` has only
the methods `random` and `standard_normal`, which need a shape.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from metarl_min.basics.arguments import floats, generator, real, require, require_all, shaped
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps.mdp import MDP

Noise = Callable[[Rng, Array], Array]  # (rng, mean rewards) -> rewards


def _deterministic(rng: Rng, mean: Array) -> Array:
    return mean


def _bernoulli(rng: Rng, mean: Array) -> Array:
    return (rng.random(mean.shape) < mean).astype(float)


def _gaussian(rng: Rng, mean: Array, std: float = 1.0) -> Array:
    return mean + std * rng.standard_normal(mean.shape)


def deterministic(rng: Rng, mean: Array) -> Array:
    """Return the mean rewards themselves, without noise."""
    return _deterministic(generator("rng", rng), floats("mean", mean))


def bernoulli(rng: Rng, mean: Array) -> Array:
    """Return rewards that are 1 with probability `mean`, and 0 otherwise."""
    return _bernoulli(generator("rng", rng), floats("mean", mean, 0, 1))


def gaussian(rng: Rng, mean: Array, std: float = 1.0) -> Array:
    """Return the mean rewards plus normal noise. `functools.partial` sets another `std`."""
    std = real("std of the noise", std, 0)
    return _gaussian(generator("rng", rng), floats("mean", mean), std)


UNCHECKED = {deterministic: _deterministic, bernoulli: _bernoulli, gaussian: _gaussian}


def _checked_noise(rng: Rng, mean: Array, noise: Noise) -> Array:
    """Return noise(rng, mean); an error unless this is an array of rewards of the right shape."""
    rewards = noise(rng, mean)
    if not isinstance(rewards, np.ndarray) or rewards.dtype.kind not in "biuf":
        raise TypeError(f"noise must return an array of rewards, got {type(rewards).__name__}")
    return floats("the rewards of noise", shaped("noise", rewards, mean.shape, "the means") + 0.0)


def check_noise(noise: Noise, mdp: MDP) -> Noise:
    """Return the function (rng, mean) -> rewards that a sampler calls for this noise.

    For a noise of this file, the returned function checks nothing, because the means of an MDP are
    finite. For `bernoulli`, `check_noise` itself checks that the means are in [0, 1]. For any other
    noise, the returned function checks the rewards of each call.
    """
    require(callable(noise), "noise must be a function (rng, mean) -> rewards", noise)
    if noise is bernoulli and (mdp.reward.min() < 0 or mdp.reward.max() > 1):
        inside = (mdp.reward >= 0) & (mdp.reward <= 1)
        require_all(inside, "Bernoulli rewards need means between 0 and 1", mdp.reward)
    if isinstance(noise, partial) and noise.func is gaussian and set(noise.keywords) == {"std"}:
        std = real("std of the noise", noise.keywords["std"], 0)
        return partial(_gaussian, std=std)
    unchecked = next((inner for outer, inner in UNCHECKED.items() if noise is outer), None)
    return unchecked or partial(_checked_noise, noise=noise)
