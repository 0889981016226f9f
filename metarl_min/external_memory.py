"""A network beside a memory of N rows that it addresses by content, and how it reads and writes.

Row i holds M_i and is found at the address A_i; k is a key, q a vector to write, w are weights of
the rows (w >= 0, sum 1):

    (1)  K_i = k.A_i / (|k| |A_i|), lengths below 1e-3 taken as 1e-3: 0 at an address of zeros
                                                           [Graves et al. 2014, eq. 6]
    (2)  w^r = softmax(b K), b >= 1 the strength of the key  [Graves et al. 2014, eq. 5]
    (3)  read: r = sum_i w^r_i M_i                         [Graves et al. 2014, eq. 2]
    (4)  least used: w^l is 1 at the row of smallest usage, the first of equals, 0 elsewhere
                                                           [Santoro et al. 2016, eq. 6]
    (5)  w^w = s w^r_{t-1} + (1 - s) w^l_{t-1}, s in (0, 1) the gate
                                                           [Santoro et al. 2016, eq. 7]
    (6)  write: M_i <- (1 - w^l_i) M_i + w^w_i q, and A_i likewise with k_{t-1} for q
                                                           [Santoro et al. 2016, eq. 8]
    (7)  usage: u <- 0.95 u + w^r + w^w                    [Santoro et al. 2016, eq. 5]
    (8)  interpolation: g w + (1 - g) w_{t-1}              [Graves et al. 2014, eq. 7]
    (9)  shift: w~_i = sum_j w_j p(i - j), indices modulo N  [Graves et al. 2014, eq. 8]
    (10)  sharpening: w_i^c / sum_j w_j^c, c >= 1           [Graves et al. 2014, eq. 9]

Backwards, with g_x for df/dx and what comes from later added in:

    (11)  of (3): g_w,i = g_r.M_i,  g_M,i = w^r_i g_r; of (2): y = b K has
          g_y = w^r o (g_w - sum_i w^r_i g_w,i),  g_b = g_y.K,  g_K = b g_y          [chain rule]
    (12)  of (1): g_k = sum_i g_K,i (A_i / (|k||A_i|) - K_i k / |k|^2),
          g_A,i = g_K,i (k / (|k||A_i|) - K_i A_i / |A_i|^2), no second term at a length below 1e-3
                                                                                     [chain rule]
    (13)  of (6): (1 - w^l_i) g_M,i to the rows before, g_q = sum_i w^w_i g_M,i, in A likewise, and
          g_w,i = g_M,i.q + g_A,i.k_{t-1}; of (5): s g_w to w^r_{t-1}, g_s = g_w.(w^r_{t-1} - w^l)
                                                                                     [chain rule]

A step of the policy: the controller, a GRU, sees the observation and what was read last. It writes
by (4)-(6) a vector at the key of the step before: what an action brought is found where its state
was looked up. Santoro et al. write the key itself; addresses of their own are those of Miller et
al. 2016 and of Ritter et al. 2018, without which binding was not learned. It reads by (1)-(3), and
its state and r feed logits and value. (8)-(10), which move a focus by place, are here for whoever
follows the paper.
"""

from functools import partial
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd.tracer import getval

from metarl_min import memory_policies, networks, trees
from metarl_min.arguments import require, whole
from metarl_min.memory_policies import MemoryPolicy
from metarl_min.networks import Gated, sigmoid
from metarl_min.policies import softmax, total
from metarl_min.trees import Array, Rng, Tree

DECAY, SHORTEST = 0.95, 1e-3


class Control(NamedTuple):
    """What the controller asks of the memory."""

    key: Any  # [..., M, W]
    vector: Any  # [..., M, W]
    gate: Any  # [..., M]
    strength: Any  # [..., M]


class Through(NamedTuple):
    """What a step went through, kept for the way back."""

    gated: Gated
    control: Control
    least: Any  # [..., M, N]
    written: Any  # [..., M, N]
    similar: Any  # [..., M, N]


class Memory(NamedTuple):
    """All that a trial leaves behind, for M tasks; [..., M] before each axis."""

    hidden: Any  # [H] of the controller
    key: Any  # [W] of the last reading
    keys: Any  # [N, W] where each row is found
    rows: Any  # [N, W] what it holds
    usage: Any  # [N]
    reading: Any  # [N] weights of the last reading
    read: Any  # [W]
    through: Through | None = None


def similarity(key: Any, keys: Any) -> Any:
    """Cosine of the angle between key and addresses, eq. (1). [..., W], [..., N, W] -> [..., N]

    >>> similarity(np.array([2.0, 0.0]), np.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    array([1., 0., 0.])
    """
    squares = [np.maximum(np.sum(x * x, axis=-1), SHORTEST**2) for x in (key, keys)]
    products = np.matmul(keys, key[..., None])[..., 0]
    return products / np.sqrt(squares[0][..., None] * squares[1])


def focus(strength: Any, similar: Any) -> Any:
    """Weights by content, eq. (2). strength [...], similarity [..., N] -> [..., N]"""
    return softmax(strength[..., None] * similar)


def read(weights: Any, rows: Any) -> Any:
    """What the weights point at, eq. (3). [..., N], [..., N, W] -> [..., W]"""
    return np.matmul(weights[..., None, :], rows)[..., 0, :]


def least_used(usage: Any) -> Array:
    """Weights of the row to be overwritten, eq. (4), without a derivative. [..., N]

    >>> least_used(np.array([0.2, 0.1, 0.1]))
    array([0., 1., 0.])
    """
    usage = getval(usage)
    chosen = onp.argmin(usage, axis=-1)[..., None] == onp.arange(usage.shape[-1])
    return chosen.astype(usage.dtype)


def writing(gate: Any, reading: Any, least: Any) -> Any:
    """Weights of a write, eq. (5): where was read last, or where nobody looks. [..., N]"""
    return gate[..., None] * reading + (1 - gate[..., None]) * least


def write(rows: Any, least: Any, weights: Any, vector: Any) -> Any:
    """Rows after the write, eq. (6). [..., N, W]"""
    return (1 - least)[..., None] * rows + weights[..., None] * vector[..., None, :]


def used(usage: Any, reading: Any, written: Any) -> Any:
    """Usage after a step, eq. (7). [..., N]"""
    return DECAY * usage + reading + written


def interpolate(gate: Any, weights: Any, before: Any) -> Any:
    """Between new weights and those of the step before, eq. (8). gate [...] -> [..., N]"""
    return gate[..., None] * weights + (1 - gate[..., None]) * before


def shift(weights: Any, chances: dict[int, Any]) -> Any:
    """Weights moved by each offset with its chance, in a circle, eq. (9). [..., N]

    >>> shift(np.array([1.0, 0.0, 0.0]), {1: 0.75, -1: 0.25})
    array([0.  , 0.75, 0.25])
    """
    return sum(chance * np.roll(weights, offset, axis=-1) for offset, chance in chances.items())


def sharpen(weights: Any, power: Any) -> Any:
    """Weights with their contrast raised, eq. (10). power [...] -> [..., N]"""
    raised = weights ** power[..., None]
    return raised / np.sum(raised, axis=-1, keepdims=True)


def _init(rng: Rng, num_inputs: int, num_actions: int, H: int, W: int, dtype: str) -> Tree:
    params = memory_policies.recurrent("gru", H, "float64").init(rng, num_inputs + W, num_actions)
    of_read = 0.01 * memory_policies.orthogonal(rng, W, num_actions), onp.zeros((W, 1))
    params["V"] = onp.concatenate([params["V"], onp.concatenate(of_read, axis=1)])
    params["K"] = memory_policies.glorot_uniform(rng, H, 2 * W + 2)
    params["k"] = onp.zeros(2 * W + 2)
    return {name: leaf.astype(dtype) for name, leaf in params.items()}


def _initial_memory(params: Tree, num_tasks: int, N: int) -> Memory:
    (*leading, H, columns), dtype = params["K"].shape, params["K"].dtype
    W, axes = columns // 2 - 1, (*leading, num_tasks)
    shapes = (H,), (W,), (N, W), (N, W), (N,), (N,), (W,)
    empty = (onp.zeros((*axes, *own), dtype) for own in shapes)
    return Memory._make((*empty, None))


def _control(params: Tree, hidden: Any) -> Control:
    out = np.matmul(hidden, params["K"]) + params["k"][..., None, :]
    W, gate, strength = params["K"].shape[-1] // 2 - 1, sigmoid(out[..., -2]), out[..., -1]
    key, vector = np.tanh(out[..., :W]), np.tanh(out[..., W : 2 * W])
    return Control(key, vector, gate, 1 + np.logaddexp(0, strength))


def _step(params: Tree, memory: Memory, x: Any) -> tuple[Memory, Any, Any]:
    gated = networks.gated(params, memory.hidden, np.concatenate([x, memory.read], axis=-1))
    control = _control(params, gated.h)
    least = least_used(memory.usage)
    written = writing(control.gate, memory.reading, least)
    keys = write(memory.keys, least, written, memory.key)
    rows = write(memory.rows, least, written, control.vector)
    similar = similarity(control.key, keys)
    reading = focus(control.strength, similar)
    found = read(reading, rows)
    heads = np.matmul(np.concatenate([gated.h, found], axis=-1), params["V"])
    heads = heads + params["d"][..., None, :]
    usage = used(memory.usage, reading, written)
    through = Through(gated, control, least, written, similar)
    after = Memory(gated.h, control.key, keys, rows, usage, reading, found, through)
    return after, heads[..., :-1], heads[..., -1]


def _pullback(before: Memory, after: Memory, through: Through, g: Memory) -> tuple[Array, Memory]:
    """Gradient in the controls before their squashing and in the memory before, eqs. (11)-(13)."""
    _, (key, vector, gate, strength), least, written, K = through
    keys, w = after.keys, after.reading
    g_w = g.reading + onp.einsum("mw,mnw->mn", g.read, after.rows)
    g_rows = g.rows + w[..., None] * g.read[:, None]
    g_y = w * (g_w - total(w * g_w))
    g_K = strength[:, None] * g_y
    a2, c2 = onp.sum(key * key, axis=-1, keepdims=True), onp.einsum("mnw,mnw->mn", keys, keys)
    long = onp.maximum(a2, SHORTEST**2), onp.maximum(c2, SHORTEST**2)
    scaled, turned = g_K / onp.sqrt(long[0] * long[1]), g_K * K
    g_key = g.key + onp.einsum("mn,mnw->mw", scaled, keys)
    g_key -= total(turned) * (a2 == long[0]) / long[0] * key
    g_keys = g.keys + scaled[..., None] * key[:, None]
    g_keys -= (turned * (c2 == long[1]) / long[1])[..., None] * keys
    g_written = onp.einsum("mnw,mw->mn", g_rows, vector)
    g_written += onp.einsum("mnw,mw->mn", g_keys, before.key)
    g_vector, g_earlier = (onp.einsum("mn,mnw->mw", written, g_x) for g_x in (g_rows, g_keys))
    g_gate = onp.sum(g_written * (before.reading - least), axis=-1)
    g_strength = onp.sum(g_y * K, axis=-1)
    out = onp.concatenate([
        g_key * (1 - key**2), g_vector * (1 - vector**2),
        (g_gate * gate * (1 - gate))[:, None], (g_strength * -onp.expm1(1 - strength))[:, None],
    ], axis=-1)  # fmt: skip
    kept = (1 - least)[..., None]
    reading = gate[:, None] * g_written
    return out, Memory(g.hidden, g_earlier, kept * g_keys, kept * g_rows, g.usage, reading, g.read)


def _gradient(params: Tree, x: Array, memories: Any, u_logits: Array, u_values: Array) -> Tree:
    """Gradient in all parameters from that in logits and values, back through time."""
    found = trees.map(onp.zeros_like, params)
    u = onp.concatenate([u_logits, u_values[..., None]], axis=-1)
    H, g = len(params["U"]), Memory(*map(onp.zeros_like, memories[0][:-1]))
    for t in range(len(x) - 1, -1, -1):
        before, after = memories[t], memories[t + 1]
        seen = onp.concatenate([after.hidden, after.read], axis=-1)
        g_seen = u[t] @ params["V"].T
        g = g._replace(hidden=g.hidden + g_seen[:, :H], read=g.read + g_seen[:, H:])
        out, g = _pullback(before, after, after.through, g)
        inputs = onp.concatenate([x[t], before.read], axis=-1)
        g_hidden = g.hidden + out @ params["K"].T
        gru = params["U"], before.hidden, after.through.gated
        in_y, in_w, hidden = networks.gru_pullback(*gru, g_hidden)
        g = g._replace(hidden=hidden, read=(in_y @ params["W"].T)[:, x.shape[-1] :])
        for name, y, z in (("W", inputs, in_y), ("U", before.hidden, in_w), ("V", seen, u[t]),
                           ("K", after.hidden, out)):  # fmt: skip
            found[name] += y.T @ z
        for name, z in (("b", in_y), ("c", in_w[:, 2 * H :]), ("d", u[t]), ("k", out)):
            found[name] += z.sum(0)
    return found


def policy(
    hidden: int = 32, rows: int = 8, width: int = 16, dtype: str = "float32"
) -> MemoryPolicy:
    """A controller of `hidden` units beside `rows` rows of `width` entries, eqs. (1)-(7)."""
    require(dtype in ("float32", "float64"), "dtype must be float32 or float64", repr(dtype))
    init = partial(_init, H=whole("hidden", hidden), W=whole("width", width), dtype=dtype)
    empty = partial(_initial_memory, N=whole("rows", rows))
    return MemoryPolicy(init, empty, _step, _gradient)
