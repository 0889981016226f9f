"""Slices on many workers: in order, tried again, and given up with one error."""

import os
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial

import pytest

from metarl_min.evolution import executors


def flaky(start, stop, path):
    """Fail the first two times."""
    with open(path, "a") as file:
        file.write(".")
    if os.path.getsize(path) < 3:
        raise OSError("no luck")
    return start, stop


def test_a_slice_is_tried_three_times(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        work = partial(flaky, path=str(tmp_path / "tries"))
        assert executors.gather(pool, work, [(0, 2)]) == [(0, 2)]

        failed = []

        def once(start, stop):
            if start == 0 and not failed:
                failed.append(start)
                raise OSError("no luck")
            return start

        assert executors.gather(pool, once, [(0, 2), (2, 4)]) == [0, 2]

        attempts = []

        def never(start, stop):
            attempts.append(start)
            raise ValueError("a bug" if start else "another")

        with pytest.raises(RuntimeError, match=r"members 0 to 1 .*a bug") as found:
            executors.gather(pool, never, [(0, 2), (2, 4)])
        assert isinstance(found.value.__cause__, ValueError)
        assert sorted(attempts) == [0, 0, 0, 2, 2, 2]


@pytest.mark.parametrize("value", [3, "dask"])
def test_what_makes_no_executor_is_refused(value):
    with pytest.raises(
        ValueError, match=r"executor must be None, a concurrent.futures.Executor or"
    ):
        executors.check(value)
    for good in (None, ThreadPoolExecutor, Executor()):
        assert executors.check(good) is good


def test_results_come_in_the_order_of_the_slices():
    class Backwards(Executor):
        def submit(self, work, *part):
            future = Future()
            future.set_result(work(*part))
            return future

    slices = executors.cut(7, 3)
    assert slices == [(0, 2), (2, 4), (4, 7)]
    assert executors.gather(Backwards(), lambda a, b: (a, b), slices) == slices
    assert executors.gather(None, lambda a, b: b, slices) == [2, 4, 7]


@pytest.mark.parametrize("num_members", range(1, 12))
@pytest.mark.parametrize("max_slices", range(1, 12))
def test_slices_cover_all_members_and_differ_in_size_by_at_most_one(num_members, max_slices):
    slices = executors.cut(num_members, max_slices)
    sizes = [stop - start for start, stop in slices]
    assert len(slices) == min(num_members, max_slices)
    assert [i for start, stop in slices for i in range(start, stop)] == list(range(num_members))
    assert min(sizes) >= 1 and max(sizes) - min(sizes) <= 1


def test_a_class_is_a_function_that_makes_one():
    work = partial(max)
    assert executors.gather(ThreadPoolExecutor, work, [(0, 2), (2, 4)]) == [2, 4]
    pool = executors.open_executor(ThreadPoolExecutor)
    assert executors.gather(ThreadPoolExecutor, work, [(4, 6)]) == [6]
    assert executors.open_executor(ThreadPoolExecutor) is pool  # one, as long as it lives
    pool.shutdown()
    assert executors.gather(ThreadPoolExecutor, work, [(4, 6)]) == [6]
    another = executors.open_executor(ThreadPoolExecutor)
    assert another is not pool
    executors.close(ThreadPoolExecutor)
    executors.close(ThreadPoolExecutor)  # nothing is open
    with pytest.raises(RuntimeError, match="cannot schedule"):
        another.submit(max, 1, 2)
    assert executors.open_executor(pool) is pool


def test_a_function_that_makes_no_executor_is_told_so():
    calls = []
    for _ in range(2):  # its answer is not kept
        with pytest.raises(ValueError, match=r"must make a concurrent.futures.Executor, got None"):
            executors.gather(partial(calls.append, 1), max, [(0, 2)])
    assert len(calls) == 2


def test_an_executor_that_takes_no_work_ends_in_one_error():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match=r"members 0 to 1 .*cannot schedule.*resumed"):
        executors.gather(pool, max, [(0, 2), (2, 4)])
