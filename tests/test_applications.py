"""Applications: their ceilings are right, their numbers are those of the results, and they run."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest

from metarl_min import evaluation
from metarl_min.baselines.posterior_sampling import CandidateModels, Posterior
from metarl_min.ceilings import bayes_optimal
from metarl_min.mdps.mdp import optimal_action_values, optimal_return, take_tasks

EXAMPLES = Path(__file__).parent.parent / "examples"
INDEX = " ".join((EXAMPLES / "README.md").read_text(encoding="utf-8").split())
MEASURED = {  # the pages whose results are made by measure.py, and the words of a small family
    "recommender": {"films": 4},
    "actuator_fault": {"parts": 2, "commands": 3},
    "driver": {"trips": 2, "stretches": 3},
    "rock_paper_scissors": {"matches": 2, "rounds": 3},
}


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES / "applications"))
    return importlib.import_module


def prose(name):
    """Return the text of the comments of a page, without the marks and line ends."""
    text = (EXAMPLES / "applications" / f"{name}.py").read_text(encoding="utf-8")
    return " ".join(re.sub(r"^#", "", text, flags=re.MULTILINE).split())


@pytest.mark.parametrize("name", MEASURED)
def test_a_page_shows_the_table_and_the_answer_of_its_results(load, name):
    page, measure = load(name), load("measure")
    result = measure.read(name)
    text = (EXAMPLES / "applications" / f"{name}.py").read_text(encoding="utf-8")
    assert all(f"# {line}\n" in text for line in measure.table(page, result).splitlines())
    assert page.answer(result) in prose(name)
    assert page.answer(result).removeprefix("Answer: ") in INDEX
    assert len(text.splitlines()) <= 250


@pytest.mark.parametrize("name", MEASURED)
def test_the_picture_of_a_page_is_small_and_shows_a_line_for_each_label(load, name):
    page, measure = load(name), load("measure")
    assert (measure.FOLDER / f"{name}.png").stat().st_size <= 60_000
    pytest.importorskip("matplotlib")
    axes = measure.picture(page, measure.read(name)).axes[0]
    assert [text.get_text() for text in axes.texts] == list(page.CURVES.values())
    assert [len(line.get_ydata()) for line in axes.lines] == [len(axes.get_xticks())] * len(
        page.CURVES
    )


def test_labels_of_lines_keep_their_order_and_their_distance(load):
    heights = load("measure").spread([0.5, 0.1, 0.52, 0.9], 0.1)
    assert (np.argsort(heights) == [1, 0, 2, 3]).all()
    assert np.diff(np.sort(heights)).min() >= 0.1 - 1e-12


@pytest.mark.parametrize("name", MEASURED)
def test_the_results_hold_every_learner_and_player_of_a_page(load, name):
    page, stored = load(name), load("measure").read(name)
    assert list(stored["learners"]) == list(page.LEARNERS)
    assert set(stored["players"]) >= {"bayes_optimal", "psrl", "qmdp", *page.PLAYERS}
    for row in (*stored["learners"].values(), *stored["players"].values()):
        assert len(row["per_episode"]) == page.FAMILY().num_episodes
        assert sum(row["per_episode"]) == pytest.approx(row["return"], abs=1e-4)
    assert {len(row["seeds"]) for row in stored["learners"].values()} == {5}


@pytest.mark.parametrize("name", MEASURED)
def test_a_short_measurement_has_the_form_of_the_stored_one(load, name):
    page, measure = load(name), load("measure")
    for label, budget in page.LEARNERS.items():
        assert measure.make(page.FAMILY(), label, budget).iterations == budget.iterations
    words = {"iterations": 1, "num_seeds": 1, "num_tasks": 8, **MEASURED[name]}
    small, stored = measure.measure(page, ["rl2"], **words), measure.read(name)
    assert small["family"] == {**stored["family"], **MEASURED[name]}
    assert list(small["players"]) == list(stored["players"])
    for label, row in small["learners"].items():
        assert row.keys() == stored["learners"][label].keys()
        assert row["untrained"].keys() == stored["learners"][label]["untrained"].keys()


@pytest.mark.parametrize("name", MEASURED)
def test_the_stored_results_are_those_of_the_family_and_nobody_is_above_the_ceiling(load, name):
    page, measure = load(name), load("measure")
    family, stored = page.FAMILY(), measure.read(name)
    best = optimal_return(family.prior.mdps, family.horizon) @ family.prior.weights
    exact, players = stored["exact"], stored["players"]
    assert exact["known_task"] == pytest.approx(family.num_episodes * best, abs=1e-9)
    assert exact["random"] == pytest.approx(bayes_optimal.expected_random(family), abs=1e-9)
    for row in (*stored["learners"].values(), *players.values()):
        assert row["return"] <= exact["value"] + 5 * row["stderr"]
    found = players["bayes_optimal"]
    assert found["return"] >= exact["value"] - 5 * found["stderr"]
    player = measure.qmdp(family)
    scores = evaluation.evaluate(player, (), num_tasks=1000, seed=99)
    error = np.hypot(scores.stderr, players["qmdp"]["stderr"])
    assert abs(scores.value - players["qmdp"]["return"]) <= 5 * error


def clicks_by_recursion(page, chances, films):
    """The Bayes-optimal number of clicks, by recursion over all histories of clicks."""
    if films == 0:
        return 0.0
    values = []
    for genre in range(len(page.GENRES)):
        clicked = chances * page.CLICKS[:, genre]
        passed = chances - clicked
        after = [clicks_by_recursion(page, x, films - 1) for x in (clicked, passed)]
        values.append(clicked.sum() + sum(after))
    return max(values)


def test_the_ceiling_of_the_recommender_is_that_of_all_histories(load):
    page = load("recommender")
    ceiling = bayes_optimal.solve(page.recommender(films=4))
    long, one = (bayes_optimal.solve(page.recommender(films=films)) for films in (10, 1))
    firsts = [x.action_values(x.start(1), np.zeros(1, int)).argmax() for x in (long, one)]
    assert [page.GENRES[first] for first in firsts] == ["documentary", "comedy"]
    shares = np.array(list(page.SHARES.values()))
    assert shares.sum() == pytest.approx(1, abs=1e-15)
    assert ceiling.value == pytest.approx(clicks_by_recursion(page, shares, 4), abs=1e-12)
    assert ceiling.random == pytest.approx(4 * (shares @ page.CLICKS).mean(), abs=1e-12)
    best = 0.4 * 0.5 + 0.25 * 0.6 + 0.2 * 0.65 + 0.15 * 0.75
    assert ceiling.known_task == pytest.approx(4 * best, abs=1e-12)


def return_by_recursion(family, chances, state, t=0):
    """The Bayes-optimal return from step t on, by recursion over all histories of states.

    The candidates have the same rewards. `chances` are the probabilities of each candidate and of
    the history so far.
    """
    mdps, values = family.prior.mdps, []
    if t == family.horizon * family.num_episodes:
        return 0.0
    state = mdps.initial[0].argmax() if t % family.horizon == 0 else state
    rewards = np.broadcast_to(mdps.reward[0], mdps.transition.shape[1:])
    for action in range(mdps.shape[1]):
        joint = chances[:, None] * mdps.transition[:, state, action]  # [G, S]
        arrivals = np.flatnonzero(joint.sum(0))
        after = [return_by_recursion(family, joint[:, s], s, t + 1) for s in arrivals]
        values.append((joint * rewards[state, action]).sum() + sum(after))
    return max(values)


def test_the_ceiling_of_the_robot_is_that_of_all_histories(load):
    page = load("actuator_fault")
    family = page.actuator_fault(parts=2, commands=2)
    assert page.CHANCES.sum() == pytest.approx(1, abs=1e-15)
    value = return_by_recursion(family, page.CHANCES, 0)
    assert bayes_optimal.solve(family).value == pytest.approx(value, abs=1e-12)


def test_a_faulty_command_leads_where_its_fault_says(load):
    page = load("actuator_fault")
    moved = page.arms()[:, 0].reshape(11, 5, 4, 4)  # from the pose (0, 0): base, wrist
    right = [(1, 0), (3, 0), (0, 1), (0, 3), (0, 0)]
    for command, pose in enumerate(right):
        assert moved[0, command][pose] == 1
    for drive in range(4):
        dead, weak = moved[1 + drive], moved[5 + drive]
        assert dead[drive, 0, 0] == 1 and weak[drive, 0, 0] == weak[drive][right[drive]] == 0.5
        others = [command for command in range(5) if command != drive]
        assert (dead[others] == moved[0, others]).all() and (weak[others] == dead[others]).all()
    for base, order in ((9, [1, 0, 2, 3, 4]), (10, [0, 1, 3, 2, 4])):
        assert [moved[base, i][right[j]] for i, j in enumerate(order)] == [1] * 5


def test_the_robot_that_knows_its_fault_works_as_long_as_by_hand(load):
    exact = load("measure").read("actuator_fault")["exact"]
    backwards = 3  # three quarter turns and one: the arm works in the last three of six steps
    weak = sum(0.5**n * (6 - n) for n in range(1, 6))  # the weak drive works at its n-th command
    by_hand = 0.2 * 5 + 0.1 * (2 * backwards + 2 * 5) + 0.05 * (2 * weak + 2 * 5) + 0.2 * 5
    assert exact["known_task"] == pytest.approx(4 * by_hand, abs=1e-12)


def test_the_program_of_the_healthy_arm_works_only_where_it_is_right(load):
    page = load("actuator_fault")
    family = page.actuator_fault()
    player, rng = page.nominal(family), np.random.default_rng(0)
    tasks = take_tasks(family.prior.mdps, np.array([0, 1, 2, 3, 4]))  # healthy, then dead drives
    works = player.trial(rng, player.init(rng), tasks).rewards.sum((-1, -2))
    assert works.tolist() == [20, 0, 20, 0, 20]


def test_qmdp_weighs_the_values_of_the_step_by_the_posterior(load):
    now = np.array([[[1.0, 0.0, 0.6]], [[0.0, 1.0, 0.6]]])  # [G, S, A]
    q = np.stack([now, now[::-1]], axis=1)  # in step 1 the candidates exchange their values
    models = CandidateModels(
        weights=np.array([0.5, 0.5]), transition=np.ones(1), reward=np.ones(1),
        action_values=q, bernoulli=False, tolerance=1e-9,
    )  # fmt: skip
    probs = np.array([[0.7, 0.3], [0.5, 0.5], [0.3, 0.7]])
    memory = Posterior(probs=probs, sampled_hypothesis=np.zeros(3, int), step=0)
    choose, rng = load("measure").choose_by_mean_value, np.random.default_rng(0)
    assert choose(rng, memory, np.zeros(3, int), models).tolist() == [0, 2, 1]
    later = memory._replace(step=1)
    assert choose(rng, later, np.zeros(3, int), models).tolist() == [1, 2, 0]


def test_untrained_is_the_control_of_a_learner_that_takes_inner_steps(load):
    page, measure = load("recommender"), load("measure")
    small = measure.measure(page, ["maml"], iterations=1, num_seeds=1, num_tasks=50, films=4)
    learner = measure.make(page.recommender(films=4), "maml", page.LEARNERS["maml"], 1)
    control = learner.untrained_control(np.random.default_rng([0, 0, 2])).state
    scores = evaluation.evaluate(learner, control, num_tasks=50, seed=0)
    untrained = small["learners"]["maml"]["untrained"]
    assert untrained["per_episode"] == pytest.approx(scores.per_episode, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("driver", {"trips": 2, "stretches": 2}),
        ("rock_paper_scissors", {"matches": 2, "rounds": 2}),
    ],
)
def test_the_ceiling_of_four_steps_with_hints_is_that_of_all_histories(load, name, words):
    family = load(name).FAMILY(**words)
    value = return_by_recursion(family, family.prior.weights, None)
    assert bayes_optimal.solve(family).value == pytest.approx(value, abs=1e-12)


def test_the_values_of_one_stretch_are_those_by_hand(load):
    ceiling = bayes_optimal.solve(load("driver").driver(trips=1, stretches=1))
    light, heavy = (6 * 0.8 - 1) / 7, (3 * 0.8 - 4) / 7  # careful, without a slide
    fast, jammed = (6 * 1.8 - 1) / 7, (3 * 1.8 - 4) / 7  # quick, without a slide
    careful = (light + heavy) / 2 * 0.99 - 7 * 0.01  # it slides on ice, in one of ten stretches
    slides = 0.6 * 0.01 + 0.3 * 0.2 + 0.1 * 0.5
    quick = (fast + jammed) / 2 * (1 - slides) - 7 * slides
    assert ceiling.value == pytest.approx(careful, abs=1e-12)
    assert ceiling.action_values(ceiling.start(1), np.zeros(1, int))[0] == pytest.approx(
        [careful, quick, 0], abs=1e-12
    )
    known = 0.6 * (fast + jammed) / 2 * 0.99 - 0.6 * 0.07 + 0.3 * light / 2
    assert ceiling.known_task == pytest.approx(known, abs=1e-12)


def test_each_road_has_the_best_plan_of_the_page(load):
    page = load("driver")
    mdps = page.driver().prior.mdps
    assert (mdps.transition[:, :, page.LONG_WAY, page.BYPASS] == 1).all()
    plans = optimal_action_values(mdps, 4).argmax(-1)  # [G, T, S]
    dry_light, dry_heavy, wet_light, *others = plans
    assert (dry_light == page.QUICK).all() and (np.array(others) == page.LONG_WAY).all()
    clear = [page.CLEAR, page.SLID, page.BYPASS]
    assert (dry_heavy[:, clear] == page.QUICK).all()
    assert (dry_heavy[:, page.QUEUE] == page.LONG_WAY).all()
    assert (wet_light[:, clear] == page.CAREFUL).all()
    assert wet_light[:, page.QUEUE].tolist() == [page.LONG_WAY] * 3 + [page.CAREFUL]


def test_hints_about_the_traffic_multiply_its_odds_by_powers_of_two(load):
    light, heavy = load("driver").QUEUES
    assert heavy / light == pytest.approx([4, 2], abs=1e-12)
    assert (1 - heavy) / (1 - light) == pytest.approx([1 / 2, 1 / 4], abs=1e-12)


def test_the_rule_of_thumb_slows_down_after_slides_and_leaves_queues(load):
    page = load("driver")
    agent_actions = page.choose_by_rule(None, np.array([0, 1, 2, 0, 0]), np.array([0, 2, 2, 1, 3]))
    assert agent_actions.tolist() == [page.QUICK, page.CAREFUL, *3 * [page.LONG_WAY]]


def test_qmdp_leaves_a_good_road_for_the_bypass_as_the_page_says(load):
    page, measure = load("driver"), load("measure")
    family, rng = page.driver(), np.random.default_rng(0)
    player = measure.qmdp(family)
    days = take_tasks(family.prior.mdps, np.zeros(2000, int))  # a dry road with light traffic
    last_trip = player.trial(rng, player.init(rng), days).actions[:, -1]
    share = (last_trip == page.LONG_WAY).mean(-1)  # of the stretches of each day
    assert abs(share.mean() - 1 / 3) < 5 * share.std() / len(share) ** 0.5 + 0.01


def test_opponents_move_as_the_page_says(load):
    page = load("rock_paper_scissors")
    rock, paper, scissors = range(3)
    expected = {  # by hand: the likely moves after (mine, theirs)
        (rock, paper): {"copies": rock, "counters": paper, "stays or shifts": paper},
        (rock, scissors): {"copies": rock, "counters": paper, "stays or shifts": paper},
        (scissors, rock): {"copies": scissors, "counters": rock, "stays or shifts": rock},
        (paper, rock): {"copies": paper, "counters": scissors, "stays or shifts": scissors},
        (paper, paper): {"copies": paper, "counters": scissors, "stays or shifts": paper},
    }
    found = page.styles()
    for (mine, theirs), moves in expected.items():
        state = 3 * mine + theirs
        for style, move in moves.items():
            wanted = np.full(3, 0.1)
            wanted[move] = 0.8
            assert found[style][state] == pytest.approx(wanted, abs=1e-15)
        assert found["loves rock"][state] == pytest.approx([0.8, 0.1, 0.1], abs=1e-15)
    for style in set(found) - {"loves rock"}:
        assert found[style][page.START] == pytest.approx([1 / 3] * 3, abs=1e-15)
    assert page.WINS.reshape(3, 3).tolist() == [[0, -1, 1], [1, 0, -1], [-1, 1, 0]]
    mdps, moves = page.rock_paper_scissors().prior.mdps, np.stack(list(found.values()))
    for mine in range(3):  # the arrival is (mine, theirs)
        for theirs in range(3):
            arrives = mdps.transition[:, :, mine, 3 * mine + theirs]
            assert (arrives == moves[:, :, theirs]).all()
    assert mdps.reward[0, 0, 0].tolist() == [0, -1, 1, 1, 0, -1, -1, 1, 0, 0]


def test_a_known_opponent_is_beaten_by_seven_tenths_of_a_win_in_each_predictable_round(load):
    family = load("rock_paper_scissors").rock_paper_scissors()
    best = optimal_return(family.prior.mdps, family.horizon)
    assert best == pytest.approx([4 * 0.7] * 3 + [5 * 0.7, 0], abs=1e-12)
    ceiling = bayes_optimal.solve(load("rock_paper_scissors").FAMILY(matches=3, rounds=1))
    assert ceiling.value == pytest.approx(3 * 0.2 * 0.7, abs=1e-12)  # paper, again and again


def test_counts_plays_what_beats_the_most_frequent_move(load):
    page = load("rock_paper_scissors")
    memory = page.no_moves(3)
    for theirs in ([0, 1, 2], [0, 1, 2]):
        states, arrivals = np.array([4, 9, 0]), np.array(theirs)  # I played rock in each round
        memory = page.count_move(memory, states, np.zeros(3, int), np.zeros(3), arrivals)
    chosen = page.choose_by_counts(np.random.default_rng(0), memory, np.array([4, 9, 0]))
    assert chosen.tolist() == [1, 2, 0]
    assert memory.sum() == 3 * 30 + 6 and page.no_moves(1).max() == 1
