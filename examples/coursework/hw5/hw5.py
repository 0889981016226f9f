# %% [markdown]
# # Assignment 5: the meta-gradient
#
# MAML looks for parameters `theta` from which a few gradient steps are enough for any task. You
# derive the gradient of its objective by hand, and write it as a program. Automatic differentiation
# is not allowed here. A difference quotient, such as a central difference, is no answer either.
#
# Each task is a bandit with A arms. The policy is a softmax of the logits `theta` [A]:
#
#     pi(a) = exp(theta_a) / sum_b exp(theta_b)
#
# `rewards` [A] holds the mean reward r(a) of each arm. The return of a policy on one bandit is
#
#     J(theta) = sum_a pi(a) r(a)
#
# Everything in this assignment is an exact number: no arm is drawn. So your results are compared
# with the exact results to 12 digits, which a central difference does not reach. All results are
# arrays of NumPy, and no lists. Your functions must work for any number of arms, tasks and inner
# steps, and they must not change their arguments.
#
# A part that uses a wrong part is wrong too. So begin with the first part that is not right.
#
# In assignment 2 you derived the gradient of J. It is given here:

# %%
import numpy as np


def policy(theta):
    """Return the probabilities pi [A] of the arms."""
    weights = np.exp(theta - theta.max())
    return weights / weights.sum()


def gradient(theta, rewards):
    """Return the gradient of J in theta [A]: pi(a) (r(a) - J(theta))."""
    pi = policy(theta)
    return pi * (rewards - pi @ rewards)


# %% [markdown]
# ## 5.1 The Hessian of the return, times a vector (5 points)
#
# The Hessian of J is the matrix of the second derivatives. Entry (a, b) is the derivative in
# theta_b of entry a of the gradient. Return its product with a vector v. To find it, differentiate
# the formula of the gradient with the product rule.


# %%
def hessian_product(theta, rewards, v):
    """Return the Hessian of J at theta, times v.

    theta [A]: logits. rewards [A]: the mean reward of each arm. v [A]: any vector. Result: [A].
    """
    ### BEGIN SOLUTION 5.1
    pi, g = policy(theta), gradient(theta, rewards)
    return g * v - g * (pi @ v) - pi * (g @ v)
    ### END SOLUTION


# %% [markdown]
# ## 5.2 and 5.3 The meta-gradient (5 points for one inner step, 8 points for two)
#
# There are M tasks, and J_i is the return on task i. On each task, the learner starts at theta and
# takes K inner steps of size alpha. Each inner step starts where the step before it has ended:
#
#     phi_0 = theta,  phi_{k+1} = phi_k + alpha grad J_i(phi_k),  k = 0, .., K-1
#
# All tasks start at the same theta, but their iterates phi_1, .., phi_K differ. The objective of
# theta is the return after the last step, as a mean over the tasks:
#
#     F(theta) = 1/M sum_i J_i(phi_K)
#
# Return the exact gradient of F in theta. Use the chain rule: phi_K depends on theta through every
# inner step. Part 5.2 is graded with K = 1, and part 5.3 with K = 2. A result that is the
# first-order approximation of the meta-gradient gets 40 % of the points in the final grading. Your
# own check shows 0 points for it.


# %%
def meta_gradient(theta, tasks, alpha, num_steps):
    """Return the gradient of F in theta.

    theta [A]: logits. tasks [M, A]: the mean reward of each arm of each task. alpha: the size of an
    inner step. num_steps: the number K of inner steps. Result: [A].
    """
    ### BEGIN SOLUTION 5.2
    total = np.zeros_like(theta)
    for rewards in tasks:
        iterates = [theta]
        for _ in range(num_steps):
            phi = iterates[-1]
            iterates.append(phi + alpha * gradient(phi, rewards))
        v = gradient(iterates[-1], rewards)
        for phi in iterates[-2::-1]:
            v = v + alpha * hessian_product(phi, rewards, v)
        total = total + v
    return total / len(tasks)
    ### END SOLUTION


# %% [markdown]
# ## Check your work
#
# In a terminal:
#
#     python -m metarl_min.teach check hw5.py
#
# In a cell of a notebook, which must not be part of the file that you hand in:
#
#     from metarl_min.teach import bandit_hessians, exact_meta_gradients
#     from metarl_min.teach.questions import check
#     check(bandit_hessians.hessian_product(), hessian_product)
#     check(exact_meta_gradients.meta_gradient(num_steps=1), meta_gradient)
#     check(exact_meta_gradients.meta_gradient(num_steps=2), meta_gradient)
#
# A check returns 1.0 for a right answer, and explains a wrong answer. The file that you hand in
# must not import `metarl_min`.
