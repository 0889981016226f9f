"""CPU time and memory of one meta-iteration of RL^2.

    W4  a GRU of 48 units on 64 bandits of 5 arms, one trial of 100 pulls

The unit of time is the floor: one trial in plain NumPy with the network, the draws and the rewards,
and without a gradient. The memory is the greatest number of bytes that one trial and its gradient
hold at once. It should grow in proportion to the length of the trial. Run the benchmark with
OPENBLAS_NUM_THREADS=1.
"""

import tracemalloc
from functools import partial

import numpy as np
from timing import cpu_ms

from metarl_min.learners.mann import mann
from metarl_min.learners.rl2 import rl2
from metarl_min.memory import external_memory, recurrent_policies
from metarl_min.tasks.bandits import bandit

M, H, A, T = 64, 48, 5, 100


def floor(params, rng, T):
    """Play one trial of the GRU in plain NumPy."""
    means, rows = rng.random((M, A)), np.arange(M)
    h, x = np.zeros((M, H), np.float32), np.zeros((M, A + 3), np.float32)
    for _ in range(T):
        y, w = x @ params["W"] + params["b"], h @ params["U"]
        gates = 1 / (1 + np.exp(-y[:, : 2 * H] - w[:, : 2 * H]))
        n = np.tanh(y[:, 2 * H :] + gates[:, :H] * (w[:, 2 * H :] + params["c"]))
        h = n + gates[:, H:] * (h - n)
        sums = np.exp((h @ params["U_heads"] + params["c_heads"])[:, :A]).cumsum(-1)
        actions = (rng.random((M, 1)) * sums[:, -1:] >= sums).sum(-1)
        x = np.zeros_like(x)
        x[rows, actions], x[:, A] = 1, rng.random(M) < means[rows, actions]


def problem(policy, T):
    """Return the arguments of a gradient: parameters, observations and what `unroll` returns."""
    rng = np.random.default_rng(0)
    params = policy.init(rng, A + 3, A)
    x = rng.random((T, M, A + 3)).astype(np.float32)
    memories, logits, values = recurrent_policies.unroll(policy, params, x)
    return params, x, memories, logits, values


def peak(policy, T):
    """Return the bytes of one trial and its gradient, per step."""
    tracemalloc.start()
    recurrent_policies.gradient(policy, *problem(policy, T))
    num_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return num_bytes / T


def gradient_times(T):
    """Return the CPU time of each gradient: of three networks, by hand and traced."""
    networks = {
        "GRU": recurrent_policies.gru(H),
        "LSTM": recurrent_policies.lstm(H),
        "external memory": external_memory.policy(H),
    }
    times = {}
    for name, policy in networks.items():
        arguments = problem(policy, T)
        for way, used in (("by hand", policy), ("traced", policy._replace(gradient=None))):
            call = partial(recurrent_policies.gradient, used, *arguments)
            times[f"gradient, {name}, {way}"] = cpu_ms(call)
    return times


def iteration_times(T):
    """Return the CPU time of one meta-iteration of each learner."""
    times, family = {}, bandit(arms=A, pulls=T)
    with_lstm = partial(rl2, cell=recurrent_policies.lstm)
    for make, name in ((rl2, "rl2"), (with_lstm, "rl2, LSTM"), (mann, "mann")):
        learner = make(family, num_tasks=M, hidden=H)
        state = learner.init(np.random.default_rng(0))
        call = partial(learner.step, np.random.default_rng(1), state)
        times[f"meta-iteration, {name}"] = cpu_ms(call)
    return times


def main(T=T):
    """Print a line for each part, as a multiple of the floor; return the multiples."""
    gru, rng = recurrent_policies.gru(H), np.random.default_rng(0)
    params, x, *_ = problem(gru, T)
    raw = cpu_ms(partial(floor, params, rng, T))
    times = {"trial, raw": raw, "network, forward": cpu_ms(
        partial(recurrent_policies.unroll, gru, params, x)
    )}  # fmt: skip
    times |= gradient_times(T) | iteration_times(T)
    print(f"W4: {M} tasks, {T} steps, {H} units     CPU ms  / raw trial")
    for name, ms in times.items():
        print(f"{name:34s} {ms:9.2f} {ms / raw:8.1f}")
    print("bytes of one trial and its gradient, per step; a memory of the GRU is", 20 * M * H)
    for name, policy in (("GRU", gru), ("external memory", external_memory.policy(H))):
        for way, used in (("by hand", policy), ("traced", policy._replace(gradient=None))):
            short, long = peak(used, T // 2), peak(used, T)
            print(f"{name + ', ' + way:34s} {short:9.0f} at {T // 2} steps {long:9.0f} at {T}")
    return {name: ms / raw for name, ms in times.items()}


if __name__ == "__main__":
    main()
