"""What is known of the Bayes-optimal return, and why scores are missing."""

import re
from functools import partial

import pytest

from metarl_min.ceilings import brackets, costs
from metarl_min.cli import best_returns
from metarl_min.mdps import rollouts
from metarl_min.tasks.bandits import bandit, gaussian
from metarl_min.tasks.gridworlds import gridworld

FULL = {"score": 0.5, "score_pdl": 0.5}
GRID = gridworld(size=2, horizon=2, episodes=2)
NOISY = GRID._replace(reward_noise=partial(rollouts.gaussian, std=1.0))


@pytest.mark.parametrize(
    ("family", "exact", "bounded", "reason"),
    [
        (bandit(arms=2, pulls=2), True, False, ""),
        (gaussian(arms=2, pulls=2), False, True, "no exact ceiling but for Bernoulli arms"),
        (NOISY, False, True, "no exact ceiling .* got rewards by gaussian with std=1.0"),
        (gaussian()._replace(prior=None), False, False, "no exact ceiling .* prior of NoneType"),
    ],
)
def test_a_family_has_a_ceiling_or_bounds_or_a_reason(family, exact, bounded, reason):
    best = best_returns.best_return(family)
    assert (best.ceiling is not None, best.bounds is not None) == (exact, bounded)
    assert bool(best.reason) != exact
    assert re.match(reason, best.reason)
    assert (best_returns.interval(best) is not None) == bounded


def test_every_missing_score_has_a_reason():
    exact, bounded = best_returns.best_return(GRID), best_returns.best_return(NOISY)
    no_pdl, nothing = {"score": 0.5, "score_pdl": None}, {"score": None, "score_pdl": None}
    assert best_returns.notes(exact, [FULL]) == []
    assert "no player earns more" in best_returns.notes(exact, [nothing])[0]
    assert "no last_arrivals" in best_returns.notes(exact, [FULL, no_pdl])[0]
    walk = exact._replace(ceiling=exact.ceiling._replace(every_history=False))
    assert "off the best walk" in best_returns.notes(walk, [no_pdl])[0]
    assert best_returns.notes(bounded, [nothing])[0] == bounded.reason
    assert "no bounds" in best_returns.notes(bounded._replace(bounds=None), [nothing])[1]


def test_bounds_that_are_too_large_are_part_of_the_reason(monkeypatch):
    monkeypatch.setattr(brackets, "MAX_VALUES", 10)
    best = best_returns.best_return(NOISY)
    assert best.bounds is None and "; no bounds: bounds of gridworld may take" in best.reason


def test_the_cost_is_reported(monkeypatch):
    monkeypatch.setattr(costs, "FREE", 10)
    said = []
    family = gridworld(size=2, horizon=2, episodes=4, goal_reward=0.9, step_reward=0.2)
    family = family._replace(reward_noise=rollouts.bernoulli)
    assert best_returns.best_return(family, said.append).ceiling is not None
    assert len(said) == 1 and said[0].startswith("the exact ceiling of gridworld takes about")
