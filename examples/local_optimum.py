"""Why RL^2 needs an entropy bonus: a deterministic local optimum, by the exact gradient.

Two Bernoulli arms with Beta(1, 1) priors, five pulls. There are 4^5 trials of (arm, reward), few
enough to feed them all to the network, each history h weighed by its probability. So the gradient
of the expected return is exact,

    dJ/dlogits(h) = P(h) pi(.|h) o A(h, .),

and what stops the ascent is no noise. Without an entropy bonus it ends in a policy that commits too
early: pi of the other arm is 0, and so is the gradient, whatever the advantage. With a bonus that
falls to zero no arm is given up before it is understood.

    python examples/local_optimum.py
"""

import itertools

import numpy as np

from metarl_min import tasks
from metarl_min.basics import optimizers
from metarl_min.ceilings import bayes_optimal
from metarl_min.mdps.policies import log_softmax
from metarl_min.memory import actor_critic, recurrent_policies

N, HIDDEN, ITERATIONS = 5, 16, 400
TRIALS = np.array(list(itertools.product((0, 1), (0, 1), repeat=N))).reshape(-1, N, 2)
FIRST = [4 ** (N - t) * np.arange(4**t) for t in range(N)]  # one trial for each history


def inputs():
    """What the network sees: state, previous arm, previous reward, start. [N, 4^N, 5]"""
    x = np.zeros((N, len(TRIALS), 5), np.float32)
    x[:, :, [0, 4]] = 1
    arms, paid = TRIALS[:, :-1].transpose(2, 1, 0)
    x[1:, :, 1:3] = np.eye(2)[arms]
    x[1:, :, 3] = paid
    return x


def win_chances():
    """Posterior mean of each arm after each history of t steps. N arrays [4^t, 2]"""
    pulled = np.eye(2)[TRIALS[..., 0]]
    wins = pulled * TRIALS[..., 1:]
    before = [x.cumsum(1) - x for x in (pulled, wins)]
    return [((1 + before[1]) / (2 + before[0]))[FIRST[t], t] for t in range(N)]


X, P = inputs(), win_chances()


def exact(log_pi):
    """Expected return, and P(h) and A(h, .) of each history. log_pi: N arrays [4^t, 2]"""
    V, reach, A = np.zeros(4**N), [np.ones(1)], []
    for t in range(N - 1, -1, -1):
        later, pi = V.reshape(-1, 2, 2), np.exp(log_pi[t])  # [history, arm, reward]
        Q = P[t] * (1 + later[..., 1]) + (1 - P[t]) * later[..., 0]
        V = np.sum(pi * Q, axis=-1)
        A.insert(0, Q - V[:, None])
    for t in range(N - 1):
        paid = np.stack([1 - P[t], P[t]], axis=-1)
        reach.append((reach[t][:, None, None] * np.exp(log_pi[t])[..., None] * paid).ravel())
    return float(V[0]), reach, A


def ascend(entropy, seed):
    """Exact ascent from a random network: expected return, greatest |dJ/dlogits|, lost advantage.

    The bonus falls to zero over the first half, the step size over all iterations.
    """
    policy = recurrent_policies.recurrent("gru", HIDDEN)
    theta = policy.init(np.random.default_rng(seed), 5, 2)
    moments = optimizers.adam(0.0).init(theta)
    for i in range(ITERATIONS + 1):
        memories, logits, values = recurrent_policies.unroll(policy, theta, X)
        log_pi = [log_softmax(logits[t][FIRST[t]].astype(float)) for t in range(N)]
        J, reach, A = exact(log_pi)
        eta, u = entropy * max(0.0, 1 - 2 * i / ITERATIONS), np.zeros_like(logits)
        pulls = [reach[t][:, None] * np.exp(log_pi[t]) * A[t] for t in range(N)]
        for t in range(N):
            pi, spread = np.exp(log_pi[t]), np.sum(np.exp(log_pi[t]) * log_pi[t], -1, keepdims=True)
            u[t, FIRST[t]] = pulls[t] - eta * reach[t][:, None] * pi * (log_pi[t] - spread)
        g = recurrent_policies.gradient(policy, theta, X, memories, u, 0 * values)
        adam = optimizers.adam(0.02 * (1 - i / (ITERATIONS + 1)))
        theta, moments = adam.update(theta, moments, actor_critic.clip_norm(g, 1.0))
    return J, max(abs(x).max() for x in pulls), max(x.max() for x in A)


def main(seeds=range(5)):
    """Print the score of exact ascent without and with a bonus; return them. [2, seeds]"""
    family = tasks.make("bandit", {"arms": "2", "pulls": str(N), "prior": "1,1"})
    ceiling, scores = bayes_optimal.solve(family), []
    print("entropy  seed   score  greatest |dJ/dlogit|  greatest advantage of an arm not pulled")
    for entropy in (0.0, 0.1):
        for seed in seeds:
            J, slope, lost = ascend(entropy, seed)
            scores.append((J - ceiling.random) / (ceiling.value - ceiling.random))
            print(f"{entropy:7}  {seed:4}  {scores[-1]:.4f}  {slope:20.1e}  {lost:.3f}")
    return np.reshape(scores, (2, -1))


if __name__ == "__main__":
    main()
