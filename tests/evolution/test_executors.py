"""Slices on many workers: in order, tried again, and given up with one error."""

import os
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial

import pytest

from metarl_min import learners
from metarl_min.evolution import executors


def flaky(first, end, path):
    """Fail the first two times."""
    with open(path, "a") as file:
        file.write(".")
    if os.path.getsize(path) < 3:
        raise OSError("no luck")
    return first, end


def test_a_slice_is_tried_three_times(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        work = partial(flaky, path=str(tmp_path / "tries"))
        assert executors.gather(pool, work, [(0, 2)]) == [(0, 2)]

        failed = []

        def once(first, end):
            if first == 0 and not failed:
                failed.append(first)
                raise OSError("no luck")
            return first

        assert executors.gather(pool, once, [(0, 2), (2, 4)]) == [0, 2]

        def never(first, end):
            raise ValueError("a bug" if first else "another")

        with pytest.raises(RuntimeError, match=r"members 0 to 1 .*a bug") as found:
            executors.gather(pool, never, [(0, 2), (2, 4)])
        assert isinstance(found.value.__cause__, ValueError)


def test_an_executor_cannot_be_named_by_a_word():
    with pytest.raises(ValueError, match=r"es knows the keys .*decay, num_slices, got 'executor'"):
        learners.make("es", {"executor": "dask"})


def test_results_come_in_the_order_of_the_slices():
    class Backwards(Executor):
        def submit(self, work, *part):
            future = Future()
            future.set_result(work(*part))
            return future

    parts = executors.slices(7, 3)
    assert parts == [(0, 3), (3, 6), (6, 7)]
    assert executors.gather(Backwards(), lambda a, b: (a, b), parts) == parts
    assert executors.gather(None, lambda a, b: b, parts) == [3, 6, 7]


def test_a_class_is_a_function_that_makes_one():
    work = partial(max)
    assert executors.gather(ThreadPoolExecutor, work, [(0, 2), (2, 4)]) == [2, 4]
    pool = executors._MADE[ThreadPoolExecutor]
    assert executors.gather(ThreadPoolExecutor, work, [(4, 6)]) == [6]
    assert executors._MADE[ThreadPoolExecutor] is pool  # one, as long as it lives
    pool.shutdown()
    assert executors.gather(ThreadPoolExecutor, work, [(4, 6)]) == [6]
    assert executors._MADE[ThreadPoolExecutor] is not pool
    executors.close(ThreadPoolExecutor)
    executors.close(ThreadPoolExecutor)  # nothing is open
    assert ThreadPoolExecutor not in executors._MADE


def nothing():
    return None


def test_a_function_that_makes_no_executor_is_told_so():
    with pytest.raises(ValueError, match=r"must make a concurrent.futures.Executor, got None"):
        executors.gather(nothing, max, [(0, 2)])
    assert nothing not in executors._MADE


def test_an_executor_that_takes_no_work_ends_in_one_error():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match=r"members 0 to 1 .*cannot schedule.*resumed"):
        executors.gather(pool, max, [(0, 2), (2, 4)])
