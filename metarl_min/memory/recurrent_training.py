"""The training of a recurrent policy: the ascents on one batch of trials, and their settings.

After i of n iterations, the step size and the entropy weight are these parts of their first values:

    (1)  beta_i = beta max(0, 1 - i / n),  eta_i = eta max(0, 1 - 2 i / n)
                                              [Mnih et al. 2016 for beta; definition for eta]

Without an entropy bonus, training ends at a policy that always pulls one arm. If the bonus never
falls to 0, the policy stays random wherever randomness costs little. So eta falls twice as fast as
beta, and the second half of the training has no bonus. `examples/local_optimum.py` trains with a
bonus and without one.

    (2)  F = sum over the M tasks of f / (M N T), with f of actor_critic (2)-(4)   [definition]

A step that is not alive adds 0 to the sum, but N T counts it.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np

from metarl_min.basics import optimizers
from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.trees import Array, Tree
from metarl_min.mdps.rollouts import Episodes
from metarl_min.memory import actor_critic, recurrent_policies
from metarl_min.memory.recurrent_agents import Trace, time_first
from metarl_min.memory.recurrent_policies import RecurrentPolicy


class Update(NamedTuple):
    """How often one batch is ascended, and how far the ratios may go, actor_critic (2)."""

    epochs: int
    clip: float

    @property
    def words(self) -> dict[str, Any]:
        """Return the words that make this update again."""
        return {"update": "a2c"} if self == a2c else {"update": "ppo", **self._asdict()}


a2c = Update(epochs=1, clip=np.inf)  # one ascent, so there is no ratio to clip [Mnih et al. 2016]


def ppo(epochs: int = 4, clip: float = 0.2) -> Update:
    """Return the update of `epochs` ascents with clipped ratios [Schulman et al. 2017]."""
    require(real("clip", clip) > 0, "clip must be positive", clip)
    return Update(epochs=whole("epochs", epochs), clip=clip)


def update_of_words(
    *,
    update: Annotated[str, {"a2c": "a2c", "ppo": "ppo"}] = "a2c",
    epochs: int | None = None,
    clip: float | None = None,
) -> Update:
    """Return the update that the words name. ValueError if a word would have no effect.

    update  a2c: one ascent on each batch; ppo: several, with clipped ratios
    epochs  number of ascents on each batch with update=ppo; by default 4
    clip    largest distance of a ratio from 1 with update=ppo; by default 0.2
    """
    words: dict[str, Any] = {"epochs": epochs, "clip": clip}
    given = {name: value for name, value in words.items() if value is not None}
    if update == "ppo":
        return ppo(**given)
    require(not given, f"{' and '.join(given)} must come with update=ppo", "update=a2c")
    return a2c


class Settings(NamedTuple):
    """The settings of a training. The fields but `update` are words of the command line.

    hidden      number of hidden units of the policy
    num_tasks   number of tasks in a batch
    iterations  length n of the training, over which the step size and the entropy weight fall
    gamma       discount of the rewards
    gae_lambda  lambda of the advantages, from 0 (one step) to 1 (the whole trial)
    scale       factor of the rewards in the advantages
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


UNSET = Settings._make([None] * 10)  # has the words; each default depends on the family


def check(settings: Settings) -> Settings:
    """Return the settings; TypeError or ValueError if one of them is out of range."""
    for name in ("hidden", "num_tasks", "iterations"):
        whole(name, getattr(settings, name))
    real("gamma", settings.gamma, 0, 1)
    real("gae_lambda", settings.gae_lambda, 0, 1)
    real("entropy", settings.entropy, 0)
    real("beta", settings.beta, 0)
    require(real("scale", settings.scale) > 0, "scale must be positive", settings.scale)
    require(real("max_norm", settings.max_norm) > 0, "max_norm must be positive", settings.max_norm)
    if not isinstance(settings.update, Update):
        raise TypeError(f"update must be a2c or ppo(..), got {settings.update!r}")
    return settings


class State(NamedTuple):
    """The state of the training."""

    theta: Tree
    optimizer: Any
    iteration: int


def schedule(beta: float, entropy_weight: float, done: float) -> tuple[float, float]:
    """Return the step size and the entropy weight, eq. (1). `done` is i / n.

    >>> schedule(0.02, 0.1, done=0.25)
    (0.015, 0.05)
    """
    return max(0.0, 1 - done) * beta, max(0.0, 1 - 2 * done) * entropy_weight


def ascend(
    policy: RecurrentPolicy,
    settings: Settings,
    state: State,
    trace: Trace,
    episodes: Episodes,
    rewards: Array,
) -> State:
    """Return the state after the ascents of eq. (2) on one batch, with the schedule of eq. (1).

    `trace` and `episodes` are those of the trials, and `rewards` [M, N, T] those of the training.
    """
    x, memories, logits, values = trace
    alive = time_first(episodes.alive)
    onehot = np.eye(logits.shape[-1], dtype=logits.dtype)[time_first(episodes.actions)]
    r = (settings.scale * time_first(rewards)).astype(logits.dtype)
    advantages = actor_critic.advantages(r, values, alive, settings.gamma, settings.gae_lambda)
    targets = advantages + values
    old_log_probs = actor_critic.log_probs_of_actions(logits, onehot)
    done = state.iteration / settings.iterations
    beta, eta = schedule(settings.beta, settings.entropy, done)
    adam, theta, moments = optimizers.adam(beta), state.theta, state.optimizer
    for epoch in range(settings.update.epochs):
        if epoch > 0:  # theta is not that of the trace any more
            memories, logits, values = recurrent_policies.unroll(policy, theta, x)
        logit_gradient = actor_critic.logit_gradient(
            logits, old_log_probs, onehot, advantages, alive, eta, settings.update.clip
        )
        value_gradient = actor_critic.value_gradient(values, targets, alive)
        per_step = logit_gradient / alive.size, value_gradient / alive.size
        g = recurrent_policies.gradient(policy, theta, x, memories, *per_step)
        theta, moments = adam.update(theta, moments, actor_critic.clip_norm(g, settings.max_norm))
    return State(theta=theta, optimizer=moments, iteration=state.iteration + 1)
