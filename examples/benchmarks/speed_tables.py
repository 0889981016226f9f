"""The tables of speed.py, from the record that it writes as JSON."""

import re
from pathlib import Path

import numpy as np

OTHERS = {"earlier": "earlier build", "torch": "PyTorch", "jax": "JAX"}
MARKS = re.compile(r"(<!-- speed -->\n```\n)(.*?)(```\n<!-- /speed -->)", re.DOTALL)
NUMBERS = ("tasks", "episodes", "horizon", "population", "steps")


def ratio(measured, other):
    """Return the ratio of the medians, and the smallest and the largest ratio of a round."""
    times, others = np.array(measured["library"]["ms"]), np.array(measured[other]["ms"])
    return np.median(times) / np.median(others), *np.sort(times / others)[[0, -1]]


def others_of(record):
    """Return the programs that were measured beside the library."""
    first = next(iter(record["workloads"].values()))["once"]
    return [key for key in OTHERS if key in first]


def spread(numbers, form):
    """Return the median as a text, with the smallest and the largest number in brackets."""
    return f"{np.median(numbers):{form}} ({min(numbers):{form}}-{max(numbers):{form}})"


def _line(title, cells):
    return (f"{title:18s}" + "".join(f"{cell:>19s}" for cell in cells)).rstrip()


def ratio_lines(record):
    """Return the lines of the table of ratios."""
    others = others_of(record)
    lines = [_line("library", ["CPU ms", *[f"/ {OTHERS[key]}" for key in others]])]
    for name, sizes in record["workloads"].items():
        for size, title in (("once", name), ("twice", f"{name}, twice")):
            measured = sizes[size]
            cells = [f"{np.median(measured['library']['ms']):.3g}"]
            for key in others:
                middle, low, high = ratio(measured, key)
                cells.append(f"{middle:.2f} ({low:.2f}-{high:.2f})")
            lines.append(_line(title, cells))
    return lines


def cost_lines(record):
    """Return the lines of the tables of the first step and of memory, at the first size."""
    programs = ["library", *others_of(record)]
    lines = []
    for field, title in (("cold", "first step, CPU s"), ("peak", "peak memory, MB")):
        lines.append(_line(title, ["library", *[OTHERS[key] for key in programs[1:]]]))
        for name, sizes in record["workloads"].items():
            cells = [f"{sizes['once'][key][field]:.{2 if field == 'cold' else 0}f}"
                     for key in programs]  # fmt: skip
            lines.append(_line(name, cells))
    return lines


def scaling_lines(record):
    """Return the lines of the table of scaling: the CPU time with one number doubled."""
    lines = [f"{'twice the':18s}" + "".join(f"{number:>12s}" for number in NUMBERS)]
    for name, sizes in record["workloads"].items():
        cells = [f"{sizes['scaling'][key]:.2f}" if key in sizes["scaling"] else ""
                 for key in NUMBERS]  # fmt: skip
        lines.append((f"{name:18s}" + "".join(f"{cell:>12s}" for cell in cells)).rstrip())
    return lines


def workload_tables(record):
    """Return the lines of the three tables of the workloads."""
    return [ratio_lines(record), cost_lines(record), scaling_lines(record)]


def seconds_of(results):
    """Return the CPU seconds of each seed: infinity for a seed that did not reach the score."""
    return [np.inf if found["seconds"] is None else found["seconds"] for found in results]


def quality_lines(record):
    """Return the lines of the table of the CPU seconds until a score is reached."""
    both = any("earlier" in found for found in record["quality"].values())
    keys = ["library", "earlier"] if both else ["library"]
    columns = ["library", "earlier build", "/ earlier build"] if both else ["library"]
    lines = [_line("CPU s to a score", [*columns, "iterations"])]
    for name, found in record["quality"].items():
        times = [seconds_of(found[key]) for key in keys]
        cells = [spread(seconds, ".2f") for seconds in times]
        if both:
            cells.append(f"{np.median(times[0]) / np.median(times[1]):.2f}")
        counts = [np.median([one["iterations"] for one in found[key]]) for key in keys]
        cells.append(" and ".join(f"{count:.0f}" for count in counts))
        lines.append(_line(f"{name}, {found['score']:.2f}", cells))
    return lines


def episode_lines(record):
    """Return the lines of the table of the parts of W3, for more and more episodes."""
    found = record["episodes"]
    steps, ms = np.array(found["steps"]), {key: np.median(x, 0) for key, x in found["ms"].items()}
    gradient = ms["gradient"]
    rows = [
        ("gradient, CPU ms", [f"{x:.3g}" for x in gradient]),
        ("gradient, / first", [f"{x:.2f}" for x in gradient / gradient[0]]),
        ("gradient, MB", [f"{x / 1e6:.2f}" for x in found["bytes"]["gradient"]]),
    ]
    for part in ("reading", "rollouts"):
        rows.append((f"{part}, ns/step", [f"{x:.1f}" for x in ms[part] / steps * 1e6]))
        per_step = np.array(found["bytes"][part]) / steps
        rows.append((f"{part}, B/step", [f"{x:.1f}" for x in per_step]))
    title = _line("W3, episodes", [f"{number:,}" for number in found["episodes"]])
    return [title, *[_line(name, cells) for name, cells in rows]]


def worker_lines(record):
    """Return the lines of the table of the wall time of a generation on workers."""
    lines = [_line("es, wall ms", ["this process", "1 worker", "2 workers", "1 worker / 2"])]
    for found in record["workers"]:
        milliseconds = 1e3 * np.array(found["seconds"])
        _, one, two = np.median(milliseconds, 1)
        cells = [*(spread(x, ".0f") for x in milliseconds), f"{one / two:.2f}"]
        lines.append(_line(f"{found['num_tasks']} tasks", cells))
    return lines


def table(record):
    """Return the tables of all parts of a record as one text."""
    versions = ", ".join(f"{name} {x}" for name, x in record["versions"].items())
    tables = [
        [f"{record['date']}, {record['processor']}", f"Python {record['python']}, {versions}"]
    ]
    if "workloads" in record:
        tables += workload_tables(record)
    lines = {"quality": quality_lines, "episodes": episode_lines, "workers": worker_lines}
    tables += [lines_of(record) for part, lines_of in lines.items() if part in record]
    return "\n\n".join("\n".join(lines) for lines in tables) + "\n"


def write(text, path):
    """Write a text between the marks of a page, in the place of the old text."""
    page = Path(path).read_text(encoding="utf-8")
    new, count = MARKS.subn(lambda found: f"{found[1]}{text}{found[3]}", page)
    if count != 1:
        raise ValueError(f"{path} must hold the marks <!-- speed --> once, got {count}")
    Path(path).write_text(new, encoding="utf-8")
