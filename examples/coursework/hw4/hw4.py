# %% [markdown]
# # Assignment 4: the inner loop, first-order MAML and Reptile
#
# A learner that adapts starts every task with the same parameters theta. On each task it takes a
# few gradient steps, the *inner loop*. In this assignment you write the inner loop, and two
# meta-gradients that need no second derivatives.
#
# A task is a bandit with A arms. The array `task` of shape [A] holds the mean reward r(a) of each
# arm. The parameters phi of the policy are the logits of the arms, an array of shape [A]:
#
#     pi(a) = exp(phi(a)) / sum_b exp(phi(b))
#     J(phi) = sum_a pi(a) r(a)
#
# J is the expected reward, and it is *maximised*. In assignment 2 you derived its gradient:
#
#     dJ/dphi(a) = pi(a) (r(a) - J(phi))
#
# All gradients are exact: no action is sampled. Arrays have the dtype float64. A function must not
# change its arguments, because the caller still needs theta for the next task.

# %%
import numpy as np

# %% [markdown]
# ## 1. The inner loop
#
# The iterates start at phi_0 = theta. Step k moves phi_k by `alpha` times the gradient of J at
# phi_k, and gives phi_{k+1}. After K = `num_steps` steps there are K + 1 iterates. Return all of
# them: row k of the result is phi_k.


# %%
def adapt(theta, task, alpha, num_steps):
    """Return the iterates phi_0 .. phi_K of the inner loop. [K+1, A]

    theta: logits [A].  task: mean rewards [A].  alpha: a number.  num_steps: K, at least 1.
    """
    ### BEGIN SOLUTION 4.1
    path = [theta]
    for _ in range(num_steps):
        phi = path[-1]
        probs = np.exp(phi - phi.max()) / np.exp(phi - phi.max()).sum()
        path.append(phi + alpha * probs * (task - probs @ task))
    return np.stack(path)
    ### END SOLUTION


# %% [markdown]
# ## 2. First-order MAML
#
# There are M tasks, and `tasks` has the shape [M, A]. Let J_i be the expected reward of task i, and
# let phi_{i,k} be the iterates on task i. Each task is adapted on its own, from theta. The
# objective of MAML is the mean reward after adaptation:
#
#     F(theta) = 1/M sum_i J_i(phi_{i,K})
#
# phi_{i,K} depends on theta. First-order MAML treats the derivative of phi_{i,K} in theta as the
# identity matrix, and so it needs no second derivative. Write down the result of this
# simplification, and return it.


# %%
def fomaml(theta, tasks, alpha, num_steps):
    """Return the first-order approximation of the gradient of F. [A]

    theta: logits [A].  tasks: mean rewards [M, A].  alpha: a number.  num_steps: K, at least 1.
    """
    ### BEGIN SOLUTION 4.3
    total = np.zeros(len(theta))
    for task in tasks:
        phi = adapt(theta, task, alpha, num_steps)[-1]
        probs = np.exp(phi - phi.max()) / np.exp(phi - phi.max()).sum()
        total += probs * (task - probs @ task)
    return total / len(tasks)
    ### END SOLUTION


# %% [markdown]
# ## 3. Reptile
#
# Reptile moves theta towards the adapted parameters. One outer step with the step size beta is
#
#     theta <- theta + beta d,     d = 1/M sum_i (phi_{i,K} - theta) / alpha
#
# Return the direction d. (The division by alpha makes d comparable with a gradient. Nichol et al.
# leave it out, and use another beta.)


# %%
def reptile(theta, tasks, alpha, num_steps):
    """Return the direction d of Reptile. [A]

    theta: logits [A].  tasks: mean rewards [M, A].  alpha: a number.  num_steps: K, at least 1.
    """
    ### BEGIN SOLUTION 4.5
    ends = [adapt(theta, task, alpha, num_steps)[-1] for task in tasks]
    return (np.mean(ends, axis=0) - theta) / alpha
    ### END SOLUTION


# %% [markdown]
# ## Check your work
#
# In a terminal: `python -m metarl_min.teach check hw4.py`
#
# In a notebook, write in a cell of its own:
#
#     from metarl_min.teach.questions import check
#     from metarl_min.teach.inner_loops import adapt as question
#     check(question(num_steps=2), adapt)
#
# For the other parts, the questions are `fomaml` and `reptile` of
# `metarl_min.teach.first_order_learners`. The file that you hand in must not import `metarl_min`.
#
# Your results are compared with exact values for several numbers of arms, tasks and inner steps.
# Every right way to compute them gets full points.
#
# ## Questions to think about
#
# - With one inner step, what is the direction of Reptile? What does theta learn then?
# - For which K do Reptile and first-order MAML need the same gradients?
