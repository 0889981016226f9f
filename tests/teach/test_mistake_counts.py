"""Counts of mistakes in the results of a class."""

import csv
import io
import json

import pytest

from metarl_min.teach.mistake_counts import as_csv, as_histogram, count


@pytest.fixture
def write(tmp_path):
    def written(name, *tests):
        path = tmp_path / name
        listed = [{"number": x, "extra_data": {"mistake": mistake}} for x, mistake in tests]
        path.write_text(json.dumps({"tests": listed, "output": "é"}), encoding="utf-8")
        return path

    return written


def test_mistakes_are_counted_for_each_test_the_frequent_ones_first(write):
    files = [
        write("a.json", ("5.1", ""), ("5.2", "time")),
        write("b.json", ("5.1", "first order"), ("5.2", "time")),
        write("c.json", ("5.1", "first order"), ("5.2", 'a "quoted", one')),
    ]
    counts = count(files)
    assert counts == {
        ("5.1", "right"): 1, ("5.1", "first order"): 2,
        ("5.2", "time"): 2, ("5.2", 'a "quoted", one'): 1,
    }  # fmt: skip
    rows = list(csv.reader(io.StringIO(as_csv(counts))))
    assert rows == [
        ["test", "mistake", "submissions"],
        ["5.1", "first order", "2"], ["5.1", "right", "1"],
        ["5.2", "time", "2"], ["5.2", 'a "quoted", one', "1"],
    ]  # fmt: skip
    lines = as_histogram(counts).split("\n")
    assert lines[0] == "5.1" and lines[1].split() == ["first", "order", "2", "#" * 30]
    assert lines[2].split() == ["right", "1", "#" * 15] and lines[3] == "5.2"


def test_equal_counts_come_in_the_order_of_the_names(write):
    counts = count([write("a.json", ("1", "b")), write("b.json", ("1", "a"))])
    assert as_csv(counts).split()[1:] == ["1,a,1", "1,b,1"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "{}", '{"tests": 3}', '{"tests": [1]}',
             '{"tests": [{"number": 1}]}', '{"tests": [{"number": 1, "extra_data": []}]}', "\xff"],
)  # fmt: skip
def test_a_file_without_results_is_refused_by_name(text, tmp_path):
    path = tmp_path / "bad.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"bad.json must hold results in the format of Gradescope"):
        count([path])


def test_nothing_to_count_is_refused(write, tmp_path):
    with pytest.raises(ValueError, match="at least one file"):
        count([])
    with pytest.raises(ValueError, match="no test"):
        count([write("a.json")])
    with pytest.raises(FileNotFoundError):
        count([tmp_path / "none.json"])
