"""Assignment 7, last part: the gradient of a trial.

The student writes `trial_gradient(params, inputs, actions, weights)`. The exact result is computed
by autograd from `backpropagation` (1). A mistake is the program of `backpropagation` (2) and (3),
with another part, or with other weights or actions.

As in assignment 5, central differences shall not pass. So the tolerance is EXACT of
`bandit_hessians`. Right programs err by 3e-15, and central differences by more than 1e-11.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from autograd import grad

from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.teach.backpropagation import RIGHT, backpropagate, surrogate
from metarl_min.teach.bandit_hessians import EXACT, SMALLEST
from metarl_min.teach.questions import Mistake, Program, Question
from metarl_min.teach.recurrent_steps import draw_parameters
from metarl_min.teach.result_vectors import vector
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

SIZES = ((1, 1, 2, 2), (1, 2, 2, 2), (2, 2, 3, 2), (3, 2, 3, 3))  # (N, T, H, A)


def _replaced(**parts: Any) -> Program:
    return partial(backpropagate, parts=RIGHT._replace(**parts))


def _last_output(params: Tree, inputs: Array, actions: Array, weights: Array) -> Tree:
    only_last = np.where(np.arange(len(weights)) == len(weights) - 1, weights, 0.0)
    return backpropagate(params, inputs, actions, only_last)


def _summed_weights(params: Tree, inputs: Array, actions: Array, weights: Array) -> Tree:
    return backpropagate(params, inputs, actions, weights[::-1].cumsum()[::-1])


def _previous_actions(params: Tree, inputs: Array, actions: Array, weights: Array) -> Tree:
    """Return the gradient of sum_t Adv_t log pi_{t+1}(a_t)."""
    later = np.concatenate([[0], actions[:-1]])
    shifted = np.concatenate([[0.0], weights[:-1]])
    return backpropagate(params, inputs, later, shifted)


def _scaled(factor: Callable[[int], float]) -> Program:
    def program(params: Tree, inputs: Array, actions: Array, weights: Array) -> Tree:
        return backpropagate(params, inputs, actions, factor(len(inputs)) * weights)

    return program


MISTAKES: dict[str, tuple[Program, str]] = {
    "the hidden state detached": (
        _replaced(carry=lambda first, g, d, U: 0 * d),
        "An output depends on the parameters through the hidden states of all earlier steps. Only "
        "the last step of each path is in your result.",
    ),
    "the gradient goes back by one step only": (
        _replaced(carry=lambda first, g, d, U: first @ U.T),
        "An output depends on the parameters through the hidden states of all earlier steps. Your "
        "gradient of an output ends one step before it.",
    ),
    "the gradient cut one step after the end of an episode": (
        _replaced(received=lambda flag: 1 - flag),
        "The first step of a later episode gets no gradient from the steps after it. The hidden "
        "state is kept there.",
    ),
    "no gradient across the end of an episode": (
        _replaced(passed=lambda flag: 1 - flag),
        "The hidden state is kept when an episode ends. So the gradient passes there too.",
    ),
    "the hidden state cleared at the end of an episode": (
        _replaced(kept=lambda flag: 1 - flag),
        "The inputs hold a flag that is 1 after the end of an episode. The learner sees this flag, "
        "but its hidden state is kept.",
    ),
    "U transposed": (
        _replaced(carry=lambda first, g, d, U: d @ U),
        "The gradient goes back through the hidden state before the step. U is square, so no shape "
        "shows that it is transposed.",
    ),
    "the derivative of tanh forgotten": (
        _replaced(slope=lambda before, after: np.ones_like(after)),
        "Each step contains a tanh, and its derivative is not 1.",
    ),
    "the derivative of tanh forgotten on the way back": (
        _replaced(carry=lambda first, g, d, U: g @ U.T),
        "The gradient in the hidden state before a step passes through the tanh of the step.",
    ),
    "the derivative of the logistic function": (
        _replaced(slope=lambda before, after: after * (1 - after)),
        "The nonlinearity of the cell is tanh, and your derivative is another one.",
    ),
    "the derivative of tanh at the old state": (
        _replaced(slope=lambda before, after: 1 - before**2),
        "The derivative of tanh is computed from the hidden state before the step.",
    ),
    "the new state in the gradient of U": (
        _replaced(recurrent=lambda before, after, d: np.outer(after, d)),
        "U is multiplied by the hidden state before the step.",
    ),
    "the gradient of U transposed": (
        _replaced(recurrent=lambda before, after, d: np.outer(d, before)),
        "Row i of U is multiplied by entry i of the hidden state. U is square, so no shape shows "
        "that your gradient is transposed.",
    ),
    "the old state in the gradient of W_out": (
        _replaced(outgoing=lambda before, after, e: np.outer(before, e)),
        "W_out is multiplied by the hidden state after the step.",
    ),
    "the normaliser held fixed": (
        _replaced(score=lambda weight, chosen, pi: weight * chosen),
        "The logarithm of a softmax has two terms, and your gradient contains the first.",
    ),
    "only the output of the last step": (
        _last_output,
        "Each step has an output that is a part of f. You start from the last one alone.",
    ),
    "only the term of the later steps": (
        _replaced(own=lambda term, last: 0 * term),
        "The gradient of f in the hidden state of a step has a part that is missing in yours.",
    ),
    "only the term of the later steps, before the last step": (
        _replaced(own=lambda term, last: term if last else 0 * term),
        "The gradient of f in the hidden state is right at the last step. At every other step it "
        "has a part that is missing in yours.",
    ),
    "the weights forgotten": (
        _replaced(score=lambda weight, chosen, pi: chosen - pi),
        "Your result does not depend on the weights.",
    ),
    "the weight on the probabilities only": (
        _replaced(score=lambda weight, chosen, pi: chosen - weight * pi),
        "The weight is a factor of the whole log-probability. Look at what you multiply by it.",
    ),
    "the weight on the action only": (
        _replaced(score=lambda weight, chosen, pi: weight * chosen - pi),
        "The weight is a factor of the whole log-probability. In your result it is a factor of the "
        "one-hot vector alone.",
    ),
    "the weights summed from each step on": (
        _summed_weights,
        "The weights are given. They are no rewards, and nothing is added to them.",
    ),
    "the policy after the action": (
        _previous_actions,
        "Action t is drawn from the logits of step t. Your result scores it with the logits of "
        "step t + 1, which have seen it.",
    ),
    "mean for sum": (_scaled(lambda steps: 1 / steps), "f is a sum over the steps, and no mean."),
    "wrong sign": (_scaled(lambda steps: -1.0), "The gradient of f is asked for, not of -f."),
}


def _inputs(actions: Array, rewards: Array, num_actions: int) -> Array:
    """Return the inputs x_t of a recorded trial, `recurrent_trials` (1). [N, T] -> [N T, I]"""
    A, (_, T) = num_actions, actions.shape
    x = np.zeros((actions.size, A + 2))
    x[1:, :A] = np.eye(A)[actions.ravel()[:-1]]
    x[1:, A] = rewards.ravel()[:-1]
    x[T::T, A + 1] = 1.0
    return x


def _truth(case: Case) -> Tree:
    params, *recorded = case.arguments[0]
    return dict(grad(surrogate)(params, *recorded))


def _case(rng: Rng, N: int, T: int, H: int, A: int) -> Case:
    """Draw a recorded trial whose gradient is not small, so that round-off is relatively small."""
    actions, rewards = rng.integers(A, size=(N, T)), rng.normal(size=(N, T))
    recorded = _inputs(actions, rewards, A), actions.ravel(), rng.normal(size=N * T)
    case = one_call(draw_parameters(rng, A, H), *recorded)
    return case if abs(vector(_truth(case))).max() >= SMALLEST else _case(rng, N, T, H, A)


def _cases(rng: Rng) -> list[Case]:
    """Draw recorded trials with one step to six."""
    return [_case(rng, *sizes) for sizes in SIZES]


def trial_gradient() -> Question:
    """Ask for trial_gradient(params, inputs [N T, I], actions [N T], weights [N T]).

    The result is a dict with the names and shapes of params.
    """
    asked = ValueQuestion(
        function="trial_gradient",
        cases=_cases,
        truth=_truth,
        mistakes={
            name: Mistake(program, say, "backpropagation (2)")
            for name, (program, say) in MISTAKES.items()
        },
        numbers=lambda case: {"(N * T)": len(case.arguments[0][2])},
        tolerance=EXACT,
    )
    return value_question(asked)
