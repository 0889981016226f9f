"""Submissions in the process of the tests: a new process takes longer than most tests.

A test that asks what is done with a verdict grades here. `teach/test_submissions.py` and
`teach/test_grading.py` test the processes.
"""

import contextlib
import os
import sys
import types
import warnings
from pathlib import Path

from hypothesis import settings

from metarl_min.teach import grading, student_process, submissions, verification
from metarl_min.teach.faults import fault_of
from metarl_min.teach.messages import decode, encode


def caller(module):
    """Call a function of the student as `submissions` does, without a pipe and without limits."""
    find = student_process.find_in(module)

    def call(name, *arguments):
        functions = []
        try:
            result = find(name)(*arguments)
            return decode(encode(result, functions), functions.__getitem__)
        except (Exception, SystemExit) as error:
            raise fault_of(*student_process.described(error, module.__file__)) from error

    return call


@contextlib.contextmanager
def running(source, name, limits):
    """Take the place of `submissions.running`. The output of the program is not kept."""
    with submissions._folder() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = types.ModuleType(f"{Path(name).stem}_here")
        module.__file__ = str(folder / name)
        (folder / name).write_bytes(source)
        try:
            yield submissions._student(caller(module), str)
        finally:
            sys.modules.pop(module.__name__, None)
            settings.load_profile(os.environ.get("METARL_HYPOTHESIS", "default"))


def grade_here(monkeypatch):
    """Grade all submissions of this test in this process."""
    for room in (grading, verification):
        monkeypatch.setattr(room, "running", running)
