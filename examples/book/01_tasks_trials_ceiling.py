# %% [markdown]
# # 1. Tasks, trials and the ceiling
#
# A family is a distribution over tasks. A player meets one task of the family, which it does not
# know, and plays a trial: a fixed number of episodes on this task. All rewards of the trial count,
# also those of the first episodes.
#
# Here a task is a bandit with two arms. An episode is one pull of an arm. Each arm pays 1 with an
# unknown probability, its mean, and the two means are independent and uniform on [0, 1]. A trial
# has two pulls.

# %%
from metarl_min.ceilings.bayes_optimal import solve
from metarl_min.tasks.bandits import bandit

family = bandit(arms=2, pulls=2)
ceiling = solve(family)
print(f"Bayes-optimal {ceiling.value:.6f}, random {ceiling.random:.6f}")

# %% [markdown]
# ## The ceiling by hand
#
# The first pull pays 1/2 on average. If it paid 1, the posterior mean of this arm is 2/3, and the
# player pulls it again. If it paid 0, the posterior mean is 1/3, and the player pulls the other
# arm. The mean of the other arm is still 1/2. The general rule is in `ceilings/bayes_optimal`.

# %%
by_hand = 1 / 2 + (1 / 2 * 2 / 3 + 1 / 2 * 1 / 2)
assert abs(ceiling.value - by_hand) < 1e-12
print(f"by hand {by_hand:.6f}")
