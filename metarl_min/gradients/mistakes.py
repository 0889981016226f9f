"""What goes wrong in a meta-gradient, so that a wrong one can be called by its name.

A wrong estimator is often one of `estimators` times a forgotten or doubled factor, or the sum of
a gradient and a score term of which one belongs to another, or has such a factor, or lacks the
way through the earlier inner steps. There are some hundreds of these; all are made, by name.
"""

from __future__ import annotations

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.checks import Report
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients import estimators
from metarl_min.gradients.estimators import (
    EstimatorInputs,
    Weights,
    plain_weights,
    through_inner_steps,
)

Rows = dict[str, Array]  # name -> estimates [M, D], or their mean [D]

WEIGHTS: dict[str, Weights] = {
    "dice": estimators.dice_weights,
    "loaded_dice": estimators.loaded_dice_weights,
    "lvc": estimators.lvc_weights,
    "linearised_score": estimators.linearised_weights,
}


def transposed(given: EstimatorInputs) -> Tree:
    """Plain with its factors I + alpha H_k in the wrong order; right where K = 1."""
    _, path, data, v, _ = given
    for k, D in enumerate(data):
        v = through_inner_steps(given[0], path[k : k + 2], [D], v, plain_weights)
    return v


def score_term(
    given: EstimatorInputs, num_steps: int | None = None, weights: Weights = plain_weights
) -> Tree:
    """What emaml adds, or the part of it that the first steps have: phi_1 and on held fixed."""
    inner, path, data, v, R = given
    end = len(data) if num_steps is None else num_steps
    return through_inner_steps(inner, path[: end + 1], data[:end], trees.scale(v, 0.0), weights, R)


def factors(named: dict[str, float]) -> dict[str, float]:
    """One, minus one, every named number and its inverse, by name."""
    products = {f"{name} times ": k for name, k in named.items()}
    inverses = {f"1/{name} times ": 1 / k for name, k in named.items() if k}
    return {"": 1.0, "-1 times ": -1.0, **products, **inverses}


def explanations(given: EstimatorInputs, num_episodes: int, truths: dict[str, Tree]) -> Rows:
    """What a function may turn out to be, the simplest first: {name: estimates [M, D]}."""
    inner, _, data, _, R = given
    numbers = {"N": num_episodes, "2": 2, "K": len(data), "alpha": inner.alpha, "M": len(R)}
    scales = factors(numbers)
    found = {name: trees.flatten_tasks(g(*given)) for name, (g, _) in estimators.ESTIMATORS.items()}
    found["plain with transposed factors"] = trees.flatten_tasks(transposed(given))
    gradients = {name: x for name, x in found.items() if name != "emaml"}  # without a score term
    for name, truth in truths.items():
        found[name] = np.tile(trees.ravel(truth)[0], (len(R), 1))
    found = {k + name: scales[k] * x for k in scales for name, x in found.items()}
    score, detached = (trees.flatten_tasks(score_term(given, steps)) for steps in (None, 1))
    for name, x in gradients.items():
        terms = {"the score term": score, "the score term with phi_1 .. detached": detached}
        if name in WEIGHTS:
            own = trees.flatten_tasks(score_term(given, weights=WEIGHTS[name]))
            terms[f"the score term through {name}"] = own
        found |= {f"{name} + {k}{s}": x + scales[k] * y for s, y in terms.items() for k in scales}
    return found


def _same(x: Array, y: Array) -> bool:
    return bool(abs(x - y).max() <= 1e-9 * abs(y).max())


def _recognise(mine: list[Array], known: list[Rows]) -> str:
    """Names of what equals `mine` to 1e-9 on each of several problems, three at most."""
    pairs = list(zip(mine, known, strict=True))
    names = [name for name in known[0] if all(_same(x, there[name]) for x, there in pairs)]
    return " = ".join(names[:3])


def _common_factor(mine: list[Array], known: list[Rows], truth: str) -> float | None:
    """The one number k with mean = k truth on all problems; None where none fits to 1e-9.

    None too where all that is known lies on one line, as with two arms: there each has some k.
    """
    mean = np.concatenate(mine)
    others = {name: np.concatenate([there[name] for there in known]) for name in known[0]}
    target = others[truth]
    k = float(mean @ target / (target @ target or 1.0))
    on_a_line = np.linalg.matrix_rank(np.stack(list(others.values()))) < 2
    return k if _same(mean, k * target) and not on_a_line else None


def explain(
    report: Report, mine: list[Array], known: list[Rows], probabilities: list[Array], truth: str
) -> Report:
    """Complete a report by what estimates [M, D] equal on all problems, themselves or on average.

    Only where nothing known fits is a factor of the gradient named `truth` looked for, and
    nothing where the report has a remark of its own.
    """
    if report.remark:
        return report
    if names := _recognise(mine, known):
        return report._replace(factor=None, remark=f"it is {names}")
    pairs = list(zip(probabilities, known, strict=True))
    means = [p @ x for p, x in zip(probabilities, mine, strict=True)]
    known_means = [{name: p @ x for name, x in there.items()} for p, there in pairs]
    if names := _recognise(means, known_means):
        return report._replace(factor=None, remark=f"it has the mean of {names}")
    return report._replace(factor=_common_factor(means, known_means, truth))
