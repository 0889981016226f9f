"""Assignment 7, second and third part: a recurrent policy plays trials, and its returns.

A trial has N episodes of T steps on one bandit. Time t runs over all N T steps of a trial, and
done_t is 1 if step t is the last step of its episode, else 0. The step of the policy is
`recurrent_steps` (1), and its inputs are:

    (1)  x_t = (1{a_{t-1}}, r_{t-1}, done_{t-1}),  x_0 = 0,  h_0 = 0             [Duan et al. 2016]

So the memory h is kept when an episode ends, and is cleared when a trial ends. Action a_t is the
first arm whose cumulative probability exceeds a uniform number. So everything that happens is a
function of the parameters, the uniform numbers, and a table with the reward of each arm in each
step. A trial earns the sum of its rewards, so an action is judged by all rewards that follow it:

    (2)  W_t = sum_{t' >= t} r_t', over the rest of the trial                         [definition]

The student writes `play_trials(params, rewards, uniforms)` and `returns_to_go(rewards)`. A mistake
in `play_trials` is the right program with one of its parts replaced.

`play` and `to_go` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.mdps.policies import softmax
from metarl_min.teach.questions import Mistake, Program, Question
from metarl_min.teach.recurrent_steps import draw_parameters, rnn_step_of
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

SIZES = ((1, 1, 2, 2, 2), (1, 2, 2, 2, 2), (2, 2, 3, 2, 2), (3, 3, 2, 3, 3))  # (M, N, T, A, H)


class Memory(NamedTuple):
    """What a program carries from step to step."""

    hidden: Array  # h_t [H]
    action: Array  # previous action, one-hot [A]
    reward: float  # previous reward
    done: float  # whether the previous step was the last of its episode
    older_action: Array  # action before the previous one, one-hot [A]
    older_reward: float  # reward of this action


class Parts(NamedTuple):
    """The parts of `play` that a mistake replaces."""

    new_trial: Callable[[Memory], Memory]
    new_episode: Callable[[Memory], Memory]  # before every episode but the first
    inputs: Callable[[Memory, Array, bool], Any]  # memory, rewards [A] of the step, last step
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
    memory = Memory(np.zeros(H), np.zeros(A), 0.0, 0.0, np.zeros(A), 0.0)
    actions, logits = np.zeros(uniforms.shape, dtype=int), np.zeros(rewards.shape)
    for m, n, t in np.ndindex(uniforms.shape):
        if t == 0:
            memory = parts.new_trial(memory) if n == 0 else parts.new_episode(memory)
        paid, last = rewards[m, n, t], t == uniforms.shape[2] - 1
        x = np.asarray(parts.inputs(memory, paid, last))
        hidden, z = rnn_step_of(params, memory.hidden, x)
        a = parts.choose(z, uniforms[m, n, t])
        old = memory.action, memory.reward
        memory = Memory(hidden, np.eye(A)[a], float(paid[a]), float(last), *old)
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
    "the flag at the first step of a trial": (
        {"inputs": lambda m, rewards, last: (*m.action, m.reward, m.done + 1 - m.action.sum())},
        "No episode ended before the first step of a trial, and your flag is 1 there.",
    ),
    "no flag": (
        {"inputs": lambda m, rewards, last: (*m.action, m.reward, 0.0)},
        "Your flag is always 0, so the learner does not see that an episode ended.",
    ),
    "the reward before the action": (
        {"inputs": lambda m, rewards, last: (m.reward, *m.action, m.done)},
        "The entries of your inputs stand in another order.",
    ),
    "the most probable action": (
        {"choose": lambda z, u: int(np.argmax(z))},
        "Your actions do not depend on the uniform numbers.",
    ),
}


def to_go(rewards: Array) -> Array:
    """Return the returns-to-go of one trial, eq. (2). [N, T] -> [N, T]"""
    return np.asarray(rewards.ravel()[::-1].cumsum()[::-1].reshape(rewards.shape))


RETURN_MISTAKES: dict[str, tuple[Program, str]] = {
    "the sum ends with the episode": (
        lambda rewards: rewards[:, ::-1].cumsum(axis=1)[:, ::-1],
        "An action also changes the rewards of later episodes, because the learner remembers it.",
    ),
    "the return of the whole trial": (
        lambda rewards: np.full(rewards.shape, rewards.sum()),
        "An action does not change the rewards before it.",
    ),
    "the rewards so far": (
        lambda rewards: rewards.ravel().cumsum().reshape(rewards.shape),
        "Your sums run over the steps up to the present one.",
    ),
    "the sums in reversed order": (
        lambda rewards: rewards.ravel()[::-1].cumsum().reshape(rewards.shape),
        "The sums are right, but they stand in the order from the last step to the first.",
    ),
    "the present reward left out": (
        lambda rewards: to_go(rewards) - rewards,
        "The reward of step t is a consequence of action t.",
    ),
}


def _cases(rng: Rng) -> list[Case]:
    return [
        one_call(draw_parameters(rng, A, H), rng.normal(size=(M, N, T, A)), rng.random((M, N, T)))
        for M, N, T, A, H in SIZES
    ]


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
    return value_question(ValueQuestion("play_trials", cases=_cases, truth=_truth, mistakes=bank))


def _return_cases(rng: Rng) -> list[Case]:
    return [one_call(rng.normal(size=shape)) for shape in ((1, 2), (2, 2), (3, 2), (2, 4))]


def returns_to_go() -> Question:
    """Ask for returns_to_go(rewards [N, T]) -> the returns-to-go of one trial [N, T]."""
    bank = {
        name: Mistake(*entry, "recurrent_trials (2)") for name, entry in RETURN_MISTAKES.items()
    }
    asked = ValueQuestion(
        function="returns_to_go",
        cases=_return_cases,
        truth=lambda case: to_go(*case.arguments[0]),
        mistakes=bank,
        numbers=lambda case: {"N T": case.arguments[0][0].size},
    )
    return value_question(asked)
