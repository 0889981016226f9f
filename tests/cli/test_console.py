"""What all commands share: words that are written key=value, JSON, messages and pictures."""

import os

import numpy as np
import pytest

from metarl_min.cli import console


def test_numbers_in_json_are_whole_floats():
    assert console.to_json({"x": np.float64(0.1) + 0.2, "y": np.nan}) == (
        '{\n "x": 0.30000000000000004,\n "y": null\n}'
    )


def test_words_and_names_are_read():
    assert console.parameters(["arms=2", "prior=1,1=x"]) == {"arms": "2", "prior": "1,1=x"}
    assert console.names("maml,a.py:b") == ["maml", "a.py:b"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["arms"], "a parameter must be written key=value, got 'arms'"),
        (["=2"], "a parameter must be written key=value, got '=2'"),
        (["arms=2", "arms=3"], "a key must be given once, got 'arms=3'"),
    ],
)
def test_parameters_at_fault_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        console.parameters(words)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("a,a", "a name must be given once, got 'a,a'"),
        ("a,", "must be written name,name,"),
        ("", "got .."),
    ],
)
def test_names_at_fault_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        console.names(names)


@pytest.mark.parametrize(
    "error",
    [ImportError("no module"), AttributeError("x"), RuntimeError("latex\nlog\n" * 60), KeyError(3),
     MemoryError(), OSError(28, "No space left on device"), KeyboardInterrupt()],
    ids=repr,
)  # fmt: skip
def test_whatever_drawing_raises_is_one_line(tmp_path, capsys, error):
    def picture(result):
        raise error

    console.draw(tmp_path / "curves.png", picture, {})
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and err.startswith("no curves.png: ")
    assert os.listdir(tmp_path) == []


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path, capsys):
    console.draw(tmp_path / "nowhere" / "curves.png", lambda result: b"png", {})
    assert capsys.readouterr().err.startswith("no curves.png: FileNotFoundError")


def test_a_message_is_one_line_without_long_words():
    assert console.one_line("a\n  b\tc") == "a b c"
    line = console.one_line(f"got {'x' * 100_000} {'y' * 300}")
    assert len(line) < 600 and "(100,000 characters)" in line and "y" * 300 in line
    assert len(console.one_line("many words " * 100_000)) <= 2002
