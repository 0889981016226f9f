"""Records are valid from the moment they exist, however they are made."""

import copy
import inspect
import pickle
import typing
from typing import NamedTuple

import pytest

from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.records import checked


def check_interval(low, high, name):
    low, high = real("low", low), real("high", high)
    require(low < high, "low must be below high", (low, high))
    return low, high, name


@checked(check_interval)
class Interval(NamedTuple):
    """An interval."""

    low: float
    high: float
    name: str = "an interval"

    @property
    def length(self):
        return self.high - self.low


def test_a_record_holds_what_its_check_returns():
    one = Interval(1, high=2)
    assert one == (1.0, 2.0, "an interval") and type(one.low) is float
    assert one.length == 1.0 and one._asdict() == {"low": 1.0, "high": 2.0, "name": "an interval"}
    assert repr(one) == "Interval(low=1.0, high=2.0, name='an interval')"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Interval(2, 1),
        lambda: Interval(low=2, high=1),
        lambda: Interval(0, 1)._replace(low=2),
        lambda: Interval(0, 3)._replace(high=1)._replace(low=1),
        lambda: copy.copy(Interval._make([2.0, 1.0, ""])),
        lambda: pickle.loads(pickle.dumps(Interval._make([2.0, 1.0, ""]))),
    ],
)
def test_no_way_leads_around_the_check(make):
    with pytest.raises(ValueError, match="low must be below high, got"):
        make()


def test_only_make_does_not_check():
    assert Interval._make([2.0, 1.0, ""]).length == -1.0


def test_a_record_is_pickled_as_itself_and_has_no_dict():
    again = pickle.loads(pickle.dumps(Interval(0, 1)))
    assert type(again) is Interval and again == Interval(0, 1)
    assert type(again._replace(high=4)) is Interval
    assert not hasattr(again, "__dict__")


def test_a_record_keeps_its_name_its_document_its_types_and_its_signature():
    assert (Interval.__name__, Interval.__doc__) == ("Interval", "An interval.")
    assert Interval.__module__ == __name__ and Interval._fields == ("low", "high", "name")
    assert typing.get_type_hints(Interval) == {"low": float, "high": float, "name": str}
    assert [*inspect.signature(Interval).parameters] == ["low", "high", "name"]


def test_a_field_that_is_unknown_or_missing_is_refused():
    with pytest.raises(TypeError, match="colour"):
        Interval(0, 1)._replace(colour="red")
    with pytest.raises(TypeError, match="high"):
        Interval(0)


def test_records_of_different_classes_have_their_own_checks():
    @checked(lambda n: (whole("n", n),))
    class Count(NamedTuple):
        n: int

    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        Count(0)
    assert Interval(0, 1).high == 1.0
