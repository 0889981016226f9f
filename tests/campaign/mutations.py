"""Wrong and unusual values in the place of one argument.

`mutations(value)` lists what a caller may write by mistake where `value` is right. Each mutation
has a kind and, if the mutated value means the same as another one, this other value. For example,
an array of float32 means the array of the same numbers in float64. A function may refuse a mutation
by a rule. If it accepts one, the result must be what the other value gives.
"""

import random
from fractions import Fraction
from pathlib import Path

import numpy as np

from campaign.arrays import of_array
from campaign.mutation import Mutation, mutation

ENTERED = {"Episodes", "Data", "Record", "Counts"}  # records whose fields are mutated in every call
UNKNOWN = {("last_arrivals", "None")}  # fields that may be unknown


WRONG_KINDS = [("None", None), ("text", "abc"), ("list", [[1, 2], "x"]), ("number", 3.5)]


def of_number(x):
    """Mutations of an int or a float."""
    return [
        mutation("None", "", None),
        mutation("text", "", "abc"),
        mutation("text", "a number", str(x)),
        mutation("list", "", [x]),
        mutation("size 1", "", np.array([x])),
        mutation("wrong shape", "two numbers", np.array([x, x])),
        mutation("0-d", "", np.array(x), x),
        mutation("boolean", "", True),
        mutation("boolean", "np.bool_", np.bool_(True)),
        mutation("NaN", "", float("nan")),
        mutation("infinite", "+", float("inf")),
        mutation("infinite", "-", float("-inf")),
        mutation("complex", "", complex(x, 1)),
        mutation("zero", "", type(x)(0)),
    ]


def of_whole(n):
    """Mutations of an int."""
    return [
        *of_number(n),
        mutation("float", "between two numbers", n + 0.5),
        mutation("float", "whole", float(n), n),
        *([mutation("negative", "", -abs(n) - 1)] if n >= 0 else []),
        mutation("huge", "10**15", 10**15),
        mutation("huge", "2**70", 2**70),
        mutation("integer", "int8", np.int8(n), n, must=abs(n) < 128),
        mutation("integer", "uint64", np.uint64(abs(n)), abs(n), must=n >= 0),
    ]


def of_real(x):
    """Mutations of a float."""
    near = max(1, round(abs(x))) * (1 if x >= 0 else -1)
    single = np.float32(x)
    return [
        *of_number(x),
        *([mutation("negative", "", -abs(x))] if x > 0 else []),
        mutation("huge", "1e300", 1e300),
        mutation("huge", "10**400", 10**400),
        mutation("integer", "int", near, float(near)),
        mutation("float32", "", single, float(single)),
        mutation("integer", "Fraction", Fraction(float(x)), float(x)),
        mutation("masked", "", np.ma.masked),
    ]


def of_flag(x):
    """Mutations of a bool."""
    return [
        mutation("None", "", None),
        mutation("text", "", "no"),
        mutation("list", "", []),
        mutation("NaN", "", float("nan")),
        mutation("number", "", 3.5),
        mutation("wrong shape", "two", np.array([x, x])),
        mutation("integer", "", int(x), x),
        mutation("0-d", "", np.array(x), x),
    ]


def of_text(x):
    """Mutations of a str."""
    return [
        mutation("None", "", None),
        mutation("number", "", 3),
        mutation("empty", "", ""),
        mutation("text", "another", "abc"),
        mutation("list", "", [x]),
        mutation("boolean", "", True),
        mutation("bytes", "", x.encode()),
        mutation("0-d", "", np.array(x), x),
    ]


def of_generator(rng):
    """Mutations of a random generator."""
    kind = "wrong generator"
    return [
        mutation(kind, "None", None),
        mutation(kind, "int", 0),
        mutation(kind, "text", "abc"),
        Mutation(kind, "RandomState", lambda: np.random.RandomState(0)),
        mutation(kind, "np.random", np.random),
        mutation(kind, "default_rng", np.random.default_rng),
        Mutation(kind, "random.Random", lambda: random.Random(0)),
        Mutation(kind, "bit generator", lambda: np.random.PCG64(0)),
        Mutation(kind, "SeedSequence", lambda: np.random.SeedSequence(0)),
        Mutation(kind, "list", lambda: [np.random.default_rng(0)]),
    ]


def of_function(function):
    """Mutations of a callable."""
    return [
        mutation("None", "", None),
        mutation("text", "", "abc"),
        mutation("number", "", 3.5),
        mutation("list", "", [function]),
    ]


def inside(note, found, rebuild):
    """Mutations of a part, as mutations of the whole that `rebuild(part)` makes."""
    result = []
    for m in found:
        means = None if m.means is None else (lambda m=m: rebuild(m.means()))
        result.append(
            Mutation(m.kind, f"{note} {m.note}", lambda m=m: rebuild(m.value()), means, m.must)
        )
    return result


def of_tree(tree):
    """Mutations of a dict, its names and its values."""
    names, first = list(tree), next(iter(tree))
    renamed = {**{k: v for k, v in tree.items() if k != first}, "other": tree[first]}
    found = [
        mutation("None", "", None),
        mutation("text", "", "abc"),
        mutation("list", "", list(tree.values())),
        mutation("number", "", 3.5),
        mutation("empty", "", {}),
        mutation("wrong names", "renamed", renamed),
        mutation("wrong names", "one more", {**tree, "other": tree[first]}),
        mutation("wrong names", "a number", {**tree, 3: tree[first]}),
    ]
    if len(tree) > 1:
        found.append(mutation("wrong names", "one missing", {k: tree[k] for k in names[1:]}))
        found.append(
            mutation("integer", "other order", {k: tree[k] for k in reversed(names)}, tree)
        )
    for name in names[:2]:
        rebuild = lambda leaf, name=name: {**tree, name: leaf}  # noqa: E731
        found += inside(f"[{name!r}]", mutations(tree[name]), rebuild)
    return found


def of_record(record):
    """Mutations of a NamedTuple and of its fields. A field is replaced by `_replace`."""
    found = [
        mutation("None", "", None),
        mutation("text", "", "abc"),
        mutation("list", "", list(record)),
        mutation("tuple", "", tuple(record)),
        mutation("number", "", 3.5),
        mutation("array", "", np.ones(3)),
    ]
    parts = zip(record._fields, record, strict=True)
    for name, value in parts if type(record).__name__ in ENTERED else ():
        rebuild = lambda part, name=name: record._replace(**{name: part})  # noqa: E731
        kinds = [m for m in mutations(value) if (name, m.kind) not in UNKNOWN]
        found += inside(f".{name}", kinds, rebuild)
    return found


def of_sequence(parts):
    """Mutations of a list or a tuple, and of its first entry."""
    kind = type(parts)
    found = [
        mutation("None", "", None),
        mutation("text", "", "abc"),
        mutation("number", "", 3.5),
        mutation("empty", "", kind()),
        mutation("wrong shape", "one more", kind([*parts, *parts[-1:]])),
        mutation("list", "of None", kind([None] * len(parts))),
    ]
    if parts:
        found.append(mutation("wrong shape", "the entry alone", parts[0]))
        rebuild = lambda part: kind([part, *parts[1:]])  # noqa: E731
        found += inside("[0]", mutations(parts[0]), rebuild)
    if len(parts) > 1:
        found.append(mutation("wrong shape", "one fewer", kind(parts[:-1])))
    return found


def mutations(value):
    """Return the mutations of an argument, by its type."""
    if isinstance(value, bool):
        return of_flag(value)
    if isinstance(value, int | np.integer):
        return of_whole(int(value))
    if isinstance(value, float):
        return of_real(value)
    if isinstance(value, str):
        return of_text(value)
    if isinstance(value, np.ndarray):
        return of_array(value)
    if isinstance(value, np.random.Generator):
        return of_generator(value)
    if isinstance(value, dict):
        return of_tree(value) if value else [mutation("None", "", None)]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return of_record(value)
    if isinstance(value, list | tuple):
        return of_sequence(value)
    if isinstance(value, Path):
        return [m for m in of_function(value) if m.kind != "text"]  # a text is a path
    if callable(value):
        return of_function(value)
    return [mutation(kind, "", x) for kind, x in WRONG_KINDS] if value is not None else []
