"""The mathematics of policies and objectives written down plainly: one task, loops, nothing shared.

Tests hold the package against these. All of them accept complex arrays (for complex steps) and
traced ones (for autograd inside autograd), and none of them calls the package.
"""

import autograd.numpy as np


def softmax(z):
    weights = np.exp(z)
    return weights / np.sum(weights, axis=-1, keepdims=True)


def network_logits(params):
    """Feed one one-hot state after the other through the layers. -> [S, A]"""
    rows = []
    for one_hot in np.eye(params["W1"].shape[0]):
        hidden = np.tanh(np.dot(one_hot, params["W1"]) + params["b1"])
        rows.append(np.dot(hidden, params["W2"]) + params["b2"])
    return np.stack(rows)


def expected_return(probs, mdp, horizon, gamma):
    """Back up the value of one MDP from the last step to the first. probs [S, A]"""
    rewards = np.sum(mdp.transition * mdp.reward, axis=-1)
    values = np.zeros(len(mdp.initial))
    for _ in range(horizon):
        values = np.sum(probs * (rewards + gamma * np.dot(mdp.transition, values)), axis=-1)
    return np.sum(mdp.initial * values)


def surrogate(probs, episodes, advantages):
    """Mean over episodes of the sum of log pi(a_t|s_t) A_t over living steps; arrays [N, T]."""
    num_episodes, horizon = advantages.shape
    total = 0.0
    for n in range(num_episodes):
        for t in range(horizon):
            if episodes.alive[n, t]:
                s, a = episodes.states[n, t], episodes.actions[n, t]
                total = total + np.log(probs[s, a]) * advantages[n, t]
    return total / num_episodes


def derivative_along(function, x, v, h=1e-3):
    """Derivative of a function of a dict along the dict v, by differences of fourth order."""

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
    """Play N episodes of T steps in one MDP, without noise. -> four lists [N][T]

    u_first [N], u_actions [T, N] and u_arrivals [T, N] are the uniform numbers. An arrival is
    looked for among the states in falling order of their probability.
    """
    episodes = []
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
    return [[[step[i] for step in steps] for steps in episodes] for i in range(4)]
