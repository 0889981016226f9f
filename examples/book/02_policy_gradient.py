# %% [markdown]
# # 2. A policy gradient, exactly
#
# This chapter has one task, and the player does not learn during an episode. A *policy* gives each
# action a probability. We change the probabilities so that the expected return grows.
#
# The task is again a bandit with two arms. Now the means are fixed: 0.2 and 0.9. The policy has
# two numbers, the logits z, and pi is the softmax of z, policies (1). The expected return of one
# pull is J = 0.2 pi(0) + 0.9 pi(1).

# %%
import numpy as np

from metarl_min.mdps.policies import softmax

means = np.array([0.2, 0.9])
z = np.array([0.3, -0.2])
pi = softmax(z)
J = pi @ means
print(f"pi = {pi.round(6)}, J = {J:.6f}")
assert abs(J - 0.464278) < 5e-7

# %% [markdown]
# ## The gradient by hand
#
# J is the sum of pi(b) mean(b) over all arms b. The derivative of pi(b) in z(a) is -pi(a) pi(b) for
# two different arms, and pi(a) - pi(a) pi(a) for the same arm. So the derivative of J in z(a) is
# pi(a) mean(a) - pi(a) J:
#
#     pi(a) (mean(a) - J).
#
# This is objectives (5). The factor mean(a) - J is called the advantage of the arm: it says how
# much better the arm is than the policy. A logit grows if its arm is better than the policy, and it
# grows faster if the policy chooses this arm often.

# %%
gradient = pi * (means - J)
step = 1e-6
differences = [
    (softmax(z + step * e) @ means - softmax(z - step * e) @ means) / (2 * step) for e in np.eye(2)
]
print(f"by hand {gradient.round(6)}, by differences {np.round(differences, 6)}")
assert np.abs(gradient - differences).max() < 1e-9

# %% [markdown]
# ## The same from the library, for any MDP
#
# A bandit is an MDP with one state, and its episodes have one step. The library computes J and its
# gradient for every finite MDP in the same way. In a longer episode the advantage of an
# action also contains the later rewards, values (1). The gradient is a sum over the steps, and each
# step is weighted by the probability of its state, values (4). This is the policy-gradient theorem.

# %%
from metarl_min.gradients.objectives import expected_return_objective
from metarl_min.tasks.bandits import bandit_mdps
from metarl_min.tasks.gridworlds import gridworld

bandit = expected_return_objective(bandit_mdps(means[None]), horizon=1)  # a batch of one task
found = bandit.gradient(z[None])[0, 0]  # [M, S, A] -> [A]
assert np.abs(found - gradient).max() < 1e-15

grid = gridworld(size=3, goals=(8,), start=4, horizon=6)
task = grid.sample(np.random.default_rng(0), 1)
J_grid = expected_return_objective(task, grid.horizon)
logits = np.zeros(task.shape)  # [S, A]: the uniform policy
print(f"a grid of 9 cells: J of the uniform policy = {J_grid.value(logits)[0]:.6f}")

# %% [markdown]
# ## Gradient ascent
#
# Gradient ascent adds the gradient to the logits, again and again. The step size is alpha. On the
# bandit the expected return of a pull rises to 0.9, the mean of the better arm. On the grid the
# expected return rises to the optimum. The function `optimal_return` computes the optimum by mdp
# (2), without a gradient.

# %%
from metarl_min.mdps.mdp import optimal_return


def ascend(objective, logits, alpha, num_steps):
    returns = []
    for _ in range(num_steps):
        returns.append(objective.value(logits)[0])
        logits = logits + alpha * objective.gradient(logits)[0]
    return returns


on_bandit = ascend(bandit, z[None], 4.0, 60)
on_grid = ascend(J_grid, logits, 4.0, 60)
best = optimal_return(task, grid.horizon)[0]
print(f"bandit {on_bandit[0]:.3f} -> {on_bandit[-1]:.3f} of 0.9")
print(f"grid   {on_grid[0]:.3f} -> {on_grid[-1]:.3f} of {best:.3f}")
assert 0.9 - on_bandit[-1] < 0.02 and best - on_grid[-1] < 0.1

# %% mystnb={"image": {"alt": "Two learning curves over 60 steps of gradient ascent: the return on the bandit rises to 0.9, and the return on the grid rises to its optimum."}}
from matplotlib import pyplot as plt

figure, panels = plt.subplots(1, 2, figsize=(6.5, 2.8), layout="constrained")
for axes, name, curve, top in zip(
    panels, ("bandit", "grid"), (on_bandit, on_grid), (0.9, best), strict=True
):
    axes.plot(curve, "k")
    axes.axhline(top, color="0.6", linestyle=":")
    axes.set(title=name, xlabel="steps of ascent", ylabel="expected return")
plt.show()

# %% [markdown]
# Sixty steps are many. A player that meets a new task has no time for sixty steps: it has a
# few episodes. The next chapter asks from which logits *one* step leads to a large return.
#
# ## Modules, assignments, case files
#
# `mdps/values` and `gradients/objectives` derive these gradients. The assignments `hw2` and `hw3`
# of `examples/coursework` ask for them. The case file `bandit_does_not_learn.py` shows a program in
# which only one of six parameter arrays has a gradient.
