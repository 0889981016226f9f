"""The unit of the rewards does not matter to a learner that adapts.

Products with a power of two are exact. So in such a unit all bits of a training are the same, but
for the step size alpha, which has the inverse unit.
"""

import numpy as np
import pytest
from comparing import rng
from problems import own_family, paying_arms, small_grid

from metarl_min.basics import words
from metarl_min.learners.es_maml import es_maml
from metarl_min.learners.maml import fomaml, maml
from metarl_min.learners.meta_sgd import meta_sgd
from metarl_min.learners.reptile import reptile


def grid(unit):
    return small_grid(goal_reward=unit, step_reward=-unit / 8, episodes=5)


FAMILIES = {"gridworld": grid, "gaussian": paying_arms, "own": own_family}
TWO = {"inner_episodes": "2"}
LEARNERS = {
    "maml": (maml, {}),
    "maml sgd": (maml, {"optimizer": "sgd"}),
    "maml momentum, network": (maml, {"optimizer": "momentum", "policy": "network:3"}),
    "maml mean": (maml, TWO | {"baseline": "mean"}),
    "maml standardised": (maml, TWO | {"baseline": "standardised"}),
    "maml each standardised": (maml, TWO | {"baseline": "standardised", "learn_alpha": "each"}),
    "maml scalar": (maml, {"learn_alpha": "scalar"}),
    "maml scalar sgd": (maml, {"learn_alpha": "scalar", "optimizer": "sgd"}),
    "maml trpo": (maml, {"update": "trpo"}),
    "maml clipped": (maml, {"update": "clipped"}),
    "maml clipped sgd": (maml, {"update": "clipped", "optimizer": "sgd"}),
    "maml dice": (maml, {"estimator": "dice"}),
    "maml exact": (maml, {"objective": "exact"}),
    "fomaml": (fomaml, {"objective": "adapted"}),
    "meta_sgd": (meta_sgd, {}),
    "meta_sgd sgd, from 0": (meta_sgd, {"optimizer": "sgd", "alpha": "0"}),
    "reptile": (reptile, {}),
    "reptile sgd": (reptile, {"optimizer": "sgd"}),
    "reptile sgd standardised": (reptile, TWO | {"optimizer": "sgd", "baseline": "standardised"}),
    "es_maml": (es_maml, {"population": "4"}),
    "es_maml none sgd": (es_maml, {"population": "4", "shaping": "none", "optimizer": "sgd"}),
}
PAIRS = [(x, y) for x in LEARNERS for y in FAMILIES]


def made(name, family):
    make, given = LEARNERS[name]
    return make(family, **words.parse_words("maml", make, {**given, "num_tasks": "5"}))


def trained(learner, iterations):
    state = learner.init(rng())
    for i in range(iterations):
        state, _ = learner.step(rng(i), state)
    return state


def played(name, family, iterations, num_tasks):
    """The state of a short training, and trials on fresh tasks."""
    learner = made(name, family)
    state = trained(learner, iterations)
    return state, learner.trial(rng(7), state, family.sample(rng(8), num_tasks))


def times(alpha, unit):
    return {x: y * unit for x, y in alpha.items()} if isinstance(alpha, dict) else alpha * unit


@pytest.mark.parametrize(("name", "family"), PAIRS)
def test_in_a_unit_that_is_a_power_of_two_a_learner_has_the_same_bits(name, family):
    unit = 2.0**9 if family == "gaussian" else 2.0**-12
    state, episodes = played(name, FAMILIES[family](1.0), 2, 30)
    other, others = played(name, FAMILIES[family](unit), 2, 30)
    for leaf, x in state.theta.items():
        np.testing.assert_array_equal(other.theta[leaf], x)
    if hasattr(state, "alpha"):
        of_alpha = 1.0 if "standardised" in name else unit
        np.testing.assert_equal(times(other.alpha, of_alpha), state.alpha)
    np.testing.assert_array_equal(episodes.actions, others.actions)
    np.testing.assert_array_equal(episodes.rewards, others.rewards / unit)


@pytest.mark.parametrize("unit", [0.01, 100.0])
@pytest.mark.parametrize("name", ["maml", "fomaml", "meta_sgd", "reptile sgd", "es_maml none sgd"])
def test_in_any_other_unit_nearly_every_action_is_the_same(name, unit):
    """Rounding differs there, so a rare action near a limit may be another one."""
    family = "gridworld"
    _, episodes = played(name, FAMILIES[family](1.0), 1, 200)
    _, others = played(name, FAMILIES[family](unit), 1, 200)
    assert np.mean(episodes.actions == others.actions) > 0.99


@pytest.mark.parametrize("unit", [0.01, 2.0**9])
@pytest.mark.parametrize("name", ["maml", "reptile", "meta_sgd sgd, from 0", "es_maml"])
def test_the_untrained_control_has_the_same_step_size_in_every_unit(name, unit, monkeypatch):
    monkeypatch.setattr("metarl_min.gradients.controls.NUM_TASKS", 50)
    alphas = [u * made(name, paying_arms(u)).untrained_control(rng(3)).alpha for u in (1.0, unit)]
    assert alphas[1] == pytest.approx(alphas[0], rel=1e-6)
