"""CPU time of a generation of evolution: run, read the ratios.

    W5  128 members x 20 tasks x 30 steps: networks of 64 units on gridworlds 5x5, float32
        64 members x 32 tasks: GRUs of 8 units on bandits of ten pulls; tables that adapt (ES-MAML)
        on gridworlds 5x5 of 4 episodes x 15 steps

The floor is the forward arithmetic of the same networks in plain NumPy. For gridworlds it includes
the look-ups of a rollout, because there the network is evaluated once for each state. The time to
draw directions is not measured: they are drawn once and used again. Run with
OPENBLAS_NUM_THREADS=1.
"""

import numpy as np
from timing import cpu_ms

from metarl_min.learners.es import es
from metarl_min.learners.es_maml import es_maml
from metarl_min.learners.evolved_rule import evolved_rule
from metarl_min.learners.ga import ga
from metarl_min.mdps.networks import mlp
from metarl_min.tasks.bandits import bandit
from metarl_min.tasks.gridworlds import gridworld

P, M, H, T, A = 64, 32, 8, 10, 2


def forward(params, x):
    """Run P networks for T steps. params [P, ..], x [P, M, I]"""
    h = np.zeros((P, M, H), np.float32)
    for _ in range(T):
        y, w = x @ params["W"] + params["b"][:, None], h @ params["U"]
        gates = 1 / (1 + np.exp(-y[..., : 2 * H] - w[..., : 2 * H]))
        n = np.tanh(y[..., 2 * H :] + gates[..., :H] * (w[..., 2 * H :] + params["c"][:, None]))
        h = n + gates[..., H:] * (h - n)
        h @ params["U_heads"] + params["c_heads"][:, None]


def rollout(params, arrivals, u):
    """Return the return of each trial: policies of all states, then look-ups. u [T, M] -> [P, M]"""
    h = np.tanh(params["W1"] + params["b1"][:, None])
    sums = np.exp(h @ params["W2"] + params["b2"][:, None]).cumsum(-1)
    below = np.ascontiguousarray((sums / sums[..., -1:])[..., :-1].reshape(-1, 3).T)
    member, s = 25 * np.arange(len(h))[:, None], np.full((len(h), u.shape[1]), 12)
    arrived = np.empty((len(u), *s.shape), np.intp)
    for t, x in enumerate(u):
        a = sum((x >= column.take(member + s)).view(np.int8) for column in below)
        arrived[t] = s = arrivals.take(4 * s + a)
    return np.where(arrived == np.arange(u.shape[1]), 1.0, -0.1).sum(0)


def repeated(theta, population):
    """Return the parameters of a population of equal members. -> [P, ..]"""
    return {name: np.repeat(leaf[None], population, axis=0) for name, leaf in theta.items()}


def generation(learner):
    """Return the milliseconds of one step of a learner from its start."""
    state = learner.init(np.random.default_rng(0))
    return cpu_ms(lambda: learner.step(np.random.default_rng(1), state))


def starts_on_mazes():
    """Return the milliseconds of networks that do not adapt, and of their floor."""
    maze = gridworld(stay=0, horizon=30, episodes=1)
    learner = es_maml(maze, policy=mlp(64), inner_steps=0, population=128, num_tasks=20)
    params = repeated(learner.init(np.random.default_rng(0)).theta, 128)
    u = np.random.default_rng(0).random((30, 20))
    arrivals = maze.sample(np.random.default_rng(0), 1).transition.argmax(-1).ravel()
    floor = cpu_ms(lambda: rollout(params, arrivals, u))
    return {"starts, raw": floor, "starts, es_maml": generation(learner)}


def searches_on_bandits():
    """Return the milliseconds of each search, the floor first."""
    size = {"population": P, "num_tasks": M}
    arms, grid = bandit(arms=A, pulls=T), gridworld()
    learner = es(arms, hidden=H, **size)
    params = repeated(learner.init(np.random.default_rng(0)).theta, P)
    x = np.random.default_rng(0).random((P, M, A + 3)).astype(np.float32)
    return {
        "networks, raw forward": cpu_ms(lambda: forward(params, x)),
        "networks, es": generation(learner),
        "networks, ga": generation(ga(arms, hidden=H, **size)),
        "rules, evolved_rule": generation(evolved_rule(arms, **size)),
        "tables on a grid, es_maml": generation(es_maml(grid, **size)),
    }


def main():
    """Print a line for each workload; return the milliseconds of the second table."""
    for title, times in (
        ("W5: 128 members, 20 tasks    CPU ms  / raw forward and rollout", starts_on_mazes()),
        (f"W5: {P} members, {M} tasks     CPU ms  / raw forward", searches_on_bandits()),
    ):
        print(title)
        floor = next(iter(times.values()))
        for name, ms in times.items():
            print(f"{name:28s} {ms:9.2f} {ms / floor:8.1f}")
    return times


if __name__ == "__main__":
    main()
