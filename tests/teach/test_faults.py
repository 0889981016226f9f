"""The text and the kind of a fault."""

import pytest

from metarl_min.teach.faults import Fault, fault_of, printable

R, AT = "Your program ", "a module in line 1"
FORBIDS = "this assignment forbids the module torch"


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (("ValueError", "x", 3), "error", R + "raised ValueError in line 3: x"),
        (("ValueError", "", 0), "error", R + "raised ValueError."),
        (("ValueError", " \n", -1), "error", R + "raised ValueError."),
        (("SystemExit", "1", 0), "ended", R + "raised SystemExit: 1"),
        (("MemoryError", "", 2), "memory", R + "raised MemoryError in line 2."),
        (("RecursionError", "deep", 2), "recursion", R + "raised RecursionError in line 2: deep"),
        (("SyntaxError", "bad", 2), "syntax", R + "raised SyntaxError in line 2: bad"),
        (("PermissionError", "no", 2), "not allowed", R + "raised PermissionError in line 2: no"),
        (("NotImplementedError", "5.1", 4), "not started", "This part is not started in line 4."),
        (("ImportError", FORBIDS, 1), "forbidden module", f"{R}imports {AT}, but {FORBIDS}."),
        (("ImportError", "no name", 1), "error", R + "raised ImportError in line 1: no name"),
        (("Missing", "the file has no f", 0), "missing", "The file has no f."),
        (("Unsendable", "got set", 0), "type", R + "returns or passes on a wrong value: got set."),
        (("Own\x1b[0m", "\ud800", 0), "error", R + "raised Own?[0m: ?"),
    ],
)  # fmt: skip
def test_an_error_becomes_a_fault(error, kind, text):
    fault = fault_of(*error)
    assert isinstance(fault, Fault) and (fault.kind, str(fault)) == (kind, text)


def test_a_module_that_is_not_installed_is_named():
    fault = fault_of("ModuleNotFoundError", "No module named 'torch'", 2)
    assert fault.kind == "missing module"
    assert "in line 2" in str(fault) and "No module named 'torch'" in str(fault)


def test_only_characters_that_can_be_shown_are_kept():
    assert printable("é\t漢\n\x00\x07\u202e\udfff") == "é\t漢\n????"
