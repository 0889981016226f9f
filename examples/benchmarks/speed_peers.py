"""The workloads of speed.py as a user of PyTorch or JAX writes them.

Both frameworks run the same programs. The networks of W3 and W5 are evaluated once for each state,
and the surrogate of W3 is a sum over pairs of a state and an action, as in the library. W3 uses the
random numbers of the library, so both compute the same gradient. W4 and W5 have numbers of their
own, drawn once, and W4 ends with the gradient. The command

    python speed_peers.py torch W1 '{"tasks": 40, "steps": 3}'

serves one workload, as `speed_problems.serve` describes.
"""

import json
import sys
from functools import partial

import numpy as np
import speed_problems as problems
from speed_frameworks import FRAMEWORKS
from speed_problems import ARMS, GAMMA, RECURRENT_UNITS, SIGMA, START, A, S


def adapted(fw, J, alpha, num_steps, theta, num_tasks):
    """Return the parameters of every task after inner steps along the gradient of J."""
    phi = tuple(fw.xp.broadcast_to(x, (num_tasks, *x.shape)) for x in theta)
    for _ in range(num_steps):
        g = fw.grad(J, True)(phi)
        phi = tuple(x + alpha * y for x, y in zip(phi, g, strict=True))
    return phi


def summed_returns(fw, transition, paid, initial, horizon, phi):
    """Return the expected returns of the softmax policies of all tasks, summed."""
    probs = fw.softmax(phi[0])
    r = (probs * paid).sum(-1)
    if horizon == 1:
        return (r @ initial).sum()
    matrix = GAMMA * (probs[..., None, :] @ transition)[..., 0, :]
    if horizon is None:
        left = fw.xp.eye(S, dtype=matrix.dtype) - matrix
        return (fw.xp.linalg.solve(left, r[..., None])[..., 0] @ initial).sum()
    V = fw.repeat(lambda V: r + (matrix @ V[..., None])[..., 0], r, horizon - 1)
    return (V @ initial).sum()


def exact(name, fw, size):
    """Return the objective of W1, W2 or W2 with a solve, and the start."""
    M, horizon = size["tasks"], 1 if name == "W1" else size.get("horizon")
    if name == "W1":
        transition, paid = np.ones((1, 1, ARMS, 1)), problems.arm_means(M)[:, None]
        theta = np.zeros((1, ARMS))
    else:
        transition, reward = problems.grids(M)
        paid, theta = (transition * reward).sum(-1), problems.table()
    initial = np.full(len(theta), 1 / len(theta))
    J = partial(summed_returns, fw, *map(fw.array, (transition, paid, initial)), horizon)

    def F(theta):
        return J(adapted(fw, J, problems.ALPHA[name], size["steps"], theta, M)) / M

    return F, (theta,)


def probabilities(fw, phi):
    """Return the policy of a network with one hidden layer, for all states."""
    W1, b1, W2, b2 = phi
    return fw.softmax(fw.xp.tanh(W1 + b1[..., None, :]) @ W2 + b2[..., None, :])


def rollout(fw, probs, u, first):
    """Play policies by inversion; `first` is S times the policy. u [T, B] -> pairs [T, B]"""
    below = fw.constant(probs).reshape(-1, A).cumsum(-1)[:, :-1]
    cells = fw.array(problems.next_cells().ravel())

    def step(state, x):
        row = first + state
        pair = row * A + (x[0][:, None] >= below[row]).sum(-1)
        return cells[pair % (S * A)], (pair,)

    return fw.scan(step, 0 * first + START, (u,))[0]


def surrogate(fw, pairs, Adv, phi):
    """Return the sum of Adv log pi over all steps."""
    probs = probabilities(fw, phi)
    size = int(np.prod(probs.shape))
    C = fw.sums(pairs.reshape(-1), Adv.reshape(-1), size).reshape(probs.shape)
    return (C * fw.xp.log(probs)).sum()


def to_go(fw, gamma, r):
    """Return the discounted sum of the rewards from each step on. [T, B] -> [T, B]"""
    ahead = np.arange(len(r)) - np.arange(len(r))[:, None]
    return fw.array(np.where(ahead < 0, 0.0, gamma ** ahead.clip(0.0))) @ r


def rewards_of_goals(goals):
    """Return the reward of each pair of each task. -> [M, S, A]"""
    return np.where(problems.next_cells() == goals[:, None, None], 1.0, -0.1)


def maml(fw, size):
    """Return the objective of W3, a trial of two stages with the score term, and the start."""
    M, N, T, rng = size["tasks"], size["episodes"], size["horizon"], np.random.default_rng(1)
    goals = np.delete(np.arange(S), START)[rng.choice(S - 1, M, p=np.full(S - 1, 1 / (S - 1)))]
    paid = fw.array(rewards_of_goals(goals).ravel())
    # The library draws the first states too, although only one is possible.
    u = [fw.array(rng.random((T + 1, M * N))[1:]) for _ in range(2)]
    first = fw.array(np.repeat(np.arange(M) * S, N))

    def stage(phi, u):
        pairs = rollout(fw, probabilities(fw, phi), u, first)
        return pairs, paid[pairs].reshape(T, M, N)

    def returns(gamma, r):
        return to_go(fw, gamma, r.reshape(T, -1)).reshape(T, M, N)

    def advantages(X):
        return (X - X.mean(1)[:, None]) * (M / (M - 1))

    def F(theta):
        shared = tuple(fw.xp.broadcast_to(x, (M, *x.shape)) for x in theta)
        pairs, r = stage(shared, u[0])
        W = returns(GAMMA, r)
        J = partial(surrogate, fw, pairs, (W - W.mean(2)[..., None]) / N)
        phi = adapted(fw, J, problems.ALPHA["W3"], 1, theta, M)
        new_pairs, new_r = stage(phi, u[1])
        X = returns(1.0, r) + new_r.sum((0, 2))[:, None]
        L = surrogate(fw, pairs, advantages(X), shared)
        return (L + surrogate(fw, new_pairs, advantages(returns(1.0, new_r)), phi)) / M

    return F, tuple(problems.network().values())


def gru_step(fw, params, h, x):
    """Return the next hidden state of a GRU, and the logits and the value."""
    W, b, U, c, U_heads, c_heads = params
    H, y, w = RECURRENT_UNITS, x @ W + b, h @ U
    gates = 0.5 * (fw.xp.tanh(0.5 * (y[:, : 2 * H] + w[:, : 2 * H])) + 1)
    n = fw.xp.tanh(y[:, 2 * H :] + gates[:, :H] * (w[:, 2 * H :] + c))
    h = n + gates[:, H:] * (h - n)
    out = h @ U_heads + c_heads
    return h, out[:, :ARMS], out[:, ARMS]


def recurrent(fw, size):
    """Return the objective of W4, one trial of an actor-critic with a GRU, and the start."""
    M, T, H, rng = size["tasks"], size["horizon"], RECURRENT_UNITS, np.random.default_rng(1)
    shapes = (ARMS + 3, 3 * H), (3 * H,), (H, 3 * H), (H,), (H, ARMS + 1), (ARMS + 1,)
    theta = tuple(rng.standard_normal(shape) / np.sqrt(H) for shape in shapes)
    means, arms, ones = fw.array(rng.random((M, ARMS))), fw.array(np.arange(ARMS)), np.ones((M, 1))
    u, v, one = fw.array(rng.random((T, M))), fw.array(rng.random((T, M))), fw.array(ones)

    def F(params):
        def step(carry, x):
            h, z, value = gru_step(fw, params, *carry)
            below = fw.softmax(fw.constant(z)).cumsum(-1)[:, :-1]
            taken = (x[0][:, None] >= below).sum(-1)[:, None] == arms
            r = 1.0 * (x[1] < (means * taken).sum(-1))
            inputs = fw.xp.concatenate([one, one * taken, r[:, None], one], -1)
            return (h, inputs), (z, value, taken, r)

        before = fw.array(np.zeros((M, H))), fw.array(np.zeros((M, ARMS + 3)))
        z, V, taken, r = fw.scan(step, before, (u, v))
        old = fw.constant(V)
        delta = r - old + fw.xp.concatenate([old[1:], 0 * old[:1]], 0)
        Adv = to_go(fw, 0.9, delta)
        log_pi = fw.xp.log(fw.softmax(z))
        entropy = -(fw.softmax(z) * log_pi).sum(-1)
        f = (log_pi * taken).sum(-1) * Adv + 0.15 * entropy - (Adv + old - V) ** 2 / 4
        return f.mean()

    return F, theta


def evolution(fw, size):
    """Return the generation of W5, and the start: perturb, play, rank, estimate the gradient."""
    M, P, rng = size["tasks"], size["population"], np.random.default_rng(1)
    u = fw.array(np.tile(rng.random((size["horizon"], M)), P))
    first, task = fw.array(np.repeat(np.arange(P) * S, M)), np.tile(np.arange(M) * S * A, P)
    goals, task = rng.integers(S - 1, size=M), fw.array(task)
    paid = fw.array(rewards_of_goals(goals).ravel())

    def g(theta, e):
        members = [fw.xp.concatenate([x + SIGMA * y, x - SIGMA * y], 0)
                   for x, y in zip(theta, e, strict=True)]  # fmt: skip
        pairs = rollout(fw, probabilities(fw, members), u, first)
        F = paid[task + pairs % (S * A)].sum(0).reshape(P, M).mean(1)
        ranks = 1.0 * F.argsort().argsort() / (P - 1) - 0.5
        weights = 1.0 * (ranks[: P // 2] - ranks[P // 2 :])
        weights = weights.reshape(1, -1) / (P * SIGMA)
        return tuple(weights @ y.reshape(P // 2, -1) for y in e)

    return g, tuple(problems.network().values())


def workload(framework, name, size):
    """Return the step of a workload; a step returns the gradient, all leaves in a row."""
    fw = FRAMEWORKS[framework]("float32" if name in ("W4", "W5") else "float64")
    if name == "W5":
        g, theta = evolution(fw, size)
    else:
        sampled = {"W3": maml, "W4": recurrent}
        F, theta = sampled.get(name, partial(exact, name))(fw, size)
        g = fw.grad(F, False)
    theta, g = tuple(fw.array(x) for x in theta), fw.compiled(g)
    rng = np.random.default_rng(2)
    halves = [(size["population"] // 2, *x.shape) for x in theta] if name == "W5" else []
    e = tuple(fw.array(rng.standard_normal(shape)) for shape in halves)
    if framework == "torch" and name != "W5":
        theta = tuple(x.requires_grad_() for x in theta)
    order = [0, 2, 1, 3] if name == "W3" else range(len(theta))  # W1, W2, b1, b2: by name

    def step():
        leaves = g(theta, e) if name == "W5" else g(theta)
        return np.concatenate([np.asarray(leaves[i]).ravel() for i in order])

    return step


if __name__ == "__main__":
    problems.serve(workload(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
