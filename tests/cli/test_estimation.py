"""The command `estimators`."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import strict

from metarl_min.cli import commands

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
    words = "--arms 1,0,.5 --theta -1,0,.5 --alpha .3 --inner-steps 2 --num-episodes 3"
    result = strict(run("estimators", *words.split(), "--baseline", "mean", "--json")[1])
    assert result["problem"]["theta"] == [-1.0, 0.0, 0.5] and result["problem"]["alpha"] == 0.3
    assert result["problem"]["inner_steps"] == 2 and result["problem"]["baseline"] == "mean"
    assert list(result["objectives"]) == ["3"]
    assert result["estimators"]["emaml"]["3"]["bias_F_N"] < 1e-12
    still = strict(run("estimators", "--inner-steps", "0", "--json")[1])
    for row in (rows["8"] for rows in still["estimators"].values()):
        assert row["bias_F_N"] < 1e-12 and row["break_even"] is None


def test_estimators_prints_a_table_for_each_N_and_draws(run, pictures):
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


def test_the_book_shows_what_estimators_prints(run):
    page = Path(commands.__file__).parents[2] / "examples" / "book" / "meta_gradients.md"
    text = page.read_text(encoding="utf-8")
    block = re.search(r"<!-- moments -->\n```\n(.*?)```", text, re.S).group(1)
    command, *lines = block.splitlines()
    _, out, _ = run(*command.removeprefix("$ python -m metarl_min ").split())
    printed = out.splitlines()
    assert len(lines) == 9 and all(line in printed for line in lines if line != "..")


def test_estimators_without_matplotlib(run, pictures, monkeypatch):
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    status, _, err = run("estimators", "--num-episodes", "1", "--out", "here")
    assert status == 0 and os.listdir("here") == ["results.json"]
    assert err.startswith("no bias_variance.png: matplotlib is not there")


def test_too_many_data_sets_are_told_by_their_number(run):
    assert run("estimators", "--num-episodes", "2000000")[2] == (
        "metarl_min: there may be at most 2,000,000 data sets, got 2,000,001\n"
    )
    assert run("estimators", "--baseline", "soon")[2] == (
        "metarl_min: argument --baseline: must be mean or leave_one_out or standardised "
        "or a finite number, got 'soon'\n"
    )


@pytest.mark.parametrize("baseline", ["mean", "leave_one_out", "standardised"])
def test_a_baseline_that_swallows_its_own_data_is_refused(run, baseline):
    for more in ((), ("--num-episodes", "1"), ("--num-episodes", "8,1")):
        words = "estimators", "--baseline", baseline, *more
        rule = f"--num-episodes must be at least 2 where baseline is {baseline}, got 1"
        assert run(*words) == (2, "", f"metarl_min: {rule}\n")
    words = "estimators", "--baseline", baseline, "--num-episodes", "2", "--json"
    status, out, _ = run(*words)
    rows = {name: row["2"] for name, row in strict(out)["estimators"].items()}
    assert status == 0 and rows["emaml"]["bias_F_N"] < 1e-12 < rows["dice"]["bias_F_N"]
    assert rows["plain"]["variance"] > 1e-6 or baseline == "standardised"


def test_a_negative_step_size_is_refused(run):
    status, out, err = run("estimators", "--alpha", "-1")
    assert (status, out) == (2, "")
    assert err == "metarl_min: alpha must be finite, from 0 to inf, got -1.0\n"


def test_estimators_refuse_too_many_episodes_also_without_an_inner_step(run):
    words = ("estimators", "--inner-steps", "0", "--num-episodes", "5000000")
    status, out, err = run(*words)
    assert (status, out) == (2, "") and not os.path.exists("runs")
    assert err == "metarl_min: there may be at most 2,000,000 data sets, got 5,000,001\n"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "words", [["--theta=1e308,-1e308"], ["--control-variate", "1e200"], ["--arms=1e308,-1e308"]]
)
def test_estimators_that_overflow_are_one_line_and_status_2(run, words):
    status, out, err = run("estimators", *words, "--num-episodes", "1")
    assert (status, out) == (2, "") and len(err.splitlines()) == 1
    assert "must give finite moments, got NaN" in err or "reward must be" in err
    assert not os.path.exists("runs") or os.listdir("runs") == []
