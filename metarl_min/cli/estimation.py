"""The work of `estimators`: measure the estimators of the meta-gradient on a bandit, exactly."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from typing import Any

import numpy as np

from metarl_min.basics.arguments import require
from metarl_min.cli.console import WordsAtFault
from metarl_min.cli.jobs import to_plain
from metarl_min.gradients import advantages, enumeration, meta_gradients
from metarl_min.gradients.estimators import ESTIMATORS, MEANT_FOR, Estimator, emaml
from metarl_min.gradients.inner_steps import InnerStep
from metarl_min.gradients.meta_gradients import Comparison, ExactGradients, Moments
from metarl_min.gradients.objectives import expected_return_objective
from metarl_min.gradients.problems import Problem
from metarl_min.mdps import policies
from metarl_min.tasks.bandits import bandit_mdps

OPTIONS = "arms", "theta", "alpha", "inner_steps", "num_episodes", "baseline", "control_variate"


def problem(args: Namespace) -> Problem:
    """Return the bandit of the options, with the largest N; ValueError if an option is wrong.

    The reward of a pull is the number of its arm, without noise. An episode is one pull.
    """
    arms, theta, N = args.arms, args.theta, args.num_episodes
    require(len(arms) > 1, "--arms must name two arms or more", len(arms))
    rule = f"--theta must have one number for each of the {len(arms)} arms"
    require(len(theta) == len(arms), rule, len(theta))
    require(len(set(N)) == len(N), "a number of episodes must be given once", N)
    enumeration.num_data_sets(len(arms), max(N), max(1, args.inner_steps))
    if args.inner_steps:
        advantages.require_enough_data(args.baseline, "--num-episodes", min(N), 1, 1)
    return Problem(
        inner=InnerStep(policy=policies.tabular, alpha=args.alpha, baseline=args.baseline),
        theta={"logits": np.array([theta])},
        task=bandit_mdps(np.array([arms])),
        horizon=1,
        num_episodes=max(N),
        num_steps=args.inner_steps,
    )


def estimators(control_variate: float | str, on: Problem) -> dict[str, Estimator]:
    """Return all estimators, for the problem `on`.

    The control variate of emaml is a number, `none` for 0, or `J` for the return of theta.
    """
    J = expected_return_objective(on.task, on.horizon)
    return_of_theta = float(J.value(on.theta["logits"])[0])
    c = control_variate if isinstance(control_variate, float) else 0.0
    c = return_of_theta if control_variate == "J" else c
    return {**ESTIMATORS, "emaml": partial(emaml, c=c)}


def _objectives(exact: ExactGradients) -> dict[str, Any]:
    return {
        "F_N": exact.F_N,
        "F_inf": exact.F_inf,
        "grad_F_N": exact.grad_F_N["logits"][0],
        "grad_F_inf": exact.grad_F_inf["logits"][0],
    }


def _row(name: str, moments: dict[str, Moments]) -> dict[str, Any]:
    """Return the numbers of one estimator, from the moments of all estimators at one N."""
    own = moments[name]
    return {
        "meant_for": MEANT_FOR.get(name),
        "mean": own.mean,
        "covariance": own.covariance,
        "variance": own.variance,
        "bias_F_N": own.F_N.bias_norm,
        "bias_F_inf": own.F_inf.bias_norm,
        "mse_F_N": own.F_N.mse,
        "mse_F_inf": own.F_inf.mse,
        "cosine_F_N": own.F_N.cosine,
        "cosine_F_inf": own.F_inf.cosine,
        "break_even": meta_gradients.break_even(own, moments["emaml"], own.F_N.bias_norm),
    }


def _require_finite(comparisons: dict[int, Comparison]) -> None:
    """Raise an error unless all moments are finite: they overflow only for very large options."""
    for N, comparison in comparisons.items():
        for name, moments in comparison.moments.items():
            if not np.isfinite([moments.F_N.mse, moments.F_inf.mse]).all():
                got = f"NaN or infinity in {name} at N = {N}"
                raise WordsAtFault(f"the options must give finite moments, got {got}")


def measure(args: Namespace, on: Problem) -> dict[str, Any]:
    """Return the object that `estimators --json` prints."""
    functions = estimators(args.control_variate, on)
    try:
        comparisons = meta_gradients.compare_estimators(functions, on, args.num_episodes)
    except FloatingPointError as error:
        raise WordsAtFault(f"the options must give finite moments, got NaN: {error}") from error
    _require_finite(comparisons)
    result = {
        "problem": {option: getattr(args, option) for option in OPTIONS},
        "objectives": {str(N): _objectives(x.exact) for N, x in comparisons.items()},
        "estimators": {
            name: {str(N): _row(name, x.moments) for N, x in comparisons.items()}
            for name in functions
        },
    }
    return dict(to_plain(result))
