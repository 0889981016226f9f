"""How the command line ends."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from command_line import SMALL

import metarl_min
from metarl_min import __main__
from metarl_min.cli import parser
from metarl_min.tasks import registry as families


def test_no_words_mean_compare(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["metarl_min"])
    seen = []

    def read(args):
        seen.append(args)
        return lambda: "the work is done"

    add_arguments = parser.COMMANDS["compare"][1]
    monkeypatch.setitem(parser.COMMANDS, "compare", (read, add_arguments))
    assert __main__.main() == 0
    assert capsys.readouterr().out == "the work is done\n"
    assert seen[0].tasks == "bandit,gridworld" and seen[0].seed == 0
    assert os.environ["OPENBLAS_NUM_THREADS"]


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
    assert (status, out) == (2, "")
    assert err.endswith("may take at most 4,000,000,000 numbers, got more than 1e99\n")


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


def test_a_reader_who_stops_reading_is_no_error():
    command = f"{sys.executable} -m metarl_min equations | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert re.match(r"[a-z_.]+\.1  ", done.stdout) and done.stderr == ""


def test_version_and_help_are_printed(run):
    assert run("--version") == (0, f"metarl_min {metarl_min.__version__}\n", "")
    for words in (["help"], ["--help"], ["-h"]):
        status, out, err = run(*words)
        assert (status, err) == (0, "") and "equations" in out


def test_help_of_a_command_lists_its_options(run):
    for words in (["compare", "--help"], ["help", "compare"]):
        status, out, err = run(*words)
        assert (status, err) == (0, "") and "--seeds" in out
