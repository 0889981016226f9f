"""Numbers of words: what everybody reads alike, and nothing else."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metarl_min.basics import numerals


@given(st.integers())
def test_a_whole_number_comes_back(number):
    assert numerals.whole_number(str(number)) == number


@given(st.floats(allow_nan=False))
def test_a_number_comes_back_in_each_form_that_python_and_the_words_write(number):
    for word in (repr(number), f"{number:.17g}", f"{number:e}"):
        assert numerals.number(word) == float(word)


@pytest.mark.parametrize(
    ("word", "number"),
    [("1", 1.0), ("-3", -3.0), ("0.5", 0.5), (".5", 0.5), ("5.", 5.0), ("1e-8", 1e-8),
     ("1E5", 1e5), ("1e+16", 1e16), ("-inf", -math.inf), ("007", 7.0)],
)  # fmt: skip
def test_a_number_may_be_written_so(word, number):
    assert numerals.number(word) == number


def test_nan_is_read_so_that_the_rule_of_a_setting_can_refuse_it():
    assert math.isnan(numerals.number("nan"))


# an Arabic three, a full-width five, a superscript two, a Roman two, signs, spaces, underscores
ODD = ["", " ", "\u0663", "\uff15", "\u00b2", "\u2161", "+5", " 5", "5 ", "5\n", "1_0", "--5",
       "0x10", "five", "1,0", "\u22125", "5" * 5000]  # fmt: skip


@pytest.mark.parametrize("word", [*ODD, "1.0", "1e3"])
def test_every_other_word_is_no_whole_number(word):
    with pytest.raises(ValueError, match="a whole number must be written in digits, got"):
        numerals.whole_number(word)


@pytest.mark.parametrize("word", [*ODD[:-1], ".", "e5", "1e", "1e1_0", "infinity", "0.5.5", "+inf"])
def test_every_other_word_is_no_number(word):
    with pytest.raises(ValueError, match="a number must be written in digits, got"):
        numerals.number(word)
