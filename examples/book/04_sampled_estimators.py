# %% [markdown]
# # 4. What sampled estimators estimate
#
# In chapter 3 the player took the exact gradient of J for its step. But a player does not know J.
# It plays N episodes on the task, and estimates the gradient from their rewards. Let D be the data
# of the N episodes, and let g(D) be the estimate. D is random, so the adapted logits phi(D) are
# random too, and the objective is an expected return, estimators (2):
#
#     phi(D) = theta + alpha g(D)
#     F_N(theta) = E[J(phi(D))]
#
# The program below lists all data sets of a problem, with their probabilities. So F_N and its
# gradient are finite sums without an error of sampling. The task is the bandit of chapters 2 and 3.

# %%
import numpy as np

from metarl_min.gradients import meta_gradients
from metarl_min.gradients.estimators import InnerStep, emaml, plain
from metarl_min.mdps.policies import tabular
from metarl_min.tasks.bandits import bandit_mdps

problem = meta_gradients.Problem(
    inner=InnerStep(policy=tabular, alpha=0.7, baseline=0.0),
    theta={"logits": np.array([[0.3, -0.2]])},
    task=bandit_mdps(np.array([[0.2, 0.9]])),
    horizon=1,
    num_episodes=1,
    num_steps=1,
)
estimators = {"plain": plain, "emaml": emaml}
table = meta_gradients.compare_estimators(estimators, problem, [1, 2, 4, 16])
for N, (exact, _) in table.items():
    print(f"N = {N:2d}  F_N = {exact.F_N:.6f}, F_inf = {exact.F_inf:.6f}")
limit = table[1].exact.F_inf
assert abs(limit - 0.503087) < 5e-7

# %% [markdown]
# F_inf is the F of chapter 3, the return after an exact step. With few episodes the step is noisy,
# and the expected return after a noisy step is another number.
#
# ## Two estimators of one gradient
#
# F_N depends on theta in two ways. First, if theta changes and the data D stay the same, phi(D)
# changes. The chain rule of chapter 3 gives this part of the gradient. Second, if theta changes,
# the policy pulls other arms, so the probabilities of the data change. A program that
# differentiates only the step computes the first part, which is called *plain* here. The second
# part is the *score term*, trial_gradients (2): the derivative of the log-probability of the data,
# multiplied by the return J(phi(D)). It makes an action more probable if the data with this action
# lead to a better phi. The sum of both parts is called *emaml*.
#
# An estimator is a random number, so we look at its mean over all data sets:

# %%
print("  N   grad F_N  mean of plain  mean of emaml   (coordinate of the better arm)")
for N, (exact, moments) in table.items():
    truth = exact.grad_F_N["logits"][0, 1]
    x, y = moments["plain"].mean[1], moments["emaml"].mean[1]
    print(f"{N:3d}  {truth:9.6f}  {x:13.6f}  {y:13.6f}")
    assert abs(y - truth) < 1e-12
    assert truth - x > 0.03

# %% [markdown]
# The mean of emaml is the gradient of F_N, for every N. The mean of plain is 20 % too small, and
# more episodes do not help. So plain is biased for grad F_N. It is also biased for grad F_inf,
# which is 0.181550 in this coordinate.
#
# ## Bias or variance
#
# The score term is a sum over all N pulls, multiplied by a whole return. So it has a large
# variance, and one must average many estimates. An average over many tasks has one estimate for
# each task. With few tasks, plain has the smaller error in spite of its bias:

# %%
for N in (1, 16):
    a, b = table[N].moments["plain"], table[N].moments["emaml"]
    print(f"N = {N:2d}  variance of plain {a.variance:.5f}, of emaml {b.variance:.5f}")
    pays_from = meta_gradients.break_even(a, b, a.F_N.bias_norm)
    print(f"        emaml has the smaller error if more than {pays_from:.0f} tasks are averaged")
assert table[16].moments["emaml"].variance > 100 * table[16].moments["plain"].variance

# %% [markdown]
# ## Is my own estimator right?
#
# The function `check_meta_gradient` checks an estimator that you write. It compares the mean of
# your estimator with the exact gradient. If the two differ, it looks for a known mistake. Here the
# score term is divided by the number of episodes, which is a mistake:

# %%
from metarl_min.basics import trees


def averaged(inner, path, data, v, R):
    N = data[0].episodes.rewards.shape[1]
    first, both = plain(inner, path, data, v, R), emaml(inner, path, data, v, R)
    score_term = trees.add_scaled(both, -1.0, first)
    return trees.add_scaled(first, 1 / N, score_term)


report = meta_gradients.check_meta_gradient(averaged)
print(report)
assert not report and "plain + 1/N times the score term" in str(report)

# %% [markdown]
# In chapters 3 and 4, the player learns a task by a gradient step. In the next chapter there is no
# gradient step in a trial: a network remembers what happened, and what it remembers changes its
# actions.
#
# ## Modules, assignments, case files
#
# `gradients/estimators` and `gradients/trial_gradients` are the modules of this chapter, and the
# assignment `hw6` belongs to it. The case files `maml_and_emaml.py`, `which_emaml.py` and
# `second_order_does_not_help.py` measure published programs.
