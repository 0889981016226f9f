"""The time line of a trial."""

import pytest
from problems import small_bandit

from metarl_min.gradients.adaptation_settings import adaptation
from metarl_min.reports import trial_stages


@pytest.fixture(autouse=True)
def matplotlib():
    return pytest.importorskip("matplotlib")


def parts(sizes):
    (axes,) = trial_stages.draw(sizes).axes
    return axes, [x.get_text() for x in axes.texts if x.get_text()]


def test_a_box_is_an_episode_and_an_arrow_is_an_inner_step():
    axes, texts = parts((2, 2, 3))
    boxes = [(x.get_x(), x.get_width()) for x in axes.patches if hasattr(x, "get_x")]
    gap = trial_stages.GAP
    starts = [0, 1, 2 + gap, 3 + gap, 4 + 2 * gap, 5 + 2 * gap, 6 + 2 * gap]
    assert [x for x, _ in boxes] == pytest.approx(starts) and {w for _, w in boxes} == {1}
    assert [x for x in texts if x.isdigit()] == ["1", "2", "3", "4", "2", "5", "6", "7"]
    assert "inner step 1" in texts and "stage 0: $\\phi_{0}$" in texts
    arrows = [
        (x.xyann[0], x.xy[0]) for x in axes.texts if hasattr(x, "arrowprops") and x.arrowprops
    ]
    assert arrows == [
        pytest.approx((1, 2 + gap + 0.5)),
        pytest.approx((3 + gap, 4 + 2 * gap + 0.5)),
    ]


def test_the_sizes_of_a_learner_are_the_stages():
    family = small_bandit()
    sizes = adaptation(family, inner_steps=1, inner_episodes=1).sizes
    axes, texts = parts(sizes)
    assert len([x for x in axes.patches if hasattr(x, "get_x")]) == family.num_episodes
    assert sum("phi" in text for text in texts) == 2


def test_a_trial_without_an_inner_step_has_no_arrow():
    texts = parts((4,))[1]
    assert "inner step 1" not in texts and len(texts) == 5


@pytest.mark.parametrize(
    ("sizes", "error", "rule"),
    [
        ((), ValueError, "sizes must have an entry for each stage, got none"),
        ((3, 0), ValueError, r"sizes\[1\] must be at least 1, got 0"),
        ((30, 31), ValueError, "sizes must have a sum of at most 60 episodes, got 61"),
        ((1.5,), TypeError, r"sizes\[0\] must be a whole number, got 1.5"),
        (3, TypeError, "sizes must be a tuple, got 3"),
    ],
)
def test_other_sizes_are_refused(sizes, error, rule):
    with pytest.raises(error, match=rule):
        trial_stages.draw(sizes)
