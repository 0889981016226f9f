"""The protocol of learners, and the check that a learner keeps to it."""

import numpy as np
import pytest
import toy_learner
from problems import small_bandit, small_grid

from metarl_min import learners
from metarl_min.learners import registry
from metarl_min.mdps.rollouts import Episodes

TOY = toy_learner.toy(small_bandit())


def short_trial(rng, state, tasks, greedy=False):
    return Episodes(*(np.zeros((1, 1, 1), kind) for kind in (int, int, float, bool)))


def no_episodes(rng, state, tasks, greedy=False):
    return 3.0


def state_alone(rng, state):
    return state


def test_a_learner_that_keeps_to_the_protocol_passes():
    learners.check(TOY)


@pytest.mark.parametrize(
    ("learner", "message"),
    [
        (None, "a learner must be a Learner, got NoneType"),
        (TOY._replace(init=lambda rng: None), "must be functions of a module or partials of them"),
        (TOY._replace(step=state_alone), r"step must return a pair \(state, info\), got State"),
        (TOY._replace(trial=no_episodes), "trial must return Episodes, got float"),
        (TOY._replace(trial=short_trial), r"must have the axes \[M, N, T\] = \(2, 3, 1\)"),
    ],
)
def test_each_part_that_is_missing_is_named(learner, message):
    with pytest.raises((TypeError, ValueError), match=message):
        learners.check(learner)


def test_the_step_of_a_player_that_is_not_trained_changes_nothing():
    assert learners.no_op_step(np.random.default_rng(0), "state") == ("state", None)


def test_a_training_past_a_schedule_is_refused():
    for name, length in (("rl2", 1500), ("mann", 1500), ("ga", 300)):
        learner = registry.make(name, small_grid(), {})
        assert learner.schedule_end == learner.iterations == length
        shorter = registry.make(name, small_bandit(), {"iterations": "10"})
        assert [learners.within_schedule(shorter, n) for n in (0, 10)] == [0, 10]
        rule = "num_iterations must be at most 10, where the schedule of the learner ends, got 11"
        with pytest.raises(ValueError, match=f"^{rule}; a learner made with iterations=11 has"):
            learners.within_schedule(shorter, 11)


def test_a_learner_without_a_schedule_is_trained_as_long_as_one_likes():
    for name in registry.LEARNERS.keys() - {"rl2", "mann", "ga"}:
        learner = registry.make(name, small_bandit(), {})
        assert learner.schedule_end is None
        assert learners.within_schedule(learner, 10**9) == 10**9
    with pytest.raises(TypeError, match=r"num_iterations must be a whole number, got 2\.5"):
        learners.within_schedule(TOY, 2.5)
