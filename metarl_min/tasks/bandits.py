"""Bandits: each pull is an episode of one step, and a trial is `pulls` episodes in a row.

The mean rewards of the arms are drawn once for each trial, and do not change during the trial:

    (1)  mean of arm i ~ Beta(a_i, b_i),  reward ~ Bernoulli(mean)    [Duan et al. 2016, sec. 3.1]
    (2)  mean of arm i ~ Normal(m, s^2),  reward ~ Normal(mean, noise^2)              [definition]
    (3)  means of two arms (p, 1 - p),  reward ~ Bernoulli(mean),
         uniform: p ~ Uniform[0, 1];  other kinds: p = x or p = 1 - x, with equal chances,
         x = 0.1 (easy), 0.25 (medium) or 0.4 (hard)             [Wang et al. 2016, sec. 3.1.2]
    (4)  for each cue, one arm is drawn once for each trial: this arm pays 1, the other arms pay 0;
         one cue is drawn before each pull                [after Santoro et al. 2016, sec. 3]

In this module, m and s are the mean and the standard deviation of the prior, a_i and b_i are the
parameters of a Beta distribution, and x is the smaller of two means. A bandit of (1)-(3) has one
state. In (4) a cue is a state.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np

from metarl_min.basics.arguments import floats, generator, instance, real, require, sequence, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.basics.words import Pairs, format_word
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MAX_COUNT, MAX_REWARD, MDP
from metarl_min.mdps.priors import BETA
from metarl_min.tasks import BetaArms, CorrelatedArms, Family, GaussianArms, family_of_candidates

MAX_ARMS = 1_000_000
MAX_TASKS = 4096  # candidate tasks of a contextual bandit
LOW_MEAN = {"easy": 0.1, "medium": 0.25, "hard": 0.4}  # x of eq. (3)
KINDS = {kind: kind for kind in ("uniform", *LOW_MEAN)}


def bandit_mdps(means: Array) -> MDP:
    """Return bandits whose arms have these mean rewards. [..., A] -> leading axes [...]"""
    require(floats("means", means).ndim > 0, "means must have the shape [.., A]", means.shape)
    return MDP(*_bandit_mdps(means))


def _bandit_mdps(means: Array) -> MDP:
    """Return bandits without a check of the means, which must be finite and not too large."""
    A, shared = means.shape[-1], (1,) * (means.ndim - 1)
    initial, transition = np.ones((*shared, 1)), np.ones((*shared, 1, A, 1))
    return MDP._make([initial, transition, means[..., None, :, None]])


def sample_beta(rng: Rng, num_tasks: int, prior: BetaArms) -> MDP:
    """Draw bandits from eq. (1)."""
    a = instance("prior", prior, BetaArms).a
    shape = whole("num_tasks", num_tasks, high=MAX_COUNT), len(a)
    return _bandit_mdps(generator("rng", rng).beta(a, prior.b, shape))  # means in [0, 1]


def sample_gaussian(rng: Rng, num_tasks: int, prior: GaussianArms) -> MDP:
    """Draw bandits from eq. (2)."""
    mean = instance("prior", prior, GaussianArms).mean
    shape = whole("num_tasks", num_tasks, high=MAX_COUNT), len(mean)
    return bandit_mdps(generator("rng", rng).normal(mean, prior.std, shape))


def sample_correlated(rng: Rng, num_tasks: int, prior: CorrelatedArms) -> MDP:
    """Draw bandits from eq. (3) with a continuous p."""
    instance("prior", prior, CorrelatedArms)
    p = generator("rng", rng).beta(prior.a, prior.b, whole("num_tasks", num_tasks, high=MAX_COUNT))
    return bandit_mdps(np.stack([p, 1 - p], axis=-1))


def bandit(*, arms: int = 5, pulls: int = 10, prior: Pairs = ((1.0, 1.0),)) -> Family:
    """Return Bernoulli arms whose means have Beta priors, eq. (1).

    arms   number of arms
    pulls  number of pulls in a trial
    prior  parameters a,b of the Beta distributions: one pair for all arms, or one pair for each arm
           with a slash between two pairs: 1,1/2,3 means (1, 1) and (2, 3)

    >>> family = bandit(arms=2, pulls=3, prior=((1.0, 1.0), (2.0, 3.0)))
    >>> family.parameters
    {'arms': 2, 'pulls': 3, 'prior': '1,1/2,3'}
    >>> family.sample(np.random.default_rng(0), 100).reward.shape  # [M, S, A, 1]
    (100, 1, 2, 1)
    """
    arms, pulls = whole("arms", arms, high=MAX_ARMS), whole("pulls", pulls)
    rule = f"prior must be one pair a,b for all arms or one per arm ({arms}), each from 1e-9 to 1e6"
    prior = tuple([sequence("a,b of prior", pair) for pair in sequence("prior", prior)])
    require(len(prior) in (1, arms) and set(map(len, prior)) == {2}, rule, prior)
    prior = tuple([(real("prior", a), real("prior", b)) for a, b in prior])
    for pair in prior:
        require(BETA[0] <= min(pair) and max(pair) <= BETA[1], rule, pair)
    pairs = np.broadcast_to(np.array(prior), (arms, 2))
    beta = BetaArms(a=pairs[:, 0].copy(), b=pairs[:, 1].copy())
    return Family(
        name="bandit",
        parameters={"arms": arms, "pulls": pulls, "prior": format_word(prior)},
        prior=beta,
        sample=partial(sample_beta, prior=beta),
        horizon=1,
        num_episodes=pulls,
        reward_noise=rollouts.bernoulli,
    )


def gaussian(
    *, arms: int = 5, pulls: int = 10, mean: float = 0.0, std: float = 1.0, noise: float = 1.0
) -> Family:
    """Return arms with normal rewards. The means of all arms have the same normal prior, eq. (2).

    arms   number of arms
    pulls  number of pulls in a trial
    mean   prior mean of the mean reward of an arm
    std    prior standard deviation of the mean reward of an arm
    noise  standard deviation of a reward around the mean of its arm
    """
    arms, pulls = whole("arms", arms, high=MAX_ARMS), whole("pulls", pulls)
    mean = real("mean", mean, -MAX_REWARD, MAX_REWARD)
    std, noise = real("std", std, 0, MAX_REWARD), real("noise", noise, 0, MAX_REWARD)
    prior = GaussianArms(mean=np.full(arms, mean), std=np.full(arms, std), noise=noise)
    return Family(
        name="gaussian",
        parameters={"arms": arms, "pulls": pulls, "mean": mean, "std": std, "noise": noise},
        prior=prior,
        sample=partial(sample_gaussian, prior=prior),
        horizon=1,
        num_episodes=pulls,
        reward_noise=partial(rollouts.gaussian, std=noise),
    )


def correlated(*, kind: Annotated[str, KINDS] = "uniform", pulls: int = 100) -> Family:
    """Return two Bernoulli arms whose means sum to 1, eq. (3).

    kind   distribution of the first mean: uniform on [0, 1], or 0.1 or 0.9 (easy), 0.25 or 0.75
           (medium), 0.4 or 0.6 (hard)
    pulls  number of pulls in a trial
    """
    known = instance("kind", kind, str) in KINDS
    require(known, f"kind must be one of {', '.join(KINDS)}", repr(kind))
    pulls = whole("pulls", pulls)
    parameters = {"kind": kind, "pulls": pulls}
    if kind in LOW_MEAN:
        x = LOW_MEAN[kind]
        return family_of_candidates(
            name="correlated",
            parameters=parameters,
            mdps=bandit_mdps(np.array([[x, 1 - x], [1 - x, x]])),
            weights=np.full(2, 0.5),
            horizon=1,
            num_episodes=pulls,
            noise=rollouts.bernoulli,
        )
    prior = CorrelatedArms(a=1.0, b=1.0)
    return Family(
        name="correlated",
        parameters=parameters,
        prior=prior,
        sample=partial(sample_correlated, prior=prior),
        horizon=1,
        num_episodes=pulls,
        reward_noise=rollouts.bernoulli,
    )


def contextual(*, cues: int = 4, arms: int = 2, pulls: int = 16) -> Family:
    """Return bandits in which the arm that pays depends on the cue, eq. (4).

    cues   number of cues
    arms   number of arms
    pulls  number of pulls in a trial
    """
    S, A, pulls = whole("cues", cues), whole("arms", arms, low=2), whole("pulls", pulls)
    rule = f"arms ** cues, the candidate tasks, must be at most {MAX_TASKS}"
    require(S <= 12 and A**S <= MAX_TASKS, rule, f"{A} ** {S}")
    paying_arm = np.stack(np.unravel_index(np.arange(A**S), (A,) * S), axis=-1)  # [G, S]
    stays = np.broadcast_to(np.eye(S)[:, None], (1, S, A, S))  # never used: an episode has one step
    mdps = MDP(
        initial=np.full((1, S), 1 / S),
        transition=stays,
        reward=(paying_arm[..., None] == np.arange(A)).astype(float)[..., None],
    )
    return family_of_candidates(
        name="contextual",
        parameters={"cues": S, "arms": A, "pulls": pulls},
        mdps=mdps,
        weights=np.full(A**S, A**-S),
        horizon=1,
        num_episodes=pulls,
        noise=rollouts.deterministic,
    )
