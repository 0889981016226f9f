"""Tables from which `trust_region` computes its surrogates and the divergence.

C+(s,a) is the sum of the positive advantages over the visits of a pair (s, a), and C-(s,a) is the
sum of the negative advantages. `surrogate_tables` and `trial_tables` trust their arguments.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from metarl_min.basics.arguments import instance, require, sequence
from metarl_min.basics.trees import Array
from metarl_min.gradients.trials import Trial
from metarl_min.mdps import rollouts
from metarl_min.mdps.policies import Policy
from metarl_min.mdps.rollouts import Episodes


class StageTables(NamedTuple):
    """The tables of one stage, each [M, S, A].

    The tables are already divided by M, so a sum of them over tasks is a mean.
    """

    plus: Array  # C+ of trust_region (6), divided by M
    minus: Array  # C- of trust_region (6), divided by M
    visits: Array  # number of visits of each pair, divided by M


def surrogate_tables(episodes: Episodes, advantages: Array, shape: tuple[int, int]) -> StageTables:
    """Return C+ and C- of trust_region (6) and the visits of one stage. advantages [M, N, T]"""
    M = len(advantages)
    return StageTables(
        plus=rollouts.visit_sums(episodes, np.maximum(advantages, 0) / M, shape),
        minus=rollouts.visit_sums(episodes, np.minimum(advantages, 0) / M, shape),
        visits=rollouts.visit_sums(episodes, np.ones(advantages.shape) / M, shape),
    )


def trial_tables(
    stages: Sequence[Episodes], advantages: Sequence[Array], shape: tuple[int, int]
) -> list[StageTables]:
    """Return the tables of every stage of a trial, trust_region (6)."""
    pairs = zip(stages, advantages, strict=True)
    return [surrogate_tables(stage, Adv, shape) for stage, Adv in pairs]


def check_update(policy: Policy, trial: Trial, stages: Sequence[StageTables]) -> None:
    """Raise an error unless the types are right, and each stage of the trial has its tables."""
    instance("policy", policy, Policy)
    num_stages = len(instance("trial", trial, Trial).stages)
    for tables in sequence("stages", stages):
        instance("an entry of stages", tables, StageTables)
    require(len(stages) == num_stages, f"there must be tables of {num_stages} stages", len(stages))
