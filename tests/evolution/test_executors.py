"""Slices on many workers: in order, tried again, and given up with one error."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from functools import partial

import numpy as np
import pytest

from metarl_min.evolution import executors, workers
from metarl_min.evolution.executors import TimeLimit


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
    for good in (None, ThreadPoolExecutor, Executor(), TimeLimit(Executor(), 1)):
        assert executors.check(good) is good


def test_a_job_and_its_slices_are_checked():
    for executor in (None, ThreadPoolExecutor):
        with pytest.raises(TypeError, match="job must be a function, got None"):
            executors.gather(executor, None, [(0, 2)])
        with pytest.raises(TypeError, match="slices must be of type list, got int"):
            executors.gather(executor, max, 3)


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


class Silent(Executor):
    """An executor that answers a slice only when it is asked for the `attempt`-th time."""

    def __init__(self, attempt):
        self.attempt, self.asked = attempt, []

    def submit(self, job, *members):
        future = Future()
        self.asked.append(members)
        if self.asked.count(members) >= self.attempt:
            future.set_result(job(*members))
        return future


def test_a_slice_that_its_executor_cancels_is_asked_for_again():
    class Cancelling(Executor):
        """An executor that cancels work until it has been asked `cancels` times."""

        def __init__(self, cancels):
            self.cancels = cancels

        def submit(self, job, *members):
            future = Future()
            self.cancels -= 1
            if self.cancels < 0:
                future.set_result(job(*members))
            elif future.cancel():
                future.set_running_or_notify_cancel()
            return future

    assert executors.gather(Cancelling(2), lambda a, b: b, [(0, 2), (2, 4)]) == [2, 4]
    with pytest.raises(RuntimeError, match=r"members 0 to 1 .*the Executor has cancelled the work"):
        executors.gather(Cancelling(9), lambda a, b: b, [(0, 2), (2, 4)])


def test_a_slice_that_does_not_come_back_is_asked_for_again():
    executor = Silent(attempt=3)
    slices = [(0, 2), (2, 4)]
    assert executors.gather(TimeLimit(executor, 0.01), lambda a, b: b, slices) == [2, 4]
    assert sorted(executor.asked) == [(0, 2)] * 3 + [(2, 4)] * 3


def test_a_slice_that_never_comes_back_ends_in_one_error():
    executor = Silent(attempt=4)
    rule = r"members 0 to 1 .* could not be evaluated: .*no slice came back for 0.01 seconds.*resum"
    with pytest.raises(RuntimeError, match=rule) as found:
        executors.gather(TimeLimit(executor, 0.01), max, [(0, 2)])
    assert isinstance(found.value.__cause__, TimeoutError)
    assert executor.asked == [(0, 2)] * 3


def test_only_what_is_missing_is_asked_for_again():
    class Half(Silent):
        def submit(self, job, *members):
            self.attempt = 1 if members == (0, 2) else 2
            return super().submit(job, *members)

    executor = Half(1)
    assert executors.gather(TimeLimit(executor, 0.01), max, [(0, 2), (2, 4)]) == [2, 4]
    assert executor.asked == [(0, 2), (2, 4), (2, 4)]


def test_a_late_answer_counts(monkeypatch):
    """The first request is answered late, and the second never; nobody waits for it."""
    waits = []
    monkeypatch.setattr(executors, "wait", lambda *args: waits.append(args) or wait(*args))

    class Late(Executor):
        def __init__(self):
            self.futures = []

        def submit(self, job, *members):
            self.futures.append(Future())
            if len(self.futures) == 2:
                threading.Timer(0.01, self.futures[0].set_result, ["late"]).start()
            return self.futures[-1]

    executor = Late()
    assert executors.gather(TimeLimit(executor, 0.2), max, [(0, 2)]) == ["late"]
    assert len(executor.futures) == 2 and executor.futures[1].cancelled() and len(waits) == 2


def test_the_time_begins_anew_with_each_slice_that_comes_back():
    """Six slices take longer together than the limit, but each alone is in time."""
    asked = []

    def work(start, stop):
        asked.append(start)
        time.sleep(0.1)
        return start

    slices = [(i, i + 1) for i in range(6)]
    with ThreadPoolExecutor(1) as pool:
        assert executors.gather(TimeLimit(pool, 0.45), work, slices) == list(range(6))
    assert asked == list(range(6))


def sleep_once(start, stop, path):
    with open(path, "a") as file:
        file.write(".")
    if start == 0 and os.path.getsize(path) < 3:
        time.sleep(600)
    return start


def test_a_pool_that_a_function_made_is_replaced_when_a_worker_sleeps(tmp_path):
    """Its processes are killed: while one of them sleeps, this process could not end."""
    make = partial(workers.processes, 2)
    work = partial(sleep_once, path=str(tmp_path / "calls"))
    first = executors.open_executor(make)
    assert executors.gather(TimeLimit(make, 1.0), work, [(0, 2), (2, 4)]) == [0, 2]
    second = executors.open_executor(make)
    assert second is not first
    end = time.monotonic() + 5
    while {x.pid for x in multiprocessing.active_children()} - set(second._processes):
        assert time.monotonic() < end
        time.sleep(0.01)
    executors.close(TimeLimit(make, 1.0))
    with pytest.raises(RuntimeError, match="cannot schedule"):
        second.submit(max, 1, 2)


def sleep_always(start, stop):
    time.sleep(600)


def test_a_pool_that_was_given_can_be_left_when_its_workers_sleep():
    started = time.monotonic()
    with (
        pytest.raises(RuntimeError, match=r"no slice came back for 0.3 seconds"),
        ProcessPoolExecutor(2) as pool,
    ):
        executors.gather(TimeLimit(pool, 0.3), sleep_always, [(0, 2), (2, 4)])
    assert time.monotonic() - started < 60


def die_twice(start, stop, path):
    with open(path, "a") as file:
        file.write(".")
    if os.path.getsize(path) < 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return start


def test_a_pool_that_a_function_made_can_be_lost_twice(tmp_path):
    make = partial(workers.processes, 1)
    work = partial(die_twice, path=str(tmp_path / "calls"))
    assert executors.gather(make, work, [(0, 2)]) == [0]
    executors.close(make)


@pytest.mark.parametrize(
    ("fields", "error", "rule"),
    [
        ({"executor": None}, ValueError, "executor must be a concurrent.futures.Executor or a fun"),
        ({"executor": "dask"}, ValueError, "executor must be .*, got dask"),
        ({"seconds": 0}, ValueError, "seconds must be positive, got 0"),
        ({"seconds": -1.5}, ValueError, "seconds must be finite, from 0 to .*, got -1.5"),
        ({"seconds": float("inf")}, ValueError, "seconds must be finite, .*, got inf"),
        ({"seconds": float("nan")}, ValueError, "seconds must be finite, .*, got nan"),
        ({"seconds": 1e200}, ValueError, "seconds must be finite, .*, got 1e"),
        ({"seconds": None}, TypeError, "seconds must be a real number, got None"),
        ({"seconds": True}, TypeError, "seconds must be a real number, got True"),
    ],
)
def test_a_time_limit_is_valid_from_the_moment_it_exists(fields, error, rule):
    with pytest.raises(error, match=rule):
        TimeLimit(**{"executor": ThreadPoolExecutor, "seconds": 1.0} | fields)
    with pytest.raises(error, match=rule):
        TimeLimit(ThreadPoolExecutor, 1.0)._replace(**fields)


@pytest.mark.parametrize(
    ("sizes", "error", "rule"),
    [
        ((0, 2), ValueError, "num_members must be at least 1, got 0"),
        ((2, 0), ValueError, "max_slices must be at least 1, got 0"),
        ((2.0, 2), TypeError, "num_members must be a whole number, got 2.0"),
    ],
)
def test_what_cannot_be_cut_is_refused(sizes, error, rule):
    with pytest.raises(error, match=rule):
        executors.cut(*sizes)
    expected = [(0, 50), (50, 100), (100, 150), (150, 200)]
    assert executors.cut(np.uint8(200), np.int8(4)) == expected
