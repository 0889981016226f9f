"""CPU time and memory of a meta-iteration of RL^2: run, read the ratios.

    W4  a GRU of 48 units on 64 bandits of 5 arms, one trial of 100 pulls

Floor: one trial in plain NumPy (network, draws, rewards), which nothing that uses NumPy can beat
before it has a gradient. Memory is the greatest that one trial and its gradient hold; it should
grow with the length of the trial alone. Run with OPENBLAS_NUM_THREADS=1.
"""

import tracemalloc

import numpy as np
from timing import cpu_ms

from metarl_min import learners, tasks
from metarl_min.memory import external_memory, recurrent_policies

M, H, A, T = 64, 48, 5, 100


def floor(params, rng, T):
    """A trial of the GRU, and nothing else."""
    means, rows = rng.random((M, A)), np.arange(M)
    h, x = np.zeros((M, H), np.float32), np.zeros((M, A + 3), np.float32)
    for _ in range(T):
        y, w = x @ params["W"] + params["b"], h @ params["U"]
        gates = 1 / (1 + np.exp(-y[:, : 2 * H] - w[:, : 2 * H]))
        n = np.tanh(y[:, 2 * H :] + gates[:, :H] * (w[:, 2 * H :] + params["c"]))
        h = n + gates[:, H:] * (h - n)
        sums = np.exp((h @ params["V"] + params["d"])[:, :A]).cumsum(-1)
        actions = (rng.random((M, 1)) * sums[:, -1:] >= sums).sum(-1)
        x = np.zeros_like(x)
        x[rows, actions], x[:, A] = 1, rng.random(M) < means[rows, actions]


def problem(policy, T):
    rng = np.random.default_rng(0)
    params = policy.init(rng, A + 3, A)
    x = rng.random((T, M, A + 3)).astype(np.float32)
    memories, logits, values = recurrent_policies.unroll(policy, params, x)
    return params, x, memories, logits, values


def peak(policy, T):
    """Bytes of one trial and its gradient, per step."""
    tracemalloc.start()
    recurrent_policies.gradient(policy, *problem(policy, T))
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found / T


def main(T=T):
    """Print a line for each part, as a multiple of the floor; return the multiples."""
    gru, memory = recurrent_policies.recurrent("gru", H), external_memory.policy(H)
    given = problem(gru, T)
    family = tasks.make("bandit", {"arms": str(A), "pulls": str(T)})
    rng = np.random.default_rng(0)
    times = {"trial, raw": cpu_ms(lambda: floor(given[0], rng, T))}
    times["network, forward"] = cpu_ms(lambda: recurrent_policies.unroll(gru, *given[:2]))
    for name, policy in (("GRU", gru), ("external memory", memory)):
        known, traced = problem(policy, T), policy._replace(gradient=None)
        for way, used in (("by hand", policy), ("traced", traced)):
            found = cpu_ms(lambda used=used, known=known: recurrent_policies.gradient(used, *known))
            times[f"gradient, {name}, {way}"] = found
    for name in ("rl2", "mann"):
        learner = learners.make(name, {"num_tasks": str(M), "hidden": str(H)})
        state = learner.init(np.random.default_rng(0), family)
        rng = np.random.default_rng(1)
        times[f"meta-iteration, {name}"] = cpu_ms(
            lambda step=learner.step, s=state, rng=rng: step(rng, s, family)
        )
    raw = times["trial, raw"]
    print(f"W4: {M} tasks, {T} steps, {H} units     CPU ms  / raw trial")
    for name, ms in times.items():
        print(f"{name:34s} {ms:9.2f} {ms / raw:8.1f}")
    print("bytes of one trial and its gradient, per step; a memory of the GRU is", 20 * M * H)
    for name, policy in (("GRU", gru), ("external memory", memory)):
        for way, used in (("by hand", policy), ("traced", policy._replace(gradient=None))):
            short, long = (peak(used, n) for n in (T // 2, T))
            print(f"{name + ', ' + way:34s} {short:9.0f} at {T // 2} steps {long:9.0f} at {T}")
    return {name: ms / raw for name, ms in times.items()}


if __name__ == "__main__":
    main()
