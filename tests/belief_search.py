"""The searches that the ceilings are held against: recursion over histories in rationals."""

from fractions import Fraction

import numpy as np


def arm_values(prior, counts, pulls):
    """Q of every arm after `counts` = ((wins, losses), ..), by recursion."""
    if pulls == 0:
        return [Fraction(0)] * len(prior)
    values = []
    for i, ((a, b), (wins, losses)) in enumerate(zip(prior, counts, strict=True)):
        p = (a + wins) / (a + b + wins + losses)
        after = []
        for count in ((wins + 1, losses), (wins, losses + 1)):
            after.append(max(arm_values(prior, (*counts[:i], count, *counts[i + 1 :]), pulls - 1)))
        values.append(p * (1 + after[0]) + (1 - p) * after[1])
    return values


class BeliefSearch:
    """Q at any history of a finite family, by Bayes' rule and recursion in rational numbers."""

    def __init__(self, family):
        exact = np.vectorize(Fraction, otypes=[object])
        mdps, G = family.prior.mdps, len(family.prior.weights)
        shape = (G, *mdps.transition.shape[1:])
        self.P = exact(np.broadcast_to(mdps.transition, shape))
        self.R = exact(np.broadcast_to(mdps.reward, shape))
        self.rho = [Fraction(x) for x in mdps.initial[0]]
        self.T, self.end = family.horizon, family.horizon * family.num_episodes
        self.prior = tuple(Fraction(x) for x in family.prior.weights)
        self.known = {}

    def after(self, belief, s, a, r, arrival):
        joint = [
            b * self.P[h, s, a, arrival] * (self.R[h, s, a, arrival] == r)
            for h, b in enumerate(belief)
        ]
        return sum(joint), tuple(x / sum(joint) for x in joint) if sum(joint) else None

    def start_value(self, belief, t):
        return sum(
            p * max(self.values(belief, s, t)) for s, p in enumerate(self.rho) if p and t < self.end
        )

    def values(self, belief, s, t):
        if t == self.end:
            return [Fraction(0)]
        if (belief, s, t) not in self.known:
            self.known[belief, s, t] = [self.value(belief, s, t, a) for a in range(self.P.shape[2])]
        return self.known[belief, s, t]

    def value(self, belief, s, t, a):
        total = Fraction(0)
        for arrival in range(self.P.shape[1]):
            for r in set(self.R[:, s, a, arrival]):
                chance, left = self.after(belief, s, a, r, arrival)
                if chance:
                    same = (t + 1) % self.T
                    next_value = self.values(left, arrival, t + 1) if same else None
                    more = max(next_value) if same else self.start_value(left, t + 1)
                    total += chance * (r + more)
        return total
