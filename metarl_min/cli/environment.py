"""The environment of a run: the versions and the machine on which the bits of a result depend."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import metarl_min
from metarl_min.cli import jobs

VECTORS = ("avx", "avx2", "avx512f")  # instructions that sum in different orders
THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


class Environment(NamedTuple):
    """Where a part of a run is computed."""

    versions: dict[str, str]
    machine: dict[str, str]  # the processor, and the number of threads of linear algebra


def versions() -> dict[str, str]:
    """Return the versions on which the bits of a result depend."""
    numeric = {name: version(name) for name in ("numpy", "autograd")}
    return {"python": platform.python_version(), **numeric, "metarl_min": metarl_min.__version__}


def _processor() -> str:
    """Return the processor, its vector instructions, and the kernels that the user has chosen."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not on Linux
        text = ""
    found = {a.strip(): b.split() for a, _, b in (x.partition(":") for x in text.splitlines())}
    name = found.get("model name") or [platform.processor() or platform.machine()]
    vectors = [x for x in VECTORS if x in found.get("flags", [])]
    return " ".join([*name, *vectors, os.environ.get("OPENBLAS_CORETYPE", "")]).strip()


def _blas_threads() -> str:
    """Return the number of threads of linear algebra, as its libraries choose it."""
    given = [os.environ[name] for name in THREADS if os.environ.get(name, "").isdigit()]
    return str(min([int(given[0]), jobs.num_cores()] if given else [jobs.num_cores()]))


def here() -> Environment:
    """Return the environment of this process."""
    machine = {"processor": _processor(), "blas_threads": _blas_threads()}
    return Environment(versions=versions(), machine=machine)


def _changes(old: Environment, new: Environment) -> list[tuple[str, str | None, str | None]]:
    """Return the name, the old value and the new value of each thing that differs."""
    before: Mapping[str, str] = {**old.versions, **old.machine}
    after: Mapping[str, str] = {**new.versions, **new.machine}
    all_of_them = [(name, before.get(name), after.get(name)) for name in {**before, **after}]
    return [change for change in all_of_them if change[1] != change[2]]


def difference(old: Environment, new: Environment) -> str:
    """Return in one line what has changed between two environments, or an empty text.

    >>> old = Environment(versions={"numpy": "1.26.0"}, machine={"blas_threads": "1"})
    >>> difference(old, Environment(versions={"numpy": "2.4.6"}, machine={"blas_threads": "1"}))
    'numpy 1.26.0 is now 2.4.6'
    """
    return ", ".join(f"{name} {a} is now {b}" for name, a, b in _changes(old, new))


def difference_there(here: Environment, there: Environment) -> str:
    """Return in one line what differs on another machine, or an empty text.

    >>> own = Environment(versions={"numpy": "2.4.6"}, machine={"blas_threads": "1"})
    >>> difference_there(own, Environment(versions=own.versions, machine={"blas_threads": "8"}))
    'blas_threads 8 and not 1'
    """
    return ", ".join(f"{name} {b} and not {a}" for name, a, b in _changes(here, there))
