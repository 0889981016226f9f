"""Assignment 4, the first part: the inner loop.

The student writes adapt(theta, task, alpha, num_steps) for a bandit with a softmax policy. The
logits of the policy are theta [A], and a task [A] holds the mean reward of each arm. The result is
the array of the iterates phi_0 .. phi_K of adaptation (1), where J is the expected reward. The
gradient of J is objectives (5).

`first_order_learners` asks for two functions that contain this inner loop. So a wrong rule for the
next iterate, or a wrong gradient, is a mistake in all three functions.

In this module, g is a function that returns the gradient of J, or a wrong one. `expected_reward`,
`gradient`, `ascend`, `iterates`, `with_wrong_steps` and `draw` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps.policies import softmax
from metarl_min.teach.questions import Mistake, Program, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

STEP, SOFTMAX = "adaptation (1)", "objectives (5)"
HINTS = {
    "changes its arguments": (
        "After phi = theta both names stand for one array, and phi += .. changes this array."
    )
}
Gradient = Callable[[Array, Array], Array]  # phi, task [..., A] -> [..., A]
Rule = Callable[..., Array]  # g, theta, phi, task, alpha -> the next phi


def expected_reward(pi: Array, task: Array) -> Array:
    """Return J for the probabilities of the arms. pi, task [..., A] -> [..., 1]"""
    return np.asarray((pi * task).sum(-1, keepdims=True))


def gradient(phi: Array, task: Array) -> Array:
    """Return the gradient of J in phi, objectives (5). [..., A]"""
    pi = softmax(phi)
    return np.asarray(pi * (task - expected_reward(pi, task)))


def ascend(g: Gradient, theta: Array, phi: Array, task: Array, alpha: float) -> Array:
    """Return the iterate after phi, adaptation (1). [..., A]"""
    return phi + alpha * g(phi, task)


class Inner(NamedTuple):
    """How a program takes its inner steps, right or wrong."""

    g: Gradient = gradient
    rule: Rule = ascend


RIGHT = Inner()


def iterates(
    theta: Array, task: Array, alpha: float, num_steps: int, inner: Inner = RIGHT
) -> Array:
    """Return phi_0 .. phi_K. theta [A], task [..., A] -> [K+1, ..., A]"""
    path = [np.broadcast_to(theta, task.shape)]
    for _ in range(num_steps):
        path.append(inner.rule(inner.g, theta, path[-1], task, alpha))
    return np.stack(path)


WRONG_GRADIENTS: dict[str, tuple[Gradient, str]] = {
    "the expected reward not subtracted": (
        lambda phi, task: softmax(phi) * task,
        "The gradient of the softmax policy has two terms, and one of them is missing. The entries "
        "of a gradient in the logits sum to zero.",
    ),
    "the mean over the arms subtracted": (
        lambda phi, task: softmax(phi) * (task - task.mean(-1, keepdims=True)),
        "You subtract the average reward of the arms. The policy does not choose all arms equally "
        "often, so this average is not the expected reward of the policy.",
    ),
    "the probabilities forgotten": (
        lambda phi, task: task - expected_reward(softmax(phi), task),
        "The rewards minus the expected reward are not yet the gradient in the logits. Each entry "
        "of the gradient also depends on the probability of the arm.",
    ),
    "the gradient in the probabilities": (
        lambda phi, task: task,
        "The rewards are the gradient of J in the probabilities of the arms. The inner step needs "
        "the gradient in the logits.",
    ),
}
WRONG_STEPS: dict[str, tuple[Rule, str]] = {
    "descent in the inner loop": (
        lambda g, theta, phi, task, alpha: phi - alpha * g(phi, task),
        "The inner step lowers the expected reward. In this course objectives are maximised.",
    ),
    "alpha forgotten in the inner loop": (
        lambda g, theta, phi, task, alpha: phi + g(phi, task),
        "The inner step has the size 1. Look for alpha in it.",
    ),
    "alpha twice in the inner loop": (
        lambda g, theta, phi, task, alpha: phi + alpha**2 * g(phi, task),
        "The inner step is multiplied by alpha twice.",
    ),
}
WRONG_LATER_STEPS: dict[str, tuple[Rule, str]] = {  # which are right in the first step
    "the gradient frozen at theta": (
        lambda g, theta, phi, task, alpha: phi + alpha * g(theta, task),
        "The first step is right. The later steps use the gradient of the first step again. Look "
        "at the parameters at which you evaluate the gradient.",
    ),
    "every step from theta": (
        lambda g, theta, phi, task, alpha: theta + alpha * g(phi, task),
        "The first step is right. The later steps add a gradient to theta. Look at the parameters "
        "from which a step starts.",
    ),
}


def with_wrong_steps(function: Callable[..., Array], num_steps: int) -> dict[str, Mistake]:
    """Return `function` with each wrong inner step as its argument `inner`."""
    found = {
        name: Mistake(partial(function, inner=Inner(rule=rule)), say, STEP)
        for name, (rule, say) in (WRONG_STEPS | WRONG_LATER_STEPS).items()
        if num_steps > 1 or name in WRONG_STEPS
    }
    return found | {
        name: Mistake(partial(function, inner=Inner(g=g)), say, SOFTMAX)
        for name, (g, say) in WRONG_GRADIENTS.items()
    }


def _last_everywhere(*arguments: Any) -> Array:
    path = iterates(*arguments)
    return np.tile(path[-1], (len(path), 1))


def _without_theta(theta: Array, task: Array, alpha: float, num_steps: int) -> Array:
    return iterates(theta, task, alpha, num_steps + 1)[1:]


def _one_row_late(*arguments: Any) -> Array:
    path = iterates(*arguments)
    return np.concatenate([path[:1], path[:-1]])


def _probabilities(*arguments: Any) -> Array:
    return np.asarray(softmax(iterates(*arguments)))


WRONG_PATHS: dict[str, tuple[Program, str]] = {
    "every row is the last iterate": (
        _last_everywhere,
        "All rows are phi_K. A list that holds one array several times changes in all its places "
        "if this array is changed in place.",
    ),
    "theta is not the first row": (_without_theta, "Row k must hold phi_k, and phi_0 is theta."),
    "every row is one step late": (
        _one_row_late,
        "Row k must hold phi_k, but row 1 is theta again. Look at the moment at which an iterate "
        "is stored.",
    ),
    "probabilities instead of logits": (
        _probabilities,
        "The rows are the policies of the iterates. Return their logits.",
    ),
}


def draw(rng: Rng, num_steps: int, num_tasks: int | None = None) -> list[Case]:
    """Draw four cases. The first has two arms, and the others have three to five."""
    lead = () if num_tasks is None else (num_tasks,)
    return [
        one_call(rng.normal(size=A), rng.normal(size=(*lead, A)), rng.uniform(1.3, 2), num_steps)
        for A in (2, 3, 4, 5)
    ]


def adapt(num_steps: int = 3) -> Question:
    """Ask for adapt(theta [A], task [A], alpha, num_steps) -> the iterates [K+1, A].

    TypeError or ValueError unless num_steps is from 1 to 5.
    """
    K = whole("num_steps", num_steps, 1, 5)
    rows = {name: Mistake(program, say, STEP) for name, (program, say) in WRONG_PATHS.items()}
    asked = ValueQuestion(
        function="adapt",
        cases=partial(draw, num_steps=K),
        truth=lambda case: iterates(*case.arguments[0]),
        mistakes=rows | with_wrong_steps(iterates, K),
        hints=HINTS,
    )
    return value_question(asked)
