"""A recurrent policy with an external memory, and the gradient of its steps.

The module `addressing` defines the memory. In this module, R is the number of its rows, and W is
the number of entries of an address or a content. The controller is a GRU. At each step, it receives
the observation and the vector that was read at the previous step. The interface to the memory is a
key, a vector, a gate and a strength. They depend on the hidden state h of the GRU after the step:

    (1)  (y_key, y_vector, y_gate, y_strength) = h interface_weights + interface_bias,
         key = tanh(y_key),  vector = tanh(y_vector),  gate = s(y_gate),
         strength = 1 + log(1 + exp(y_strength)),  s(y) = 1 / (1 + exp(-y))
                                                        [Graves et al. 2014; Graves et al. 2016]

Then the policy writes with the weights of addressing (7) and (8). It applies addressing (10) twice:
`vector` is written to the contents, and the key of the PREVIOUS step to the addresses. A policy
acts in a state, and observes the outcome one step later. So the outcome is stored beside the key of
this state. When a similar state returns, its key is similar, and the policy reads the outcome.
After the write, the policy reads with the key of the current step, by
addressing (1), (3) and (5). The logits and the value are linear in h and in the vector `read`.

In Santoro et al. 2016, the content of a row is also its address. Separate addresses and contents
come from Miller et al. 2016 and Ritter et al. 2018. `examples/reading_and_writing.py` shows which
rows the network of this module writes and reads.

The gradient is written by hand, because autograd takes many times as long
(`examples/benchmarks/recurrent.py` measures both). It goes back through the steps. In each step, it
goes back through the heads, then through the memory by the gradients of addressing, then through
(1) by the gradient (2), and then through the GRU by cells (4):

    (2)  df/dy_key = (1 - key^2) * df/dkey,  df/dy_vector = (1 - vector^2) * df/dvector,
         df/dy_gate = gate (1 - gate) df/dgate,
         df/dy_strength = (1 - exp(1 - strength)) df/dstrength                   [derivation]

    tanh has the derivative 1 - tanh^2, and s has s (1 - s):       key, vector, gate
    log(1 + exp(y)) has the derivative s(y) = 1 - 1 / (1 + exp(y)),
    and 1 + exp(y) = exp(strength - 1):                            strength
"""

from functools import partial
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp

from metarl_min.basics import trees
from metarl_min.basics.arguments import whole
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.memory import addressing, cells, recurrent_policies
from metarl_min.memory.cells import GRUStep, sigmoid
from metarl_min.memory.protocol import RecurrentPolicy


class Interface(NamedTuple):
    """The key, vector, gate and strength of one step, eq. (1), or the gradients in these arrays."""

    key: Any  # [..., M, W]
    vector: Any  # [..., M, W]
    gate: Any  # [..., M]
    strength: Any  # [..., M]


class StepCache(NamedTuple):
    """Arrays of one step that the gradient of this step needs again."""

    gru: GRUStep
    interface: Interface
    least: Any  # [..., M, R]
    writing: Any  # [..., M, R]
    similarities: Any  # [..., M, R]


class Memory(NamedTuple):
    """The memory of the policy after a step, or the gradients in its fields."""

    hidden: Any  # [..., M, H] hidden state of the controller
    key: Any  # [..., M, W] key of the step
    addresses: Any  # [..., M, R, W]
    contents: Any  # [..., M, R, W]
    usage: Any  # [..., M, R]
    reading: Any  # [..., M, R] weights of reading
    read: Any  # [..., M, W] vector that was read
    cache: Any = None  # StepCache of the step; None before the first step


def _init(rng: Rng, num_inputs: int, num_actions: int, H: int, W: int, dtype: str) -> Tree:
    """Return the initial parameters: of the GRU, of the heads and of the interface, eq. (1).

    The GRU has W extra inputs, for `read`. At first the value does not depend on `read`, because
    untrained contents say nothing about returns.
    """
    gru = recurrent_policies.gru(H, "float64")
    params = gru.init(rng, num_inputs + W, num_actions)
    logits_of_read = 0.01 * recurrent_policies.orthogonal(rng, W, num_actions)
    heads_of_read = onp.concatenate([logits_of_read, onp.zeros((W, 1))], axis=1)
    # The first rows of U_heads multiply h, and the last rows multiply `read`.
    params["U_heads"] = onp.concatenate([params["U_heads"], heads_of_read])
    params["interface_weights"] = recurrent_policies.glorot_uniform(rng, H, 2 * W + 2)
    params["interface_bias"] = onp.zeros(2 * W + 2)
    return {name: leaf.astype(dtype) for name, leaf in params.items()}


def _initial_memory(params: Tree, num_tasks: int, R: int) -> Memory:
    """Return zeros, the memory before a trial."""
    weights = params["interface_weights"]
    *leading, H, columns = weights.shape
    W = columns // 2 - 1  # columns = 2 W + 2
    axes = {"hidden": (H,), "key": (W,), "addresses": (R, W), "contents": (R, W), "usage": (R,),
            "reading": (R,), "read": (W,)}  # fmt: skip
    return Memory(**{x: onp.zeros((*leading, num_tasks, *axes[x]), weights.dtype) for x in axes})


def _interface(params: Tree, hidden: Any) -> Interface:
    """Return the interface of eq. (1). hidden [..., M, H]"""
    y = hidden @ params["interface_weights"] + params["interface_bias"][..., None, :]
    W = y.shape[-1] // 2 - 1  # y has 2 W + 2 columns
    return Interface(
        key=np.tanh(y[..., :W]),
        vector=np.tanh(y[..., W : 2 * W]),
        gate=sigmoid(y[..., -2]),
        strength=1 + np.logaddexp(0, y[..., -1]),
    )


def interface_pullback(interface: Interface, g: Interface) -> Array:
    """Return the gradient in y from the gradient in the interface, eq. (2). [M, 2 W + 2]"""
    key, vector, gate, strength = interface
    columns = [
        g.key * (1 - key**2),
        g.vector * (1 - vector**2),
        (g.gate * gate * (1 - gate))[:, None],
        (g.strength * -onp.expm1(1 - strength))[:, None],
    ]
    return onp.concatenate(columns, axis=-1)


def _step(params: Tree, memory: Memory, x: Any) -> tuple[Memory, Any, Any]:
    """Write to the memory, then read from it. x [..., M, I] -> the new memory, logits, values"""
    gru = cells.gru_step(params, memory.hidden, np.concatenate([x, memory.read], axis=-1))
    interface = _interface(params, gru.h_after)
    least = addressing.least_used(memory.usage)
    writing = addressing.writing_weights(interface.gate, memory.reading, least)
    addresses = addressing.write(memory.addresses, least, writing, memory.key)
    contents = addressing.write(memory.contents, least, writing, interface.vector)
    similarities = addressing.similarity(interface.key, addresses)
    reading = addressing.reading_weights(interface.strength, similarities)
    read = addressing.read(reading, contents)
    logits, values = recurrent_policies.heads(params, np.concatenate([gru.h_after, read], axis=-1))
    after = Memory(
        hidden=gru.h_after,
        key=interface.key,
        addresses=addresses,
        contents=contents,
        usage=addressing.update_usage(memory.usage, reading, writing),
        reading=reading,
        read=read,
        cache=StepCache(gru, interface, least, writing, similarities),
    )
    return after, logits, values


def memory_pullback(before: Memory, after: Memory, g: Memory) -> tuple[Interface, Memory]:
    """Return the gradients in the interface and in the memory before a step, addressing (2)-(11).

    g is the gradient in the memory after the step. It comes from the later steps, and g.read comes
    from the heads too. The new key, reading, addresses and contents act on f in two ways: in the
    later steps, and through the new `read`. So the gradients of the two ways are added. The fields
    `hidden` and `read` of the second result are not valid: they need the GRU, and `memory_gradient`
    replaces them. The field `usage` is zeros, because the gradient in the usage is 0.
    """
    _, (key, vector, gate, strength), least, writing, similarities = after.cache
    # read = sum_i reading_i content_i
    reading_gradient, content_gradient = addressing.read_pullback(
        after.reading, after.contents, g.read
    )
    # reading = softmax(strength similarities)
    strength_gradient, similarity_gradient = addressing.reading_weights_pullback(
        strength, similarities, after.reading, g.reading + reading_gradient
    )
    # similarities = cosines of the key and the addresses
    key_gradient, address_gradient = addressing.similarity_pullback(
        key, after.addresses, similarities, similarity_gradient
    )
    # `vector` was written to the contents, and the previous key to the addresses. Each of the two
    # writes gives a gradient in `writing`.
    old_content_gradient, writing_gradient_1, vector_gradient = addressing.write_pullback(
        least, writing, vector, g.contents + content_gradient
    )
    old_address_gradient, writing_gradient_2, last_key_gradient = addressing.write_pullback(
        least, writing, before.key, g.addresses + address_gradient
    )
    # writing = gate last_reading + (1 - gate) least
    gate_gradient, last_reading_gradient = addressing.writing_weights_pullback(
        gate, before.reading, least, writing_gradient_1 + writing_gradient_2
    )
    interface = Interface(key=g.key + key_gradient, vector=vector_gradient,
                          gate=gate_gradient, strength=strength_gradient)  # fmt: skip
    return interface, g._replace(key=last_key_gradient, addresses=old_address_gradient,
                                 contents=old_content_gradient,
                                 reading=last_reading_gradient)  # fmt: skip


def memory_gradient(
    params: Tree, x: Array, memories: Any, logit_gradients: Array, value_gradients: Array
) -> Tree:
    """Return the gradient of f in all parameters, by eq. (2), addressing (2)-(11), cells (4), (5).

    The arguments are the arguments of `protocol.gradient` without `policy`.
    """
    gradient = trees.map_leaves(onp.zeros_like, params)
    head_gradients = onp.concatenate([logit_gradients, value_gradients[..., None]], axis=-1)
    gradient["c_heads"] = head_gradients.sum((0, 1))
    feature_gradients = head_gradients @ params["U_heads"].T  # H columns for h, W for `read`
    weights_of_read = params["W"][x.shape[-1] :]  # the rows that multiply the previous `read`
    ones = onp.ones_like(x[0, :, 0])  # ones @ y is the sum over the tasks, faster than y.sum(0)
    # g_after is the gradient in the memory after step t. `[:-1]` leaves out the field `cache`.
    H, g_after = len(params["U"]), Memory(*map(onp.zeros_like, memories[0][:-1]))
    for t in range(len(x) - 1, -1, -1):
        before, after, head_gradient = memories[t], memories[t + 1], head_gradients[t]
        g_after = g_after._replace(read=g_after.read + feature_gradients[t, :, H:])
        interface_gradient, g_before = memory_pullback(before, after, g_after)
        y_gradient = interface_pullback(after.cache.interface, interface_gradient)
        hidden_gradient = g_after.hidden + feature_gradients[t, :, :H]
        hidden_gradient = hidden_gradient + y_gradient @ params["interface_weights"].T
        gru = cells.gru_pullback(params["U"], after.cache.gru, hidden_gradient)
        gradient["W"] += onp.concatenate([x[t], before.read], axis=-1).T @ gru.input
        gradient["U"] += before.hidden.T @ gru.recurrent
        features = onp.concatenate([after.hidden, after.read], axis=-1)
        gradient["U_heads"] += features.T @ head_gradient
        gradient["interface_weights"] += after.hidden.T @ y_gradient
        gradient["b"] += ones @ gru.input
        gradient["c"] += ones @ gru.recurrent[:, 2 * H :]
        gradient["interface_bias"] += ones @ y_gradient
        # The memory before step t is the memory after step t - 1.
        g_after = g_before._replace(hidden=gru.hidden, read=gru.input @ weights_of_read.T)
    return gradient


def policy(
    hidden: int = 32, rows: int = 8, width: int = 16, dtype: str = "float32"
) -> RecurrentPolicy:
    """Return the policy of a controller with `hidden` units and a memory, addressing (1)-(12).

    The memory has R = `rows` rows. Each address and each content has W = `width` entries.
    """
    dtype = recurrent_policies.require_float(dtype)
    return RecurrentPolicy(
        init=partial(_init, H=whole("hidden", hidden), W=whole("width", width), dtype=dtype),
        initial_memory=partial(_initial_memory, R=whole("rows", rows)),
        step=_step,
        gradient=memory_gradient,
    )
