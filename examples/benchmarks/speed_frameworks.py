"""PyTorch and JAX as one record of functions, so that one program runs in both."""

from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np


class Framework(NamedTuple):
    """What the programs need from a framework. All floats have one dtype."""

    xp: Any  # the functions that have the same name in both frameworks
    array: Any  # an array of NumPy -> an array of the framework
    grad: Any  # grad(f, again)(tuple of arrays) -> tuple of gradients; again: differentiable
    constant: Any  # x -> x without a gradient
    softmax: Any
    scan: Any  # scan(f, carry, xs) with f(carry, x) -> (carry, row): the rows, stacked
    repeat: Any  # repeat(f, x, n) -> f(f(.. f(x))), n times
    sums: Any  # sums(index, weights, n) -> sums of the weights with equal index [n]
    compiled: Any  # f -> f, compiled if the framework does that


def _torch_scan(xp, f, carry, xs):
    rows = []
    for x in zip(*xs, strict=True):
        carry, row = f(carry, x)
        rows.append(row)
    return tuple(xp.stack(column) for column in zip(*rows, strict=True))


def _repeat(f, x, n):
    for _ in range(n):
        x = f(x)
    return x


def torch_framework(dtype):
    """Return PyTorch with one thread, which runs each operation when it is called."""
    torch = import_module("torch")
    torch.set_num_threads(1)
    torch.set_default_dtype(getattr(torch, dtype))

    def array(x):
        given = torch.from_numpy(np.ascontiguousarray(x))
        return given.to(torch.get_default_dtype()) if given.is_floating_point() else given

    def grad(f, again):
        return lambda theta: torch.autograd.grad(f(theta), theta, create_graph=again)

    return Framework(
        xp=torch,
        array=array,
        grad=grad,
        constant=lambda x: x.detach(),
        softmax=partial(torch.softmax, dim=-1),
        scan=partial(_torch_scan, torch),
        repeat=_repeat,
        sums=torch.bincount,
        compiled=lambda f: f,
    )


def jax_framework(dtype):
    """Return JAX, which compiles each program at its first call."""
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", dtype == "float64")
    jnp = import_module("jax.numpy")
    return Framework(
        xp=jnp,
        array=jnp.asarray,
        grad=lambda f, again: jax.grad(f),
        constant=jax.lax.stop_gradient,
        softmax=jax.nn.softmax,
        scan=lambda f, carry, xs: jax.lax.scan(f, carry, xs)[1],
        repeat=lambda f, x, n: jax.lax.fori_loop(0, n, lambda i, x: f(x), x),
        sums=lambda index, weights, n: jnp.bincount(index, weights, length=n),
        compiled=jax.jit,
    )


FRAMEWORKS = {"torch": torch_framework, "jax": jax_framework}
