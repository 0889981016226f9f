"""What the hidden state of RL^2 holds, and how near its policy is to the Bayes-optimal policy.

RL^2 is trained on two Bernoulli arms. Its network never receives a posterior. Three numbers show
whether it computes one:

- After each pull, the posterior mean of each arm is predicted from the hidden state by linear
  regression. R^2 is the explained share of the variance, on tasks that the regression did not use.
- At each decision, KL(optimal || pi) compares its policy pi with the Bayes-optimal policy, which is
  uniform over the best arms. The unit is the nat.
- The agreement is the share of decisions at which the more probable arm of pi is a best arm.

Mikulik et al. 2020 ask the same questions about larger networks.

    python examples/looking_inside.py [PICTURE.png]
"""

import sys

import numpy as np

from metarl_min import training
from metarl_min.ceilings import bayes_optimal
from metarl_min.learners.rl2 import rl2
from metarl_min.mdps.policies import log_softmax
from metarl_min.memory import recurrent_agents, recurrent_policies
from metarl_min.tasks import play_trial
from metarl_min.tasks.bandits import bandit

PULLS, HIDDEN, ITERATIONS, TASKS = 10, 32, 1000, 4000


def play_trained(family, iterations):
    """Train RL^2, then play `TASKS` tasks. -> hidden states, log-probabilities, episodes

    hidden states [N + 1, M, H], log-probabilities of the arms [N, M, 2], episodes [M, N, 1]
    """
    learner = rl2(family, hidden=HIDDEN, iterations=max(iterations, 1))
    theta = training.train(learner, iterations, seed=0).theta
    tasks = family.sample(np.random.default_rng(0), TASKS)
    policy = recurrent_policies.gru(HIDDEN)
    agent = recurrent_agents.recording_agent(policy, theta, tasks.shape)
    episodes, memory = play_trial(np.random.default_rng(1), family, tasks, agent)
    record = recurrent_agents.record(memory)
    hidden_states = np.stack([memory.h_after for memory in record.policy_memories])
    return hidden_states, log_softmax(record.logits.astype(float)), episodes


def posterior_means(episodes):
    """Return the mean of each arm under the prior Beta(1, 1), after each pull. [M, N, 2]"""
    pulled = np.eye(2)[episodes.actions[..., 0]]
    wins = (pulled * episodes.rewards).cumsum(1)
    return (1 + wins) / (2 + pulled.cumsum(1))


def r_squared(x, y):
    """Return the share of the variance of y that a linear map of x explains. x [M, H], y [M, 2]

    The map is fitted on the first half of the tasks and judged on the second half.
    """
    x, half = np.column_stack([x, np.ones(len(x))]), len(x) // 2
    fit = np.linalg.lstsq(x[:half], y[:half], rcond=None)[0]
    errors, deviations = y[half:] - x[half:] @ fit, y[half:] - y[half:].mean(0)
    return 1 - np.sum(errors**2) / np.sum(deviations**2)


def optimal_policy(ceiling, episodes):
    """Return the policy that is uniform over the best arms, at each decision. [N, M, 2]"""
    M, N, _ = episodes.states.shape
    belief, policy = ceiling.start(M), []
    for t in range(N):
        state, action, reward = (x[:, t, 0] for x in episodes[:3])
        Q = ceiling.action_values(belief, state)
        best = (Q.max(-1, keepdims=True) - Q < 1e-9).astype(float)
        policy.append(best / best.sum(-1, keepdims=True))
        if t + 1 < N:
            belief = ceiling.observe(belief, state, action, reward, state)
    return np.stack(policy)


def measure(iterations=ITERATIONS):
    """Return R^2 after each pull, and KL and agreement at each decision. [N] each"""
    family = bandit(arms=2, pulls=PULLS)
    hidden_states, log_pi, episodes = play_trained(family, iterations)
    means = posterior_means(episodes)
    # The network observes the outcome of pull t when it decides on pull t + 1. It never observes
    # the outcome of the last pull.
    explained = [r_squared(hidden_states[t + 2], means[:, t]) for t in range(PULLS - 1)]
    best = optimal_policy(bayes_optimal.solve(family), episodes)
    kl = np.sum(best * (np.log(np.where(best > 0, best, 1)) - log_pi), -1).mean(-1)
    chosen = log_pi.argmax(-1)[..., None]
    agreement = (np.take_along_axis(best, chosen, -1) > 0).mean((1, 2))
    return np.array([*explained, np.nan]), kl, agreement


def draw(path, explained, kl, agreement):
    """Save the three curves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    pulls = np.arange(1, PULLS + 1)
    left.plot(pulls, explained, "o-", label="R² of the posterior means")
    left.plot(pulls, agreement, "s-", label="agreement with a best arm")
    left.set(title="hidden state and choice", ylabel="share", ylim=(0, 1.03))
    left.legend()
    right.plot(pulls, kl, "d-", color="C2")
    right.set(title="distance from the optimal policy", ylabel="KL(optimal || learned), nats")
    for axes in (left, right):
        axes.set(xlabel="pull", xticks=pulls)
    figure.savefig(path)


def main(path=None, iterations=ITERATIONS):
    """Print one line for each pull, and return the three rows."""
    rows = measure(iterations)
    print("pull  R^2 after it  KL at it  agreement")
    for t, (explained, kl, agreement) in enumerate(zip(*rows, strict=True), start=1):
        shown = f"{explained:.3f}" if t < PULLS else "-"  # the last outcome is not observed
        print(f"{t:4}  {shown:>12}  {kl:8.4f}  {agreement:9.3f}")
    if path:
        draw(path, *rows)
    return rows


if __name__ == "__main__":
    main(*sys.argv[1:2])
