"""The estimators of the meta-gradient on a bandit: read the problem, measure them exactly."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from typing import Any

import numpy as np

from metarl_min.basics.arguments import require
from metarl_min.cli import comparison
from metarl_min.gradients import enumeration, meta_gradients, objectives
from metarl_min.gradients.estimators import ESTIMATORS, Estimator, InnerStep, emaml
from metarl_min.gradients.meta_gradients import ExactGradients, Moments, Problem
from metarl_min.mdps import policies
from metarl_min.tasks.bandits import bandit_mdps


def problem(args: Namespace) -> Problem:
    """Return the bandit that the words name, with the largest N; ValueError where they are wrong.

    Rewards are deterministic and equal to the arms; one pull per episode.
    """
    arms, theta, N = args.arms, args.theta, args.num_episodes
    require(len(arms) > 1, "--arms must name two arms or more", len(arms))
    rule = f"--theta must have one number for each of the {len(arms)} arms"
    require(len(theta) == len(arms), rule, len(theta))
    require(len(set(N)) == len(N), "a number of episodes must be given once", N)
    enumeration.num_data_sets(len(arms), max(N), max(1, args.inner_steps))
    inner, task = (
        InnerStep(policies.tabular, args.alpha, args.baseline),
        bandit_mdps(np.array([arms])),
    )
    return Problem(inner, {"logits": np.array([theta])}, task, 1, max(N), args.inner_steps)


def estimators(words: float | str, asked: Problem) -> dict[str, Estimator]:
    """Return all estimators, emaml with the control variate that the words name."""
    J = objectives.expected_return_objective(asked.task, asked.horizon).value(asked.theta["logits"])
    c = words if isinstance(words, float) else {"none": 0.0, "J": float(J[0])}[words]
    return {**{name: g for name, (g, _) in ESTIMATORS.items()}, "emaml": partial(emaml, c=c)}


def _objectives(exact: ExactGradients) -> dict[str, Any]:
    gradients = {"grad_F_N": exact.grad_F_N, "grad_F_inf": exact.grad_F_inf}
    rows = {name: tree["logits"][0] for name, tree in gradients.items()}
    return {"F_N": exact.F_N, "F_inf": exact.F_inf, **rows}


def _row(name: str, moments: Moments, unbiased: Moments) -> dict[str, Any]:
    """Return what is known of one estimator at one N."""
    pairs = {"bias": moments.bias, "mse": moments.mse, "cosine": moments.cosine}
    both = {f"{x}_{F}": pairs[x][i] for x in pairs for i, F in enumerate(("F_N", "F_inf"))}
    return {
        "meant_for": ESTIMATORS[name][1], "mean": moments.mean, "covariance": moments.covariance,
        "variance": moments.variance, **both,
        "break_even": meta_gradients.break_even(moments, unbiased, moments.bias[0]),
    }  # fmt: skip


def measure(args: Namespace, asked: Problem) -> dict[str, Any]:
    """Return the object that `estimators --json` prints."""
    functions = estimators(args.control_variate, asked)
    found = meta_gradients.compare_estimators(functions, asked, args.num_episodes)
    for N, (_, rows) in found.items():
        strange = [name for name, moments in rows.items() if not np.isfinite(moments.mse).all()]
        if strange:
            got = f"NaN or infinity in {strange[0]} at N = {N}"
            raise FloatingPointError(f"moments must be finite, got {got}")
    words = "arms", "theta", "alpha", "inner_steps", "num_episodes", "baseline", "control_variate"
    result = {
        "problem": {word: getattr(args, word) for word in words},
        "objectives": {str(N): _objectives(exact) for N, (exact, _) in found.items()},
        "estimators": {
            name: {str(N): _row(name, row[name], row["emaml"]) for N, (_, row) in found.items()}
            for name in functions
        },
    }
    return dict(comparison.to_plain(result))
