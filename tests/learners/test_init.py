"""The protocol of learners, and the check that a learner keeps to it."""

import numpy as np
import pytest
import toy_learner
from problems import small_bandit, small_grid

from metarl_min import learners
from metarl_min.learners import registry
from metarl_min.mdps.rollouts import Episodes

TOY = toy_learner.toy(small_bandit())
RNG = np.random.default_rng(0)


def short_trial(rng, state, tasks, greedy=False):
    return Episodes(*(np.zeros((1, 1, 1), kind) for kind in (int, int, float, bool)))


def no_episodes(rng, state, tasks, greedy=False):
    return 3.0


def state_alone(rng, state):
    return state


def test_a_learner_that_keeps_to_the_protocol_passes():
    assert learners.check(TOY) is None


@pytest.mark.parametrize(
    ("learner", "message"),
    [
        (None, "a learner must be a Learner, got NoneType"),
        (TOY._replace(init=lambda rng: None), "must be functions of a module or partials of them"),
        (TOY._replace(init=state_alone), "init must run without an error, got TypeError"),
        (TOY._replace(step=short_trial), "step must run without an error, got TypeError"),
        (TOY._replace(trial=state_alone), "trial must run without an error, got TypeError"),
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
        rule = f"steps must be at most 10, because {learner.schedule} over 10 iterations, got 11"
        with pytest.raises(ValueError, match=f"^{rule}; a longer run .* with iterations=11$"):
            learners.within_schedule(shorter, 11, "steps")


def test_a_learner_without_a_schedule_is_trained_as_long_as_one_likes():
    for name in registry.LEARNERS.keys() - {"rl2", "mann", "ga"}:
        learner = registry.make(name, small_bandit(), {})
        assert learner.schedule_end is None
        assert learners.within_schedule(learner, 10**9) == 10**9
    with pytest.raises(TypeError, match=r"num_iterations must be a whole number, got 2\.5"):
        learners.within_schedule(TOY, 2.5)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"family": None}, "family must be of type Family, got NoneType"),
        ({"init": None}, "init must be a function, got None"),
        ({"step": 3}, "step must be a function, got 3"),
        ({"trial": "play"}, "trial must be a function, got 'play'"),
        ({"iterations": -1}, "iterations must be at least 0, got -1"),
        ({"iterations": None}, "iterations must be a whole number, got None"),
        ({"settings": [("beta", 0.1)]}, "settings must be of type dict, got list"),
        ({"without_adaptation": 1}, "without_adaptation must be a function, got 1"),
        ({"untrained_control": []}, r"untrained_control must be a function, got \[\]"),
        ({"schedule_end": 0}, "schedule_end must be at least 1, got 0"),
        ({"schedule": None}, "schedule must be of type str, got NoneType"),
    ],
)
def test_a_learner_is_valid_from_the_moment_it_exists(changes, rule):
    with pytest.raises((TypeError, ValueError), match=rule):
        TOY._replace(**changes)
    with pytest.raises((TypeError, ValueError), match=rule):
        learners.Learner(**TOY._asdict() | changes)


def test_numbers_of_a_learner_are_those_of_python():
    learner = TOY._replace(iterations=np.int8(3), schedule_end=np.int8(3))
    assert type(learner.iterations) is type(learner.schedule_end) is int
    assert type(learners.Control(None, np.float32(0.5)).alpha) is float
    with pytest.raises(ValueError, match="alpha must be finite, from 0 to inf, got nan"):
        learners.Control(None, np.nan)
    with pytest.raises(TypeError, match="learner must be of type Learner, got NoneType"):
        learners.within_schedule(None, 3)


SMALL = {
    "rl2": {"num_tasks": "3"},
    "mann": {"num_tasks": "3"},
    "es": {"population": "4", "num_tasks": "3"},
    "ga": {"population": "4", "pressure": "2", "elites": "1", "num_tasks": "3"},
    "evolved_rule": {"population": "4", "num_tasks": "3"},
}


@pytest.mark.parametrize("name", SMALL)
def test_generators_states_and_families_of_another_kind_are_refused(name):
    learner = registry.make(name, small_bandit(), SMALL[name])
    state, tasks = learner.init(np.random.default_rng(0)), small_bandit().sample(RNG, 2)
    for bad in (None, 0, np.random, np.random.RandomState(0)):
        for call in (learner.init, learner.step, learner.trial):
            arguments = {learner.init: (), learner.step: (state,), learner.trial: (state, tasks)}
            with pytest.raises(TypeError, match="rng must be a Generator"):
                call(bad, *arguments[call])
    for bad in (None, "state", [1.0], tuple(state)):
        with pytest.raises(TypeError, match="state must be of type State"):
            learner.step(RNG, bad)
        with pytest.raises(TypeError, match="state must be of type State"):
            learner.trial(RNG, bad, tasks)
    for bad in (None, "tasks", tuple(tasks)):
        with pytest.raises(TypeError, match="must be of type MDP"):
            learner.trial(RNG, state, bad)
    for bad in (None, "bandit", small_bandit):
        with pytest.raises(TypeError, match="family must be of type Family"):
            registry.LEARNERS[name](bad)


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("name", SMALL)
def test_parameters_that_are_no_numbers_do_not_play(name, greedy):
    learner = registry.make(name, small_bandit(), SMALL[name])
    state, tasks = learner.init(np.random.default_rng(0)), small_bandit().sample(RNG, 2)
    field = "population" if name == "ga" else "theta"
    for leaf in getattr(state, field):
        for number in (np.nan, np.inf):
            theta = dict(getattr(state, field))
            theta[leaf] = np.full_like(theta[leaf], number)
            broken = state._replace(**{field: theta})
            with pytest.raises((ValueError, FloatingPointError), match=r"finite|NaN"):
                learner.trial(RNG, broken, tasks, greedy=greedy)


@pytest.mark.parametrize("name", SMALL)
def test_numbers_of_numpy_are_converted(name):
    """An int8 that holds 100 overflows in a product, and a float16 has three digits."""
    function = registry.LEARNERS[name]
    words = {key: np.int8(word) for key, word in SMALL[name].items()} | {"num_tasks": np.int8(100)}
    learner = function(small_bandit(), **words)
    given = {key: learner.settings[key] for key in words}
    assert given == {key: int(word) for key, word in words.items()}
    assert {type(x) for x in given.values()} == {int}
    state = learner.step(np.random.default_rng(0), learner.init(np.random.default_rng(0)))[0]
    same = function(small_bandit(), **given)
    other = same.step(np.random.default_rng(0), same.init(np.random.default_rng(0)))[0]
    for x, y in zip(state[0].values(), other[0].values(), strict=True):
        assert np.array_equal(x, y)
