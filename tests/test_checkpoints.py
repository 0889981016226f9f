"""Checkpoints: what is written comes back, and no other file is read."""

import time
from typing import Any, NamedTuple

import numpy as np
import pytest

from metarl_min import checkpoints
from metarl_min.checkpoints import Checkpoint


class Nested(NamedTuple):
    table: dict[str, Any]
    pair: tuple[Any, ...]
    whole: int
    real: float
    nothing: None
    small: Any


def nested(k):
    return Nested({"w": np.full((2, 3), 0.1 * k)}, (k, [np.arange(k, k + 2)]), k, k / 3, None,
                  np.float32(k))  # fmt: skip


def test_a_state_of_nested_values_comes_back_with_its_types_and_bits(tmp_path):
    path = tmp_path / "checkpoint.npz"
    checkpoints.save(path, Checkpoint(7, nested(5)))
    checkpoint = checkpoints.load(path, Checkpoint(0, nested(0)))
    assert checkpoint.iteration == 7
    assert repr(checkpoint.state) == repr(nested(5))
    assert type(checkpoint.state.whole) is int and type(checkpoint.state.small) is np.float32


def test_the_bytes_of_a_checkpoint_depend_on_the_arrays_alone(tmp_path):
    checkpoints.save(tmp_path / "one", Checkpoint(7, nested(5)))
    time.sleep(2.1)  # zip files keep times in steps of two seconds
    checkpoints.save(tmp_path / "two", Checkpoint(7, nested(5)))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("state", [{1: 0.0, "1": 0.0}, {"a": {"b": 0.0}, "a.b": 0.0}])
def test_two_parts_of_one_name_are_refused(state):
    with pytest.raises(ValueError, match=r"must have different names, got \['(1|a\.b)'\] twice"):
        checkpoints.flatten(state)


@pytest.mark.parametrize("wrong", [None, {"w": 1.0}, (3, {"w": 1.0})])
def test_what_is_no_checkpoint_is_not_written_and_not_read(tmp_path, wrong):
    with pytest.raises(TypeError, match="checkpoint must be of type Checkpoint, got"):
        checkpoints.save(tmp_path / "x", wrong)
    with pytest.raises(TypeError, match="first must be of type Checkpoint, got"):
        checkpoints.load(tmp_path / "x", wrong)
    with pytest.raises(ValueError, match="must be a whole checkpoint, got none"):
        checkpoints.load(tmp_path / "x", Checkpoint(0, nested(0)))


@pytest.mark.parametrize(
    "leaf", ["text", object(), np.array(["a"]), 2**70, np.ma.masked_array([1.0], [True])]
)
def test_a_state_holds_numbers_only(leaf):
    with pytest.raises(TypeError, match="a state must hold arrays, numbers and None"):
        checkpoints.flatten({"a": leaf})


def checkpoint_bytes(tmp_path):
    checkpoints.save(tmp_path / "good", Checkpoint(1, nested(1)))
    return (tmp_path / "good").read_bytes()


def npy(tmp_path):
    np.save(tmp_path / "x.npy", np.ones(3))
    return (tmp_path / "x.npy").read_bytes()


def pickled(tmp_path):
    np.savez(tmp_path / "x.npz", iteration=1, state=np.array([{}], dtype=object))
    return (tmp_path / "x.npz").read_bytes()


FOREIGN = {
    "truncated": lambda tmp: checkpoint_bytes(tmp)[:-30],
    "cut in two": lambda tmp: checkpoint_bytes(tmp)[:400],
    "flipped": lambda tmp: checkpoint_bytes(tmp).replace(np.float64(0.1).tobytes(), bytes(8), 1),
    "empty": lambda tmp: b"",
    "text": lambda tmp: b"hello\n" * 100,
    "one array": npy,
    "pickle": pickled,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_damaged_or_foreign_checkpoint_is_one_line_and_stays_as_it_is(tmp_path, kind):
    path, content = tmp_path / "checkpoint.npz", FOREIGN[kind](tmp_path)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="must be a whole checkpoint, got") as error:
        checkpoints.load(path, Checkpoint(0, nested(0)))
    assert "\n" not in str(error.value)
    assert path.read_bytes() == content


def test_a_checkpoint_of_another_state_is_refused(tmp_path):
    path = tmp_path / "checkpoint.npz"
    checkpoints.save(path, Checkpoint(1, nested(1)))
    for other in (
        nested(0)._replace(table={"w": np.zeros((2, 4))}),
        nested(0)._replace(table={"v": np.zeros((2, 3))}),
        nested(0)._replace(nothing=1.0),
        nested(0)._replace(small=np.float64(0)),
    ):
        with pytest.raises(ValueError, match="must be a checkpoint of this learner"):
            checkpoints.load(path, Checkpoint(0, other))


def test_the_start_may_be_a_checkpoint_and_what_comes_before_it_may_not(tmp_path):
    path = tmp_path / "checkpoint.npz"
    checkpoints.save(path, Checkpoint(0, nested(2)))
    assert checkpoints.load(path, Checkpoint(0, nested(0))).iteration == 0
    checkpoints.save(path, Checkpoint(-1, nested(2)))
    with pytest.raises(ValueError, match=r"must be a checkpoint of this .*, got iteration -1"):
        checkpoints.load(path, Checkpoint(0, nested(0)))


MADE_BY = {"learner": "maml._step", "alpha": 0.5, "family": "bandit arms=2", "seed": 3}


def test_what_made_a_checkpoint_comes_back(tmp_path):
    checkpoints.save(tmp_path / "x", Checkpoint(7, nested(5), MADE_BY))
    found = checkpoints.load(tmp_path / "x", Checkpoint(0, nested(0), MADE_BY))
    assert found.made_by == MADE_BY and found.iteration == 7


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"learner": "rl2._step"}, "learner maml._step, got rl2._step"),
        ({"alpha": 0.25}, "alpha 0.5, got 0.25"),
        ({"family": "bandit arms=3"}, "family bandit arms=2, got bandit arms=3"),
        ({"seed": 4}, "seed 3, got 4"),
        ({"beta": 1.0}, "beta None, got 1.0"),
    ],
)
def test_a_checkpoint_that_something_else_made_is_refused(tmp_path, change, line):
    path = tmp_path / "checkpoint.npz"
    checkpoints.save(path, Checkpoint(7, nested(5), MADE_BY))
    with pytest.raises(ValueError, match="must be continued by what made it: ") as error:
        checkpoints.load(path, Checkpoint(0, nested(0), {**MADE_BY, **change}))
    assert str(error.value).endswith(line)


@pytest.mark.parametrize("text", ["x", "[1]", "3", "[" * 100_000])
def test_an_entry_that_says_nothing_is_refused(tmp_path, text):
    leaves = checkpoints.leaves_of(Checkpoint(1, nested(1)))
    np.savez(tmp_path / "x.npz", made_by=np.array(text), **leaves)
    with pytest.raises(ValueError, match="must say what made it, got"):
        checkpoints.load(tmp_path / "x.npz", Checkpoint(0, nested(0)))


def test_a_checkpoint_of_an_earlier_version_is_refused_in_one_line(tmp_path):
    np.savez(tmp_path / "x.npz", **checkpoints.leaves_of(Checkpoint(1, nested(1))))
    with pytest.raises(ValueError, match="of an earlier version: train it again") as error:
        checkpoints.load(tmp_path / "x.npz", Checkpoint(0, nested(0)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_checkpoint_that_is_not_finite_is_refused(tmp_path, bad):
    state = nested(1)._replace(table={"w": np.array([[1, bad, 1], [1, 1, 1]])})
    checkpoints.save(tmp_path / "x", Checkpoint(1, state))
    with pytest.raises(ValueError, match=r"must hold finite numbers, got .* in state\.table\.w"):
        checkpoints.load(tmp_path / "x", Checkpoint(0, nested(0)))


def test_every_byte_that_is_flipped_and_every_cut_is_an_error_or_changes_nothing(tmp_path):
    """Of 40 damaged bytes and 26 cuts, none gives other arrays."""
    path, chance = tmp_path / "x", np.random.default_rng(0)
    good = Checkpoint(7, nested(5), MADE_BY)
    checkpoints.save(path, good)
    content = path.read_bytes()
    damaged = [content[: int(n)] for n in chance.integers(0, len(content), 26)]
    for place in chance.integers(0, len(content), 40):
        other = content[place] ^ int(chance.integers(1, 256))
        damaged.append(content[:place] + bytes([other]) + content[place + 1 :])
    refused = 0
    for x in damaged:
        path.write_bytes(x)
        try:
            same = repr(checkpoints.load(path, good)) == repr(good)
        except ValueError as error:
            same, refused = "\n" not in str(error), refused + 1
        assert same
    assert refused >= 26  # each cut at least


@pytest.mark.parametrize("wrong", [None, {}, (3, {}), "checkpoint"])
def test_what_is_no_checkpoint_is_neither_written_nor_read(tmp_path, wrong):
    with pytest.raises(TypeError, match="checkpoint must be of type Checkpoint, got"):
        checkpoints.save(tmp_path / "c.npz", wrong)
    with pytest.raises(TypeError, match="first must be of type Checkpoint, got"):
        checkpoints.load(tmp_path / "c.npz", wrong)
    for path in (None, 3):
        with pytest.raises(TypeError, match="path must be a path, got"):
            checkpoints.load(path, Checkpoint(0, {}))
    assert list(tmp_path.iterdir()) == []
