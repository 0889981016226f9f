"""The training of a recurrent policy: the ascents on one batch of trials, and their settings.

At the start of the training, the step size is beta, and the entropy has the weight eta. After i of
n iterations, the step size is beta_i, and the weight is eta_i:

    (1)  beta_i = beta max(0, 1 - i / n),  eta_i = eta max(0, 1 - 2 i / n)
                                              [Mnih et al. 2016 for beta; definition for eta]

The entropy of the policy, times eta_i, is called the bonus. Without a bonus, training on bandits
can stop too early: the probability of an arm falls to 0, and then the gradient in the logit of this
arm is 0 too. If the bonus never falls to 0, the policy stays random in those states where random
actions cost little reward. So eta_i falls twice as fast as beta_i, and in the second half of the
training there is no bonus. `examples/local_optimum.py` trains with a bonus and without a bonus.

Let f be the function of actor_critic (2) for one task. A batch is one trial on each of M tasks, so
it has M N T steps. The objective F is:

    (2)  F = sum over the M tasks of f / (M N T)                                  [definition]

A step that is not alive adds 0 to the sum, but it is counted in M N T. Each ascent is one step of
Adam with the gradient of F in theta. A long gradient is first scaled down, by actor_critic (6). In
this module, an update is all ascents on one batch.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np

from metarl_min.basics import optimizers
from metarl_min.basics.arguments import floats, instance, real, require, shaped, whole
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Tree
from metarl_min.mdps.rollouts import Episodes
from metarl_min.memory import actor_critic, recurrent_policies
from metarl_min.memory.protocol import RecurrentPolicy
from metarl_min.memory.recurrent_agents import Record, time_first


def _check_update(epochs: Any, clip: Any) -> tuple[int, float]:
    clip = clip if isinstance(clip, float) and clip == np.inf else real("clip", clip)
    require(clip > 0, "clip must be positive", clip)
    return whole("epochs", epochs), clip


@checked(_check_update)
class Update(NamedTuple):
    """The number of ascents on one batch, and the limit of the ratios in actor_critic (2)."""

    epochs: int  # number of ascents
    clip: float  # eps, the largest distance of a ratio from 1

    @property
    def words(self) -> dict[str, Any]:
        """Return the command-line options that give this update."""
        if self.epochs == 1:  # all ratios are 1, so clip has no effect
            return {"update": "a2c"} if self == a2c else {"update": "ppo", "epochs": 1}
        return {"update": "ppo", **self._asdict()}


a2c = Update(epochs=1, clip=np.inf)  # one ascent, where all ratios are 1 [Mnih et al. 2016]


def ppo(epochs: int = 4, clip: float = 0.2) -> Update:
    """Return the update of `epochs` ascents with clipped ratios [Schulman et al. 2017]."""
    return Update(epochs=epochs, clip=real("clip", clip))


# In `Annotated[type, x]`, x tells the command line which values an option may have.
def update_of_words(
    *,
    update: Annotated[str, {"a2c": "a2c", "ppo": "ppo"}] = "a2c",
    epochs: int | None = None,
    clip: float | None = None,
) -> Update:
    """Return the update that these command-line options choose.

    ValueError if an option has no effect.

    update  a2c: one ascent on each batch; ppo: several ascents, with clipped ratios
    epochs  number of ascents on each batch with update=ppo; by default 4
    clip    largest distance of a ratio from 1 with update=ppo; by default 0.2
    """
    options: dict[str, Any] = {"epochs": epochs, "clip": clip}
    given = {name: value for name, value in options.items() if value is not None}
    if instance("update", update, str) == "ppo":
        rule = "clip must come with at least 2 epochs, because all ratios of one ascent are 1"
        epochs = None if epochs is None else whole("epochs", epochs)
        require(clip is None or epochs != 1, rule, f"clip={clip} with epochs=1")
        return ppo(**given)
    require(not given, f"{' and '.join(given)} must come with update=ppo", "update=a2c")
    return a2c


def _check_settings(*fields: Any) -> tuple[Any, ...]:
    """Return the fields of `Settings`. Each number becomes an int or a float of Python."""
    *numbers, update = fields
    by_name = dict(zip(Settings._fields, numbers, strict=False))  # all fields except `update`
    for name, value in by_name.items():
        if name in ("hidden", "num_tasks", "iterations"):
            by_name[name] = whole(name, value)
        elif name in ("gamma", "gae_lambda"):
            by_name[name] = real(name, value, 0, 1)
        elif name in ("entropy", "beta"):
            by_name[name] = real(name, value, 0)
        else:
            by_name[name] = real(name, value)
            require(by_name[name] > 0, f"{name} must be positive", value)
    if not isinstance(update, Update):
        raise TypeError(f"update must be a2c or ppo(..), got {update!r}")
    return *by_name.values(), update


@checked(_check_settings)
class Settings(NamedTuple):
    """The settings of a training. On the command line, each field except `update` is one option.

    `update_of_words` makes the field `update` from the options `update`, `epochs` and `clip`.
    TypeError or ValueError if a setting is out of range.

    hidden      number of hidden units of the policy
    num_tasks   number of tasks in a batch
    iterations  length n of the training; the step size falls to 0 at n, the entropy weight at n / 2
    gamma       discount of the rewards
    gae_lambda  lambda of the advantages, from 0 (one step) to 1 (the whole trial)
    scale       factor of the rewards in the advantages; the rewards are first divided by the unit
                of the family; a larger factor gives the entropy less influence
    entropy     weight eta of the entropy at the start
    beta        step size at the start
    max_norm    length to which longer gradients are scaled down
    """

    hidden: int
    num_tasks: int
    iterations: int
    gamma: float
    gae_lambda: float
    scale: float
    entropy: float
    beta: float
    max_norm: float
    update: Update = a2c


# The command line reads the names of its options from UNSET. The value None says that the default
# of an option depends on the family, and `rl2.default_settings` chooses the default.
UNSET = Settings._make([None] * 10)


def check(settings: Settings) -> Settings:
    """Return the settings; TypeError or ValueError if a setting is out of range or None."""
    return Settings(*instance("settings", settings, Settings))


class State(NamedTuple):
    """The state of the training."""

    theta: Tree
    optimizer: Any  # the state of Adam
    iteration: int  # number of iterations so far


class Report(NamedTuple):
    """A report on one update, for the user. The means are over the steps that are alive."""

    gradient_norm: float  # length of the longest gradient, before it is scaled down
    entropy: float  # mean of -log pi(a_t) when the trials were played, an estimate of the entropy
    value_loss: float  # mean of (target_t - V_t)^2 / 4 when the trials were played


def schedule(beta: float, entropy_weight: float, progress: float) -> tuple[float, float]:
    """Return the step size and the entropy weight, eq. (1). `progress` is i / n.

    >>> schedule(0.02, 0.1, progress=0.25)
    (0.015, 0.05)
    """
    beta, entropy_weight = real("beta", beta, 0), real("entropy_weight", entropy_weight, 0)
    progress = real("progress", progress, 0)
    return max(0.0, 1 - progress) * beta, max(0.0, 1 - 2 * progress) * entropy_weight


def _check_batch(
    settings: Settings, state: State, record: Record, episodes: Episodes, rewards: Array
) -> None:
    instance("settings", settings, Settings)
    instance("state", state, State)
    instance("episodes", episodes, Episodes)
    shaped("rewards", floats("rewards", rewards), episodes.alive.shape, "the episodes")
    M, N, T = episodes.alive.shape
    shaped("values", instance("record", record, Record).values, (N * T, M), "the episodes")


def _require_finite(logits: Array, values: Array) -> None:
    """Raise a FloatingPointError if training has made an output of the policy infinite or NaN."""
    for name, x in (("logits", logits), ("values", values)):
        finite = np.isfinite(x)
        if not finite.all():
            raise FloatingPointError(f"{name} of the policy must be finite, got {x[~finite][0]}")


def _report(norm: float, old_log_probs: Array, advantages: Array, alive: Array) -> Report:
    """Return the report. An advantage is target_t - V_t, or 0 if the step is not alive."""
    entropy = -old_log_probs[alive].mean()
    value_loss = np.vdot(advantages, advantages) / alive.sum() / 4
    return Report(gradient_norm=norm, entropy=float(entropy), value_loss=float(value_loss))


def ascend(
    policy: RecurrentPolicy,
    settings: Settings,
    state: State,
    record: Record,
    episodes: Episodes,
    rewards: Array,
) -> tuple[State, Report]:
    """Make all ascents on one batch, eqs. (1) and (2). Return the new state and a report.

    `record` and `episodes` describe the trials of the batch. `rewards` [M, N, T] are the rewards
    that enter the advantages. They may differ from `episodes.rewards`: rl2 passes the
    sampled rewards, or the expected rewards minus a baseline, both divided by `tasks.reward_unit`.
    """
    _check_batch(settings, state, record, episodes, rewards)
    x, memories, logits, values = record
    _require_finite(logits, values)
    alive = time_first(episodes.alive)
    onehot = np.eye(logits.shape[-1], dtype=logits.dtype)[time_first(episodes.actions)]
    r = (settings.scale * time_first(rewards)).astype(logits.dtype)
    advantages = actor_critic.advantages(r, values, alive, settings.gamma, settings.gae_lambda)
    targets = advantages + values
    old_log_probs = actor_critic.log_probs_of_actions(logits, onehot)
    beta, eta = schedule(settings.beta, settings.entropy, state.iteration / settings.iterations)
    adam, theta, moments, longest = optimizers.adam(beta), state.theta, state.optimizer, 0.0
    for epoch in range(settings.update.epochs):
        if epoch > 0:  # theta has changed since the trials were played
            memories, logits, values = recurrent_policies.unroll(policy, theta, x)
            _require_finite(logits, values)
        logit_gradient = actor_critic.logit_gradient(
            logits, old_log_probs, onehot, advantages, alive, eta, settings.update.clip
        )
        value_gradient = actor_critic.value_gradient(values, targets, alive)
        gradients = logit_gradient / alive.size, value_gradient / alive.size  # of F, eq. (2)
        g = recurrent_policies.gradient(policy, theta, x, memories, *gradients)
        g, norm = actor_critic.clip_norm(g, settings.max_norm)
        (theta, moments), longest = adam.update(theta, moments, g), max(longest, norm)
    new = State(theta=theta, optimizer=moments, iteration=state.iteration + 1)
    return new, _report(longest, old_log_probs, advantages, alive)
