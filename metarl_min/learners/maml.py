"""MAML: meta-parameters from which a few inner steps lead to a good policy.

With the default settings, `_sampled_step` computes one iteration for M tasks as follows. For a step
of stage k, X = W_t + R_{>k} is the sum of the rewards that can depend on the action of the step,
trial_gradients (2). J_k is the surrogate that inner step k ascends, trials (2). The right column
names the functions:

    draw M tasks                                                     family.sample
    play a trial on each task with theta and alpha,                  trials.play
        which gives phi_0 .. phi_K and D_0 .. D_K
    for each stage k:
        Adv = X minus the mean of X over the other tasks             estimator.advantages
        L_k(phi) = sum over all steps of D_k of Adv log pi_phi(a|s)  outer.terms
    v_K = grad L_K(phi_K)                                            outer.update
    for k = K - 1, .., 0:
        v_k = v_{k+1} + Hess J_k(phi_k) (alpha v_{k+1}) + grad L_k(phi_k)
    theta <- theta plus a step of Adam along 1/M sum_tasks v_0

Adv is trial_gradients (4), and v_k is the adjoint of adaptation (3). This algorithm is E-MAML
(Stadie et al. 2018) on the return of the whole trial.

MAML as published by Finn et al. 2017 has two other settings. estimator=plain leaves out the score
term. objective=adapted uses only the rewards of the episodes after the last inner step. The
experiments of Finn et al. also have inner_steps=1, inner_episodes=20, baseline=linear and
update=trpo (in Python: outer=outer_updates.trpo()). In this library, baseline=linear is a
least-squares fit with a feature for each state and features of time. The fit uses the episodes of
the inner step itself. So a part of the inner gradient is lost, advantages (5). To limit this part,
at least 2 (S + min(T - 1, 3)) inner episodes are required. The policy of Finn et al. is a ReLU
network with two hidden layers of 100 units. In this library, policy=network:100 has one hidden
layer of 100 tanh units.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple

from metarl_min.basics import words
from metarl_min.basics.arguments import flag, generator, instance
from metarl_min.basics.trees import Array, Rng
from metarl_min.gradients import combinations, controls, outer_updates, trials
from metarl_min.gradients.adaptation_settings import adaptation as resolve
from metarl_min.gradients.adaptation_settings import unit_of_alpha
from metarl_min.gradients.forward_passes import forward_passes
from metarl_min.gradients.objectives import expected_return_objective
from metarl_min.gradients.outer_updates import Outer, Settings, State
from metarl_min.gradients.outer_words import ascent_of_words, outer_of_words
from metarl_min.gradients.step_sizes import LEARN_ALPHA, LearnAlpha, fixed_alpha
from metarl_min.gradients.traced_trials import META_GRADIENTS, reptile
from metarl_min.gradients.trial_gradients import MetaGradient, emaml
from metarl_min.gradients.trial_gradients import fomaml as fomaml_estimator
from metarl_min.gradients.trials import Trial
from metarl_min.learners import Control, Learner
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Family, reward_unit


# The module outer_updates defines the records Settings, State and Outer.
class Info(NamedTuple):
    """A report on one step of training. Its returns and its alpha are those before the update.

    A number is None if it is not computed with these settings. The last three fields are those of
    `trust_region.Info`, and describe the update.
    """

    per_episode: Array
    # [N] mean return of each episode; with the exact objective, [1] the mean of J(phi_K)
    before: float | None  # mean return of an episode before the first inner step
    after: float | None  # mean return of an episode after the last inner step
    alpha: Any  # learned step size; `step_sizes.StepSizes` if there is one for each parameter
    accepted: bool | None
    improvement: float | None
    kl: float | None


def _init(rng: Rng, *, settings: Settings) -> State:
    """Return the state at the start of training. The policy is uniform, or nearly uniform."""
    num_states, num_actions = settings.adaptation.family.sample(rng, 1).shape
    theta = settings.adaptation.policy.init(rng, num_states, num_actions)
    return outer_updates.init(settings, theta)


def _sampled_step(
    rng: Rng, state: State, *, settings: Settings, early_weight: float
) -> tuple[State, Info]:
    """Take one step on sampled trials, by the pseudo-code in the docstring of the module.

    `early_weight` multiplies the rewards of all stages except the last stage.
    """
    family, (theta, alpha, *_) = settings.adaptation.family, instance("state", state, State)
    tasks = family.sample(generator("rng", rng), settings.num_tasks)
    sampler = rollouts.sampler(tasks, family.reward_noise)
    trial = trials.play(rng, settings.adaptation, sampler, theta, alpha)
    weights = [early_weight] * (len(trial.stages) - 1) + [1.0]
    advantages = settings.estimator.advantages(trial.stages, weights)
    terms = settings.outer.terms(trial.stages, advantages, sampler.shape)
    new, report = settings.outer.update(settings, state, trial, terms)
    per_episode, sizes = trials.per_episode(trial.stages), settings.adaptation.sizes
    adapts = len(sizes) > 1
    return new, Info(
        per_episode=per_episode,
        before=per_episode[: sizes[0]].mean() if adapts else None,
        after=per_episode[-sizes[-1] :].mean() if adapts else None,
        alpha=outer_updates.learned_alpha(settings, alpha),
        **report._asdict(),
    )


def exact_return(rng: Rng, state: State, *, settings: Settings) -> tuple[State, Info]:
    """Take one step on F_inf, adaptation (5), with exact inner steps and no sampled episodes."""
    adaptation, K = settings.adaptation, settings.adaptation.inner_steps
    instance("state", state, State)
    tasks = adaptation.family.sample(rng, settings.num_tasks)
    J = expected_return_objective(tasks, adaptation.family.horizon)
    alpha = trials.step_sizes(adaptation, state.theta, state.alpha)
    path, passes = forward_passes(adaptation.policy, state.theta, alpha, [J] * K)
    trial = Trial(alpha=alpha, path=path, inner=[J] * K, stages=[], passes=passes)
    new, report = settings.outer.update(settings, state, trial, [None] * K + [J])
    after = J.value(adaptation.policy.logits(path[-1])).mean(keepdims=True)
    learned = outer_updates.learned_alpha(settings, state.alpha)
    numbers = {"per_episode": after, "before": None, "after": after[0], "alpha": learned}
    return new, Info(**numbers, **report._asdict())


whole_trial = partial(_sampled_step, early_weight=1.0)
after_adaptation = partial(_sampled_step, early_weight=0.0)
ASCENT = ascent_of_words()
OBJECTIVES = {"trial": whole_trial, "adapted": after_adaptation, "exact": exact_return}


def _trial(
    rng: Rng, state: State, tasks: MDP, greedy: bool = False, *, settings: Settings
) -> Episodes:
    """Play one trial on each task. -> [M, N, T]"""
    sampler = rollouts.sampler(tasks, settings.adaptation.family.reward_noise)
    sample = trials.sample_greedily if flag("greedy", greedy) else rollouts.sampled_episodes
    theta, alpha = instance("state", state, State)[:2]
    trial = trials.play(
        generator("rng", rng), settings.adaptation, sampler, theta, alpha, sample=sample
    )
    return trials.join_stages(trial.stages)


def _without_adaptation(state: State) -> State:
    """Return the state with inner step size zero, so that phi_k = theta for every k."""
    return state._replace(alpha=0.0)


def _untrained_control(rng: Rng, *, settings: Settings) -> Control:
    """Return an untrained state with its best inner step size."""
    untrained = _init(rng, settings=settings)

    def play_trial(rng: Rng, alpha: float, tasks: MDP) -> Episodes:
        return _trial(rng, untrained._replace(alpha=alpha), tasks, settings=settings)

    start = settings.adaptation.alpha or 1 / settings.unit  # the search needs a positive start
    alpha = controls.best_untrained_alpha(rng, settings.adaptation.family, start, play_trial)
    return Control(state=untrained._replace(alpha=alpha), alpha=alpha)


def _settings(
    family: Family, adaptation: dict[str, Any], outer: Outer, estimator: MetaGradient, **rest: Any
) -> Settings:
    """Return the settings, with defaults that fit the unit of the rewards.

    The defaults of the outer update are scaled to the unit of the outer gradient. The outer
    gradient of `reptile` is a sum of inner gradients, so it has the unit of an inner gradient.
    Every other outer gradient has the unit of the rewards.
    """
    how = resolve(family, **adaptation)
    reward = reward_unit(family)
    unit = unit_of_alpha(reward, how.baseline)  # of the inner gradient
    if isinstance(outer, Outer) and outer.in_unit is not None:
        outer = outer.in_unit(unit if estimator is reptile else reward)
    return Settings(adaptation=how, outer=outer, estimator=estimator, unit=unit, **rest)


def maml(
    family: Family,
    *,
    estimator: Annotated[MetaGradient, META_GRADIENTS] = emaml,
    objective: Annotated[Callable[..., Any], OBJECTIVES] = whole_trial,
    learn_alpha: Annotated[LearnAlpha, LEARN_ALPHA] = fixed_alpha,
    outer: Annotated[Outer, outer_of_words] = ASCENT,
    num_tasks: int = 200,
    **adaptation: Annotated[Any, resolve],
) -> Learner:
    """Return MAML for a family; by default E-MAML on the return of the whole trial.

    TypeError or ValueError if a setting is out of range, or does not fit another setting.

        estimator    estimator of the gradient through the inner steps. emaml: second order with the
                     score term; plain: second order without the score term; fomaml: first order;
                     reptile: the sum of the inner gradients; dice, loaded_dice, lvc,
                     linearised_score: other estimators of the derivative of an inner step
        objective    trial: the return of the whole trial; adapted: the return of the episodes after
                     the last inner step; exact: F_inf, without sampled episodes
        learn_alpha  no: alpha is fixed; scalar: one step size is learned; each: a step size is
                     learned for each parameter
        num_tasks    number of tasks in one iteration

    `outer` is the update of theta, such as `ascent(adam(0.05))` or `trpo(max_kl=0.01)`. The other
    keywords are the settings of `adaptation_settings.adaptation`. With the exact objective,
    training samples no episodes, so inner_episodes, baseline and gamma affect only evaluation.

    >>> from metarl_min.tasks.bandits import bandit
    >>> learner = maml(bandit(arms=2), alpha=2.0, outer=outer_updates.trpo(max_kl=0.02))
    >>> learner.settings["alpha"], learner.settings["update"], learner.iterations
    (2.0, 'trpo', 2000)
    """
    if objective not in OBJECTIVES.values():
        names = "whole_trial, after_adaptation or exact_return"
        raise TypeError(f"objective must be {names}, got {objective!r}")
    settings = _settings(
        family, adaptation, outer, estimator, learn_alpha=learn_alpha, num_tasks=num_tasks
    )
    setting_words = words.describe(maml, {**settings._asdict(), "objective": objective})
    combinations.check(settings, setting_words)
    adapts = settings.adaptation.inner_steps > 0
    return Learner(
        family=family,
        init=partial(_init, settings=settings),
        step=partial(objective, settings=settings),
        trial=partial(_trial, settings=settings),
        iterations=2000 if family.horizon == 1 else 1500,
        settings=setting_words,
        without_adaptation=_without_adaptation if adapts else None,
        untrained_control=partial(_untrained_control, settings=settings) if adapts else None,
    )


def hide_settings(learner: Learner, *names: str) -> Learner:
    """Return the learner without the settings `names`, which a user cannot choose."""
    settings = {name: word for name, word in learner.settings.items() if name not in names}
    return learner._replace(settings=settings)


def fomaml(
    family: Family,
    *,
    outer: Annotated[Outer, ascent_of_words] = ASCENT,
    **settings: Annotated[Any, partial(maml, estimator=fomaml_estimator, outer=ASCENT)],
) -> Learner:
    """Return first-order MAML for a family: `maml` with the estimator of trial_gradients (3)."""
    learner = maml(family, estimator=fomaml_estimator, outer=outer, **settings)
    return hide_settings(learner, "estimator", "update")
