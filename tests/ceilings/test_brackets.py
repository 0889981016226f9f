"""Bounds for candidate tasks, eqs. (1)-(4), against exact values and closed forms."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
from comparing import rng

from metarl_min.ceilings import TooLarge, belief_vectors, bounds, brackets, reward_hints
from metarl_min.ceilings.belief_layers import each_step, hints
from metarl_min.ceilings.outcomes import outcomes
from metarl_min.mdps import rollouts, values
from metarl_min.mdps.mdp import MDP, take_tasks
from metarl_min.tasks import Unsupported, family_of_candidates
from metarl_min.tasks.bandits import bandit, bandit_mdps

LIMITS = (0, 20, 60, 150, 400, 10**6)


def small_family(seed, noise=rollouts.deterministic, G=3, S=2, T=2, N=2):
    """Candidates with chances in eighths, some of them 0, also of the first state."""
    draw = rng(seed)
    P = draw.multinomial(8, np.full(S, 1 / S), (G, S, 2)) / 8
    levels = (0.0, 0.25, 1.0) if noise is rollouts.bernoulli else (-1.0, 0.5)
    reward = draw.choice(levels, (G, S, 2, S))
    mdps = MDP(draw.multinomial(4, np.full(S, 1 / S), G) / 4, P, reward)
    return family_of_candidates("small", {}, mdps, draw.dirichlet(np.ones(G)), T, N, noise)


def arms(means, std, pulls):
    means = np.array(means, float)
    weights = np.full(len(means), 1 / len(means))
    noise = partial(rollouts.gaussian, std=std)
    return family_of_candidates("arms", {}, bandit_mdps(means), weights, 1, pulls, noise)


@pytest.mark.verifies("brackets.1", "brackets.2")
@pytest.mark.parametrize("noise", [rollouts.deterministic, rollouts.bernoulli])
@pytest.mark.parametrize("seed", range(12))
def test_the_exact_value_lies_between_the_bounds_for_every_number_of_steps(seed, noise):
    family = small_family(seed, noise, T=1 + seed % 3)
    value, returns = belief_vectors.solve(family).value, brackets.candidate_returns(family)
    last = (-math.inf, math.inf)
    for limit in LIMITS:
        low, high = brackets.truncated(family, outcomes(family), returns, limit)
        assert last[0] - 1e-12 <= low <= value + 1e-12 and value - 1e-12 <= high <= last[1] + 1e-12
        last = low, high
    assert last == pytest.approx((value, value), abs=1e-12)
    found = bounds.bounds(family)
    assert found.lower == pytest.approx(value, abs=1e-12) == pytest.approx(found.upper, abs=1e-12)


@pytest.mark.verifies("brackets.1", "brackets.2")
@pytest.mark.parametrize("seed", range(4))
def test_without_a_step_they_are_the_known_task_and_the_best_policy(seed):
    family = small_family(seed, T=2, N=3)
    mdps, weights = family.prior
    found = brackets.bracket(family, limit=0)
    of_policies = []  # all deterministic policies that do not depend on the time
    for actions in itertools.product(range(2), repeat=2):
        tables = np.eye(2)[list(actions)]
        of_policies.append(3 * weights @ values.expected_return(mdps, tables, 2))
    best = [take_tasks(mdps, np.array([g])) for g in range(3)]
    known = 3 * weights @ [belief_vectors.solve(alone(family, one)).value / 3 for one in best]
    assert found.upper == pytest.approx(known, abs=1e-12)
    assert found.known_task == pytest.approx(known, abs=1e-12)
    value = belief_vectors.solve(family).value
    assert brackets.bracket(family, limit=0).lower <= value + 1e-12
    plain = brackets.candidate_returns(family).policies
    commit = [weights @ brackets._rest(family, x, 0)[:, 0] for x in plain]
    assert max(commit) <= value + 1e-12 and max(of_policies) <= value + 1e-12


def alone(family, mdps):
    return family._replace(prior=family.prior._replace(mdps=mdps, weights=np.ones(1)))


@pytest.mark.parametrize("noise", [rollouts.deterministic, partial(rollouts.gaussian, std=2.0)])
def test_one_candidate_has_no_gap(noise):
    family = small_family(1)
    one = alone(family, take_tasks(family.prior.mdps, np.zeros(1, int)))
    value = belief_vectors.solve(one).value
    found = brackets.bracket(one._replace(reward_noise=noise), limit=0)
    assert (found.lower, found.upper) == pytest.approx((value, value), abs=1e-12)


@pytest.mark.verifies("brackets.4")
@pytest.mark.parametrize("std", [0.01, 0.3, 1.0, 5.0])
def test_two_pulls_of_two_normal_arms_have_a_closed_form(std):
    """The second pull is at the likelier arm, and two bins of a reward are enough to know it."""
    found = brackets.bracket(arms([[1, 0], [0, 1]], std, pulls=2))
    right = (1 + math.erf(1 / (2 * std) / math.sqrt(2))) / 2
    assert (found.lower, found.upper) == pytest.approx((0.5 + right, 0.5 + right), abs=1e-10)


def normal_value(pulls, std, n=1601, far=12.0):
    """V of the mirrored arms (1, 0) and (0, 1), on a grid of the log-odds of the first task."""
    z = np.linspace(-far / std**2 - 8, far / std**2 + 8, n)
    b, V = 1 / (1 + np.exp(-z)), np.zeros(n)
    x = np.linspace(-8, 8, 401)
    weight = np.exp(-(x**2) / 2)
    weight /= weight.sum()
    for _ in range(pulls):  # a reward r of arm 0 adds (r - 1/2) / std^2 to the log-odds
        after = [
            np.array([weight @ np.interp(one + (m - 0.5 + std * x) / std**2, z, V) for one in z])
            for m in (1.0, 0.0)
        ]
        arm = b * (1 + after[0]) + (1 - b) * after[1]
        V = np.maximum(arm, arm[::-1])
    return V[n // 2]


@pytest.mark.verifies("brackets.4")
def test_bounds_of_normal_arms_hold_the_value_of_a_fine_grid():
    found = brackets.bracket(arms([[1, 0], [0, 1]], 1.0, pulls=4))
    assert found.lower < normal_value(4, 1.0) < found.upper < found.lower + 0.05


@pytest.mark.verifies("brackets.3", "brackets.4")
@pytest.mark.parametrize(("seed", "N"), [(0, 3), (1, 2), (2, 2), (3, 2)])
def test_noise_costs_and_a_little_noise_costs_nothing(seed, N):
    free = small_family(seed, T=1, N=N)
    value = belief_vectors.solve(free).value
    tiny, huge, own = (
        brackets.bracket(free._replace(reward_noise=noise))
        for noise in (partial(rollouts.gaussian, std=x) for x in (1e-3, 1e6, 1.0))
    )
    assert (tiny.lower, tiny.upper) == pytest.approx((value, value), abs=1e-9)
    unseen = brackets.bracket(free._replace(reward_noise=lambda rng, mean: mean))
    assert huge.lower == pytest.approx(huge.upper, abs=1e-4)
    assert huge.lower == pytest.approx(unseen.lower, abs=1e-4)
    for found in (tiny, huge, own, unseen):
        assert unseen.lower - 1e-9 <= found.lower <= found.upper + 1e-12 <= value + 2e-12
        assert found.known_task == pytest.approx(tiny.known_task, abs=1e-12)
    none = brackets.bracket(free._replace(reward_noise=partial(rollouts.gaussian, std=0.0)))
    assert (none.lower, none.upper) == pytest.approx((value, value), abs=1e-12)


@pytest.mark.verifies("brackets.3")
@pytest.mark.parametrize("seed", range(4))
def test_bernoulli_rewards_tell_less_than_their_means(seed):
    family = small_family(seed, rollouts.bernoulli)
    free = belief_vectors.solve(family._replace(reward_noise=rollouts.deterministic)).value
    assert belief_vectors.solve(family).value <= free + 1e-12
    listed = outcomes(family._replace(reward_noise=rollouts.deterministic))
    limit = sum(step.size for step in each_step(family, hints(listed)))
    assert brackets.bracket(family, limit).upper <= free + 1e-12


def test_a_safe_arm_is_a_policy_though_it_is_best_in_no_task():
    """Two doors: one pays 1, the other costs 3, and a third action pays .25 in both tasks."""
    family = arms([[1, -3, 0.25], [-3, 1, 0.25]], 100.0, pulls=3)
    found = brackets.bracket(family, limit=0)
    assert found.lower == pytest.approx(0.75, abs=1e-12)
    assert found.upper == pytest.approx(3.0, abs=1e-12)


def test_what_is_refused(monkeypatch):
    with pytest.raises(Unsupported, match="these bounds need candidate tasks: the prior must be H"):
        brackets.bracket(bandit())
    with pytest.raises(ValueError, match="std of the noise must be finite, from 0 to inf, got -1"):
        brackets.bracket(small_family(0, partial(rollouts.gaussian, std=-1.0)))
    rule = r"Bernoulli rewards need means in \[0, 1\], got means from -1.0 to 0.5"
    with pytest.raises(Unsupported, match=rule):
        brackets.bracket(small_family(0)._replace(reward_noise=rollouts.bernoulli))
    monkeypatch.setattr(brackets, "MAX_VALUES", 10)
    with pytest.raises(TooLarge, match="may take at most 10 numbers for one policy, got 36"):
        brackets.bracket(small_family(0))
    monkeypatch.setattr(brackets, "MAX_VALUES", 100)
    monkeypatch.setattr(brackets, "MAX_PRODUCTS", 10)
    with pytest.raises(TooLarge, match="at most 10 multiplications for one policy, got 24"):
        brackets.bracket(small_family(0))


def test_outcomes_that_do_not_fit_leave_bounds_without_a_step(monkeypatch):
    def refuse(*arguments):
        raise TooLarge("too many")

    for place in (brackets, reward_hints):
        name = "outcomes" if place is brackets else "arrivals"
        monkeypatch.setattr(place, name, refuse)
    family = small_family(2)
    found = brackets.bracket(family)
    assert found.upper == found.known_task
    assert found.lower <= belief_vectors.solve(family).value + 1e-12
