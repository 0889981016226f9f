"""Surrogates whose derivatives, by autograd, are the estimates."""

import autograd.numpy as np
from autograd import grad, hessian


def log_pi(logits, actions):
    return (logits - np.log(np.sum(np.exp(logits))))[actions]


def inner_surrogate(phi, reference, actions, rewards, baseline):
    ratio = np.exp(log_pi(phi, actions) - log_pi(reference, actions))
    return np.mean(ratio * (rewards - baseline)) + baseline


def hessian_estimate(theta, actions, rewards, baseline):
    return hessian(inner_surrogate)(theta, theta, actions, rewards, baseline)


def inner_step(theta, actions, rewards, alpha, baseline):
    def objective(logits):
        return np.mean((rewards - baseline) * log_pi(logits, actions))

    return theta + alpha * grad(objective)(theta)


def meta_pg(theta, inner_actions, inner_rewards, outer_actions, outer_rewards, alpha, baseline):
    step = inner_actions, inner_rewards, alpha, baseline
    reference = inner_step(theta, *step)

    def surrogate(logits):
        drawn = np.sum(log_pi(logits, inner_actions) - log_pi(theta, inner_actions))
        after = inner_surrogate(
            inner_step(logits, *step), reference, outer_actions, outer_rewards, 0.0
        )
        return np.exp(drawn) * after

    return grad(surrogate)(theta)
