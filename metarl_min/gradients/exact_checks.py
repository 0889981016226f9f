"""A check of exact meta-gradients of your own.

The program under test is a function of an `ExactProblem` of the module `exact_mistakes`. It returns
the gradient of F_inf, a tree with the names and shapes of theta. `known_sums` compares this result
with the results of the right program and of the named mistakes, each multiplied by a named factor.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import function, instance
from metarl_min.basics.checks import Report, checked_tolerance, tolerance_for
from metarl_min.basics.trees import Array, Tree
from metarl_min.basics.vectors import (
    EPS,
    call_with_copy,
    check_numbers,
    coarsest_dtype,
    entry_name,
    matching_vector,
)
from metarl_min.basics.verdicts import compare
from metarl_min.gradients.exact_mistakes import (
    ExactProblem,
    Program,
    named_mistakes,
    right,
    standard_exact_problems,
)
from metarl_min.gradients.known_sums import Comparison, equal_multiples
from metarl_min.gradients.mistakes import multiples

NOTES = {"-1 times ": "wrong sign", "M times ": "sum for mean", "1/M times ": "divided by M twice"}


def _where(problem: ExactProblem) -> str:
    (M,), (S, A), K = problem.tasks.leading, problem.tasks.shape, problem.num_steps
    return f"M = {M} tasks of S = {S} and A = {A}, horizon {problem.horizon}, K = {K}"


def _factors(problem: ExactProblem) -> dict[str, float]:
    alpha = problem.alpha
    of_alpha = {} if isinstance(alpha, dict) else {"alpha": alpha}
    sizes = {"M": problem.tasks.leading[0], "K": problem.num_steps, "2": 2.0}
    return multiples(sizes | of_alpha)


def _flat(tree: Tree) -> Array:
    return trees.ravel(tree)[0].astype(float)


def _names(results: list[Tree], problems: list[ExactProblem], tolerance: float) -> str:
    """Return the names of at most three listed programs that have these results on all problems."""
    tables = [named_mistakes(problem) for problem in problems]
    shared = [name for name in tables[0] if all(name in table for table in tables)]
    pairs = list(zip(tables, problems, strict=True))
    known = {name: [_flat(t[name](one)) for t, one in pairs] for name in shared}
    x = [_flat(g) for g in results]
    sums = equal_multiples(Comparison(x, known, [_factors(one) for one in problems], tolerance))
    texts = []
    for s in sums[:3]:
        note = next((f" ({why})" for prefix, why in NOTES.items() if s.text.startswith(prefix)), "")
        texts.append(s.text + note)
    return " = ".join(texts)


def _report(problem: ExactProblem, g: Any, tolerance: float) -> Report:
    """Compare the result of the program with the right one."""
    claimed, truth = matching_vector("the meta-gradient", problem.theta, g), _flat(right(problem))
    dtype = coarsest_dtype(g)
    report = compare(
        claimed,
        truth,
        error=np.full(len(truth), 100 * EPS * abs(truth).max()),
        tolerance=tolerance_for(tolerance, dtype),
        name=partial(entry_name, problem.theta),
        doubt="" if truth.any() else "the true gradient is zero: nothing was checked",
    )
    return report._replace(dtype=dtype.name, where=_where(problem))


def _explained(report: Report, results: list[Tree], problems: list[ExactProblem]) -> Report:
    """Name the listed program that has the same results, if they are wrong but finite."""
    if report.agrees or not all(np.isfinite(_flat(g)).all() for g in results):
        return report
    names = _names(results, problems, tolerance_for(1e-9, coarsest_dtype(*results)))
    return report._replace(factor=None, remark=f"it is {names}") if names else report


def check_exact_meta_gradient(
    program: Program, *, problem: ExactProblem | None = None, tolerance: float = 1e-9
) -> Report:
    """Check that a program returns the gradient of F_inf, which is the mean of J(phi_K) over tasks.

    The program is called once with each problem: your `problem`, or the two
    `standard_exact_problems`. Each coordinate may differ by `tolerance` times the largest entry of
    the true gradient. For float32 the tolerance is at least 1.2e-5. The report is on the problem
    with the largest error. If a program of `named_mistakes` has the same results on every problem,
    the remark names this program. TypeError or ValueError unless the result has the names and
    shapes of theta.

    >>> from metarl_min.gradients.adaptation import first_order_meta_gradient
    >>> def program(p):
    ...     return first_order_meta_gradient(p.policy, p.theta, p.alpha, p.num_steps, p.J)
    >>> check_exact_meta_gradient(program).remark
    'it is first order'
    """
    function("program", program)
    tolerance = checked_tolerance(tolerance)
    own = [instance("problem", problem, ExactProblem)] if problem is not None else []
    problems = own or standard_exact_problems()
    calls = [call_with_copy(program, one) for one in problems]
    results = [check_numbers("the meta-gradient", g) for g, _ in calls]
    reports = [_report(one, g, tolerance) for one, g in zip(problems, results, strict=True)]
    worst = max(reports, key=lambda report: (not report.agrees, report.relative_error))
    report = _explained(worst, results, problems)
    if any(changed for _, changed in calls):
        remarks = [report.remark, "the program changed the problem in place"]
        report = report._replace(remark="; ".join(filter(None, remarks)))
    return report
