"""Families of tasks: distributions over MDPs.

    bandits        Bernoulli, Gaussian, correlated and contextual arms
    restless_arms  two arms whose means change during a trial
    gridworlds     goal search and navigation on a grid
    two_step       the two-step task
    random_mdps    MDPs with Dirichlet transitions and normal rewards
    registry       the families of the command line, by name

A `Family` holds a function that draws tasks, and a prior for the baselines and ceilings. Normally
the tasks are drawn from this prior. Learners do not read the prior. Learners draw tasks, and read
the unit and the noise of the rewards, the horizon and the number of episodes.

A task does not change during a trial. A family in which rewards change can still be written if the
changes do not depend on the actions. Then all changes of a trial are drawn at once. They are a part
of the task, and the state tells the time. An example is `restless_arms`.

A family is made by a function with keyword-only parameters. The annotation of a parameter says how
the command line reads a word `key=value`. For example, the annotation
`Annotated[Policy, networks.parse]` says that `networks.parse` reads the value. The docstring says
what each parameter means. To add a family, write such a function in a file of this folder, and add
the function to `registry.FAMILIES`. A function in a file outside the package has the name
`path/to/file.py:function` on the command line. The functions in a Family are functions of a module,
or `functools.partial`s of such functions, so that a family can be pickled.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import function, generator, instance, real, require, whole
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps import agents, rollouts
from metarl_min.mdps.agents import Agent
from metarl_min.mdps.mdp import MAX_COUNT, MDP, largest_reward, take_tasks
from metarl_min.mdps.priors import (
    BetaArms,
    CorrelatedArms,
    DirichletMDP,
    GaussianArms,
    Hypotheses,
)
from metarl_min.mdps.priors import expected_under_prior as expected_under_prior
from metarl_min.mdps.priors import prior_means as prior_means
from metarl_min.mdps.rollouts import Episodes, Noise

UNIT_TASKS = 100  # number of tasks that `reward_unit` draws if the prior is not known


class Unsupported(ValueError):
    """The error of a player or a solver that does not support a family."""


def require_support(condition: bool, rule: str, got: object) -> None:
    """Raise Unsupported with the rule and the value, unless the condition holds."""
    if not condition:
        raise Unsupported(f"{rule}, got {got}")


def _check_family(
    name: Any, parameters: Any, prior: Any, sample: Any, horizon: Any, num_episodes: Any,
    reward_noise: Any, unit: Any,
) -> tuple[Any, ...]:  # fmt: skip
    """Return the fields of a family. TypeError or ValueError unless they are valid."""
    instance("name", name, str)
    instance("parameters", parameters, dict)
    if unit is not None:
        unit = real("unit", unit)
        require(unit > 0, "unit must be positive", unit)
    functions = function("sample", sample), function("reward_noise", reward_noise)
    T = whole("horizon", horizon, high=MAX_COUNT)
    N = whole("num_episodes", num_episodes, high=MAX_COUNT)
    return name, parameters, prior, functions[0], T, N, functions[1], unit


@checked(_check_family)
class _Fields(NamedTuple):
    name: str  # the name on the command line
    parameters: dict[str, Any]  # the arguments of the family, as written on the command line
    prior: Any  # BetaArms, GaussianArms, CorrelatedArms, Hypotheses or DirichletMDP
    sample: Callable[[Rng, int], MDP]  # (rng, num_tasks) -> MDP with leading axis [M]
    horizon: int  # T, steps of an episode
    num_episodes: int  # N, episodes of a trial
    reward_noise: Noise  # (rng, mean rewards) -> rewards
    unit: float | None = None  # unit of the rewards; if None, `reward_unit` computes it


class Family(_Fields):
    """A distribution over tasks, with the number and the length of the episodes of a trial.

    Some defaults of learners depend on the size of the rewards. These defaults are computed from
    `reward_unit(family)`. ValueError unless the field `unit` is None or positive. If `unit` is a
    number, `_replace` with another prior or sampler must also give a unit, because the size of the
    rewards may change.
    """

    __slots__ = ()

    def _replace(self, **new: Any) -> "Family":
        if self.unit is not None and {"prior", "sample"} & set(new):
            rule = "a new prior or sample must come with a new unit, a number or None"
            require("unit" in new, rule, f"only the old unit {self.unit}")
        return Family(**{**self._asdict(), **new})


def sample_hypotheses(rng: Rng, num_tasks: int, prior: Hypotheses) -> MDP:
    """Draw tasks from the candidate tasks with their prior probabilities. [M]"""
    size = whole("num_tasks", num_tasks, high=MAX_COUNT)
    mdps, weights = instance("prior", prior, Hypotheses)
    return take_tasks(mdps, generator("rng", rng).choice(len(weights), size, p=weights))


def family_of_candidates(
    name: str,
    parameters: dict[str, Any],
    mdps: MDP,
    weights: Array,
    horizon: int,
    num_episodes: int,
    noise: Noise,
) -> Family:
    """Return the family of a finite set of candidate tasks.

    `mdps` holds the candidates [G], and `weights` [G] holds their prior probabilities.

    >>> arms = np.array([[0.9, 0.1], [0.1, 0.9]])[:, None, :, None]  # [G, S, A, 1]
    >>> mdps = MDP(np.ones((1, 1)), np.ones((1, 1, 2, 1)), arms)
    >>> prior = np.array([0.5, 0.5])
    >>> family = family_of_candidates("mirror", {}, mdps, prior, 1, 10, rollouts.bernoulli)
    >>> family.sample(np.random.default_rng(0), 3).reward[:, 0, :, 0]
    array([[0.1, 0.9], [0.9, 0.1], [0.9, 0.1]])
    """
    prior = Hypotheses(mdps=mdps, weights=weights)
    return Family(
        name=name,
        parameters=parameters,
        prior=prior,
        sample=partial(sample_hypotheses, prior=prior),
        horizon=horizon,
        num_episodes=num_episodes,
        reward_noise=noise,
    )


def reward_unit(family: Family) -> float:
    """Return the unit of the rewards of a family, a positive number.

    If `family.unit` is not None, the unit is this number. Otherwise the unit depends on the rewards
    and on the prior from which tasks are drawn: the keyword argument `prior` of `family.sample`.
    After `_replace`, `family.prior` can differ from this prior.

        Bernoulli rewards, BetaArms, CorrelatedArms  1
        GaussianArms, DirichletMDP  the first of these that is not zero: the largest prior standard
                                    deviation of a mean reward, the largest absolute prior mean, and
                                    the standard deviation of the noise
        Hypotheses                  the largest absolute mean reward of a possible candidate
        another prior, or no prior  the largest absolute mean reward of UNIT_TASKS tasks, which are
                                    drawn with a fixed generator

    If the rule gives zero, the unit is 1. If all rewards of a family are multiplied by c > 0, its
    unit is multiplied by c too, except in the first row.

    >>> small = MDP(np.ones(1), np.ones((1, 2, 1)), np.array([[[0.0], [-0.01]]]))
    >>> mine = Family("mine", {}, None, lambda rng, n: small, 1, 10, rollouts.deterministic)
    >>> reward_unit(mine), reward_unit(mine._replace(unit=2))
    (0.01, 2.0)
    """
    instance("family", family, Family)
    if family.unit is not None:
        return family.unit
    prior = getattr(family.sample, "keywords", {}).get("prior")
    if family.reward_noise is rollouts.bernoulli or isinstance(prior, (BetaArms, CorrelatedArms)):
        return 1.0
    if isinstance(prior, (GaussianArms, DirichletMDP)):
        sizes = [np.max(prior.std), np.abs(prior.mean).max(), prior.noise]
        return next((float(size) for size in sizes if size > 0), 1.0)
    if isinstance(prior, Hypotheses):
        tasks = take_tasks(prior.mdps, np.flatnonzero(prior.weights))
    else:
        tasks = family.sample(np.random.default_rng(0), UNIT_TASKS)
    return largest_reward(tasks) or 1.0


def shared_initial(prior: Hypotheses) -> Array:
    """Return the distribution of the first state. [S]

    `Unsupported` unless all candidate tasks have the same distribution of the first state.
    """
    initial = np.atleast_2d(instance("prior", prior, Hypotheses).mdps.initial)
    if not (initial == initial[0]).all():
        rule = "hypotheses must share one distribution of the first state"
        raise Unsupported(f"{rule}, got different ones")
    return initial[0]


def shape_of(family: Family) -> tuple[int, int]:
    """Return (S, A), the numbers of states and actions of every task of a family."""
    return instance("family", family, Family).sample(np.random.default_rng(0), 1).shape


def play_trial(rng: Rng, family: Family, tasks: MDP, agent: Agent) -> tuple[Episodes, Any]:
    """Play one trial of the family on each task.

    Return the episodes [M, N, T], and the memory of the agent after the last step of the trial.
    """
    tables = rollouts.sampler(tasks, instance("family", family, Family).reward_noise)
    return agents.play(rng, tables, agent, family.num_episodes, family.horizon)
