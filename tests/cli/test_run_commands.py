"""The commands `train` and `evaluate`, with every learner and with plug-ins."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import SCORES, SMALL, strict

import metarl_min
from metarl_min import training
from metarl_min.ceilings import bayes_optimal
from metarl_min.cli import jobs, runs
from metarl_min.learners import registry
from metarl_min.reports import history, learning_curves
from metarl_min.tasks import registry as families

PAGE = (Path(metarl_min.__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
TINY = {  # settings that make a learner cheap
    **dict.fromkeys(("maml", "fomaml", "reptile", "meta_sgd"), ("num_tasks=4",)),
    **dict.fromkeys(("rl2", "mann"), ("num_tasks=4", "hidden=3")),
    **dict.fromkeys(("es", "es_maml", "evolved_rule"), ("population=4", "num_tasks=2")),
    "ga": ("population=4", "num_tasks=2", "pressure=2", "elites=1"),
}


def test_evaluate_json_is_the_schema(run, trained):
    status, out, _ = run("evaluate", trained, "--num-tasks", "50", "--json")
    result = strict(out)
    assert status == 0
    assert set(result) == SCORES | {
        "learner", "family", "random", "bayes_optimal", "bounds", "notes", "before",
        "control",
    }  # fmt: skip
    assert result["learner"] == "toy" and result["random"] == 2.0
    assert result["family"] == {"name": "bandit", "arms": 2, "pulls": 4, "prior": "1,1"}
    again = strict(run("evaluate", trained, "--num-tasks", "50", "--json", "--seed", "0")[1])
    assert again == result
    greedy = strict(run("evaluate", trained, "--num-tasks", "50", "--json", "--greedy")[1])
    assert greedy["return"] != result["return"]


def test_evaluate_says_why_there_is_no_score_and_shows_bounds(run):
    words = ("train", "toy", "gaussian", "arms=2", "pulls=3", "--iterations", "1", "--out", "run")
    assert run(*words)[0] == 0
    status, out, err = run("evaluate", "run", "--num-tasks", "50")
    assert (status, err) == (0, "") and "\n\nno exact ceiling but for Bernoulli arms" in out
    assert out.endswith("a score lies between its values for the two bounds; no score_pdl\n")
    assert re.search(r"^toy .* -?\d\.\d{3} \.\. -?\d\.\d{3}$", out, re.M)
    lower, upper = (
        float(next(line for line in out.splitlines() if name in line).split()[-1])
        for name in ("at least", "bayes_optimal, at most")
    )
    assert 0 < lower < upper < 3
    result = strict(run("evaluate", "run", "--num-tasks", "50", "--json")[1])
    assert result["bayes_optimal"] is None and result["score"] is None
    assert 0 < result["bounds"]["lower"] < result["bounds"]["upper"] < 3 and result["notes"]


def test_evaluate_says_why_there_is_no_score_pdl(run, trained, monkeypatch):
    solve = bayes_optimal.solve
    monkeypatch.setattr(
        bayes_optimal, "solve", lambda *arguments: solve(*arguments)._replace(every_history=False)
    )
    status, out, err = run("evaluate", trained, "--num-tasks", "50")
    assert (status, err) == (0, "") and "bayes_optimal (exact)" in out
    assert out.endswith("\n\nno score_pdl, because the ceiling has no values off the best walk\n")


def test_train_records_every_iteration(trained):
    found = history.read(Path(trained))
    assert found["iteration"].tolist() == [1, 2, 3, 4, 5] and "norm" in found


def test_train_draws_its_history_with_the_ceiling_and_the_random_player(run, pictures, monkeypatch):
    pytest.importorskip("matplotlib")
    found, draw = [], learning_curves.draw
    monkeypatch.setattr(learning_curves, "draw", lambda *x: found.append(x) or draw(*x))
    words = ("train", "reptile", *SMALL, "--iterations", "2", "--out", "run")
    assert run(*words)[0] == 0 and Path("run/history.png").read_bytes().startswith(b"\x89PNG")
    ((columns, references),) = found
    assert columns["iteration"].tolist() == [1, 2] and "before" in columns
    assert references == {"random": 0.5, "Bayes-optimal trial": bayes_optimal.solve(
        families.make("bandit", {"arms": "2", "pulls": "4"})).value / 4}  # fmt: skip
    words = ("train", "reptile", "gaussian", "arms=2", "pulls=3", "--iterations", "1", "--out", "x")
    assert run(*words)[0] == 0 and found[1][1] == {"random": 0.0}


def test_train_without_matplotlib_says_so_in_one_line(run, pictures, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    status, out, err = run("train", "toy", *SMALL, "--iterations", "1", "--out", "run")
    assert status == 0 and "1 iterations are done" in out
    assert err.splitlines()[-1].startswith("no history.png: matplotlib is not there")
    assert not Path("run/history.png").exists()


def test_evaluate_judges_a_run_on_other_tasks(run, trained):
    """Longer trials and another prior have another ceiling."""
    words = ("evaluate", trained, "bandit", "arms=2", "pulls=6", "prior=3,1/1,3")
    status, out, err = run(*words, "--num-tasks", "50", "--json")
    result = strict(out)
    assert status == 0 and result["random"] == pytest.approx(3.0)
    assert result["family"] == {"name": "bandit", "arms": 2, "pulls": 6, "prior": "3,1/1,3"}
    assert "other tasks: pulls=6 and not 4, prior=3,1/1,3 and not 1,1" in err
    assert result["bayes_optimal"] > 4 and len(result["per_episode"]) == 6
    same = run("evaluate", trained, *SMALL, "--num-tasks", "50", "--json")
    assert strict(same[1]) == strict(run("evaluate", trained, "--num-tasks", "50", "--json")[1])
    assert "was trained on these tasks" in same[2]


def test_three_lines_of_the_page_load_a_run(trained):
    page = Path(metarl_min.__file__).parents[1] / "examples" / "book" / "command_line.md"
    text = page.read_text(encoding="utf-8")
    lines = re.search(r"<!-- load -->\n```\n(.*?)```", text, re.S).group(1)
    names = {"runs": runs, "training": training, "Path": Path}
    exec(lines.replace("runs/right", trained), names)
    assert names["last"].iteration == 5 and "logits" in names["last"].state.theta
    assert lines.count("\n") == 3


def test_three_lines_of_the_page_draw_a_run(trained):
    pytest.importorskip("matplotlib")
    page = Path(metarl_min.__file__).parents[1] / "examples" / "book" / "command_line.md"
    text = page.read_text(encoding="utf-8")
    lines = re.search(r"<!-- history -->\n```\n(.*?)```", text, re.S).group(1)
    exec(lines.replace("runs/right", trained), {})
    assert Path("now.png").read_bytes().startswith(b"\x89PNG") and lines.count("\n") == 3


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("bandit", "arms=3", "pulls=4"), "must fit the parameters of toy"),
        (("gridworld",), "must fit the parameters of toy"),
        (("bandit", "pulls"), "a parameter must be written key=value"),
        (("bandit", "legs=3"), "legs"),
        (("bandits",), "did you mean bandit"),
        (("pulls=6",), "must be one of"),
    ],
)
def test_a_family_that_does_not_fit_a_run_is_refused(run, trained, words, rule):
    status, out, err = run("evaluate", trained, *words)
    assert (status, out) == (2, "") and rule in err and err.count("\n") == 1


def test_evaluate_of_no_run_says_so(run):
    rule = "metarl_min: a run must be a directory, got nowhere, which does not exist\n"
    assert run("evaluate", "nowhere") == (2, "", rule)


def test_a_run_longer_than_its_schedule_is_refused_before_it_begins(run):
    words = ("train", "rl2", "bandit", "--set", "iterations=5", "--iterations", "9", "--out", "run")
    rule = "--iterations must be at most 5, because the step size falls to 0 over 5 iterations"
    longer = "a longer run is another run, which begins with iterations=9"
    assert run(*words) == (2, "", f"metarl_min: {rule}, got 9; {longer}\n")
    assert not Path("run").exists()


def test_evaluate_prints_a_table(run, trained):
    status, out, _ = run("evaluate", trained, "--num-tasks", "50")
    assert status == 0 and out.startswith("bandit arms=2 pulls=4 prior=1,1\n")
    assert "  untrained control (alpha=2)" in out


def test_evaluate_of_an_unfinished_run_says_how_far_it_is(run, trained):
    found = runs.read_run(Path(trained))
    runs.write_run(Path(trained), found._replace(iterations=9))
    status, _, err = run("evaluate", trained, "--num-tasks", "50")
    assert status == 0 and err == "run has done 5 of 9 iterations\n"


def test_more_tasks_than_fit_are_not_evaluated(run, trained):
    status, out, err = run("evaluate", trained, "--num-tasks", "999999999999")
    assert (status, out) == (2, "") and "at most 100,000,000 steps" in err


@pytest.mark.parametrize("name", registry.LEARNERS)
def test_every_learner_is_trained_resumed_and_made_again(run, name):
    words = ("train", name, *SMALL, "--set", *TINY[name], "--out", "run")
    assert run(*words, "--iterations", "2")[0] == 0
    assert run(*words, "--resume")[:2] == (0, "run: all 2 iterations are done\n")
    record = runs.read_run(Path("run"))
    learner = runs.make(record)
    assert learner.settings == record.settings and None not in record.settings.values()
    for word in TINY[name]:
        key, _, value = word.partition("=")
        assert record.settings[key] == int(value)


@pytest.mark.parametrize("name", registry.LEARNERS)
def test_a_run_of_every_learner_is_made_longer_or_one_sentence_says_why_not(run, name):
    words = ("train", name, *SMALL, "--set", *TINY[name], "--out")
    assert run(*words, "run", "--iterations", "2")[0] == 0
    status, out, err = run(*words, "run", "--resume", "--iterations", "4")
    if registry.make(name, families.make("bandit", {}), {}).schedule_end:
        assert (status, out) == (2, "") and err.count("\n") == 1
        assert "--iterations must be at most 2, because the " in err and " over 2 iterations" in err
        return
    assert status == 0 and run(*words, "straight", "--iterations", "4")[0] == 0
    for file in ("checkpoint.npz", "history.csv", "run.json"):
        assert Path("run", file).read_bytes() == Path("straight", file).read_bytes()


def test_a_learner_from_a_file_is_not_trained_longer_than_its_setting_iterations(run, tmp_path):
    """It has a schedule of its own, and does not say where the schedule ends."""
    text = (
        "from metarl_min.learners.reptile import reptile\n"
        "def own(family, *, iterations: int = 5):\n"
        '    """A learner.\n\n    iterations  length\n    """\n'
        "    return reptile(family, num_tasks=2)\n"
    )
    (tmp_path / "own.py").write_text(text)
    words = ("train", "own.py:own", *SMALL, "--out", "run")
    assert run(*words, "--iterations", "2")[0] == 0
    status, _, err = run(*words, "--resume", "--iterations", "3")
    assert status == 2 and "must be at most 2, because a schedule runs over 2 iterations" in err
    assert run(*words, "--resume")[1] == "run: all 2 iterations are done\n"


@pytest.fixture
def page(tmp_path):
    """Write the two files of CONTRIBUTING.md."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for name, block in zip(("levers.py", "averages.py"), blocks, strict=True):
        (tmp_path / name).write_text(block)


def test_the_files_of_contributing_are_trained_and_evaluated_in_a_fresh_process(run, page):
    status, out, _ = run("ceiling", "levers.py:levers", "n=4")
    assert status == 0 and "Bayes-optimal   3.5" in out
    words = ("levers.py:levers", "n=4", "--set", "speed=1", "--iterations", "2", "--out", "run")
    assert run("train", "averages.py:averages", *words)[0] == 0
    record = runs.read_run(Path("run"))
    assert record.settings == {"speed": 1.0} and record.learner == "averages.py:averages"
    assert record.family == {"name": "levers.py:levers", "n": 4, "pulls": 5}
    assert "all 2 iterations" in run("train", "averages.py:averages", *words, "--resume")[1]
    command = [sys.executable, "-m", "metarl_min", "evaluate", "run", "--num-tasks", "50"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.startswith("levers.py:levers n=4 pulls=5\n")
    assert "averages.py:averages" in done.stdout and done.stderr == ""


def test_the_files_of_contributing_are_compared_in_two_processes(run, page, monkeypatch):
    monkeypatch.setattr(jobs, "num_cores", lambda: 2)
    words = ("--tasks", "levers.py:levers", "--learners", "averages.py:averages", "--seeds", "1")
    status, out, _ = run("compare", *words)
    assert status == 0 and "averages.py:averages " in out and out.startswith("levers.py:levers n=3")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "return Learner(family, int, int, int)",
            "init must run without an error, got TypeError",
        ),
        (
            "raise RuntimeError('no')",
            "must return a Learner, got RuntimeError: no (mine.py, line 3)",
        ),
        ("return 3", "mine.py:mine must return a Learner, got int"),
        ("return Learner(family, lambda rng: 1, int, int)", "must be functions of a module"),
        ("return Learner(family, int, None, int)", "step must be a function, got None"),
    ],
)
def test_a_learner_of_a_file_that_is_at_fault_is_one_line_and_status_2(run, code, message):
    source = f"from metarl_min.learners import Learner\ndef mine(family):\n    {code}\n"
    Path("mine.py").write_text(source)
    for words in (["train", "mine.py:mine", *SMALL], ["compare", "--learners", "mine.py:mine"]):
        status, out, err = run(*words)
        assert (status, out) == (2, "") and len(err.splitlines()) == 1 and message in err
    assert not Path("runs").exists()


TALKS = """
from metarl_min.tasks.bandits import bandit
def talks(*, arms: int = 2):
    print("the family is made")
    return bandit(arms=arms)
"""


def test_what_a_plug_in_prints_is_not_on_standard_output(run):
    Path("talks.py").write_text(TALKS)
    status, out, err = run("ceiling", "talks.py:talks", "--json")
    assert status == 0 and strict(out)["random"] == 5.0 and "the family is made" in err


def test_a_plug_in_does_not_end_the_command(run):
    Path("ends.py").write_text("def ends(family):\n    raise SystemExit(0)\n")
    status, out, err = run("train", "ends.py:ends", *SMALL)
    rule = "metarl_min: a plug-in must not end the command, got SystemExit 0\n"
    assert (status, out, err) == (2, "", rule)


def test_an_error_of_a_plug_in_during_the_work_is_one_line_and_status_1(run, page):
    late = "    [0][int(state.logits.max() > 1)]\n    return State(logits=state"
    source = Path("averages.py").read_text().replace("    return State(logits=state", late)
    Path("late.py").write_text(source)
    status, out, err = run("train", "late.py:averages", *SMALL, "--set", "speed=1")
    assert (status, out) == (1, "") and "Traceback" not in err
    last = err.splitlines()[-1]
    assert re.fullmatch(
        r"metarl_min: IndexError: list index out of range \(late.py, line \d+\)", last
    )
