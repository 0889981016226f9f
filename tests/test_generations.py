"""Workers that follow a search: the same bits, what travels, and what a lost worker costs."""

import os
import pickle
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor

import pytest
from numpy.testing import assert_array_equal

from metarl_min import executors, tasks, training
from metarl_min.learners.evolution import es
from metarl_min.learners.genetic import ga

BANDIT = tasks.make("bandit", {"arms": "2", "pulls": "3"})
SMALL = {"hidden": 3, "population": 8, "num_tasks": 4}
PRESSED = {es: {}, ga: {"pressure": 4}}


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
    """They begin with the same state, and go on by other rules."""
    other = {"optimizer": "sgd"} if make is es else {"chance": 0.9}
    with ProcessPoolExecutor(1) as pool:
        found = [trained(make, executor=pool, **settings) for settings in ({}, other)]
    for one, settings in zip(found, ({}, other), strict=True):
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
    executors._MADE.pop(two_workers).shutdown()
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
