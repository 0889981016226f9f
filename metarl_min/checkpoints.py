"""Checkpoints: the state of a learner in one file, which is read without pickle.

A state is a nested value: NamedTuples, tuples, lists and dicts that hold arrays, numbers and None.
Each array becomes one entry of an `.npz` file; its name is the path to it, such as
`state.theta.logits`. One more entry, `made_by`, says what made the state. The file is replaced in
one step, so a reader never meets half a file. A run reads a checkpoint only if it was made by the
same learner, family, settings and seed. The state must also have the parts, shapes and dtypes of
the first state of the run.

`rebuild`, `shapes`, `leaves_of`, `with_leaves`, `not_finite` and `require_finite` trust their
arguments.
"""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import instance, require
from metarl_min.basics.files import as_path, write_atomically
from metarl_min.basics.trees import Array

MADE_BY = "made_by"  # the entry of the file


class Checkpoint(NamedTuple):
    """The state of a learner between two iterations."""

    iteration: int
    state: Any  # nested value, as the module's docstring defines it
    made_by: Mapping[str, Any] = {}  # what determines the state, as JSON


def _parts(value: Any) -> dict[str, Any] | None:
    """Return the parts of a nested value by their names, or None if the value is a leaf."""
    if isinstance(value, dict):
        return value
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return value._asdict()
    if isinstance(value, (tuple, list)):
        return {str(i): part for i, part in enumerate(value)}
    return None


def flatten(value: Any, path: str = "") -> dict[str, Array]:
    """Return the leaves of a nested value by their paths. None is not a leaf.

    TypeError if a leaf is no array, number or None. ValueError if two leaves have one path.

    >>> flatten({"iteration": 3, "state": {"w": (np.ones(2), None)}})
    {'iteration': array(3), 'state.w.0': array([1., 1.])}
    """
    parts = _parts(value)
    if parts is None:
        leaf = np.asarray([] if value is None else value, order="C")
        if leaf.dtype.kind not in "biufc" or isinstance(value, np.ma.MaskedArray):
            raise TypeError(f"a state must hold arrays, numbers and None, got {value!r} at {path}")
        return {} if value is None else {path: leaf}
    flat: dict[str, Array] = {}
    for name, part in parts.items():
        new = flatten(part, f"{path}.{name}" if path else str(name))
        if not flat.keys().isdisjoint(new):  # such as those of {1: 0, "1": 0}
            twice = sorted(flat.keys() & new.keys())[:1]
            raise ValueError(f"parts of a state must have different names, got {twice} twice")
        flat |= new
    return flat


def rebuild(template: Any, leaves: dict[str, Array], path: str = "") -> Any:
    """Return a value that is nested like `template` and holds the given leaves."""
    parts = _parts(template)
    if template is None or isinstance(template, np.ndarray):
        return None if template is None else leaves[path]
    if parts is None:
        return type(template)(leaves[path])
    names = {name: f"{path}.{name}" if path else str(name) for name in parts}
    values = {name: rebuild(part, leaves, names[name]) for name, part in parts.items()}
    if isinstance(template, dict):
        return values
    return getattr(template, "_make", type(template))(values.values())


def shapes(leaves: dict[str, Array]) -> set[tuple[str, Any, Any]]:
    """Return the set of (path, shape, dtype) of all leaves."""
    return {(path, leaf.shape, leaf.dtype) for path, leaf in leaves.items()}


def leaves_of(checkpoint: Checkpoint) -> dict[str, Array]:
    """Return the leaves of the state and of the number of iterations, by their paths."""
    return flatten({"iteration": checkpoint.iteration, "state": checkpoint.state})


def with_leaves(checkpoint: Checkpoint, leaves: dict[str, Array]) -> Checkpoint:
    """Return the checkpoint with other leaves."""
    template = {"iteration": checkpoint.iteration, "state": checkpoint.state}
    return checkpoint._replace(**rebuild(template, leaves))


def not_finite(leaves: dict[str, Array]) -> str:
    """Return the path of a leaf that holds NaN or infinity, or an empty text."""
    return next((path for path, leaf in leaves.items() if not np.isfinite(leaf).all()), "")


def require_finite(leaves: dict[str, Array], iteration: int) -> None:
    """Raise a FloatingPointError if a leaf has an entry that is not finite."""
    bad = not_finite(leaves)
    if bad:
        got = f"NaN or infinity in {bad} after iteration {iteration}"
        raise FloatingPointError(f"a state must stay finite, got {got}")


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint. The bytes of the file depend on the arrays and on `made_by` alone."""
    instance("checkpoint", checkpoint, Checkpoint)
    buffer, made_by = io.BytesIO(), np.array(json.dumps(checkpoint.made_by))
    np.savez(buffer, **{MADE_BY: made_by}, **leaves_of(checkpoint))  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())


def _read(path: Path) -> dict[str, Array]:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        got = (
            f"a link to {os.readlink(path)}, which does not exist" if path.is_symlink() else "none"
        )
        raise ValueError(f"{path} must be a whole checkpoint, got {got}") from None
    except Exception as error:  # a damaged archive may raise any error
        cause = " ".join(str(error).split())
        raise ValueError(f"{path} must be a whole checkpoint, got a file with {cause}") from None


def _require_made_by(path: Path, text: Array | None, made_by: Mapping[str, Any]) -> None:
    """Raise a ValueError unless the entry `made_by` of a file is the given one."""
    rule = f"{path} must say what made it"
    require(text is not None, rule, "a checkpoint of an earlier version: train it again")
    try:
        found = dict(json.loads(str(text)))
    except (ValueError, TypeError, RecursionError):
        raise ValueError(f"{rule}, got {text}") from None
    for key, new in {**dict.fromkeys(found), **made_by}.items():
        rule = f"{path} must be continued by what made it: {key} {found.get(key)}"
        rule += " (a run of another length is another run)" if key == "iterations" else ""
        require(found.get(key) == new, rule, new)


def load(path: Path, first: Checkpoint) -> Checkpoint:
    """Read a checkpoint of the run that began with `first`.

    ValueError for any other file, and for a state that holds NaN or infinity, because training
    never writes such a state.
    """
    instance("first", first, Checkpoint)
    leaves = _read(as_path("path", path))
    _require_made_by(path, leaves.pop(MADE_BY, None), first.made_by)
    strange = shapes(leaves) ^ shapes(leaves_of(first))
    rule = f"{path} must be a checkpoint of this learner with these settings"
    require(not strange, rule, f"another {min(strange, key=str)[0] if strange else ''}")
    bad = not_finite(leaves)
    require(not bad, f"{path} must hold finite numbers", f"NaN or infinity in {bad}")
    checkpoint = with_leaves(first, leaves)
    require(checkpoint.iteration >= 0, rule, f"iteration {checkpoint.iteration}")
    return checkpoint
