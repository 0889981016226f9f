"""The comparison: what `compare` computes, prints and writes."""

import os
import re
import sys

import numpy as np
import pytest
import toy_learner
from command_line import SCORES, strict

from metarl_min import evaluation, training
from metarl_min.baselines import bandits
from metarl_min.ceilings import bayes_optimal
from metarl_min.cli import budgets, comparison
from metarl_min.learners import registry
from metarl_min.tasks.bandits import bandit


def test_compare_json_is_the_schema_and_nothing_else(run, pictures, tmp_path):
    status, out, err = run("compare", "--learners", "toy", "--out", "here", "--json")
    result = strict(out)
    assert status == 0 and set(result) == {"seed", "seconds", "versions", "tasks"}
    assert set(result["versions"]) == {"python", "numpy", "autograd", "metarl_min"}
    assert list(result["tasks"]) == ["bandit", "gridworld"]
    entry = result["tasks"]["bandit"]
    assert entry["family"] == {"name": "bandit", "arms": 2, "pulls": 4, "prior": "1,1"}
    assert entry["num_tasks"] == 50 and entry["num_episodes"] == 4
    assert entry["random"] == {"return": 2.0, "exact": True}
    best = bayes_optimal.solve(bandit(arms=2, pulls=4)).value
    assert entry["bayes_optimal"] == {"return": best, "exact": True}
    assert strict((tmp_path / "here" / "results.json").read_text()) == result
    assert "toy on bandit" in err and "1 of 12 done, about" in err and "written to here" in err
    pytest.importorskip("matplotlib")
    assert (tmp_path / "here" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_every_row_of_compare_has_the_same_fields(run):
    result = strict(run("compare", "--learners", "toy", "--json")[1])
    for entry in result["tasks"].values():
        toy = entry["learners"]["toy"]
        assert set(toy) == SCORES | {"before", "control", "train_seconds", "seeds"}
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
    assert lines[3].endswith("5 seeds") and " .. " in lines[5]
    assert names[:2] == ["bayes_optimal (exact)", "toy"] and names[-1] == "random (exact)"
    assert "  unadapted start" in bandit and "  untrained control (alpha=2)" in bandit
    assert "bayes_optimal (exact)" in grid and "alarm" not in err


def test_a_player_that_reads_the_task_raises_the_alarm(run, monkeypatch):
    monkeypatch.setattr(comparison, "NUM_TASKS", 1000)
    status, _, err = run("compare", "--tasks", "bandit", "--learners", "toy,peek")
    alarms = [line for line in err.splitlines() if line.startswith("alarm: ")]
    assert status == 0 and len(alarms) == 1
    assert "peek on bandit" in alarms[0] and "does it see the task?" in alarms[0]


def test_without_a_list_of_learners_compare_leaves_out_those_that_a_family_cannot_have(
    run, monkeypatch
):
    both = {name: registry.LEARNERS[name] for name in ("toy", "reptile")}
    monkeypatch.setattr(registry, "LEARNERS", both)
    monkeypatch.setitem(budgets.FAMILIES, "bandit", {"arms": "2", "pulls": "1"})
    monkeypatch.setitem(budgets.BUDGETS, "reptile", (budgets.Budget(2, {"num_tasks": "3"}),) * 2)
    status, out, err = run("compare", "--json")
    entries = strict(out)["tasks"]
    left_out = [line for line in err.splitlines() if "left out" in line]
    assert status == 0 and len(left_out) == 1
    assert left_out[0].startswith("bandit: reptile is left out: a trial must have at least two")
    assert list(entries["bandit"]["learners"]) == ["toy"]
    assert list(entries["gridworld"]["learners"]) == ["toy", "reptile"]
    assert entries["bandit"]["notes"][-1] == left_out[0].removeprefix("bandit: ")
    assert "reptile is left out" not in " ".join(entries["gridworld"]["notes"])
    assert "\nreptile is left out: " in run("compare", "--tasks", "bandit")[1]


def test_a_learner_that_is_named_is_not_left_out(run, monkeypatch):
    monkeypatch.setitem(budgets.FAMILIES, "bandit", {"arms": "2", "pulls": "1"})
    status, out, err = run("compare", "--tasks", "gridworld,bandit", "--learners", "toy,reptile")
    assert (status, out, len(err.splitlines())) == (2, "", 1) and not os.path.exists("runs")
    assert "--learners must name learners that support bandit, got reptile: a trial must" in err


def test_without_matplotlib_the_results_are_there_and_one_line_says_so(run, pictures, monkeypatch):
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
    assert entry["bounds"]["lower"] < entry["bounds"]["upper"]
    status, out, _ = run("compare", "--tasks", "mdp", "--learners", "toy")
    assert status == 0 and "\n\nno exact ceiling but for " in out and "between its values" in out
    assert re.search(r"^toy .* -?\d+\.\d{3} \.\. -?\d+\.\d{3}", out, re.M)


def test_the_row_of_a_learner_is_that_of_its_median_seed(run):
    words = ("compare", "--tasks", "bandit", "--learners", "toy", "--seeds", "3", "--seed", "4")
    row = strict(run(*words, "--json")[1])["tasks"]["bandit"]["learners"]["toy"]
    family = bandit(arms=2, pulls=4)
    learner, ceiling = toy_learner.toy(family), bayes_optimal.solve(family)
    states = {seed: training.train(learner, 3, seed=seed) for seed in (4, 5, 6)}
    scores = {
        seed: evaluation.evaluate(learner, state, num_tasks=20, seed=4, ceiling=ceiling)
        for seed, state in states.items()
    }
    assert row["seeds"] == [
        {"seed": seed, "return": x.value, "score": x.score, "score_pdl": x.score_pdl}
        for seed, x in scores.items()
    ]
    median = sorted(states, key=lambda seed: scores[seed].score_pdl)[1]
    full = evaluation.evaluate(learner, states[median], num_tasks=50, seed=4, ceiling=ceiling)
    assert row["score_pdl"] == full.score_pdl and row["return"] == full.value


def test_one_seed_is_the_row_itself_and_the_table_has_no_range(run):
    words = ("compare", "--tasks", "bandit", "--learners", "toy", "--seeds", "1")
    row = strict(run(*words, "--json")[1])["tasks"]["bandit"]["learners"]["toy"]
    assert [x["seed"] for x in row["seeds"]] == [0]
    assert " .. " not in run(*words)[1]


@pytest.mark.parametrize(
    ("values", "index"), [([3.0, 1.0, 2.0], 2), ([4.0, 1.0, 3.0, 2.0], 3), ([7.0], 0)]
)
def test_the_median_of_an_even_number_is_the_lower_one_of_the_two(values, index):
    assert comparison.median_index(values) == index


def test_the_comparison_has_a_door_in_python():
    lines = []
    result = comparison.compare(
        {"two arms": bandit(arms=2, pulls=3)},
        {"toy": toy_learner.toy, "thompson too": bandits.thompson},
        num_seeds=2,
        num_tasks=30,
        report=lines.append,
    )
    entry = result["tasks"]["two arms"]
    assert list(entry["learners"]) == ["toy", "thompson too"]
    assert len(entry["learners"]["toy"]["seeds"]) == 2
    assert np.isfinite(entry["learners"]["thompson too"]["score"])
    assert "thompson" in entry["baselines"] and len(lines) >= 4


@pytest.mark.parametrize(
    ("families", "learners", "options", "message"),
    [
        (bandit(arms=2), {}, {}, "families must be of type Mapping, got Family"),
        ({"b": "bandit"}, {}, {}, "family 'b' must be of type Family, got str"),
        ({}, ["maml"], {}, "learners must be of type Mapping, got list"),
        ({}, {"maml": "maml"}, {}, "learner 'maml' must be a function, got 'maml'"),
        ({"b": bandit()}, {"x": lambda family: 3}, {}, "learner 'x' must be of type Learner, got"),
        ({}, {}, {"processes": 0.5}, "processes must be a whole number"),
        ({}, {}, {"report": None}, "report must be a function, got None"),
    ],
)
def test_the_door_refuses_what_cannot_be_compared(families, learners, options, message):
    with pytest.raises(TypeError, match=message):
        comparison.compare(families, learners, **options)


@pytest.mark.parametrize("options", [{"num_seeds": 0}, {"num_tasks": 1}, {"seed": -1}])
def test_the_door_refuses_numbers_that_make_no_sense(options):
    with pytest.raises(ValueError, match="must be at least"):
        comparison.compare({"two arms": bandit(arms=2)}, {"toy": toy_learner.toy}, **options)
