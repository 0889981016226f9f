"""The inner steps of a bandit with three arms, in a triangle."""

import numpy as np
import pytest

from metarl_min.reports import simplex_pictures
from metarl_min.reports.simplex_pictures import CORNERS, places

UNIFORM = np.full((1, 2, 3), 1 / 3)
PATH = np.concatenate([UNIFORM, [[[1.0, 0.0, 0.0], [0.5, 0.0, 0.5]]]])  # [K + 1, M, 3]
LABELS = ("task a", "task b")


@pytest.fixture(autouse=True)
def matplotlib():
    return pytest.importorskip("matplotlib")


def test_the_corners_are_equally_far_from_each_other_and_from_the_centre():
    sides = np.linalg.norm(CORNERS - np.roll(CORNERS, 1, axis=0), axis=1)
    assert sides == pytest.approx([1, 1, 1])
    radii = np.linalg.norm(places(np.eye(3)) - places(np.full(3, 1 / 3)), axis=1)
    assert radii == pytest.approx([np.sqrt(1 / 3)] * 3)


def test_a_line_is_the_path_of_a_task_and_the_start_is_marked():
    figure = simplex_pictures.draw({"here": PATH, "there": UNIFORM}, LABELS)
    assert [axes.get_title() for axes in figure.axes] == ["here", "there"]
    axes = figure.axes[0]
    lines = {x.get_label(): x.get_xydata() for x in axes.get_lines()}
    centre = [0.5, np.sqrt(3) / 6]
    assert lines["task a"] == pytest.approx(np.array([centre, [0, 0]]))
    assert lines["task b"] == pytest.approx(np.array([centre, [0.25, np.sqrt(3) / 4]]))
    assert lines["start"] == pytest.approx(np.array([centre, centre]))
    texts = [x.get_text() for x in axes.texts]
    assert texts == ["arm 0", "arm 1", "arm 2", *LABELS]
    looks = {(x.get_color(), x.get_marker(), x.get_linestyle()) for x in axes.get_lines()[1:3]}
    assert len(looks) == 2


@pytest.mark.parametrize(
    ("paths", "labels", "error", "rule"),
    [
        ({}, LABELS, ValueError, "paths must have from 1 to 3 starts, got 0"),
        ({"a": PATH[0]}, LABELS, ValueError, r"axes \[K \+ 1, M, 3\] with M = 2 labels, got"),
        ({"a": PATH}, ("one",), ValueError, r"with M = 1 labels, got \(2, 2, 3\)"),
        ({"a": PATH * 2}, LABELS, ValueError, "rows of paths 'a' must sum to one"),
        ({"a": PATH[..., :2] * 0 + 0.5}, LABELS, ValueError, r"got \(2, 2, 2\)"),
        ({"a": PATH[:, :0]}, (), ValueError, "labels must name at least one task, got none"),
        ({1: PATH}, LABELS, TypeError, "a start must be of type str"),
        ({"a": PATH}, (1, 2), TypeError, "a label must be of type str"),
        (PATH, LABELS, TypeError, "paths must be of type Mapping"),
    ],
)
def test_other_paths_are_refused(paths, labels, error, rule):
    with pytest.raises(error, match=rule):
        simplex_pictures.draw(paths, labels)


def test_policies_of_other_arms_have_no_place():
    with pytest.raises(ValueError, match="probs must have three arms in the last axis"):
        places(np.array([0.5, 0.5]))
