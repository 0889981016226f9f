"""Wrong and unusual arrays in the place of an array."""

import numpy as np

from campaign.mutation import mutation


def shapes(x):
    """Arrays of other shapes with the entries of x. A smaller one means what it broadcasts to."""
    found = []
    for axis, n in enumerate(x.shape):
        where, one = f"axis {axis}", x.take([0], axis)
        longer = np.concatenate([x, x.take([-1], axis)], axis)
        found.append(mutation("wrong shape", f"{where} longer", longer))
        found.append(mutation("empty", where, x.take([], axis)))
        if n > 1:
            found.append(mutation("size 1", where, one, np.broadcast_to(one, x.shape).copy()))
        if n > 2:
            found.append(mutation("wrong shape", f"{where} shorter", x.take(range(n - 1), axis)))
    if x.ndim > 1 and x.shape != x.shape[::-1]:
        found.append(mutation("wrong shape", "transposed", x.T.copy()))
    if x.ndim > 1:
        found.append(mutation("wrong shape", "one axis", x.ravel().copy()))
    if x.ndim > 0:
        first, number = x[0].copy(), x.ravel()[0]
        missing = np.broadcast_to(first, x.shape).copy()
        found.append(mutation("wrong shape", "an axis missing", np.array(first), missing))
        full = np.full(x.shape, number)
        found.append(mutation("0-d", "", np.array(number), full))
        found.append(mutation("number", "", number.item(), full))
    found.append(mutation("extra axis", "last", x[..., None].copy()))
    found.append(mutation("extra axis", "two", np.stack([x, x])))
    return found


def with_entry(x, value, dtype=None):
    """A copy of x whose last entry is `value`."""
    y = np.array(x, dtype or x.dtype)
    y[(-1,) * y.ndim] = value
    return y


def dtypes(x):
    """Arrays of other dtypes and kinds."""
    found = [
        mutation("boolean", "dtype", x > x.mean(), (x > x.mean()).astype(float)),
        mutation("complex", "", x + 1j),
        mutation("object", "", x.astype(object), x),
        mutation("text", "dtype", x.astype(str)),
        mutation("masked", "", np.ma.array(x, mask=with_entry(np.zeros(x.shape, bool), True))),
    ]
    if x.dtype.kind == "f":
        found += [
            mutation("integer", "dtype", np.round(x).astype(int), np.round(x).astype(float)),
            mutation("NaN", "one", with_entry(x, np.nan)),
            mutation("infinite", "+", with_entry(x, np.inf)),
            mutation("infinite", "-", with_entry(x, -np.inf)),
            mutation("huge", "", with_entry(x, 1e300 if x.dtype == float else 1e38)),
        ]
    if x.dtype == float:
        single = x.astype(np.float32)
        found.append(mutation("float32", "", single, single.astype(float)))
    if x.dtype.kind in "iu":
        found += [
            mutation("float", "whole", x.astype(float), x),
            mutation("float", "between two numbers", x + 0.5),
            mutation("NaN", "one", with_entry(x, np.nan, float)),
            mutation("huge", "", with_entry(x, 10**15)),
            mutation("integer", "int8", x.astype(np.int8), x),
            mutation("integer", "uint64", x.astype(np.uint64), x),
        ]
    if x.dtype.kind in "fi" and (x >= 0).all():  # a base call shows whether signs are free
        found.append(mutation("negative", "one", with_entry(x, -1 - abs(x.ravel()[-1]))))
        found.append(mutation("negative", "all", (-abs(x) - 1).astype(x.dtype)))
    return found


def of_bools(x):
    """Mutations of an array of bools."""
    return [
        mutation("integer", "dtype", x.astype(int), x),
        mutation("float", "dtype", x.astype(float), x),
        mutation("NaN", "", with_entry(x, np.nan, float)),
        mutation("negative", "", x.astype(int) - 1),
        mutation("text", "dtype", x.astype(str)),
        mutation("masked", "", np.ma.array(x, mask=with_entry(np.zeros(x.shape, bool), True))),
    ]


def read_only(x):
    """A copy of x that cannot be written."""
    y = x.copy()
    y.flags.writeable = False
    return y


def of_array(x):
    """Mutations of an array."""
    strided = np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x
    return [
        mutation("None", "", None),
        mutation("text", "", "abc"),
        mutation("list", "", x.tolist(), x),
        mutation("read-only", "", read_only(x), x, must=True),
        mutation("read-only", "strided", strided, x, must=True),
        mutation("read-only", "Fortran", np.asfortranarray(x), x, must=True),
        mutation("read-only", "big-endian", x.astype(x.dtype.newbyteorder()), x),
        *(shapes(x) if x.size else []),
        *((of_bools(x) if x.dtype == bool else dtypes(x)) if x.size else []),
    ]
