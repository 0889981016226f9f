"""The speed of the library, beside PyTorch, JAX, and an earlier build of the library.

    python examples/benchmarks/speed.py [--rounds 5] [--parts workloads,quality,episodes,workers]
                                        [--workloads W1,W3] [--against DIR] [--out FILE.json]
                                        [--page FILE.md] [--picture FILE.png]

There are four parts. With all of them and an earlier build, the command takes about six minutes.

`workloads`: the CPU time of a step.

    W1        exact meta-gradient: 40 bandits of 5 arms, 3 inner steps
    W2        exact meta-gradient: 20 grids 5 x 5, horizon 30, 3 inner steps
    W2 solve  the same, discounted, without a horizon
    W3        one step of maml: 20 grids, two stages of 20 episodes of 30 steps, 64 hidden units
    W4        one step of rl2: 64 bandits of 5 arms, trials of 100 pulls, a GRU of 48 units
    W5        one generation of es_maml without inner steps: 128 networks, 20 grids, 30 steps;
              all programs draw the directions once

Each program runs in a process of its own, with one thread. In each round, every program is asked
once for the CPU time of a step, one after the other. So all programs meet the same other work of
the machine. A ratio is the median time of the library, divided by the median time of the other
program. The numbers in brackets are the smallest and the largest ratio of a round. Each workload
has a second size, with twice the tasks, horizon, episodes and population. W1 to W3 compute the same
gradient in all programs, and the command stops if two of them differ by more than 1e-10 of the
largest entry. PyTorch and JAX are left out if they are not installed. `--against DIR` is a checkout
of an earlier build, from 30fbc7f on.

`quality`: the CPU time of training until a learner has reached a score, for five seeds
(speed_quality.py). `episodes`: the cost of W3 with more and more episodes (speed_episodes.py).
`workers`: the wall time of a generation of es on one and on two worker processes
(speed_workers.py). In these parts, the brackets hold the smallest and the largest time.

`--out` writes all numbers. `--page` writes the tables between the marks `<!-- speed -->` and
`<!-- /speed -->` of a page.
"""

import argparse
import json
import os
import platform
from datetime import date
from pathlib import Path

import numpy as np
import speed_episodes
import speed_pictures
import speed_problems as problems
import speed_programs as programs
import speed_quality
import speed_tables
import speed_workers

PARTS = "workloads", "quality", "episodes", "workers"
TOLERANCE = 1e-10  # of the largest entry of a gradient
# W4 computes in float32, where two builds differ by rounding. The first step of Adam has nearly the
# same length for every entry of the gradient, so rounding can change the step of a small entry.
TOLERANCES = {"W4": 1e-3}
EXACT = ("W1", "W2", "W2 solve", "W3")  # all programs compute the same gradient


def measure(asked, name, size, rounds):
    """Measure one workload with all programs, one after the other in every round."""
    asked = programs.with_arguments(asked, name, json.dumps(size))
    answers = programs.ask_in_turn(asked, range(rounds))
    expected = answers["library"][0]["result"]
    return {
        key: {
            "ms": [found["ms"] for found in rounds_of],
            "cold": first["cold"],
            "peak": rounds_of[-1]["peak"],
            "difference": difference(first["result"], expected),
        }
        for key, (first, rounds_of) in answers.items()
    }


def difference(result, expected):
    """Return the largest difference of two gradients, divided by the largest entry."""
    if len(result) != len(expected):
        return None
    return float(np.abs(np.subtract(result, expected)).max() / np.abs(expected).max())


def require_equal(name, measured):
    """Raise an error unless all programs that compute the same gradient agree."""
    tolerance = TOLERANCES.get(name, TOLERANCE)
    for key, found in measured.items():
        same = key == "earlier" or name in EXACT
        if same and not (found["difference"] is not None and found["difference"] <= tolerance):
            raise AssertionError(f"{name}: {key} differs by {found['difference']}")


def scaling(name, rounds):
    """Return the CPU time of the library with each number of the size doubled, over the first."""
    base = problems.SIZES[name]
    sizes = {"once": base} | {key: base | {key: 2 * x} for key, x in base.items()}
    command, checkout = programs.builds("speed_library.py", None)["library"]
    asked = {key: ([*command, name, json.dumps(size)], checkout) for key, size in sizes.items()}
    answers = programs.ask_in_turn(asked, range(rounds))
    medians = {key: float(np.median([found["ms"] for found in rounds_of]))
               for key, (_, rounds_of) in answers.items()}  # fmt: skip
    return {key: medians[key] / medians["once"] for key in sizes if key != "once"}


def processor():
    """Return the name of the processor, as far as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{(names or [platform.machine()])[0]}, {os.cpu_count()} cores"


def workload(name, rounds, against):
    """Return the measurements of one workload at both sizes, and its scaling."""
    sizes = {"once": problems.SIZES[name], "twice": problems.large(name)}
    asked = programs.builds("speed_library.py", against) | programs.frameworks()
    measured = {key: measure(asked, name, size, rounds) for key, size in sizes.items()}
    for one in measured.values():
        require_equal(name, one)
    return measured | {"scaling": scaling(name, rounds)}


def run(parts, names, rounds, against):
    """Return everything that is measured, as a dict that JSON can hold."""
    versions = {name: programs.installed(name) for name in ("numpy", "autograd", "torch", "jax")}
    measurements = {
        "workloads": lambda: {name: workload(name, rounds, against) for name in names},
        "quality": lambda: speed_quality.measure(against),
        "episodes": lambda: speed_episodes.measure(rounds),
        "workers": lambda: speed_workers.measure(rounds),
    }
    return {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "versions": {name: x for name, x in versions.items() if x},
        "processor": processor(),
        **{part: measurements[part]() for part in PARTS if part in parts},
    }


def options_of(words):
    """Return the options of the command line; a wrong word ends the program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--workloads", default=",".join(problems.SIZES))
    parser.add_argument("--against", help="the checkout of an earlier build")
    parser.add_argument("--out", help="the JSON file to write")
    parser.add_argument("--page", help="the page with the marks <!-- speed --> of the tables")
    parser.add_argument("--picture", help="the picture to write, which needs matplotlib")
    options = parser.parse_args(words)
    for name, known in (("parts", PARTS), ("workloads", tuple(problems.SIZES))):
        given = getattr(options, name).split(",")
        if not set(given) <= set(known):
            parser.error(f"{name} must be from {', '.join(known)}, got {given}")
        setattr(options, name, given)
    if options.rounds < 1:
        parser.error(f"rounds must be at least 1, got {options.rounds}")
    if options.picture and not programs.installed("matplotlib"):
        parser.error("--picture needs matplotlib, which is not installed")
    if options.against and not (Path(options.against) / "metarl_min").is_dir():
        parser.error(f"DIR must contain the folder metarl_min, got {options.against}")
    return options


def main(words=None):
    """Measure, print the tables, and write the JSON and the picture; return the record."""
    options = options_of(words)
    record = run(options.parts, options.workloads, options.rounds, options.against)
    text = speed_tables.table(record)
    print(text, end="")
    if options.out:
        Path(options.out).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if options.page:
        speed_tables.write(text, options.page)
    if options.picture:
        speed_pictures.draw(record, options.picture)
    return record


if __name__ == "__main__":
    main()
