"""MAML and first-order MAML: an initialisation that a few inner steps turn into a good policy.

They ascend the return of a whole trial, trial_gradients (1), by one of its gradients. `estimator`
names it: emaml is trial_gradients (2), fomaml (3), plain is (2) without the score term; dice,
loaded_dice, lvc and linearised_score, without it too, have the Jacobians of `estimators`; reptile
is reptile (1). With `learn_alpha` the step size ascends beside theta, as one number or, in
Meta-SGD, one for each parameter:

    (1)  (theta, alpha) <- (theta, alpha) + beta mean over tasks of the gradient in both
                                                    [Finn et al. 2017, alg. 3; Li et al. 2017]
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import optimizers, trees
from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.gradients import adaptation, objectives, trials, trust_region
from metarl_min.gradients.adaptation import Objectives
from metarl_min.gradients.trial_gradients import (
    META_GRADIENTS,
    Gradients,
    outer_advantages,
    outer_surrogates,
)
from metarl_min.gradients.trials import Adaptation, Trial
from metarl_min.learners import Learner
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Family


class State(NamedTuple):
    """What the next step needs."""

    theta: Tree
    alpha: Any  # a number, or a tree like theta
    optimizer: Any


class Info(NamedTuple):
    """What a person wants to see of a step."""

    per_episode: Array  # [N] mean return of each episode; [1] after adaptation where exact


CHOICES = {
    "objective": ("trial", "adapted", "exact"),
    "learn_alpha": ("no", "scalar", "each"),
    "estimator": tuple(META_GRADIENTS),
    "update": ("ascent", "trpo", "clipped"),
}


class Rules(NamedTuple):
    """How a learner adapts, and how the outer loop ascends."""

    inner: Adaptation
    optimizer: optimizers.Optimizer
    num_tasks: int
    objective: str
    learn_alpha: str
    estimator: str
    update: str
    bound: float  # of the divergence (trpo) or of the ratio (clipped)


def _joined(theta: Tree, alpha: Any, learn_alpha: str) -> Tree:
    """What ascends, as one tree: theta, and the step size where it is learned."""
    if learn_alpha == "no":
        return theta
    leaves = {"": np.array(alpha)} if learn_alpha == "scalar" else alpha
    return theta | {f"alpha {name}": leaf for name, leaf in leaves.items()}


def _init(rng: Rng, family: Family, rules: Rules) -> State:
    """Start uniform (a table) or nearly so (a network), with the family's alpha."""
    inner = trials.resolve(rules.inner, family)
    trials.stage_sizes(inner, family)  # refuses an inner_steps that does not fit
    theta, alpha = inner.policy.init(rng, *family.sample(rng, 1).shape), inner.alpha
    trials.step_sizes(inner, theta, alpha)
    if rules.learn_alpha == "each":
        alpha = trees.map_leaves(lambda x: np.full_like(x, inner.alpha), theta)
    return State(theta, alpha, rules.optimizer.init(_joined(theta, alpha, rules.learn_alpha)))


def _ascend(rules: Rules, state: State, gradients: Gradients) -> State:
    """Eq. (1)."""
    learn, in_theta = rules.learn_alpha, gradients[0]
    in_alpha: Any = trees.scale(gradients[1], trials.step_sizes(rules.inner, in_theta, 1.0))
    if learn == "scalar":
        in_alpha = sum(leaf.sum() for leaf in in_alpha.values())
    g = trees.map_leaves(lambda x: x / rules.num_tasks, _joined(in_theta, in_alpha, learn))
    before = _joined(state.theta, state.alpha, learn)
    new, moments = rules.optimizer.update(before, state.optimizer, g)
    theta, alpha = {name: new[name] for name in state.theta}, state.alpha
    if learn != "no":
        alpha = {name[6:]: leaf for name, leaf in new.items() if name.startswith("alpha ")}
    return State(theta, float(alpha[""]) if learn == "scalar" else alpha, moments)


def _advantages(rules: Rules, trial: Trial) -> list[Array]:
    """What weighs the steps of a trial: for trial_gradients (1), or for its last stage alone."""
    earlier = 1.0 if rules.objective == "trial" else 0.0
    weights = [earlier] * (len(trial.stages) - 1) + [1.0]
    return outer_advantages(trial.stages, weights, rules.estimator == "emaml")


def _update_theta(rules: Rules, state: State, trial: Trial, sums: list[list[Array]]) -> State:
    """A step of `trust_region` in the place of an ascent."""
    common = rules.inner.policy, trial, trial.alpha, sums
    if rules.update == "trpo":
        theta, _ = trust_region.trpo_update(*common, max_kl=rules.bound)
        return state._replace(theta=theta)
    moved = trust_region.clipped_update(*common, rules.optimizer, state.optimizer, rules.bound)
    return State(moved[0], state.alpha, moved[1])


def _exact(state: State, family: Family, inner: Adaptation, tasks: MDP) -> tuple[Trial, Objectives]:
    """The path of exact inner steps towards F_inf, adaptation (5)."""
    J, K = objectives.expected_return_objective(tasks, family.horizon), inner.num_steps
    K = len(trials.stage_sizes(inner, family)) - 1 if K is None else K
    alpha = trials.step_sizes(inner, state.theta, state.alpha)
    path = adaptation.inner_loop(inner.policy, state.theta, alpha, [J] * K)
    return Trial(alpha, path, [J] * K, []), [None] * K + [J]


def _step(rng: Rng, state: State, family: Family, rules: Rules) -> tuple[State, Info]:
    rules = rules._replace(inner=trials.resolve(rules.inner, family))
    inner, tasks = rules.inner, family.sample(rng, rules.num_tasks)
    if rules.objective == "exact":
        trial, outer = _exact(state, family, inner, tasks)
        info = Info(outer[-1].value(inner.policy.logits(trial.path[-1])).mean(keepdims=True))
    else:
        trial = trials.play(rng, inner, family, state.theta, state.alpha, tasks)
        advantages, info = _advantages(rules, trial), Info(trials.per_episode(trial.stages))
        if rules.update != "ascent":
            pairs = zip(trial.stages, advantages, strict=True)
            sums = [trust_region.surrogate_tables(stage, A, tasks.shape) for stage, A in pairs]
            return _update_theta(rules, state, trial, sums), info
        outer = outer_surrogates(trial.stages, advantages, tasks.shape)
    return _ascend(rules, state, META_GRADIENTS[rules.estimator](inner, trial, outer)), info


def _trial(
    rng: Rng, state: State, family: Family, tasks: MDP, *, inner: Adaptation, greedy: bool = False
) -> Episodes:
    played = trials.play(rng, inner, family, state.theta, state.alpha, tasks, greedy)
    return trials.episodes(played.stages)


def without_adaptation(state: State) -> State:
    """The state that plays theta throughout: alpha = 0."""
    return state._replace(alpha=0.0)


def _control(rng: Rng, state: State, family: Family, rules: Rules) -> State:
    """The untrained start with the alpha that pays best on tasks of its own."""
    untrained = _init(rng, family, rules)
    alpha = trials.best_untrained_alpha(rng, rules.inner, family, untrained.theta)
    return untrained._replace(alpha=alpha)


def _iterations(family: Family) -> tuple[int, int]:
    return (350, 2000) if family.horizon == 1 else (250, 1500)


def maml(
    *, estimator: str = "emaml", objective: str = "trial", learn_alpha: str = "no",
    policy: str = "table", adapt: str = "", alpha: float | None = None, beta: float = 0.05,
    optimizer: str = "adam", num_tasks: int = 200, inner_steps: int | None = None,
    inner_episodes: int = 1, baseline: str = "", gamma: float | None = None,
    update: str = "ascent", max_kl: float = 0.01, clip: float = 0.3,
) -> Learner:  # fmt: skip
    """MAML, by default second order with the score term, eq. (1) by trial_gradients (2).

    `objective`: the return of the whole trial, that once adapted, or F_inf, exact, to which
    `inner_episodes`, `baseline` and `gamma` are nothing. `policy` and the names of its parameters
    that `adapt` (empty: all); `alpha`, `beta` inner and outer step size; `num_tasks` per
    meta-batch; `inner_steps` K of `inner_episodes` N_inner each; `baseline` (mean, linear or a
    number) and `gamma` of the inner surrogate. `update`: ascent along the gradient, trpo within
    `max_kl`, or clipped: ascents on the surrogate with ratios within `clip`.
    What is left out depends on the family: `trials.DEFAULTS`. ValueError or TypeError out of range.
    """
    rules = Rules(
        trials.settings(policy, alpha, inner_steps, inner_episodes, baseline, gamma, adapt),
        optimizers.OPTIMIZERS[optimizer](beta), whole("num_tasks", num_tasks), objective,
        learn_alpha, estimator, update, max_kl if update == "trpo" else clip,
    )  # fmt: skip
    for name, known in CHOICES.items():
        choice = getattr(rules, name)
        require(choice in known, f"{name} must be one of {', '.join(known)}", repr(choice))
    traced = isinstance(META_GRADIENTS[estimator], partial)
    rule = "the exact objective has no data, so estimator must be emaml, plain, fomaml or reptile"
    require(objective != "exact" or not traced, rule, repr(estimator))
    rule = "learn_alpha must be no for reptile, which has no gradient in alpha"
    require(learn_alpha == "no" or estimator != "reptile", rule, repr(learn_alpha))
    rule = "estimators that are traced need a baseline that is mean or a number"
    require(baseline != "linear" or not traced, rule, repr(baseline))
    plain = estimator in ("emaml", "plain") and learn_alpha == "no" and objective != "exact"
    rule = "update must be ascent but for emaml and plain, sampled, with a fixed alpha"
    require(update == "ascent" or plain, rule, repr(update))
    require(real("max_kl", max_kl) > 0, "max_kl must be positive", max_kl)
    require(0 < real("clip", clip) < 1, "clip must be above 0 and below 1", clip)
    init, control = partial(_init, rules=rules), partial(_control, rules=rules)
    step, trial = partial(_step, rules=rules), partial(_trial, inner=rules.inner)
    return Learner(init, step, trial, without_adaptation, control, _iterations)


fomaml = partial(maml, estimator="fomaml")
