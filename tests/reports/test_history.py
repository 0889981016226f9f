"""The record of a training: what a line holds, and what a resumed run keeps."""

from typing import NamedTuple

import numpy as np
import pytest

from metarl_min.reports import history


class Info(NamedTuple):
    per_episode: np.ndarray
    norm: float


def info(i):
    return Info(np.array([i / 3, i]), -i / 7)


def write(directory, start, end):
    with history.record(directory, start) as on_iteration:
        for i in range(start + 1, end + 1):
            on_iteration(i, info(i))


def test_a_line_holds_every_number_with_all_its_digits(tmp_path):
    write(tmp_path, 0, 3)
    found = history.read(tmp_path)
    assert list(found) == ["iteration", "per_episode[0]", "per_episode[1]", "norm"]
    assert found["iteration"].tolist() == [1, 2, 3]
    assert found["per_episode[0]"].tolist() == [1 / 3, 2 / 3, 1.0]
    assert found["norm"].tolist() == [-1 / 7, -2 / 7, -3 / 7]


def test_the_file_can_be_read_while_the_run_goes_on(tmp_path):
    with history.record(tmp_path, 0) as on_iteration:
        on_iteration(1, info(1))
        assert history.read(tmp_path)["iteration"].tolist() == [1]
        on_iteration(2, info(2))
        assert history.read(tmp_path)["iteration"].tolist() == [1, 2]


def test_a_resumed_run_has_the_bytes_of_one_that_was_not_stopped(tmp_path):
    """It was stopped after iteration 5, in the middle of a line, and its checkpoint is of 3."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    write(one, 0, 8)
    write(other, 0, 5)
    with open(other / history.FILE, "a") as file:
        file.write("6,0.12")
    write(other, 3, 8)
    assert (one / history.FILE).read_bytes() == (other / history.FILE).read_bytes()


def test_an_info_that_cannot_be_written_ends_the_record_and_not_the_training(tmp_path, capsys):
    with history.record(tmp_path, 0) as on_iteration:
        on_iteration(1, info(1))
        on_iteration(2, {"text": "words"})
        on_iteration(3, info(3))
    assert history.read(tmp_path)["iteration"].tolist() == [1]
    assert capsys.readouterr().err.startswith("history.csv ends before iteration 2: a state must")


def test_true_is_written_as_1(tmp_path):
    with history.record(tmp_path, 0) as on_iteration:
        on_iteration(1, {"accepted": True, "rows": np.array([False, True])})
    assert {name: x.tolist() for name, x in history.read(tmp_path).items()} == {
        "iteration": [1.0], "accepted": [1.0], "rows[0]": [0.0], "rows[1]": [1.0],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"a": 1.0}, "must have the same names in every iteration, got b"),
        ({"a": 1.0, "b": 2.0, "c[0,1]": 3.0}, "must have the same names in every iteration, got c"),
        ({"a": 1.0, "b": 2j}, "a number of a history must be real, got 2j in b"),
    ],
)
def test_other_numbers_than_before_end_the_record(tmp_path, capsys, other, reason):
    """As of a run that was begun by an earlier version, whose Info had fewer numbers."""
    with history.record(tmp_path, 0) as on_iteration:
        on_iteration(1, {"a": 1.0, "b": 2.0})
    with history.record(tmp_path, 1) as on_iteration:
        on_iteration(2, other)
    assert history.read(tmp_path)["iteration"].tolist() == [1]
    err = capsys.readouterr().err
    assert err.startswith("history.csv ends before iteration 2: ") and reason in err


def test_a_file_that_was_edited_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must hold history\.csv"):
        history.read(tmp_path)
    write(tmp_path, 0, 2)
    (tmp_path / history.FILE).write_text("iteration,x\n1,2\ntwo,3\n")
    for call in (lambda: history.read(tmp_path), lambda: write(tmp_path, 2, 3)):
        with pytest.raises(ValueError, match="must be as a run has written it"):
            call()
