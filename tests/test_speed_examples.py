"""The benchmark examples/benchmarks/speed.py, and the tables that it wrote for the README."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples" / "benchmarks"
SMALL = {
    "W1": {"tasks": 3, "steps": 2},
    "W2": {"tasks": 2, "horizon": 3, "steps": 1},
    "W2 solve": {"tasks": 2, "steps": 1},
    "W3": {"tasks": 6, "episodes": 4, "horizon": 9, "steps": 1},
    "W4": {"tasks": 2, "horizon": 3},
    "W5": {"tasks": 2, "horizon": 9, "population": 8},
}


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))

    def load_module(name):
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load_module
    for name in [name for name in sys.modules if name.startswith("speed_")]:
        del sys.modules[name]


def record():
    return json.loads((FOLDER / "speed.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SMALL)
def test_a_step_of_each_workload_is_the_same_each_time(load, name):
    step = load("speed_library").workload(name, SMALL[name])
    first, second = step(), step()
    assert 1e-3 < np.abs(first).max() < np.inf  # rounding alone gives smaller numbers
    assert (first == second).all()


def test_two_programs_are_measured_in_turn_and_compared(load):
    speed, programs = load("speed"), load("speed_programs")
    asked = programs.builds("speed_library.py", against=ROOT)
    measured = speed.measure(asked, "W1", SMALL["W1"], rounds=1)
    for found in measured.values():
        assert len(found["ms"]) == 1 and found["ms"][0] > 0
        assert 0 < found["cold"] < 60 and 10 < found["peak"] < 1000
        assert found["difference"] == 0
    speed.require_equal("W1", measured)
    for wrong in (1e-9, None, np.nan):
        measured["earlier"]["difference"] = wrong
        with pytest.raises(AssertionError, match="earlier"):
            speed.require_equal("W1", measured)


def test_differences_are_parts_of_the_largest_entry(load):
    speed = load("speed")
    assert speed.difference([1.0, -4.0], [2.0, -4.0]) == 0.25
    assert speed.difference([1.0], [2.0, -4.0]) is None


def test_a_ratio_is_that_of_the_medians_with_the_extremes_of_the_rounds(load):
    measured = {"library": {"ms": [2.0, 4.0, 3.0]}, "torch": {"ms": [4.0, 4.0, 12.0]}}
    assert load("speed_tables").ratio(measured, "torch") == (0.75, 0.25, 1.0)


def test_wrong_words_are_refused(load, capsys):
    main = load("speed").main
    for words, message in (
        (["--workloads", "W9"], "workloads must be from W1"),
        (["--parts", "workers,time"], "parts must be from workloads, quality, episodes, workers"),
        (["--rounds", "0"], "rounds must be at least 1, got 0"),
        (["--against", str(FOLDER)], "DIR must contain the folder metarl_min"),
    ):
        with pytest.raises(SystemExit):
            main(words)
        assert message in capsys.readouterr().err


def test_training_ends_at_the_score_and_only_its_steps_are_timed(load, monkeypatch):
    quality = load("speed_quality")
    ticks = iter(range(1000))  # each look at the clock is one second later than the one before
    monkeypatch.setattr(quality, "time", SimpleNamespace(process_time=lambda: next(ticks)))
    for score, seconds, iterations in ((-100.0, 2, 2), (1.5, None, 5)):
        target = quality.Target(quality.TWO_ARMS, score=score, every=2, limit=5)
        monkeypatch.setattr(quality, "TARGETS", {"maml two": target})
        found = quality.prepare("maml two")("3")
        assert (found["seconds"], found["iterations"]) == (seconds, iterations)
        assert -100 < found["score"] < 1.5


def test_two_builds_are_trained_until_they_reach_a_score(load):
    quality, name = load("speed_quality"), "maml bandit"
    found = quality.measure(ROOT, names=[name], seeds=1)[name]
    (one,), (other,) = found["library"], found["earlier"]
    assert one["seconds"] > 0 and other["seconds"] > 0
    assert one["score"] == other["score"] > found["score"] == 0.8
    assert one["iterations"] == other["iterations"] < 1000


def test_a_seed_that_does_not_reach_its_score_is_seen_in_the_table(load):
    tables = load("speed_tables")
    results = [{"seconds": x, "iterations": 9, "score": 0.0} for x in (2.0, None, 1.0)]
    found = {"quality": {"rl2": {"score": 0.95, "library": results}}}
    title, row = tables.quality_lines(found)
    assert title.split() == ["CPU", "s", "to", "a", "score", "library", "iterations"]
    assert row.split() == ["rl2,", "0.95", "2.00", "(1.00-inf)", "9"]


def test_the_parts_of_a_step_compute_the_step(load):
    episodes, library = load("speed_episodes"), load("speed_library")
    num_steps, parts = episodes.parts(SMALL["W3"])
    assert num_steps == 6 * 2 * 4 * 9  # tasks, stages, episodes, steps
    step = library.workload("W3", SMALL["W3"])
    assert (parts["gradient"]() == step()).all()
    assert sum(stage.states.size for stage in parts["rollouts"]()) == num_steps


def test_the_memory_of_a_gradient_is_the_same_for_all_numbers_of_episodes(load):
    size = {key: x for key, x in SMALL["W3"].items() if key != "episodes"}
    found = load("speed_episodes").measure(1, size, (4, 400))
    assert found["steps"] == [432, 43200]
    few, many = found["bytes"]["gradient"]
    assert 0.8 < many / few < 1.2
    for part in ("reading", "rollouts"):
        few, many = found["bytes"][part]
        assert many > 2 * few
    assert np.shape([found["ms"][part] for part in found["bytes"]]) == (3, 1, 2)


def test_searches_on_workers_have_the_same_bits(load):
    workers = load("speed_workers")
    (found,) = workers.measure(2, [{"population": 8, "num_tasks": 2}])
    assert found["workers"] == [0, 1, 2] and found["same_bits"]
    assert np.shape(found["seconds"]) == (3, 2) and np.min(found["seconds"]) > 0
    with pytest.raises(AssertionError, match="differ after the reported generation 2"):
        workers.require_equal([[{"hash": "a"}, {"hash": "a"}], [{"hash": "a"}, {"hash": "b"}]])


def test_the_tables_replace_those_of_a_page(load, tmp_path):
    tables, page = load("speed_tables"), tmp_path / "page.md"
    page.write_text("a\n<!-- speed -->\n```\nold\n```\n<!-- /speed -->\nb\n")
    tables.write("new\n", page)
    assert page.read_text() == "a\n<!-- speed -->\n```\nnew\n```\n<!-- /speed -->\nb\n"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="must hold the marks"):
        tables.write("new\n", page)


def test_the_record_has_all_parts_and_its_gradient_is_flat(load):
    found = record()
    assert set(load("speed").PARTS) <= set(found)
    few, *_, many = found["episodes"]["bytes"]["gradient"]
    assert many <= 1.2 * few
    assert all(size["same_bits"] for size in found["workers"])


def test_the_table_of_the_readme_is_that_of_the_record(load):
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    printed = re.search(r"<!-- speed -->\n```\n(.*?)```\n<!-- /speed -->", text, re.S).group(1)
    assert printed == load("speed_tables").table(record())
    assert max(map(len, printed.splitlines())) <= 100


def test_all_gradients_of_the_record_agree(load):
    problems, speed = load("speed_problems"), load("speed")
    workloads = record()["workloads"]
    assert list(workloads) == list(problems.SIZES)
    for name, sizes in workloads.items():
        for size in ("once", "twice"):
            speed.require_equal(name, sizes[size])


def test_the_picture_is_drawn(load, tmp_path):
    pytest.importorskip("matplotlib")
    draw = load("speed_pictures").draw
    for name, found in (("all", record()), ("one", {"workers": record()["workers"]})):
        draw(found, tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 5_000


@pytest.mark.parametrize("framework", ["torch", "jax"])
@pytest.mark.parametrize("name", SMALL)
def test_the_frameworks_compute_the_gradient_of_the_library(load, framework, name):
    pytest.importorskip(framework)
    speed, programs = load("speed"), load("speed_programs")
    asked = programs.builds("speed_library.py", None)
    asked[framework] = programs.frameworks()[framework]
    measured = speed.measure(asked, name, SMALL[name], rounds=1)
    speed.require_equal(name, measured)
    if name in speed.EXACT:
        assert measured[framework]["difference"] <= 1e-10
    assert measured[framework]["ms"][0] > 0
