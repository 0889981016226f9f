"""The index of equations, read once: the sources do not change while the tests run."""

from functools import cache

from metarl_min.reports import equations

index = cache(equations.index)
