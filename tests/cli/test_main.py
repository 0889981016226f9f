"""How the command line ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import SMALL

import metarl_min
from metarl_min import __main__
from metarl_min.cli import commands, main, parser
from metarl_min.tasks import registry as families


def test_no_words_mean_compare(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["metarl_min"])
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    seen = []

    def read(args):
        seen.append(args)
        return lambda: "the work is done"

    add_arguments = parser.COMMANDS["compare"][1]
    monkeypatch.setitem(parser.COMMANDS, "compare", (read, add_arguments))
    assert __main__.main() == 0
    assert capsys.readouterr().out == "the work is done\n"
    assert seen[0].tasks == "bandit,gridworld" and seen[0].seed == 0
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"


@pytest.mark.parametrize("fault", ["nan", "memory"])
def test_a_failure_of_the_work_is_one_line_and_status_1(run, fault):
    words = ["train", "toy", *SMALL, "--iterations", "5", "--set", f"fault={fault}", "at=3"]
    status, out, err = run(*words, "--out", "run")
    assert status == 1 and out == "" and err.splitlines()[-1].startswith("metarl_min: ")
    assert "Traceback" not in err


@pytest.mark.parametrize("words", [["evaluate"], ["train", "toy", *SMALL, "--resume", "--out"]])
def test_a_checkpoint_that_is_not_finite_is_one_line_and_status_2(run, trained, words):
    with np.load("run/checkpoint.npz") as archive:
        leaves = {
            name: leaf * np.nan if "theta" in name else leaf for name, leaf in archive.items()
        }
    np.savez("run/checkpoint.npz", **leaves)
    status, out, err = run(*words, trained)
    assert status == 2 and out == "" and len(err.splitlines()) == 1
    assert "must hold finite numbers, got NaN or infinity in state.theta.logits" in err


@pytest.mark.parametrize("fault", [MemoryError(), OverflowError("too much")])
def test_a_family_too_large_for_the_memory_is_a_fault_of_the_words(run, monkeypatch, fault):
    def make(**parameters):
        raise fault

    monkeypatch.setitem(families.FAMILIES, "gridworld", make)
    status, out, err = run("ceiling", "gridworld")
    assert (status, out) == (2, "")
    assert err == "metarl_min: the request must fit into memory, got too much\n"


def test_a_size_with_more_digits_than_python_prints_is_refused_by_its_rule(run):
    status, out, err = run("ceiling", "bandit", f"pulls=1{'0' * 500}")
    assert (status, out) == (2, "") and len(err) < 500
    assert "pulls must be at most 9223372036854775807, got 1000" in err
    err = run("ceiling", "bandit", f"pulls=1{'0' * 5000}")[2]
    assert err.startswith("metarl_min: pulls must be ") and len(err) < 500
    err = run("ceiling", "bandit", "pulls=10000000")[2]
    assert "may take at most 4,000,000,000 numbers, got 1,666," in err


def test_the_text_is_printed_before_the_picture_is_drawn(run, monkeypatch, capsys):
    """Then even a drawing that ends the process costs nothing."""
    printed = []

    def picture(result):
        printed.append((capsys.readouterr().out, os.listdir("here")))
        raise SystemError("a library of C is broken")

    monkeypatch.setattr(commands.plots, "bias_variance", picture)
    status, out, err = run("estimators", "--num-episodes", "1", "--out", "here")
    assert status == 0 and out == ""
    assert printed[0][0].startswith("estimators --arms") and "results.json" in printed[0][1]
    assert err.splitlines() == [
        "no bias_variance.png: SystemError a library of C is broken",
        "written to here",
    ]


def test_a_message_that_cannot_be_written_is_still_a_fault_of_the_words(monkeypatch):
    def fail(*words, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("builtins.print", fail)
    assert main.main(["ceiling", "chess"]) == 2


def fail(number, frame):
    raise AssertionError(f"signal {number} was not handled")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="sends signals of POSIX")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_a_process_ends_a_command_as_ctrl_c_does(run, monkeypatch, name):
    number = getattr(signal, name)

    def read(args):
        args.stack.callback(Path("cleaned").touch)
        os.kill(os.getpid(), number)
        time.sleep(5)

    monkeypatch.setitem(parser.COMMANDS, "equations", (read, parser.COMMANDS["equations"][1]))
    before = signal.signal(number, fail)  # so that the tests do not end if nobody handles it
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.SIG_DFL)
    try:
        assert run("equations") == (1, "", "metarl_min: interrupted: start it again\n")
        assert os.path.exists("cleaned")
        monkeypatch.undo()
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="sends signals of POSIX")
def test_a_signal_that_somebody_ignores_stays_ignored(run, monkeypatch):
    """As nohup ignores SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with main._signals_as_ctrl_c():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGHUP)  # would raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_command_line_runs_in_a_thread(run):
    """Where signals cannot be handled."""
    status = []
    thread = threading.Thread(target=lambda: status.append(main.main(["ceiling", "bandit"])))
    thread.start()
    thread.join()
    assert status == [0]


def test_ctrl_c_before_the_command_line_is_loaded_is_one_line(monkeypatch, capsys):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.__import__", interrupt)
    status = __main__.main()
    monkeypatch.undo()
    assert status == 1 and capsys.readouterr() == ("", "metarl_min: interrupted: start it again\n")


@pytest.mark.skipif(os.name == "nt", reason="closes a stream as a POSIX shell does")
def test_nothing_is_told_on_standard_output_where_standard_error_is_closed():
    command = f"{sys.executable} -m metarl_min ceiling foo 2>&-"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.skipif(os.name == "nt", reason="closes a stream as a POSIX shell does")
def test_a_closed_standard_output_is_no_success():
    command = f"{sys.executable} -m metarl_min ceiling bandit >&-"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "standard output must be open" in done.stderr


MUCH = """
import sys
from metarl_min import __main__
from metarl_min.cli import parser
print_much = (lambda args: lambda: "a line\\n" * 10**6), parser.COMMANDS["equations"][1]
parser.COMMANDS["equations"] = print_much
sys.argv[1:] = ["equations"]
sys.exit(__main__.main())
"""


def test_a_reader_who_stops_reading_is_no_error():
    """The command prints more than a pipe holds."""
    command = f"{sys.executable} -c '{MUCH}'; echo $? >&2"
    done = subprocess.run(
        f"({command}) | head -n 1", shell=True, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("a line\n", "0\n")


def test_version_and_help_are_printed(run):
    for word in ("--version", "-v"):
        assert run(word) == (0, f"metarl_min {metarl_min.__version__}\n", "")
    for words in (["help"], ["--help"], ["-h"]):
        status, out, err = run(*words)
        assert (status, err) == (0, "") and "equations" in out


def test_help_of_a_command_lists_its_options(run):
    for words in (["compare", "--help"], ["help", "compare"]):
        status, out, err = run(*words)
        assert (status, err) == (0, "") and "--seeds" in out
