"""Assignment 6, the first part: a surrogate of pulls that another policy has drawn.

A bandit has A arms, and each arm always pays the same reward. A policy is the softmax of its logits
[A], and J(phi) is its expected reward. The student writes a function of N pulls:

    inner_surrogate(phi, reference, actions, rewards, baseline)   a number with the mean J(phi)

The pulls are drawn with the logits `reference`, and the baseline is any constant. The surrogate of
trust_region (4) has this mean: each pull has the weight ratio = pi(a|phi) / pi(a|reference).

    The mean of ratio f(a) over a draw from `reference` is sum_a pi(a|reference) ratio f(a).
    This is sum_a pi(a|phi) f(a), the mean of f(a) over a draw from phi.
    With f(a) = r(a) - b it is J(phi) - b. So b must be added to the mean of ratio (r - b).

The mean is J(phi) for every phi. So the means of all derivatives of the surrogate are the
derivatives of J. With log pi(a|phi) in the place of the ratio, only the first derivative has the
right mean, and only at phi = reference, estimator_weights (3).

All data sets are listed with their probabilities. So the mean of a program is exact. In this
module, b is the baseline. `data_sets`, `probability_of`, `arms_of`, `pulls_of`, `surrogate` and
`value` trust their arguments.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps.policies import softmax
from metarl_min.teach.questions import Mistake, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, value_question

RATIO, PRODUCT = "trust_region (4)", "estimator_weights (3)"


def data_sets(num_arms: int, num_pulls: int) -> list[Array]:
    """Return all tuples of arms. Each [N]"""
    return [np.array(arms) for arms in itertools.product(range(num_arms), repeat=num_pulls)]


def probability_of(logits: Array, actions: Array) -> float:
    """Return the probability of a tuple of arms, if each is drawn with the logits."""
    return float(np.prod(softmax(logits)[actions]))


def arms_of(case: Case, actions_at: int, num_arms: int) -> Array:
    """Return the reward of each arm of a case whose data sets hold every arm. [A]

    In a list of arguments, the rewards follow the actions, which have the place `actions_at`.
    """
    arms = np.zeros(num_arms)
    for x in case.arguments:
        arms[x[actions_at]] = x[actions_at + 1]
    return arms


class Pulls(NamedTuple):
    """The arrays from one data set that the right surrogate and the mistakes use."""

    new: Array  # [N] the probability of each action with the logits phi
    old: Array  # [N] the probability of each action with the logits `reference`
    logits: Array  # [N] the difference of both logits at each action
    r: Array  # [N]
    b: float


def pulls_of(
    phi: Array, reference: Array, actions: Array, rewards: Array, baseline: float
) -> Pulls:
    """Return the arguments of the student's function as `Pulls`."""
    return Pulls(
        new=softmax(phi)[actions],
        old=softmax(reference)[actions],
        logits=(phi - reference)[actions],
        r=rewards,
        b=baseline,
    )


def value(formula: Callable[[Pulls], Any], *arguments: Any) -> float:
    """Return the value of a formula for the student's arguments."""
    return float(formula(pulls_of(*arguments)))


def surrogate(weight: Callable[[Pulls], Any], *arguments: Any) -> float:
    """Return the mean of weight (r - b), plus b."""
    return value(lambda x: x.b + np.mean(weight(x) * (x.r - x.b)), *arguments)


def _clipped(ratio: Array, Adv: Array) -> Array:
    return np.minimum(ratio * Adv, np.clip(ratio, 0.8, 1.2) * Adv)


right = partial(surrogate, lambda x: x.new / x.old)

MISTAKES = {
    "no importance weight": Mistake(
        partial(surrogate, lambda x: 1.0),
        "Your result does not depend on phi. Its mean is the expected reward of the policy that "
        "has drawn the pulls.",
        RATIO,
    ),
    "importance weight upside down": Mistake(
        partial(surrogate, lambda x: x.old / x.new),
        "A pull that is more probable under phi than under reference must count more. With your "
        "weights it counts less.",
        RATIO,
    ),
    "the new probability as weight": Mistake(
        partial(surrogate, lambda x: x.new),
        "The weight of a pull is its probability under phi. But an arm that is probable under "
        "reference is already in the data more often than others.",
        RATIO,
    ),
    "the surrogate of REINFORCE": Mistake(
        partial(value, lambda x: np.mean(np.log(x.new) * (x.r - x.b))),
        "Its gradient at phi = reference is right, but neither its value nor its second derivative "
        "is.",
        PRODUCT,
    ),
    "the log of the probability as weight": Mistake(
        partial(surrogate, lambda x: np.log(x.new)),
        "As in the surrogate of REINFORCE, the gradient at phi = reference is right, but neither "
        "the value nor the second derivative is.",
        PRODUCT,
    ),
    "the weight to first order": Mistake(
        partial(surrogate, lambda x: 1 + np.log(x.new / x.old)),
        "1 plus the log of a number is a good approximation only if the number is near 1. The "
        "second derivative is wrong even at phi = reference.",
        PRODUCT,
    ),
    "the weight from the logits alone": Mistake(
        partial(surrogate, lambda x: np.exp(x.logits)),
        "The exponential of a logit is not yet a probability.",
        "policies (1)",
    ),
    "the weight clipped": Mistake(
        partial(surrogate, lambda x: np.clip(x.new / x.old, 0.8, 1.2)),
        "A clipped weight limits the size of an update. It changes the mean of the result.",
        "trust_region (5)",
    ),
    "the surrogate of PPO": Mistake(
        partial(value, lambda x: x.b + np.mean(_clipped(x.new / x.old, x.r - x.b))),
        "The clipped surrogate of PPO limits the size of an update. It changes the mean of the "
        "result.",
        "trust_region (5)",
    ),
    "self-normalised weights": Mistake(
        partial(surrogate, lambda x: x.new / x.old / np.mean(x.new / x.old)),
        "You divide by the sum of the weights. This sum depends on the pulls, so the division "
        "changes the mean of the result.",
        RATIO,
    ),
    "the baseline not added again": Mistake(
        partial(value, lambda x: np.mean(x.new / x.old * (x.r - x.b))),
        "The mean of your result is J(phi) minus the baseline. The baseline must not change the "
        "mean.",
        RATIO,
    ),
    "sum for mean": Mistake(
        partial(value, lambda x: x.b + np.sum(x.new / x.old * (x.r - x.b))),
        "You add up the pulls. The mean of the result must not depend on their number.",
        RATIO,
    ),
}


def _case(rng: Rng, num_arms: int, num_pulls: int) -> Case:
    phi, reference, arms = rng.normal(size=(3, num_arms))
    b, listed = float(rng.uniform(0.4, 0.9)), data_sets(num_arms, num_pulls)
    text = f"phi = {phi.round(6)}, reference = {reference.round(6)}, baseline = {b:.6f}, and every "
    return Case(
        arguments=[(phi, reference, actions, arms[actions], b) for actions in listed],
        probability=np.array([probability_of(reference, actions) for actions in listed]),
        text=f"{text} data set of {num_pulls} pulls of arms that pay {arms.round(6)}",
    )


def _truth(case: Case) -> float:
    phi = case.arguments[0][0]
    return float(softmax(phi) @ arms_of(case, 2, len(phi)))


def inner_surrogate(num_pulls: int = 2) -> Question:
    """Ask for inner_surrogate(phi, reference, actions [N], rewards [N], baseline), mean J(phi).

    TypeError or ValueError unless num_pulls is from 2 to 4.
    """
    N = whole("num_pulls", num_pulls, 2, 4)
    asked = ValueQuestion(
        function="inner_surrogate",
        cases=lambda rng: [_case(rng, num_arms, N) for num_arms in (2, 3, 4)],
        truth=_truth,
        mistakes=MISTAKES,
        numbers=lambda case: {"N": N},
    )
    return value_question(asked)
