"""Pictures of trials that were played by hand."""

import numpy as np
import pytest
from comparing import rng
from problems import one_state, small_grid

from metarl_min.mdps import rollouts
from metarl_min.memory import trial_pictures, trial_steps
from metarl_min.tasks import Family
from metarl_min.tasks.bandits import contextual
from metarl_min.tasks.gridworlds import navigation

UP, DOWN, LEFT, RIGHT, STAY = range(5)


def after(family, actions, unit=1.0, seed=0):
    """Two trials after the same actions."""
    draw = rng(seed)
    trials = trial_steps.begin(draw, family, unit, 2)
    for action in actions:
        trials, _ = trial_steps.advance(draw, trials, np.array([action] * 2))
    return trials


def arms(means, pulls=6):
    return Family(
        "arms", {}, None, lambda rng, n: one_state_batch(means, n), 1, pulls, rollouts.deterministic
    )


def one_state_batch(means, n):
    task = one_state(means)
    return task._replace(initial=np.broadcast_to(task.initial, (n, 1)))


GRID = small_grid(goals=(8,), walls=(3, 7), step_reward=-0.25, horizon=4, episodes=2)


def test_a_grid_as_text():
    assert trial_pictures.text(after(GRID, []), 0).splitlines() == [
        "gridworld: a new task",
        ". . .",
        "# @ .",
        ". # .",
    ]
    assert trial_pictures.text(after(GRID, [RIGHT, DOWN, UP]), 1).splitlines() == [
        "gridworld: episode 1 of 2, step 3 of 4, reward -0.25, return so far 0.5",
        ". . .",
        "# . @",
        ". # 1",
    ]
    lines = trial_pictures.text(
        after(navigation(size=3, goals=(2,)), [RIGHT, RIGHT]), 0
    ).splitlines()
    assert lines[1:] == [". . .", ". . @", ". . ."]
    # After the last step of an episode, the player stands in the first state of the next one.
    assert trial_pictures.text(after(GRID, [RIGHT, DOWN, STAY, STAY]), 0).splitlines() == [
        "gridworld: episode 1 of 2, step 4 of 4, reward 1, return so far 2.75",
        "    .     .     .",
        "    #     @ -0.25",
        "    .     #     1",
    ]


def test_other_tasks_as_text():
    trials = after(arms([0.5, -1.0, 0.0]), [0, 1, 0])
    assert trial_pictures.text(trials, 0).splitlines() == [
        "arms: episode 3 of 6, step 1 of 1, reward 0.5, return so far 0",
        "  @ 0.5  -1   .",
    ]
    cues = after(contextual(cues=3, arms=2, pulls=5), [1, 1, 1, 1])
    lines = trial_pictures.text(cues, 1).splitlines()[1:]
    present = trial_steps.present_states(cues)[1]
    assert len(lines) == 3 and [line.split()[0] for line in lines].index("@") == present


def test_the_steps_after_an_absorbing_state_are_not_shown():
    family = small_grid(goals=(5,), horizon=4, episodes=2, terminate=1)
    trials = after(family, [RIGHT, RIGHT, RIGHT])
    assert trial_pictures.picture(trials, 0).means[1, 2] == 1.0


def test_the_picture_does_not_show_the_task():
    pictures = [
        trial_pictures.image(after(small_grid(goals=(goal,)), [LEFT, RIGHT]), 0) for goal in (0, 8)
    ]
    assert np.array_equal(*pictures)


def centre(image, row, column):
    """The colour of a pixel of a cell, away from its middle."""
    size = trial_pictures.PIXELS
    return tuple(image[row * size + 2, column * size + 2])


def test_a_grid_as_an_image():
    family = small_grid(goals=(8,), walls=(3,), step_reward=-0.5)
    image = trial_pictures.image(after(family, [RIGHT, DOWN, LEFT]), 0)
    assert image.shape == (48, 48, 3) and image.dtype == np.uint8
    half_orange = np.mean([trial_pictures.GREY, trial_pictures.ORANGE], axis=0)
    assert centre(image, 0, 0) == trial_pictures.WHITE
    assert centre(image, 1, 0) == trial_pictures.BLACK
    assert centre(image, 2, 2) == trial_pictures.GREEN
    assert abs(np.array(centre(image, 1, 2)) - half_orange).max() <= 0.5
    assert tuple(image[2 * 16 + 8, 1 * 16 + 8]) == trial_pictures.BLUE
    assert (image == trial_pictures.BLUE).all(-1).sum() == 9 * 9


def test_the_colours_of_means():
    trials = after(arms([0.5, -1.0, 0.0, 4.0]), [0, 1, 2], unit=2.0)
    image = trial_pictures.image(trials, 0)
    grey, green, orange = (
        np.array(x) for x in (trial_pictures.GREY, trial_pictures.GREEN, trial_pictures.ORANGE)
    )
    expected = [0.75 * grey + 0.25 * green, 0.5 * grey + 0.5 * orange, grey, [255] * 3]
    found = np.array([centre(image, 0, column) for column in (1, 2, 3, 4)])
    assert abs(found - expected).max() <= 0.5
    above = trial_pictures.image(after(arms([0.5, 4.0]), [0, 1], unit=2.0), 0)
    assert centre(above, 0, 2) == trial_pictures.GREEN  # 4 is more than the unit


def test_wrong_trials():
    trials = after(GRID, [])
    with pytest.raises(ValueError, match="m must be at most 1"):
        trial_pictures.text(trials, 2)
    with pytest.raises(TypeError, match="trials must be of type Trials"):
        trial_pictures.image(GRID, 0)
