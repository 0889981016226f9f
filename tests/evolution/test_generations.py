"""Workers that follow a search: the same bits, what travels, and what a lost worker costs."""

import os
import pickle
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from metarl_min import tasks, training
from metarl_min.evolution import executors, generations
from metarl_min.learners.es import es
from metarl_min.learners.ga import ga

BANDIT = tasks.make("bandit", {"arms": "2", "pulls": "3"})
SMALL = {"hidden": 3, "population": 8, "num_tasks": 4}
PRESSED = {es: {}, ga: {"pressure": 4}}


class Counter(NamedTuple):
    """A search of which all is known: its parameter is the sum of what it was told."""

    theta: dict[str, np.ndarray]
    told: generations.Update


def counted(state, key, fitness):
    told = generations.Update(generations.digest(state), key, fitness)
    return Counter({"x": state.theta["x"] + fitness.sum()}, told)


def asked(state, told_to, advance):
    """What a worker that was sent no state says of the one called `told_to`."""

    def play(state, key, first, end):
        return state.theta["x"]

    words = play, advance, b"", 5, generations.digest(told_to), told_to.told
    return generations.evaluate(0, 2, *words, state)


def test_a_worker_follows_or_asks_for_the_state(monkeypatch):
    monkeypatch.setattr(generations, "_KNOWN", [])
    first = Counter({"x": np.zeros(1)}, generations.no_update(2))
    second = counted(first, 3, np.array([1.0, 2.0]))
    third = counted(second, 4, np.array([4.0, 8.0]))
    assert asked(None, first, counted) is None  # new
    assert asked(first, first, counted) == 0
    assert asked(None, first, counted) == 0  # has it
    assert asked(None, third, counted) is None  # was asleep for a generation
    assert asked(None, second, counted) == 3  # takes the step itself
    assert asked(None, third, counted) == 15

    def elsewhere(state, key, fitness):  # a machine whose sums end in other bits
        return counted(state, key, fitness * (1 + 1e-15))

    monkeypatch.setattr(generations, "_KNOWN", generations._KNOWN[:2])
    assert asked(None, third, elsewhere) is None


def two_workers():
    return ProcessPoolExecutor(2)


def leaves(state):
    return state.theta if hasattr(state, "theta") else state.population


def trained(make, report=training.ignore, **settings):
    learner = make(**SMALL, **PRESSED[make], **settings)
    return leaves(training.train(learner, BANDIT, iterations=4, seed=0, report=report))


@pytest.mark.parametrize("make", [es, ga])
def test_the_bits_do_not_depend_on_the_number_of_workers(make):
    alone = trained(make)
    for workers, num_slices in ((1, 8), (2, 3), (5, 8)):
        with ProcessPoolExecutor(workers) as pool:
            found = trained(make, executor=pool, num_slices=num_slices)
        for name in alone:
            assert_array_equal(found[name], alone[name])


@pytest.mark.parametrize("make", [es, ga])
def test_searches_that_share_their_workers_do_not_mix(make):
    """They begin with the same parameters, and go on by other rules."""
    rules = ({"optimizer": "sgd"}, {}) if make is es else ({"chance": 0.9}, {})
    with ProcessPoolExecutor(1) as pool:
        found = [trained(make, executor=pool, **settings) for settings in rules]
    for one, settings in zip(found, rules, strict=True):
        truth = trained(make, **settings)
        for name in truth:
            assert_array_equal(one[name], truth[name])


@pytest.mark.parametrize("make", [es, ga])
def test_a_killed_worker_costs_nothing_but_its_slices(make):
    alone, killed = trained(make), []

    def kill(iteration, info):
        if iteration == 2:
            pool = executors._MADE[two_workers]
            killed.append(next(iter(pool._processes)))
            os.kill(killed[0], signal.SIGKILL)

    found = trained(make, kill, executor=two_workers)
    executors.close(two_workers)
    assert killed
    for name in alone:
        assert_array_equal(found[name], alone[name])


def test_a_dead_executor_that_was_given_ends_in_one_error():
    with ProcessPoolExecutor(2) as pool:

        def kill(iteration, info):
            for process in pool._processes:
                os.kill(process, signal.SIGKILL)

        with pytest.raises(
            RuntimeError, match=r"members .* could not be evaluated: Broken.*resumed"
        ):
            trained(es, kill, executor=pool)


@pytest.mark.parametrize("make", [es, ga])
def test_what_is_sent_does_not_grow_with_the_parameters(make):
    """After the first generation a worker takes the step itself, from the returns."""

    def sent(hidden):
        sizes = []

        class Counting(Executor):
            def submit(self, work, *part):
                sizes.append(len(pickle.dumps((work, part))))
                future = Future()
                future.set_result(pickle.loads(pickle.dumps(work))(*part))
                return future

        settings = SMALL | PRESSED[make] | {"hidden": hidden}
        learner = make(**settings, executor=Counting(), num_slices=2)
        training.train(learner, BANDIT, iterations=3, seed=hidden)
        return sizes

    small, large = sent(3), sent(40)
    # two slices a generation, asked again with the state by a worker that is new
    assert len(small) == len(large) == 8
    assert max(small[4:]) + 50 > max(large[4:])
    assert large[2] > large[0] + 4 * 5000


def test_a_worker_keeps_few_states(monkeypatch):
    monkeypatch.setattr(generations, "_KNOWN", [])

    class Here(Executor):
        def submit(self, work, *part):
            future = Future()
            future.set_result(work(*part))
            return future

    training.train(es(**SMALL, executor=Here()), BANDIT, iterations=9, seed=0)
    assert 1 < len(generations._KNOWN) <= 4
