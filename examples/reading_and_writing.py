"""How an external memory is used: the rows that a trained policy writes and reads in one trial.

The tasks are contextual bandits. Each step shows a cue, and for each cue one of two arms pays 1. A
policy that remembers which arm paid for a cue earns 1 at each later meeting with this cue. A policy
without a memory earns 1/2 at each step. A small network with an external memory is trained on these
tasks. Then one trial of it is printed.

    python examples/reading_and_writing.py [PICTURE.png]
"""

import sys

import numpy as np

from metarl_min import training
from metarl_min.learners.mann import mann
from metarl_min.memory import external_memory, recurrent_agents
from metarl_min.tasks import play_trial
from metarl_min.tasks.bandits import contextual

CUES, STEPS, HIDDEN, ITERATIONS, TASKS = 3, 12, 16, 600, 1000


def play_trained(iterations):
    """Train on the family, then play it. -> episodes [M, STEPS, 1], memories [STEPS + 1]"""
    family = contextual(cues=CUES, pulls=STEPS)
    learner = mann(family, hidden=HIDDEN, iterations=max(1, iterations), num_tasks=128)
    state = training.train(learner, iterations, seed=0)
    tasks = family.sample(np.random.default_rng(0), TASKS)
    policy = external_memory.policy(HIDDEN)
    agent = recurrent_agents.recording_agent(policy, state.theta, tasks.shape)
    episodes, memory = play_trial(np.random.default_rng(1), family, tasks, agent)
    return episodes, recurrent_agents.record(memory).policy_memories


def rewards_by_meeting(cues, rewards):
    """Return the mean reward at the first, second, .. meeting with a cue. [M, STEPS] each -> [4]"""
    earlier = np.zeros(cues.shape, int)  # how often the cue was met before
    for t in range(STEPS):
        earlier[:, t] = (cues[:, :t] == cues[:, t : t + 1]).sum(-1)
    return np.array([rewards[earlier == k].mean() for k in range(4)])


def rows_used(memories):
    """Return how far each row moved and with which weight it was read, for the first task.

    [STEPS, rows] each
    """
    addresses = np.stack([memory.addresses[0] for memory in memories])
    reading = np.stack([memory.reading[0] for memory in memories[1:]])
    return np.linalg.norm(addresses[1:] - addresses[:-1], axis=-1), reading


def draw(path, trial, moved, reading):
    """Save two maps, of the rows that are written and read at each step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.4), dpi=120, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    upper.set(title="written: distance by which each row moved", ylabel="row")
    lower.set(title="read: weight of each row", ylabel="row")
    for axes, values in ((upper, moved), (lower, reading)):
        image = axes.imshow(values.T, aspect="auto", cmap="Blues", vmin=0)
        figure.colorbar(image, ax=axes)
    labels = [f"cue {cue}\narm {arm}\n{reward:+.0f}" for cue, arm, reward in trial]
    lower.set_xticks(range(STEPS), labels, fontsize="small")
    figure.savefig(path)


def main(path=None, iterations=ITERATIONS):
    """Print the mean reward at the k-th meeting with a cue, and one trial; return the former."""
    episodes, memories = play_trained(iterations)
    cues, arms, rewards = (
        episodes.states[..., 0],
        episodes.actions[..., 0],
        episodes.rewards[..., 0],
    )
    by_meeting = rewards_by_meeting(cues, rewards)
    for k, mean in enumerate(by_meeting, start=1):
        print(f"meeting {k} with a cue: mean reward {mean:.3f}")
    moved, reading = rows_used(memories)
    trial = list(zip(cues[0], arms[0], rewards[0], strict=True))
    print("\nstep  cue  arm  reward  row read (weight)  row written")
    for t, (cue, arm, reward) in enumerate(trial):
        row, weight = reading[t].argmax(), reading[t].max()
        written = moved[t].argmax()
        print(f"{t + 1:4}  {cue:3}  {arm:3}  {reward:6.0f}  {row:8} ({weight:.2f})  {written:11}")
    if path:
        draw(path, trial, moved, reading)
    return by_meeting


if __name__ == "__main__":
    main(*sys.argv[1:2])
