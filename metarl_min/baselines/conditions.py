"""Conditions that players and solvers put on a family. An error names the condition that fails.

A prior says how the rewards of a task are drawn, and `family.reward_noise` draws them. A posterior
is right only if prior and `reward_noise` agree. So a player that computes a posterior compares
them:

    prior                         rewards
    BetaArms, CorrelatedArms      Bernoulli
    GaussianArms, DirichletMDP    normal, with the standard deviation `prior.noise`

Rewards without noise are normal with the standard deviation 0. If `reward_noise` is any other
function, its distribution is not known, so the family is refused.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from metarl_min.basics.arguments import instance
from metarl_min.mdps import rollouts
from metarl_min.mdps.rollouts import Noise
from metarl_min.tasks import BetaArms, CorrelatedArms, Family, Hypotheses, require_support


def reward_std(noise: Noise) -> float | None:
    """Return the standard deviation of normal rewards around their mean; None for other rewards.

    >>> reward_std(rollouts.deterministic), reward_std(partial(rollouts.gaussian, std=5.0))
    (0.0, 5.0)
    """
    if noise is rollouts.deterministic:
        return 0.0
    if noise is rollouts.gaussian:
        return 1.0
    if not isinstance(noise, partial) or noise.func is not rollouts.gaussian:
        return None
    only_std = not noise.args and set(noise.keywords) <= {"std"}
    return float(noise.keywords.get("std", 1.0)) if only_std else None


def describe(noise: Noise) -> str:
    """Return the name of the function that draws rewards, with the arguments that it has.

    >>> describe(partial(rollouts.gaussian, std=5.0))
    'rewards by gaussian with std=5.0'
    """
    if not isinstance(noise, partial):
        return f"rewards by {getattr(noise, '__name__', type(noise).__name__)}"
    given = [f"{name}={value}" for name, value in noise.keywords.items()]
    given = [*map(str, noise.args), *given]
    return describe(noise.func) + (f" with {', '.join(given)}" if given else "")


def require_prior(rule: str, family: Family, *kinds: type) -> Any:
    """Return the prior of a family. `Unsupported` unless it is of one of the kinds."""
    instance("family", family, Family)
    names = " or ".join(kind.__name__ for kind in kinds)
    got = f"{family.name} with a prior of {type(family.prior).__name__}"
    require_support(isinstance(family.prior, kinds), f"{rule}: the prior must be {names}", got)
    return family.prior


def require_one_step(rule: str, family: Family) -> None:
    """Raise `Unsupported` unless the episodes have one step, as in a bandit."""
    instance("family", family, Family)
    got = f"horizon {family.horizon}"
    require_support(family.horizon == 1, f"{rule}: episodes must have one step", got)


def require_rewards_of_prior(rule: str, family: Family) -> None:
    """Raise `Unsupported` unless the rewards are drawn as the prior of arms or of MDPs says."""
    prior, noise = family.prior, family.reward_noise
    if isinstance(prior, BetaArms | CorrelatedArms):
        require_bernoulli(rule, family)
    else:
        std = float(prior.noise)
        condition = f"{rule}: rewards must be normal with the noise of the prior, {std}"
        require_support(reward_std(noise) == std, condition, describe(noise))


def require_arms(rule: str, family: Family, *kinds: type) -> Any:
    """Return the prior of a bandit.

    `Unsupported` unless the prior is of one of the kinds, the episodes have one step, and the
    rewards are drawn as the prior says.
    """
    prior = require_prior(rule, family, *kinds)
    require_one_step(rule, family)
    require_rewards_of_prior(rule, family)
    return prior


def require_noise_free(rule: str, family: Family) -> None:
    """Raise `Unsupported` unless the rewards have no noise."""
    noise = family.reward_noise
    condition = f"{rule}: rewards must have no noise"
    require_support(noise is rollouts.deterministic, condition, describe(noise))


def require_bernoulli(rule: str, family: Family) -> None:
    """Raise `Unsupported` unless the rewards are Bernoulli."""
    noise = family.reward_noise
    require_support(
        noise is rollouts.bernoulli, f"{rule}: rewards must be Bernoulli", describe(noise)
    )


def require_known_rewards(rule: str, family: Family) -> None:
    """Raise `Unsupported` unless the rewards are Bernoulli or have no noise."""
    noise, condition = family.reward_noise, "rewards must be Bernoulli or without noise"
    known = noise is rollouts.bernoulli or noise is rollouts.deterministic
    require_support(known, f"{rule}: {condition}", describe(noise))


def largest_reward(rule: str, family: Family) -> float:
    """Return the largest reward that a family of Bernoulli or noise-free rewards may pay.

    The largest reward is 1 for Bernoulli rewards and for the arms of BetaArms and CorrelatedArms.
    `Unsupported` if a reward may be negative, if the mean of a Bernoulli reward may be above 1, or
    if the rewards are not known.
    """
    prior, bernoulli = family.prior, family.reward_noise is rollouts.bernoulli
    if isinstance(prior, Hypotheses):
        low, high = float(prior.mdps.reward.min()), float(prior.mdps.reward.max())
        top = 1.0 if bernoulli else max(high, 0.0)
        condition = "mean rewards must be from 0 to 1" if bernoulli else "rewards must be from 0 up"
        got = f"means from {low} to {high}"
        require_support(low >= 0 and high <= top, f"{rule}: {condition}", got)
        return top
    if not bernoulli:
        require_prior(rule, family, BetaArms, CorrelatedArms, Hypotheses)
    return 1.0
