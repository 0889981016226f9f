"""A recurrent policy as an agent: its observations in a trial, and the record of a trial.

The policy keeps its memory h through all episodes of a trial. Only a new task starts with an empty
memory. So in a later episode the policy can use the rewards of an earlier episode. This is the
beginning of a trial whose episodes have three steps:

    episode     1        1        1        2        2
    start       1        0        0        1        0
    observes   x_0      x_1      x_2      x_3      x_4
    memory   h_0 ---> h_1 ---> h_2 ---> h_3 ---> h_4 ---> h_5
    acts       a_0      a_1      a_2      a_3      a_4

    (1)  h_{t+1} = f(h_t, x_t),
         x_t = (1{s_t}, 1{a_{t-1}}, r_{t-1} / unit, start_t)
                                                             [Duan et al. 2016; Wang et al. 2016]

Here f is the step of the policy, and 1{s} is the one-hot vector of the state s. The previous action
and the previous reward are zeros at the first step of the trial. The bit start_t is 1 at the first
step of an episode. Time t runs over all N T steps of the trial. `tasks.reward_unit` gives the unit
of the rewards of a family. If all rewards and their unit are multiplied by the same positive
number, x_t changes only by rounding.

Duan et al. use another bit: it is 1 if the previous step ended its episode. At the first step of
the trial, their bit is 0 and start_0 is 1. At all later steps their bit is equal to start_t, unless
an episode ends early. If it does, their bit is 1 at once, but start_t is 1 only when the next
episode begins.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import arguments, trees
from metarl_min.basics.arguments import instance, real, require
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.mdps.agents import Agent
from metarl_min.memory.protocol import RecurrentPolicy, require_outputs, require_parameters


class Step(NamedTuple):
    """One step of the policy in a trial."""

    observation: Array  # [B, I]
    policy_memory: Any  # h_t, memory of the policy before the step
    logits: Array  # [B, A]
    values: Array  # [B]


class Memory(NamedTuple):
    """The memory of the agent, which it carries from step to step of a trial."""

    policy_memory: Any  # h_t of all B rows; a row is a task, or a pair (member, task)
    last_action_reward: Array  # [B, A + 1] previous action (one-hot), previous reward
    episode_starts: bool  # whether the next step is the first step of an episode
    steps: tuple[Step, ...] | None  # all steps of the trial so far; None if they are not recorded


class Record(NamedTuple):
    """All steps of a trial on M tasks. Time is the first axis."""

    observations: Array  # [N T, M, I]
    policy_memories: list[Any]  # [N T + 1] memories before each step, and after the last step
    logits: Array  # [N T, M, A]
    values: Array  # [N T, M]


def observation(states: Array, last_action_reward: Array, starts: bool, num_states: int) -> Array:
    """Return the observations x_t of eq. (1). [B], [B, A + 1] -> [B, I]

    There are I = S + A + 2 inputs.

    >>> observation(np.array([1]), np.array([[0.0, 1.0, 0.5]]), True, num_states=2)
    array([[0. , 1. , 0. , 1. , 0.5, 1. ]])
    """
    arguments.indices("states", states, arguments.whole("num_states", num_states))
    shape = arguments.floats("last_action_reward", last_action_reward).shape
    fits = len(shape) == 2 and states.shape == shape[:1]
    require(fits, "last_action_reward must have the axes [B, A + 1], one row for each state", shape)
    return _observation(states, last_action_reward, arguments.flag("starts", starts), num_states)


def _observation(states: Array, last_action_reward: Array, starts: bool, num_states: int) -> Array:
    num_inputs = num_states + last_action_reward.shape[-1] + 1
    x = np.zeros((len(states), num_inputs), last_action_reward.dtype)
    x[np.arange(len(states)), states] = 1
    x[:, num_states:-1] = last_action_reward
    x[:, -1] = starts
    return x


def _require_logits(logits: Array) -> None:
    shape = arguments.array("logits", logits, noun="floats [B, A]").shape
    if len(shape) != 2 or not shape[1]:
        raise TypeError(f"logits must be an array of floats [B, A], got {shape}")


def _require_numbers(largest: Array) -> None:
    """Raise a FloatingPointError unless the largest logit of each row is a finite number."""
    # One sum of squares is faster to test than all entries. If the sum is not finite, an entry is
    # not finite, or the sum is too large for a float.
    if math.isfinite(np.vdot(largest, largest)):
        return
    finite = np.isfinite(largest)
    if not finite.all():
        raise FloatingPointError(f"the largest logit must be finite, got {largest[~finite][0]}")


def sample_actions(rng: Rng, logits: Array) -> Array:
    """Draw an action from the softmax of each row, by inversion as in rollouts (1). [B, A] -> [B]

    The drawn action is the first whose cumulative probability exceeds a uniform number.
    FloatingPointError if a logit is NaN or plus infinity, or if all logits of a row are minus
    infinity.
    """
    _require_logits(logits)
    return _sample(arguments.generator("rng", rng), logits)


def _sample(rng: Rng, logits: Array) -> Array:
    columns = np.ascontiguousarray(logits.T)  # [A, B]; this order is faster
    largest = np.maximum.reduce(columns, axis=0)  # NaN if a logit is NaN
    _require_numbers(largest)
    sums = np.exp(columns - largest).cumsum(0)
    threshold = rng.random(sums.shape[1:]) * sums[-1]  # sums[-1] is the normaliser
    # The threshold is at most sums[-1], so the number of passed sums is at most A - 1.
    return np.asarray(np.add.reduce(threshold >= sums[:-1], axis=0, dtype=np.intp))


def greedy_actions(rng: Rng, logits: Array) -> Array:
    """Return the most probable action of each row. [B, A] -> [B]

    FloatingPointError for the same logits as in `sample_actions`.
    """
    _require_logits(logits)
    _require_numbers(logits.max(-1))
    return np.asarray(np.argmax(logits, axis=-1))


def empty_memory(policy_memory: Any, num_rows: int, num_actions: int, dtype: Any) -> Memory:
    """Return the memory before a trial, with zeros for the previous action and reward."""
    return Memory(
        policy_memory=policy_memory,
        last_action_reward=np.zeros((num_rows, num_actions + 1), dtype),
        episode_starts=True,
        steps=None,
    )


def begin_episode(rng: Rng, memory: Memory) -> Memory:
    """Mark the start of an episode, and keep the memory of the policy."""
    return memory._replace(episode_starts=True)


@lru_cache(maxsize=64)
def _one_hot(num_columns: int, dtype: Any) -> Array:
    """Return the identity matrix. Its rows are the one-hot vectors."""
    return np.eye(num_columns, dtype=dtype)


def observe(
    memory: Memory, states: Array, actions: Array, rewards: Array, arrivals: Array, *, unit: float
) -> Memory:
    """Put the actions and the rewards into the memory, for eq. (1). Other arrays are not used."""
    num_columns, dtype = memory.last_action_reward.shape[1], memory.last_action_reward.dtype
    last_action_reward = _one_hot(num_columns, dtype).take(actions, axis=0)
    last_action_reward[:, -1] = rewards / unit
    return memory._replace(last_action_reward=last_action_reward, episode_starts=False)


def agent(
    policy: RecurrentPolicy,
    theta: Tree,
    shape: tuple[int, int],
    greedy: bool = False,
    unit: float = 1.0,
) -> Agent:
    """Return the agent that plays the policy with the parameters `theta`, eq. (1).

    `shape` is (S, A), and `unit` is the unit of the rewards. A greedy agent takes the most probable
    action, and draws no random numbers. TypeError or ValueError unless the parameters are finite
    floats. ValueError if the logits of a step do not have A columns.
    """
    instance("policy", policy, RecurrentPolicy)
    S, A = arguments.pair("shape", shape)
    require_parameters(policy, trees.check(theta), S + A + 2, A)  # I = S + A + 2 inputs
    dtype = next(iter(theta.values())).dtype
    require(real("unit", unit) > 0, "unit must be positive", unit)
    choose = greedy_actions if arguments.flag("greedy", greedy) else _sample

    def start(num_rows: int) -> Memory:
        return empty_memory(policy.initial_memory(theta, num_rows), num_rows, A, dtype)

    def act(rng: Rng, memory: Memory, states: Array) -> tuple[Array, Memory]:
        x = _observation(states, memory.last_action_reward, memory.episode_starts, S)
        policy_memory, logits, values = policy.step(theta, memory.policy_memory, x)
        require_outputs(logits, values, (len(states), A))
        steps = memory.steps
        if steps is not None:
            steps = (*steps, Step(x, memory.policy_memory, logits, values))
        return choose(rng, logits), memory._replace(policy_memory=policy_memory, steps=steps)

    return Agent(start, begin_episode, act, partial(observe, unit=unit))


def recording_agent(
    policy: RecurrentPolicy,
    theta: Tree,
    shape: tuple[int, int],
    greedy: bool = False,
    unit: float = 1.0,
) -> Agent:
    """Return an agent that plays like `agent`. Its memory also holds all steps of the trial."""
    player = agent(policy, theta, shape, greedy, unit)

    def start(num_rows: int) -> Memory:
        return player.start(num_rows)._replace(steps=())

    return player._replace(start=start)


def record(memory: Memory) -> Record:
    """Return all steps of a trial, from the memory of a recording agent after the trial.

    ValueError if the memory holds no step.
    """
    steps = instance("memory", memory, Memory).steps or ()
    rule = "memory must be the memory of a recording agent after a trial"
    require(len(steps) > 0, rule, "a memory without steps")
    return Record(
        observations=np.stack([step.observation for step in steps]),
        policy_memories=[*(step.policy_memory for step in steps), memory.policy_memory],
        logits=np.stack([step.logits for step in steps]),
        values=np.stack([step.values for step in steps]),
    )


def time_first(x: Array) -> Array:
    """Return an array of a trial with its steps as the first axis. [M, N, T] -> [N T, M]"""
    fits = instance("x", x, np.ndarray).ndim == 3 and x.size > 0
    require(fits, "x must have the axes [M, N, T]", x.shape)
    return np.ascontiguousarray(x.reshape(len(x), -1).T)
