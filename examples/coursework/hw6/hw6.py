# %% [markdown]
# # Assignment 6: sampling dependence
#
# A learner does not know its task, so it estimates gradients from sampled actions. A parameter then
# has two effects: it changes what is computed from the samples, and it changes *which samples are
# drawn*. A program that differentiates only its computation misses the second effect, and nothing
# fails: the result has the right shape and nearly the right direction.
#
# The task is a bandit with A arms. Arm a always pays r(a). The policy with the logits z, an array
# of shape [A], is
#
#     pi(a|z) = exp(z(a)) / sum_b exp(z(b)),     J(z) = sum_a pi(a|z) r(a)
#
# Your functions never see r. They see N pulls: `actions` [N], an array of whole numbers from 0 to
# A - 1, and `rewards` [N], an array of floats, where rewards[i] = r(actions[i]).
#
# Three of your functions are *estimators*. The grader lists all data sets, calls your function with
# every one, and compares the mean of your results with the exact value. So only the mean counts:
# every estimator with the right mean gets full points, whatever its variance. A baseline b is a
# constant that does not depend on the data. You may use autograd.
#
# Do not change the arguments of a function. A part that uses a wrong part is wrong too, so begin
# with the first part that is not right. Some mistakes get a part of the points: an estimate of the
# Hessian or of the meta-gradient in which one of the effects of theta is missing.

# %%
import numpy as np

# %% [markdown]
# ## 6.1 A surrogate for other logits (3 points)
#
# The pulls are drawn with the logits `reference`. Estimate the expected reward J(phi) of *other*
# logits phi from them. The mean of your result must be J(phi) for every phi and every baseline.
# You may use the baseline to lower the variance, or ignore it.


# %%
def inner_surrogate(phi, reference, actions, rewards, baseline):
    """Return an estimate of J(phi) from pulls that are drawn with `reference`, a number.

    phi, reference: logits [A].  actions: [N].  rewards: [N].  baseline: a number.
    """
    ### BEGIN SOLUTION 6.1
    new = np.exp(phi - phi.max()) / np.exp(phi - phi.max()).sum()
    old = np.exp(reference - reference.max()) / np.exp(reference - reference.max()).sum()
    ratio = (new / old)[actions]
    return float(np.mean(ratio * (rewards - baseline)) + baseline)
    ### END SOLUTION


# %% [markdown]
# ## 6.2 and 6.3 An estimate of the Hessian (2 points for two pulls, 2 points for three)
#
# Now the pulls are drawn with theta. Estimate the Hessian of J at theta: the mean of your result
# must be the matrix of the second derivatives of J.
#
# In assignment 2 you used the surrogate of REINFORCE, 1/N sum_i (r_i - b) log pi(a_i|z). Its
# gradient at z = theta has the mean grad J(theta). Check on paper whether its Hessian has the mean
# Hess J(theta). What about the surrogate of 6.1?


# %%
def hessian_estimate(theta, actions, rewards, baseline):
    """Return an estimate of the Hessian of J at theta. [A, A]

    theta: logits [A].  actions: [N], drawn with theta.  rewards: [N].  baseline: a number.
    """
    ### BEGIN SOLUTION 6.2
    pi = np.exp(theta - theta.max()) / np.exp(theta - theta.max()).sum()
    scores = np.eye(len(theta))[actions] - pi
    total = np.zeros((len(theta), len(theta)))
    for g, r in zip(scores, rewards, strict=True):
        total += (r - baseline) * (np.outer(pi, pi) - np.diag(pi) + np.outer(g, g))
    return total / len(actions)
    ### END SOLUTION


# %% [markdown]
# ## 6.4 The inner step (1 point)
#
# One inner step uses N inner pulls D = (a_1, r_1), .., (a_N, r_N), which are drawn with theta:
#
#     phi(D) = theta + alpha/N sum_i (r_i - b) grad log pi(a_i|theta)
#
# Write this inner step. Its result is compared for each data set, and not only in the mean.


# %%
def inner_step(theta, actions, rewards, alpha, baseline):
    """Return the adapted logits phi(D). [A]

    theta: logits [A].  actions: [N], drawn with theta.  rewards: [N].  alpha, baseline: numbers.
    """
    ### BEGIN SOLUTION 6.4
    pi = np.exp(theta - theta.max()) / np.exp(theta - theta.max()).sum()
    scores = np.eye(len(theta))[actions] - pi
    return theta + alpha * (rewards - baseline) @ scores / len(actions)
    ### END SOLUTION


# %% [markdown]
# ## 6.5 and 6.6 The meta-gradient (3 points for two inner pulls, 5 points for three)
#
# After the inner step, n outer pulls are drawn with phi(D), where n is at least 2. The objective is
# the mean reward after adaptation:
#
#     F_N(theta) = sum_D P(D|theta) J(phi(D))
#
# The sum is over all inner data sets. P(D|theta) is the probability of drawing D with theta. The
# **declared estimand** is the gradient of F_N. This is not the gradient of
# F_inf(theta) = J(theta + alpha grad J(theta)), for which the inner gradient is exact. Before you
# write code, differentiate F_N on paper: theta occurs in three places.
#
# The outer pulls are needed for the estimates of J and of its gradient at phi(D). Everything else
# follows from the inner pulls. The mean of your result must not depend on n.


# %%
def meta_pg(theta, inner_actions, inner_rewards, outer_actions, outer_rewards, alpha, baseline):
    """Return an estimate with the mean grad F_N(theta). [A]

    theta: logits [A].  inner_actions, inner_rewards: [N], drawn with theta.
    outer_actions, outer_rewards: [n], drawn with phi(D).  alpha: a number.
    baseline: the number b of the inner step.
    """
    ### BEGIN SOLUTION 6.5
    pi = np.exp(theta - theta.max()) / np.exp(theta - theta.max()).sum()
    scores = np.eye(len(theta))[inner_actions] - pi
    phi = inner_step(theta, inner_actions, inner_rewards, alpha, baseline)
    after = np.exp(phi - phi.max()) / np.exp(phi - phi.max()).sum()
    v = outer_rewards @ (np.eye(len(phi))[outer_actions] - after) / len(outer_rewards)
    curvature = (inner_rewards - baseline).mean() * (np.outer(pi, pi) - np.diag(pi))
    return v + alpha * curvature @ v + outer_rewards.mean() * scores.sum(axis=0)
    ### END SOLUTION


# %% [markdown]
# ## Check your work
#
# In a terminal: `python -m metarl_min.teach check hw6.py`
#
# In a notebook, write in a cell of its own:
#
#     from metarl_min.teach.questions import check
#     from metarl_min.teach.sampled_gradients import meta_pg as question
#     check(question(num_pulls=2), meta_pg)
#
# The other questions are `inner_surrogate` of `metarl_min.teach.sampled_surrogates`,
# `hessian_estimate` of `metarl_min.teach.sampled_hessians`, and `inner_step` of
# `metarl_min.teach.sampled_steps`. The file that you hand in must not import `metarl_min`.
#
# ## Questions to think about
#
# - Does your estimator in 6.5 use the estimate of 6.2? Should it?
# - Which part of your estimator has the largest variance when N grows?
