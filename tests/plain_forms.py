"""Plain forms: the mathematics of policies, objectives and sampling for one task, with loops.

Tests hold the package against these functions, which call no function of the package. All but
`draw`, `absorbing` and `sample` accept complex arrays (for complex steps) and arrays that autograd
is tracing (for derivatives of derivatives).
"""

import autograd.numpy as np


def softmax(z):
    """The softmax along the last axis."""
    weights = np.exp(z)
    return weights / np.sum(weights, axis=-1, keepdims=True)


def network_logits(params):
    """The logits of a network with one hidden layer, for one state after the other. [S, A]"""
    rows = []
    for one_hot in np.eye(params["W1"].shape[0]):
        hidden = np.tanh(np.dot(one_hot, params["W1"]) + params["b1"])
        rows.append(np.dot(hidden, params["W2"]) + params["b2"])
    return np.stack(rows)


def expected_return(probs, mdp, horizon, gamma):
    """The expected return of a policy [S, A] in one MDP, from the last step to the first."""
    rewards = np.sum(mdp.transition * mdp.reward, axis=-1)
    values = np.zeros(len(mdp.initial))
    for _ in range(horizon):
        values = np.sum(probs * (rewards + gamma * np.dot(mdp.transition, values)), axis=-1)
    return np.sum(mdp.initial * values)


def surrogate(probs, episodes, advantages):
    """The mean over episodes of the sum over steps of log pi(a_t|s_t) Adv_t. arrays [N, T]

    Steps that are not alive do not count.
    """
    num_episodes, horizon = advantages.shape
    total = 0.0
    for n in range(num_episodes):
        for t in range(horizon):
            if episodes.alive[n, t]:
                s, a = episodes.states[n, t], episodes.actions[n, t]
                total = total + np.log(probs[s, a]) * advantages[n, t]
    return total / num_episodes


def derivative_along(function, x, v, h=1e-3):
    """The derivative of a function of a dict along the dict v, by fourth-order differences."""

    def at(k):
        return function({name: x[name] + k * h * v[name] for name in x})

    steps = {k: at(k) for k in (-2, -1, 1, 2)}
    return {
        name: (8 * (steps[1][name] - steps[-1][name]) - (steps[2][name] - steps[-2][name]))
        / (12 * h)
        for name in x
    }


def draw(probabilities, u):
    """The first index whose cumulative probability is above u."""
    total = 0.0
    for i, p in enumerate(probabilities):
        total += p
        if u < total:
            return i
    raise AssertionError("u must be below 1")


def absorbing(mdp, state):
    """Whether every action of one MDP stays in the state and pays 0."""
    return all(
        mdp.transition[state, a, state] == 1 and mdp.reward[state, a, state] == 0
        for a in range(mdp.transition.shape[1])
    )


def sample(mdp, probs, u_first, u_actions, u_arrivals):
    """Play N episodes of T steps in one MDP, without noise.

    -> four lists [N][T], and the list of the last arrivals [N]

    u_first [N], u_actions [T, N] and u_arrivals [T, N] are the uniform numbers. An arrival is
    looked for among the states in falling order of their probability.
    """
    episodes, last_arrivals = [], []
    for n in range(len(u_first)):
        state, steps = draw(mdp.initial, u_first[n]), []
        for t in range(len(u_actions)):
            alive = t == 0 or not absorbing(mdp, state)
            action = draw(probs[state], u_actions[t, n])
            likeliest_first = sorted(
                range(len(mdp.initial)), key=lambda z: -mdp.transition[state, action, z]
            )
            chances = [mdp.transition[state, action, z] for z in likeliest_first]
            arrival = likeliest_first[draw(chances, u_arrivals[t, n])]
            reward = mdp.reward[state, action, arrival] if alive else 0.0
            steps.append((state, action, reward, alive))
            state = arrival
        episodes.append(steps)
        last_arrivals.append(state)
    by_step = [[[step[i] for step in steps] for steps in episodes] for i in range(4)]
    return [*by_step, last_arrivals]
