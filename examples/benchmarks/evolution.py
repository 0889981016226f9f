"""CPU time of a generation of evolution: run, read the ratios.

    W5  64 members x 32 tasks: GRUs of 8 units on bandits of ten pulls; tables that adapt (ES-MAML)
        on gridworlds 5x5 of 4 episodes x 15 steps

Floor: the forward arithmetic of the same networks in plain NumPy. Run with OPENBLAS_NUM_THREADS=1.
"""

import numpy as np
from timing import cpu_ms

from metarl_min import learners, tasks

P, M, H, T, A = 64, 32, 8, 10, 2


def forward(params, x):
    """P networks side by side for T steps, and nothing else."""
    h = np.zeros((P, M, H), np.float32)
    for _ in range(T):
        y, w = x @ params["W"] + params["b"][:, None], h @ params["U"]
        gates = 1 / (1 + np.exp(-y[..., : 2 * H] - w[..., : 2 * H]))
        n = np.tanh(y[..., 2 * H :] + gates[..., :H] * (w[..., 2 * H :] + params["c"][:, None]))
        h = n + gates[..., H:] * (h - n)
        h @ params["V"] + params["d"][:, None]


def generation(name, family, settings):
    """One step of a learner from its start."""
    learner = learners.make(name, {"population": str(P), "num_tasks": str(M)} | settings)
    state = learner.init(np.random.default_rng(0), family)
    return learner, lambda: learner.step(np.random.default_rng(1), state, family)


def main():
    """Print a line for each workload; return the milliseconds."""
    bandit = tasks.make("bandit", {"arms": str(A), "pulls": str(T)})
    grid = tasks.make("gridworld", {})
    learner, es = generation("es", bandit, {"hidden": str(H)})
    one = learner.init(np.random.default_rng(0), bandit).theta
    params = {name: np.repeat(leaf[None], P, axis=0) for name, leaf in one.items()}
    x = np.random.default_rng(0).random((P, M, A + 3)).astype(np.float32)
    times = {
        "networks, raw forward": cpu_ms(lambda: forward(params, x)),
        "networks, es": cpu_ms(es),
        "networks, ga": cpu_ms(generation("ga", bandit, {"hidden": str(H)})[1]),
        "rules, evolved_rule": cpu_ms(generation("evolved_rule", bandit, {})[1]),
        "tables on a grid, es_maml": cpu_ms(generation("es_maml", grid, {})[1]),
    }
    floor = times["networks, raw forward"]
    print(f"W5: {P} members, {M} tasks     CPU ms  / raw forward of the networks")
    for name, ms in times.items():
        print(f"{name:28s} {ms:9.2f} {ms / floor:8.1f}")
    return times


if __name__ == "__main__":
    main()
