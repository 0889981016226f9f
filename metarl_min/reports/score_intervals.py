"""Scores if the Bayes-optimal return is not known, but lies between two known bounds.

The score (return - random) / (Bayes-optimal - random) is computed with each bound in the place of
the Bayes-optimal return. The true score lies between the two results.
"""

from __future__ import annotations


def score_interval(value: float, random: float, bounds: dict[str, float]) -> str:
    """Return the interval that contains the score of a return, as text.

    If the lower bound is at most the random return, only the upper bound gives a score. This score
    is then one end of the interval. The text is empty if no bound is above the random return.

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
    """Return the two rows of a table for the bounds of the ceiling, or no rows without bounds."""
    if not bounds:
        return []
    upper, lower = f"{bounds['upper']:.3f}", f"{bounds['lower']:.3f}"
    return [["bayes_optimal, at most", upper, "", ""], ["  at least", lower, "", ""]]
