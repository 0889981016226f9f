"""Assignment 3, second half: all mistakes of REINFORCE with a baseline.

A wrong estimator has wrong scores, a wrong baseline, or wrong weights of `reinforce_weights`. A
mistake is a program with the arguments of the student's function:

    theta [S, A], states, actions, rewards [N, T], gamma, and a table q [S, A] for a critic

The functions of `reinforce_mistakes` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.gradients.returns import returns_to_go
from metarl_min.teach.questions import Mistake, Program
from metarl_min.teach.reinforce_weights import (
    EQUATION,
    WEIGHTS,
    Baseline,
    Batch,
    batch_of,
    counts,
    critic_baseline,
    estimate,
    gradient,
    others_baseline,
    policy,
    right_weights,
    standardised,
)

Scores = Callable[[Batch, Array], Array]  # a batch, its `counts` C -> a wrong gradient [S, A]
SCORES: dict[str, tuple[Scores, str]] = {
    "minus pi is missing": (
        lambda x, C: C,
        "In each score, the derivative of the normaliser of the state s_t is missing.",
    ),
    "the scores of all states": (
        lambda x, C: C - policy(x.theta) * C.sum(),
        "You subtract the probabilities of every state at each step. Only the logits of the state "
        "s_t affect the action of step t.",
    ),
    "one softmax for all states": (
        lambda x, C: C - policy(x.theta.ravel()).reshape(C.shape) * C.sum(),
        "Your probabilities sum to one over all states and actions. Each state has its own policy.",
    ),
}


def _wrong_weights(baseline: Baseline, weights: Callable[[Batch], Array], *arguments: Any) -> Array:
    x = batch_of(baseline, arguments)
    return gradient(x, weights(x))


def _wrong_scores(baseline: Baseline, scores: Scores, *arguments: Any) -> Array:
    x = batch_of(baseline, arguments)
    return scores(x, counts(x, right_weights(x)))


def _common(baseline: Baseline, scores: Iterable[str]) -> dict[str, Mistake]:
    """Return all mistakes with wrong weights, and the mistakes of SCORES that `scores` names."""
    found = {
        name: Mistake(partial(_wrong_weights, baseline, weights), say, equation)
        for name, (weights, say, equation) in WEIGHTS.items()
    }
    for name in scores:
        wrong, say = SCORES[name]
        found[name] = Mistake(partial(_wrong_scores, baseline, wrong), say, "policies (4)")
    return found


def _action_baseline(*arguments: Any) -> Array:
    """Return q(s_t,a_t). [N, T]"""
    _, states, actions, _, _, q = arguments
    return np.asarray(q[states, actions])


def _attached(*arguments: Any) -> Array:
    """Return the gradient of 1/N sum gamma^t (W - b) log pi, if b depends on theta too. [S, A]"""
    x, q = batch_of(critic_baseline, arguments), arguments[5]
    pi, C = policy(x.theta), np.zeros(len(x.theta))
    np.add.at(C, x.states, x.discount * np.log(pi[x.states, x.actions]) / len(x.W))
    slope = pi * (q - (pi * q).sum(-1, keepdims=True))  # of the baseline of each state
    return estimate(critic_baseline, *arguments) - C[:, None] * slope


def _mean_baseline(*arguments: Any) -> Array:
    W = returns_to_go(*arguments[3:5])
    return W.mean(0) + 0 * W


def _one_mean_baseline(*arguments: Any) -> Array:
    W = returns_to_go(*arguments[3:5])
    return W.mean() + 0 * W


def _standardised_returns(power: int, *arguments: Any) -> Array:
    """Return the estimate with standardised returns-to-go and the factor gamma^(power t). [S, A]"""
    x = batch_of(_no_baseline, arguments)
    return gradient(x, x.discount**power * standardised(x.W))


def _sum_of_estimates(baseline: Baseline, *arguments: Any) -> Array:
    return len(arguments[1]) * estimate(baseline, *arguments)


def of_critic_baseline() -> dict[str, Mistake]:
    """Return the mistakes of an estimator with the baseline of a critic."""
    say = "The critic's value of the action a_t is no baseline, because it depends on this action."
    program = partial(estimate, _action_baseline)
    found = _common(critic_baseline, SCORES)
    found["the baseline depends on the action"] = Mistake(program, say, "advantages (4)")
    say = (
        "The baseline depends on theta, and you differentiate it. In the gradient estimate it is a "
        "number, as the return is."
    )
    return found | {"the baseline is not detached": Mistake(_attached, say, EQUATION)}


def of_others_baseline() -> dict[str, Mistake]:
    """Return the mistakes of an estimator with the mean over the other episodes.

    With this baseline, the weights of each step sum to 0 over the episodes, so C.sum() is 0.
    Therefore every program of SCORES returns C, and one of them is enough.
    """
    say = (
        "The expectation is 1 - 1/N times the gradient: the baseline of an episode contains the "
        "return of this episode."
    )
    program = partial(estimate, _mean_baseline)
    found = _common(others_baseline, ["minus pi is missing"])
    found["own sample in the mean baseline"] = Mistake(program, say, "advantages (4)")
    say = "Two mistakes: the result is a sum and no mean, and the baseline contains the own return."
    program = partial(_sum_of_estimates, _mean_baseline)
    found["sum for mean, and own sample in the baseline"] = Mistake(program, say, EQUATION)
    say = "The baseline is one mean over all episodes and steps, so it contains the own returns."
    program = partial(estimate, _one_mean_baseline)
    found["one mean as baseline"] = Mistake(program, say, "advantages (2)")
    say = "The mean and the deviation of the returns depend on the actions of each episode."
    for name, power in (("", 1), (", and gamma^t is missing", 0)):
        program = partial(_standardised_returns, power)
        found[f"standardised returns{name}"] = Mistake(program, say, "advantages (3)")
    return found


def _no_baseline(*arguments: Any) -> Array:
    return 0 * arguments[3]


def _divided_by_all(*arguments: Any) -> Array:
    N = len(arguments[3])
    return others_baseline(*arguments) * (N - 1) / N


def _of_whole_returns(*arguments: Any) -> Array:
    """Return the estimate with the return from step 0 at each step, and no gamma^t. [S, A]"""
    x = batch_of(_no_baseline, arguments)
    R = x.W[:, :1]
    return gradient(x, (R - (R.sum(0) - R) / (len(R) - 1)) + 0 * x.W)


EARLIER_REWARDS = (
    "The expectation is right. But rewards before step t add variance, and the action of step t "
    "cannot change them."
)
NO_BASELINE = (
    "The expectation is right, but no baseline is subtracted, so the variance is another one."
)


def noisy_with_others() -> dict[str, Mistake]:
    """Return unbiased estimators with another variance than the leave-one-out estimator."""
    program = partial(estimate, _no_baseline)
    found = {"no baseline": Mistake(program, NO_BASELINE, "advantages (2)")}
    say = "The expectation is right. But the baseline is a mean over N - 1 episodes, and not N."
    program = partial(estimate, _divided_by_all)
    found["the baseline divided by N"] = Mistake(program, say, "advantages (2)")
    return found | {"whole returns": Mistake(_of_whole_returns, EARLIER_REWARDS, "returns (1)")}


def _mean_of_q(*arguments: Any) -> Array:
    """Return the mean of q(s_t,a) over all actions with equal weights. [N, T]"""
    _, states, _, _, _, q = arguments
    return np.asarray(q.mean(-1)[states])


def noisy_with_critic() -> dict[str, Mistake]:
    """Return unbiased estimators with another variance than the critic's baseline gives."""
    wrong = partial(_wrong_weights, critic_baseline)
    programs: dict[str, tuple[Program, str, str]] = {
        "no baseline": (partial(estimate, _no_baseline), NO_BASELINE, EQUATION),
        "the mean of q over the actions as baseline": (
            partial(estimate, _mean_of_q),
            "The expectation is right. But your baseline gives all actions equal weights, and b(s) "
            "is the value of the policy.",
            EQUATION,
        ),
        "the baseline not discounted": (
            partial(wrong, lambda x: x.discount * x.W - x.b),
            "The expectation is right. But gamma^t multiplies the return-to-go alone, and the "
            "baseline is subtracted from the return-to-go itself.",
            EQUATION,
        ),
        "whole returns": (
            partial(wrong, lambda x: x.W[:, :1] - x.b),
            EARLIER_REWARDS,
            "returns (1)",
        ),
    }
    return {name: Mistake(*one) for name, one in programs.items()}
