"""Every ordered list of episodes of a small problem, for estimators that depend on the order.

The estimators of papers do not depend on the order of the episodes, so the module `enumeration`
only counts the episodes of a data set. The code of a library may depend on their order, so in this
module a data set is a list of N episodes. U is the number of trajectories, so there are M = U^N
lists:

    (1)  P(D) = prod_i P(tau_i|theta)                       [definition of independent episodes]
    (2)  grad F_N = sum_D P(D) ((dphi/dtheta)^T v + R sum_i grad log P(tau_i|theta))
                                                       [derivative of F_N = sum_D P(D) J(phi(D))]

(2) is the mean of estimators (3) with K = 1 and c = 0, and phi is phi_1. The weights w_t of the
inner step may be any function of the data. (2) holds even if the mean of the inner step is not
along grad J. In dphi/dtheta the weights are constants, because they depend on theta only through
the episodes.

The functions of `ordered_data` trust their arguments.
"""

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.trees import Array
from metarl_min.gradients import inner_steps
from metarl_min.gradients.estimator_weights import Weights
from metarl_min.gradients.estimators import EstimatorInputs, through_inner_steps
from metarl_min.gradients.inner_steps import InnerStep
from metarl_min.gradients.listed_data import in_every_order, inputs_at
from metarl_min.gradients.problems import Problem, standard_problems
from metarl_min.mdps import policies
from metarl_min.tasks.bandits import bandit_mdps


def measured_problems() -> list[Problem]:
    """Return a bandit of two arms with N = 1, 2 and 4, then an MDP with N = 1 and 2. K = 1."""
    bandit = Problem(
        inner=InnerStep(policy=policies.tabular, alpha=0.7, baseline=0.0),
        theta={"logits": np.array([[0.3, -0.2]])},
        task=bandit_mdps(np.array([[0.2, 0.9]])),
        horizon=1,
        num_episodes=1,
        num_steps=1,
    )
    mdp = standard_problems()[1]._replace(num_steps=1)
    bandits = [bandit._replace(num_episodes=N) for N in (1, 2, 4)]
    return bandits + [mdp._replace(num_episodes=N) for N in (1, 2)]


def ordered_inputs(problem: Problem, weights: Weights) -> tuple[EstimatorInputs, Array]:
    """Return the inputs of an estimator on every ordered data set, and P(D), eq. (1). [M]

    The problem has one inner step, which uses the given weights.
    """
    listing = in_every_order(problem)
    data, log_constant = listing.stages[0], listing.log_factors[0]
    theta = trees.broadcast_to_tasks(problem.theta, len(log_constant))
    log_p = log_constant + inner_steps.log_probability(problem.inner, theta, data)
    phi = inner_steps.inner_step(problem.inner, theta, theta, data, weights)
    return inputs_at(problem, [theta, phi], [data]), np.exp(log_p)


def held(weights: Weights) -> Weights:
    """Return weights with the same values, which are constants for autograd.

    The log ratios, whose value is 0, are replaced by zeros that do not depend on theta.
    """
    return lambda log_ratio, rewards, *others: weights(np.zeros_like(rewards), rewards, *others)


def own_gradient(inputs: EstimatorInputs, probability: Array, weights: Weights) -> Array:
    """Return the exact gradient of F_N for an inner step with the given weights, eq. (2). [D]"""
    both_terms = through_inner_steps(*inputs[:4], held(weights), inputs.R)
    return np.asarray(probability @ trees.flatten_tasks(both_terms))
