"""Why RL^2 needs an entropy bonus: a deterministic local optimum, shown by the exact gradient.

There are two Bernoulli arms with Beta(1, 1) priors and five pulls. A trial is a sequence of five
pairs (arm, reward), so there are 4^5 trials. The network can be unrolled over all of them, and each
history h can be weighed by its probability P(h). So the gradient of the expected return is exact:

    dJ/dlogits(h) = P(h) pi(.|h) * Adv(h, .)

Noise therefore does not explain where the ascent ends. Without an entropy bonus the ascent ends at
a policy that chooses too early: after some history, pi of one arm is 0. Then the gradient is 0 too,
however large the advantage of this arm is. With a bonus that falls to 0, no arm has probability 0
before its advantage is known.

    python examples/local_optimum.py
"""

import itertools

import numpy as np

from metarl_min.basics import optimizers
from metarl_min.ceilings import bayes_optimal
from metarl_min.mdps.policies import log_softmax
from metarl_min.memory import actor_critic, recurrent_policies, recurrent_training
from metarl_min.tasks.bandits import bandit

N, HIDDEN, ITERATIONS = 5, 16, 400
TRIALS = np.array(list(itertools.product((0, 1), (0, 1), repeat=N))).reshape(-1, N, 2)
FIRST = [4 ** (N - t) * np.arange(4**t) for t in range(N)]  # the first trial with each history


def inputs():
    """Return what the network observes: state, last arm, last reward, start. [N, 4^N, 5]"""
    x = np.zeros((N, len(TRIALS), 5), np.float32)
    x[:, :, [0, 4]] = 1
    arms, rewards = TRIALS[:, :-1].transpose(2, 1, 0)
    x[1:, :, 1:3] = np.eye(2)[arms]
    x[1:, :, 3] = rewards
    return x


def posterior_means():
    """Return the posterior mean of each arm after each history of t steps. N arrays [4^t, 2]"""
    pulled = np.eye(2)[TRIALS[..., 0]]
    wins = pulled * TRIALS[..., 1:]
    pulls_before, wins_before = pulled.cumsum(1) - pulled, wins.cumsum(1) - wins
    means = (1 + wins_before) / (2 + pulls_before)
    return [means[FIRST[t], t] for t in range(N)]


X, MEANS = inputs(), posterior_means()


def exact(log_pi):
    """Return J, and P(h) and Adv(h, .) of each history. log_pi: N arrays [4^t, 2]"""
    V, advantages = np.zeros(4**N), []
    for t in range(N - 1, -1, -1):
        V_after, pi = V.reshape(-1, 2, 2), np.exp(log_pi[t])  # [history, arm, reward]
        Q = MEANS[t] * (1 + V_after[..., 1]) + (1 - MEANS[t]) * V_after[..., 0]
        V = np.sum(pi * Q, axis=-1)
        advantages.insert(0, Q - V[:, None])
    probability = [np.ones(1)]
    for t in range(N - 1):
        rewards = np.stack([1 - MEANS[t], MEANS[t]], axis=-1)
        step = np.exp(log_pi[t])[..., None] * rewards
        probability.append((probability[t][:, None, None] * step).ravel())
    return float(V[0]), probability, advantages


def logit_gradients(log_pi, probability, advantages, eta):
    """Return the exact gradient in the logits of each history, with and without the bonus.

    N arrays [4^t, 2] each
    """
    of_return, with_bonus = [], []
    for t in range(N):
        pi, P = np.exp(log_pi[t]), probability[t][:, None]
        negative_entropy = np.sum(pi * log_pi[t], -1, keepdims=True)
        of_return.append(P * pi * advantages[t])
        with_bonus.append(of_return[t] - eta * P * pi * (log_pi[t] - negative_entropy))
    return with_bonus, of_return


def ascend(entropy_weight, seed):
    """Return J, the greatest |dJ/dlogits| and the greatest advantage after an exact ascent.

    The bonus falls to 0 over the first half of the ascent, and the step size over all of it.
    """
    policy = recurrent_policies.gru(HIDDEN)
    theta = policy.init(np.random.default_rng(seed), 5, 2)
    moments = optimizers.adam(0.0).init(theta)
    for i in range(ITERATIONS + 1):
        memories, logits, values = recurrent_policies.unroll(policy, theta, X)
        log_pi = [log_softmax(logits[t][FIRST[t]].astype(float)) for t in range(N)]
        J, probability, advantages = exact(log_pi)
        _, eta = recurrent_training.schedule(0.0, entropy_weight, i / ITERATIONS)
        with_bonus, of_return = logit_gradients(log_pi, probability, advantages, eta)
        u = np.zeros_like(logits)
        for t in range(N):
            u[t, FIRST[t]] = with_bonus[t]
        g = recurrent_policies.gradient(policy, theta, X, memories, u, 0 * values)
        adam = optimizers.adam(0.02 * (1 - i / (ITERATIONS + 1)))
        theta, moments = adam.update(theta, moments, actor_critic.clip_norm(g, 1.0)[0])
    return J, max(abs(x).max() for x in of_return), max(x.max() for x in advantages)


def main(seeds=range(5)):
    """Print the score of the exact ascent without and with a bonus; return them. [2, seeds]"""
    ceiling = bayes_optimal.solve(bandit(arms=2, pulls=N))
    scores = []
    print("entropy  seed   score  greatest |dJ/dlogit|  greatest advantage of an arm not pulled")
    for entropy_weight in (0.0, 0.1):
        for seed in seeds:
            J, slope, advantage = ascend(entropy_weight, seed)
            scores.append((J - ceiling.random) / (ceiling.value - ceiling.random))
            print(f"{entropy_weight:7}  {seed:4}  {scores[-1]:.4f}  {slope:20.1e}  {advantage:.3f}")
    return np.reshape(scores, (2, -1))


if __name__ == "__main__":
    main()
