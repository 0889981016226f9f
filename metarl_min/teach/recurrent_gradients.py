"""Assignment 7, last part: the gradient of a trial by back-propagation through time.

Time t runs over all N T steps of a trial. In this module, W is a matrix of the cell. The surrogate
f of a trial is the sum of the log-probabilities of its actions, each with a given weight Adv_t:

    (1)  f = sum_t Adv_t log pi_t(a_t), pi_t = softmax(z_t)                 [Williams 1992, th. 1]

The hidden state h_t and the logits z_t are those of `recurrent_steps` (1), with h_0 = 0. The inputs
and the actions of a recorded trial are fixed. So f depends on the parameters through the logits. In
this module, e_t is the gradient of f in z_t, g_t is the gradient of f in h_{t+1}, and d_t is the
gradient of f in the argument of tanh in step t:

    (2)  e_t = Adv_t (1{a_t} - pi_t),  g_t = e_t W_out^T + d_{t+1} U^T,
         d_t = g_t * (1 - h_{t+1}^2),  d_{N T} = 0                      [Werbos 1990; derivation]
    (3)  df/dW = sum_t x_t^T d_t,  df/db = sum_t d_t,  df/dU = sum_t h_t^T d_t,
         df/dW_out = sum_t h_{t+1}^T e_t,  df/db_out = sum_t e_t        [Werbos 1990; derivation]

    log pi_t(a_t) has the gradient 1{a_t} - pi_t in the logits:            e_t
    h_{t+1} stands in the logits of step t, and in the cell of step t+1:   two terms of g_t
    tanh has the derivative 1 - tanh^2 = 1 - h_{t+1}^2:                    d_t
    all steps share the parameters, so a gradient is a sum over the steps: (3)

The exact result is computed by autograd from (1). A mistake is the program (2) and (3) with one
part replaced.

`surrogate` and `backpropagate` trust their arguments.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd import grad

from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.mdps.policies import log_softmax, softmax
from metarl_min.memory import cells
from metarl_min.teach.questions import Mistake, Program, Question
from metarl_min.teach.recurrent_steps import draw_parameters
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

SIZES = ((1, 1, 2, 2), (1, 2, 2, 2), (2, 2, 3, 2), (3, 2, 3, 3))  # (N, T, H, A)


def surrogate(params: Tree, inputs: Array, actions: Array, weights: Array) -> Any:
    """Return f of eq. (1). inputs [steps, I], actions [steps], weights [steps]"""
    h, f = np.zeros((1, len(params["U"]))), 0.0
    for x, a, weight in zip(inputs, actions, weights, strict=True):
        h = cells.rnn(params, h, x[None])
        z = h @ params["W_out"] + params["b_out"]
        f = f + weight * log_softmax(z)[0, a]
    return f


class Parts(NamedTuple):
    """The parts of `backpropagate` that a mistake replaces. Each array belongs to one step."""

    score: Callable[[Array, Array], Array]  # 1{a_t}, pi_t -> gradient of log pi_t(a_t) in z_t
    slope: Callable[[Array, Array], Array]  # h_t, h_{t+1} -> derivative of tanh
    carry: Callable[[Array, Array, Array], Array]  # g_{t+1}, d_{t+1}, U -> the second term of g_t
    recurrent: Callable[[Array, Array, Array], Array]  # h_t, h_{t+1}, d_t -> the term of df/dU
    outgoing: Callable[[Array, Array, Array], Array]  # h_t, h_{t+1}, e_t -> the term of df/dW_out
    kept: Callable[[float], float]  # flag of x_t -> the share of h_t that step t starts from
    passed: Callable[[float], float]  # flag of x_t -> the share of d_t that goes to step t-1


RIGHT = Parts(
    score=lambda chosen, pi: chosen - pi,
    slope=lambda before, after: 1 - after**2,
    carry=lambda g, d, U: d @ U.T,
    recurrent=lambda before, after, d: onp.outer(before, d),
    outgoing=lambda before, after, e: onp.outer(after, e),
    kept=lambda flag: 1.0,
    passed=lambda flag: 1.0,
)


def backpropagate(
    params: Tree, inputs: Array, actions: Array, weights: Array, *, parts: Parts = RIGHT
) -> Tree:
    """Return the gradient of f in the parameters, eqs. (2) and (3)."""
    U, W_out = params["U"], params["W_out"]
    before, after = [], [onp.zeros(len(U))]
    for x in inputs:
        before.append(parts.kept(x[-1]) * after[-1])
        after.append(cells.rnn(params, before[-1][None], x[None])[0])
    gradient = {name: onp.zeros_like(leaf) for name, leaf in params.items()}
    from_later = onp.zeros(len(U))
    for t in reversed(range(len(inputs))):
        x, h, new = inputs[t], before[t], after[t + 1]
        pi = softmax(new @ W_out + params["b_out"])
        e = weights[t] * parts.score(onp.eye(len(pi))[actions[t]], pi)
        g = e @ W_out.T + from_later
        d = g * parts.slope(h, new)
        terms = {
            "W": onp.outer(x, d), "b": d, "U": parts.recurrent(h, new, d),
            "W_out": parts.outgoing(h, new, e), "b_out": e,
        }  # fmt: skip
        gradient = {name: gradient[name] + terms[name] for name in gradient}
        from_later = parts.passed(x[-1]) * parts.kept(x[-1]) * parts.carry(g, d, U)
    return gradient


def _replaced(**parts: Any) -> Program:
    return partial(backpropagate, parts=RIGHT._replace(**parts))


def _last_output(params: Tree, inputs: Array, actions: Array, weights: Array) -> Tree:
    only_last = onp.where(onp.arange(len(weights)) == len(weights) - 1, weights, 0.0)
    return backpropagate(params, inputs, actions, only_last)


def _unweighted(params: Tree, inputs: Array, actions: Array, weights: Array) -> Tree:
    return backpropagate(params, inputs, actions, onp.ones(len(weights)))


def _summed_weights(params: Tree, inputs: Array, actions: Array, weights: Array) -> Tree:
    return backpropagate(params, inputs, actions, weights[::-1].cumsum()[::-1])


def _previous_actions(params: Tree, inputs: Array, actions: Array, weights: Array) -> Tree:
    """Return the gradient of sum_t Adv_t log pi_{t+1}(a_t)."""
    later = onp.concatenate([[0], actions[:-1]])
    shifted = onp.concatenate([[0.0], weights[:-1]])
    return backpropagate(params, inputs, later, shifted)


def _scaled(factor: Callable[[int], float]) -> Program:
    def program(params: Tree, inputs: Array, actions: Array, weights: Array) -> Tree:
        return backpropagate(params, inputs, actions, factor(len(inputs)) * weights)

    return program


MISTAKES: dict[str, tuple[Program, str]] = {
    "the hidden state detached": (
        _replaced(carry=lambda g, d, U: 0 * d),
        "An output depends on the parameters through the hidden states of all earlier steps. Only "
        "the last step of each path is in your result.",
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
        _replaced(carry=lambda g, d, U: d @ U),
        "The gradient goes back through the hidden state before the step. U is square, so no shape "
        "shows that it is transposed.",
    ),
    "the derivative of tanh forgotten": (
        _replaced(slope=lambda before, after: onp.ones_like(after)),
        "Each step contains a tanh, and its derivative is not 1.",
    ),
    "the derivative of tanh forgotten on the way back": (
        _replaced(carry=lambda g, d, U: g @ U.T),
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
        _replaced(recurrent=lambda before, after, d: onp.outer(after, d)),
        "U is multiplied by the hidden state before the step.",
    ),
    "the gradient of U transposed": (
        _replaced(recurrent=lambda before, after, d: onp.outer(d, before)),
        "Row i of U is multiplied by entry i of the hidden state. U is square, so no shape shows "
        "that your gradient is transposed.",
    ),
    "the old state in the gradient of W_out": (
        _replaced(outgoing=lambda before, after, e: onp.outer(before, e)),
        "W_out is multiplied by the hidden state after the step.",
    ),
    "the normaliser held fixed": (
        _replaced(score=lambda chosen, pi: chosen),
        "The logarithm of a softmax has two terms, and your gradient contains the first.",
    ),
    "only the output of the last step": (
        _last_output,
        "Each step has an output that is a part of f. You start from the last one alone.",
    ),
    "the weights forgotten": (_unweighted, "Your result does not depend on the weights."),
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
    x = onp.zeros((actions.size, A + 2))
    x[1:, :A] = onp.eye(A)[actions.ravel()[:-1]]
    x[1:, A] = rewards.ravel()[:-1]
    x[T::T, A + 1] = 1.0
    return x


def _cases(rng: Rng) -> list[Case]:
    """Draw recorded trials with one step to six."""
    cases = []
    for N, T, H, A in SIZES:
        actions, rewards = rng.integers(A, size=(N, T)), rng.normal(size=(N, T))
        recorded = _inputs(actions, rewards, A), actions.ravel(), rng.normal(size=N * T)
        cases.append(one_call(draw_parameters(rng, A, H), *recorded))
    return cases


def _truth(case: Case) -> Tree:
    params, *recorded = case.arguments[0]
    return dict(grad(surrogate)(params, *recorded))


def trial_gradient() -> Question:
    """Ask for trial_gradient(params, inputs [N T, I], actions [N T], weights [N T]).

    The result is a dict with the names and shapes of params.
    """
    asked = ValueQuestion(
        function="trial_gradient",
        cases=_cases,
        truth=_truth,
        mistakes={
            name: Mistake(program, say, "recurrent_gradients (2)")
            for name, (program, say) in MISTAKES.items()
        },
        numbers=lambda case: {"N T": len(case.arguments[0][2])},
    )
    return value_question(asked)
