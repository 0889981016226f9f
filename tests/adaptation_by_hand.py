"""MAML written a second time, for a handful of states: loops, trajectories, complex arithmetic.

Everything is analytic in the parameters, so a complex step differentiates it to machine
precision, gradients of the inner loop included: those are written out by hand.
"""

import itertools

import numpy as np


def softmax(z):
    weights = np.exp(z - np.max(z.real, axis=-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def logits(params):
    if "logits" in params:
        return params["logits"]
    return np.tanh(params["W1"] + params["b1"]) @ params["W2"] + params["b2"]


def log_prob_gradient(params, s, a):
    """Gradient of log pi(a|s) in every parameter, by the chain rule for one state."""
    dz = -softmax(logits(params)[s])
    dz[a] += 1
    zeros = {name: np.zeros(np.shape(leaf), complex) for name, leaf in params.items()}
    if "logits" in params:
        zeros["logits"][s] = dz
        return zeros
    h = np.tanh(params["W1"][s] + params["b1"])
    dh = (params["W2"] @ dz) * (1 - h**2)
    zeros["W1"][s], zeros["b1"], zeros["W2"], zeros["b2"] = dh, dh, np.outer(h, dz), dz
    return zeros


def trajectories(task, horizon):
    """Every (states, actions, probability of the arrivals, return) of a single MDP."""
    S, A = task.transition.shape[-3:-1]
    reward = np.broadcast_to(task.reward, (S, A, S))
    for states in itertools.product(range(S), repeat=horizon + 1):
        for actions in itertools.product(range(A), repeat=horizon):
            probability, paid = task.initial[states[0]], 0.0
            for s, a, arrival in zip(states, actions, states[1:], strict=False):
                probability = probability * task.transition[s, a, arrival]
                paid += reward[s, a, arrival]
            if probability > 0:
                yield states, actions, probability, paid


def expected_return(params, paths):
    probs, total = softmax(logits(params)), 0.0
    for states, actions, probability, paid in paths:
        for s, a in zip(states, actions, strict=False):
            probability = probability * probs[s, a]
        total += probability * paid
    return total


def policy_gradient(params, paths):
    """sum over trajectories of P R grad log P."""
    probs = softmax(logits(params))
    weights = dict.fromkeys(np.ndindex(probs.shape), 0.0)
    for states, actions, probability, paid in paths:
        steps = list(zip(states, actions, strict=False))
        for s, a in steps:
            probability = probability * probs[s, a]
        for step in steps:
            weights[step] += probability * paid
    total = {name: np.zeros(np.shape(leaf), complex) for name, leaf in params.items()}
    for (s, a), weight in weights.items():
        score = log_prob_gradient(params, s, a)
        for name in total:
            total[name] = total[name] + weight * score[name]
    return total


def adapt(params, paths, alpha, num_steps):
    for _ in range(num_steps):
        g = policy_gradient(params, paths)
        params = {name: params[name] + alpha * g[name] for name in params}
    return params


def adapted_return(params, all_paths, alpha, num_steps):
    """F_inf: mean over the tasks, each given by its trajectories."""
    adapted = [adapt(params, paths, alpha, num_steps) for paths in all_paths]
    return np.mean([expected_return(phi, p) for phi, p in zip(adapted, all_paths, strict=True)])


def complex_step(function, params, h=1e-30):
    """Gradient of an analytic function in every coordinate of every parameter."""
    gradient = {}
    for name, leaf in params.items():
        gradient[name] = np.zeros(leaf.shape)
        for i in np.ndindex(leaf.shape):
            moved = {key: value.astype(complex) for key, value in params.items()}
            moved[name][i] += 1j * h
            gradient[name][i] = np.imag(function(moved)) / h
    return gradient


def relative_error(gradient, truth):
    """Largest error of any coordinate, relative to the largest coordinate of the truth."""
    scale = max(np.abs(leaf).max() for leaf in truth.values())
    assert scale > 0, "a gradient of zeros shows nothing"
    assert set(gradient) == set(truth)
    assert all(gradient[name].shape == truth[name].shape for name in truth)
    return max(np.abs(gradient[name] - truth[name]).max() for name in truth) / scale


# ---- trials of one task with deterministic transitions and rewards ----


def deterministic_episodes(task, horizon):
    """Every (states, actions, rewards) of one deterministic MDP [1] from its start."""
    full = np.broadcast_to(task.reward[0], task.transition[0].shape)
    for actions in itertools.product(range(task.shape[1]), repeat=horizon):
        s, states, rewards = int(task.initial[0].argmax()), [], []
        for a in actions:
            arrival = int(task.transition[0, s, a].argmax())
            states, rewards = [*states, s], [*rewards, full[s, a, arrival]]
            s = arrival
        yield states, list(actions), rewards


def every_trial(task, horizon, sizes):
    """Every way in which a trial can go: lists of stages, which are lists of episodes."""
    episode = list(deterministic_episodes(task, horizon))
    yield from itertools.product(*(list(itertools.product(episode, repeat=n)) for n in sizes))


def log_prob(params, stage):
    """Log-probability of all actions of a stage."""
    log_probs = np.log(softmax(logits(params)))
    return sum(log_probs[s, a] for ss, aa, _ in stage for s, a in zip(ss, aa, strict=True))


def surrogate_gradient(params, stage, baseline, gamma):
    """1/N sum_i sum_t grad log pi (W_t - b), step by step."""
    total = {name: np.zeros(np.shape(leaf), complex) for name, leaf in params.items()}
    for states, actions, rewards in stage:
        for t, (s, a) in enumerate(zip(states, actions, strict=True)):
            W = sum(gamma**lag * r for lag, r in enumerate(rewards[t:]))
            score = log_prob_gradient(params, s, a)
            for name in total:
                total[name] = total[name] + score[name] * (W - baseline) / len(stage)
    return total


def trial_path(params, stages, alpha, baseline, gamma):
    """phi_0 .. phi_K: a step after every stage but the last."""
    path = [params]
    for stage in stages[:-1]:
        g = surrogate_gradient(path[-1], stage, baseline, gamma)
        path.append({name: path[-1][name] + alpha * g[name] for name in params})
    return path


def trial_return(params, all_trials, weights, **inner):
    """F(theta): sum over all trials of probability times weighted return."""
    total = 0.0
    for stages in all_trials:
        path = trial_path(params, stages, **inner)
        log_p = sum(log_prob(phi, stage) for phi, stage in zip(path, stages, strict=True))
        returns = [sum(sum(rewards) for _, _, rewards in stage) for stage in stages]
        total = total + np.exp(log_p) * np.dot(weights, returns)
    return total
