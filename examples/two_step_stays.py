"""Does a player of the two-step task use the transitions? Exact chances that it stays.

A player stays if it takes the same first action in the next episode. A player that uses the
transitions stays after a common transition with a reward and after a rare transition without a
reward. Both say that its action leads to the better state. A player that only repeats what was paid
stays after a reward, whatever the transition was [Daw et al. 2011, fig. 2].

Two players are compared. The first is the Bayes-optimal player. The second counts for each action
the episodes with a reward minus the episodes without a reward, and takes the action with the larger
count. Every history of five episodes is listed with its probability, so no number is an estimate.
"""

import numpy as np

from metarl_min.ceilings import bayes_optimal
from metarl_min.tasks.two_step import two_step

EPISODES = 5


def histories(episodes=EPISODES):
    """Return the first action, the arrival and the reward of each episode. [E, 8^E] each"""
    digits = np.array(np.unravel_index(np.arange(8**episodes), (8,) * episodes))
    return digits // 4, 1 + digits // 2 % 2, digits % 2


def chance_of_what_happens(family, actions, arrivals, rewards):
    """Return the probability of all arrivals and rewards, if the actions are given. [8^E]"""
    P, mean = family.prior.mdps.transition[:, 0], family.prior.mdps.reward[:, :, 0, 0]
    paid = np.where(rewards, mean[:, arrivals], 1 - mean[:, arrivals])  # [G, E, 8^E]
    return family.prior.weights @ (P[:, actions, arrivals] * paid).prod(1)


def best_of(values):
    """Return the probability of each action: equal chances for all that are best. [.., A]"""
    best = values > values.max(-1, keepdims=True) - 1e-9
    return best / best.sum(-1, keepdims=True)


def bayes_optimal_policy(family, actions, arrivals, rewards):
    """Return the probability of each first action before each episode. [E, 8^E, A]"""
    ceiling, first = bayes_optimal.solve(family), np.zeros_like(actions[0])
    belief, policy = ceiling.start(len(first)), []
    for a, s, r in zip(actions, arrivals, rewards, strict=True):
        policy.append(best_of(ceiling.action_values(belief, first)))
        belief = ceiling.observe(belief, first, a, 0.0 * r, s)
        belief = ceiling.observe(belief, s, first, 1.0 * r, first)
    return np.stack(policy)


def counting_policy(family, actions, arrivals, rewards):
    """Return the same for the player that counts, and does not look at the arrivals."""
    gains = (2 * rewards - 1)[..., None] * np.eye(2)[actions]  # [E, 8^E, A]
    return best_of(gains.cumsum(0) - gains)


def stays(family, policy_of):
    """Return the chance to stay [common or rare, reward or none], and the return of a trial."""
    actions, arrivals, rewards = what = histories(family.num_episodes)
    policy = np.take_along_axis(policy_of(family, *what), actions[..., None], -1)[..., 0]
    weights = chance_of_what_happens(family, *what) * policy.prod(0)
    rare, again = arrivals != 1 + actions, actions[1:] == actions[:-1]
    table = np.empty((2, 2))
    for i, j in np.ndindex(2, 2):
        happens = (rare[:-1] == i) & (rewards[:-1] == 1 - j)
        table[i, j] = (weights * happens * again).sum() / (weights * happens).sum()
    return table, float(weights @ rewards.sum(0))


def main():
    """Print both tables; return the chances to stay and the returns."""
    family = two_step(episodes=EPISODES)
    results = {
        "Bayes-optimal": stays(family, bayes_optimal_policy),
        "counting": stays(family, counting_policy),
    }
    for name, (table, value) in results.items():
        print(f"{name}: return {value:.4f}")
        print("chance to stay        reward   no reward")
        for transition, row in zip(("common", "rare"), table, strict=True):
            print(f"  {transition:16s} {row[0]:9.4f} {row[1]:11.4f}")
    return results


if __name__ == "__main__":
    main()
