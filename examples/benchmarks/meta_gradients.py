"""CPU time of a meta-gradient on three standard workloads, as ratios to the forward pass.

    W1  exact, 40 bandits of 5 arms, 3 inner steps
    W2  exact, 20 gridworlds 5x5, horizon 30 (or discounted and infinite), 3 inner steps
    W3  sampled, 20 gridworlds x 20 episodes x 30 steps, one-hidden-layer network, 1 inner step

Each time is compared with the forward arithmetic of the same problem in plain NumPy, which is a
lower limit for any code that uses NumPy. Machines are noisy, so quote the ratios. Run with
OPENBLAS_NUM_THREADS=1.
"""

import numpy as np
from timing import cpu_ms

from metarl_min.gradients import adaptation, objectives, returns
from metarl_min.gradients.forward_passes import forward_passes
from metarl_min.mdps import networks, policies, rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.policies import softmax
from metarl_min.tasks.bandits import bandit_mdps
from metarl_min.tasks.gridworlds import transitions

WAYS = {
    "chain of Hessian-vector products": adaptation.meta_gradient_by_hessian_products,
    "closed inner gradient, one sweep": adaptation.meta_gradient,
    "reverse over reverse": adaptation.meta_gradient_reverse_over_reverse,
}


def bandits(rng):
    means = 0.2 + 0.2 * rng.random((40, 5))
    means[np.arange(40), rng.choice(5, 40, p=[0.45, 0.35, 0.2 / 3, 0.2 / 3, 0.2 / 3])] += 0.5
    return bandit_mdps(means)


def grids(rng):
    """Entering the goal pays 1 and ends the episode; a tenth of the moves slip."""
    goals, S = rng.permutation(25)[:20], 25
    transition, goal = transitions(5, 4, (), 0.1), np.eye(S)[goals].astype(bool)
    stays = np.broadcast_to(np.eye(S)[:, None], transition.shape)
    transition = np.where(goal[:, :, None, None], stays, transition)
    reward = np.where(goal[:, None, None, :] & ~goal[:, :, None, None], 1.0, 0.0)
    return MDP(np.full((1, S), 1 / S), transition, np.broadcast_to(reward, (20, S, 1, S)))


def forward(task, logits, horizon, num_steps):
    """Evaluate the policy num_steps + 1 times, and nothing else."""
    rewards = (task.transition * task.reward).sum(-1)
    for _ in range(num_steps + 1):
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        probs = weights / weights.sum(-1, keepdims=True)
        paid = (probs * rewards).sum(-1)
        if task.shape[0] == 1:
            continue
        matrix = 0.95 * np.matmul(probs[..., None, :], task.transition)[..., 0, :]
        if horizon is None:
            np.linalg.solve(np.eye(25) - matrix, paid[..., None])
        else:
            values = paid
            for _ in range(horizon - 1):
                values = paid + np.matmul(matrix, values[..., None])[..., 0]


def exact_workload(name, task, horizon, gamma, alpha):
    S, A = task.shape
    theta = {"logits": 0.1 * np.random.default_rng(1).standard_normal((S, A))}
    logits = np.broadcast_to(theta["logits"], (task.leading[0], S, A))
    J = objectives.expected_return_objective(task, horizon, gamma)
    row = {"raw forward": cpu_ms(lambda: forward(task, logits, horizon, 3))}
    for way, function in WAYS.items():
        row[way] = cpu_ms(lambda f=function: f(policies.tabular, theta, alpha, 3, J))
    return {name: row}


def sampled_iteration(rng, policy, theta, tables, alpha):
    """Sample, take an inner step, sample again, and return the second-order gradient."""

    def surrogate(params):
        episodes = rollouts.sample(rng, tables, softmax(policy.logits(params)), 20, 30)
        W = returns.discounted_returns(episodes.rewards, 0.95)
        advantages = W - returns.batch_mean_baseline(W)
        return objectives.reinforce_objective(
            objectives.advantage_table(episodes, advantages, (25, 4))
        )

    inner = surrogate(theta)
    path, passes = forward_passes(policy, theta, alpha, [inner])
    outer = [None, surrogate(path[-1])]
    v = adaptation.adjoints(policy, path, alpha, [inner], outer, passes)
    return adaptation.sum_tasks(v[0], theta)


def sampled_workload():
    rng, policy = np.random.default_rng(0), networks.mlp(64)
    task = grids(rng)
    task = MDP(np.eye(25)[None, 12], task.transition, task.reward)
    theta = policy.init(rng, 25, 4)
    tables = rollouts.sampler(task, rollouts.deterministic)
    probs = softmax(policy.logits(theta))
    rollout = cpu_ms(lambda: rollouts.sample(rng, tables, probs, 20, 30))
    whole = cpu_ms(lambda: sampled_iteration(rng, policy, theta, tables, 0.3))
    return {"W3": {"raw forward": 2 * rollout, "whole iteration": whole}}


def main():
    table = exact_workload("W1", bandits(np.random.default_rng(0)), 1, 1.0, 3.0)
    table |= exact_workload("W2 finite", grids(np.random.default_rng(0)), 30, 0.95, 10.0)
    table |= exact_workload("W2 solve", grids(np.random.default_rng(0)), None, 0.95, 10.0)
    table |= sampled_workload()
    for name, row in table.items():
        for way, ms in row.items():
            ratio = ms / row["raw forward"]
            print(f"{name:10s} {way:34s} {ms:9.3f} ms  {ratio:6.1f} x raw forward")
    return table


if __name__ == "__main__":
    main()
