"""Episodes are valid from the moment they exist."""

import pickle

import numpy as np
import pytest
from comparing import episodes_equal

from metarl_min.mdps import rollouts
from metarl_min.mdps.episodes import Episodes, map_fields, sum_of_steps

FITS = {
    "states": np.array([[[0, 1], [2, 0]]]),
    "actions": np.array([[[1, 0], [0, 0]]]),
    "rewards": np.array([[[0.5, -1.0], [2.0, 0.0]]]),
    "alive": np.array([[[True, True], [True, False]]]),
}


def test_episodes_hold_the_arrays_themselves():
    episodes = Episodes(**FITS)
    assert all(getattr(episodes, name) is array for name, array in FITS.items())
    assert episodes_equal(pickle.loads(pickle.dumps(episodes)), episodes)
    assert rollouts.Episodes is Episodes and episodes.last_arrivals is None


def test_the_last_arrivals_may_be_known():
    ends = np.array([[1, 0]])
    episodes = Episodes(**FITS, last_arrivals=ends)
    assert episodes.last_arrivals is ends
    doubled = map_fields(lambda x: np.concatenate([x, x], axis=1), episodes)
    assert doubled.last_arrivals.tolist() == [[1, 0, 1, 0]] and doubled.states.shape == (1, 4, 2)
    one_unknown = map_fields(lambda x, y: x, episodes, Episodes(**FITS))
    assert one_unknown.last_arrivals is None and one_unknown.states is FITS["states"]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32])
def test_states_and_actions_may_be_any_whole_numbers(dtype):
    small = {name: FITS[name].astype(dtype) for name in ("states", "actions")}
    assert Episodes(**{**FITS, **small, "rewards": FITS["rewards"].astype(np.float32)})


WRONG = [
    ({"states": FITS["states"] - 1}, ValueError, r"states must be from 0 .* got -1 at \[0, 0, 0\]"),
    ({"actions": -FITS["actions"]}, ValueError, r"actions must be from 0 .* got -1 at \[0, 0, 0\]"),
    (
        {"states": FITS["states"] * 1.0},
        TypeError,
        "states must be an array of whole numbers, got f",
    ),
    (
        {"actions": FITS["actions"] > 0},
        TypeError,
        "actions must be an array of whole numbers, got b",
    ),
    ({"rewards": FITS["rewards"] * np.nan}, ValueError, "rewards must be finite, got"),
    (
        {"rewards": FITS["rewards"].astype(int)},
        TypeError,
        "rewards must be an array of floats, got",
    ),
    ({"alive": FITS["alive"] * 1}, TypeError, "alive must be an array of bool, got int64"),
    ({"alive": [True]}, TypeError, "alive must be an array of bool, got list"),
    ({"alive": None}, TypeError, "alive must be an array of bool, got NoneType"),
    (
        {"last_arrivals": [[0, 0]]},
        TypeError,
        "last_arrivals must be an array of whole",
    ),
    ({"last_arrivals": np.array([[-1, 0]])}, ValueError, "last_arrivals must be from 0 to"),
    (
        {"last_arrivals": FITS["states"]},
        ValueError,
        r"last_arrivals must have the shape",
    ),
    ({"states": [[0]]}, TypeError, "states must be an array of whole numbers, got list"),
    ({"rewards": FITS["rewards"][:, :1]}, ValueError, r"rewards must have the shape of states"),
    ({"actions": FITS["actions"][..., :1]}, ValueError, r"actions must have the shape of states"),
    ({"alive": FITS["alive"][0]}, ValueError, r"alive must have the shape of states, \(1, 2, 2\)"),
    (
        {k: x[0, 0] for k, x in FITS.items()},
        ValueError,
        r"the shape \[\.\.\., N, T\] .* got \(2,\)",
    ),
    ({k: x[:, :0] for k, x in FITS.items()}, ValueError, r"N and T at least 1, got \(1, 0, 2\)"),
]


@pytest.mark.parametrize(("wrong", "error", "message"), WRONG)
def test_arrays_that_are_no_episodes_are_refused_when_made_and_when_replaced(wrong, error, message):
    with pytest.raises(error, match=message):
        Episodes(**{**FITS, **wrong})
    with pytest.raises(error, match=message):
        Episodes(**FITS)._replace(**wrong)


def test_steps_are_summed_from_the_first_to_the_last_in_every_layout():
    rewards = np.random.default_rng(0).normal(size=(3, 1, 1, 40))
    truth = np.cumsum(rewards / 0.3, axis=-1)[..., -1]  # from left to right
    layouts = (
        rewards,
        np.asfortranarray(rewards),
        np.moveaxis(np.moveaxis(rewards, -1, 0).copy(), 0, -1),
    )
    for layout in layouts:
        np.testing.assert_array_equal(sum_of_steps(layout, 0.3), truth)
        np.testing.assert_array_equal(sum_of_steps(layout[:1], 0.3), truth[:1])
