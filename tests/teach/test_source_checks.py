"""What is refused before a submission runs."""

import ast
import inspect
import warnings

import pytest

from metarl_min.baselines import bandits as players
from metarl_min.mdps import values
from metarl_min.tasks import bandits as arms
from metarl_min.teach import source_checks
from metarl_min.teach.faults import Fault
from metarl_min.teach.source_checks import MOST_BYTES, check_source

FORBIDDEN = ("autograd", "metarl_min", "jax.numpy")


def fault(source):
    with pytest.raises(Fault) as caught:
        check_source(source, "hw1.py", FORBIDDEN)
    return caught.value.kind, str(caught.value)


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("import autograd", "autograd"),
        ("import numpy, autograd.numpy as np", "autograd.numpy"),
        ("from autograd import grad", "autograd"),
        ("from jax import numpy", "jax.numpy"),
        ("from metarl_min.mdps.values import x", "metarl_min.mdps.values"),
        ("def f():\n    if 0:\n        import autograd", "autograd"),
        ("try:\n    import autograd\nexcept ImportError: pass", "autograd"),
        ("import importlib; importlib.import_module('autograd.core')", "autograd.core"),
        ("x = __import__('metarl_min')", "metarl_min"),
    ],
)  # fmt: skip
def test_an_import_of_a_forbidden_module_is_found_with_its_line(line, module):
    kind, text = fault(b"import numpy as np\n\n" + line.encode())
    assert kind == "forbidden module" and f"forbids the module {module}." in text
    number = 3 + line[: line.index("autograd" if "autograd" in line else "m")].count("\n")
    assert f" in line {number}," in text


@pytest.mark.parametrize(
    "source",
    [
        b"import autograds, jax, jax.numpyro\nfrom . import autograd\nfrom .metarl_min import x",
        b"import importlib\nname = 'numpy'\nimportlib.import_module(name)\nf = __import__\nf()",
        b"", b"\xef\xbb\xbfx = 1\r\n", b"# coding: latin-1\nx = '\xe9'", b"x = 1\x0c\n",
        b"if __name__ == '__main__':\n    import sys\n",
        b"'''a \\alpha \\d'''\nx = 1 is 1\nassert (1, 2)\n",
    ],
)  # fmt: skip
def test_other_programs_are_accepted_without_a_warning(source):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_source(source, "hw1.py", FORBIDDEN)


@pytest.mark.parametrize(
    ("source", "part"),
    [
        (b"def f(:\n    pass", "in line 1: "),
        (b"x = 1\nif x\n", "in line 2: "),
        (b"x = 1\n  y = 2\n", "in line 2: "),
        (b"x = '\x00'", "null bytes"),
        (b"x = '\xe9'", "is not valid Python"),
        (b"# coding: no-such\nx = 1", "is not valid Python"),
        (b"print 'two'", "in line 1: "),
        (b"x = " + b"(" * 500 + b")" * 500, "is not valid Python"),
        (b"def f(x):\n    return x" + b".a" * 2000, "nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_no_python_is_refused_with_its_line(source, part):
    kind, text = fault(source)
    assert kind == "syntax" and text.startswith("hw1.py ") and part in text


def test_a_long_file_is_refused():
    check_source(b"#" * MOST_BYTES, "hw1.py", FORBIDDEN)
    kind, text = fault(b"#" * 10**7)
    assert (kind, text) == (
        "too long",
        "hw1.py must have at most 200,000 bytes, got 10,000,000 bytes.",
    )


COPIED = next(
    function
    for name, function in vars(values).items()
    if inspect.isfunction(function)
    and function.__module__ == values.__name__
    and inspect.getsource(function).startswith("def ")
    and len(ast.dump(ast.parse(inspect.getsource(function)))) > 3000
)


def test_a_copy_of_a_function_of_the_library_is_found():
    source = inspect.getsource(COPIED).replace(f"def {COPIED.__name__}(", "def my_own(", 1)
    kind, text = fault(b"import numpy as np\n" + source.encode())
    assert kind == "copy"
    assert text == f"my_own in line 2 is a copy of mdps.values.{COPIED.__name__} of metarl_min."


def test_a_short_function_is_no_copy():
    check_source(b"def softmax(x):\n    return np.exp(x) / np.exp(x).sum()\n", "hw1.py", FORBIDDEN)


def test_the_library_is_not_parsed_for_functions_with_other_names(
    monkeypatch,
):
    parsed = []
    parse = source_checks.ast.parse
    monkeypatch.setattr(source_checks.ast, "parse", lambda *x: parsed.append(1) or parse(*x))
    body = "\n".join(f"    unusual_{i} = {i}" for i in range(40))
    source = "\n".join(f"def f{i}():\n{body}" for i in range(50))
    check_source(source.encode(), "hw1.py", FORBIDDEN)
    assert len(parsed) == 1


def test_a_notebook_is_refused_with_the_command_that_converts_it():
    source = b'{"cells": [], "metadata": {}, "nbformat": 4}'
    with pytest.raises(Fault, match="jupytext --to py:percent") as fault:
        check_source(source, "hw.py", ())
    assert fault.value.kind == "notebook"


def test_a_cell_that_checks_the_answers_must_not_be_left():
    source = b"from metarl_min.teach.questions import check\n"
    with pytest.raises(Fault, match="the cell that checks your answers, remove it"):
        check_source(source, "hw.py", ("metarl_min",))


def test_copies_are_found_in_files_of_equal_names_too():
    """Such as `bandits` of the rooms `tasks` and `baselines`."""
    for module, name in ((players, "ucb1"), (arms, "bandit")):
        source = inspect.getsource(getattr(module, name)).encode()
        with pytest.raises(Fault, match=r"is a copy of \w+\.bandits\.") as fault:
            check_source(source, "hw.py", ())
        assert fault.value.kind == "copy"
