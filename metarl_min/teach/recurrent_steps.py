"""Assignment 7, first part: one step of a recurrent policy.

The policy is an Elman cell with a layer of logits. Its parameters are a dict: W [I, H], b [H] and
U [H, H] belong to the cell, and W_out [H, A] and b_out [A] belong to the logits:

    (1)  h_{t+1} = tanh(x_t W + b + h_t U),  z_t = h_{t+1} W_out + b_out
                                                          [Elman 1990; Duan et al. 2016]

The hidden state is computed by `cells.rnn`. A mistake changes the new hidden state or the logits.

`draw_parameters` and `rnn_step_of` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.mdps.policies import softmax
from metarl_min.memory import cells
from metarl_min.teach.questions import Mistake, Program, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question


def draw_parameters(rng: Rng, num_actions: int, num_hidden: int) -> Tree:
    """Draw parameters with I = A + 2 inputs."""
    A, H = num_actions, num_hidden
    shapes = {"W": (A + 2, H), "b": (H,), "U": (H, H), "W_out": (H, A), "b_out": (A,)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def rnn_step_of(params: Tree, hidden: Array, inputs: Array) -> tuple[Array, Array]:
    """Return the next hidden state and the logits, eq. (1). [H], [I] -> [H], [A]"""
    after = cells.rnn(params, hidden[None], inputs[None])[0]
    return after, after @ params["W_out"] + params["b_out"]


def _with_state(state: Callable[..., Any]) -> Program:
    """Return a step with another formula for the new hidden state, and the right formula for z."""

    def program(params: Tree, h: Array, x: Array) -> tuple[Array, Array]:
        after = state(params, h, x)
        return after, after @ params["W_out"] + params["b_out"]

    return program


def _sum(params: Tree, h: Array, x: Array) -> Array:
    return x @ params["W"] + params["b"] + h @ params["U"]


def _logits_of_old_state(params: Tree, h: Array, x: Array) -> tuple[Array, Array]:
    return rnn_step_of(params, h, x)[0], h @ params["W_out"] + params["b_out"]


def _probabilities(params: Tree, h: Array, x: Array) -> tuple[Array, Array]:
    after, logits = rnn_step_of(params, h, x)
    return after, softmax(logits)


MISTAKES: dict[str, tuple[Program, str]] = {
    "no tanh": (_with_state(_sum), "The hidden state has a nonlinearity."),
    "the logistic function for tanh": (
        _with_state(lambda p, h, x: cells.sigmoid(_sum(p, h, x))),
        "The entries of the hidden state lie between -1 and 1, and yours lie between 0 and 1.",
    ),
    "the bias forgotten": (
        _with_state(lambda p, h, x: np.tanh(_sum(p, h, x) - p["b"])),
        "Your hidden state does not depend on b.",
    ),
    "U transposed": (
        _with_state(lambda p, h, x: np.tanh(_sum(p, h, x) - h @ p["U"] + p["U"] @ h)),
        "The hidden state is a row, and stands on the left of U. U has the shape [H, H], so no "
        "shape shows that it is transposed.",
    ),
    "the hidden state forgotten": (
        _with_state(lambda p, h, x: np.tanh(_sum(p, h, x) - h @ p["U"])),
        "Your hidden state does not depend on the hidden state before.",
    ),
    "the logits of the old state": (
        _logits_of_old_state,
        "The logits must depend on the present input. So they follow from the new hidden state.",
    ),
    "the bias of the logits forgotten": (
        lambda p, h, x: (rnn_step_of(p, h, x)[0], rnn_step_of(p, h, x)[1] - p["b_out"]),
        "Your logits do not depend on b_out.",
    ),
    "probabilities for logits": (_probabilities, "The logits come before the softmax."),
}


def _cases(rng: Rng) -> list[Case]:
    """Draw steps of cells with one hidden unit to four."""
    sizes = (1, 2), (2, 2), (3, 2), (4, 3)
    return [
        one_call(draw_parameters(rng, A, H), rng.uniform(-1, 1, size=H), rng.normal(size=A + 2))
        for H, A in sizes
    ]


def _truth(case: Case) -> tuple[Array, Array]:
    return rnn_step_of(*case.arguments[0])


def rnn_step() -> Question:
    """Ask for rnn_step(params, hidden [H], inputs [I]) -> new hidden state [H], logits [A]."""
    bank = {name: Mistake(*entry, "recurrent_steps (1)") for name, entry in MISTAKES.items()}
    return value_question(ValueQuestion("rnn_step", cases=_cases, truth=_truth, mistakes=bank))
