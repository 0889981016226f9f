"""Workers that repeat the updates of a search: the same bits, bytes, and lost workers."""

import os
import pickle
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import small_bandit

from metarl_min import training
from metarl_min.basics import optimizers
from metarl_min.evolution import executors, generations
from metarl_min.learners.es import es
from metarl_min.learners.ga import ga

BANDIT = small_bandit(arms=2, pulls=3)
SMALL = {"hidden": 3, "population": 8, "num_tasks": 4}
FITTING = {es: {}, ga: {"pressure": 4}}


class Counter(NamedTuple):
    """A search that adds up: its parameter is the sum of all fitness values so far."""

    theta: dict[str, np.ndarray]
    last_update: generations.Update


def count(state, key, fitness):
    update = generations.Update(generations.digest(state), key, fitness)
    return Counter({"x": state.theta["x"] + fitness.sum()}, update)


def count_on_another_machine(state, key, fitness):
    """`count` where sums end in other bits."""
    return count(state, key, fitness * (1 + 1e-15))


def parameter(state, key, start, stop):
    return state.theta["x"]


def answer(sent, target, apply_update):
    """The answer of a worker that is asked to evaluate `target`, and receives the state `sent`."""
    request = generations.Request(
        evaluate=parameter,
        apply_update=apply_update,
        search_id=b"",
        key=5,
        target_digest=generations.digest(target),
        last_update=target.last_update,
    )
    return generations.evaluate_slice(0, 2, request, sent)


@pytest.fixture
def new_worker(monkeypatch):
    """The states of a worker that has met none yet."""
    states = {}
    monkeypatch.setattr(generations, "_STATES", states)
    return states


def three_states():
    first = Counter({"x": np.zeros(1)}, generations.no_update(2))
    second = count(first, 3, np.array([1.0, 2.0]))
    return first, second, count(second, 4, np.array([4.0, 8.0]))


def test_a_worker_repeats_the_update_or_asks_for_the_state(new_worker):
    first, second, third = three_states()
    assert answer(None, first, count) is None  # it is new
    assert answer(first, first, count) == 0
    assert answer(None, first, count) == 0  # it has the state
    assert answer(None, third, count) is None  # it has missed a generation
    assert answer(None, second, count) == 3  # it repeats the update
    assert answer(None, third, count) == 15


def test_a_worker_whose_bits_differ_asks_for_the_state(new_worker):
    _, second, third = three_states()
    assert answer(second, second, count) == 3
    assert answer(None, third, count_on_another_machine) is None
    assert answer(third, third, count_on_another_machine) == 15


def two_workers():
    return ProcessPoolExecutor(2)


def leaves(state):
    return state.theta if hasattr(state, "theta") else state.population


def trained(make, on_iteration=training.no_report, **settings):
    learner = make(BANDIT, **SMALL, **FITTING[make], **settings)
    return leaves(training.train(learner, 4, seed=0, on_iteration=on_iteration))


@pytest.mark.parametrize("make", [es, ga])
def test_the_bits_do_not_depend_on_the_number_of_workers(make):
    truth = trained(make)
    for workers, num_slices in ((1, 8), (4, 3)):
        with ProcessPoolExecutor(workers) as pool:
            result = trained(make, executor=pool, num_slices=num_slices)
        for name in truth:
            assert_array_equal(result[name], truth[name])


@pytest.mark.parametrize("make", [es, ga])
def test_searches_that_share_their_workers_do_not_mix(make):
    """They begin with the same parameters, and go on by other rules."""
    rules = ({"optimizer": optimizers.sgd}, {}) if make is es else ({"chance": 0.9}, {})
    with ProcessPoolExecutor(1) as pool:
        results = [trained(make, executor=pool, **settings) for settings in rules]
    for result, settings in zip(results, rules, strict=True):
        truth = trained(make, **settings)
        for name in truth:
            assert_array_equal(result[name], truth[name])


@pytest.mark.parametrize("make", [es, ga])
def test_a_killed_worker_costs_nothing_but_its_slices(make):
    truth, killed = trained(make), []

    def kill(iteration, info):
        if iteration == 2:
            pool = executors.open_executor(two_workers)
            killed.append(next(iter(pool._processes)))
            os.kill(killed[0], signal.SIGKILL)

    result = trained(make, kill, executor=two_workers)
    executors.close(two_workers)
    assert killed
    for name in truth:
        assert_array_equal(result[name], truth[name])


@pytest.mark.parametrize("make", [es, ga])
def test_a_worker_that_never_answers_costs_nothing_but_its_slices(make):
    truth, stopped = trained(make), []

    def stop(iteration, info):
        if iteration == 2:
            pool = executors.open_executor(two_workers)
            stopped.extend(pool._processes)
            for process in stopped:
                os.kill(process, signal.SIGSTOP)

    result = trained(make, stop, executor=executors.TimeLimit(two_workers, 1.0))
    executors.close(two_workers)
    assert stopped
    for name in truth:
        assert_array_equal(result[name], truth[name])


def test_a_dead_executor_that_was_given_ends_in_one_error():
    with ProcessPoolExecutor(2) as pool:

        def kill(iteration, info):
            for process in pool._processes:
                os.kill(process, signal.SIGKILL)

        rule = r"members .* could not be evaluated: Broken.*resumed"
        with pytest.raises(RuntimeError, match=rule):
            trained(es, kill, executor=pool)


class Here(Executor):
    """An executor in this process, which notes how many bytes it was sent."""

    def __init__(self):
        self.sizes = []

    def submit(self, work, *part):
        self.sizes.append(len(pickle.dumps((work, part))))
        future = Future()
        future.set_result(pickle.loads(pickle.dumps(work))(*part))
        return future


@pytest.mark.parametrize("make", [es, ga])
def test_what_is_sent_does_not_grow_with_the_parameters(make, new_worker):
    """After the first generation a worker repeats the update, from the fitness."""
    small, large = Here(), Here()
    for hidden, executor in ((3, small), (40, large)):
        settings = SMALL | FITTING[make] | {"hidden": hidden}
        learner = make(BANDIT, **settings, executor=executor, num_slices=2)
        training.train(learner, 3, seed=hidden)
    # two slices a generation, asked again with the state by a worker that is new
    assert len(small.sizes) == len(large.sizes) == 8
    assert max(small.sizes[4:]) + 50 > max(large.sizes[4:])
    assert large.sizes[2] > large.sizes[0] + 4 * 5000


def test_a_worker_keeps_few_states(new_worker):
    training.train(es(BANDIT, **SMALL, executor=Here()), 9, seed=0)
    assert 1 < len(new_worker) <= generations.MOST_STATES


def row_of_returns(state, key, start, stop):
    return np.full((stop - start, 1), state.theta["x"][0])


@pytest.mark.parametrize("executor", [None, Here()])
@pytest.mark.parametrize(
    ("wrong", "error", "rule"),
    [
        ({"state": None}, TypeError, "state.last_update must be of type Update, got NoneType"),
        ({"key": -1}, ValueError, "key must be at least 0, got -1"),
        ({"key": 0.5}, TypeError, "key must be a whole number, got 0.5"),
        ({"num_slices": 0}, ValueError, "num_slices must be at least 1, got 0"),
        ({"evaluate": None}, TypeError, "evaluate must be a function, got None"),
        ({"apply_update": 3}, TypeError, "apply_update must be a function, got 3"),
        (
            {"evaluate": parameter},
            ValueError,
            r"the returns of members 0 to . must be \[., N\], got",
        ),
    ],
)
def test_a_generation_is_refused_where_it_cannot_be(new_worker, executor, wrong, error, rule):
    first = Counter({"x": np.zeros(1)}, generations.no_update(2))
    right = {"state": first, "key": 3, "evaluate": row_of_returns, "apply_update": count}
    right |= {"executor": executor, "num_slices": 2}
    found = generations.returns(**right)
    assert_array_equal(found, np.zeros((2, 1)))
    with pytest.raises(error, match=rule):
        generations.returns(**right | wrong)


def test_a_population_has_members():
    with pytest.raises(ValueError, match="population must be at least 1, got 0"):
        generations.no_update(0)
    assert generations.no_update(np.int8(3)).fitness.shape == (3,)
