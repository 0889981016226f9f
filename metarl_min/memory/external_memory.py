"""A network beside an external memory: what a step of it does, and its way back through time.

The controller, a GRU, sees the observation and what was read last. It writes a vector by
addressing (4)-(6) at the key of the step before: what an action brought is found where its state
was looked up. Santoro et al. write the key itself; addresses of their own are those of Miller et
al. 2016 and of Ritter et al. 2018, without which binding was not learned. It reads by addressing
(1)-(3), and its state and what it reads feed logits and value.

Backwards, in the symbols of addressing, g_x for df/dx, and what comes from later added in:

    (1)  reading and its weights:  g_w,i = g_r.M_i,  g_M,i = w^r_i g_r;  y = b K has
         g_y = w^r o (g_w - sum_i w^r_i g_w,i),  g_b = g_y.K,  g_K = b g_y
                                                            [chain rule, addressing (2), (3)]
    (2)  similarity:  g_k = sum_i g_K,i (A_i / (|k||A_i|) - K_i k / |k|^2),
         g_A,i = g_K,i (k / (|k||A_i|) - K_i A_i / |A_i|^2), no second term at a length below 1e-3
                                                            [chain rule, addressing (1)]
    (3)  writing:  (1 - w^l_i) g_M,i to the rows before,  g_q = sum_i w^w_i g_M,i,  in A likewise;
         g_w,i = g_M,i.q + g_A,i.k_{t-1},  of which s g_w to w^r_{t-1},
         g_s = g_w.(w^r_{t-1} - w^l)                        [chain rule, addressing (5), (6)]
"""

from functools import partial
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp

from metarl_min.basics import trees
from metarl_min.basics.arguments import require, whole
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.mdps.policies import sum_over_actions
from metarl_min.memory import addressing, cells, recurrent_policies
from metarl_min.memory.addressing import (
    content_weights,
    least_used,
    read,
    similarity,
    update_usage,
    write,
    write_weights,
)
from metarl_min.memory.cells import GRUStep, sigmoid
from metarl_min.memory.recurrent_policies import RecurrentPolicy


class Interface(NamedTuple):
    """What the controller asks of the memory."""

    key: Any  # [..., M, W]
    vector: Any  # [..., M, W]
    gate: Any  # [..., M]
    strength: Any  # [..., M]


class StepCache(NamedTuple):
    """What a step went through, kept for the way back."""

    gated: GRUStep
    control: Interface
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
    through: StepCache | None = None


def _init(rng: Rng, num_inputs: int, num_actions: int, H: int, W: int, dtype: str) -> Tree:
    params = recurrent_policies.recurrent("gru", H, "float64").init(
        rng, num_inputs + W, num_actions
    )
    of_read = 0.01 * recurrent_policies.orthogonal(rng, W, num_actions), onp.zeros((W, 1))
    params["V"] = onp.concatenate([params["V"], onp.concatenate(of_read, axis=1)])
    params["K"] = recurrent_policies.glorot_uniform(rng, H, 2 * W + 2)
    params["k"] = onp.zeros(2 * W + 2)
    return {name: leaf.astype(dtype) for name, leaf in params.items()}


def _initial_memory(params: Tree, num_tasks: int, N: int) -> Memory:
    (*leading, H, columns), dtype = params["K"].shape, params["K"].dtype
    W, axes = columns // 2 - 1, (*leading, num_tasks)
    shapes = (H,), (W,), (N, W), (N, W), (N,), (N,), (W,)
    empty = (onp.zeros((*axes, *own), dtype) for own in shapes)
    return Memory._make((*empty, None))


def _control(params: Tree, hidden: Any) -> Interface:
    out = np.matmul(hidden, params["K"]) + params["k"][..., None, :]
    W, gate, strength = params["K"].shape[-1] // 2 - 1, sigmoid(out[..., -2]), out[..., -1]
    key, vector = np.tanh(out[..., :W]), np.tanh(out[..., W : 2 * W])
    return Interface(key, vector, gate, 1 + np.logaddexp(0, strength))


def _step(params: Tree, memory: Memory, x: Any) -> tuple[Memory, Any, Any]:
    gated = cells.gru_step(params, memory.hidden, np.concatenate([x, memory.read], axis=-1))
    control = _control(params, gated.h)
    least = least_used(memory.usage)
    written = write_weights(control.gate, memory.reading, least)
    keys = write(memory.keys, least, written, memory.key)
    rows = write(memory.rows, least, written, control.vector)
    similar = similarity(control.key, keys)
    reading = content_weights(control.strength, similar)
    found = read(reading, rows)
    heads = np.matmul(np.concatenate([gated.h, found], axis=-1), params["V"])
    heads = heads + params["d"][..., None, :]
    usage = update_usage(memory.usage, reading, written)
    through = StepCache(gated, control, least, written, similar)
    after = Memory(gated.h, control.key, keys, rows, usage, reading, found, through)
    return after, heads[..., :-1], heads[..., -1]


def _pullback(before: Memory, after: Memory, through: StepCache, g: Memory) -> tuple[Array, Memory]:
    """Gradient in the controls before their squashing and in the memory before, eqs. (1)-(3)."""
    _, (key, vector, gate, strength), least, written, K = through
    keys, w = after.keys, after.reading
    g_w = g.reading + onp.einsum("mw,mnw->mn", g.read, after.rows)
    g_rows = g.rows + w[..., None] * g.read[:, None]
    g_y = w * (g_w - sum_over_actions(w * g_w))
    g_K = strength[:, None] * g_y
    a2, c2 = onp.sum(key * key, axis=-1, keepdims=True), onp.einsum("mnw,mnw->mn", keys, keys)
    long = onp.maximum(a2, addressing.SHORTEST**2), onp.maximum(c2, addressing.SHORTEST**2)
    scaled, turned = g_K / onp.sqrt(long[0] * long[1]), g_K * K
    g_key = g.key + onp.einsum("mn,mnw->mw", scaled, keys)
    g_key -= sum_over_actions(turned) * (a2 == long[0]) / long[0] * key
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
    found = trees.map_leaves(onp.zeros_like, params)
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
        in_y, in_w, hidden = cells.gru_pullback(*gru, g_hidden)
        g = g._replace(hidden=hidden, read=(in_y @ params["W"].T)[:, x.shape[-1] :])
        for name, y, z in (("W", inputs, in_y), ("U", before.hidden, in_w), ("V", seen, u[t]),
                           ("K", after.hidden, out)):  # fmt: skip
            found[name] += y.T @ z
        for name, z in (("b", in_y), ("c", in_w[:, 2 * H :]), ("d", u[t]), ("k", out)):
            found[name] += z.sum(0)
    return found


def policy(
    hidden: int = 32, rows: int = 8, width: int = 16, dtype: str = "float32"
) -> RecurrentPolicy:
    """A controller of `hidden` units beside `rows` rows of `width` entries, addressing (1)-(7)."""
    require(dtype in ("float32", "float64"), "dtype must be float32 or float64", repr(dtype))
    init = partial(_init, H=whole("hidden", hidden), W=whole("width", width), dtype=dtype)
    empty = partial(_initial_memory, N=whole("rows", rows))
    return RecurrentPolicy(init, empty, _step, _gradient)
