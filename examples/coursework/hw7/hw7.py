# %% [markdown]
# # Assignment 7: a learner that learns in its memory
#
# RL^2 (Duan et al. 2016) has no inner gradient steps. A recurrent network plays several episodes on
# a new task, with the same parameters all the time. It sees its own actions and rewards, and what
# it has learned about the task lies in its hidden state.
#
# A **trial** consists of N **episodes** of T steps on one bandit with A arms. The next trial is
# played on another bandit. Time t counts all N * T steps of a trial: t = 0, .., N * T - 1.
#
# The network is an Elman cell with a layer of logits. Its parameters are a dict:
#
# | name | shape | belongs to |
# |---|---|---|
# | `"W"` | [I, H] | the inputs, I = A + 2 |
# | `"b"` | [H] | the bias of the cell |
# | `"U"` | [H, H] | the hidden state |
# | `"W_out"` | [H, A] | the logits |
# | `"b_out"` | [A] | the bias of the logits |
#
# All vectors are rows. They stand on the left of a matrix: `x @ W`. Nothing in this assignment is
# random, because every random number is an argument. So your results are compared with the exact
# results to 7 digits or more. Results are arrays of NumPy, and no lists. Your functions must not
# change their arguments. Automatic differentiation is not allowed. A part that uses a wrong part is
# wrong too, so begin with the first part that is not right.

# %%
import numpy as np


def policy(logits):
    """Return the probabilities of the actions: the softmax. You need not change it."""
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


# %% [markdown]
# ## 7.1 One step of the network (2 points)
#
# Step t turns the hidden state h_t and the inputs x_t into the next hidden state and the logits:
#
#     h_{t+1} = tanh(x_t W + b + h_t U)
#     z_t = h_{t+1} W_out + b_out


# %%
def rnn_step(params, hidden, inputs):
    """Return the next hidden state [H] and the logits [A], as a tuple.

    params: the dict of the table above. hidden [H]. inputs [I].
    """
    ### BEGIN SOLUTION 7.1
    hidden = np.tanh(inputs @ params["W"] + params["b"] + hidden @ params["U"])
    return hidden, hidden @ params["W_out"] + params["b_out"]
    ### END SOLUTION


# %% [markdown]
# ## 7.2 Trials (5 points)
#
# The inputs of step t describe the step before it:
#
#     x_t = (one-hot vector of action t-1 [A], reward of step t-1, done flag of step t-1)
#
# The done flag of a step is 1 if the step is the last one of its episode, and 0 otherwise. At the
# first step of a trial, the hidden state is zero and all inputs are zero. The memory of the learner
# is kept when an episode ends, so that the learner can use what it has learned about the bandit.
#
# To draw an action from the probabilities pi with a uniform number u, take the first arm a with
# pi(0) + .. + pi(a) > u. The table `rewards` says what each arm would pay in each step. The learner
# earns the entry of its action, and sees no other entry.
#
# Play M trials, one after the other.


# %%
def play_trials(params, rewards, uniforms):
    """Return the logits [M, N, T, A] and the actions, whole numbers [M, N, T], as a tuple.

    params: the dict of the table above. rewards [M, N, T, A]: what each arm would pay in each step.
    uniforms [M, N, T]: the uniform number of each step.
    """
    ### BEGIN SOLUTION 7.2
    M, N, T, A = rewards.shape
    actions, logits = np.zeros((M, N, T), dtype=int), np.zeros((M, N, T, A))
    for m in range(M):
        hidden, inputs = np.zeros(len(params["U"])), np.zeros(A + 2)
        for n in range(N):
            for t in range(T):
                hidden, z = rnn_step(params, hidden, inputs)
                a = np.argmax(np.cumsum(policy(z)) > uniforms[m, n, t])
                actions[m, n, t], logits[m, n, t] = a, z
                inputs = np.concatenate([np.eye(A)[a], [rewards[m, n, t, a], t == T - 1]])
    return logits, actions
    ### END SOLUTION


# %% [markdown]
# ## 7.3 Returns-to-go (2 points)
#
# The learner shall earn much in the whole trial. An action changes the reward of its own step and
# all rewards that follow in the trial, because the learner remembers its action. So the
# return-to-go of a step is the sum of the reward of this step and of all rewards that follow in the
# trial. There is no discount.


# %%
def returns_to_go(rewards):
    """Return the return-to-go of each step of one trial [N, T]. rewards [N, T]: what was earned."""
    ### BEGIN SOLUTION 7.3
    backwards = np.cumsum(rewards.ravel()[::-1])
    return backwards[::-1].reshape(rewards.shape)
    ### END SOLUTION


# %% [markdown]
# ## 7.4 The gradient of a trial (5 points)
#
# REINFORCE needs the gradient of
#
#     f(params) = sum_t weight_t log pi_t(a_t),  pi_t = softmax(z_t)
#
# for a trial that was recorded. Here a_t are the recorded actions, and weight_t are given numbers,
# such as returns-to-go minus a baseline. The inputs x_t and the weights are constants. But the
# logits z_t depend on the parameters through h_{t+1}, and so through every earlier step of the
# trial, also through steps of earlier episodes.
#
# First compute the hidden states of all steps, from h_0 = 0. Then go backwards from the last step
# to the first. In each step you need the gradient of f in h_{t+1}. At the last step, h_{t+1} is
# used once. At every other step it is used twice, so the gradient has two parts.
#
# A difference quotient is no answer: your result is compared with the exact one to 12 digits, which
# a central difference does not reach. If you hold h_t fixed in the derivatives of each step t (h_t
# is then called detached), you get 40 % of the points in the final grading. Your own check shows 0
# points for it.


# %%
def trial_gradient(params, inputs, actions, weights):
    """Return the gradient of f in the parameters: a dict with the names and shapes of params.

    inputs [N * T, I]: x_t. actions [N * T]: whole numbers a_t. weights [N * T]: weight_t.
    """
    ### BEGIN SOLUTION 7.4
    hidden, logits = [np.zeros(len(params["U"]))], []
    for x in inputs:
        h, z = rnn_step(params, hidden[-1], x)
        hidden.append(h)
        logits.append(z)
    gradient = {name: np.zeros_like(value) for name, value in params.items()}
    d = np.zeros(len(params["U"]))
    for t in reversed(range(len(inputs))):
        e = weights[t] * (np.eye(len(logits[t]))[actions[t]] - policy(logits[t]))
        g = e @ params["W_out"].T + d @ params["U"].T
        d = g * (1 - hidden[t + 1] ** 2)
        gradient["W"] += np.outer(inputs[t], d)
        gradient["b"] += d
        gradient["U"] += np.outer(hidden[t], d)
        gradient["W_out"] += np.outer(hidden[t + 1], e)
        gradient["b_out"] += e
    return gradient
    ### END SOLUTION


# %% [markdown]
# ## Check your work
#
# In a terminal:
#
#     python -m metarl_min.teach check hw7.py
#
# In a cell of a notebook, which must not be part of the file that you hand in:
#
#     from metarl_min.teach import recurrent_gradients, recurrent_steps, recurrent_trials
#     from metarl_min.teach import trial_returns
#     from metarl_min.teach.questions import check
#     check(recurrent_steps.rnn_step(), rnn_step)
#     check(recurrent_trials.play_trials(), play_trials)
#     check(trial_returns.returns_to_go(), returns_to_go)
#     check(recurrent_gradients.trial_gradient(), trial_gradient)
#
# A check returns 1.0 for a right answer, and explains a wrong answer. The file that you hand in
# must not import `metarl_min`.
