"""Scores where the Bayes-optimal return is only known to lie between two bounds.

The score (return - random) / (Bayes-optimal - random) is computed for each of the two bounds.
"""

from __future__ import annotations


def score_interval(value: float, random: float, bounds: dict[str, float]) -> str:
    """Return the scores of a return for the two bounds of the ceiling, as text.

    The score for the lower bound has no limit if this bound is not above the random return.

    >>> score_interval(3.0, 1.0, {"lower": 5.0, "upper": 6.0})
    '0.400 .. 0.500'
    >>> score_interval(3.0, 1.0, {"lower": 1.0, "upper": 6.0})
    'at least 0.400'
    """
    gain, spans = value - random, [bounds[key] - random for key in ("lower", "upper")]
    tiny = 1e-12 * max(abs(random), abs(bounds["upper"]))
    if spans[1] <= tiny:
        return ""
    if spans[0] <= tiny:
        return f"at {'least' if gain >= 0 else 'most'} {gain / spans[1]:.3f}"
    low, high = sorted(gain / span for span in spans)
    return f"{low:.3f} .. {high:.3f}"


def bound_rows(bounds: dict[str, float] | None) -> list[list[str]]:
    """Return the rows of the bounds of the ceiling, or no rows."""
    if not bounds:
        return []
    upper, lower = f"{bounds['upper']:.3f}", f"{bounds['lower']:.3f}"
    return [["bayes_optimal, at most", upper, "", ""], ["  at least", lower, "", ""]]
