"""RL^2: a recurrent policy whose memory learns the task, trained by actor-critic.

One step of the training is:

    draw M tasks of the family
    play one trial on each task; the policy keeps its memory through all episodes
    record = observations, memories, logits and values of all N T steps
    r      = scale / unit times the sampled rewards, or scale / unit times the rewards of (1)
    Adv    = advantages of all steps                           by actor_critic (1)
    beta, eta = step size and entropy weight                   by recurrent_training (1)
    once for a2c, several times for ppo:
        unroll the policy over the observations again, except the first time
        gradients in the logits and in the values              by actor_critic (3)-(5)
        g      = gradient of F in theta, through all steps     by recurrent_training (2)
        g      = g, scaled down to max_norm if it is longer    by actor_critic (6)
        theta  = theta + the step of Adam for g

The gradient in theta is written by hand for `gru`, `lstm` and `external_memory.policy`. Autograd
computes the gradient for the other cells. The policy observes its previous action and its previous
reward, by recurrent_agents (1). Within a trial, the memory of the policy changes, and theta stays
fixed. `tasks.reward_unit` gives the unit of the rewards of the family. If all rewards and their
unit are multiplied by the same positive number, the training changes only by rounding.

By default, the training uses the sampled rewards r_t. If the setting `rewards` is "expected", the
training replaces r_t by

    (1)  r(s_t,a_t) - b, where b is a function of the task                [derivation]

    Let score_t = dlog pi(a_t|history)/dtheta. By the policy gradient theorem, the gradient of the
    expected return is the expectation of sum_t score_t sum_{k>=t} r_k.
    First, fix the task and all states and actions up to a_k, and the rewards before r_k. Then
    score_t is constant, and r_k has the mean r(s_k,a_k). So r_k may be replaced by r(s_k,a_k).
    Second, fix the task and all states, actions and rewards before a_t. Then b is constant, and
    score_t has the mean 0. So b may be subtracted, as a baseline.

The return in this proof is not discounted. For gamma = lambda = 1, Adv_t is the sum of all r_k with
k >= t, minus V_old,t, which is a baseline too. If gamma or lambda is less than 1, the gradient can
be biased, with and without (1).

If the task has one state, b is the mean of r(s,a) over the actions. If the task has several states,
an episode may end early. Then the number of steps, and the sum of b over the steps, depend on the
actions. Such a sum is not a baseline, so b is 0. The policy always observes the sampled rewards.

NumPy multiplies matrices with a BLAS library, often OpenBLAS. OpenBLAS uses several threads for a
product of more than 2^19 multiplications. Then the last bits of the product can depend on the
number of threads. The default settings for bandits with one state need such products. By default,
the command line uses one thread. Then two trainings with the same seed and the same libraries have
the same bits on the same kind of processor. One thread is also faster, because these products are
small.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple

import numpy as np

from metarl_min.basics import optimizers, words
from metarl_min.basics.arguments import function, generator, instance, require
from metarl_min.basics.trees import Array, Rng
from metarl_min.learners import Learner
from metarl_min.mdps import mdp, rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.memory import recurrent_agents, recurrent_policies, recurrent_training
from metarl_min.memory.protocol import Cell, RecurrentPolicy
from metarl_min.memory.recurrent_policies import CELLS
from metarl_min.memory.recurrent_training import Settings, State, Update
from metarl_min.tasks import Family, play_trial, reward_unit, shape_of

Rewards = Callable[[Episodes, MDP], Array]  # episodes, tasks -> rewards of the training [M, N, T]


def sampled_rewards(episodes: Episodes, tasks: MDP) -> Array:
    """Return the rewards of the episodes as they were sampled. [M, N, T]"""
    return np.asarray(instance("episodes", episodes, Episodes).rewards)


def expected_rewards(episodes: Episodes, tasks: MDP) -> Array:
    """Return the expected reward of each step minus a baseline, eq. (1). [M, N, T]"""
    instance("episodes", episodes, Episodes)
    instance("tasks", tasks, MDP)
    mean = np.broadcast_to(mdp.expected_rewards(tasks), (*tasks.leading, *tasks.shape))
    if tasks.shape[0] == 1:
        mean = mean - mean.mean(-1, keepdims=True)
    index = rollouts.visit_index(episodes, tasks.shape)  # entries (task, s, a) of the flat `mean`
    return mean.ravel()[index]


REWARDS: dict[str, Rewards] = {"sampled": sampled_rewards, "expected": expected_rewards}


class Info(NamedTuple):
    """A report on one step of the training."""

    per_episode: Array  # [N] mean return of each episode
    gradient_norm: float  # these three are the fields of `recurrent_training.Report`
    entropy: float
    value_loss: float


# Defaults for each kind of family. They were chosen by trainings with seeds that no test uses.
BANDIT = Settings(
    hidden=64, num_tasks=256, iterations=2000, gamma=1.0, gae_lambda=0.7,
    scale=1.0, entropy=0.1, beta=0.02, max_norm=0.1,
)  # fmt: skip
# In a contextual bandit, each state is called a cue. For each cue, one arm always pays 1, and the
# other arms always pay 0. Actions do not change the later cues. If an arm of the cue has paid, it
# pays again, and no arm gives more information. If no arm has paid, all untried arms are equally
# likely to pay, and give the same information. The tried arms pay nothing and give no information.
# So in both cases, the arm that is most likely to pay now is also best for the rest of the trial.
# Therefore gamma is 0, and later rewards add no noise to the advantages. The policy still learns to
# remember, because gradients go back through the memory.
CONTEXTUAL = Settings(
    hidden=32, num_tasks=128, iterations=1000, gamma=0.0, gae_lambda=0.0,
    scale=1.0, entropy=0.02, beta=0.01, max_norm=1.0,
)  # fmt: skip
MANY_STEPS = Settings(
    hidden=48, num_tasks=64, iterations=1500, gamma=0.95, gae_lambda=0.9,
    scale=0.2, entropy=0.1, beta=0.01, max_norm=0.1,
)  # fmt: skip


def default_settings(family: Family) -> Settings:
    """Return the default settings, which depend on the kind of the family."""
    S, A = shape_of(family)
    if family.horizon > 1:
        return MANY_STEPS
    if S > 1:
        return CONTEXTUAL
    if family.num_episodes > 10:
        return BANDIT._replace(iterations=2500, gae_lambda=0.9, entropy=0.15)
    if A == 2:
        return BANDIT._replace(hidden=32, beta=0.01)
    return BANDIT


def _resolved(default: Settings, given: dict[str, Any]) -> Settings:
    """Return the given settings, with the default for each setting that is not given."""
    chosen = default._replace(**given)
    if chosen.gamma > 0:
        return chosen
    # If gamma = 0, then gamma lambda = 0 in actor_critic (1) for every lambda.
    rule = "gae_lambda has no effect if gamma is 0, and must be left out or 0"
    require(given.get("gae_lambda", 0) == 0, rule, given.get("gae_lambda"))
    return chosen._replace(gae_lambda=0.0)


def _init(rng: Rng, family: Family, policy: RecurrentPolicy) -> State:
    """Return random parameters, and the first state of Adam, which is the same for every beta."""
    S, A = family.sample(generator("rng", rng), 1).shape
    theta = policy.init(rng, S + A + 2, A)
    return State(theta=theta, optimizer=optimizers.adam(0.0).init(theta), iteration=0)


def _step(
    rng: Rng,
    state: State,
    family: Family,
    policy: RecurrentPolicy,
    settings: Settings,
    rewards_of: Rewards,
    unit: float,
) -> tuple[State, Info]:
    """Take one step of the training: the pseudo-code of the module."""
    instance("state", state, State)
    tasks = family.sample(generator("rng", rng), settings.num_tasks)
    agent = recurrent_agents.recording_agent(policy, state.theta, tasks.shape, unit=unit)
    episodes, memory = play_trial(rng, family, tasks, agent)
    record, r = recurrent_agents.record(memory), rewards_of(episodes, tasks) / unit
    state, report = recurrent_training.ascend(policy, settings, state, record, episodes, r)
    return state, Info(per_episode=episodes.rewards.sum(-1).mean(0), **report._asdict())


def _trial(
    rng: Rng,
    state: State,
    tasks: MDP,
    greedy: bool = False,
    *,
    family: Family,
    policy: RecurrentPolicy,
    unit: float,
) -> Episodes:
    theta, shape = instance("state", state, State).theta, instance("tasks", tasks, MDP).shape
    agent = recurrent_agents.agent(policy, theta, shape, greedy, unit)
    return play_trial(rng, family, tasks, agent)[0]


def rl2(
    family: Family,
    *,
    cell: Annotated[Cell, CELLS] = recurrent_policies.gru,
    rewards: Annotated[Rewards, REWARDS] = sampled_rewards,
    update: Annotated[Update, recurrent_training.update_of_words] = recurrent_training.a2c,
    **settings: Annotated[Any, recurrent_training.UNSET],
) -> Learner:
    """Return the learner RL^2. With `cell=external_memory.policy` it is MANN.

        cell     recurrent cell of the policy
        rewards  rewards of the training: sampled, or expected minus a baseline

    In Python, `cell` is one of `recurrent_policies.CELLS`, or another function of the number of
    hidden units that returns a `RecurrentPolicy`. `rewards` is a function of this module, and
    `update` is `recurrent_training.a2c` or `ppo(..)`. The other settings are the fields of
    `recurrent_training.Settings`. Their defaults come from `default_settings`. TypeError or
    ValueError if a setting is out of range, or if it has no effect because of other settings.
    """
    chosen = _resolved(default_settings(family), {"update": update, **settings})
    policy = function("cell", cell)(chosen.hidden)
    instance("the policy of the cell", policy, RecurrentPolicy)
    function("rewards", rewards)
    play: dict[str, Any] = {"family": family, "policy": policy, "unit": reward_unit(family)}
    return Learner(
        family=family,
        init=partial(_init, family=family, policy=policy),
        step=partial(_step, **play, settings=chosen, rewards_of=rewards),
        trial=partial(_trial, **play),
        iterations=chosen.iterations,
        settings=words.describe(rl2, {"cell": cell, "rewards": rewards, **chosen._asdict()}),
        schedule_end=chosen.iterations,
        schedule="the step size falls to 0",
    )
