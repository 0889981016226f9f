"""The CPU time of the library, beside PyTorch, JAX, and an earlier build of the library.

    python examples/benchmarks/speed.py [--rounds 5] [--workloads W1,W3] [--against DIR]
                                        [--out FILE.json] [--picture FILE.png]

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
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import speed_problems as problems
import speed_tables

FOLDER = Path(__file__).parent
TOLERANCE = 1e-10  # of the largest entry of a gradient
# W4 computes in float32, where two builds differ by rounding. The first step of Adam has nearly the
# same length for every entry of the gradient, so rounding can change the step of a small entry.
TOLERANCES = {"W4": 1e-3}
EXACT = ("W1", "W2", "W2 solve", "W3")  # all programs compute the same gradient


def installed(package):
    """Return the version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def commands(against):
    """Return the command and the checkout of each program."""
    here, worker = FOLDER.parents[1], str(FOLDER / "speed_library.py")
    programs = {"library": ([worker], here)}
    if against is not None:
        programs["earlier"] = ([worker], Path(against).resolve())
    for name in ("torch", "jax"):
        if installed(name):
            programs[name] = ([str(FOLDER / "speed_peers.py"), name], here)
    return programs


def start(arguments, checkout, name, size):
    """Start a program. It answers each line of its input with a line of its output."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    one_thread = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    paths = {"PYTHONPATH": str(checkout), "XLA_FLAGS": one_thread, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        [sys.executable, *arguments, name, json.dumps(size)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | threads | paths,
    )  # fmt: skip


def answer(process):
    """Return the next line of a program."""
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{' '.join(process.args[1:])} ended with the code {process.wait()}")
    return json.loads(line)


def ask(process):
    """Ask a program for the CPU milliseconds of a step and its peak memory in MB."""
    process.stdin.write("\n")
    process.stdin.flush()
    return answer(process)


def measure(programs, name, size, rounds):
    """Measure one workload with all programs, one after the other in every round."""
    processes = {key: start(*program, name, size) for key, program in programs.items()}
    try:
        first = {key: answer(process) for key, process in processes.items()}
        asked = [{key: ask(process) for key, process in processes.items()} for _ in range(rounds)]
    finally:
        for process in processes.values():
            process.communicate()
    return {
        key: {
            "ms": [x[key]["ms"] for x in asked],
            "cold": first[key]["cold"],
            "peak": asked[-1][key]["peak"],
            "difference": difference(first[key]["result"], first["library"]["result"]),
        }
        for key in programs
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
    library = commands(None)["library"]
    processes = {key: start(*library, name, size) for key, size in sizes.items()}
    try:
        for process in processes.values():
            answer(process)
        asked = [{key: ask(x)["ms"] for key, x in processes.items()} for _ in range(rounds)]
    finally:
        for process in processes.values():
            process.communicate()
    medians = {key: float(np.median([x[key] for x in asked])) for key in sizes}
    return {key: medians[key] / medians["once"] for key in sizes if key != "once"}


def processor():
    """Return the name of the processor, as far as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{(names or [platform.machine()])[0]}, {os.cpu_count()} cores"


def run(names, rounds, against):
    """Return everything that is measured, as a dict that JSON can hold."""
    packages = ("numpy", "autograd", "torch", "jax")
    found = {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "versions": {name: installed(name) for name in packages if installed(name)},
        "processor": processor(),
        "workloads": {},
    }
    programs = commands(against)
    for name in names:
        sizes = {"once": problems.SIZES[name], "twice": problems.large(name)}
        measured = {key: measure(programs, name, size, rounds) for key, size in sizes.items()}
        for one in measured.values():
            require_equal(name, one)
        found["workloads"][name] = measured | {"scaling": scaling(name, rounds)}
    return found


def main(words=None):
    """Measure, print the tables, and write the JSON and the picture; return the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workloads", default=",".join(problems.SIZES))
    parser.add_argument("--against", help="the checkout of an earlier build")
    parser.add_argument("--out", help="the JSON file to write")
    parser.add_argument("--picture", help="the picture to write, which needs matplotlib")
    options = parser.parse_args(words)
    names = options.workloads.split(",")
    if not set(names) <= set(problems.SIZES):
        parser.error(f"workloads must be from {', '.join(problems.SIZES)}, got {names}")
    if options.rounds < 1:
        parser.error(f"rounds must be at least 1, got {options.rounds}")
    if options.against and not (Path(options.against) / "metarl_min").is_dir():
        parser.error(f"DIR must contain the folder metarl_min, got {options.against}")
    record = run(names, options.rounds, options.against)
    print(speed_tables.table(record), end="")
    if options.out:
        Path(options.out).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if options.picture:
        speed_tables.draw(record, options.picture)
    return record


if __name__ == "__main__":
    main()
