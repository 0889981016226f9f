"""The expected cost of the list of all beliefs, against the cost itself."""

import numpy as np
import pytest
from comparing import rng

from metarl_min.ceilings import TooLarge, belief_vectors, costs
from metarl_min.ceilings.belief_layers import each_step, hints
from metarl_min.ceilings.outcomes import outcomes
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import family_of_candidates


def scouts(states=5, horizon=4, episodes=6):
    """Five candidates. Action 0 is a step with a noisy hint, and action 1 is a step without."""
    P = np.zeros((5, states, 2, states))
    for g in range(5):
        for s in range(states):
            chance = 0.8 if (s + g) % 2 else 0.2
            P[g, s, 0, (s + 1) % states] += chance
            P[g, s, 0, s] += 1 - chance
            P[g, s, 1, s - 1] += 1
    mdps = MDP(np.eye(states)[:1], P, rng(0).random((5, 1, 1, states)))
    weights = np.full(5, 0.2)
    return family_of_candidates(
        "scouts", {}, mdps, weights, horizon, episodes, rollouts.deterministic
    )


@pytest.mark.verifies("costs.1")
def test_eq1_powers_of_the_number_of_steps_are_continued():
    for k in (0.5, 1.0, 3.0):
        powers = 7 * np.arange(1.0, 31.0) ** k
        assert np.allclose(costs.extrapolated(powers[:9], 30), powers, rtol=1e-12)
    assert np.allclose(costs.extrapolated(np.array([4.0]), 3), [4, 8, 12])


@pytest.mark.parametrize("listed", [8, 12, 16])
def test_the_expected_cost_is_near_the_cost(listed):
    family = scouts()
    steps = list(each_step(family, hints(outcomes(family))))
    sizes = np.array([step.size for step in steps])
    beliefs = sum(len(step.layer.occurs) for step in steps)
    seconds = 3.0 * sizes[:listed].sum() / sizes.sum()  # 3 seconds for all steps
    cost = costs.expected_cost(steps[:listed], family.horizon, len(steps), seconds)
    assert 1 / 2 < cost.numbers / sizes.sum() < 2 and 1 / 2 < cost.beliefs / beliefs < 2
    assert 1 / 2 < cost.seconds / (3.0 * costs.BACKWARDS) < 2
    assert cost.gigabytes > 8e-9 * cost.numbers


def test_a_long_solution_is_announced_once_and_a_short_one_is_not(monkeypatch):
    said = []
    value = belief_vectors.solve(scouts(), report=said.append).value
    assert said == []
    monkeypatch.setattr(costs, "FREE", 100)
    assert belief_vectors.solve(scouts(), report=said.append).value == value
    (line,) = said
    assert line.startswith("the exact ceiling of scouts takes about ")
    assert " beliefs, " in line and line.endswith(" seconds")


def test_a_solution_that_is_far_too_large_is_refused_early(monkeypatch):
    monkeypatch.setattr(costs, "FREE", 600)
    monkeypatch.setattr(costs, "FAR", 3)
    with pytest.raises(TooLarge, match="may have at most 640 table entries, got about 1,992"):
        belief_vectors.solve(scouts(), limit=640)
