"""The published tables, recomputed."""

from typing import NamedTuple

import numpy as np
import pytest

from metarl_min import evaluation, tasks
from metarl_min.baselines import bayesian_bandits
from metarl_min.cli import columns, published_tables
from metarl_min.cli.columns import PLAYERS, Job, make_jobs, measure
from metarl_min.cli.published_tables import choose

SAID = []


class Value(NamedTuple):
    value: float


def recompute(table, cells, trials, **words):
    SAID.clear()
    return published_tables.recompute(
        table, cells, trials=trials, seed=0, processes=1, report=SAID.append, **words
    )


@pytest.fixture(scope="module")
def bandits():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(columns.NUM_TUNING, "bandits", 300)
        yield recompute("bandits", [(10, 5), (10, 50), (100, 5)], 2000), list(SAID)


def at(result, n, k):
    return {row["algorithm"]: row for row in result["cells"] if (row["n"], row.get("k")) == (n, k)}


def test_the_object_has_the_fields_of_the_command_line(bandits):
    result, said = bandits
    assert {"table", "cells", "left_out"} <= set(result) and result["table"] == "bandits"
    for row in result["cells"]:
        assert {"n", "k", "algorithm", "published", "value", "stderr", "remark"} <= set(row)
    assert set(at(result, 100, 5)) == {*PLAYERS["bandits"], "rl2", "snail"}
    assert at(result, 100, 5)["rl2"]["value"] is None
    assert said[0] == "25 columns, each with 2000 fresh tasks" and len(said) == 26
    assert all("seconds left" in line for line in said[1:])


def test_the_columns_agree_within_three_percent_or_say_why_not(bandits):
    for n, k in ((10, 5), (10, 50), (100, 5)):
        rows = at(bandits[0], n, k)
        for name in ("random", "thompson", "greedy_first_arm", "ucb_posterior_mean", "gittins"):
            if (name, k) == ("gittins", 50):
                continue  # the published value at n = 10 is what greedy has
            row = rows[name]
            near = 0.03 * row["published"] + 0.05 + 5 * row["stderr"]
            assert abs(row["value"] - row["published"]) < near and row["remark"] == "", name
        assert "UCB1 of Auer et al. 2002 does not give it" in rows["ucb1"]["remark"]
        for name, row in rows.items():
            unlike = row["value"] and row["published"] and abs(row["value"] / row["published"] - 1)
            assert not unlike or unlike < 0.05 or row["remark"], name


def test_no_player_is_above_the_ceiling_and_none_rings_the_alarm(bandits):
    for row in bandits[0]["cells"]:
        assert "alarm" not in row["remark"]
        if row["value"] is not None:
            assert row["value"] < row["ceiling"]["upper"] + 4 * row["stderr"]
    ceiling = at(bandits[0], 10, 5)["greedy"]["ceiling"]
    assert ceiling["value"] == ceiling["upper"] == pytest.approx(6041941 / 907200)
    assert ceiling["known_task"] == pytest.approx(10 * 5 / 6)


def test_arms_beyond_the_number_of_pulls_do_not_change_the_optimum(monkeypatch):
    seen, made = [], published_tables.family_of
    monkeypatch.setattr(
        published_tables, "family_of", lambda table, cell: seen.append(cell) or made(table, cell)
    )
    monkeypatch.setattr(published_tables.comparison, "ceiling_of", lambda f: Value(6.71395))
    published_tables._optimum.cache_clear()
    rows = published_tables._entries("bandits", (10, 50), {}, 9.8)
    published_tables._optimum.cache_clear()
    assert seen == [(10, 10)]
    assert [row["algorithm"] for row in rows] == ["rl2", "snail"]
    assert rows[0]["remark"].startswith("published is above the Bayes-optimal player, 6.71395")
    assert rows[1]["remark"] == "" and rows[0]["ceiling"]["lower"] == 6.71395


def test_where_no_optimum_is_known_its_bracket_is_shown():
    row = published_tables._entries("bandits", (100, 50), {}, 98.04)[0]
    assert row["ceiling"]["value"] is None
    assert 85.5 < row["ceiling"]["lower"] < row["ceiling"]["upper"] < 86.9
    row = published_tables._entries("mdps", (10,), {}, 222.0)[0]
    # what is paid to the told is an estimate here, and bounds nothing
    assert 104 < row["ceiling"]["lower"] < 222 < row["ceiling"]["upper"]
    assert row["ceiling"]["known_task"] == 222


def test_the_alarm_rings_for_whoever_is_above_the_ceiling():
    ceiling = {"value": 6.66, "upper": 6.66, "known_task": 8.3}
    entry = published_tables._entry("bandits", (10, 5), "greedy", (6.8, 0.03, None), ceiling)
    assert entry["remark"].startswith("alarm: above the ceiling")
    entry = published_tables._entry("bandits", (10, 5), "greedy", (6.8, 0.04, None), ceiling)
    assert "alarm" not in entry["remark"]


def test_regret_rises_from_the_first_pull_to_the_last(bandits):
    result = bandits[0]
    for part, k, last in zip(result["regret"], (5, 50), (100, 10), strict=True):
        assert part["k"] == k and part["times"][0] == 1 and part["times"][-1] == last
        lost = np.array(part["curves"]["random"])
        np.testing.assert_allclose(lost, np.array(part["times"]) * (k / (k + 1) - 0.5), rtol=0.1)
        row = at(result, last, k)["thompson"]
        told = row["ceiling"]["known_task"]
        assert part["curves"]["thompson"][-1] == pytest.approx(told - row["value"])


def test_random_mdps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(columns.NUM_TUNING, "mdps", 20)
        for name in ("opsrl", "ucrl2", "beb", "eps_greedy"):
            player = PLAYERS["mdps"][name]
            patch.setitem(PLAYERS["mdps"], name, player._replace(grid=player.grid[1:3]))
        rows = at(recompute("mdps", [(10,)], 300), 10, None)
    assert set(rows) == {*PLAYERS["mdps"], "rl2", "snail"} and "k" not in rows["psrl"]
    for name in ("random", "psrl"):
        near = 0.04 * rows[name]["published"] + 5 * rows[name]["stderr"]
        assert abs(rows[name]["value"] - rows[name]["published"]) < near
        assert "not known why" not in rows[name]["remark"]
    told = rows["psrl"]["ceiling"]
    assert told["value"] is None and told["known_task"] == pytest.approx(218.25, rel=0.02)
    assert told["upper"] > told["known_task"] > told["lower"]
    assert rows["greedy"]["remark"].startswith("+")


def test_the_value_is_that_of_an_evaluation_on_the_same_tasks():
    family, learner = tasks.make("bandit", {"pulls": "6"}), bayesian_bandits.greedy()
    state = learner.init(np.random.default_rng(0), family)
    found = evaluation.evaluate(learner, state, family, num_tasks=1500, seed=3)
    ((value, stderr, _),) = measure(Job("bandits", "greedy", (5,), (6,), 1500, 3))["cells"].values()
    assert (value, stderr) == (pytest.approx(found.value), pytest.approx(found.stderr))


def test_a_shorter_trial_is_the_start_of_a_longer_one():
    job = Job("bandits", "thompson", (5,), (10, 20), 50, 3)
    both, short = measure(job), measure(job._replace(lengths=(10,)))
    assert set(both["cells"]) == {(10, 5), (20, 5)} and len(both["over_time"]) == 20
    assert short["cells"][10, 5][0] == pytest.approx(both["cells"][10, 5][0], abs=1.5)
    assert both["over_time"][9] == pytest.approx(both["cells"][10, 5][0])


def test_a_constant_is_tuned_on_other_tasks_and_the_best_is_taken(monkeypatch):
    monkeypatch.setitem(columns.NUM_TUNING, "bandits", 400)
    seeds, real = [], columns.play_trials

    def spy(learner, state, family, num_tasks, seed, *words):
        seeds.append((num_tasks, seed))
        return real(learner, state, family, num_tasks, seed, *words)

    monkeypatch.setattr(columns, "play_trials", spy)
    player = PLAYERS["bandits"]["eps_greedy"]._replace(grid=(0.9, 0.05, 0.5))
    monkeypatch.setitem(PLAYERS["bandits"], "eps_greedy", player)
    found = measure(Job("bandits", "eps_greedy", (5,), (10, 60), 100, 0))
    assert [x[2] for x in found["cells"].values()] == [0.05, 0.05]
    assert [x for x, _ in seeds] == [400, 400, 400, 100]  # one more for the one best constant
    assert len({x for _, x in seeds[:3]}) == 1 and seeds[3][1] == 0 and seeds[0][1] != 0


def test_what_is_drawn_over_time_is_the_player_of_the_longest_trial(monkeypatch):
    monkeypatch.setattr(columns, "_tuned", lambda player, job, family: [0.0, 1.0, 0.0])
    found = measure(Job("bandits", "eps_greedy", (5,), (5, 10, 20), 50, 0))
    assert found["over_time"][-1] == pytest.approx(found["cells"][20, 5][0])
    assert [x[2] for x in found["cells"].values()] == [0.0, 0.0, 1.0]


def test_players_who_know_the_length_play_each_length(monkeypatch):
    player = PLAYERS["bandits"]["greedy"]._replace(anytime=False)
    monkeypatch.setitem(PLAYERS["bandits"], "patient", player)
    jobs = make_jobs("bandits", [(10, 5), (100, 5), (10, 50)], 100, 0)
    mine = {(job.arms, job.lengths) for job in jobs if job.algorithm == "patient"}
    assert mine == {((5,), (10,)), ((5,), (100,)), ((50,), (10,))}
    others = {(job.arms, job.lengths) for job in jobs if job.algorithm == "greedy"}
    assert others == {((5,), (10, 100)), ((50,), (10,))}


def test_the_default_is_the_short_cells_and_what_is_left_out_is_said():
    assert choose("bandits", None, False) == [(n, k) for n in (10, 100) for k in (5, 10, 50)]
    assert choose("mdps", None, False) == [(10,), (25,)]
    assert len(choose("bandits", None, True)) == 9 and len(choose("mdps", None, True)) == 5
    assert choose("bandits", ["500,5", "10,50"], False) == [(10, 50), (500, 5)]
    rest = published_tables.left_out("mdps", [(10,), (25,)])
    assert rest[0] == "cells 50 75 100: every column (--full computes them)"
    assert any(line.startswith("rl2: ") for line in rest)
    everything = published_tables.left_out("mdps", choose("mdps", None, True))
    assert not any(line.startswith("cells") for line in everything)
    with pytest.raises(ValueError, match="a cell of mdps must be one of 10 25 50 75 100, got '7'"):
        choose("mdps", ["10", "7"], False)


def test_what_exceeds_an_upper_bound_raises_the_alarm_too():
    """Where the optimum is not known: 4 standard errors above its bound."""
    bounds = {"value": None, "lower": 85.6, "upper": 86.8, "known_task": 90.0}
    found = [
        published_tables._entry("bandits", (100, 50), "greedy", (value, 0.1, None), bounds)
        for value in (87.1, 87.3)
    ]
    assert ["alarm" in entry["remark"] for entry in found] == [False, True]
