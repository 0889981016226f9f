"""Assignment 6, the third part: an estimate of the gradient of F_N.

The declared estimand is grad F_N, estimators (2), for one inner step with N pulls. The student
writes a function that returns an estimate [A] with this mean:

    meta_pg(theta, inner_actions, inner_rewards, outer_actions, outer_rewards, alpha, baseline)

All pairs of an inner and an outer data set are listed. The inner pulls are drawn with theta, and
the outer pulls with the adapted logits. So the mean of a program is exact. It is compared with the
derivative of exact_objectives (1), which autograd computes.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from metarl_min.basics.arguments import whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.gradients.exact_objectives import exact_gradients
from metarl_min.gradients.inner_steps import InnerStep
from metarl_min.gradients.problems import Problem
from metarl_min.mdps import policies
from metarl_min.tasks.bandits import bandit_mdps
from metarl_min.teach.questions import Question
from metarl_min.teach.sampled_mistakes import MISTAKES
from metarl_min.teach.sampled_surrogates import arms_of, data_sets, probability_of
from metarl_min.teach.sampled_terms import Pulls, adapted
from metarl_min.teach.value_questions import Case, ValueQuestion, value_question


def _case(rng: Rng, num_arms: int, num_pulls: int, num_outer: int) -> Case:
    theta, arms = rng.normal(size=(2, num_arms))
    alpha, b = float(rng.uniform(1.3, 2.0)), float(rng.uniform(0.4, 0.9))
    arguments, probability = [], []
    for actions in data_sets(num_arms, num_pulls):
        inner = Pulls(actions, arms[actions])
        phi, p = adapted(theta, inner, alpha, b), probability_of(theta, actions)
        for outer in data_sets(num_arms, num_outer):
            arguments.append((theta, *inner, outer, arms[outer], alpha, b))
            probability.append(p * probability_of(phi, outer))
    text = f"theta = {theta.round(6)}, alpha = {alpha:.6f}, baseline = {b:.6f}, and every data set "
    text += f"of {num_pulls} inner and {num_outer} outer pulls of arms that pay {arms.round(6)}"
    return Case(arguments=arguments, probability=np.array(probability), text=text)


def _cases(rng: Rng, num_pulls: int) -> list[Case]:
    """Draw cases. Those with two arms have different numbers of inner and outer pulls.

    So a forgotten number of outer pulls is not mistaken for N. The case with three arms has two
    pulls of each kind, because it has the most data sets.
    """
    sizes = [(2, 2, 3), (3, 2, 2)] if num_pulls == 2 else [(2, 3, 2), (2, 2, 3), (3, 2, 2)]
    return [_case(rng, *size) for size in sizes]


def _numbers(case: Case, num_pulls: int) -> dict[str, float]:
    _, inner, _, outer, _, alpha, _ = case.arguments[0]
    found = {"alpha": alpha, "the number of outer pulls": len(outer)}
    return found | ({"N": len(inner)} if num_pulls > 2 else {})  # 2 is tried anyway


def _truth(case: Case) -> Array:
    """Return the gradient of F_N, by exact_objectives (1). [A]"""
    theta, actions, *_, alpha, b = case.arguments[0]
    problem = Problem(
        inner=InnerStep(policy=policies.tabular, alpha=alpha, baseline=b),
        theta={"logits": theta[None]},
        task=bandit_mdps(arms_of(case, 1, len(theta))[None]),
        horizon=1,
        num_episodes=len(actions),
        num_steps=1,
    )
    return np.asarray(exact_gradients(problem).grad_F_N["logits"][0])


def meta_pg(num_pulls: int = 2) -> Question:
    """Ask for meta_pg(theta, inner data, outer data, alpha, baseline), with the mean grad F_N.

    The first case has num_pulls inner pulls. With num_pulls = 3, further cases have 2 of them.
    TypeError or ValueError unless num_pulls is 2 or 3.
    """
    N = whole("num_pulls", num_pulls, 2, 3)
    asked = ValueQuestion(
        function="meta_pg",
        cases=partial(_cases, num_pulls=N),
        truth=_truth,
        mistakes=MISTAKES,
        numbers=partial(_numbers, num_pulls=N),
    )
    return value_question(asked)
