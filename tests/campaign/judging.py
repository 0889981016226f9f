"""The judgement of one mutated call: refused by a rule, accepted rightly, or a fault.

A call is refused by a rule if a `raise` statement of the package, and not of NumPy, raised a
TypeError, ValueError or FloatingPointError. A call that is accepted must give what the value of the
same meaning gives. Other accepted calls are faults, unless the table of base calls says that the
argument is free in this respect, with what the docstring says of it.
"""

import copy
import linecache
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import metarl_min
from campaign import mutations

PACKAGE = str(Path(metarl_min.__file__).parent)
RIGHT_ERRORS = TypeError, ValueError, FloatingPointError
SHAPES = {"wrong-shape", "size-1", "extra-axis", "empty", "0-d", "number"}
GROUPS = {  # words of the table of base calls, and the kinds of mutations that they allow
    "shape": SHAPES,  # another shape is another valid value
    "broadcast": {"wrong-shape", "size-1", "0-d", "number"},  # .. means what it broadcasts to
    "names": {"wrong-names"},
    "sign": {"negative", "zero"},
}


class Call(NamedTuple):
    """One valid call, which is fast and always the same."""

    function: Any
    arguments: dict[str, Any]
    free: dict[str, str]  # argument -> kinds of mutations that its docstring allows
    use: Any  # what to do with the result, if it is a record of functions


def call(function, free=None, use=None, /, **arguments):
    return Call(function, arguments, free or {}, use)


class Verdict(NamedTuple):
    """What a mutated call did."""

    fault: str  # "" if it was right
    text: str


def run(base, arguments):
    """The result of the call; what it returns lazily is computed here."""
    result = base.function(**arguments)
    result = base.use(result) if base.use else result
    return list(result) if isinstance(result, Iterator) else result


def leaves(x):
    """All arrays and numbers inside a result."""
    if isinstance(x, dict):
        x = tuple(x.values())
    if isinstance(x, list | tuple):
        return [leaf for part in x for leaf in leaves(part)]
    return [x] if isinstance(x, np.ndarray | np.generic | int | float | complex) else []


def same(x, y, tolerance):
    """Whether two results are equal; functions are not compared."""
    if isinstance(x, dict) and isinstance(y, dict):
        return set(x) == set(y) and all(same(x[k], y[k], tolerance) for k in x)
    if isinstance(x, list | tuple) and isinstance(y, list | tuple):
        return len(x) == len(y) and all(same(a, b, tolerance) for a, b in zip(x, y, strict=True))
    if isinstance(x, np.random.Generator) and isinstance(y, np.random.Generator):
        return x.bit_generator.state == y.bit_generator.state
    if leaves(x) and leaves(y):
        x, y = np.asarray(x), np.asarray(y)
        if x.shape != y.shape:
            return False
        if "O" in (x.dtype.kind, y.dtype.kind):
            return x.tolist() == y.tolist()
        if {x.dtype.kind, y.dtype.kind} <= set("biufc"):
            alike = np.array_equal(x, y)  # most are, and to see this takes a tenth of the time
            return alike or bool(np.allclose(x, y, rtol=tolerance, atol=tolerance, equal_nan=True))
        return bool(np.array_equal(x, y))
    return type(x) is type(y) and (callable(x) or not isinstance(x, str) or x == y)


def infinite(result):
    """The number of entries of a result that are not finite."""
    arrays = [np.asarray(x) for x in leaves(result)]
    return sum(int((~np.isfinite(x)).sum()) for x in arrays if x.dtype.kind in "fc")


def by_rule(error):
    """Whether a `raise` statement of the package raised the error."""
    last = error.__traceback__
    while last.tb_next:
        last = last.tb_next
    file = last.tb_frame.f_code.co_filename
    line = linecache.getline(file, last.tb_lineno).strip()
    ours = file.startswith(PACKAGE)
    return isinstance(error, RIGHT_ERRORS) and ours and line.startswith("raise ")


def attempt(base, arguments):
    """Return the result, the error and the warnings of a call."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            return run(base, arguments), None, seen
        except Exception as error:
            return None, error, seen


def judge(base, name, m, expected):
    """Return the verdict on the base call with argument `name` replaced by the mutation m."""
    words = allowed(base, name, m)
    if "*" in words or (m.kind == "huge" and words):
        return Verdict("", "any value, or the work that was asked for")
    kept = {k: v for k, v in base.arguments.items() if k != name}  # the call gets copies of them
    arguments = copy.deepcopy(kept)
    try:
        value = m.value()
        arguments[name] = value
        before = copy.deepcopy(value) if not callable(value) and value is not np.random else None
    except Exception as error:  # a field of a record that checks itself
        return refusal(m, error)
    result, error, seen = attempt(base, arguments)
    others = {k: v for k, v in arguments.items() if k != name}
    if not same(arrays_of(kept), arrays_of(others), 0):
        return Verdict("changed an argument", "")
    if before is not None and not same(arrays_of(before), arrays_of(value), 0):
        return Verdict("changed an argument", name)
    if error is not None:
        return refusal(m, error)
    return acceptance(base, name, m, result, expected, seen)


def arrays_of(x):
    """A structure without its generators, which every draw changes."""
    if isinstance(x, dict):
        return {k: arrays_of(v) for k, v in x.items()}
    if isinstance(x, list | tuple):
        return tuple(arrays_of(v) for v in x)
    return np.ma.getdata(x) if isinstance(x, np.ndarray) else None


def refusal(m, error):
    text = f"{type(error).__name__}: {str(error)[:150]!r}"
    if m.must:
        return Verdict("refused what is right", text)
    if m.kind == "huge" and isinstance(error, MemoryError):
        return Verdict("", text)
    return Verdict("" if by_rule(error) else "unclear error", text)


def kind_of(m):
    """The kind of a mutation as a word, and its kind with its note."""
    kind = m.kind.replace(" ", "-")
    return kind, f"{kind}:{m.note.strip().replace(' ', '-')}"


def allowed(base, name, m):
    """The words of the table that allow this mutation of the argument `name`."""
    kind, precise = kind_of(m)
    words = base.free.get(name, "").split()
    return [x for x in words if x in ("*", kind, precise) or kind in GROUPS.get(x, ())]


def acceptance(base, name, m, result, expected, seen):
    """Return the verdict on a call that raised no error."""
    words = allowed(base, name, m)
    if words and "broadcast" not in words:
        return Verdict("", "free")
    bad = infinite(result) - infinite(expected)
    if bad > 0:
        return Verdict("NaN", f"{bad} entries are not finite")
    if m.means is not None and (kind_of(m)[0] not in SHAPES or words):
        other, error, _ = attempt(base, {**copy.deepcopy(base.arguments), name: m.means()})
        if error is not None:
            return Verdict("accepted", f"but the same value raises {type(error).__name__}: {error}")
        if same(result, other, 1e-5 if "32" in m.kind else 1e-12):
            return Verdict("", "same")
        return Verdict("differs", f"{str(result)[:80]} for {str(other)[:80]}")
    if seen:
        return Verdict("warned", str(seen[0].message)[:120])
    if m.kind in ("huge", "empty", "zero"):
        return Verdict("", "finite")
    if m.kind == "extra axis" and m.note.strip().endswith("two"):
        pairs = zip(leaves(result), leaves(expected), strict=False)
        if all(
            np.shape(x)[1:] == np.shape(y) and same(np.asarray(x)[:1], [y], 1e-12) for x, y in pairs
        ):
            return Verdict("", "leading axis")
    return Verdict("accepted", str(result)[:100])


def tasks_of(base):
    """All mutations of a base call: pairs of the argument's name and the mutation."""
    return [(n, m) for n, x in base.arguments.items() for m in mutations.mutations(x)]
