"""Worker processes: they end with their parent, and a lost one costs its job and nothing else."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from metarl_min.evolution import workers

METHODS = multiprocessing.get_all_start_methods()
ONE_THREAD = partial(ThreadPoolExecutor, 1)


def one_process(method="fork"):
    context = multiprocessing.get_context(method)
    return ProcessPoolExecutor(1, context, initializer=workers.end_with_parent)


def note(file):
    """Add a letter to a file, and return how many there were before."""
    with open(file, "a") as opened:
        opened.write(".")
    return os.path.getsize(file) - 1


def double(x):
    return 2 * x


def die_once(job):
    """The job (file, x): its worker is killed the first time, if there is a file."""
    file, x = job
    if file and note(file) == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * x


def die(x):
    os.kill(os.getpid(), signal.SIGKILL)


def sleep_once(job):
    file, x = job
    if file and note(file) == 0:
        time.sleep(600)
    return 2 * x


def fail(x):
    raise ValueError(f"no {x}")


def alive(pid):
    """Whether a process runs; one that has ended and is not yet collected does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # it ended before or while it was read
        return False


def wait_until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


@pytest.mark.parametrize("make_worker", [ONE_THREAD, one_process])
def test_every_job_is_done_once(make_worker):
    found = list(workers.perform_all(make_worker, 2, double, range(7)))
    assert sorted(found) == [(i, 2 * i) for i in range(7)]
    assert list(workers.perform_all(make_worker, 2, double, [])) == []


def test_at_most_so_many_workers_are_made_and_all_are_stopped():
    made = []

    def make_worker():
        made.append(ThreadPoolExecutor(1))
        return made[-1]

    assert len(list(workers.perform_all(make_worker, 3, double, range(20)))) == 20
    assert len(made) == 3
    for worker in made:
        with pytest.raises(RuntimeError, match="cannot schedule"):
            worker.submit(double, 1)


def test_a_killed_worker_costs_its_own_job_again_and_nothing_else(tmp_path):
    deaths, others = str(tmp_path / "deaths"), [str(tmp_path / str(i)) for i in range(4)]
    for file in others:
        note(file)  # these jobs do not die
    jobs = [(deaths, 0), *((file, i + 1) for i, file in enumerate(others))]
    found = list(workers.perform_all(one_process, 2, die_once, jobs))
    assert sorted(found) == [(i, 2 * i) for i in range(5)]
    assert note(deaths) == 2  # asked for twice
    assert [note(file) for file in others] == [2] * 4  # asked for once


def test_a_job_that_always_kills_its_worker_ends_in_one_error():
    with pytest.raises(RuntimeError, match="job 0 lost its worker 3 times: BrokenProcessPool"):
        list(workers.perform_all(one_process, 1, die, [7]))


def test_a_job_that_never_comes_back_is_asked_for_again(tmp_path):
    jobs = [("", 1), (str(tmp_path / "sleeps"), 2), ("", 3)]
    found = list(workers.perform_all(one_process, 2, sleep_once, jobs, seconds=1.0))
    assert sorted(found) == [(0, 2), (1, 4), (2, 6)]


def test_only_the_job_that_is_late_is_asked_for_again():
    now = time.monotonic()
    running = {Future(): workers._Running(i, None, now - age) for i, age in enumerate((1, 90, 2))}
    late = workers._ended(running, 60.0)
    assert [running[future].number for future in late] == [1]


def test_a_worker_that_was_lost_between_two_jobs_is_replaced():
    made = []

    def make_worker():
        made.append(one_process())
        return made[-1]

    found = []
    for number, value in workers.perform_all(make_worker, 1, double, range(3)):
        found.append((number, value))
        for process in dict(made[-1]._processes).values():
            os.kill(process.pid, signal.SIGKILL)
            process.join()
    assert found == [(0, 0), (1, 2), (2, 4)] and len(made) == 3


def test_the_error_of_a_job_is_raised_and_is_not_tried_again():
    with pytest.raises(ValueError, match="no 5"):
        list(workers.perform_all(one_process, 1, fail, [5]))


def test_nobody_waits_for_the_jobs_of_a_closed_iteration():
    started = time.monotonic()
    found = workers.perform_all(one_process, 2, time.sleep, [0, 600, 600])
    assert next(found) == (0, None)
    children = {process.pid for process in multiprocessing.active_children()}
    found.close()
    assert children and wait_until(lambda: not any(map(alive, children)))
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("wrong", "error", "rule"),
    [
        ({"num_workers": 0}, ValueError, "num_workers must be at least 1, got 0"),
        ({"num_workers": 1.5}, TypeError, "num_workers must be a whole number, got 1.5"),
        ({"make_worker": None}, TypeError, "make_worker must be a function, got None"),
        ({"job": 3}, TypeError, "job must be a function, got 3"),
        ({"arguments": 3}, TypeError, "arguments must be of type Sequence, got int"),
        ({"seconds": 0}, ValueError, "seconds must be positive, got 0"),
        ({"seconds": "1"}, TypeError, "seconds must be a real number, got '1'"),
    ],
)
def test_workers_and_seconds_are_checked(wrong, error, rule):
    right = {"make_worker": ONE_THREAD, "num_workers": 1, "job": double, "arguments": [1]}
    with pytest.raises(error, match=rule):
        list(workers.perform_all(**right | wrong))


def test_a_pool_has_at_least_one_worker():
    with pytest.raises(ValueError, match="num_workers must be at least 1, got 0"):
        workers.processes(0)
    with workers.processes(1) as pool:
        assert pool.submit(double, 4).result() == 8


PARENT = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from metarl_min.evolution import workers

def say(x):
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(x)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    one = partial(ProcessPoolExecutor, 1, context, initializer=workers.end_with_parent)
    if sys.argv[2] == "jobs":
        list(workers.perform_all(one, 2, say, [600, 600, 600]))
    with ProcessPoolExecutor(2, context, initializer=workers.end_with_parent) as pool:
        list(pool.map(say, [1, 1]))  # two workers, who then wait for work
        time.sleep(600)
"""


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("what", "number"),
    [
        ("waiting", signal.SIGKILL),
        ("jobs", signal.SIGKILL),
        ("jobs", signal.SIGTERM),
        ("jobs", signal.SIGHUP),
    ],
)
def test_workers_end_with_their_parent(tmp_path, method, number, what):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    words = [sys.executable, str(script), method, what]
    with subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True) as parent:
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        if what == "waiting":
            time.sleep(1.2)
        assert len(set(pids)) == 2 and all(map(alive, pids))
        parent.send_signal(number)
        parent.wait(5)
        gone = wait_until(lambda: not any(map(alive, pids)))
        for pid in filter(alive, pids):
            os.kill(pid, signal.SIGKILL)
        assert gone
        assert parent.stdout.read() == b""  # nobody holds the pipe open
