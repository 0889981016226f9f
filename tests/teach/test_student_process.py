"""The process of a student: what is said of an error, and how a file runs."""

import pytest

from metarl_min.teach.messages import RemoteError, Unsendable
from metarl_min.teach.student_process import Missing, described, find_in

FILE = "student.py"


def error_of(source):
    """Return the error of a program whose file has the name FILE."""
    try:
        exec(compile(source, FILE, "exec"), {"Unsendable": Unsendable, "RemoteError": RemoteError})
    except BaseException as error:
        return error
    raise AssertionError("the program raised no error")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("\n1 / 0", ["ZeroDivisionError", "division by zero", 2]),
        ("def f():\n    return x\n\nf()", ["NameError", "name 'x' is not defined", 2]),
        ("import json\njson.loads('{')", ["JSONDecodeError", None, 2]),
        ("raise NotImplementedError('5.1')", ["NotImplementedError", "5.1", 1]),
        ("class Own(MemoryError): pass\nraise Own", ["MemoryError", "", 2]),
        ("class Own(SystemExit): pass\nraise Own(3)", ["SystemExit", "3", 2]),
        ("import no_such", ["ModuleNotFoundError", "No module named 'no_such'", 1]),
        ("raise Unsendable('set')", ["Unsendable", "set", 1]),
        ("raise RemoteError('ValueError', 'theirs', 9)", ["ValueError", "theirs", 1]),
        ("raise RemoteError", ["RemoteError", "an error whose text cannot be shown", 1]),
        ("raise KeyboardInterrupt", ["KeyboardInterrupt", "", 1]),
        ("class Own(Exception):\n    def __str__(self): return 3\nraise Own",
         ["Own", "an error whose text cannot be shown", 3]),
        ("raise ValueError('a' * 9999)", ["ValueError", "a" * 2000, 1]),
    ],
)  # fmt: skip
def test_an_error_is_described_by_kind_text_and_line(source, expected):
    kind, text, line = described(error_of(source), FILE)
    assert [kind, text if expected[1] is not None else None, line] == expected


def test_an_error_of_another_file_has_line_0():
    assert described(error_of("1 / 0"), "other.py")[2] == 0


def test_a_syntax_error_has_the_line_of_its_file():
    error = error_of("eval(compile('x = (\\n', 'student.py', 'exec'))")
    assert described(error, FILE)[0] == "SyntaxError"
    assert described(error, FILE)[2] == error.lineno
    indented = error_of("exec('if 1:\\n')")
    assert described(indented, FILE)[0] == "SyntaxError"


def test_a_function_that_is_missing_is_named():
    module = type("Module", (), {"number": 3, "double": staticmethod(lambda x: 2 * x)})
    find = find_in(module)
    assert find("double")(4) == (8, False, False)
    for name in ("number", "none"):
        with pytest.raises(Missing, match=f"the file must define a function {name}"):
            find(name)
