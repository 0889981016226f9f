"""Faults: the reasons why a submission gives no answer that can be graded.

The functions of `faults` trust their arguments.
"""

from __future__ import annotations


class Fault(Exception):
    """The reason why there is no answer: a kind, such as "time", and text for the student."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


KINDS = {  # errors of a submission that have a kind of their own
    "AssertionError": "assertion",
    "MemoryError": "memory",
    "RecursionError": "recursion",
    "SyntaxError": "syntax",
    "SystemExit": "ended",
    "PermissionError": "not allowed",
}


def printable(text: str) -> str:
    """Return a text of a student without characters that a terminal or a file may not show."""
    return "".join(x if x.isprintable() or x in "\n\t" else "?" for x in text)


def fault_of(kind: str, text: str, line: int) -> Fault:
    """Return the Fault of an error of a submission. Line 0 means that the line is unknown."""
    kind, text = printable(kind)[:100], printable(text).strip()
    place = f" in line {line}" if line > 0 else ""
    if kind == "NotImplementedError":
        return Fault("not started", f"This part is not started{place}.")
    if kind == "ImportError" and "this assignment forbids" in text:
        return Fault("forbidden module", f"Your program imports a module{place}, but {text}.")
    if kind == "ModuleNotFoundError":
        rule = "the grader has the modules of Python, NumPy, and what the assignment names"
        return Fault("missing module", f"Your program imports a module{place}, but {rule}: {text}.")
    if kind == "Missing":
        return Fault("missing", f"{text[:1].upper()}{text[1:]}.")
    if kind == "TooLarge":
        text = f"Your test calls the implementation with a large argument{place}: {text}."
        return Fault("too large", text)
    if kind == "Unsendable":
        return Fault("type", f"Your program returns or passes on a wrong value{place}: {text}.")
    text = f"Your program raised {kind}{place}{': ' if text else '.'}{text}"
    return Fault(KINDS.get(kind, "error"), text)
