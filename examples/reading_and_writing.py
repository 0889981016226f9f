"""What an external memory is used for: the rows that it writes and reads over one trial.

A contextual bandit: at each step a cue, and for each cue one of two arms pays. Whoever remembers
what a cue paid earns 1 a step from then on; a policy without a memory earns 1/2 for ever. A small
network with an external memory is trained on it, then watched.

    python examples/reading_and_writing.py [PICTURE.png]
"""

import sys

import numpy as np

from metarl_min import learners, tasks, training
from metarl_min.mdps import rollouts
from metarl_min.memory import external_memory, recurrent_agents

CUES, STEPS, HIDDEN, ITERATIONS, TASKS = 3, 12, 16, 600, 1000


def measure(iterations=ITERATIONS):
    """Mean reward by how often the cue was met, and one trial: cues, arms, rewards, memories."""
    family = tasks.make("contextual", {"cues": str(CUES), "pulls": str(STEPS)})
    words = {"hidden": str(HIDDEN), "iterations": str(max(1, iterations)), "num_tasks": "128"}
    learner = learners.make("mann", words)
    state = training.train(learner, family, iterations=iterations, seed=0)
    batch, record = (
        family.sample(np.random.default_rng(0), TASKS),
        recurrent_agents.Trace([], [], [], []),
    )
    policy = external_memory.policy(HIDDEN)
    player = recurrent_agents.agent(policy, state.theta, batch.shape, False, record)
    sampler = rollouts.sampler(batch, family.reward_noise)
    episodes = rollouts.play(np.random.default_rng(1), sampler, player, STEPS, 1)
    cues, arms, paid = (x[:, :, 0] for x in episodes[:3])
    met = np.array(
        [[(cues[m, :t] == cues[m, t]).sum() for t in range(STEPS)] for m in range(TASKS)]
    )
    by_meeting = np.array([paid[met == k].mean() for k in range(4)])
    return by_meeting, (cues[0], arms[0], paid[0], record.memories)


def weights(memories):
    """Where the first task was read at each step, and what its rows gained. [STEPS, rows] each"""
    reading = np.stack([memory.reading[0] for memory in memories[1:]])
    rows = np.stack([memory.keys[0] for memory in memories])
    return reading, np.linalg.norm(rows[1:] - rows[:-1], axis=-1)


def draw(path, trial):
    """Save two maps: rows over time."""
    from matplotlib.figure import Figure

    cues, arms, paid, memories = trial
    figure = Figure(figsize=(8, 4.4), dpi=120, layout="constrained")
    for axes, shown, title in zip(
        figure.subplots(2, 1, sharex=True), weights(memories)[::-1],
        ("written: how far each row moved", "read: the weight of each row"), strict=True,
    ):  # fmt: skip
        image = axes.imshow(shown.T, aspect="auto", cmap="Blues", vmin=0)
        figure.colorbar(image, ax=axes)
        axes.set(title=title, ylabel="row")
    labels = [f"cue {c}\narm {a}\n{r:+.0f}" for c, a, r in zip(cues, arms, paid, strict=True)]
    axes.set_xticks(range(STEPS), labels, fontsize="small")
    figure.savefig(path)


def main(path=None, iterations=ITERATIONS):
    """Print the mean reward at the k-th meeting with a cue, and one trial; return the former."""
    by_meeting, trial = measure(iterations)
    for k, mean in enumerate(by_meeting, start=1):
        print(f"meeting {k} with a cue: mean reward {mean:.3f}")
    reading, moved = weights(trial[-1])
    print("\nstep  cue  arm  reward  row read (weight)  row written")
    for t, (cue, arm, paid) in enumerate(zip(*trial[:3], strict=True)):
        read, wrote = reading[t].argmax(), moved[t].argmax()
        print(f"{t + 1:4}  {cue:3}  {arm:3}  {paid:6.0f}  {read:8} ({reading[t].max():.2f})"
              f"  {wrote:11}")  # fmt: skip
    if path:
        draw(path, trial)
    return by_meeting


if __name__ == "__main__":
    main(*sys.argv[1:2])
