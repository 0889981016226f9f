# %% [markdown]
# # 3. Learning through learning: MAML
#
# Chapter 2 ascended the return of one task. Now there are many tasks, and the player may take only
# one step on each of them. All tasks start from the same logits theta. One step of chapter 2 leads
# from theta to the adapted logits phi, adaptation (1):
#
#     phi = theta + alpha grad J(theta)
#
# MAML asks for the theta from which this one step leads to the largest return. So its objective is
# not J(theta). It is J(phi), averaged over the tasks, adaptation (5):
#
#     F(theta) = mean over tasks of J(theta + alpha grad J(theta)).
#
# We begin with one task, the bandit of chapter 2.

# %%
import numpy as np

from metarl_min.gradients.objectives import expected_return_objective
from metarl_min.mdps.policies import softmax
from metarl_min.tasks.bandits import bandit_mdps

means, theta, alpha = np.array([0.2, 0.9]), np.array([0.3, -0.2]), 0.7


def gradient_of_J(z):
    pi = softmax(z)
    return pi * (means - pi @ means)


def F(theta):
    phi = theta + alpha * gradient_of_J(theta)
    return softmax(phi) @ means


print(f"before the step {softmax(theta) @ means:.6f}, after the step {F(theta):.6f}")
assert abs(F(theta) - 0.503087) < 5e-7

# %% [markdown]
# ## The gradient through the step
#
# How does F change with theta? By the chain rule, adaptation (3), through phi. The derivative of
# phi in theta is I + alpha Hess J(theta), so
#
#     grad F = (I + alpha Hess J(theta)) grad J(phi).
#
# The Hessian is what makes MAML special. Here it is written out for two arms, by the product rule
# in pi(a) (mean(a) - J), objectives (6):

# %%


def hessian_of_J(z):
    pi, g = softmax(z), gradient_of_J(z)
    advantage = means - pi @ means
    jacobian_of_pi = np.diag(pi) - np.outer(pi, pi)
    return advantage[:, None] * jacobian_of_pi - np.outer(pi, g)


phi = theta + alpha * gradient_of_J(theta)
by_hand = (np.eye(2) + alpha * hessian_of_J(theta)) @ gradient_of_J(phi)
without_hessian = gradient_of_J(phi)
step = 1e-6
differences = [(F(theta + step * e) - F(theta - step * e)) / (2 * step) for e in np.eye(2)]
print("by hand            ", by_hand.round(6))
print("by differences of F", np.round(differences, 6))
print("without the Hessian", without_hessian.round(6))
assert np.abs(by_hand - differences).max() < 1e-9
assert np.allclose(by_hand, [-0.181550, 0.181550], atol=5e-7)
assert abs(without_hessian[1] / by_hand[1] - 0.947) < 5e-4

# %% [markdown]
# The last line is *first-order MAML*, adaptation (4). Here it has the right sign, but it is 5 %
# too short.
#
# ## Fast, and for every MDP
#
# With more steps and more states nobody writes the Hessian out. The product of a Hessian and a
# vector is enough, and it costs about as much as a gradient. The library goes forward through the
# steps, keeps what it computed (`gradients/forward_passes`), and goes backward with one product
# for each step. Three ways give the same digits:

# %%
from metarl_min.gradients import adaptation
from metarl_min.mdps.policies import tabular

J = expected_return_objective(bandit_mdps(means[None]), horizon=1)
start = {"logits": theta[None]}  # [S, A]
for way in (
    adaptation.meta_gradient_reverse_over_reverse,
    adaptation.meta_gradient,
    adaptation.meta_gradient_by_hessian_products,
):
    found = way(tabular, start, alpha, 1, J)["logits"][0]
    assert np.abs(found - by_hand).max() < 1e-14
print("three ways, one gradient")

# %% [markdown]
# ## What MAML learns
#
# Now to many tasks. In this family one arm of four is good, and the good arm is arm 0 or arm 1.
# The player does not know which. Ascending F finds a theta that is split between the two
# candidates: one step then decides between them. The same step from the uniform start is spread
# over four arms.

# %%
good = np.full((2, 4), 0.1) + 0.8 * np.eye(4)[:2]
tasks = expected_return_objective(bandit_mdps(good), horizon=1)
start, alpha = {"logits": np.zeros((1, 4))}, 4.0
uniform = adaptation.adapted_return(tabular, start, alpha, 1, tasks)
for _ in range(200):
    g = adaptation.meta_gradient_by_hessian_products(tabular, start, alpha, 1, tasks)
    start = {"logits": start["logits"] + 2.0 * g["logits"]}
learned = adaptation.adapted_return(tabular, start, alpha, 1, tasks)
print(f"policy of the learned start: {softmax(start['logits'])[0].round(3)}")
print(f"return after one step: {uniform:.3f} from the uniform start, {learned:.3f} from this one")
assert np.allclose(softmax(start["logits"])[0, :2], 0.5, atol=0.01)
assert learned > uniform + 0.2

# %% [markdown]
# The learned start is not a good policy: before its step it earns 0.5. It is a good place to
# start. That is all that MAML can learn: what the tasks have in common. If every arm could be the
# good one, the uniform start would be the best start, and there would be nothing to learn.
#
# One thing was too easy in this chapter. The step used the exact gradient of J, which no player
# knows. A player has a few episodes. The next chapter replaces the exact step by a sampled one.
