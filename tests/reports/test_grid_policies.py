"""Policies and visits on a grid."""

import numpy as np
import pytest

from metarl_min.reports import grid_policies
from metarl_min.reports.grid_policies import LONGEST, Walk
from metarl_min.tasks.gridworlds import gridworld

UP_OR_STAY = np.tile([0.6, 0.0, 0.0, 0.0, 0.4], (4, 1))
RIGHT = np.tile([0.0, 0.0, 0.0, 1.0], (4, 1))
VISITS = np.array([0.0, 1.0, 2.0, 3.0])
ONE = {"one": Walk(policy=UP_OR_STAY, visits=VISITS)}


@pytest.fixture(autouse=True)
def matplotlib():
    return pytest.importorskip("matplotlib")


def arrows(axes):
    """Return {(x, y): (u, v)} of all arrows of a panel."""
    found = [x for x in axes.collections if hasattr(x, "U")]
    return {
        (float(x), float(y)): (float(u), float(v))
        for q in found
        for (x, y), u, v in zip(np.reshape(q.XY, (-1, 2)), q.U, q.V, strict=True)
    }


def test_an_arrow_has_the_direction_and_the_probability_of_its_move():
    figure = grid_policies.draw(2, ONE | {"two": Walk(RIGHT, VISITS)}, start=2, goal=1)
    one, two, _ = figure.axes
    assert [one.get_title(), two.get_title()] == ["one", "two"]
    up, right = (0.0, -0.6 * LONGEST), (LONGEST, 0.0)  # rows are counted downwards
    assert arrows(one) == {cell: pytest.approx(up) for cell in ((0, 0), (0, 1), (1, 1))}
    assert arrows(two) == {cell: pytest.approx(right) for cell in ((0, 0), (0, 1), (1, 1))}
    assert one.images[0].get_array().tolist() == [[0, 1], [2, 3]]
    assert one.get_images()[0].get_clim() == two.get_images()[0].get_clim()
    assert {x.get_text(): x.xy[0] for x in one.texts} == {"start": 0, "goal": 1}
    assert one.yaxis_inverted()


def test_the_directions_are_those_of_the_family():
    """From the centre of an empty grid, each action ends in the cell at which its arrow points."""
    task = gridworld(size=3, goals=(8,), start=4).sample(np.random.default_rng(0), 1)
    for action, (column, row) in enumerate(grid_policies.DIRECTIONS):
        assert task.transition[0, 4, action].argmax() == 4 + 3 * row + column


def test_a_wall_has_no_shade_and_no_arrow():
    axes = grid_policies.draw(2, ONE, start=2, goal=1, walls=(0,)).axes[0]
    assert axes.images[0].get_array().mask.tolist() == [[True, False], [False, False]]
    assert set(arrows(axes)) == {(0, 1), (1, 1)}


@pytest.mark.parametrize(
    ("changes", "error", "rule"),
    [
        ({"walks": {}}, ValueError, "walks must have from 1 to 3 policies, got 0"),
        ({"walks": {"a": RIGHT}}, TypeError, "walks 'a' must be of type Walk"),
        ({"size": 3}, ValueError, r"policy of 'one' must have the shape \(9, 4\) or \(9, 5\)"),
        ({"walks": {"a": Walk(2 * RIGHT, VISITS)}}, ValueError, "rows of policy of 'a' must sum"),
        ({"walks": {"a": Walk(RIGHT, VISITS[:3])}}, ValueError, r"must have the shape \(4,\)"),
        ({"walks": {"a": Walk(RIGHT, -VISITS)}}, ValueError, "visits of 'a' must be from 0"),
        ({"start": 4}, ValueError, "start must be at most 3, got 4"),
        ({"goal": -1}, ValueError, "goal must be at least 0, got -1"),
        ({"walls": (2,)}, ValueError, r"start and goal must not be walls, got \(2,\)"),
        ({"walls": [2]}, TypeError, "walls must be of type tuple"),
        ({"size": 2.0}, TypeError, "size must be a whole number"),
    ],
)
def test_what_does_not_fit_the_grid_is_refused(changes, error, rule):
    with pytest.raises(error, match=rule):
        grid_policies.draw(**{"size": 2, "walks": ONE, "start": 2, "goal": 1} | changes)
