"""Jobs in several processes: they end with their parent, and a killed one is done again."""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
import toy_learner

from metarl_min.cli import comparison, jobs, published_tables
from metarl_min.tasks.bandits import bandit

FAMILIES = {"bandit": bandit(arms=2, pulls=4)}
posix = pytest.mark.skipif(os.name == "nt", reason="sends signals of POSIX")


def compare(processes, report=lambda line: None):
    result = comparison.compare(
        FAMILIES, {"toy": toy_learner.toy}, seed=1, num_seeds=2, num_tasks=50,
        processes=processes, report=report,
    )  # fmt: skip
    result.pop("seconds")
    result["tasks"]["bandit"]["learners"]["toy"].pop("train_seconds")
    return result


def temporary_files(folder):
    return [name for name in os.listdir(folder) if name.startswith("metarl_min_")]


def test_compare_sends_numbers_alone_and_has_the_bits_of_one_process(monkeypatch):
    sent = []

    class Pool(ProcessPoolExecutor):
        def __init__(self, *args, initargs, **options):
            sent.append(initargs)
            super().__init__(*args, initargs=initargs, **options)

        def submit(self, function, *args):
            sent.append(args)
            return super().submit(function, *args)

    monkeypatch.setattr(jobs, "ProcessPoolExecutor", Pool)
    assert compare(2, sent.append) == compare(1)
    assert len(sent) > 10 and max(len(pickle.dumps(args)) for args in sent) < 400


@posix
def test_compare_with_a_killed_worker_has_the_bits_of_compare_in_one_process(monkeypatch, tmp_path):
    monkeypatch.setattr(jobs.tempfile, "tempdir", str(tmp_path))
    make, killed = jobs._make_worker, []

    def make_and_kill(content, made):
        pool = make(content, made)
        if not killed:
            (process,) = pool._processes.values()
            os.kill(process.pid, signal.SIGKILL)
            killed.append(process.pid)
        return pool

    monkeypatch.setattr(jobs, "_make_worker", make_and_kill)
    assert compare(2) == compare(1)
    assert len(killed) == 1 and temporary_files(tmp_path) == []


class Hung(ThreadPoolExecutor):
    """A worker that never answers."""

    def submit(self, function, *args):
        return Future()


def double(x):
    return 2 * x


def test_a_job_of_a_hung_worker_is_given_to_another_one_after_the_time_limit(monkeypatch):
    made = []

    def make_worker(content, known):
        made.append(ThreadPoolExecutor(1) if made else Hung())
        return made[-1]

    monkeypatch.setattr(jobs, "_make_worker", make_worker)
    monkeypatch.setattr(jobs, "WORK", [lambda i=i: double(i) for i in range(5)])
    started = time.monotonic()
    found = list(jobs.run_jobs(range(5), 2, double, seconds=0.5))
    assert sorted(found) == [(i, 2 * i) for i in range(5)]
    assert len(made) >= 2 and time.monotonic() - started >= 0.5


def test_jobs_on_an_executor_have_the_bits_of_jobs_in_one_process():
    with ThreadPoolExecutor(2) as pool:
        found = list(jobs.run_jobs(range(5), 2, double, executor=pool))
    assert sorted(found) == [(i, 2 * i) for i in range(5)]
    with pytest.raises(ValueError, match=r"executor must be an Executor of concurrent.futures"):
        list(jobs.run_jobs(range(5), 2, double, executor="dask"))


def test_a_job_that_its_executor_cancels_is_submitted_again_and_then_given_up():
    class Cancelling(ThreadPoolExecutor):
        """An executor that cancels the first work, as Dask does if its scheduler is lost."""

        def submit(self, function, *args, left=[]):  # noqa: B006
            left += [1]
            if len(left) > self._max_workers:
                return super().submit(function, *args)
            future = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    found = list(jobs.run_jobs(range(3), 1, double, executor=Cancelling(2)))
    assert found == [(i, 2 * i) for i in range(3)]
    with pytest.raises(RuntimeError, match=r"job 0 lost its worker 3 times: .*has cancelled"):
        list(jobs.run_jobs(range(3), 1, double, executor=Cancelling(99)))


def test_a_job_that_never_comes_back_ends_in_one_error(monkeypatch):
    monkeypatch.setattr(jobs, "_make_worker", lambda content, known: Hung())
    with pytest.raises(RuntimeError, match=r"job \d lost its worker 3 times: TimeoutError"):
        list(jobs.run_jobs(range(2), 2, double, seconds=0.02))


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_limit_is_positive_and_finite(seconds):
    with pytest.raises(ValueError, match=r"seconds must be"):
        list(jobs.run_jobs(range(2), 2, double, seconds=seconds))
    with pytest.raises(ValueError, match=r"time_limit must be"):
        comparison.compare(FAMILIES, {"toy": toy_learner.toy}, time_limit=seconds)


@pytest.mark.parametrize("words", [(), ("--time-limit", "12.5")])
@pytest.mark.parametrize("command", [("compare",), ("tables", "bandits", "--cells", "10,5")])
def test_a_command_gives_its_time_limit_to_all_its_jobs(run, monkeypatch, command, words):
    limits = []

    def run_jobs(given, processes, run_job, seconds, executor):
        limits.append(seconds)
        raise RuntimeError("that is enough")

    for module in (comparison, published_tables):
        monkeypatch.setattr(module, "run_jobs", run_jobs)
    assert run(*command, *words)[0] == 1
    assert limits == [12.5 if words else 86_400.0]


def children_of(pid):
    """Return the processes whose parent is `pid`."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.add(int(path.parent.name))
    return found


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads the processes of Linux")
@pytest.mark.parametrize("sign", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_no_process_outlives_a_compare_that_is_killed(tmp_path, sign):
    """Nor does a temporary file, which each worker removes at its start."""
    words = [sys.executable, "-m", "metarl_min", "compare", "--executor", "processes:2"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with contextlib.ExitStack() as stack:
        process = subprocess.Popen(
            words, stdout=-1, stderr=-1, env=environment, start_new_session=True
        )
        stack.enter_context(process)
        stack.callback(process.kill)
        # The children are two workers and the tracker of resources.
        assert wait_for(lambda: len(children_of(process.pid)) == 3, 60), process.stderr.read()
        if sign == "SIGKILL":
            assert wait_for(lambda: temporary_files(tmp_path) == [], 60)
        children = children_of(process.pid)
        if sign == "SIGINT":  # a terminal sends it to all
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(getattr(signal, sign))
        out, err = process.communicate(timeout=20)  # its end waits for all who hold the pipes
    assert out == b"" and (b"Traceback" not in err or sign == "SIGKILL")
    assert wait_for(lambda: not any(map(os.path.exists, (f"/proc/{x}" for x in children))), 5)
    if sign != "SIGKILL":
        assert process.returncode == 1 and temporary_files(tmp_path) == []
        assert err.decode().splitlines()[-1] == "metarl_min: interrupted: start it again"


@posix
def test_ctrl_c_that_comes_while_workers_start_is_not_lost():
    """It waits until they have started."""
    begun = []

    def start():
        with jobs.signals_wait():
            # Threads that other tests have left could receive a signal to the process.
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            time.sleep(0.05)
            begun.append("it has not come yet")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert len(begun) == 1
