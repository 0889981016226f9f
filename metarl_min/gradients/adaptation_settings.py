"""The settings of adaptation, checked and resolved for a family.

`tasks.reward_unit` returns the unit of the rewards of a family. The default baseline is a number
times this unit, and the default step size is a number divided by this unit. So with both defaults,
the change of the parameters in an inner step does not depend on the unit of the rewards.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import instance, real, require, whole
from metarl_min.basics.records import checked
from metarl_min.gradients import advantages
from metarl_min.mdps import networks
from metarl_min.mdps.policies import Policy, tabular
from metarl_min.tasks import Family, reward_unit, shape_of

# The inner step size, discount and constant baseline of each family, for rewards with the unit 1.
# For another unit, alpha is divided by this unit, and the baseline is multiplied by this unit.
# examples/benchmarks/adaptation_defaults.py computes the returns with other step sizes.
DEFAULTS = {
    "bandit": {"alpha": 4.0, "gamma": 1.0, "baseline": 0.5},
    "correlated": {"alpha": 4.0, "gamma": 1.0, "baseline": 0.5},
    "gaussian": {"alpha": 2.0, "gamma": 1.0, "baseline": 0.0},
    "gridworld": {"alpha": 8.0, "gamma": 0.5, "baseline": 0.0},
    "other": {"alpha": 1.0, "gamma": 0.5, "baseline": 0.0},  # every other family
}
MAX_DEFAULT_STEPS = 9  # largest default of inner_steps


# These settings have an effect only if a trial has an inner step.
OF_STEPS = ("alpha", "inner_episodes", "baseline", "gamma", "adapt")


def parse_names(word: str) -> tuple[str, ...]:
    """Return the names in a text that has commas between the names.

    >>> parse_names("W2,b2"), parse_names("")
    (('W2', 'b2'), ())
    """
    return tuple(word.split(",")) if instance("adapt", word, str) else ()


def _check_names(adapt: tuple[str, ...], policy: Policy, family: Family) -> None:
    """Raise an error unless `adapt` holds names of parameters of the policy."""
    if not isinstance(policy, Policy) or not isinstance(adapt, tuple):
        rule = "policy must be a Policy and adapt a tuple of names"
        raise TypeError(f"{rule}, got {policy!r} and {adapt!r}")
    for name in adapt:
        instance("a name in adapt", name, str)
    names = policy.init(np.random.default_rng(0), *shape_of(family)) if adapt else {}
    rule = f"adapt must name some of {', '.join(names)}"
    require(set(adapt) <= set(names), rule, ",".join(adapt))
    require(len(set(adapt)) == len(adapt), "adapt must name a parameter once", ",".join(adapt))


def _valid(
    family: Family,
    policy: Policy,
    alpha: float,
    inner_steps: int,
    inner_episodes: int,
    baseline: str | float,
    gamma: float,
    adapt: tuple[str, ...],
) -> tuple[Any, ...]:
    _check_names(adapt, policy, instance("family", family, Family))
    size, K = whole("inner_episodes", inner_episodes), whole("inner_steps", inner_steps, low=0)
    most = (family.num_episodes - 1) // size
    rule = f"inner_steps must be at most (num_episodes - 1) // inner_episodes = {most}"
    require(most >= K, f"{rule}, because an episode follows each inner step", K)
    baseline = advantages.check(baseline)
    if K > 0:
        S = shape_of(family)[0] if baseline == "linear" else 1  # no other baseline depends on S
        advantages.require_enough_data(baseline, "inner_episodes", size, family.horizon, S)
    alpha, gamma = real("alpha", alpha, 0), real("gamma", gamma, 0, 1)
    return family, policy, alpha, K, size, baseline, gamma, adapt


@checked(_valid)
class Adaptation(NamedTuple):
    """The settings with which a learner adapts in the trials of one family. No field is None.

    TypeError or ValueError if a field is out of range, or if the fields do not fit together.
    """

    family: Family
    policy: Policy
    alpha: float  # inner step size at the start of training
    inner_steps: int  # K
    inner_episodes: int  # N_inner
    baseline: str | float  # one of advantages.NAMES, or a number
    gamma: float  # discount of W
    adapt: tuple[str, ...]  # names of the parameters that adapt; if empty, all parameters adapt

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of episodes of each stage: N_inner in the first K stages, the rest in stage K."""
        K, size = self.inner_steps, self.inner_episodes
        return (size,) * K + (self.family.num_episodes - K * size,)

    @property
    def words(self) -> dict[str, Any]:
        """Return the keyword arguments with which `adaptation` makes an equal record.

        The values are numbers or words of the command line. Settings without an effect are left
        out.
        """
        words = {"policy": self.policy.word, "inner_steps": self.inner_steps}
        if self.inner_steps == 0:
            return words
        adapt = ",".join(self.adapt)
        return words | {name: getattr(self, name) for name in OF_STEPS} | {"adapt": adapt}


def unit_of_alpha(unit_of_rewards: float, baseline: str | float) -> float:
    """Return the unit of the inner gradient, by which the default alpha is divided.

    The inner gradient has the unit of the advantages. Advantages have the unit of the rewards, but
    standardised advantages have the unit 1. The function trusts its arguments.
    """
    return 1.0 if baseline == "standardised" else unit_of_rewards


def default_steps(num_episodes: int, inner_episodes: int | None) -> int:
    """Return the default of K: the largest number up to 9 that leaves an episode after each step.

    The function trusts `num_episodes` and checks `inner_episodes`.
    """
    size = 1 if inner_episodes is None else whole("inner_episodes", inner_episodes)
    rule = f"inner_episodes must be below num_episodes = {num_episodes}"
    fits = inner_episodes is None or size < num_episodes
    require(fits, f"{rule}, because an episode follows each inner step", size)
    return min(MAX_DEFAULT_STEPS, (num_episodes - 1) // size)


def adaptation(
    family: Family,
    *,
    policy: Annotated[Policy, networks.parse] = tabular,
    alpha: float | None = None,
    inner_steps: int | None = None,
    inner_episodes: int | None = None,
    baseline: Annotated[str | float, advantages.parse] | None = None,
    gamma: float | None = None,
    adapt: Annotated[tuple[str, ...], parse_names] = (),
) -> Adaptation:
    """Check the settings of adaptation, and fill in the defaults of the family.

    TypeError or ValueError if a setting is out of range, or has no effect.

        policy          table, network or network:H with H hidden units
        alpha           inner step size, at least 0; by default the value for the family in
                        adaptation_settings.DEFAULTS, divided by the unit of the inner gradient
        inner_steps     number K of inner steps in a trial; by default the largest number up to 9
                        with at least one episode after the last inner step
        inner_episodes  number N_inner of episodes before each inner step, by default 1
        baseline        mean, leave_one_out, standardised, linear or a number; by default the value
                        for the family in adaptation_settings.DEFAULTS, multiplied by the unit of
                        the rewards. A number or leave_one_out does not change the expected inner
                        gradient. With mean, this gradient is multiplied by 1 - 1/N_inner. With
                        linear, a part of this gradient is lost, advantages (5)
        gamma           discount of the return-to-go in the inner surrogate; by default the value
                        for the family in adaptation_settings.DEFAULTS
        adapt           names of the parameters that adapt, such as W2,b2; by default all parameters
    """
    instance("family", family, Family)
    default = DEFAULTS.get(family.name, DEFAULTS["other"])
    N = family.num_episodes
    given = zip(OF_STEPS, (alpha, inner_episodes, baseline, gamma, adapt or None), strict=True)
    unused = [name for name, value in given if value is not None]
    if inner_steps is None:
        K = default_steps(N, inner_episodes)
    else:
        K = whole("inner_steps", inner_steps, low=0)
    rule = "settings of the inner step must be left out where a trial has no inner step"
    require(K != 0 or not unused, rule, ", ".join(unused))
    unit = reward_unit(family)
    baseline = default["baseline"] * unit if baseline is None else baseline
    return Adaptation(
        family=family,
        policy=policy,
        alpha=default["alpha"] / unit_of_alpha(unit, baseline) if alpha is None else alpha,
        inner_steps=K,
        inner_episodes=1 if inner_episodes is None else inner_episodes,
        baseline=baseline,
        gamma=default["gamma"] if gamma is None else gamma,
        adapt=adapt,
    )
