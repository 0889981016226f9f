# %% [markdown]
# # Assignment 3: REINFORCE with a baseline
#
# An MDP has $S$ states and $A$ actions. Its policy is a softmax in each state. The parameters are a
# table of logits $\theta \in R^{S \times A}$:
#
# $$\pi(a|s) = \frac{\exp \theta_{s,a}}{\sum_b \exp \theta_{s,b}}$$
#
# The policy plays $N$ episodes of $T$ steps. Episode $n$ is played in task $n$: all tasks have the
# same transitions, and each task has its own rewards. The objective is the mean over the tasks of
# the expected discounted return:
#
# $$J(\theta) = \frac{1}{N} \sum_n E\left[\sum_{t=0}^{T-1} \gamma^t r_{n,t}\right]$$
#
# You write two estimators of $\nabla_\theta J$. An estimator gets the data of the $N$ episodes. It
# does not know the transitions and the rewards of the tasks.
#
# The grader draws no samples. It uses tasks that are so small that all episodes can be listed, such
# as a row of three cells with two moves. It calls your estimator with *every* list of $N$ episodes,
# multiplies each result by the probability of the list, and adds. The sum is the exact expectation
# of your estimator, and it must be $\nabla_\theta J$ to seven digits.
#
# Autograd is allowed, and so is a derivation by hand. Each part needs less than ten lines. Do not
# change the arguments of a function: the caller still needs them.

# %%
import numpy as np

# %% [markdown]
# ## 3.1 Returns-to-go (2 points)
#
# The return-to-go of step $t$ is the discounted sum of the rewards from step $t$ on:
#
# $$W_{n,t} = \sum_{l \ge 0} \gamma^l\, r_{n,t+l}$$
#
# Write `returns_to_go(rewards, gamma)`.


# %%
def returns_to_go(rewards, gamma):
    """Return the return-to-go of each step. rewards [N, T] -> [N, T]"""
    ### BEGIN SOLUTION 3.1
    W = np.array(rewards, dtype=float)
    for t in range(W.shape[1] - 2, -1, -1):
        W[:, t] += gamma * W[:, t + 1]
    return W
    ### END SOLUTION


# %% [markdown]
# ## 3.2 An estimator with a critic (6 points)
#
# A critic has guessed a table $q(s, a)$ of action values. The guess may be wrong. The baseline of a
# state is the value that the policy has by this guess:
#
# $$b(s) = \sum_a \pi(a|s)\, q(s, a)$$
#
# Write `reinforce(theta, states, actions, rewards, gamma, q)`. It returns an estimate of
# $\nabla_\theta J$ that uses the returns-to-go and subtracts the baseline $b(s_{n,t})$.
#
# The estimate must be unbiased for the discounted objective $J$ above, for every table $q$. Two
# questions to ask yourself: how much does $J$ discount a reward of step $l$, and how much does
# $W_{n,t}$ discount it? Why does a baseline not change the expectation, and when does it?
#
# Many estimators are unbiased, and they differ in their variance. Test 3.2 grades the expectation
# $E[g]$ of your estimate $g$. A second test grades $E[g^2]$ of each entry too. So use the
# returns-to-go and the baseline $b(s)$ of the formula.


# %%
def reinforce(theta, states, actions, rewards, gamma, q):
    """Return an unbiased estimate of grad J with the baseline b(s).

    theta [S, A] logits, states and actions [N, T] whole numbers, rewards [N, T], gamma a number,
    q [S, A] -> [S, A]
    """
    ### BEGIN SOLUTION 3.2
    pi = policy(theta)
    b = (pi * q).sum(-1)[states]
    return weighted_scores(theta, states, actions, returns_to_go(rewards, gamma) - b, gamma)


def policy(theta):
    weights = np.exp(theta - theta.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def weighted_scores(theta, states, actions, advantages, gamma):
    """Return 1/N sum_n sum_t gamma^t advantages[n, t] grad log pi(a_{n,t}|s_{n,t}). [S, A]"""
    pi, g = policy(theta), np.zeros(theta.shape)
    for n, t in np.ndindex(states.shape):
        s, a = states[n, t], actions[n, t]
        score = np.eye(theta.shape[1])[a] - pi[s]
        g[s] += gamma**t * advantages[n, t] * score / len(states)
    return g
    ### END SOLUTION


# %% [markdown]
# ## 3.3 The leave-one-out baseline (6 points)
#
# Without a critic, the other episodes can serve as a baseline. The *leave-one-out* baseline of step
# $t$ in episode $n$ is the mean return-to-go of the other $N - 1$ episodes at step $t$:
#
# $$b_{n,t} = \frac{1}{N - 1} \sum_{n' \ne n} W_{n',t}$$
#
# Write `leave_one_out(theta, states, actions, rewards, gamma)`, the estimate of $\nabla_\theta J$
# with this baseline in the place of $b(s)$. $N$ is at least 2. You may use the parts above.
#
# Here too, test 3.3 grades the expectation $E[g]$ of your estimate $g$, and a second test grades
# $E[g^2]$ of each entry.


# %%
def leave_one_out(theta, states, actions, rewards, gamma):
    """Return an unbiased estimate of grad J with the leave-one-out baseline.

    theta [S, A] logits, states and actions [N, T] whole numbers, rewards [N, T], gamma a number
    -> [S, A]
    """
    ### BEGIN SOLUTION 3.3
    W = returns_to_go(rewards, gamma)
    others = (W.sum(0) - W) / (len(W) - 1)
    return weighted_scores(theta, states, actions, W - others, gamma)
    ### END SOLUTION


# %% [markdown]
# ## Check your answers
#
# In a shell:
#
#     python -m metarl_min.teach check hw3.py
#
# In a notebook, run this in a cell of its own. Remove the cell before you hand in the file, because
# the grader does not allow an import of `metarl_min`:
#
#     from metarl_min.teach import reinforce_estimators, reward_sums
#     from metarl_min.teach.questions import check
#
#     check(reward_sums.returns_to_go(), returns_to_go)
#     check(reinforce_estimators.reinforce(), reinforce)
#     check(reinforce_estimators.reinforce_variance(), reinforce)
#     check(reinforce_estimators.leave_one_out(), leave_one_out)
#     check(reinforce_estimators.leave_one_out_variance(), leave_one_out)
