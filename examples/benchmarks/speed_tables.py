"""The tables and the picture of speed.py, from the record that it writes as JSON."""

import numpy as np

OTHERS = {"earlier": "earlier build", "torch": "PyTorch", "jax": "JAX"}
NUMBERS = ("tasks", "episodes", "horizon", "population", "steps")


def ratio(measured, other):
    """Return the ratio of the medians, and the smallest and the largest ratio of a round."""
    times, others = np.array(measured["library"]["ms"]), np.array(measured[other]["ms"])
    return np.median(times) / np.median(others), *np.sort(times / others)[[0, -1]]


def _others(record):
    """Return the programs that were measured beside the library."""
    first = next(iter(record["workloads"].values()))["once"]
    return [key for key in OTHERS if key in first]


def _line(title, cells):
    return f"{title:18s}" + "".join(f"{cell:>19s}" for cell in cells)


def ratio_lines(record):
    """Return the lines of the table of ratios."""
    others = _others(record)
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
    programs = ["library", *_others(record)]
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


def table(record):
    """Return all tables as one text."""
    versions = ", ".join(f"{name} {x}" for name, x in record["versions"].items())
    title = [f"{record['date']}, {record['processor']}", f"Python {record['python']}, {versions}"]
    parts = title, ratio_lines(record), cost_lines(record), scaling_lines(record)
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def draw(record, path):
    """Draw the ratios as bars, with a line at 1, where both programs take equally long."""
    from matplotlib.figure import Figure

    others, names = _others(record), list(record["workloads"])
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    for i, key in enumerate(others):
        values = [ratio(sizes["once"], key) for sizes in record["workloads"].values()]
        middle, low, high = np.array(values).T
        places = np.arange(len(names)) + 0.8 * (i + 0.5) / len(others) - 0.4
        axes.bar(places, middle, 0.8 / len(others), label=f"library / {OTHERS[key]}")
        axes.vlines(places, low, high, color="black")
    axes.axhline(1, color="grey")
    axes.set(yscale="log", ylabel="ratio of CPU time", xticks=range(len(names)), xticklabels=names)
    ticks = [0.125, 0.25, 0.5, 1, 2, 4, 8]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    figure.savefig(path)
