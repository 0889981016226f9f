"""The word of --executor: the same bytes on every engine, and one line for each fault."""

import os
import pickle
import sys
import threading
import time
import types
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from command_line import SMALL

from metarl_min.basics import plugins
from metarl_min.cli import comparison, engines, environment, jobs, published_tables, runs
from metarl_min.cli.engines import Word
from metarl_min.learners import registry
from metarl_min.tasks.bandits import bandit

SEARCH = ("--set", "population=6", "num_tasks=2", "--iterations", "3")
FAMILY = "from metarl_min.tasks.bandits import bandit\n\n\ndef two(*, pulls: int = 4):\n"
FAMILY += "    return bandit(arms=2, pulls=pulls)._replace(reward_noise=noise)\n\n\n"
FAMILY += "def noise(rng, means):\n    return (rng.random(means.shape) < means) * 1.0\n"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("processes:1", Word("processes", "1")),
        ("processes:10000", Word("processes", "10000")),
        ("dask:10.0.0.1:8786", Word("dask", "10.0.0.1:8786")),
        ("dask:tls://[::1]:8786", Word("dask", "tls://[::1]:8786")),
        ("mpi", Word("mpi", "")),
    ],
)
def test_an_engine_is_read(text, word):
    assert engines.read(text) == word


@pytest.mark.parametrize("command", [["compare"], ["tables", "bandits"], ["train", "es", "bandit"]])
@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("processes:0", "must be processes:N, where N is a whole number from 1 to 10000, got"),
        ("processes:x", "must be processes:N"),
        ("processes:\N{ARABIC-INDIC DIGIT THREE}", "must be processes:N"),
        ("processes", "must be processes:N"),
        ("processes:10001", "must be processes:N"),
        ("dask:", "must be dask:ADDRESS, where ADDRESS is that of a scheduler"),
        ("dask:localhost", "must be dask:ADDRESS"),
        ("mpi:3", "must be processes:N, dask:ADDRESS or mpi, got 'mpi:3', did you mean mpi?"),
        ("proceses:3", "got 'proceses:3', did you mean processes?"),
        ("", "must be processes:N, dask:ADDRESS or mpi, got ''"),
    ],
)
def test_a_word_that_names_no_engine_is_refused(run, command, text, rule):
    status, out, err = run(*command, "--executor", text)
    assert (status, out) == (2, "") and rule in err and len(err.splitlines()) == 1
    assert os.listdir() == []


def test_a_search_has_the_same_bytes_in_two_processes_and_a_run_may_change_its_engine(run):
    """The family is a plug-in, and new processes load it."""
    Path("mine.py").write_text(FAMILY)
    words = ("train", "es", "mine.py:two", *SEARCH)
    assert run(*words, "--out", "one")[0] == 0
    two = ("--executor", "processes:2", "--time-limit", "60", "--out", "two")
    assert run(*words, *two)[0] == 0
    for name in ("checkpoint.npz", "history.csv", "run.json"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()
    assert run(*words, "--resume", "--out", "two")[1] == "two: all 3 iterations are done\n"
    for place in ("one", "two"):
        assert run(*words[:-1], "5", "--resume", "--out", place)[0] == 0
    assert Path("one/checkpoint.npz").read_bytes() == Path("two/checkpoint.npz").read_bytes()


def test_what_a_plug_in_prints_in_a_worker_is_not_on_standard_output(tmp_path, capfd):
    (tmp_path / "talks.py").write_text("print('the file runs')\n")
    plugins.load_file(tmp_path / "talks.py")
    assert capfd.readouterr().out == "the file runs\n"  # here only the command line prevents it
    with engines.processes(1) as pool:
        pool.submit(int).result()
    assert capfd.readouterr() == ("", "the file runs\n")


def test_every_learner_that_searches_takes_an_executor_and_no_other_one(run):
    found = [name for name in registry.LEARNERS if registry.searches(name)]
    assert found == ["es", "ga", "es_maml", "evolved_rule"]
    with pytest.raises(ValueError, match="an executor must come with a learner that searches"):
        registry.make("maml", bandit(arms=2), {}, executor=ThreadPoolExecutor)
    err = run("train", "maml", "bandit", "--executor", "processes:2")[2]
    assert err == (
        "metarl_min: --executor must come with a learner that searches, such as es, got maml\n"
    )
    err = run("train", "es", "bandit", "--time-limit", "3")[2]
    assert err == "metarl_min: --time-limit must come with --executor, got 3.0\n"
    assert os.listdir() == []


@pytest.mark.parametrize("command", [("compare",), ("tables", "bandits", "--cells", "10,5")])
def test_jobs_run_in_as_many_processes_as_the_word_says(run, monkeypatch, command):
    """tests/cli/test_jobs.py shows that they have the same bits."""
    found = []

    def run_jobs(given, processes, run_job, seconds, executor):
        found.append((processes, executor))
        raise RuntimeError("that is enough")

    for module in (comparison, published_tables):
        monkeypatch.setattr(module, "run_jobs", run_jobs)
    assert run(*command, "--executor", "processes:3")[0] == run(*command)[0] == 1
    assert found == [(3, None), (1, None)]


MADE = []  # the clients of a test


class Client:
    """A client of Dask whose workers are threads of this process."""

    def __init__(self, address, timeout, set_as_default):
        if "9999" in address:
            raise OSError("nobody is there")
        self.status = "running"
        MADE.append(self)

    def wait_for_workers(self, number, timeout):
        pass

    def run(self, function):
        other = function()
        old = other._replace(versions={**other.versions, "numpy": "1.0"})
        return {"tcp://10.0.0.1:1": other, "tcp://10.0.0.2:1": old}

    def get_executor(self, pure):
        assert pure is False
        self.pool = ThreadPoolExecutor(2)
        return self.pool

    def close(self):
        self.status = "closed"
        self.pool.shutdown()


@pytest.fixture
def fake_dask(monkeypatch):
    MADE.clear()
    comm = types.SimpleNamespace(resolve_address=lambda address: address)
    monkeypatch.setitem(sys.modules, "distributed", types.SimpleNamespace(Client=Client))
    monkeypatch.setitem(sys.modules, "distributed.comm", comm)


def without_clock(path):
    return [line for line in path.read_text().splitlines() if 'seconds"' not in line]


def test_commands_have_the_same_bytes_on_the_workers_of_dask(run, fake_dask):
    Path("mine.py").write_text(FAMILY)
    compare = ("compare", "--tasks", "bandit", "--learners", "toy", "--seeds", "2")
    for name, words in (
        ("run", ("train", "ga", "mine.py:two", "--set", "pressure=2", *SEARCH[1:])),
        ("compare", compare),
    ):
        for place, more in (("one", ()), ("two", ("--executor", "dask:10.0.0.1:8786"))):
            more += ("--set", "num_slices=2") if more and name == "run" else ()
            status, _, err = run(*words, "--out", f"{name}/{place}", *more)
            assert status == 0, err
        assert "tcp://10.0.0.2:1 has numpy 1.0 and not " in err and "tcp://10.0.0.1:1" not in err
    for name in ("checkpoint.npz", "run.json"):
        assert Path("run/one", name).read_bytes() == Path("run/two", name).read_bytes()
    assert "num_slices" not in runs.read_run(Path("run/two")).settings
    one, two = (without_clock(Path("compare", x, "results.json")) for x in ("one", "two"))
    assert one == two and len(MADE) == 2
    assert [client.status for client in MADE] == ["closed"] * 2


def test_an_address_at_which_no_scheduler_answers_is_one_line(run, fake_dask, monkeypatch):
    words = ("tables", "bandits", "--executor", "dask:10.0.0.1:9999")
    rule = "--executor dask:ADDRESS must have the address of a scheduler that answers"
    assert run(*words) == (2, "", f"metarl_min: {rule}, got 10.0.0.1:9999: nobody is there\n")
    monkeypatch.setitem(sys.modules, "distributed", None)
    status, out, err = run(*words)
    assert (status, out) == (2, "") and "pip install 'metarl_min[distributed]'" in err
    assert os.listdir() == []


def test_a_scheduler_that_is_lost_ends_in_one_line_and_the_run_can_be_resumed(
    run, fake_dask, monkeypatch
):
    def lose(*_):
        MADE[-1].status = "closing"

    monkeypatch.setattr(engines, "_report_differences", lose)
    words = ("--executor", "dask:10.0.0.1:8786", "--out", "run")
    status, out, err = run("train", "es", *SMALL, *SEARCH, *words)
    assert (status, out) == (1, "") and err.splitlines()[-1].startswith(
        "metarl_min: RuntimeError: members 0 to 0 of the population could not be evaluated: "
        "BrokenExecutor('the scheduler of Dask is lost'); the run can be resumed"
    )
    assert run("train", "es", *SMALL, *SEARCH, "--resume", "--out", "run")[0] == 0


def test_mpi_must_be_started_by_mpiexec(run, monkeypatch):
    rule = "a command with --executor mpi must be started as mpiexec -n N python -m mpi4py.futures"
    status, out, err = run("tables", "bandits", "--executor", "mpi")
    assert (status, out) == (2, "") and rule in err and len(err.splitlines()) == 1
    size = types.SimpleNamespace(Get_size=lambda: 1)
    package = types.SimpleNamespace(MPI=types.SimpleNamespace(COMM_WORLD=size))
    monkeypatch.setitem(sys.modules, "mpi4py", package)
    monkeypatch.setitem(sys.modules, "mpi4py.futures", types.SimpleNamespace(MPIPoolExecutor=None))
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "mpi4py.futures"])
    with pytest.raises(ValueError, match="with N of at least 2, got N = 1"), ExitStack() as stack:
        engines.mpi(stack)


def test_mpi_uses_every_process_but_the_first(monkeypatch):
    world = types.SimpleNamespace(Get_size=lambda: 3, Get_rank=lambda: 1)
    package = types.SimpleNamespace(MPI=types.SimpleNamespace(COMM_WORLD=world))
    futures = types.SimpleNamespace(MPIPoolExecutor=ThreadPoolExecutor)
    monkeypatch.setitem(sys.modules, "mpi4py", package)
    monkeypatch.setitem(sys.modules, "mpi4py.futures", futures)
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "mpi4py.futures"])
    with ExitStack() as stack:
        engine = engines.for_search(Word("mpi", ""), 5.0, stack)
        sender = engine.executor.executor
        assert engine.num_workers == 2 and sender.submit(max, 1, 2).result() == 2
    with pytest.raises(RuntimeError):
        sender.submit(max, 1, 2)


def test_work_that_is_sent_runs_one_piece_at_a_time():
    """Nested gradients of autograd are wrong if two threads compute them at the same time."""
    with ThreadPoolExecutor(4) as pool:
        sender = jobs.Sender(jobs.Sender(pool))
        futures = [sender.submit(note) for _ in range(8)]
        assert [future.result() for future in futures] == [1] * 8


RUNNING = []


def note():
    RUNNING.append(threading.get_ident())
    time.sleep(0.005)
    number = len(RUNNING)
    RUNNING.pop()
    return number


def test_the_refusal_of_a_lost_scheduler_is_that_of_a_broken_executor():
    executor = engines.DaskExecutor(types.SimpleNamespace(status="closed"), None)
    with pytest.raises(BrokenExecutor, match="the scheduler of Dask is lost"):
        executor.submit(max, 1, 2)


def test_the_environment_of_this_machine_can_be_sent():
    here = environment.here()
    assert pickle.loads(pickle.dumps(here)) == here
