"""The command line: what is printed, what is written, and how it ends."""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import toy_learner

from metarl_min import __main__, learners, tasks
from metarl_min.ceilings import bayes_optimal
from metarl_min.cli import commands, comparison, main, runs
from metarl_min.learners import ga

SCORES = {
    "return", "stderr", "score", "score_stderr", "score_pdl", "score_pdl_stderr", "per_episode",
}  # fmt: skip
SMALL = ("bandit", "arms=2", "pulls=4")


@pytest.fixture(autouse=True)
def toys(monkeypatch, tmp_path):
    toy_learner.register(monkeypatch.setitem)
    small = {"bandit": {"arms": "2", "pulls": "4"}, "gridworld": {"size": "3", "start": "4"}}
    small["gridworld"] |= {"horizon": "4", "episodes": "2"}
    monkeypatch.setattr(comparison, "FAMILIES", small)
    monkeypatch.setattr(comparison, "cores", lambda: 1)
    monkeypatch.setattr(comparison, "NUM_TASKS", 50)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    """Call the command line in this process: (status, standard output, standard error)."""

    def run(*words):
        try:
            status = main.main(words)
        except SystemExit as end:
            status = end.code
        return (status, *capsys.readouterr())

    return run


@pytest.fixture
def trained(run):
    assert run("train", "toy", *SMALL, "--iterations", "5", "--out", "run")[0] == 0
    return "run"


def strict(text):
    """Read JSON that holds no NaN and no infinity."""

    def refuse(word):
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)


def test_compare_json_is_the_schema_and_nothing_else(run, tmp_path):
    status, out, err = run("compare", "--learners", "toy", "--out", "here", "--json")
    result = strict(out)
    assert status == 0 and set(result) == {"seed", "seconds", "versions", "tasks"}
    assert set(result["versions"]) == {"python", "numpy", "autograd", "metarl_min"}
    assert list(result["tasks"]) == ["bandit", "gridworld"]
    entry = result["tasks"]["bandit"]
    assert entry["family"] == {"name": "bandit", "arms": 2, "pulls": 4, "prior": "1,1"}
    assert entry["num_tasks"] == 50 and entry["num_episodes"] == 4
    assert entry["random"] == {"return": 2.0, "exact": True}
    family = tasks.make("bandit", {"arms": "2", "pulls": "4"})
    best = bayes_optimal.solve(family).value
    assert entry["bayes_optimal"] == {"return": best, "exact": True}
    assert strict((tmp_path / "here" / "results.json").read_text()) == result
    assert "done: toy on bandit" in err and "written to here" in err


def test_every_row_of_compare_has_the_same_fields(run):
    result = strict(run("compare", "--learners", "toy", "--json")[1])
    for entry in result["tasks"].values():
        toy = entry["learners"]["toy"]
        assert set(toy) == SCORES | {"before", "control", "train_seconds"}
        assert set(toy["before"]) == SCORES and set(toy["control"]) == SCORES | {"alpha"}
        assert toy["control"]["alpha"] == 2.0
        assert {"random", "bayes_optimal"} <= set(entry["baselines"])
        for row in entry["baselines"].values():
            assert set(row) == SCORES | {"before", "control"}
            assert row["before"] is None and row["control"] is None
            assert len(row["per_episode"]) == entry["num_episodes"]
            assert sum(row["per_episode"]) == pytest.approx(row["return"])


def test_compare_prints_one_table_per_family_with_the_ceiling_on_top(run):
    status, out, err = run("compare", "--learners", "toy")
    bandit, grid = out.split("gridworld size=3")
    lines = bandit.splitlines()
    names = [line[:24].strip() for line in lines[4:] if line]
    assert status == 0 and lines[0] == "bandit arms=2 pulls=4 prior=1,1"
    assert names[:2] == ["bayes_optimal (exact)", "toy"] and names[-1] == "random (exact)"
    assert "  unadapted start" in bandit and "  untrained control (alpha=2)" in bandit
    assert "bayes_optimal (exact)" in grid and "alarm" not in err


def test_compare_uses_a_fresh_numbered_directory(run, tmp_path):
    for number in ("0001", "0002"):
        assert f"written to runs{os.sep}{number}" in run("compare", "--tasks", "bandit",
                                                         "--learners", "toy")[2]  # fmt: skip
    assert sorted(os.listdir(tmp_path / "runs")) == ["0001", "0002"]


def test_compare_has_the_same_bits_in_two_processes_as_in_one():
    family = tasks.make("bandit", {"arms": "2", "pulls": "4"})
    results = [
        comparison.compare(
            {"bandit": family}, {"toy": toy_learner.toy()}, seed=1, num_tasks=50,
            processes=processes, report=lambda line: None,
        )
        for processes in (1, 2)
    ]  # fmt: skip
    for result in results:
        result.pop("seconds")
        result["tasks"]["bandit"]["learners"]["toy"].pop("train_seconds")
    assert results[0] == results[1]


def test_whoever_sees_the_task_raises_the_alarm(run, monkeypatch):
    monkeypatch.setattr(comparison, "NUM_TASKS", 1000)
    status, _, err = run("compare", "--tasks", "bandit", "--learners", "toy,peek")
    alarms = [line for line in err.splitlines() if line.startswith("alarm: ")]
    assert status == 0 and len(alarms) == 1
    assert "peek on bandit" in alarms[0] and "does it see the task?" in alarms[0]


def test_without_matplotlib_the_results_are_there_and_one_line_says_so(run, monkeypatch):
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    status, _, err = run("compare", "--tasks", "bandit", "--learners", "toy", "--out", "here")
    assert status == 0 and os.listdir("here") == ["results.json"]
    assert [line for line in err.splitlines() if "matplotlib" in line] != []


def test_compare_in_a_family_without_a_ceiling_has_null_scores(run):
    status, out, _ = run("compare", "--tasks", "mdp", "--learners", "toy", "--json")
    entry = strict(out)["tasks"]["mdp"]
    assert status == 0 and entry["bayes_optimal"] is None
    assert entry["learners"]["toy"]["score"] is None
    assert entry["learners"]["toy"]["return"] is not None
    assert run("compare", "--tasks", "mdp", "--learners", "toy")[0] == 0


def test_no_words_mean_compare(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["metarl_min"])
    seen = []
    monkeypatch.setitem(main.COMMANDS, "compare", (seen.append, main._add_compare))
    monkeypatch.setattr(main, "print", lambda *words, **how: None, raising=False)
    with pytest.raises(TypeError):  # the work of a command that returns None
        __main__.main()
    assert seen[0].tasks == "bandit,gridworld" and seen[0].seed == 0
    assert os.environ["OPENBLAS_NUM_THREADS"]


def test_evaluate_json_is_the_schema(run, trained):
    status, out, _ = run("evaluate", trained, "--num-tasks", "50", "--json")
    result = strict(out)
    assert status == 0
    assert set(result) == SCORES | {
        "learner", "family", "random", "bayes_optimal", "before", "control",
    }  # fmt: skip
    assert result["learner"] == "toy" and result["random"] == 2.0
    assert result["family"] == {"name": "bandit", "arms": 2, "pulls": 4, "prior": "1,1"}
    again = strict(run("evaluate", trained, "--num-tasks", "50", "--json", "--seed", "0")[1])
    assert again == result
    greedy = strict(run("evaluate", trained, "--num-tasks", "50", "--json", "--greedy")[1])
    assert greedy["return"] != result["return"]


def test_evaluate_prints_a_table(run, trained):
    status, out, _ = run("evaluate", trained, "--num-tasks", "50")
    assert status == 0 and out.startswith("bandit arms=2 pulls=4 prior=1,1\n")
    assert "  untrained control (alpha=2)" in out


def test_evaluate_of_an_unfinished_run_says_how_far_it_is(run, trained):
    found = runs.read_run(commands.Path(trained))
    runs.write_run(commands.Path(trained), found._replace(iterations=9))
    status, _, err = run("evaluate", trained, "--num-tasks", "50")
    assert status == 0 and err == "run has done 5 of 9 iterations\n"


def test_ceiling_json_is_the_schema(run):
    status, out, err = run("ceiling", "bandit", "--json")
    result = strict(out)
    assert status == 0 and err == ""
    assert list(result) == [
        "family", "exact", "value", "lower", "upper", "random", "known_task", "seconds",
    ]  # fmt: skip
    assert result["value"] == result["lower"] == result["upper"]
    assert result["value"] == pytest.approx(6041941 / 907200, rel=1e-12)
    assert result["random"] == 5.0 and result["exact"] is True
    assert "Bayes-optimal   6.659988" in run("ceiling", "bandit")[1]


def test_ceiling_shows_bounds_where_the_exact_value_is_out_of_reach(run):
    words = ("ceiling", "bandit", "arms=9", "pulls=40")
    status, out, err = run(*words, "--json")
    result = strict(out)
    assert status == 0 and err.startswith("bounds only: ") and "GB" in err
    assert result["value"] is None and result["exact"] is False
    assert 20 == result["random"] < result["lower"] < result["upper"] < result["known_task"]
    table = run(*words)[1]
    assert f"Bayes-optimal, at most   {result['upper']:.6f}" in table
    assert f"Bayes-optimal, at least  {result['lower']:.6f}" in table


def test_equations_are_listed_and_in_full_with_json(run):
    status, out, _ = run("equations")
    assert status == 0 and any(line.startswith("values.4 ") for line in out.splitlines())
    found = {row["name"]: row for row in strict(run("equations", "--json")[1])["equations"]}
    assert found["values.4"]["source"] == "Sutton et al. 2000, th. 1"
    assert set(found["values.4"]) == {"name", "formula", "source", "functions", "tests"}


WORKED = {  # N: F_N, grad F_N, then the means of plain, dice and fomaml
    "1": (0.504624, -0.174340, -0.138550, -0.174134, -0.164272),
    "2": (0.503995, -0.177649, -0.142013, -0.177999, -0.168116),
    "8": (0.503344, -0.180505, -0.144678, -0.180678, -0.170915),
    "64": (0.503120, -0.181416, -0.145488, -0.181441, -0.171738),
}
VARIANCE = {"1": 0.124, "2": 0.247, "8": 0.965, "64": 7.63}
ESTIMATORS = ["plain", "emaml", "dice", "loaded_dice", "lvc", "linearised_score", "fomaml"]


def test_estimators_json_is_the_schema_and_nothing_else(run):
    status, out, err = run("estimators", "--json", "--out", "here")
    result = strict(out)
    assert status == 0 and err == "written to here\n"
    assert list(result) == ["problem", "objectives", "estimators"]
    assert result["problem"] == {
        "arms": [0.2, 0.9], "theta": [0.3, -0.2], "alpha": 0.7, "inner_steps": 1,
        "num_episodes": [1, 2, 8, 64], "baseline": 0.0, "control_variate": "none",
    }  # fmt: skip
    assert set(result["estimators"]) == set(ESTIMATORS)
    for exact in result["objectives"].values():
        assert set(exact) == {"F_N", "grad_F_N", "F_inf", "grad_F_inf"}
    for row in (row for rows in result["estimators"].values() for row in rows.values()):
        assert set(row) == {
            "meant_for", "mean", "covariance", "variance", "bias_F_N", "bias_F_inf", "mse_F_N",
            "mse_F_inf", "cosine_F_N", "cosine_F_inf", "break_even",
        }  # fmt: skip
        assert np.shape(row["covariance"]) == (2, 2)
        assert row["variance"] == pytest.approx(np.trace(row["covariance"]))
        assert row["mse_F_N"] == pytest.approx(row["variance"] + row["bias_F_N"] ** 2)
    with open("here/results.json", encoding="utf-8") as file:
        assert strict(file.read()) == result


def test_estimators_has_the_digits_of_the_worked_example(run):
    result = strict(run("estimators", "--json")[1])
    for N, (F_N, gradient, *means) in WORKED.items():
        exact = result["objectives"][N]
        rows = {name: entries[N] for name, entries in result["estimators"].items()}
        assert exact["F_N"] == pytest.approx(F_N, abs=5.1e-7)
        assert exact["F_inf"] == pytest.approx(0.503087, abs=5.1e-7)
        assert exact["grad_F_N"] == pytest.approx([gradient, -gradient], abs=5.1e-7)
        assert exact["grad_F_inf"] == pytest.approx([-0.181550, 0.181550], abs=5.1e-7)
        assert rows["emaml"]["mean"] == pytest.approx(exact["grad_F_N"], rel=1e-10)
        assert rows["emaml"]["bias_F_N"] < 1e-12 and rows["emaml"]["break_even"] is None
        for name, mean in zip(("plain", "dice", "fomaml"), means, strict=True):
            assert rows[name]["mean"] == pytest.approx([mean, -mean], abs=5.1e-7)
            off = np.subtract(rows[name]["mean"], exact["grad_F_inf"])
            assert rows[name]["bias_F_inf"] == pytest.approx(np.linalg.norm(off))
        for name in ("lvc", "loaded_dice", "linearised_score"):
            assert rows[name]["mean"] == pytest.approx(rows["dice"]["mean"], rel=1e-12)
        assert rows["emaml"]["variance"] == pytest.approx(VARIANCE[N], rel=5e-3)


def test_estimators_with_the_control_variate_of_J(run):
    words = ("estimators", "--json", "--control-variate")
    rows = {c: strict(run(*words, c)[1])["estimators"] for c in ("none", "0", "J", "0.46427845")}
    for N, variance in {"1": 0.0011, "2": 0.0041, "8": 0.011, "64": 0.051}.items():
        row = rows["J"]["emaml"][N]
        assert row["bias_F_N"] < 1e-12 and row["variance"] == pytest.approx(variance, rel=0.05)
        number = rows["0.46427845"]["emaml"][N]  # which is J(theta), to 8 digits
        assert number["variance"] == pytest.approx(row["variance"], rel=1e-5)
    assert rows["none"] == rows["0"] and rows["J"]["plain"][N] == {
        **rows["none"]["plain"][N], "break_even": rows["J"]["plain"][N]["break_even"],
    }  # fmt: skip


def test_estimators_reads_its_problem(run):
    words = "--arms 1,0,.5 --theta -1,0,.5 --alpha -.3 --inner-steps 2 --num-episodes 3"
    result = strict(run("estimators", *words.split(), "--baseline", "mean", "--json")[1])
    assert result["problem"]["theta"] == [-1.0, 0.0, 0.5] and result["problem"]["alpha"] == -0.3
    assert result["problem"]["inner_steps"] == 2 and result["problem"]["baseline"] == "mean"
    assert list(result["objectives"]) == ["3"]
    assert result["estimators"]["emaml"]["3"]["bias_F_N"] < 1e-12
    still = strict(run("estimators", "--inner-steps", "0", "--json")[1])
    for row in (rows["8"] for rows in still["estimators"].values()):
        assert row["bias_F_N"] < 1e-12 and row["break_even"] is None


def test_estimators_prints_a_table_for_each_N_and_draws(run):
    status, out, err = run("estimators", "--num-episodes", "1,8")
    first, *tables, notes = out.split("\n\n")
    assert status == 0 and first.startswith("estimators --arms 0.2,0.9 --theta 0.3,-0.2 --alpha")
    assert [table.splitlines()[0] for table in tables] == ["N = 1", "N = 8"]
    assert "F_N   = 0.504624, gradient (-0.174340, 0.174340)" in tables[0]
    assert [line.split()[0] for line in tables[1].splitlines()[4:]] == ESTIMATORS
    assert "bias" in notes and f"written to runs{os.sep}0001" in err
    pytest.importorskip("matplotlib")
    assert sorted(os.listdir("runs/0001")) == ["bias_variance.png", "results.json"]
    with open("runs/0001/bias_variance.png", "rb") as file:
        assert file.read().startswith(b"\x89PNG")


def test_the_readme_shows_what_estimators_prints(run):
    readme = (Path(commands.__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- moments -->\n```\n(.*?)```", readme, re.S).group(1)
    command, *lines = block.splitlines()
    _, out, _ = run(*command.removeprefix("$ python -m metarl_min ").split())
    printed = out.splitlines()
    assert len(lines) == 9 and all(line in printed for line in lines if line != "..")


def test_estimators_without_matplotlib(run, monkeypatch):
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    status, _, err = run("estimators", "--num-episodes", "1", "--out", "here")
    assert status == 0 and os.listdir("here") == ["results.json"]
    assert err.startswith("no bias_variance.png: matplotlib is not there")


def test_numbers_in_json_are_whole_floats():
    assert commands.to_json({"x": np.float64(0.1) + 0.2, "y": np.nan}) == (
        '{\n "x": 0.30000000000000004,\n "y": null\n}'
    )


def test_tables_json_is_the_schema_and_nothing_else(run):
    words = ("tables", "bandits", "--cells", "10,5", "--trials", "20", "--out", "here")
    status, out, err = run(*words, "--seed", "1", "--json")
    result = strict(out)
    assert status == 0 and result["table"] == "bandits" and result["seed"] == 1
    rows = {row["algorithm"]: row for row in result["cells"]}
    assert {"n", "k", "algorithm", "published", "value", "stderr", "remark"} <= set(rows["greedy"])
    assert rows["thompson"]["published"] == 5.7 and result["trials"] == 20
    assert any("gittins" in line for line in result["left_out"]) or "gittins" in rows
    assert "thompson k=5 done, about" in err and "left out: cells 10,10 10,50" in err
    with open("here/results.json", encoding="utf-8") as file:
        assert strict(file.read()) == result
    pytest.importorskip("matplotlib")
    assert sorted(os.listdir("here")) == ["regret.png", "results.json"]


def test_tables_prints_published_and_recomputed_side_by_side(run):
    status, out, _ = run("tables", "bandits", "--cells", "10,5", "--trials", "20")
    lines = out.splitlines()
    assert status == 0 and lines[0] == "bandits: 20 fresh tasks, seed 0"
    assert lines[3] == "n=10 k=5" and lines[5].split() == ["bayes_optimal", "(exact)", "6.660"]
    assert next(line for line in lines if line.startswith("thompson")).split()[1] == "5.7"
    assert next(line for line in lines if line.startswith("rl2")).split() == ["rl2", "6.7"]


WRONG = {
    "no table": ["tables"],
    "unknown table": ["tables", "chess"],
    "unknown cell": ["tables", "bandits", "--cells", "10,7"],
    "a cell of the other table": ["tables", "mdps", "--cells", "10,5"],
    "one trial": ["tables", "bandits", "--trials", "1"],
    "no command": ["--seed", "1"],
    "unknown command": ["trian"],
    "unknown option": ["ceiling", "bandit", "--fast"],
    "shortened option": ["compare", "--learn", "toy"],
    "unknown learner": ["train", "nobody", "bandit"],
    "unknown learner in compare": ["compare", "--learners", "toy,nobody"],
    "no learner in compare": ["compare", "--learners", ""],
    "a learner twice": ["compare", "--learners", "toy,toy"],
    "unknown family": ["ceiling", "chess"],
    "unknown family in compare": ["compare", "--tasks", "chess", "--learners", "toy"],
    "unknown key": ["ceiling", "bandit", "legs=3"],
    "a key twice": ["ceiling", "bandit", "arms=3", "arms=3"],
    "no key": ["ceiling", "bandit", "=3"],
    "no equals": ["ceiling", "bandit", "arms"],
    "a word for a number": ["ceiling", "bandit", "arms=many"],
    "zero arms": ["ceiling", "bandit", "arms=0"],
    "zero horizon": ["ceiling", "gridworld", "horizon=0"],
    "NaN": ["ceiling", "gridworld", "goal_reward=nan"],
    "too large": ["ceiling", "bandit", "arms=20", "pulls=10000"],
    "no ceiling": ["ceiling", "gridworld", "slip=0.5"],
    "unknown setting": ["train", "toy", "bandit", "--set", "speed=3"],
    "bad setting": ["train", "toy", "bandit", "--set", "at=soon"],
    "zero iterations": ["train", "toy", "bandit", "--iterations", "0"],
    "negative seed": ["compare", "--seed", "-1"],
    "seed of words": ["compare", "--seed", "one"],
    "resume without a place": ["train", "toy", "bandit", "--resume"],
    "missing run": ["evaluate", "nowhere"],
    "one task": ["evaluate", "nowhere", "--num-tasks", "1"],
    "more pulls than fit": ["train", "toy", "bandit", "pulls=100000000000"],
    "more tasks than fit": ["train", "ga", "bandit", "--set", "num_tasks=100000000"],
    "a grid that does not fit": ["ceiling", "gridworld", "size=100000"],
    "a reward that overflows": ["ceiling", "gridworld", "goal_reward=1e200"],
    "a prior that overflows": ["ceiling", "bandit", "prior=1e308,1e308"],
    "a directory without a name": ["train", "toy", "bandit", "--out", ""],
    "a directory below a file": ["train", "toy", "bandit", "--out", f"{__file__}/run"],
    "a file to resume": ["train", "toy", "bandit", "--resume", "--out", __file__],
    "surplus word": ["equations", "all"],
    "theta and arms": ["estimators", "--theta", "1,2,3"],
    "one arm": ["estimators", "--arms", "1", "--theta", "0"],
    "an empty arm": ["estimators", "--arms", "1,,2"],
    "alpha NaN": ["estimators", "--alpha", "nan"],
    "arms of infinity": ["estimators", "--arms", "0,inf"],
    "negative inner steps": ["estimators", "--inner-steps", "-1"],
    "no episode": ["estimators", "--num-episodes", "0"],
    "half an episode": ["estimators", "--num-episodes", "1.5"],
    "episodes twice": ["estimators", "--num-episodes", "2,2"],
    "too many data sets": ["estimators", "--num-episodes", "8,2000000"],
    "too many inner steps": ["estimators", "--inner-steps", "99999"],
    "a baseline of words": ["estimators", "--baseline", "linear"],
    "no control variate": ["estimators", "--control-variate", "K"],
    "estimators with a seed": ["estimators", "--seed", "1"],
}


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG)
def test_words_at_fault_are_one_line_and_status_2(run, words, tmp_path):
    status, out, err = run(*words)
    assert status == 2 and out == ""
    assert err.startswith("metarl_min: ") and len(err.splitlines()) == 1
    assert os.listdir(tmp_path) == []


def test_the_line_states_the_rule_and_what_it_got(run):
    assert run("train", "toy", "bandit", "--set", "speed=3")[2] == (
        "metarl_min: toy knows the keys fault, at, pause, got 'speed'\n"
    )
    assert run("ceiling", "bandit", "legs=3")[2] == (
        "metarl_min: bandit knows the keys arms, pulls, prior, got 'legs'\n"
    )


def test_too_many_data_sets_are_told_by_their_number(run):
    assert run("estimators", "--num-episodes", "2000000")[2] == (
        "metarl_min: there may be at most 2,000,000 data sets, got 2,000,001\n"
    )
    assert run("estimators", "--baseline", "soon")[2] == (
        "metarl_min: argument --baseline: must be mean or a finite number, got 'soon'\n"
    )


def test_words_of_a_family_may_follow_an_option(run):
    status, out, _ = run("ceiling", "bandit", "--json", "arms=2", "pulls=1")
    assert status == 0 and strict(out)["family"]["arms"] == 2


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
    for name in ("checkpoint.npz", "run.json"):
        with open(f"run/{name}", "rb") as one, open(f"straight/{name}", "rb") as other:
            assert one.read() == other.read()


def test_resume_needs_no_iterations_where_a_schedule_falls_over_them(run):
    words = (
        "train",
        "ga",
        "bandit",
        "pulls=2",
        "--set",
        "population=4",
        "pressure=2",
        "elites=1",
        "--out",
        "a",
    )
    assert run(*words, "--iterations", "2")[0] == 0
    assert run(*words, "--resume")[1] == "a: all 2 iterations are done\n"
    status, out, err = run(*words, "--resume", "--iterations", "3")
    assert (status, out) == (2, "") and "must come with the settings of the run" in err


def test_a_run_of_all_iterations_is_resumed_with_the_words_that_began_it(run, monkeypatch):
    words = ("train", "ga", "bandit", "pulls=2", "--out", "b", "--set", "population=4", "elites=1")
    words += ("pressure=2", "num_tasks=2")
    monkeypatch.setattr(ga, "_iterations", lambda family: (1, 3))
    assert run(*words)[1].startswith("b: 3 iterations are done")
    assert run(*words, "--resume")[:2] == (0, "b: all 3 iterations are done\n")


def test_fewer_iterations_than_are_done_are_refused(run, trained):
    words = ("train", "toy", *SMALL, "--out", trained, "--resume", "--iterations", "4")
    rule = "metarl_min: --iterations must be at least the 5 that are done, got 4\n"
    assert run(*words) == (2, "", rule)


def test_a_directory_that_cannot_be_written_is_refused_before_the_work(run, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    rule = "metarl_min: --out must be a directory that can be written, got here\n"
    assert run("estimators", "--out", "here") == (2, "", rule)


def test_more_tasks_than_fit_are_not_evaluated(run, trained):
    status, out, err = run("evaluate", trained, "--num-tasks", "999999999999")
    assert (status, out) == (2, "") and "at most 100,000,000 steps" in err


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


@pytest.mark.parametrize("fault", ["nan", "memory"])
def test_a_failure_of_the_work_is_one_line_and_status_1(run, fault):
    words = ["train", "toy", *SMALL, "--iterations", "5", "--set", f"fault={fault}", "at=3"]
    status, out, err = run(*words, "--out", "run")
    assert status == 1 and out == "" and err.splitlines()[-1].startswith("metarl_min: ")
    assert "Traceback" not in err


def test_a_state_that_is_not_finite_is_one_line_and_status_1(run, trained):
    with np.load("run/checkpoint.npz") as archive:
        leaves = {
            name: leaf * np.nan if "theta" in name else leaf for name, leaf in archive.items()
        }
    np.savez("run/checkpoint.npz", **leaves)
    status, out, err = run("evaluate", trained, "--num-tasks", "10")
    assert status == 1 and out == "" and len(err.splitlines()) == 1
    assert "must be finite, got [nan" in err


@pytest.mark.parametrize("fault", [MemoryError(), OverflowError("too much")])
def test_a_family_too_large_for_the_memory_is_a_fault_of_the_words(run, monkeypatch, fault):
    def make(name, words):
        raise fault

    monkeypatch.setattr(tasks, "make", make)
    status, out, err = run("ceiling", "gridworld", "size=1000")
    assert (status, out) == (2, "")
    assert err == "metarl_min: the request must fit into memory, got too much\n"


def test_estimators_refuse_too_many_episodes_also_without_an_inner_step(run):
    words = ("estimators", "--inner-steps", "0", "--num-episodes", "5000000")
    status, out, err = run(*words)
    assert (status, out) == (2, "") and not os.path.exists("runs")
    assert err == "metarl_min: there may be at most 2,000,000 data sets, got 5,000,001\n"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_estimators_that_overflow_are_one_line_and_status_1(run):
    status, out, err = run("estimators", "--arms=1e200,-1e200", "--num-episodes", "1")
    assert (status, out) == (1, "")
    got = "FloatingPointError: moments must be finite, got NaN or infinity in"
    assert err.splitlines()[-1].startswith(f"metarl_min: {got}")


def test_only_what_is_required_is_called_so(run):
    err = run("ceiling")[2]
    assert err == "metarl_min: the following arguments are required: FAMILY\n"


def test_a_size_with_more_digits_than_python_prints_is_refused_by_its_rule(run):
    status, out, err = run("ceiling", "bandit", f"pulls=1{'0' * 500}")
    assert (status, out) == (2, "")
    assert err.endswith("may take at most 4,000,000,000 numbers, got more than 1e99\n")


def test_a_numbered_directory_goes_to_one_run_only(monkeypatch):
    mkdir, raced = Path.mkdir, []

    def slow(path, *args, **options):
        if not raced:
            raced.append(mkdir(path, parents=True))  # another run, at the same moment
        return mkdir(path, *args, **options)

    monkeypatch.setattr(Path, "mkdir", slow)
    assert runs.new_run_directory(None) == Path("runs/0002") and raced


def test_workers_are_sent_numbers_alone(monkeypatch):
    sent = []

    class Pool(ProcessPoolExecutor):
        def __init__(self, *args, initargs, **options):
            sent.append(initargs)
            super().__init__(*args, initargs=initargs, **options)

        def submit(self, function, *args):
            sent.append(args)
            return super().submit(function, *args)

    monkeypatch.setattr(comparison, "ProcessPoolExecutor", Pool)
    families = {"bandit": tasks.make("bandit", {})}
    comparison.compare(families, {}, seed=0, num_tasks=2, processes=2, report=sent.append)
    assert max(len(pickle.dumps(args)) for args in sent) < 300


def test_ctrl_c_during_compare_ends_its_processes(tmp_path):
    words = [sys.executable, "-m", "metarl_min", "compare"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        while not (tmp_path / "runs" / "0001").exists():
            time.sleep(0.01)
        time.sleep(0.8)
        os.killpg(process.pid, signal.SIGINT)
        try:
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 1 and out == b""
    assert err.decode().splitlines()[-1] == "metarl_min: interrupted: start it again"
    assert b"Traceback" not in err


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


def test_whoever_stops_reading_is_no_error():
    command = f"{sys.executable} -m metarl_min equations | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("actor_critic.1 ") and done.stderr == ""


def test_settings_and_families_of_a_run_read_back_to_the_same(run):
    words = ("gridworld", "size=3", "start=4", "goals=0,8", "walls=1", "slip=0.1", "horizon=4")
    assert run("train", "toy", *words, "--iterations", "1", "--out", "run")[0] == 0
    made = runs.make(runs.read_run(commands.Path("run")))[1]
    assert made.words == tasks.make("gridworld", commands.pairs(words[1:])).words
    assert "toy" in learners.LEARNERS
