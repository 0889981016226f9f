"""What all commands share: words that are written key=value, and JSON."""

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
