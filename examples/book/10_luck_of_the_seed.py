# %% [markdown]
# # 10. The luck of the seed
#
# Two trainings that differ in nothing but the seed of their random numbers can end in different
# places. How often do they? This chapter trains every learner with many seeds, on the two
# families of `compare` and on two arms with ten pulls. The budgets are those of `compare`, less
# than a second for each training. The trained player plays 2,000 fresh trials. No seed is left
# out, and no checkpoint is picked.
#
# The trainings take longer than a chapter may take, so their results are in `luck.json` beside
# this file. This command writes a line of `runs/luck.jsonl` for each training, and makes
# `luck.json` from all lines. If the command was stopped, it continues after the last line. With a
# larger number of seeds, it adds lines:
#
# ```
# python examples/benchmarks/luck.py runs/luck.jsonl --seeds 50 --summary examples/book/luck.json
# ```
#
# The results are those of the build e217f02. Another build, or another processor, rounds sums in
# another way, and then a seed can end in another place. 63 of the trainings were repeated with a
# later build. 21 of them had another score, which differed by more than 0.0005.

# %%
import json
from pathlib import Path

import numpy as np

import metarl_min

BOOK = Path(metarl_min.__file__).parents[1] / "examples" / "book"
luck = json.loads((BOOK / "luck.json").read_text(encoding="utf-8"))
short = ("two_arms", "bandit", "gridworld")


def quantiles(family, learner):
    scores = luck[family][learner]["scores"]
    return np.median(scores), np.quantile(scores, 0.05), min(scores)


for family in short:
    print(f"{family:16s}seeds  median   5 %   worst")
    for learner, entry in luck[family].items():
        median, low, worst = quantiles(family, learner)
        print(f"  {learner:14s}{len(entry['scores']):5d}  {median:6.2f} {low:6.2f} {worst:6.2f}")

# %% [markdown]
# The score is `score_pdl` of chapter 1: 0 is the random player, and 1 is the Bayes-optimal
# player. In the picture, each mark is a seed. The text at the right of a row says what the
# players of the row do.
#
# ## A name for each end
#
# A low score does not say what went wrong. So each trained player gets a name. The name depends
# on the actions of the player, and not on its score. On a bandit it is the first name that fits:
#
# | name | what the player does |
# |---|---|
# | one arm | at least 80 % of all pulls are pulls of one arm |
# | a fixed order | its chance to stay with an arm after a win, minus that after a loss, is below 0.15 |
# | an arm is dropped | one of the arms with the largest prior mean gets less than 2 % of the pulls |
# | the last reward only | after a loss, the chance to stay hardly depends on the earlier rewards of the arm |
# | each arm once | the first pulls try every arm, also if the first arm pays |
# | it uses the record | none of these |
#
# On the grid the goal is one of the five cells of the right column. Again, the first name that fits
# is the name of the player:
#
# | name | what the player does |
# |---|---|
# | it wanders | it spends most of its time outside of this column |
# | one goal only | for each goal but one: the last episode reaches it in less than 10 % of the trials with this goal |
# | some goals only | for one goal or more: the last episode reaches it in less than 10 % of the trials with this goal |
# | it forgets the goal | if the first episode reaches the goal, the last episode misses it in more than 10 % of the trials |
# | it returns | none of these |
#
# The limits are conventions, and some seeds lie near them. The names were made after reading the
# trials of the seeds with low scores. `examples/benchmarks/luck_names.py` computes them.

# %%
ENDS = {  # from the worst to the best, each with its mark in the picture
    "it wanders": ("v", "\u25bd"),
    "one arm": ("x", "\u00d7"),
    "one goal only": ("x", "\u00d7"),
    "a fixed order": ("+", "+"),
    "an arm is dropped": ("s", "\u25a1"),
    "some goals only": ("s", "\u25a1"),
    "the last reward only": ("D", "\u25c7"),
    "each arm once": ("D", "\u25c7"),
    "it forgets the goal": ("D", "\u25c7"),
    "it uses the record": ("o", "\u25cb"),
    "it returns": ("o", "\u25cb"),
}


def ends(family, learner):
    """Return the number of seeds with each name, from the worst name to the best."""
    names = luck[family][learner]["names"]
    return {name: len(names[name]) for name in ENDS if name in names}


for family in short:
    print(family)
    for learner in luck[family]:
        text = ", ".join(f"{number} {name}" for name, number in ends(family, learner).items())
        print(f"  {learner:14s}{text}")

# %% mystnb={"image": {"alt": "Scores of every seed in three panels, a row for each learner: the seeds of learners that adapt lie close together; those of rl2, mann, es and ga are spread widely on the bandits."}}
from matplotlib import pyplot as plt

figure, panels = plt.subplots(3, 1, figsize=(10, 10.5))
figure.subplots_adjust(left=0.12, right=0.6, top=0.97, bottom=0.05, hspace=0.2)
for axes, family in zip(panels, short, strict=True):
    learners = list(reversed(luck[family]))
    for row, learner in enumerate(learners):
        entry, labels = luck[family][learner], []
        for name, number in ends(family, learner).items():
            scores, (mark, glyph) = [entry["scores"][i] for i in entry["names"][name]], ENDS[name]
            axes.plot(scores, [row] * number, mark, color="0.3", mfc="none", ms=5, mew=0.8)
            labels.append(f"{glyph} {number} {name}")
        axes.plot([np.median(entry["scores"])] * 2, [row - 0.4, row + 0.4], "k", lw=2)
        text = ",  ".join(labels[:3]) + "".join(f"\n{x}" for x in [",  ".join(labels[3:])] if x)
        axes.annotate(text, (1.03, row), fontsize=7, va="center", annotation_clip=False)
    axes.set(xlim=(-0.03, 1.01), yticks=range(len(learners)), yticklabels=learners, title=family)
    axes.grid(axis="x", alpha=0.3)
panels[-1].set_xlabel("score of a seed; the bar is the median")
plt.show()

# %% [markdown]
# ## What keeps a player at a fixed order: the exact gradient
#
# There are two arms with uniform priors. A player pulls arm 0 with the chance q at every pull,
# whatever the rewards are. Its return does not depend on q: every pull pays 1/2 on average. So
# the gradient in q is zero, and "one arm" is as good as any mixture. The return grows only if the
# player uses the rewards. Let w be a number that is added to the logit of the last arm after a
# win, and subtracted after a loss. Given this reward alone, the mean of the arm is 2/3 after a
# win and 1/3 after a loss, and the mean of the other arm is 1/2. So one of the two arms is better
# by 1/6. The softmax has the slope q (1 - q), so a small w moves the probability w q (1 - q) to
# the better arm. This holds for each pull after the first. Therefore the slope of the return of N
# pulls at w = 0 is
#
# ```
# dJ/dw = (N - 1)/6 q (1 - q)
# ```
#
# `examples/local_optimum.py` lists all trials of five pulls, and computes the exact gradient of
# the return in the logits of every history. It gives the same slope.

# %%
import sys

sys.path.insert(0, str(BOOK.parent))
import local_optimum

N, first = local_optimum.N, local_optimum.FIRST


def slopes(q):
    """Return the largest slope of a logit that no history changes, and the slope in w."""
    log_pi = [np.log(np.tile([q, 1 - q], (4**t, 1))) for t in range(N)]
    gradients = local_optimum.logit_gradients(log_pi, *local_optimum.exact(log_pi)[1:], eta=0)[1]
    in_w = 0.0
    for t in range(1, N):
        arm, reward = local_optimum.TRIALS[first[t], t - 1].T
        in_w += np.sum((2 * reward - 1) * gradients[t][np.arange(4**t), arm])
    return max(abs(g.sum(0)).max() for g in gradients), in_w


print("     q   slope in a logit   slope in w")
for q in (0.5, 0.9, 0.99, 0.999):
    in_logit, in_w = slopes(q)
    print(f"{q:6}  {abs(in_logit):16.1e}  {in_w:11.6f}")
    assert in_logit < 1e-14 and np.isclose(in_w, (N - 1) / 6 * q * (1 - q), rtol=1e-9)

# %% [markdown]
# So the players with a fixed order form a plateau. Along it the gradient is zero, and the slope
# that leads away from it gets smaller if q comes nearer to 0 or 1. If q differs from pull to
# pull, the slope is the sum of q (1 - q) / 6 over the pulls after the first. The noise of sampled
# gradients moves q along the plateau, and the exact gradient does not move it back. An entropy
# bonus does: it holds q near 1/2, where the slope in w is largest.
#
# ## What keeps an arm dropped
#
# With five arms there is a local optimum in which the player does learn. The priors of the first
# three arms have the mean 1/2. The Bayes-optimal player uses these three. A player that drops one
# of them can still score well. The next lines compute its largest score:

# %%
from metarl_min.ceilings.bayes_optimal import solve
from metarl_min.tasks.bandits import bandit

PRIORS = ((1, 1), (2, 2), (4, 4), (1, 3), (1, 5))
ceiling = solve(bandit(prior=PRIORS))
caps = {}
for dropped in range(3):
    rest = tuple(PRIORS[i] for i in range(3) if i != dropped)
    highest = solve(bandit(arms=2, prior=rest)).value
    caps[dropped] = (highest - ceiling.random) / (ceiling.value - ceiling.random)
    print(f"without arm {dropped}: score at most {caps[dropped]:.3f}")
assert np.allclose(list(caps.values()), [0.762, 0.885, 0.908], atol=5e-4)

# %% [markdown]
# Let a player use arms 0 and 1 in the best way, and let it pull arm 2 with a small chance p. It
# has never learned what to do with a reward of arm 2, so it goes on as if the pull had not
# happened. Such a pull earns 1/2 on average, and leaves one pull less for arms 0 and 1. The
# gradient of the return in a logit of arm 2 is p times the advantage of arm 2, weighted by the
# probability of the history, policies (3). The next lines walk over all histories and compute
# this advantage.

# %%
from functools import cache


def mean(history, arm):  # a history is (wins, losses) of arm 0, then of arm 1
    wins, losses = history[arm]
    return (PRIORS[arm][0] + wins) / (sum(PRIORS[arm]) + wins + losses)


def after(history, arm, win):
    wins, losses = history[arm]
    new = (wins + win, losses + 1 - win)
    return (new, history[1]) if arm == 0 else (history[0], new)


def value(history, left, arm):
    m = mean(history, arm)
    after_loss, after_win = (best(after(history, arm, win), left - 1) for win in (0, 1))
    return m * (1 + after_win) + (1 - m) * after_loss


@cache
def best(history, left):
    return max(value(history, left, arm) for arm in (0, 1)) if left else 0.0


histories, advantages = {((0, 0), (0, 0)): 1.0}, []
print("pull   mean advantage   largest   share of the trials in which it is positive")
for left in range(10, 0, -1):
    gain = {h: 0.5 + best(h, left - 1) - best(h, left) for h in histories}
    advantages.append(sum(P * gain[h] for h, P in histories.items()))
    positive = sum(P for h, P in histories.items() if gain[h] > 1e-12)
    print(f"{11 - left:4d}  {advantages[-1]:15.3f}  {max(gain.values()):8.3f}  {positive:8.2f}")
    new = {}
    for h, P in histories.items():
        arm = max((0, 1), key=lambda arm, h=h: value(h, left, arm))
        for win in (0, 1):
            chance = mean(h, arm) if win else 1 - mean(h, arm)
            new[after(h, arm, win)] = new.get(after(h, arm, win), 0.0) + P * chance
    histories = new
assert max(advantages) < -0.11 and np.isclose(sum(advantages), -1.147, atol=5e-4)

# %% [markdown]
# At each of the ten pulls, a pull of arm 2 loses 0.11 on average. The exact gradient in a logit
# that all histories share is the sum over the pulls, -1.15 p: ascent makes p smaller still. From
# pull 3 on, a pull of arm 2 would be better after some losses of both arms, in up to a quarter of
# the trials. But the gradient in the logits of these histories has the factor p too. At p = 0 the
# gradient is zero in all logits of arm 2, as in the local optimum of chapter 8.

# %% [markdown]
# ## How often it happens
#
# **Learners with inner steps have little bad luck.** On the five arms and on the grid, every seed
# of them uses the record, or returns to the goal. 95 % of the seeds score at most 0.12 less than
# the median. On two equal arms, some seeds score much less: the best start prefers no arm
# (chapter 8), and a start that prefers one arm pulls it more often than it should.


# %%
def share(family, learner, *names):
    entry = luck[family][learner]
    return sum(len(entry["names"].get(name, [])) for name in names) / len(entry["scores"])


WITH_INNER_STEPS = ("reptile", "fomaml", "maml", "meta_sgd", "es_maml")
for learner in WITH_INNER_STEPS:
    assert share("bandit", learner, "it uses the record") == 1
    assert share("gridworld", learner, "it returns") == 1
    for family in ("bandit", "gridworld"):
        median, low, _ = quantiles(family, learner)
        assert median - low < 0.12
assert quantiles("two_arms", "maml")[2] < 0.65 and quantiles("two_arms", "meta_sgd")[2] < 0.5

# %% [markdown]
# **Learners with a memory are still on the plateau.** With the budgets of `compare`, most seeds
# of rl2 and mann play one arm or a fixed order on both bandits. On five arms, a seed of rl2 can
# score as much as MAML or as little as the best arm alone. **Evolution stays where all members
# play alike.** On the two bandits, about one in seven seeds of es ends at one arm. If all members
# of the population pull only this arm, they all have the same fitness, because they play the same
# tasks with the same random numbers. Then the estimate of the gradient is exactly zero.

# %%
for family in ("two_arms", "bandit"):
    for learner in ("rl2", "mann", "es", "ga"):
        blind = share(family, learner, "one arm", "a fixed order")
        only = share(family, learner, "one arm")
        print(f"{family:10s}{learner:6s}one arm {only:4.0%}, one arm or a fixed order {blind:4.0%}")
        assert learner not in ("rl2", "mann") or blind > 0.7
assert all(0.1 < share(x, "es", "one arm") < 0.3 for x in ("two_arms", "bandit"))
assert max(luck["bandit"]["rl2"]["scores"]) > 0.8 and quantiles("bandit", "rl2")[2] < 0.52

# %% [markdown]
# **Evolution drops arms.** On five arms, a third or more of the seeds of es and ga have dropped
# an arm that the Bayes-optimal player uses. None of these seeds scores more than 0.908, the largest
# score that was computed above for a player that drops an arm.

# %%
for learner in ("es", "ga"):
    entry = luck["bandit"][learner]
    highest = max(entry["scores"][i] for i in entry["names"]["an arm is dropped"])
    print(f"{learner}: {share('bandit', learner, 'an arm is dropped'):.0%} dropped, best {highest}")
    assert share("bandit", learner, "an arm is dropped") > 0.3 and highest < max(caps.values())

# %% [markdown]
# **A rule with six numbers can fail too.** Some seeds of evolved_rule pull each of two arms once,
# also if the first arm has paid. The next lines compute the highest score with this habit: the
# score of a player that pulls each arm once, and plays in the best way from pull 3 on:

# %%
two_arms = solve(bandit(arms=2))
values = [
    solve(bandit(arms=2, pulls=8, prior=((1 + x, 2 - x), (1 + y, 2 - y)))).value
    for x in (0, 1)
    for y in (0, 1)
]  # after each pair of first rewards, which have the chance 1/4 each
each_once = (1 + np.mean(values) - two_arms.random) / (two_arms.value - two_arms.random)
rule = luck["two_arms"]["evolved_rule"]
found = [rule["scores"][i] for i in rule["names"]["each arm once"]]
print(f"at most {each_once:.4f}; the seeds score {sorted(found)}")
assert np.isclose(each_once, 0.9310, atol=1e-4) and max(found) < each_once

# %% [markdown]
# **On the grid, some trainings have only begun.** All seeds of evolved_rule and mann wander after
# 6 and 10 iterations. No seed of rl2, es or ga has learned to return to every goal.

# %%
assert all(share("gridworld", x, "it wanders") > 0.9 for x in ("evolved_rule", "mann"))
assert all(share("gridworld", x, "it returns") == 0 for x in ("rl2", "es", "ga"))

# %% [markdown]
# ## Plateau or local optimum? Train longer
#
# A name does not say whether more training would help. So some seeds were trained again on two
# arms, with all defaults of `train`. rl2 had 2,000 iterations instead of 200, es had 1,600
# instead of 90, and evolved_rule had 600 instead of 40. This command adds such seeds to both
# files. A seed of these three learners takes up to half a minute.
#
# ```
# python examples/benchmarks/luck.py runs/luck.jsonl --seeds 20 --families two_arms_long \
#     --learners rl2 es evolved_rule --summary examples/book/luck.json
# ```

# %%
for learner, entry in luck["two_arms_long"].items():
    print(learner)
    for seed, score in enumerate(entry["scores"]):
        (name,) = (name for name, seeds in entry["names"].items() if seed in seeds)
        before = luck["two_arms"][learner]["scores"][seed]
        print(f"  seed {seed}: {before:6.3f} -> {score:6.3f}  {name}")
for learner in ("rl2", "es"):
    assert share("two_arms_long", learner, "it uses the record") == 1
    assert min(luck["two_arms_long"][learner]["scores"]) > 0.95
left = len(luck["two_arms_long"]["es"]["scores"])
assert sum(seed < left for seed in luck["two_arms"]["es"]["names"]["one arm"]) >= 2
low = {
    family: [
        i for i, score in enumerate(luck[family]["evolved_rule"]["scores"][:20]) if score < 0.905
    ]
    for family in ("two_arms", "two_arms_long")
}
print(f"seeds of evolved_rule at 0.9 or below: {low}")
assert len(low["two_arms"]) == 4 and len(low["two_arms_long"]) == 1
assert not set(low["two_arms"]) & set(low["two_arms_long"])

# %% [markdown]
# All of these seeds of rl2 and es now use the record, and score more than 0.95. Among them are
# seeds of es that ended at one arm after the short training. So with enough training and large
# batches, most seeds leave the plateau. Of the first twenty seeds of evolved_rule, four scored at
# most 0.9 after the short training. After the long training only one does, and it is none of these
# four.
#
# ## Are five seeds enough?
#
# Five seeds show the median of a learner, and hide its worst cases. How often do five seeds of es
# on five arms contain no seed that ends at one arm? And how much does the median of five seeds
# vary? The next lines draw five of the seeds many times.

# %%
missed = (1 - share("bandit", "es", "one arm")) ** 5
print(f"no seed of five at one arm: {missed:.2f}")
assert 0.3 < missed < 0.5
rng = np.random.default_rng(0)
print("the median of five seeds: from the 5 % quantile to the 95 % quantile")
widths = {}
for family in short:
    for learner, entry in luck[family].items():
        medians = np.median(rng.choice(entry["scores"], (20_000, 5)), axis=1)
        low, high = np.quantile(medians, [0.05, 0.95])
        widths[family, learner] = high - low
        print(f"{family:10s}{learner:14s}{low:6.2f} .. {high:.2f}")
assert max(widths[x, y] for x in short for y in WITH_INNER_STEPS) < 0.1
assert min(widths["bandit", x] for x in ("rl2", "es", "ga")) > 0.15

# %% [markdown]
# For learners with inner steps, the median of five seeds varies by less than 0.1. For rl2, es and
# ga on five arms, it varies by more than 0.15. To compare such learners, use more seeds, and
# report how many of them failed and where.
