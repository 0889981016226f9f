"""The Bayes-optimal return of a family: its exact value, its bounds, or why they are not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from metarl_min.ceilings import Ceiling, TooLarge, bayes_optimal, bounds
from metarl_min.ceilings.bounds import Bounds
from metarl_min.tasks import Family, Unsupported


class BestReturn(NamedTuple):
    """What is known about the Bayes-optimal return of a family."""

    ceiling: Ceiling | None  # None if no exact value is known
    bounds: Bounds | None  # None if there is a ceiling, or if no bounds are known
    reason: str  # the reason why there is no ceiling, or ""


def best_return(family: Family, report: Callable[[str], None] | None = None) -> BestReturn:
    """Return the ceiling of a family, or else its bounds, or else the reason why there are none.

    If the solution takes more than about a second, `report` is called with a line about its cost.
    """
    try:
        return BestReturn(bayes_optimal.solve(family, report), None, "")
    except (Unsupported, TooLarge) as error:
        rule = "no exact ceiling"
        reason = str(error) if str(error).startswith(rule) else f"{rule}: {error}"
    try:
        return BestReturn(None, bounds.bounds(family), reason)
    except TooLarge as error:
        return BestReturn(None, None, f"{reason}; no bounds: {error}")
    except Unsupported:
        return BestReturn(None, None, reason)


def ceiling_of(family: Family) -> Ceiling | None:
    """Return the exact ceiling, or None if it is not known. No bounds are computed."""
    try:
        return bayes_optimal.solve(family)
    except (Unsupported, TooLarge):
        return None


def interval(best: BestReturn) -> dict[str, float] | None:
    """Return the two bounds in the form of `results.json`, or None if there are no bounds."""
    if best.bounds is None:
        return None
    return {"lower": best.bounds.lower, "upper": best.bounds.upper}


def notes(best: BestReturn, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one line for each reason why some `rows` of a result have no score or score_pdl."""
    if best.bounds is not None:
        return [best.reason, "a score lies between its values for the two bounds; no score_pdl"]
    if best.ceiling is None:
        return [best.reason, "no score, because no bounds of the Bayes-optimal return are known"]
    if any(row["score"] is None for row in rows):
        return ["no score, because no player earns more than the random player"]
    if all(row["score_pdl"] is not None for row in rows):
        return []
    if not best.ceiling.every_history:
        return ["no score_pdl, because the ceiling has no values off the best walk"]
    return ["no score_pdl where the episodes of a player have no last_arrivals"]
