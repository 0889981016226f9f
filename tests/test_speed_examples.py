"""The benchmark examples/benchmarks/speed.py, and the table that it wrote for the README."""

import importlib.util
import json
import re
import sys
from pathlib import Path

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
    speed = load("speed")
    programs = {name: ([str(FOLDER / "speed_library.py")], ROOT) for name in ("library", "earlier")}
    measured = speed.measure(programs, "W1", SMALL["W1"], rounds=1)
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
        (["--rounds", "0"], "rounds must be at least 1, got 0"),
        (["--against", str(FOLDER)], "DIR must contain the folder metarl_min"),
    ):
        with pytest.raises(SystemExit):
            main(words)
        assert message in capsys.readouterr().err


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
    load("speed_tables").draw(record(), tmp_path / "speed.png")
    assert (tmp_path / "speed.png").stat().st_size > 5_000


@pytest.mark.parametrize("framework", ["torch", "jax"])
@pytest.mark.parametrize("name", SMALL)
def test_the_frameworks_compute_the_gradient_of_the_library(load, framework, name):
    pytest.importorskip(framework)
    speed = load("speed")
    programs = {key: x for key, x in speed.commands(None).items() if key in ("library", framework)}
    speed.require_equal(name, speed.measure(programs, name, SMALL[name], rounds=1))
