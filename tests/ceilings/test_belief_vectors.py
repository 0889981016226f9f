"""Beliefs with noisy hints, against recursion over histories in rational numbers."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from comparing import rng

from metarl_min.ceilings import TooLarge, bayes_optimal, belief_vectors, hypotheses
from metarl_min.mdps import rollouts
from metarl_min.mdps.episodes import Episodes, map_fields
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import Unsupported, family_of_candidates
from metarl_min.tasks.gridworlds import gridworld

HALF = np.array([0.5, 0.5])


class Plain:
    """Q at any history, by Bayes' rule and recursion over outcomes."""

    def __init__(self, family):
        rational = np.vectorize(Fraction, otypes=[object])
        mdps, self.family = family.prior.mdps, family
        G, (S, A) = len(family.prior.weights), mdps.shape
        self.P = rational(np.broadcast_to(mdps.transition, (G, S, A, S)))
        self.R = rational(np.broadcast_to(mdps.reward, (G, S, A, S)))
        self.rho = rational(np.broadcast_to(mdps.initial, (G, S)))
        self.w = tuple(Fraction(x) for x in family.prior.weights)
        self.bernoulli = family.reward_noise is rollouts.bernoulli
        self.end = family.horizon * family.num_episodes
        self.cache = {}

    def after(self, belief, likelihood):
        joint = [b * p for b, p in zip(belief, likelihood, strict=True)]
        total = sum(joint)
        return total, tuple(x / total for x in joint) if total else None

    def rewards(self, s, a, arrival):
        return (1, 0) if self.bernoulli else set(self.R[:, s, a, arrival])

    def chance(self, g, s, a, arrival, r):
        mean = self.R[g, s, a, arrival]
        paid = (mean if r else 1 - mean) if self.bernoulli else mean == r
        return self.P[g, s, a, arrival] * paid

    def begin(self, belief, t):
        if t == self.end:
            return Fraction(0)
        total = Fraction(0)
        for s in range(self.rho.shape[1]):
            p, b = self.after(belief, self.rho[:, s])
            total += p * max(self.values(b, s, t)) if p else 0
        return total

    def values(self, belief, s, t):
        if (belief, s, t) not in self.cache:
            actions = range(self.P.shape[2])
            self.cache[belief, s, t] = [self.value(belief, s, t, a) for a in actions]
        return self.cache[belief, s, t]

    def value(self, belief, s, t, a):
        total = Fraction(0)
        for arrival in range(self.P.shape[1]):
            for r in self.rewards(s, a, arrival):
                likelihood = [self.chance(g, s, a, arrival, r) for g in range(len(self.w))]
                p, b = self.after(belief, likelihood)
                if p:
                    ends = (t + 1) % self.family.horizon == 0
                    v = self.begin(b, t + 1) if ends else max(self.values(b, arrival, t + 1))
                    total += p * (r + v)
        return total


def hints():
    """A hypothesis and its mirror image: the arrival is a hint with probability .9."""
    P = np.array([[[[0.9, 0.1], [0.1, 0.9]]] * 2, [[[0.1, 0.9], [0.9, 0.1]]] * 2])
    mdps = MDP(np.array([[1.0, 0.0]]), P, np.ones((2, 2, 2, 1)) * np.array([0.0, 1.0]))
    return family_of_candidates("hints", {}, mdps, HALF, 5, 3, rollouts.deterministic)


def random_family(seed, noise=rollouts.deterministic, G=3, S=2, A=2, T=2, N=2):
    """Candidates with chances in eighths, some of them 0; also of the first state."""
    draw = rng(seed)
    P = draw.multinomial(8, np.full(S, 1 / S), (G, S, A)) / 8
    levels = (0.0, 0.25, 1.0) if noise is rollouts.bernoulli else (-1.0, 0.5)
    mdps = MDP(draw.multinomial(4, np.full(S, 1 / S), G) / 4, P, draw.choice(levels, (G, S, A, S)))
    return family_of_candidates("random", {}, mdps, np.array([0.5, 0.25, 0.25]), T, N, noise)


def levers(n, chance=0.9, pulls=5):
    """One of n levers leads on with chance .9, the others with chance .1."""
    P = np.zeros((n, 2, n, 2))
    P[:, 0, :, 1] = 1 - chance
    P[np.arange(n), 0, np.arange(n), 1] = chance
    P[:, 0, :, 0] = 1 - P[:, 0, :, 1]
    P[:, 1, :, 1] = 1.0
    reward = np.zeros((1, 2, 1, 2))
    reward[0, 0, 0, 1] = 1.0
    mdps = MDP(np.array([[1.0, 0.0]]), P, reward)
    return family_of_candidates(
        "levers", {}, mdps, np.full(n, 1 / n), 1, pulls, rollouts.deterministic
    )


def test_a_value_that_was_computed_elsewhere_by_a_count_of_hints():
    found = bayes_optimal.solve(hints())
    assert found.value == pytest.approx(12.875081741493759, abs=1e-11)
    assert found.known_task == pytest.approx(13.5, abs=1e-12)


@pytest.mark.parametrize("noise", [rollouts.deterministic, rollouts.bernoulli])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.verifies("belief_layers.1", "outcomes.2")
def test_eq1_values_are_those_of_recursion_over_histories(seed, noise):
    family = random_family(seed, noise)
    plain = Plain(family)
    found = belief_vectors.solve(family)
    assert found.value == pytest.approx(float(plain.begin(plain.w, 0)), abs=1e-12)
    assert bayes_optimal.solve(family).value == pytest.approx(found.value, abs=1e-12)


@pytest.mark.parametrize("n", [2, 3])
def test_levers_that_lead_on_by_chance(n):
    plain = Plain(levers(n))
    value = bayes_optimal.solve(levers(n)).value
    assert value == pytest.approx(float(plain.begin(plain.w, 0)), abs=1e-12)


def test_certain_hints_are_subsets():
    family = gridworld(size=2, horizon=3, episodes=2, start=0, slip=0.0)
    one, other = belief_vectors.solve(family), hypotheses.solve(family)
    assert one.value == pytest.approx(other.value, abs=1e-12)
    assert one.needs_arrivals == other.needs_arrivals


def histories(family, seed, num_tasks=40):
    """Trials of random actions, with every arrival."""
    draw, G = rng(seed), len(family.prior.weights)
    mdps, (S, A) = family.prior.mdps, family.prior.mdps.shape
    P = np.broadcast_to(mdps.transition, (G, S, A, S))
    rho = np.broadcast_to(mdps.initial, (G, S))
    task = draw.choice(G, num_tasks, p=family.prior.weights)
    for t in range(family.horizon * family.num_episodes):
        if t % family.horizon == 0:
            states = np.array([draw.choice(S, p=rho[g]) for g in task])
        actions = draw.integers(A, size=num_tasks)
        rows = P[task, states, actions]
        arrivals = np.array([draw.choice(S, p=row) for row in rows])
        mean = np.broadcast_to(mdps.reward, (G, S, A, S))[task, states, actions, arrivals]
        rewards = family.reward_noise(draw, mean)
        yield states, actions, rewards, arrivals
        states = arrivals


@pytest.mark.parametrize("noise", [rollouts.deterministic, rollouts.bernoulli])
def test_action_values_along_histories(noise):
    family = random_family(3, noise)
    plain, found = Plain(family), belief_vectors.solve(family)
    belief, exact = found.start(40), [plain.w] * 40
    for t, (states, actions, rewards, arrivals) in enumerate(histories(family, 5)):
        if t % family.horizon == 0:
            exact = [plain.after(b, plain.rho[:, s])[1] for b, s in zip(exact, states, strict=True)]
        expected = [plain.values(b, s, t) for b, s in zip(exact, states, strict=True)]
        assert np.allclose(found.action_values(belief, states), np.array(expected, float), 0, 1e-12)
        belief = found.observe(belief, states, actions, rewards, arrivals)
        steps = zip(states, actions, arrivals, rewards, strict=True)
        for m, step in enumerate(steps):
            likelihood = [plain.chance(g, *step[:3], Fraction(step[3])) for g in range(3)]
            exact[m] = plain.after(exact[m], likelihood)[1]


def all_trials(family):
    """Every trial of two episodes of two steps, its chance and its return.

    The player draws its actions with the chances .75 and .25. In the second episode, its favourite
    is the action with the number of the last arrival of the first episode.
    """
    mdps, weights = family.prior.mdps, family.prior.weights
    paths = np.array(list(itertools.product((0, 1), repeat=10))).reshape(-1, 2, 5)
    s, a, z = paths[..., [0, 2]], paths[..., [1, 3]], paths[..., [2, 4]]
    favourite = np.stack([np.zeros(len(s), int), z[:, 0, 1]], axis=1)[..., None]
    played = np.where(a == favourite, 0.75, 0.25).prod((1, 2))
    of_task = [
        rho[s[..., 0]].prod(-1) * P[s, a, z].prod((1, 2)) * played
        for rho, P in zip(mdps.initial, mdps.transition, strict=True)
    ]
    for g, chance in enumerate(of_task):
        rewards, alive = mdps.reward[g][s, a, z], np.ones(s.shape, bool)
        trials = Episodes(s, a, rewards, alive, last_arrivals=z[..., -1])
        some = chance > 0
        yield map_fields(lambda x, some=some: x[some], trials), weights[g] * chance[some]


@pytest.mark.verifies("bayes_optimal.1", "evaluation.2")
@pytest.mark.parametrize("seed", range(4))
def test_losses_under_slip_are_exact_over_all_trials_of_two_episodes(seed):
    family = random_family(seed)
    found = bayes_optimal.solve(family)
    assert found.needs_arrivals
    earned, lost, total = 0.0, 0.0, 0.0
    for trials, chance in all_trials(family):
        total += chance.sum()
        earned += chance @ trials.rewards.sum((1, 2))
        lost += chance @ bayes_optimal.regret(found, trials)
    assert total == pytest.approx(1, abs=1e-12)
    assert lost == pytest.approx(found.value - earned, abs=1e-12) and lost > 1e-3


def test_the_player_of_the_solution_earns_the_value():
    family = random_family(1)
    found = bayes_optimal.solve(family)
    player = bayes_optimal.bayes_optimal(family, found)
    tasks = family.sample(rng(7), 4000)
    episodes = player.trial(rng(8), player.init(rng(9)), tasks, False)
    returns = episodes.rewards.sum((1, 2))
    assert abs(returns.mean() - found.value) < 5 * returns.std() / np.sqrt(len(returns))


def test_an_impossible_step_and_an_unknown_arrival_are_refused():
    family = levers(2)
    found = belief_vectors.solve(family)
    belief = found.start(1)
    zero, one = np.zeros(1, int), np.ones(1, int)
    with pytest.raises(ValueError, match="impossible step 0"):
        found.observe(belief, zero, zero, np.array([0.5]), one)
    silent = family._replace(
        prior=family.prior._replace(mdps=family.prior.mdps._replace(reward=np.zeros((1, 1, 1, 1))))
    )
    unseen = belief_vectors.solve(silent)
    assert unseen.needs_arrivals and not found.needs_arrivals
    with pytest.raises(ValueError, match=r"episodes need last_arrivals.*none after step 0"):
        unseen.observe(unseen.start(1), zero, zero, np.zeros(1), None)


def test_what_is_refused():
    with pytest.raises(TooLarge, match="at least"):
        belief_vectors.solve(hints(), limit=100)
    with pytest.raises(Unsupported, match="rewards by gaussian"):
        belief_vectors.solve(hints()._replace(reward_noise=rollouts.gaussian))
    two = np.full((2, 1, 1, 1), 2.0)
    mdps = hints().prior.mdps._replace(reward=two)
    family = family_of_candidates("two", {}, mdps, HALF, 1, 1, rollouts.bernoulli)
    with pytest.raises(Unsupported, match=r"means in \[0, 1\]"):
        belief_vectors.solve(family)
