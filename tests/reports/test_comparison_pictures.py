"""The pictures of `compare`: what they show, and what is refused."""

import sys

import pytest

from metarl_min.reports import comparison_pictures as pictures

CONTROL = {"return": 1.5, "per_episode": [0.0, 0.5, 1.0]}


def player(score, seeds=(), **more):
    row = {"per_episode": [score, score + 1, score + 2], "score": score, "score_pdl": score}
    return {**row, "seeds": [{"score": x, "score_pdl": x} for x in seeds], "control": None, **more}


def result():
    learners = {
        "maml": player(0.5, [0.4, 0.7], control=CONTROL), "fomaml": player(0.3),
        "rl2": player(0.9), "es": player(0.1), "own": player(0.2),
    }  # fmt: skip
    played = {"thompson": player(0.6), "random": player(0.0), "bayes_optimal": player(1.0)}
    entry = {
        "num_episodes": 3, "random": {"return": 3.0}, "bayes_optimal": {"return": 9.0},
        "learners": learners, "baselines": played,
    }  # fmt: skip
    no_ceiling = {name: {**x, "score": None, "score_pdl": None} for name, x in learners.items()}
    unknown = {**entry, "learners": no_ceiling, "baselines": {}, "bayes_optimal": None}
    return {"tasks": {"bandit": entry, "gaussian": unknown}}


@pytest.fixture(autouse=True)
def matplotlib():
    return pytest.importorskip("matplotlib")


def labels(axes):
    return [text.get_text() for text in axes.texts]


def test_a_learner_has_one_kind_and_a_learner_of_ones_own_is_another():
    assert pictures.kinds_of(result()["tasks"]["bandit"]) == {
        "adapt": ["maml", "fomaml"], "remember": ["rl2"], "evolved": ["es"], "others": ["own"],
    }  # fmt: skip
    with_all = {name for names in pictures.KINDS.values() for name in names}
    from metarl_min.learners import registry

    assert with_all == set(registry.LEARNERS)


def test_curves_have_a_panel_per_family_and_kind_with_labels_at_the_lines():
    figure = pictures.curves(result())
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    assert len(panels) == 8 and panels["gaussian: other learners"].lines
    axes = panels["bandit: learners that adapt"]
    assert labels(axes) == ["random", "untrained control", "Bayes-optimal", "maml", "fomaml"]
    drawn = [list(line.get_ydata()) for line in axes.lines]
    assert drawn[:3] == [[1.0] * 3, CONTROL["per_episode"], [1.0, 2.0, 3.0]]
    assert drawn[3] == [0.5, 1.5, 2.5] and list(axes.lines[3].get_xdata()) == [1, 2, 3]
    assert labels(panels["gaussian: evolved learners"]) == ["random", "untrained control", "es"]
    looks = [(line.get_color(), line.get_linestyle()) for line in axes.lines[3:]]
    assert len(set(looks)) == len(looks)
    assert axes.get_xlabel() == "episode of the trial"


def test_without_a_player_the_mean_of_the_bayes_optimal_trial_is_drawn():
    found = result()
    del found["tasks"]["bandit"]["baselines"]["bayes_optimal"]
    axes = pictures.curves(found).axes[0]
    assert list(axes.lines[2].get_ydata()) == [3.0] * 3
    assert labels(axes)[2] == "Bayes-optimal, mean"


def test_scores_are_in_order_with_the_range_over_the_seeds():
    figure = pictures.scores(result())
    bandit, gaussian = figure.axes
    names = [tick.get_text() for tick in bandit.get_yticklabels()]
    assert names == ["es", "own", "fomaml", "maml", "thompson", "rl2"]
    bars = [list(x.get_xdata()) for x in bandit.lines if list(x.get_ydata()) == [3, 3]]
    assert bars == [[0.4, 0.7]]
    assert not gaussian.get_yticklabels()


def test_drawing_leaves_the_matplotlib_of_the_caller_as_it_is(monkeypatch, matplotlib):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    before = matplotlib.rcParams.copy()
    drawn = {name: draw(result()) for name, draw in pictures.pictures().items()}
    assert list(drawn) == ["curves.png", "scores.png"]
    assert all(content.startswith(b"\x89PNG") for content in drawn.values())
    assert "matplotlib.pyplot" not in sys.modules and matplotlib.rcParams.copy() == before


def test_a_result_without_a_family_is_refused():
    with pytest.raises(ValueError, match="a result of compare must have a family, got none"):
        pictures.curves({"tasks": {}})
    with pytest.raises(TypeError, match="result must be of type dict"):
        pictures.scores([])
