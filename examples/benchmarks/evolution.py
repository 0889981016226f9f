"""CPU time of a generation of evolution: run, read the ratios.

    W5  128 members x 20 tasks x 30 steps: networks of 64 units on gridworlds 5x5, float32
        64 members x 32 tasks: GRUs of 8 units on bandits of ten pulls; tables that adapt (ES-MAML)
        on gridworlds 5x5 of 4 episodes x 15 steps

Floors: the forward arithmetic of the same networks in plain NumPy, with the look-ups of a rollout
where the network answers once for each state. Directions are drawn once, then kept: their drawing
is not measured. Run with OPENBLAS_NUM_THREADS=1.
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


def rollout(params, arrivals, u):
    """Policies of all states, then a look-up for each step; the return of each trial. u [T, M]"""
    h = np.tanh(params["W1"] + params["b1"][:, None])
    sums = np.exp(h @ params["W2"] + params["b2"][:, None]).cumsum(-1)
    below = np.ascontiguousarray((sums / sums[..., -1:])[..., :-1].reshape(-1, 3).T)
    member, s = 25 * np.arange(len(h))[:, None], np.full((len(h), u.shape[1]), 12)
    arrived = np.empty((len(u), *s.shape), np.intp)
    for t, x in enumerate(u):
        a = sum((x >= column.take(member + s)).view(np.int8) for column in below)
        arrived[t] = s = arrivals.take(4 * s + a)
    return np.where(arrived == np.arange(u.shape[1]), 1.0, -0.1).sum(0)


def generation(name, family, settings):
    """One step of a learner from its start."""
    learner = learners.make(name, {"population": str(P), "num_tasks": str(M)} | settings)
    state = learner.init(np.random.default_rng(0), family)
    return learner, lambda: learner.step(np.random.default_rng(1), state, family)


def main():
    """Print a line for each workload; return the milliseconds of the second table."""
    bandit = tasks.make("bandit", {"arms": str(A), "pulls": str(T)})
    grid = tasks.make("gridworld", {})
    learner, es = generation("es", bandit, {"hidden": str(H)})
    one = learner.init(np.random.default_rng(0), bandit).theta
    params = {name: np.repeat(leaf[None], P, axis=0) for name, leaf in one.items()}
    x = np.random.default_rng(0).random((P, M, A + 3)).astype(np.float32)
    maze = tasks.make("gridworld", {"stay": "0", "horizon": "30", "episodes": "1"})
    size = {"policy": "network:64", "inner_steps": "0", "population": "128", "num_tasks": "20"}
    learner, starts = generation("es_maml", maze, size)
    theta = learner.init(np.random.default_rng(0), maze).theta
    large = {name: np.repeat(leaf[None], 128, axis=0) for name, leaf in theta.items()}
    u = np.random.default_rng(0).random((30, 20))
    arrivals = maze.sample(np.random.default_rng(0), 1).transition.argmax(-1).ravel()
    floor = cpu_ms(lambda: rollout(large, arrivals, u))
    print("W5: 128 members, 20 tasks    CPU ms  / raw forward and rollout")
    for name, ms in (("starts, raw", floor), ("starts, es_maml", cpu_ms(starts))):
        print(f"{name:28s} {ms:9.2f} {ms / floor:8.1f}")
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
