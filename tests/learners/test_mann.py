"""RL^2 with an external memory: what it is needed for, and that it learns it."""

import numpy as np
import pytest
from comparing import assert_same_in_every_unit, rng
from numpy.testing import assert_allclose
from problems import PAYING

from metarl_min import training
from metarl_min.ceilings import bayes_optimal
from metarl_min.learners import check, registry
from metarl_min.learners.mann import mann
from metarl_min.mdps import values
from metarl_min.tasks.bandits import contextual


@pytest.mark.verifies("tasks.bandits.4")
def test_binding_is_beyond_every_policy_without_a_memory():
    family = contextual(cues=3, arms=3, pulls=7)
    G = family.prior.mdps
    assert G.leading == (27,) and len(np.unique(G.reward.reshape(27, -1), axis=0)) == 27
    assert_allclose(G.reward.sum((-2, -1)), np.ones((27, 3)), atol=0)
    policies = rng().dirichlet(np.ones(3), (50, 1, 3))
    earned = values.expected_return(G, policies, 1).mean(-1)
    assert_allclose(earned, 1 / 3, rtol=1e-12)


@pytest.mark.parametrize(("cues", "pulls"), [(1, 3), (4, 16), (3, 5)])
def test_whoever_remembers_fails_half_of_the_time_at_first_meetings_alone(cues, pulls):
    first = [(1 - 1 / cues) ** t for t in range(pulls)]  # chance that the cue is new at step t
    found = bayes_optimal.solve(contextual(cues=cues, pulls=pulls))
    assert found.value == pytest.approx(pulls - sum(first) / 2, abs=1e-12)
    assert (found.random, found.known_task) == pytest.approx((pulls / 2, pulls), abs=1e-12)


def test_it_learns_which_cue_pays_where():
    family = contextual(cues=2, pulls=6)
    learner = mann(family, hidden=8, iterations=300, num_tasks=50)
    state = training.train(learner, 300, seed=0)
    assert "interface_weights" in state.theta
    tasks = family.sample(rng(9), 2000)
    total = learner.trial(rng(8), state, tasks).rewards.sum((1, 2))
    # A policy without a memory earns 3. Of 20 seeds the worst earns 3.5.
    assert total.mean() > 3 + 0.25


def test_its_words_are_those_of_rl2_without_the_cell():
    family = contextual(cues=2)
    learner = registry.make("mann", family, {"hidden": "4", "num_tasks": "3", "update": "ppo"})
    assert learner.settings["hidden"] == 4 and learner.settings["epochs"] == 4
    check(learner)
    with pytest.raises(ValueError, match=r"mann knows the keys .*, got 'cell'"):
        registry.make("mann", family, {"cell": "gru"})


@pytest.mark.parametrize("paying", PAYING.values(), ids=PAYING)
def test_the_unit_of_the_rewards_does_not_matter(paying):
    assert_same_in_every_unit(lambda family: mann(family, hidden=4, num_tasks=5), paying)
