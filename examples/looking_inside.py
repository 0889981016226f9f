"""What the hidden state of RL^2 knows, and how near its policy is to the Bayes-optimal one.

Trained on two Bernoulli arms, the network was never told of posteriors. After each pull the
posterior mean of each arm is regressed on its hidden state: R^2, on tasks that the regression has
not seen. At each decision its policy pi is set against the Bayes-optimal one, uniform over the best
arms of the history: KL(optimal || pi) in nats, and how often the more probable arm of pi is among
the best (Mikulik et al. 2020 ask the same of larger networks).

    python examples/looking_inside.py [PICTURE.png]
"""

import sys

import numpy as np

from metarl_min import learners, tasks, training
from metarl_min.ceilings import bayes_optimal
from metarl_min.mdps import rollouts
from metarl_min.mdps.policies import log_softmax
from metarl_min.memory import recurrent_agents

PULLS, ITERATIONS, TASKS = 10, 1000, 4000


def watch(learner, state, family, batch):
    """Hidden states and log-probabilities of every step of a trial, and what happened."""
    network = learner.step.keywords["rules"].network
    hidden, record = len(state.theta["U"]), recurrent_agents.Trace([], [], [], [])
    player = recurrent_agents.agent(network(hidden), state.theta, batch.shape, False, record)
    tables = rollouts.sampler(batch, family.reward_noise)
    episodes = rollouts.play(np.random.default_rng(1), tables, player, family.num_episodes, 1)
    known = np.stack([memory.h for memory in record.memories])
    return known, log_softmax(np.stack(record.logits).astype(float)), episodes


def posterior_means(episodes):
    """Of each arm under Beta(1, 1), after each pull. [M, N, 2]"""
    pulled = np.eye(2)[episodes.actions[..., 0]]
    wins = (pulled * episodes.rewards).cumsum(1)
    return (1 + wins) / (2 + pulled.cumsum(1))


def r_squared(x, y):
    """Share of the variance of y that a linear map of x explains, on the half it was not fitted to.

    x [M, H], y [M, K]
    """
    x, half = np.column_stack([x, np.ones(len(x))]), len(x) // 2
    fit = np.linalg.lstsq(x[:half], y[:half], rcond=None)[0]
    left, spread = y[half:] - x[half:] @ fit, y[half:] - y[half:].mean(0)
    return 1 - np.sum(left**2) / np.sum(spread**2)


def optimal_policy(ceiling, episodes):
    """Uniform over the best arms, at each decision. [N, M, 2]"""
    M, N, _ = episodes.states.shape
    belief, found = ceiling.start(M), []
    for t in range(N):
        state, action, reward = (x[:, t, 0] for x in episodes[:3])
        Q = ceiling.action_values(belief, state)
        best = (Q.max(-1, keepdims=True) - Q < 1e-9).astype(float)
        found.append(best / best.sum(-1, keepdims=True))
        if t + 1 < N:
            belief = ceiling.observe(belief, state, action, reward, state)
    return np.stack(found)


def measure(iterations=ITERATIONS):
    """R^2 after each pull; KL and agreement at each decision. [3, N]"""
    family = tasks.make("bandit", {"arms": "2", "pulls": str(PULLS), "prior": "1,1"})
    learner = learners.make("rl2", {"iterations": str(max(iterations, 1))})
    state = training.train(learner, family, iterations=iterations, seed=0)
    batch = family.sample(np.random.default_rng(0), TASKS)
    memories, log_pi, episodes = watch(learner, state, family, batch)
    means = posterior_means(episodes)
    # the network sees the outcome of pull t as it decides on t + 1: after the last it sees nothing
    known = [r_squared(memories[t + 2], means[:, t]) for t in range(PULLS - 1)]
    best = optimal_policy(bayes_optimal.solve(family), episodes)
    kl = np.sum(best * (np.log(np.where(best > 0, best, 1)) - log_pi), -1).mean(-1)
    chosen = log_pi.argmax(-1)[..., None]
    agreement = (np.take_along_axis(best, chosen, -1) > 0).mean((1, 2))
    return np.array([*known, np.nan]), kl, agreement


def draw(path, found):
    """Save the three curves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    pulls = np.arange(1, PULLS + 1)
    left.plot(pulls, found[0], "o-", label="R² of the posterior means")
    left.plot(pulls, found[2], "s-", label="agreement with the optimal arm")
    left.set(xlabel="pull", ylim=(0, 1.03), xticks=pulls)
    left.legend()
    right.plot(pulls, found[1], "d-", color="C2")
    right.set(xlabel="pull", ylabel="KL(optimal || learned), nats", xticks=pulls)
    figure.savefig(path)


def main(path=None, iterations=ITERATIONS):
    """Print one line for each pull and return the three rows."""
    found = measure(iterations)
    print("pull  R^2 after it  KL at it  agreement")
    for t, (known, kl, agreement) in enumerate(zip(*found, strict=True), start=1):
        shown = f"{known:.3f}" if t < PULLS else "-"  # after the last pull it sees nothing
        print(f"{t:4}  {shown:>12}  {kl:8.4f}  {agreement:9.3f}")
    if path:
        draw(path, found)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
