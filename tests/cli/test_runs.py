"""Run directories: what is written, refused and resumed."""

import json
import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from command_line import SMALL

from metarl_min.basics import files
from metarl_min.cli import console, runs
from metarl_min.tasks import registry as families


def test_compare_uses_a_fresh_numbered_directory(run, tmp_path):
    for number in ("0001", "0002"):
        assert f"written to runs{os.sep}{number}" in run("compare", "--tasks", "bandit",
                                                         "--learners", "toy")[2]  # fmt: skip
    assert sorted(os.listdir(tmp_path / "runs")) == ["0001", "0002"]


def test_a_directory_with_a_run_is_refused_without_resume(run, trained):
    before = {name: (os.path.join(trained, name)) for name in os.listdir(trained)}
    for words in (["train", "toy", *SMALL], ["compare", "--learners", "toy"]):
        status, out, err = run(*words, "--out", trained)
        assert status == 2 and out == "" and "--resume" in err and len(err.splitlines()) == 1
    assert set(os.listdir(trained)) == set(before)


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_a_directory_with_other_things_is_refused_and_left_alone(run, tmp_path, resume):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    status, out, err = run("train", "toy", *SMALL, "--out", "mine", *resume)
    assert status == 2 and out == "" and "new or empty, got mine with thesis.tex" in err
    assert os.listdir("mine") == ["thesis.tex"]
    assert run("train", "toy", *SMALL, "--out", "mine/thesis.tex")[0] == 2


def test_resume_begins_where_nothing_is_and_ends_at_once_where_all_is_done(run, tmp_path):
    words = ("train", "toy", *SMALL, "--iterations", "5", "--out", "new", "--resume")
    assert run(*words)[0] == 0
    stamp = (tmp_path / "new" / "checkpoint.npz").stat().st_mtime_ns
    status, out, _ = run(*words)
    assert status == 0 and out == "new: all 5 iterations are done\n"
    assert (tmp_path / "new" / "checkpoint.npz").stat().st_mtime_ns == stamp


def test_resume_keeps_the_iterations_of_the_run_or_adds_some(run, trained):
    words = ("train", "toy", *SMALL, "--out", trained, "--resume")
    assert run(*words)[1] == "run: all 5 iterations are done\n"
    assert "run: 9 iterations are done" in run(*words, "--iterations", "9")[1]
    assert run("train", "toy", *SMALL, "--iterations", "9", "--out", "straight")[0] == 0
    for name in ("checkpoint.npz", "history.csv", "run.json"):
        with open(f"run/{name}", "rb") as one, open(f"straight/{name}", "rb") as other:
            assert one.read() == other.read()


def test_resume_needs_no_iterations_where_a_schedule_falls_over_them(run):
    words = ("train", "ga", "bandit", "pulls=2", "--out", "a", "--set", "population=4", "elites=1")
    words += ("pressure=2", "num_tasks=2")
    assert run(*words, "--iterations", "2")[0] == 0
    assert run(*words, "--resume")[1] == "a: all 2 iterations are done\n"
    status, out, err = run(*words, "--resume", "--iterations", "3")
    assert (status, out) == (2, "")
    reason = "because the mutations become ten times smaller over 2 iterations"
    longer = "a longer run is another run, which begins with iterations=3"
    assert err == f"metarl_min: --iterations must be at most 2, {reason}, got 3; {longer}\n"


def test_a_run_of_all_iterations_is_resumed_with_the_words_that_began_it(run):
    words = ("train", "ga", "bandit", "pulls=2", "--out", "b", "--set", "population=4", "elites=1")
    words += ("pressure=2", "num_tasks=2")
    words = (*words, "iterations=3")
    assert run(*words, "--iterations", "3")[1].startswith("b: 3 iterations are done")
    assert run(*words, "--resume")[:2] == (0, "b: all 3 iterations are done\n")


def test_a_run_that_ends_before_its_schedule_can_be_made_longer(run):
    words = ("train", "rl2", "bandit", "--set", "num_tasks=2", "hidden=2", "--out")
    schedule = ("--set", "iterations=6")
    assert run(*words, "a", *schedule, "--iterations", "2")[0] == 0
    assert run(*words, "a", "--resume", "--iterations", "4")[1].startswith("a: 4 iterations are")
    assert run(*words, "a", *schedule, "--resume", "--iterations", "6")[0] == 0
    assert run(*words, "b", "--iterations", "6")[0] == 0
    one, other = (Path(name, "checkpoint.npz").read_bytes() for name in "ab")
    assert one == other
    status, _, err = run(*words, "a", *schedule, "--resume", "--iterations", "7")
    assert status == 2 and "--iterations must be at most 6, because the step size falls" in err
    status, _, err = run(*words, "a", "--set", "iterations=7", "--resume")
    assert status == 2 and "must come with the setting iterations=6, got iterations=7" in err
    assert Path("a", "history.csv").read_bytes() == Path("b", "history.csv").read_bytes()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("settings", "at"), False),
        (("settings", "pause"), False),
        (("family", "pulls"), True),
        (("seed",), False),
        (("iterations",), True),
        (("resumed",), {}),
    ],
)
def test_an_edited_run_is_refused_where_a_number_became_another_kind(run, place, value):
    """In Python, False is equal to 0 and True to 1."""
    words = ("train", "toy", "bandit", "arms=2", "pulls=1", "--out", "edited")
    assert run(*words, "--iterations", "1")[0] == 0
    path = Path("edited", "run.json")
    content = json.loads(path.read_text())
    part = content if len(place) == 1 else content[place[0]]
    part[place[-1]] = value
    path.write_text(json.dumps(content))
    for line in ((*words, "--iterations", "3", "--resume"), ("evaluate", "edited")):
        status, out, err = run(*line)
        assert (status, out) == (2, "") and len(err.splitlines()) == 1
    assert json.loads(path.read_text()) == content


@pytest.mark.parametrize("name", ["checkpoint.npz", "run.json"])
def test_a_link_to_nothing_is_no_new_beginning(run, trained, name):
    """As where a disk is not mounted."""
    path = Path("run") / name
    path.unlink()
    path.symlink_to("/unmounted/file")
    words = ("train", "toy", *SMALL, "--iterations", "9", "--resume", "--out", trained)
    for line in (words, ("evaluate", trained)):
        status, out, err = run(*line)
        assert (status, out) == (2, "") and len(err.splitlines()) == 1 and name in err
    assert path.is_symlink()


def test_a_link_to_a_whole_checkpoint_is_continued_and_stays_a_link(run, trained):
    os.rename("run/checkpoint.npz", "disk.npz")
    os.symlink("../disk.npz", "run/checkpoint.npz")
    words = ("train", "toy", *SMALL, "--iterations", "9", "--resume", "--out", trained)
    assert run(*words)[0] == 0 and os.path.islink("run/checkpoint.npz")
    assert run("train", "toy", *SMALL, "--iterations", "9", "--out", "whole")[0] == 0
    assert Path("disk.npz").read_bytes() == Path("whole/checkpoint.npz").read_bytes()


@pytest.mark.parametrize("make", [lambda: os.symlink("/nowhere/runs", "runs"), Path("runs").touch])
def test_a_place_where_no_directory_can_be_made_is_one_line_and_status_2(run, make):
    make()
    status, out, err = run("estimators", "--num-episodes", "1")
    assert (status, out) == (2, "") and len(err.splitlines()) == 1
    assert "runs must be a directory that can be written" in err


@pytest.mark.parametrize(
    "words",
    [("train", "toy", *SMALL, "--iterations", "9", "--resume"), ("train", "toy", *SMALL),
     ("compare", "--learners", "toy"), ("tables", "bandits"), ("estimators",)],
    ids=lambda words: " ".join(words[:1] + words[-1:]),
)  # fmt: skip
def test_a_second_process_in_a_directory_is_refused_in_one_line(run, words):
    Path("busy").mkdir()
    with files.one_writer(Path("busy")):
        status, out, err = run(*words, "--out", "busy")
        assert (status, out) == (2, "") and len(err.splitlines()) == 1
        assert "only one process may write in a directory, got busy, in which process" in err
        assert os.listdir("busy") == [files.LOCK]
    assert os.listdir("busy") == []


def test_a_directory_that_fills_before_its_lock_is_refused(run, monkeypatch):
    lock = files.one_writer

    def late(directory):
        (directory / "run.json").touch()  # of a process that has just ended
        return lock(directory)

    monkeypatch.setattr(files, "one_writer", late)
    status, out, err = run("train", "toy", *SMALL, "--out", "here")
    assert (status, out) == (2, "") and "--out must be new or empty" in err
    assert os.listdir("here") == ["run.json"]


def test_what_killed_writers_have_left_is_no_content(run):
    Path("here").mkdir()
    for name in (files.LOCK, f"run.json.3.{'a' * 16}.tmp"):
        Path("here", name).touch()
    for out in (["--out", "here"], ["--out", "here", "--resume", "--iterations", "41"]):
        assert run("train", "toy", *SMALL, *out)[0] == 0
        names = ["checkpoint.npz", "history.csv", "history.png", "run.json"]
        assert sorted(os.listdir("here")) == names


def test_a_directory_called_as_a_temporary_file_is_in_nobodys_way(run, trained):
    Path("run/checkpoint.npz.tmp").mkdir()
    words = ("train", "toy", *SMALL, "--iterations", "9", "--resume", "--out", trained)
    assert run(*words)[0] == 0


@pytest.mark.parametrize("out", [[], ["--out", "new/er"]])
def test_a_directory_of_work_that_fails_is_not_left_behind(run, out):
    assert run("estimators", "--theta=1e308,-1e308", *out)[0] == 2
    found = [x for x in ("runs/0001", "new") if os.path.exists(x)]
    assert found == []


def test_only_the_directories_that_a_resume_has_made_are_removed(run):
    Path("mine").mkdir()
    assert run("train", "toy", "nosuch", "--resume", "--out", "mine/new/er")[0] == 2
    assert os.listdir("mine") == []
    assert run("train", "toy", "nosuch", "--resume", "--out", "mine")[0] == 2
    assert os.listdir("mine") == []


def test_fewer_iterations_than_are_done_are_refused(run, trained):
    words = ("train", "toy", *SMALL, "--out", trained, "--resume", "--iterations", "4")
    rule = "metarl_min: --iterations must be at least the 5 that are done, got 4\n"
    assert run(*words) == (2, "", rule)


def test_a_directory_that_cannot_be_written_is_refused_before_the_work(run, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    rule = "metarl_min: --out must be a directory that can be written, got here\n"
    assert run("estimators", "--out", "here") == (2, "", rule)


@pytest.mark.parametrize(
    "words",
    [
        ["peek", *SMALL],
        ["toy", "bandit", "arms=2", "pulls=5"],
        ["toy", "gridworld"],
        ["toy", *SMALL, "--set", "at=3"],
        ["toy", *SMALL, "--seed", "1"],
    ],
    ids=["learner", "words", "family", "settings", "seed"],
)
def test_resume_refuses_another_run(run, trained, words):
    with open("run/checkpoint.npz", "rb") as file:
        content = file.read()
    status, out, err = run("train", *words, "--out", trained, "--resume")
    assert status == 2 and out == "" and len(err.splitlines()) == 1
    assert "--resume must come with the" in err
    with open("run/checkpoint.npz", "rb") as file:
        assert file.read() == content


@pytest.mark.parametrize("words", [["train", "toy", *SMALL, "--resume", "--out"], ["evaluate"]])
def test_a_truncated_checkpoint_is_one_line_and_status_2(run, trained, words):
    with open("run/checkpoint.npz", "r+b") as file:
        file.truncate(200)
    status, out, err = run(*words, trained)
    assert status == 2 and out == "" and len(err.splitlines()) == 1
    assert "run/checkpoint.npz must be a whole checkpoint" in err.replace(os.sep, "/")
    assert os.path.getsize("run/checkpoint.npz") == 200


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "[" * 100_000])
def test_a_run_json_that_cannot_be_read_is_one_line_and_status_2(run, trained, content):
    Path("run/run.json").write_text(content)
    status, out, err = run("evaluate", trained)
    assert status == 2 and out == "" and len(err.splitlines()) == 1
    assert "run must hold the run.json of a run" in err


def test_a_run_without_a_checkpoint_cannot_be_evaluated(run, trained):
    os.unlink("run/checkpoint.npz")
    status, out, err = run("evaluate", trained)
    assert status == 2 and out == "" and "a run must have a checkpoint" in err


def test_a_numbered_directory_goes_to_one_run_only(monkeypatch):
    mkdir, raced = Path.mkdir, []

    def slow(path, *args, **options):
        if not raced and path.name == "0001":
            raced.append(mkdir(path, parents=True))  # another run, at the same moment
        return mkdir(path, *args, **options)

    monkeypatch.setattr(Path, "mkdir", slow)
    assert runs.new_run_directory(None, ExitStack()) == Path("runs/0002") and raced


def test_settings_and_families_of_a_run_read_back_to_the_same(run):
    words = ("gridworld", "size=3", "start=4", "goals=0,8", "walls=1", "slip=0.1", "horizon=4")
    assert run("train", "toy", *words, "--iterations", "1", "--out", "run")[0] == 0
    learner = runs.make(runs.read_run(Path("run")))
    family = families.make("gridworld", console.parameters(words[1:]))
    assert learner.family.parameters == family.parameters
    assert learner.settings == {"fault": "", "at": 0, "pause": 0.0}


def test_an_old_run_directory_is_refused_in_one_line_that_says_why(run, trained):
    content = json.loads(Path("run/run.json").read_text())
    del content["format"]
    Path("run/run.json").write_text(json.dumps(content))
    for words in (["evaluate", trained], ["train", "toy", *SMALL, "--resume", "--out", trained]):
        status, out, err = run(*words)
        assert (status, out) == (2, "") and len(err.splitlines()) == 1
        assert "got format 1: train it again with this version" in err


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"format": 2, "learner": 1}',
     '{"format": 2, "learner": "toy", "settings": 1, "family": {"name": "x"},'
     ' "seed": 0, "iterations": 1, "versions": {}}'],
)  # fmt: skip
def test_a_run_json_without_a_run_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(ValueError, match=r"must hold the run\.json of a run") as error:
        runs.read_run(tmp_path)
    assert "\n" not in str(error.value)


def test_a_new_directory_is_locked_before_a_run_is_resumed_in_it(tmp_path):
    """Else another process could begin a run there, and this one would refuse its own --resume."""
    out = tmp_path / "run"
    with ExitStack() as stack:
        assert runs.open_run_directory(str(out), stack) == out and out.is_dir()
        with pytest.raises(ValueError, match="only one process"), files.one_writer(out):
            pass
    assert not out.exists()  # no run was begun
