"""Checkpoints: the state of a learner in one file, which is read without pickle.

A state is a nested value: NamedTuples, tuples, lists and dicts that hold arrays, numbers and None.
Each array becomes one entry of an `.npz` file; its name is the path to it, such as
`state.theta.logits`. The file is first written under another name and then renamed, so a reader
never meets half a file. A run reads only a checkpoint whose state has the parts, the shapes and
the dtypes of its own state.
"""

import io
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array


class Checkpoint(NamedTuple):
    """The state of a learner between two iterations."""

    iteration: int
    state: Any  # nested value, as the module's docstring defines it


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file `path` in one step: a reader sees the old content or the new content."""
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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

    TypeError if a leaf is no array, number or None.

    >>> flatten(Checkpoint(3, {"w": (np.ones(2), None)}))
    {'iteration': array(3), 'state.w.0': array([1., 1.])}
    """
    parts = _parts(value)
    if parts is None:
        leaf = np.asarray([] if value is None else value, order="C")
        if leaf.dtype.kind not in "biufc":
            raise TypeError(f"a state must hold arrays, numbers and None, got {value!r} at {path}")
        return {} if value is None else {path: leaf}
    flat: dict[str, Array] = {}
    for name, part in parts.items():
        flat |= flatten(part, f"{path}.{name}" if path else str(name))
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


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint. The bytes of the file depend on the arrays alone."""
    buffer = io.BytesIO()
    np.savez(buffer, **flatten(checkpoint))  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())


def load(path: Path, template: Any) -> Checkpoint:
    """Read a checkpoint whose state is nested like `template`. ValueError for any other file."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            leaves = {name: archive[name] for name in archive.files}
    except Exception as error:  # a damaged archive may raise any error
        cause = " ".join(str(error).split())
        raise ValueError(f"{path} must be a whole checkpoint, got a file with {cause}") from None
    start = Checkpoint(0, template)
    strange = shapes(leaves) ^ shapes(flatten(start))
    rule = f"{path} must be a checkpoint of this learner with these settings"
    require(not strange, rule, f"another {min(strange, key=str)[0] if strange else ''}")
    checkpoint = rebuild(start, leaves)
    require(checkpoint.iteration >= 0, rule, f"iteration {checkpoint.iteration}")
    return checkpoint
