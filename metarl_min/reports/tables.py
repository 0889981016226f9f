"""Text tables: the results of the commands, for people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from metarl_min.reports.score_intervals import bound_rows, score_interval

Row = list[str]

HEAD = ["", "return", "score", "score_pdl"]
MANY = 10**12  # larger counts are written with two digits

NOTE = """F_N: the return after adapting on N episodes. F_inf: the same with the exact gradient.
bias: Euclidean norm. sd: root of the trace of the covariance, over the inner data only.
emaml wins from: the number of samples from which emaml has the smaller error for F_N."""


def align(rows: list[Row]) -> str:
    """Return the rows as lines: the first column to the left, the others to the right.

    >>> print(align([["", "return"], ["random", "5.0"]]))
            return
    random     5.0
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    line = "  ".join([f"{{:<{widths[0]}}}", *(f"{{:>{width}}}" for width in widths[1:])])
    return "\n".join(line.format(*row).rstrip() for row in rows)


def number(value: float | None, stderr: float | None = None) -> str:
    """Return a value with its standard error as text; the text is empty if there is no value.

    >>> number(5.74321, 0.07), number(5.0), number(None)
    ('5.743 +- 0.070', '5.000', '')
    """
    if value is None:
        return ""
    return f"{value:.3f} +- {stderr:.3f}" if stderr else f"{value:.3f}"


def words(family: dict[str, Any]) -> str:
    """Return a family as it is written on the command line, without its empty words.

    >>> words({"name": "bandit", "arms": 5, "prior": "1,1", "walls": ""})
    'bandit arms=5 prior=1,1'
    """
    values = {key: value for key, value in family.items() if key != "name" and value != ""}
    texts = {key: f"{x:g}" if isinstance(x, float) else str(x) for key, x in values.items()}
    return " ".join([family["name"], *(f"{key}={text}" for key, text in texts.items())])


def _row(name: str, scores: dict[str, Any], known: dict[str, Any]) -> Row:
    """Return the row of a player.

    `known` holds the exact `random` return, and the `bounds` if the ceiling is not known.
    """
    pairs = (("return", "stderr"), ("score", "score_stderr"), ("score_pdl", "score_pdl_stderr"))
    row = [name, *(number(scores.get(value), scores.get(error)) for value, error in pairs)]
    if known.get("bounds"):
        row[2] = score_interval(scores["return"], known["random"], known["bounds"])
    return row


def _seed_range(scores: dict[str, Any]) -> str:
    """Return the smallest and the largest score of all seeds; empty for a single seed.

    If no score is known, return the smallest and the largest return.

    >>> _seed_range({"seeds": [{"score_pdl": 0.5}, {"score_pdl": 0.75}]})
    '0.500 .. 0.750'
    """
    rows = scores.get("seeds") or []
    if len(rows) < 2:
        return ""
    keys = ("score_pdl", "score", "return")
    values = [row[next(key for key in keys if rows[0].get(key) is not None)] for row in rows]
    return f"{min(values):.3f} .. {max(values):.3f}"


def _rows(name: str, scores: dict[str, Any], known: dict[str, Any]) -> Iterator[Row]:
    """Yield the row of a player; if it adapts, also its unadapted start and untrained control."""
    yield _row(name, scores, known)
    if scores.get("before"):
        yield _row("  unadapted start", scores["before"], known)
    if scores.get("control"):
        control = scores["control"]
        yield _row(f"  untrained control (alpha={control['alpha']:g})", control, known)


def _exact(name: str, value: float | None, score: float) -> list[Row]:
    """Return the row of an exact return, or no row if the return is not known."""
    return [] if value is None else [[f"{name} (exact)", number(value), number(score), ""]]


def _noted(table: str, notes: list[str] | None) -> str:
    """Return a table with notes below it."""
    return "\n\n".join([table, "\n".join(notes)]) if notes else table


def _players(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry["learners"], **entry["baselines"]}


def comparison(entry: dict[str, Any]) -> str:
    """Return the table of one family of `compare`, from the ceiling down to the random player.

    A learner with several seeds has the row of its median seed, and the range over its seeds.
    """
    best, chance = entry["bayes_optimal"], entry["random"]
    num_seeds = max((len(row.get("seeds", ())) for row in entry["learners"].values()), default=0)
    known = {"random": chance["return"], "bounds": entry.get("bounds")}
    head = f"{num_seeds} seeds{'' if best else ', return'}" if num_seeds > 1 else ""
    top = [*_exact("bayes_optimal", best and best["return"], 1), *bound_rows(known["bounds"])]
    rows = [[*HEAD, head], *([*row, ""] for row in top)]
    for name, scores in _players(entry).items():
        if name in ("bayes_optimal", "random"):  # the exact rows have these values without error
            continue
        first, *others = _rows(name, scores, known)
        rows += [[*first, _seed_range(scores)], *([*row, ""] for row in others)]
    rows += [[*row, ""] for row in _exact("random", chance["return"], 0)]
    title = f"{words(entry['family'])}\n{entry['num_tasks']} fresh tasks, "
    table = f"{title}undiscounted return of {entry['num_episodes']} episodes\n\n{align(rows)}"
    return _noted(table, entry.get("notes"))


def _alarm(name: str, scores: dict[str, Any]) -> list[str]:
    score, stderr = scores.get("score"), scores.get("score_stderr") or 0.0
    if score is None or score - 1 <= 4 * stderr + 1e-9:
        return []
    above = f"{number(score, stderr)}, above the ceiling by more than 4 standard errors"
    return [f"alarm: the score of {name} is {above}: does it see the task?"]


def alarms(entry: dict[str, Any]) -> list[str]:
    """Return a line for each row whose score exceeds 1 by more than 4 standard errors."""
    lines, family = [], entry["family"]["name"]
    for name, scores in _players(entry).items():
        lines += _alarm(f"{name} on {family}", scores)
        for part in ("before", "control"):
            lines += _alarm(f"{name} ({part}) on {family}", scores.get(part) or {})
    return lines


def evaluation(result: dict[str, Any]) -> str:
    """Return the table of `evaluate`. Lines below it say why a score is not known."""
    rows = [
        HEAD,
        *_exact("bayes_optimal", result["bayes_optimal"], 1),
        *bound_rows(result.get("bounds")),
    ]
    rows += [*_rows(result["learner"], result, result), *_exact("random", result["random"], 0)]
    return _noted(f"{words(result['family'])}\n\n{align(rows)}", result.get("notes"))


def ceiling(result: dict[str, Any]) -> str:
    """Return the table of `ceiling`: expected returns of one trial, exact or with bounds."""
    best = {"value": "Bayes-optimal"}
    if result["value"] is None:
        best = {"upper": "Bayes-optimal, at most", "lower": "Bayes-optimal, at least"}
    names = {"known_task": "the task known", **best, "random": "random"}
    rows = [[label, f"{result[x]:.6f}"] for x, label in names.items() if result[x] is not None]
    return f"{words(result['family'])}\n\n{align(rows)}"


def vector(values: Sequence[float]) -> str:
    """Return a vector as text.

    >>> vector([-0.17434, 0.17434])
    '(-0.174340, 0.174340)'
    """
    return f"({', '.join(f'{value:.6f}' for value in values)})"


def _wins(row: dict[str, Any]) -> str:
    """Return the least number of samples for which emaml has a smaller error than this estimator.

    The error is for the gradient of F_N. The text is empty if this estimator has no bias.

    >>> _wins({"break_even": 376.4}), _wins({"break_even": 178301869926017.5})
    ('377', '1.8e+14')
    """
    if row["break_even"] is None:
        return ""
    first = math.floor(row["break_even"]) + 1
    return str(first) if first < MANY else f"{first:.1e}"


def _small(value: float) -> str:
    """Return a size as text; a size that is round-off is written 0."""
    return f"{value:.3g}" if value > 1e-12 else "0"


def _estimators(result: dict[str, Any], N: str) -> str:
    """Return the table of one N, below the exact objectives."""
    exact = result["objectives"][N]
    lines = [
        f"N = {N}",
        f"F_N   = {exact['F_N']:.6f}, gradient {vector(exact['grad_F_N'])}",
        f"F_inf = {exact['F_inf']:.6f}, gradient {vector(exact['grad_F_inf'])}",
    ]
    rows = [["", "meant for", "bias F_N", "bias F_inf", "sd", "emaml wins from", "mean"]]
    for name, entries in result["estimators"].items():
        row = entries[N]
        sizes = (row["bias_F_N"], row["bias_F_inf"], math.sqrt(row["variance"]))
        cells = [row["meant_for"] or "", *map(_small, sizes), _wins(row), vector(row["mean"])]
        rows.append([name, *cells])
    return "\n".join([*lines, align(rows)])


def estimators(result: dict[str, Any]) -> str:
    """Return the tables of `estimators`, one for each N."""
    options = []
    for name, value in result["problem"].items():
        values = value if isinstance(value, list) else [value]
        word = ",".join(x if isinstance(x, str) else f"{x:g}" for x in values)
        options.append(f"--{name.replace('_', '-')} {word}")
    tables = (_estimators(result, N) for N in result["objectives"])
    return "\n\n".join([f"estimators {' '.join(options)}", *tables, NOTE])


def _published_cell(entries: list[dict[str, Any]]) -> str:
    """Return the table of one cell: the ceiling, then each baseline with its remark."""
    first, rows = entries[0], [["", "published", "recomputed", "constant"]]
    ceiling = first["ceiling"]
    best = {"bayes_optimal (exact)": ceiling["value"]}
    if ceiling["value"] is None:
        best = {"bayes_optimal, at most": ceiling["upper"], "at least": ceiling["lower"]}
    rows += [[name, "", f"{value:.3f}", ""] for name, value in best.items()]
    for row in entries:
        printed = "" if row["published"] is None else f"{row['published']:.1f}"
        constant = "" if row["constant"] is None else f"{row['constant']:g}"
        rows.append([row["algorithm"], printed, number(row["value"], row["stderr"]), constant])
    width = max(len(line) for line in align(rows).splitlines())
    remarks = ["", *("" for _ in best), *(row["remark"] for row in entries)]
    lines = zip(align(rows).splitlines(), remarks, strict=True)
    title = " ".join(f"{key}={first[key]}" for key in "nk" if key in first)
    return "\n".join([title, *(f"{line:<{width}}  {remark}".rstrip() for line, remark in lines)])


def published(result: dict[str, Any]) -> str:
    """Return the tables of `tables`, one for each cell."""
    cells: dict[Any, list[dict[str, Any]]] = {}
    for row in result["cells"]:
        cells.setdefault((row["n"], row.get("k")), []).append(row)
    title = f"{result['table']}: {result['trials']} fresh tasks, seed {result['seed']}"
    source = f"published: {result['source']}"
    return "\n\n".join([f"{title}\n{source}", *map(_published_cell, cells.values())])
