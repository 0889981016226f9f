"""Assignment 7, second part: a recurrent policy plays trials.

A trial has N episodes of T steps on one bandit. Time t runs over all N T steps of a trial, and
done_t is 1 if step t is the last step of its episode, else 0. The step of the policy is
`recurrent_steps` (1), and its inputs are:

    (1)  x_t = (1{a_{t-1}}, r_{t-1}, done_{t-1}),  x_0 = 0,  h_0 = 0             [Duan et al. 2016]

Here 1{a} is the one-hot vector of an arm. The memory h is kept when an episode ends, and is cleared
when a trial ends. Action a_t is the first arm whose cumulative probability exceeds a uniform
number. So everything that happens is a function of the parameters, the uniform numbers, and a table
with the reward of each arm in each step.

The student writes `play_trials(params, rewards, uniforms)`. A mistake is the right program with one
of its parts replaced. A step that comes after a wrong step is often wrong too. So a counter-example
shows the first wrong number in the order of time.

`play` trusts its arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.mdps.policies import softmax
from metarl_min.teach.questions import Mistake, Question
from metarl_min.teach.recurrent_steps import draw_parameters, rnn_step_of
from metarl_min.teach.result_vectors import place_of
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

SIZES = ((1, 1, 2, 2, 2), (1, 2, 2, 2, 2), (2, 2, 3, 2, 2), (3, 3, 2, 3, 3))  # (M, N, T, A, H)


class Memory(NamedTuple):
    """The data that a program keeps from step to step."""

    hidden: Array  # h_t [H]
    action: Array  # previous action, one-hot [A]
    reward: float  # previous reward
    done: float  # whether the previous step was the last of its episode
    older_action: Array  # action before the previous one, one-hot [A]
    older_reward: float  # reward of this action
    row: Array  # the rewards of all arms in the previous step [A]
    first: float  # whether the previous step was the first of its episode


class Parts(NamedTuple):
    """The parts of `play` that a mistake replaces."""

    new_trial: Callable[[Memory], Memory]
    new_episode: Callable[[Memory], Memory]  # before every episode but the first
    inputs: Callable[[Memory, Array, bool], Any]  # memory, rewards [A], last step or not -> x_t
    choose: Callable[[Array, float], int]  # logits, uniform number -> action


def _cleared(memory: Memory) -> Memory:
    return Memory._make(0 * part for part in memory)


def _cleared_inputs(memory: Memory) -> Memory:
    return _cleared(memory)._replace(hidden=memory.hidden)


def _cleared_hidden(memory: Memory) -> Memory:
    return memory._replace(hidden=0 * memory.hidden)


def _same(memory: Memory) -> Memory:
    return memory


def _draw(z: Array, u: float) -> int:
    return int(np.argmax(np.cumsum(softmax(z)) > u))


RIGHT = Parts(
    new_trial=_cleared,
    new_episode=_same,
    inputs=lambda m, rewards, last: (*m.action, m.reward, m.done),
    choose=_draw,
)


def play(
    params: Tree, rewards: Array, uniforms: Array, *, parts: Parts = RIGHT
) -> tuple[Array, Array]:
    """Return the logits [M, N, T, A] and actions [M, N, T] of M trials, eq. (1).

    rewards is [M, N, T, A], and uniforms is [M, N, T].
    """
    H, A = params["W_out"].shape
    memory = Memory(np.zeros(H), np.zeros(A), 0.0, 0.0, np.zeros(A), 0.0, np.zeros(A), 0.0)
    actions, logits = np.zeros(uniforms.shape, dtype=int), np.zeros(rewards.shape)
    for m, n, t in np.ndindex(uniforms.shape):
        if t == 0:
            memory = parts.new_trial(memory) if n == 0 else parts.new_episode(memory)
        paid, last = rewards[m, n, t], t == uniforms.shape[2] - 1
        x = np.asarray(parts.inputs(memory, paid, last))
        hidden, z = rnn_step_of(params, memory.hidden, x)
        a = parts.choose(z, uniforms[m, n, t])
        others = memory.action, memory.reward, paid, float(t == 0)  # the last four fields
        memory = Memory(hidden, np.eye(A)[a], float(paid[a]), float(last), *others)
        actions[m, n, t], logits[m, n, t] = a, z
    return logits, actions


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "the hidden state cleared at the end of an episode": (
        {"new_episode": _cleared_hidden},
        "The next episode is played on the same bandit. Look at what the learner remembers of it.",
    ),
    "the inputs cleared at the end of an episode": (
        {"new_episode": _cleared_inputs},
        "The first step of a later episode has a step before it in the trial. Look at its inputs.",
    ),
    "each episode as a trial of its own": (
        {"new_episode": _cleared},
        "The next episode is played on the same bandit. Look at what is kept, and at what is "
        "cleared, when an episode ends.",
    ),
    "nothing cleared between trials": (
        {"new_trial": _same},
        "The next trial has another bandit. Look at what its first step depends on.",
    ),
    "the hidden state kept between trials": (
        {"new_trial": _cleared_inputs},
        "The next trial has another bandit, and its first step depends on the trial before.",
    ),
    "the inputs kept between trials": (
        {"new_trial": _cleared_hidden},
        "The first step of a trial has no step before it. Look at its inputs.",
    ),
    "the reward of the present step": (
        {"inputs": lambda m, rewards, last: (*m.action, m.action @ rewards, m.done)},
        "The reward in the inputs comes from the row of the present step, which is not paid yet.",
    ),
    "the reward one step late": (
        {"inputs": lambda m, rewards, last: (*m.action, m.older_reward, m.done)},
        "The reward in the inputs is that of the action before the previous action.",
    ),
    "the action one step late": (
        {"inputs": lambda m, rewards, last: (*m.older_action, m.reward, m.done)},
        "The action in the inputs is the action before the previous action.",
    ),
    "the flag one step early": (
        {"inputs": lambda m, rewards, last: (*m.action, m.reward, float(last))},
        "Your flag is 1 at the last step of an episode. Look at which step it describes.",
    ),
    "the flag at the first step of a trial": (  # where m.action is zero
        {"inputs": lambda m, rewards, last: (*m.action, m.reward, m.done + 1 - m.action.sum())},
        "No episode ended before the first step of a trial, and your flag is 1 there.",
    ),
    "no flag": (
        {"inputs": lambda m, rewards, last: (*m.action, m.reward, 0.0)},
        "In no input x_t that you compute is the flag 1.",
    ),
    "the reward before the action": (
        {"inputs": lambda m, rewards, last: (m.reward, *m.action, m.done)},
        "The entries of your inputs stand in another order.",
    ),
    "the flag of the first step of an episode": (
        {"inputs": lambda m, rewards, last: (*m.action, m.reward, m.first)},
        "Your flag is 1 after the first step of an episode. Look at which step it must mark.",
    ),
    "the action left out": (
        {"inputs": lambda m, rewards, last: (*(0 * m.action), m.reward, m.done)},
        "In your inputs, all entries that belong to the action are 0.",
    ),
    "the reward left out": (
        {"inputs": lambda m, rewards, last: (*m.action, 0.0, m.done)},
        "In your inputs, the entry that belongs to the reward is 0.",
    ),
    "the largest reward of the row": (
        {"inputs": lambda m, rewards, last: (*m.action, m.row.max(), m.done)},
        "The reward in your inputs is the largest entry of the row. Look at which entry the "
        "learner sees.",
    ),
    "the reward and the flag exchanged": (
        {"inputs": lambda m, rewards, last: (*m.action, m.done, m.reward)},
        "The last two entries of your inputs stand in another order.",
    ),
    "each probability alone": (
        {"choose": lambda z, u: int(np.argmax(softmax(z) > u))},
        "You compare the uniform number with the probability of a single arm.",
    ),
    "the first arm below the uniform number": (
        {"choose": lambda z, u: int(np.argmax(np.cumsum(softmax(z)) < u))},
        "Your action is the first arm whose sum is less than the uniform number. Look at the "
        "direction of the inequality.",
    ),
    "the most probable action": (
        {"choose": lambda z, u: int(np.argmax(z))},
        "Your actions do not depend on the uniform numbers.",
    ),
}


def _cases(rng: Rng) -> list[Case]:
    cases = []
    for M, N, T, A, H in SIZES:
        table, uniforms = rng.normal(size=(M, N, T, A)), rng.random((M, N, T))
        text = f"M = {M}, N = {N}, T = {T}, A = {A}, H = {H}"
        cases.append(one_call(draw_parameters(rng, A, H), table, uniforms)._replace(text=text))
    return cases


def _first_wrong(value: tuple[Array, Array], wrong: Array) -> tuple[int, str]:
    """Return the first wrong entry in the order of time, and its place in words."""
    (*shape, A), steps = value[0].shape, np.arange(value[1].size)
    times = np.concatenate([np.repeat(steps, A), steps + 0.5])  # an action follows its logits
    index = int(np.argmin(np.where(wrong, times, np.inf)))
    m, n, t = np.unravel_index(int(times[index]), shape)
    what = "a logit" if index < value[0].size else "the action"
    return index, f"{place_of(value, index)} ({what} of trial {m}, episode {n}, step {t})"


def _truth(case: Case) -> tuple[Array, Array]:
    return play(*case.arguments[0])


def play_trials() -> Question:
    """Ask for play_trials(params, rewards [M, N, T, A], uniforms [M, N, T]).

    The result is a tuple: the logits [M, N, T, A] and the actions [M, N, T].
    """
    bank = {
        name: Mistake(partial(play, parts=RIGHT._replace(**parts)), say, "recurrent_trials (1)")
        for name, (parts, say) in MISTAKES.items()
    }
    asked = ValueQuestion("play_trials", _cases, _truth, bank, first_wrong=_first_wrong)
    return value_question(asked)
