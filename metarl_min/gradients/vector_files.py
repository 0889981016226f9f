"""Test vectors of meta-gradients: files for libraries that cannot import this one.

`vectors.json` holds small problems, every data set of each problem with its probability, and the
answers of all known estimators. `vectors.npz` holds the same numbers as arrays. The entry
`documentation` says what every field means. A library reads a file, computes its own meta-gradient
on every data set, and compares it with the answers. examples/vectors_torch.py and
examples/vectors_jax.py show how.

The numbers are computed in 40 digits and rounded to 15, so the bytes of both files are the same on
every machine. The first line of `vectors.json` holds the name and the version of the
format, and the SHA-256 of all bytes after this line. The archive holds this line too. A file that
is truncated, edited or newer is refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from functools import cache
from os import PathLike
from typing import Any

import numpy as np

from metarl_min.basics.arguments import require
from metarl_min.basics.files import as_path, write_atomically
from metarl_min.basics.trees import Array
from metarl_min.gradients.vector_contents import make_vectors

FORMAT = "metarl_min test vectors of meta-gradients"
VERSION = 1  # a new number for every change of the numbers or of the fields
FIRST_LINE = re.compile(rb'\{"format": "([^"\n]*)", "version": (\d{1,9}), "sha256": "(\w{64})",')


def _text(value: Any, indent: str = "\n ") -> str:
    """Return a value as JSON. Each entry of a dict stands on its own line."""
    if not isinstance(value, dict):
        return json.dumps(value)
    entries = [f"{indent}{json.dumps(key)}: {_text(x, indent + ' ')}" for key, x in value.items()]
    return "{" + ",".join(entries) + "}"


def _body(content: dict[str, Any]) -> bytes:
    """Return all bytes after the first line."""
    return (_text(content).removeprefix("{\n") + "\n").encode("ascii")


def _first_line(body: bytes) -> bytes:
    """Return the first line, without its end."""
    head = {"format": FORMAT, "version": VERSION, "sha256": hashlib.sha256(body).hexdigest()}
    return json.dumps(head).removesuffix("}").encode() + b","


def _arrays(value: Any, name: str = "") -> dict[str, Array]:
    """Return the entries of nested dicts as arrays, by names such as problems/two_arms_N1_K1/R."""
    if isinstance(value, str):
        return {name: np.array(value.encode("ascii"))}
    if not isinstance(value, dict):
        array = np.array(value)
        return {name: array.astype("<i8" if array.dtype.kind in "iu" else "<f8")}
    entries: dict[str, Array] = {}
    for key, part in value.items():
        entries |= _arrays(part, f"{name}/{key}".lstrip("/"))
    return entries


def _archive(arrays: dict[str, Array]) -> bytes:
    """Return an archive `.npz`. Its bytes do not contain the time and the operating system."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            entry, content = zipfile.ZipInfo(f"{name}.npy"), io.BytesIO()
            entry.create_system = 3  # Unix, also if another system writes the file
            np.lib.format.write_array(content, array, version=(1, 0))
            archive.writestr(entry, content.getvalue())
    return buffer.getvalue()


def _nested(arrays: dict[str, Array]) -> dict[str, Any]:
    """Return the content from which `_arrays` made these arrays."""
    content: dict[str, Any] = {}
    for name, array in arrays.items():
        *keys, last = name.split("/")
        inside = content
        for key in keys:
            inside = inside.setdefault(key, {})
        inside[last] = array.item().decode("ascii") if array.dtype.kind == "S" else array.tolist()
    return content


@cache
def _files() -> dict[str, bytes]:
    """Return the bytes of each file by its name. They are always the same."""
    content = make_vectors()
    body = _body(content)
    line = _first_line(body)
    entries = {"first_line": np.array(line), **_arrays(content)}
    return {"vectors.json": line + b"\n" + body, "vectors.npz": _archive(entries)}


def write_vectors(directory: str | PathLike[str]) -> dict[str, str]:
    """Write `vectors.json` and `vectors.npz`, and return the SHA-256 of each file by its name.

    ValueError if the directory does not exist, OSError if it cannot be written.
    """
    folder = as_path("directory", directory)
    require(folder.is_dir(), "directory must be a directory that exists", directory)
    for name, content in _files().items():
        write_atomically(folder / name, content)
    return {name: hashlib.sha256(content).hexdigest() for name, content in _files().items()}


def _parts(path: Any, content: bytes) -> tuple[bytes, bytes]:
    """Return the first line of a file, and the bytes after this line.

    If the file is an archive, the bytes after the line are built again from its arrays.
    """
    if not content.startswith(b"PK"):
        line, _, body = content.partition(b"\n")
        return line, body
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        line = arrays.pop("first_line").item()
        return line, _body(_nested(arrays))
    except Exception as error:  # a damaged archive may raise any error
        raise ValueError(f"{path} must be a whole file, got {error!r}") from None


def read_vectors(path: str | PathLike[str]) -> dict[str, Any]:
    """Return the content of `vectors.json` or `vectors.npz`: `documentation` and `problems`.

    ValueError if the file is truncated, edited or newer, or is no file of test vectors.
    """
    try:
        line, body = _parts(path, as_path("path", path).read_bytes())
    except OSError as error:
        raise ValueError(f"{path} must be a file of test vectors, got: {error.strerror}") from None
    found = FIRST_LINE.fullmatch(line)
    known = found is not None and found[1] == FORMAT.encode()
    require(known, f"{path} must begin as a file of test vectors does", line[:60])
    version = int(found[2]) if found else 0
    rule = f"{path} must have version {VERSION}"
    newer = ", which a newer metarl_min reads" if version > VERSION else ""
    require(version == VERSION, rule, f"{version}{newer}")
    rule = f"{path} must have the bytes that were written"
    require(line == _first_line(body), rule, "others: it is truncated or edited")
    return dict(json.loads(b"{" + body))
