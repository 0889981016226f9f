# %% [markdown]
# # 1. Tasks, trials and the ceiling
#
# A *family* is a distribution over tasks. A player meets one task of the family, and does not know
# which task it is. It plays a *trial*: a fixed number of episodes on this task. All rewards of the
# trial count, also the rewards of the first episodes. So a good player must learn the task quickly.
#
# In this chapter a task is a bandit with two arms. An episode is one pull of an arm. An arm pays 1
# with an unknown probability, which is called its mean, and it pays 0 otherwise. The two means are
# independent and uniform on [0, 1]. These are three tasks of the family:

# %%
import numpy as np

from metarl_min.tasks.bandits import bandit

family = bandit(arms=2, pulls=10)
tasks = family.sample(np.random.default_rng(0), 3)
print(tasks.reward[:, 0, :, 0].round(2))

# %% [markdown]
# ## The best player of two pulls
#
# How much can a player earn if it does not know the means? With two pulls the answer is short. The
# first pull pays 1/2 on average. The prior of a mean is uniform, so after n pulls with k wins the
# posterior mean is (1 + k) / (2 + n). If the first pull paid 1, the posterior mean of its arm is
# 2/3, and the player pulls this arm again. If it paid 0, the posterior mean is 1/3. Then the player
# pulls the other arm, whose posterior mean is still 1/2. The program below adds this up. The
# function `solve` computes this number for any family that is small enough:

# %%
from metarl_min.ceilings.bayes_optimal import solve

by_hand = 1 / 2 + (1 / 2 * 2 / 3 + 1 / 2 * 1 / 2)
ceiling_of_two = solve(bandit(arms=2, pulls=2))
print(f"by hand {by_hand:.6f}, computed {ceiling_of_two.value:.6f}")
assert abs(by_hand - ceiling_of_two.value) < 1e-12

# %% [markdown]
# In this book, a module and a number, such as ceilings (2), cite an equation in the docstring of
# the module. The general rule is ceilings (2). The player has a belief about the task: the
# posterior distribution, given what the player has seen. A pull pays a reward and changes the
# belief. So the value of a pull is its mean reward plus the mean value of the belief after it. The
# best player chooses the pull with the largest value. This player is called Bayes-optimal, and its
# expected return is called the ceiling of the family. No player that knows only the rewards of its
# own pulls has a larger expected return.

# %%
ceiling = solve(family)
print(f"random player   {ceiling.random:.6f}")
print(f"Bayes-optimal   {ceiling.value:.6f}")
print(f"told the means  {ceiling.known_task:.6f}")
assert abs(ceiling.random - 10 / 2) < 1e-12  # every pull pays 1/2 on average
assert abs(ceiling.known_task - 10 * 2 / 3) < 1e-12  # the larger of two uniform means is 2/3
assert abs(ceiling.value - 6.021786) < 5e-7

# %% [markdown]
# ## A score that means the same in every family
#
# The score of a player is (return - random) / (ceiling - random), evaluation (1). In this formula,
# random is the return of the random player. So the random player has the score 0, and the
# Bayes-optimal player has the score 1. Three classical players show the scale. *Greedy* pulls the
# arm with the largest posterior mean. *Thompson sampling* draws a task from the posterior, and
# pulls the best arm of this task. *UCB1* prefers arms that were pulled rarely.

# %%
from metarl_min import evaluation
from metarl_min.baselines.registry import players_for

players, scores = players_for(family), {}
for name in ("greedy", "thompson", "ucb1"):
    state = players[name].init(np.random.default_rng(0))
    x = scores[name] = evaluation.evaluate(
        players[name], state, num_tasks=20_000, seed=0, ceiling=ceiling
    )
    print(
        f"{name:9s} return {x.value:.3f}  score_pdl {x.score_pdl:.3f} +- {x.score_pdl_stderr:.3f}"
    )
shares = [x.score_pdl for x in scores.values()]
assert np.allclose(shares, [0.984, 0.689, 0.591], atol=0.01)

# %% [markdown]
# `score_pdl` has the same expectation as the score, and a much smaller error, evaluation (2). It
# adds up how much each action loses against the best action for the belief. These losses do not
# contain the sampled rewards.
#
# The rest of this book is about players that are not written by hand. They are trained on many
# tasks of a family. The question is how near to 1 they score on tasks that they have never met.

# %% mystnb={"image": {"alt": "Mean reward of each pull: the Bayes-optimal player rises from one half to nearly two thirds; greedy is just below, Thompson sampling further below, random stays at one half."}}
from matplotlib import pyplot as plt

from metarl_min.ceilings.bayes_optimal import bayes_optimal
from metarl_min.reports.line_labels import write_labels

best = bayes_optimal(family, ceiling)
best_scores = evaluation.evaluate(
    best, best.init(np.random.default_rng(0)), num_tasks=20_000, seed=0, ceiling=ceiling
)
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
lines = {"Bayes-optimal": best_scores, "greedy": scores["greedy"], "Thompson": scores["thompson"]}
for x, style in zip(lines.values(), ["k-", "k--", "k:"], strict=True):
    axes.plot(range(1, 11), x.per_episode, style)
axes.axhline(0.5, color="0.6")
axes.set(xlabel="pull", ylabel="mean reward of this pull", xlim=(1, 10))
ends = {name: (x.per_episode[-1], "black") for name, x in lines.items()}
write_labels(axes, 2.6, ends | {"random": (0.5, "0.4")})
plt.show()

# %% [markdown]
# ## Modules, assignments, case files
#
# `ceilings/bayes_optimal` and `evaluation` are the modules of this chapter.
# `examples/own_family.py` defines a family of its own, with an exact ceiling.
