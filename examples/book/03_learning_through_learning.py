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
# F depends on theta through phi. So the chain rule gives the gradient of F, adaptation (3). The
# derivative of phi in theta is I + alpha Hess J(theta), so
#
#     grad F = (I + alpha Hess J(theta)) grad J(phi).
#
# An ordinary policy gradient has no Hessian. Here the Hessian is written out for two arms.
# The gradient is pi(a) (mean(a) - J), and the product rule gives its derivative, objectives (6):

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
# With more steps and more states the Hessian is too large to write out. The product of a Hessian
# and a vector is enough, and it costs about as much as a gradient. The library first takes all
# steps, and stores the results (`gradients/forward_passes`). Then it goes back from the last step
# to the first, with one product for each step. The library has three ways to compute the gradient.
# Their results differ from `by_hand` by less than 1e-14:

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
# Now there are many tasks. In this family one arm of four is good, and the good arm is arm 0 or
# arm 1. The player does not know which. Gradient ascent on F finds a theta whose policy gives each
# of these two arms nearly the probability 1/2, and one step then decides between them. From the
# uniform start, the same step gains less, because the policy also pulls the two bad arms.

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
# Before its step, the learned start earns only 0.5. It is good because one step from it leads far.
# A start can hold only what the tasks have in common. If every arm could be the good one, the
# uniform start would be the best start, and there would be nothing to learn.
#
# With three arms, each policy is a point of a triangle: a corner is the policy that always pulls
# one arm. There are two tasks: arm 0 is good in the first, and arm 1 in the second. The picture
# shows five inner steps on each task. From the uniform start, the steps also have to lead away from
# arm 2. From the start that MAML has learned, all steps go along the edge between arm 0 and arm 1.

# %% mystnb={"image": {"alt": "Two triangles of policies. From the uniform start in the centre, the paths of two tasks bend towards arm 0 and arm 1, and after five steps both are still away from their corner. From MAML's start, which is the middle of the edge between arm 0 and arm 1, both paths run along this edge and end nearer to their corners."}}
from metarl_min.reports import simplex_pictures

two_of_three = np.full((2, 3), 0.1) + 0.8 * np.eye(3)[:2]
tasks = expected_return_objective(bandit_mdps(two_of_three), horizon=1)


def policies_of_path(start):
    """Return the policies of both tasks after 0 .. 5 inner steps. [K + 1, M, A]"""
    path = adaptation.inner_loop(tabular, start, 2.0, [tasks] * 5)
    return np.stack([softmax(phi["logits"] + np.zeros((2, 1, 3)))[:, 0] for phi in path])


uniform = {"logits": np.zeros((1, 3))}
start = uniform
for _ in range(200):
    g = adaptation.meta_gradient_by_hessian_products(tabular, start, 2.0, 5, tasks)
    start = {"logits": start["logits"] + 2.0 * g["logits"]}
paths = {
    "from the uniform start": policies_of_path(uniform),
    "from MAML's start": policies_of_path(start),
}
last = [path[-1, [0, 1], [0, 1]].mean() for path in paths.values()]
print(f"probability of the good arm after five steps: {last[0]:.3f} and {last[1]:.3f}")
assert last[1] > last[0] + 0.02
simplex_pictures.draw(paths, ["arm 0 is good", "arm 1 is good"])

# %% [markdown]
# On the [page with sliders](simplex.md) you can move the start and the step size yourself. It shows
# the adapted policies and the gradient of F.
#
# One thing was too easy in this chapter. The step used the exact gradient of J, which no player
# knows. A player has only the rewards of a few episodes. In the next chapter, the gradient of the
# step is estimated from these rewards.
#
# ## Modules, assignments, case files
#
# `gradients/adaptation` derives the gradient through the inner steps. The assignments `hw4` and
# `hw5` ask for it. These case files belong to this chapter: `second_derivatives.py`,
# `several_inner_steps.py`, `before_or_after.py`, `reptile_and_fomaml.py` and
# `first_order_meta_sgd.py`.
