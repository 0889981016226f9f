"""The plain forms of the ceilings: recursion over histories in rational numbers."""

from fractions import Fraction

import numpy as np


def arm_values(prior, records, pulls):
    """Q of every arm with `pulls` pulls to go, by recursion over the rewards.

    `prior` is a tuple of pairs (a, b), and `records` a tuple of pairs (wins, losses).
    """
    if pulls == 0:
        return [Fraction(0)] * len(prior)
    values = []
    for i, ((a, b), (wins, losses)) in enumerate(zip(prior, records, strict=True)):
        win_probability = (a + wins) / (a + b + wins + losses)
        next_values = []
        for record in ((wins + 1, losses), (wins, losses + 1)):
            next_records = (*records[:i], record, *records[i + 1 :])
            next_values.append(max(arm_values(prior, next_records, pulls - 1)))
        won, lost = next_values
        values.append(win_probability * (1 + won) + (1 - win_probability) * lost)
    return values


class BeliefSearch:
    """Q at any history of a finite set of candidate tasks, by Bayes' rule and recursion.

    A belief is a tuple of rational numbers, one for each candidate. Rewards have no noise.
    """

    def __init__(self, family):
        rational = np.vectorize(Fraction, otypes=[object])
        mdps, num_candidates = family.prior.mdps, len(family.prior.weights)
        shape = (num_candidates, *mdps.transition.shape[1:])
        self.P = rational(np.broadcast_to(mdps.transition, shape))
        self.R = rational(np.broadcast_to(mdps.reward, shape))
        self.rho = [Fraction(x) for x in mdps.initial[0]]
        self.horizon, self.num_steps = family.horizon, family.horizon * family.num_episodes
        self.prior = tuple(Fraction(x) for x in family.prior.weights)
        self.cache = {}

    def update(self, belief, s, a, r, arrival):
        """The probability of an outcome, and the belief after it; None if it is impossible."""
        joint = [
            b * self.P[g, s, a, arrival] * (self.R[g, s, a, arrival] == r)
            for g, b in enumerate(belief)
        ]
        total = sum(joint)
        return total, tuple(x / total for x in joint) if total else None

    def start_value(self, belief, t):
        """V before the first state of an episode is drawn."""
        if t == self.num_steps:
            return Fraction(0)
        return sum(p * max(self.values(belief, s, t)) for s, p in enumerate(self.rho) if p)

    def values(self, belief, s, t):
        """Q of every action in state s before step t of the trial."""
        if t == self.num_steps:
            return [Fraction(0)]
        if (belief, s, t) not in self.cache:
            actions = range(self.P.shape[2])
            self.cache[belief, s, t] = [self.value(belief, s, t, a) for a in actions]
        return self.cache[belief, s, t]

    def value(self, belief, s, t, a):
        """Q of one action: the sum over all outcomes of the step."""
        total = Fraction(0)
        for arrival in range(self.P.shape[1]):
            for r in set(self.R[:, s, a, arrival]):
                probability, posterior = self.update(belief, s, a, r, arrival)
                if not probability:
                    continue
                if (t + 1) % self.horizon == 0:
                    next_value = self.start_value(posterior, t + 1)
                else:
                    next_value = max(self.values(posterior, arrival, t + 1))
                total += probability * (r + next_value)
        return total
