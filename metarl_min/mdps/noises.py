"""The noise of rewards: functions that draw rewards around their means."""

from collections.abc import Callable
from functools import partial

import numpy as np

from metarl_min.basics.arguments import floats, generator, real, require, require_all, shaped
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps.mdp import MDP

Noise = Callable[[Rng, Array], Array]  # (rng, mean rewards) -> rewards


def deterministic(rng: Rng, mean: Array) -> Array:
    """Return the mean rewards themselves, without noise."""
    return mean


def bernoulli(rng: Rng, mean: Array) -> Array:
    """Return rewards of 1 with probability `mean`, and of 0 otherwise."""
    return (generator("rng", rng).random(mean.shape) < mean).astype(float)


def gaussian(rng: Rng, mean: Array, std: float = 1.0) -> Array:
    """Return the mean rewards plus normal noise; fix `std` by functools.partial."""
    return mean + std * generator("rng", rng).standard_normal(mean.shape)


def _checked_noise(rng: Rng, mean: Array, noise: Noise) -> Array:
    """Return the rewards of a noise; TypeError or ValueError unless they fit the means."""
    rewards = noise(rng, mean)
    if not isinstance(rewards, np.ndarray) or rewards.dtype.kind not in "biuf":
        raise TypeError(f"noise must return an array of rewards, got {type(rewards).__name__}")
    return floats("the rewards of noise", shaped("noise", rewards, mean.shape, "the means") + 0.0)


def check_noise(noise: Noise, mdp: MDP) -> Noise:
    """Return the noise, such that it is checked: once here, or in every call if it is not ours."""
    require(callable(noise), "noise must be a function (rng, mean) -> rewards", noise)
    if noise is bernoulli:
        inside = (mdp.reward >= 0) & (mdp.reward <= 1)
        require_all(inside, "Bernoulli rewards need means between 0 and 1", mdp.reward)
    if isinstance(noise, partial) and noise.func is gaussian and set(noise.keywords) == {"std"}:
        real("std of the noise", noise.keywords["std"], 0)
        return noise
    ours = any(noise is x for x in (deterministic, bernoulli, gaussian))
    return noise if ours else partial(_checked_noise, noise=noise)
