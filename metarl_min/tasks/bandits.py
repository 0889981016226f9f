"""Bandits: episodes of one step, in one state or a cue; a trial is `pulls` episodes in a row.

    (1)  mean of arm i ~ Beta(a_i, b_i), reward ~ Bernoulli(mean)      [Duan et al. 2016, sec. 3.1]
    (2)  mean of arm i ~ N(m, s^2), reward ~ N(mean, noise^2)                        [definition]
    (3)  means (p, 1 - p), p ~ U[0, 1], or p in {x, 1 - x} with x = .1 (easy), .25 (medium),
         .4 (hard), reward Bernoulli                                [Wang et al. 2016, sec. 3.1.2]

    (4)  a cue is drawn before each pull; for each, one arm drawn at random pays 1, the others 0
                                                              [after Santoro et al. 2016, sec. 3]

The means are drawn once a trial and stay.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.basics.words import Pairs, format_word
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import BetaArms, Family, GaussianArms, MirroredArms, family_of_candidates


def bandit_mdps(means: Array) -> MDP:
    """Return the bandits whose arms pay `means` on average. [..., A] -> leading axes [...]"""
    A, shared = means.shape[-1], (1,) * (means.ndim - 1)
    return MDP(np.ones((*shared, 1)), np.ones((*shared, 1, A, 1)), means[..., None, :, None])


def sample_beta(rng: Rng, num_tasks: int, prior: BetaArms) -> MDP:
    """Draw bandits from eq. (1)."""
    shape = whole("num_tasks", num_tasks), len(prior.a)
    return bandit_mdps(rng.beta(prior.a, prior.b, shape))


def sample_gaussian(rng: Rng, num_tasks: int, prior: GaussianArms) -> MDP:
    """Draw bandits from eq. (2)."""
    whole("num_tasks", num_tasks)
    return bandit_mdps(rng.normal(prior.mean, prior.std, (num_tasks, len(prior.mean))))


def sample_mirrored(rng: Rng, num_tasks: int, prior: MirroredArms) -> MDP:
    """Draw bandits from eq. (3) with a continuous p."""
    p = rng.beta(prior.a, prior.b, whole("num_tasks", num_tasks))
    return bandit_mdps(np.stack([p, 1 - p], axis=-1))


def bandit(*, arms: int = 5, pulls: int = 10, prior: Pairs = ((1.0, 1.0),)) -> Family:
    """Bernoulli arms with Beta priors, eq. (1): `prior` one (a, b) for all arms, or one per arm."""
    whole("arms", arms)
    rule = f"prior must be one a,b for all arms or one per arm ({arms}), each from 1e-9 to 1e6"
    require(len(prior) in (1, arms) and all(len(pair) == 2 for pair in prior), rule, prior)
    for a, b in prior:
        require(all(1e-9 <= real("prior", x) <= 1e6 for x in (a, b)), rule, (a, b))
    a, b = np.broadcast_to(np.array(prior, float), (arms, 2)).T
    beta = BetaArms(a.copy(), b.copy())
    words = {"arms": arms, "pulls": whole("pulls", pulls), "prior": format_word(tuple(prior))}
    sampler = partial(sample_beta, prior=beta)
    return Family("bandit", words, beta, sampler, 1, pulls, rollouts.bernoulli)


def gaussian(
    *, arms: int = 5, pulls: int = 10, mean: float = 0.0, std: float = 1.0, noise: float = 1.0
) -> Family:
    """Arms with normal rewards and normal means, eq. (2)."""
    means = np.full(whole("arms", arms), real("mean", mean, -1e100, 1e100))
    stds = np.full(arms, real("std", std, 0, 1e100))
    prior = GaussianArms(means, stds, real("noise", noise, 0, 1e100))
    words = {"arms": arms, "pulls": whole("pulls", pulls), "mean": mean, "std": std, "noise": noise}
    sampler, draw = partial(sample_gaussian, prior=prior), partial(rollouts.gaussian, std=noise)
    return Family("gaussian", words, prior, sampler, 1, pulls, draw)


def correlated(*, kind: str = "uniform", pulls: int = 100) -> Family:
    """Two arms with means p and 1 - p, eq. (3): `kind` uniform, easy, medium or hard."""
    low = {"uniform": None, "easy": 0.1, "medium": 0.25, "hard": 0.4}
    require(kind in low, f"kind must be one of {', '.join(low)}", repr(kind))
    words, x = {"kind": kind, "pulls": whole("pulls", pulls)}, low[kind]
    trial = 1, pulls, rollouts.bernoulli
    if x is not None:
        mdps = bandit_mdps(np.array([[x, 1 - x], [1 - x, x]]))
        return family_of_candidates("correlated", words, mdps, np.full(2, 0.5), *trial)
    prior = MirroredArms(1.0, 1.0)
    return Family("correlated", words, prior, partial(sample_mirrored, prior=prior), *trial)


def contextual(*, cues: int = 4, arms: int = 2, pulls: int = 16) -> Family:
    """Bind each cue, a state, to the arm that pays there, eq. (4)."""
    S, A = whole("cues", cues), whole("arms", arms, low=2)
    rule = "arms ** cues, the candidate tasks, must be at most 4096"
    require(S <= 12 and A**S <= 4096, rule, f"{A} ** {S}")
    pays = np.stack(np.unravel_index(np.arange(A**S), (A,) * S), axis=-1)  # [G, S]
    reward = (pays[..., None] == np.arange(A)).astype(float)[..., None]
    stays = np.broadcast_to(np.eye(S)[:, None], (1, S, A, S))
    mdps = MDP(np.full((1, S), 1 / S), stays, reward)
    words = {"cues": S, "arms": A, "pulls": whole("pulls", pulls)}
    trial = np.full(A**S, A**-S), 1, pulls, rollouts.deterministic
    return family_of_candidates("contextual", words, mdps, *trial)
