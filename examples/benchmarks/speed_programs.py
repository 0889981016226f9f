"""The programs of speed.py: each runs in a process of its own, with one thread.

A program prints a line when it is ready, and then answers each line of its input with a line of its
output. Each line of the output is one JSON value. A program is a pair: its arguments, and the
checkout whose library it imports.
"""

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FOLDER = Path(__file__).parent
CHECKOUT = FOLDER.parents[1]


def installed(package):
    """Return the version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def builds(file, against):
    """Return the programs that run a file of this folder with this library and an earlier one."""
    checkouts = {"library": CHECKOUT}
    if against is not None:
        checkouts["earlier"] = Path(against).resolve()
    return {key: ([str(FOLDER / file)], checkout) for key, checkout in checkouts.items()}


def frameworks():
    """Return the programs of the frameworks that are installed."""
    peers = str(FOLDER / "speed_peers.py")
    return {name: ([peers, name], CHECKOUT) for name in ("torch", "jax") if installed(name)}


def with_arguments(programs, *arguments):
    """Return the programs with further arguments."""
    return {key: ([*own, *arguments], checkout) for key, (own, checkout) in programs.items()}


def start(arguments, checkout):
    """Start a program. It answers each line of its input with a line of its output."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    one_thread = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    paths = {"PYTHONPATH": str(checkout), "XLA_FLAGS": one_thread, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | threads | paths,
    )  # fmt: skip


def answer(process):
    """Return the next line of a program."""
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{' '.join(process.args[1:])} ended with the code {process.wait()}")
    return json.loads(line)


def ask(process, question):
    """Write a line to a program, and return its answer."""
    process.stdin.write(f"{question}\n")
    process.stdin.flush()
    return answer(process)


def ask_in_turn(programs, questions):
    """Ask all programs each question, one after the other.

    -> for each program, the line that it printed when it was ready, and the list of its answers
    """
    processes = {key: start(*program) for key, program in programs.items()}
    try:
        first = {key: answer(process) for key, process in processes.items()}
        asked = [{key: ask(x, question) for key, x in processes.items()} for question in questions]
    finally:
        for process in processes.values():
            process.communicate()
    return {key: (first[key], [answers[key] for answers in asked]) for key in programs}
