"""The benchmark of seeds: it goes on after a stop, its scores are right, and its names fit."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from metarl_min import evaluation, training
from metarl_min.ceilings import bayes_optimal
from metarl_min.mdps.episodes import Episodes

FOLDER = Path(__file__).parent.parent / "examples"
TWO_ARMS, FIVE_ARMS = (0.5, 0.5), (0.5, 0.5, 0.5, 0.25, 1 / 6)
GOALS = [4, 9, 14, 19, 24]


@pytest.fixture
def luck(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER / "benchmarks"))
    import luck

    yield luck
    for name in ("luck", "luck_names"):
        sys.modules.pop(name)


def words(path, *more):
    chosen = ["--families", "two_arms", "--learners", "reptile", "--iterations", "1"]
    return [str(path), "--seeds", "2", *chosen, *more]


def without_seconds(path):
    return re.sub(r'"seconds": [\d.]+', "", path.read_text(encoding="utf-8"))


def test_a_run_that_was_killed_goes_on_after_its_last_whole_line(luck, tmp_path, monkeypatch):
    path, again, measured, measure = tmp_path / "a.jsonl", tmp_path / "b.jsonl", [], luck.measure
    result = luck.main(words(path, "--summary", str(tmp_path / "luck.json")))
    text = path.read_text(encoding="utf-8")
    again.write_text(text[: text.index("\n") + 20], encoding="utf-8")  # killed in its second line

    def counted(job, **rest):
        measured.append(job)
        return measure(job, **rest)

    monkeypatch.setattr(luck, "measure", counted)
    assert luck.main(words(again)) == result
    assert without_seconds(again) == without_seconds(path)
    assert measured == [("two_arms", "reptile", 1)]
    assert json.loads((tmp_path / "luck.json").read_text(encoding="utf-8")) == result
    assert len(result["two_arms"]["reptile"]["scores"]) == 2


def test_lines_of_another_budget_are_refused(luck, tmp_path):
    path = tmp_path / "a.jsonl"
    luck.main(words(path))
    with pytest.raises(
        ValueError, match="the present settings of the learners, got other settings"
    ):
        luck.main([*words(path), "--iterations", "2"])


@pytest.mark.parametrize("text", ["a note\n", "a note", "[1]\n", '{"a": 1}\n'])
def test_another_file_is_refused_and_stays_as_it_is(luck, tmp_path, text):
    path = tmp_path / "notes.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="must hold lines of this benchmark, got "):
        luck.main(words(path))
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("family", ["two_arms", "gridworld"])
def test_the_score_is_that_of_the_room_of_evaluation(luck, family):
    learner = luck.make(family, "reptile", 2)
    state = training.train(learner, seed=3)
    ceiling = bayes_optimal.solve(learner.family)
    args = {"num_tasks": 1500, "seed": luck.TASKS_SEED, "ceiling": ceiling}
    expected = evaluation.evaluate(learner, state, **args).score_pdl
    line = luck.measure((family, "reptile", 3), 2, 1500)
    assert line["score"] == pytest.approx(expected, abs=5e-5)


def played(player, num_arms, num_trials=400, pulls=10):
    """Trials of a player, a function (rng, arms, rewards so far) -> arm, on fair coins."""
    rng, arms, rewards = np.random.default_rng(0), [], []
    for _ in range(num_trials):
        own, paid = [], []
        for _ in range(pulls):
            own.append(player(rng, own, paid))
            paid.append(float(rng.random() < 0.5))
        arms.append(own)
        rewards.append(paid)
    a, r = np.array(arms)[..., None], np.array(rewards)[..., None]
    assert a.max() < num_arms
    return Episodes(np.zeros_like(a), a, r, np.ones(a.shape, bool), np.zeros(a.shape[:2], int))


def best_of(arms, rewards, candidates):
    """The candidate with the largest mean after a uniform prior; the first one of equals."""
    wins = [sum(r for b, r in zip(arms, rewards, strict=True) if a == b) for a in candidates]
    means = [(1 + n) / (2 + arms.count(a)) for a, n in zip(candidates, wins, strict=True)]
    return candidates[int(np.argmax(means))]


PLAYERS = {  # name -> a player, and the prior means of its arms
    "one arm": (lambda rng, a, r: 1, TWO_ARMS),
    "a fixed order": (lambda rng, a, r: len(a) // 2 % 2, TWO_ARMS),
    "an arm is dropped": (lambda rng, a, r: best_of(a, r, (0, 2)), FIVE_ARMS),
    "the last reward only": (lambda rng, a, r: (a[-1] + (r[-1] == 0)) % 2 if a else 0, TWO_ARMS),
    "each arm once": (lambda rng, a, r: len(a) if len(a) < 2 else best_of(a, r, (0, 1)), TWO_ARMS),
    "it uses the record": (lambda rng, a, r: best_of(a, r, (0, 1)), TWO_ARMS),
}


@pytest.mark.parametrize("name", PLAYERS)
def test_a_player_of_a_bandit_gets_the_name_of_what_it_does(luck, name):
    player, means = PLAYERS[name]
    habits = luck.luck_names.bandit_habits(played(player, len(means)), len(means))
    assert luck.luck_names.bandit_name(habits, means) == name


def test_a_player_that_drops_only_the_worst_arms_has_dropped_none(luck):
    episodes = played(lambda rng, a, r: best_of(a, r, (0, 1, 2)), 5)
    habits = luck.luck_names.bandit_habits(episodes, 5)
    assert habits.shares[3:] == [0.0, 0.0]
    assert luck.luck_names.bandit_name(habits, FIVE_ARMS) == "it uses the record"


def test_habits_of_a_short_trial_are_counted_by_hand(luck):
    arms, rewards = [[0, 0, 0, 0, 1, 1, 0]], [[0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]]
    a, r = np.array(arms)[..., None], np.array(rewards)[..., None]
    episodes = Episodes(a * 0, a, r, a == a, np.zeros((1, 7), int))
    habits = luck.luck_names.bandit_habits(episodes, 2)
    assert habits.shares == pytest.approx([5 / 7, 2 / 7])
    assert habits.after_win == pytest.approx(2 / 3)  # of pulls 2, 3 and 6, it stays after 2 and 3
    assert habits.after_loss == pytest.approx(2 / 3)  # of pulls 1, 4 and 5, it leaves after 4
    assert habits.after_loss_of_bad_arm == 1.0  # pulls 1 and 5
    assert np.isnan(habits.after_loss_of_good_arm)  # after pull 4, two of four have paid
    assert habits.each_once == 0.0


def walked(route):
    """Two trials of two episodes on each goal; `route(goal, trial, episode)` gives the arrivals."""
    goals = np.repeat(GOALS, 2)
    ends = np.array([[route(goal, i % 2, n) for n in (0, 1)] for i, goal in enumerate(goals)])
    states = np.concatenate([np.full((10, 2, 1), 12), ends[..., :-1]], axis=-1)
    rewards = np.where(ends == goals[:, None, None], 1.0, -0.1)
    return Episodes(states, states * 0, rewards, states == states, ends[..., -1])


TOUR, SHORT = [13, 14, 9, 4, 9, 14, 19, 24], [13, *[14] * 7]
WALKS = {
    "it wanders": lambda goal, i, n: [13, 12, 13, 12, 13, 12, 13, 14],
    "one goal only": lambda goal, i, n: SHORT,
    "some goals only": lambda goal, i, n: [13, 14, 9, 4, 4, 4, 4, 4],
    "it forgets the goal": lambda goal, i, n: SHORT if goal < 10 and i and n else TOUR,
    "it returns": lambda goal, i, n: TOUR,
}


@pytest.mark.parametrize("name", WALKS)
def test_a_player_of_the_grid_gets_the_name_of_what_it_does(luck, name):
    habits = luck.luck_names.grid_habits(walked(WALKS[name]), GOALS)
    assert luck.luck_names.grid_name(habits) == name
    ends = [WALKS[name](goal, i, 1) for goal in GOALS for i in (0, 1)]
    hits = [np.mean([goal in x for x in ends[2 * k : 2 * k + 2]]) for k, goal in enumerate(GOALS)]
    assert habits.reached == pytest.approx(hits)


def test_every_name_has_a_row_in_the_tables_of_the_chapter(luck):
    text = (FOLDER / "book" / "10_luck_of_the_seed.py").read_text(encoding="utf-8")
    for name in (*luck.luck_names.BANDIT_NAMES, *luck.luck_names.GRID_NAMES):
        assert f"# | {name} |" in text and f'"{name}": (' in text
