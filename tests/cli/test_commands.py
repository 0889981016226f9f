"""The commands `ceiling`, `equations`, `tables` and `vectors`."""

import hashlib
import os

import pytest
from command_line import strict

from metarl_min.cli import baseline_columns
from metarl_min.gradients import vector_files


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
    rows = {row["name"]: row for row in strict(run("equations", "--json")[1])["equations"]}
    assert rows["values.4"]["source"] == "Sutton et al. 2000, th. 1"
    assert set(rows["values.4"]) == {"name", "formula", "source", "functions", "tests"}


@pytest.fixture
def few_to_tune(monkeypatch):
    monkeypatch.setitem(baseline_columns.NUM_TUNING, "bandits", 20)
    columns = baseline_columns.COLUMNS["bandits"]
    monkeypatch.setitem(columns, "gittins", columns["gittins"]._replace(grid=(0.8, 0.9)))


def test_tables_json_is_the_schema_and_nothing_else(run, pictures, few_to_tune):
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
    with open("here/regret.png", "rb") as file:
        assert file.read().startswith(b"\x89PNG")


def test_tables_prints_published_and_recomputed_side_by_side(run, few_to_tune):
    status, out, _ = run("tables", "bandits", "--cells", "10,5", "--trials", "20")
    lines = out.splitlines()
    assert status == 0 and lines[0] == "bandits: 20 fresh tasks, seed 0"
    assert lines[3] == "n=10 k=5" and lines[5].split() == ["bayes_optimal", "(exact)", "6.660"]
    assert next(line for line in lines if line.startswith("thompson")).split()[1] == "5.7"
    assert next(line for line in lines if line.startswith("rl2")).split() == ["rl2", "6.7"]


def test_equations_of_one_module(run):
    status, out, _ = run("equations", "adaptation")
    assert status == 0 and {
        line.partition(".")[0] for line in out.splitlines() if line[0] != " "
    } == {"adaptation"}
    rows = strict(run("equations", "values", "--json")[1])["equations"]
    assert rows and all(row["name"].startswith("values.") for row in rows)


def test_vectors_prints_the_digests_of_the_files_that_it_writes(run):
    status, out, err = run("vectors", "--out", "here")
    assert (status, err) == (0, "written to here\n")
    assert sorted(os.listdir("here")) == ["vectors.json", "vectors.npz"]
    for line in out.splitlines():
        digest, path = line.split("  ")
        with open(path, "rb") as file:
            assert hashlib.sha256(file.read()).hexdigest() == digest
    assert run("vectors")[2] == f"written to runs{os.sep}0001\n"
    with open("runs/0001/vectors.npz", "rb") as again, open("here/vectors.npz", "rb") as first:
        assert again.read() == first.read()


def test_vectors_writes_only_into_an_empty_directory(run):
    os.mkdir("full")
    with open("full/notes.txt", "w", encoding="utf-8") as file:
        file.write("mine")
    refused = "metarl_min: --out must be new or empty, got full with notes.txt\n"
    assert run("vectors", "--out", "full") == (2, "", refused)
    assert os.listdir("full") == ["notes.txt"]
    refused = "metarl_min: --out must be a directory, got full/notes.txt\n"
    assert run("vectors", "--out", "full/notes.txt") == (2, "", refused)


def test_vectors_that_are_interrupted_leave_no_directory(run, monkeypatch):
    def interrupt(directory):
        raise KeyboardInterrupt

    monkeypatch.setattr(vector_files, "write_vectors", interrupt)
    assert run("vectors") == (1, "", "metarl_min: interrupted: start it again\n")
    assert run("vectors", "--out", "here")[0] == 1 and not os.path.exists("here")
    assert os.listdir("runs") == []


def test_a_disk_that_is_full_is_one_line_and_status_1(run, monkeypatch):
    def full(directory):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(vector_files, "write_vectors", full)
    status, out, err = run("vectors", "--out", "here")
    assert (status, out) == (1, "") and err.count("\n") == 1 and "No space left" in err
