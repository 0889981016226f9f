"""The report of a check: agrees, WRONG or not checked.

In this module, v is the true derivative, and y is a claimed derivative. Often y is wrong only by a
factor k, so y = k v. Then <y, v> = k <v, v>:

    (1)  k = <y, v> / <v, v>                               [inner product of y = k v with v]
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from metarl_min.basics.trees import Array


class Report(NamedTuple):
    """The result of a check. A report is true if it agrees. Printed, it is a sentence."""

    verdict: str  # "agrees", "WRONG", or "not checked" if nothing can be concluded
    relative_error: float  # |claimed - truth|, divided by the largest true value (1 if that is 0)
    coordinate: str  # the coordinate that `compare` chooses, as in "['w'][0, 1]"
    claimed: float  # value under test at this coordinate
    truth: float  # true value at this coordinate
    uncertainty: float  # error of the true value, in the same unit as relative_error
    factor: float | None  # k of eq. (1), if the claimed values are k times the true ones
    remark: str  # why nothing was concluded, or the name of a known estimator or mistake, or ""
    dtype: str = "float64"  # of the claimed values
    where: str = ""  # the problem that the numbers are about, or ""

    def __bool__(self) -> bool:
        return self.agrees

    @property
    def agrees(self) -> bool:
        """Whether the claimed values are right. It is false if nothing was checked."""
        return self.verdict == "agrees"

    @property
    def digits(self) -> float:
        """Decimal digits of agreement, from 0 to 16."""
        error = np.nan_to_num(self.relative_error, nan=1.0)
        return float(np.clip(-np.log10(np.maximum(error, 1e-16)), 0.0, 16.0)) + 0.0

    def __str__(self) -> str:
        checked = self.verdict != "not checked"
        text = f"{self.verdict}, {self.digits:.1f} digits" if checked else self.verdict
        text += f" in {self.dtype}" if self.dtype != "float64" else ""
        text += f"; at {self.coordinate}: {self.claimed:.10g}, "
        text += f"{'should be' if checked else 'measured'} {self.truth:.10g}"
        text += f" (known to {self.uncertainty:.1g})"
        if self.factor is not None:
            text += f"; it is {self.factor:.6g} times what it should be"
        return "; ".join(filter(None, [text, self.remark, self.where and f"on {self.where}"]))


def _factor(claimed: Array, truth: Array) -> float | None:
    """Return k of eq. (1), or None if k is one or the directions differ."""
    k = float(claimed @ truth / (truth @ truth or 1.0))
    along = np.linalg.norm(claimed - k * truth) <= 1e-5 * np.linalg.norm(truth)
    return k if along and truth.any() and abs(k - 1) > 1e-5 else None


def wrong_entries(claimed: Array, truth: Array, error: Array, tolerance: float) -> Array:
    """Return where a claimed value is wrong, bools [D].

    A claimed value may differ from the truth by tolerance * max |truth| + error, and must be
    finite. If the truth is not finite, it is not known, and only the claimed value NaN is wrong.
    """
    known = np.isfinite(truth)
    scale = abs(truth[known]).max(initial=0.0)
    with np.errstate(invalid="ignore"):
        far = ~(abs(claimed - truth) <= tolerance * scale + error)
    return np.isnan(claimed) | known & (far | np.isinf(claimed))


def compare(
    claimed: Array,
    truth: Array,
    error: Array,
    tolerance: float,
    name: Callable[[int], str],
    doubt: str = "",
) -> Report:
    """Return the report on claimed values, which may differ by tolerance * max |truth| + error.

    `claimed`, `truth` and `error` are vectors [D], and `name` returns the name of a coordinate. If
    no value is wrong and `doubt` is not empty, the verdict is "not checked". The report shows
    the coordinate whose difference exceeds `error` most. If the verdict is "not checked", it shows
    the coordinate with the largest `error`.
    """
    if not doubt and not np.isfinite(truth).all():
        doubt = "the true value is not a finite number: nothing was checked"
    wrong = wrong_entries(claimed, truth, error, tolerance)
    verdict = "WRONG" if wrong.any() else "not checked" if doubt else "agrees"
    scale = abs(truth[np.isfinite(truth)]).max(initial=0.0) or 1.0
    with np.errstate(invalid="ignore"):
        off = abs(claimed - truth)
        # If the verdict is WRONG, only wrong values can be shown.
        excess = np.where(wrong | (verdict != "WRONG"), off - error, -np.inf)
    furthest = error if verdict == "not checked" else excess
    worst = int(np.argmax(np.nan_to_num(furthest, nan=np.inf)))
    finite = bool(np.isfinite(claimed).all())
    no_number = "" if finite else "the claimed value is not a finite number"
    comparable = verdict == "WRONG" and finite and bool(np.isfinite(truth).all())
    return Report(
        verdict=verdict,
        relative_error=float(off[worst] / scale),
        coordinate=name(worst),
        claimed=float(claimed[worst]),
        truth=float(truth[worst]),
        uncertainty=float(error[worst] / scale),
        factor=_factor(claimed, truth) if comparable else None,
        remark=no_number if verdict == "WRONG" else doubt,
    )
