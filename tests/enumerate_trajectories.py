"""An independent computation of values and derivatives: every trajectory of one small MDP.

The functions are plain Python and call no function of the package. `initial` [S], `transition`
[S][A][S], `reward` [S][A][S] and `policy` [S][A] are indexed one number at a time. A policy that
depends on time is a list of T such tables.
"""

from itertools import permutations, product

import numpy as np

from metarl_min.mdps.mdp import MDP


def random_mdp(seed, num_states=2, num_actions=2):
    """An MDP without zeros and a policy, from NumPy's Dirichlet sampler."""
    rng = np.random.default_rng(seed)
    S, A = num_states, num_actions
    return (
        MDP(
            rng.dirichlet(np.ones(S)),
            rng.dirichlet(np.ones(S), (S, A)),
            rng.normal(size=(S, A, S)),
        ),
        rng.dirichlet(np.ones(A), S),
    )


def random_batch(seed, num_tasks, num_states=2, num_actions=2):
    """A batch of random MDPs, a policy for each, and the list of the single (MDP, policy)."""
    single = [random_mdp([seed, m], num_states, num_actions) for m in range(num_tasks)]
    stacked = MDP(*(np.stack(x) for x in zip(*(mdp for mdp, _ in single), strict=True)))
    return stacked, np.stack([probs for _, probs in single]), single


def trajectories(mdp, horizon):
    """Yield (states, actions, next states, p) of each trajectory.

    p is its probability without the factors of the policy.
    """
    S, A = len(mdp.transition), len(mdp.transition[0])
    for path in product(range(S), repeat=horizon + 1):
        for actions in product(range(A), repeat=horizon):
            p = float(mdp.initial[path[0]])
            for t in range(horizon):
                p *= float(mdp.transition[path[t]][actions[t]][path[t + 1]])
            if p > 0:
                yield path[:-1], actions, path[1:], p


def discounted_return(mdp, states, actions, arrivals, gamma):
    """The discounted return of one trajectory."""
    total = 0.0
    for t, (s, a, z) in enumerate(zip(states, actions, arrivals, strict=True)):
        total += gamma**t * float(mdp.reward[s][a][z if len(mdp.reward[s][a]) > 1 else 0])
    return total


def expected_return(mdp, policy, horizon, gamma=1.0):
    """The sum over all trajectories of probability times return."""
    total = 0.0
    tables = policy if np.ndim(policy) == 3 else [policy] * horizon
    for states, actions, arrivals, p in trajectories(mdp, horizon):
        for t in range(horizon):
            p = p * tables[t][states[t]][actions[t]]
        total += p * discounted_return(mdp, states, actions, arrivals, gamma)
    return total


def last_rewards(mdp, horizon, gamma):
    """Yield (states, actions, value) of each trajectory of 1, 2, .., T steps.

    The value is gamma^t p r of its last reward. If the rows of a policy do not sum to one, J can
    be continued in many ways. The recursions of the package continue it so that no factor of the
    policy after a reward multiplies it: J is the sum over t of gamma^t times the last rewards of
    all trajectories of t + 1 steps.
    """
    for steps in range(1, horizon + 1):
        for states, actions, arrivals, p in trajectories(mdp, steps):
            last = discounted_return(mdp, states[-1:], actions[-1:], arrivals[-1:], gamma)
            yield states, actions, gamma ** (steps - 1) * p * last


def gradient(mdp, policy, horizon, gamma=1.0):
    """The derivative of J in each pi(a|s), by the product rule. [S, A]

    Each term leaves out one factor of the policy.
    """
    result = np.zeros(np.shape(policy))
    for states, actions, value in last_rewards(mdp, horizon, gamma):
        for left_out in range(len(states)):
            q = value
            for t in range(len(states)):
                q *= policy[states[t]][actions[t]] if t != left_out else 1.0
            result[states[left_out]][actions[left_out]] += q
    return result


def hessian_product(mdp, policy, v, horizon, gamma=1.0):
    """The second derivative of J along v, by the product rule. [S, A]

    Each term leaves out one factor of the policy and replaces another by the entry of v.
    """
    result = np.zeros(np.shape(policy))
    for states, actions, value in last_rewards(mdp, horizon, gamma):
        for left_out, moved in permutations(range(len(states)), 2):
            q = value * v[states[moved]][actions[moved]]
            for t in range(len(states)):
                q *= 1.0 if t in (left_out, moved) else policy[states[t]][actions[t]]
            result[states[left_out]][actions[left_out]] += q
    return result


def occupancy(mdp, policy, horizon, gamma=1.0):
    """The discounted probability of each state at each time. [T, S]

    It is the sum over all trajectories of t steps that end in the state.
    """
    result = np.zeros((horizon, len(mdp.initial)))
    result[0] = mdp.initial
    for t in range(1, horizon):
        for states, actions, arrivals, p in trajectories(mdp, t):
            for s, a in zip(states, actions, strict=True):
                p *= policy[s][a]
            result[t][arrivals[-1]] += gamma**t * p
    return result


def discounted_forever(mdp, policy, gamma, steps=80):
    """The return of an episode without end, step by step until gamma^t is negligible.

    The policy and the MDP may be complex.
    """
    here, total = mdp.initial, 0.0
    for t in range(steps):
        p = here[:, None, None] * policy[:, :, None] * mdp.transition  # of (s, a, s') at step t
        total = total + gamma**t * (p * mdp.reward).sum()
        here = p.sum((0, 1))
    return total


def best_deterministic(mdp, horizon, gamma=1.0):
    """The return of the best deterministic policy that may depend on time.

    All such policies are tried.
    """
    S, A = len(mdp.transition), len(mdp.transition[0])
    rules = [np.eye(A)[list(choice)] for choice in product(range(A), repeat=S)]
    policies = product(rules, repeat=horizon)
    return max(expected_return(mdp, np.stack(policy), horizon, gamma) for policy in policies)
