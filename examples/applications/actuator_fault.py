# %% [markdown]
# # Which actuator of this robot is broken?
#
# A robot arm puts parts into a machine. Its base and its wrist turn in quarter turns, all the way
# round, so the arm has 4 x 4 poses. There are five commands: base forwards, base backwards, wrist
# forwards, wrist backwards, hold. For each part the arm starts folded in pose (0, 0). It must bring
# the part to the pose (1, 1) and hold it there. An episode is one part and six commands. The reward
# is 1 for each step that ends in the pose (1, 1), so the unit of a return is steps of work.
#
# The healthy arm needs two commands to reach the pose, and the second one ends there. So it works 5
# steps for each part. But in the night, a drive or the wires of a joint may have broken. Nobody
# names the fault, and the arm sees only the poses to which its commands lead. The mechanic comes
# after four parts, and the fault stays until then. So the fault is the same in all four episodes
# of a trial.
#
# ## The family
#
# There are eleven candidates. **Their probabilities are invented**. A factory would take the
# numbers from its own repairs. A drive is the motor of one joint in one direction.
#
# - Healthy: probability 0.2.
# - A drive is dead: its command does nothing. Four drives, 0.1 each.
# - A drive is weak: its command works half of the time. Four drives, 0.05 each.
# - The wires of a joint are exchanged: forwards is backwards. Two joints, 0.1 each.
#
# With a dead drive, the joint must make three quarter turns in the other direction instead of one.
# A command that did nothing tells which drive is faulty, but not whether the drive is dead or weak.

# %%
from functools import partial

import numpy as np

from metarl_min.baselines import act_by, learner_of_agent, posterior_sampling, random_argmax
from metarl_min.basics.arguments import whole
from metarl_min.cli.budgets import Budget
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import family_of_candidates

POSES, WORK = 4, (1, 1)  # poses of a joint; the pose (base, wrist) in which the arm works
MOVES = ((1, 0), (-1, 0), (0, 1), (0, -1), (0, 0))  # change of (base, wrist) by each command
WEAK = 0.5  # probability that the command of a weak drive works
CHANCES = np.array([0.2] + 4 * [0.1] + 4 * [0.05] + 2 * [0.1])


def healthy_arm():
    """Return P(s'|s,a) of the healthy arm. [S, A, S]"""
    base, wrist = np.divmod(np.arange(POSES**2), POSES)
    after = [(base + i) % POSES * POSES + (wrist + j) % POSES for i, j in MOVES]
    return np.eye(POSES**2)[np.stack(after, axis=1)]


def arms():
    """Return P(s'|s,a) of the healthy arm, and of the arm with each fault. [G, S, A, S]"""
    healthy, stays = healthy_arm(), np.eye(POSES**2)
    found = [healthy]
    for works in (0.0, WEAK):  # dead drives, then weak drives
        for drive in range(4):
            arm = healthy.copy()
            arm[:, drive] = works * healthy[:, drive] + (1 - works) * stays
            found.append(arm)
    found += [healthy[:, [1, 0, 2, 3, 4]], healthy[:, [0, 1, 3, 2, 4]]]  # exchanged wires
    return np.stack(found)


def actuator_fault(*, parts: int = 4, commands: int = 6):
    """Return a robot arm with one hidden fault, or none.

    parts     parts before the mechanic comes, the episodes of a trial
    commands  commands for each part
    """
    start = np.eye(POSES**2)[0]
    works = np.eye(POSES**2)[WORK[0] * POSES + WORK[1]]
    return family_of_candidates(
        name="actuator_fault",
        parameters={"parts": parts, "commands": commands},
        mdps=MDP(initial=start[None], transition=arms(), reward=works[None, None, None]),
        weights=CHANCES,
        horizon=whole("commands", commands),
        num_episodes=whole("parts", parts),
        noise=rollouts.deterministic,
    )


# %% [markdown]
# The ceiling is exact. The number of different beliefs is small, because the order of the commands
# does not change a belief (`ceilings/belief_vectors`).
#
# ```
# python -m metarl_min ceiling examples/applications/actuator_fault.py:actuator_fault
# python -m metarl_min compare --tasks examples/applications/actuator_fault.py:actuator_fault
# ```
#
# The second command trains every learner with the short budgets of the main job. With these
# budgets, rl2 has only begun to learn.
#
# ## Who plays
#
# The Bayes-optimal player, the random player and three others are not trained. `nominal` is the
# program of the healthy arm: it looks at the pose before each command, but it learns nothing from
# the effect of a command. `psrl` and `qmdp` have the list of faults with its probabilities, and a
# model of each fault. `psrl` draws one fault from the posterior before each part, and plans for
# this fault. `qmdp` computes the posterior after each command. It values each command as if the
# next step told it the fault, averages this value over the faults, and chooses the best command.
#
# The learners do not have the list. In training they command simulated arms, whose faults are drawn
# with the same probabilities, and see only poses and rewards. All learners of the library can play
# this family.


# %%
def choose_as_healthy(rng, memory, states, models):
    """Choose the best command of the healthy arm, which is candidate 0. [M]

    The memory holds a posterior too, but only its number of steps is used.
    """
    return random_argmax(rng, models.action_values[0, memory.step, states], models.tolerance)


def nominal(family):
    """Return the program of the healthy arm."""
    models = posterior_sampling.candidate_models(family)
    act = partial(act_by, choose=partial(choose_as_healthy, models=models))
    agent = posterior_sampling.sampling_agent(models)._replace(act=act)
    return learner_of_agent(family, agent)


PLAYERS = {"nominal": nominal}

# The step size of the inner steps was chosen among 4 and 8 with a seed that is not used below.
INNER = {"alpha": "8"}
ASCENT = {"num_tasks": "200", "beta": "0.1"}
LEARNERS = {
    "maml": Budget(300, {**INNER, **ASCENT}),
    "fomaml": Budget(300, {**INNER, **ASCENT}),
    "reptile": Budget(300, {**INNER, **ASCENT}),
    "meta_sgd": Budget(300, {**INNER, **ASCENT}),
    "rl2": Budget(600),
    "mann": Budget(400),
    "es": Budget(300, {"beta": "0.1"}),
    "ga": Budget(100),
    "es_maml": Budget(200, {**INNER, "beta": "0.1"}),
    "evolved_rule": Budget(150, {"beta": "0.1"}),
}
FAMILY = actuator_fault
EPISODES, FIRST = (1, 2, 3, 4), 1  # columns of the table; "after 1" sums parts 2 to 4
CURVES = {  # lines of the picture and their labels
    "bayes_optimal": "Bayes-optimal",
    "rl2": "rl2",
    "qmdp": "qmdp, knows the list of faults",
    "psrl": "psrl, knows the list of faults",
    "maml": "maml",
    "nominal": "program of the healthy arm",
    "maml untrained": "maml, untrained control",
}
AXES = {
    "title": "A robot arm with a hidden fault",
    "xlabel": "part",
    "ylabel": "steps of work for each part",
}


# %% [markdown]
# ## Results
#
# The score is 0 for the random player and 1 for the Bayes-optimal player. Each learner was trained
# with five seeds, and each seed was scored on 500 fresh arms. The row of a learner shows the range
# of these scores, and its median seed on 10,000 fresh arms. The 500 arms are the same for all
# learners, and they are a little easier than the 10,000, so a score of the range may be above 1.
# The column `untrained` is the score without meta-training. `ep 1` is the mean return of the first
# part, and `after 1` is the sum over parts 2 to 4.
#
# ```
#                return   score         5 seeds  untrained  ep 1  ep 2  ep 3  ep 4  after 1
# maml            14.58   0.833  0.828 .. 0.849      0.157  3.06  3.67  3.88  3.97    11.52
# fomaml          14.49   0.827  0.815 .. 0.842      0.157  3.08  3.65  3.84  3.92    11.41
# reptile         14.01   0.797  0.801 .. 0.814      0.157  3.51  3.50  3.50  3.49    10.50
# meta_sgd        14.74   0.843  0.841 .. 0.858      0.157  3.02  3.67  3.95  4.10    11.72
# rl2             17.15   0.992  0.996 .. 1.002      0.000  3.83  4.44  4.44  4.44    13.32
# mann            17.14   0.991  0.992 .. 1.001      0.000  3.82  4.44  4.44  4.44    13.32
# es              14.03   0.799  0.812 .. 0.814      0.001  3.51  3.51  3.51  3.50    10.52
# ga              14.01   0.797  0.810 .. 0.812     -0.022  3.50  3.51  3.50  3.50    10.50
# es_maml         14.21   0.810  0.799 .. 0.841      0.157  2.97  3.55  3.77  3.91    11.24
# evolved_rule     2.71   0.096  0.098 .. 0.107      0.008  0.40  0.49  0.71  1.12     2.32
# bayes_optimal   17.27   1.000                             3.82  4.45  4.49  4.50    13.45
# random           1.15  -0.001                             0.29  0.28  0.29  0.29     0.86
# psrl            15.13   0.866                             2.10  4.28  4.36  4.39    13.03
# nominal         11.62   0.649                             2.91  2.90  2.91  2.91     8.71
# qmdp            17.18   0.994                             3.85  4.44  4.45  4.45    13.33
# ```
#
# ![steps of work for each part](results/actuator_fault.png)
#
# These commands measure everything again, or one learner:
#
# ```
# python examples/applications/measure.py actuator_fault
# python examples/applications/measure.py actuator_fault maml
# ```


# %%
def answer(result):
    """Return the answer of this page, from its results."""
    rows = {**result["players"], **result["learners"]}
    score = {name: row["score"] for name, row in rows.items()}
    late = {name: sum(row["per_episode"][FIRST:]) for name, row in rows.items()}
    untrained = rows["maml"]["untrained"]["score"]
    assert min(score["qmdp"], *rows["rl2"]["seeds"]) > 0.98 > score["psrl"]
    assert score["psrl"] > score["maml"] > score["nominal"] > untrained
    assert all(row["score"] > row["untrained"]["score"] for row in result["learners"].values())
    assert late["qmdp"] > late["rl2"] > late["psrl"] > late["maml"] > late["nominal"]
    return (
        f"Answer: qmdp, if somebody can list the faults. It scores {score['qmdp']:.3f} without "
        f"training. If there is only a simulator, rl2: it scores {score['rl2']:.3f}. psrl scores "
        f"{score['psrl']:.3f}. maml scores {score['maml']:.3f}, and {untrained:.3f} without "
        f"meta-training. After the first episode maml earns less than psrl: {late['maml']:.2f} "
        f"steps of work against {late['psrl']:.2f}."
    )


if __name__ == "__main__":
    import measure

    measure.show("actuator_fault")

# %% [markdown]
# Answer: qmdp, if somebody can list the faults. It scores 0.994 without training. If there is
# only a simulator, rl2: it scores 0.992. psrl scores 0.866. maml scores 0.833, and 0.157 without
# meta-training. After the first episode maml earns less than psrl: 11.52 steps of work against
# 13.03.
#
# ## What to choose
#
# - If you can list the faults, use qmdp, which plans with the list. It is almost Bayes-optimal
#   here, because information costs nothing: each command that the work needs also tests its drive.
# - psrl has the same list, but it draws one fault for a whole part. If the draw is wrong, the first
#   part is lost. qmdp changes its plan after each command.
# - Every learner scores more than without meta-training. But only rl2 and mann earn as much as qmdp
#   after the first part, and no learner earns more. They need no list, but a simulator: one seed of
#   rl2 has met 38,400 arms.
# - maml changes its policy only between parts, and an inner step uses only the states, commands and
#   rewards of the last part. Meta-training gains much, because it finds the way to the pose. But
#   reptile, es and ga find one program for all faults, which earns the same in each part. maml
#   earns only a little more than this program.
# - evolved_rule learns the value of each command in each pose from zero. Four parts are too few.
# - Without a list and without a simulator, no learner can be trained. Then `nominal` remains.
