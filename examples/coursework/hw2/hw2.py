# %% [markdown]
# # Assignment 2: the score function
#
# A bandit has $A$ arms. A policy chooses arm $a$ with probability $\pi(a)$. The parameters of the
# policy are its logits $\theta \in R^A$:
#
# $$\pi(a) = \frac{\exp \theta_a}{\sum_b \exp \theta_b}$$
#
# The *score* of an action is the gradient of its log-probability in the logits:
#
# $$\mathrm{score}(a) = \nabla_\theta \log \pi(a) \in R^A$$
#
# Policy gradients, and all of meta-RL with sampled episodes, are built from scores. In this
# assignment you derive the score by hand, so autodiff packages are not allowed. Use NumPy.
#
# There are four parts. Each part is graded on several cases with exact values, and no part needs
# more than five lines. Do not change the arguments of a function: the caller still needs them.

# %%
import numpy as np

# %% [markdown]
# ## 2.1 Log-probabilities (2 points)
#
# Write `log_pi(theta)`. The logits may be as large as 1000 and as small as -1000. All entries of
# your result must be finite and exact also in this case. One of the two points is for such logits.


# %%
def log_pi(theta):
    """Return log pi(a) for each action. theta [A] -> [A]"""
    ### BEGIN SOLUTION 2.1
    shifted = theta - theta.max()
    return shifted - np.log(np.exp(shifted).sum())
    ### END SOLUTION


# %% [markdown]
# ## 2.2 The score (2 points)
#
# Write `score(theta, action)`. Start with the formula of $\log \pi(a)$ and derive the gradient on
# paper. You can test your result: for every policy, the mean of the score is zero,
#
# $$\sum_a \pi(a)\, \mathrm{score}(a) = 0.$$
#
# Why is this so? Hint: the probabilities sum to one for every $\theta$.


# %%
def score(theta, action):
    """Return the gradient of log pi(action) in the logits. theta [A], action 0 .. A-1 -> [A]"""
    ### BEGIN SOLUTION 2.2
    one_hot = np.eye(len(theta))[action]
    return one_hot - np.exp(log_pi(theta))
    ### END SOLUTION


# %% [markdown]
# ## 2.3 The exact policy gradient (2 points)
#
# Arm $a$ pays $r_a$. The expected reward of the policy is
#
# $$J(\theta) = \sum_a \pi(a)\, r_a.$$
#
# Write `policy_gradient(theta, rewards)`, which returns $\nabla_\theta J$. Here too the logits may
# be as large as 1000. Hint: $\nabla \pi(a) = \pi(a) \nabla \log \pi(a)$.


# %%
def policy_gradient(theta, rewards):
    """Return the gradient of the expected reward in the logits. theta [A], rewards [A] -> [A]"""
    ### BEGIN SOLUTION 2.3
    pi = np.exp(log_pi(theta))
    return pi * (rewards - pi @ rewards)
    ### END SOLUTION


# %% [markdown]
# ## 2.4 An estimate from pulls (2 points)
#
# Now the rewards of the arms are unknown. The policy has pulled $N$ arms $a_1, .., a_N$ and got the
# rewards $R_1, .., R_N$. The arms drift: at pull $n$, arm $a$ pays $r_{n,a}$. The objective is the
# mean of the expected rewards of the pulls:
#
# $$J(\theta) = \frac{1}{N} \sum_n \sum_a \pi(a)\, r_{n,a}$$
#
# $N$ is at least 1. Your function must also work for $N = 1$.
#
# Write `pulls_gradient(theta, actions, rewards)`, an estimate of $\nabla_\theta J$. It must be
# *unbiased*: its expectation over the actions must be $\nabla_\theta J$.
#
# The grader draws no sample. It calls your function with each of the $A^N$ lists of actions,
# multiplies each result by the probability of the list, and adds. So it knows the exact expectation
# of your estimate.


# %%
def pulls_gradient(theta, actions, rewards):
    """Return an unbiased estimate of grad J. theta [A], actions [N] ints, rewards [N] -> [A]"""
    ### BEGIN SOLUTION 2.4
    terms = [R * score(theta, a) for a, R in zip(actions, rewards, strict=True)]
    return np.mean(terms, axis=0)
    ### END SOLUTION


# %% [markdown]
# ## Check your answers
#
# In a shell:
#
#     python -m metarl_min.teach check hw2.py
#
# In a notebook, run this in a cell of its own. Remove the cell before you hand in the file, because
# the grader does not allow an import of `metarl_min`:
#
#     from metarl_min.teach.questions import check
#     from metarl_min.teach import bandit_gradients, score_functions
#
#     check(score_functions.log_pi(), log_pi)
#     check(score_functions.log_pi(largest=1000.0), log_pi)
#     check(score_functions.score(largest=1000.0), score)
#     check(bandit_gradients.policy_gradient(largest=1000.0), policy_gradient)
#     check(bandit_gradients.pulls_gradient(num_pulls=2), pulls_gradient)
