"""Submissions in a process of their own: each fault has its name, and nothing stays."""

import json
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from unlucky_programs import ALONE, ENDLESS, SHARED

from metarl_min.teach import messages, submissions
from metarl_min.teach.faults import Fault
from metarl_min.teach.questions import in_this_process
from metarl_min.teach.submissions import Limits, running
from metarl_min.teach.value_questions import ValueQuestion, one_call, value_question

LIMITS = Limits(seconds=120, megabytes=400, forbidden=("metarl_min",))
EXPECTED = dict(re.findall(r"^(?:async )?def (\w+)\(.*# (.+)$", SHARED, re.MULTILINE))


def mean_question(name):
    return value_question(
        ValueQuestion(
            function=name,
            cases=lambda rng: [one_call(rng.normal(size=n)) for n in (2, 3)],
            truth=lambda case: float(sum(case.arguments[0][0]) / len(case.arguments[0][0])),
            mistakes={},
        )
    )


def verdict(name, call):
    """Return the kind and the text of a verdict."""
    try:
        found = mean_question(name).grade(call, np.random.default_rng(0))
    except Fault as fault:
        return fault.kind, str(fault)
    assert found.score == (found.mistake == "")
    return found.mistake or "right", found.text


def graded(source, limits=LIMITS):
    with running(source.encode(), "submission.py", limits) as student:
        return verdict("mean", partial(student.call, "mean"))


@pytest.fixture(scope="module")
def shared():
    with running(SHARED.encode(), "submission.py", LIMITS) as student:
        assert student.failure is None
        yield student


@pytest.mark.parametrize("name", EXPECTED)
def test_a_failing_function_has_its_verdict_and_the_next_one_still_runs(shared, name):
    kind, text = verdict(name, partial(shared.call, name))
    assert kind == EXPECTED[name], text
    assert text.isprintable() and 10 < len(text) < 3000
    assert tempfile.gettempdir() not in text


def test_the_table_of_failing_functions_is_read():
    assert len(EXPECTED) == SHARED.count("  # ") > 90
    assert len(set(EXPECTED.values())) >= 15


@pytest.mark.parametrize(
    "name",
    ["masked", "lying_float", "lying_array", "a_generator", "objects", "huge_array", "nan",
     "nested", "boolean", "changes", "draws", "worse_later", "no_text", "leaves", "float32_scalar"],
)  # fmt: skip
def test_a_notebook_has_the_same_verdict(name):
    module = {"__name__": "notebook"}
    exec(compile(SHARED, "notebook", "exec", dont_inherit=True), module)
    assert verdict(name, in_this_process(module[name]))[0] == EXPECTED[name]


def test_the_line_of_an_error_is_that_of_the_student_file(shared):
    line = 1 + SHARED[: SHARED.index("def undefined")].count("\n")
    _, text = verdict("undefined", partial(shared.call, "undefined"))
    assert f"NameError in line {line}: name 'men' is not defined" in text


@pytest.mark.parametrize("source", ALONE)
def test_a_program_that_ends_or_spoils_its_process_has_its_verdict(source):
    kind, text = graded(source)
    assert kind == ALONE[source], text


@pytest.mark.parametrize("source", ENDLESS)
def test_an_endless_program_is_ended(source):
    kind, text = graded(source, LIMITS._replace(seconds=0.1))
    assert kind == "time" and text.startswith("Your program did not finish within ")
    if "wait()" in source:
        assert "0.4 seconds of real time" in text


def test_a_program_may_wait_longer_than_it_may_compute():
    source = "import time\ntime.sleep(1.2)\ndef mean(x):\n    return float(x.mean())"
    assert graded(source, LIMITS._replace(seconds=1.0))[0] == "right"


@pytest.mark.parametrize(
    "source",
    [
        b"\xef\xbb\xbfdef mean(x):\r\n    return float(x.mean())\r\n",
        b"# -*- coding: latin-1 -*-\n# \xe9\ndef mean(x):\n    return float(x.mean())\n",
        b"def mean(x):\n    return float(x.mean())\nif __name__ == '__main__':\n    1 / 0",
        b"import copy, json, random, types\ndef mean(x): return float(x.mean())",
    ],
    ids=["BOM and CRLF", "latin-1", "main part", "imports"],
)  # fmt: skip
def test_right_programs_in_other_forms_are_right(source):
    with running(source, "submission.py", LIMITS) as student:
        assert verdict("mean", partial(student.call, "mean"))[0] == "right"


def test_annotations_are_those_of_the_file_itself():
    source = b"def mean(x: float): return float(mean.__annotations__['x'] is float)"
    with running(source, "submission.py", LIMITS) as student:
        assert student.call("mean", 0.0).value == 1.0


def test_output_is_kept_up_to_a_limit_and_complete_at_the_end(shared):
    source = b"print('first')\ndef mean(x):\n    print('caf\\u00e9 \\x1b[1m'); print('y' * 10**5)"
    with running(source, "submission.py", LIMITS) as student:
        student.call("mean", 1.0)
    assert student.output().startswith("first\ncafé ?[1m\nyyy")
    assert len(student.output()) <= submissions.SHOWN_OUTPUT


def processes_with(marker):
    """Return the processes of this machine with a text in their words or their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            text = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
            state = (path / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if marker.encode() in text or (state == "Z" and path.name in marker.split()):
            found.append(path.name)
    return found


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@linux
@pytest.mark.parametrize(
    "source",
    [
        "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "os.makedirs('a/b'); open('a/b/c', 'w').close(); os.chmod('a', 0)\n"
        "def mean(x):\n    while True: pass",
        "import threading\nthreading.Thread(target=threading.Event().wait).start()",
        "import os\nos._exit(0)",
    ],
)
def test_no_process_and_no_folder_stays(source, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with running(source.encode(), "submission.py", LIMITS._replace(seconds=0.1)) as student:
        assert processes_with(str(tmp_path)) or student.failure
        verdict("mean", partial(student.call, "mean"))
    assert processes_with(str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_no_thread_of_the_grader_stays(shared):
    before = threading.active_count()
    graded("x = 1")
    assert threading.active_count() == before


GRADER = """
    import sys, tempfile
    tempfile.tempdir = sys.argv[1]
    from metarl_min.teach.submissions import Limits, running
    source = b"def mean(x):\\n    print('looping', flush=True)\\n    while True: pass"
    with running(source, "submission.py", Limits(600, 400, ("metarl_min",))) as student:
        print("ready", flush=True)
        student.call("mean", 1.0)
"""


def wait_until(condition):
    """Wait for at most a minute."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_submission_ends_with_its_grader(number, tmp_path):
    words = [sys.executable, "-c", textwrap.dedent(GRADER), str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as grader:
        assert grader.stdout.readline() == b"ready\n"
        assert len(processes_with(str(tmp_path))) == 2
        grader.send_signal(number)
        grader.communicate()
    wait_until(lambda: processes_with(str(tmp_path)) == [])
    if number == signal.SIGINT:
        assert list(tmp_path.iterdir()) == []


def test_the_program_sees_no_variable_of_the_grader(monkeypatch):
    monkeypatch.setenv("SECRET_SEED", "123")
    source = b"import os\ndef mean(x): return sorted(os.environ)"
    with running(source, "submission.py", LIMITS) as student:
        names = student.call("mean", 1.0).value
    assert "SECRET_SEED" not in names and "PATH" in names


def test_a_process_that_does_not_start_is_no_fault_of_the_student(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with (
        pytest.raises(RuntimeError, match="does not start"),
        running(b"x = 1", "submission.py", LIMITS),
    ):
        pass


def test_files_of_the_library_cannot_be_read():
    source = f"def mean(x): return open({submissions.__file__!r}).read()"
    assert graded(source)[0] == "not allowed"


def test_hypothesis_draws_the_same_examples_however_the_student_sets_it_up():
    pytest.importorskip("hypothesis")
    source = textwrap.dedent("""
        from hypothesis import given, settings, strategies
        seen = []

        @settings(max_examples=20)
        @given(strategies.floats(0, 1))
        def draw(x):
            seen.append(x)

        def drawn(x):
            draw()
            return seen, settings().deadline is None
    """)
    runs = []
    for _ in range(2):
        with running(source.encode(), "submission.py", LIMITS) as student:
            runs.append(student.call("drawn", 1.0).value)
    assert runs[0] == runs[1]
    assert runs[0][1] is True and len(runs[0][0]) >= 5


FORGED = [
    '{"value": 3.0}',
    '{"value": {"tuple": [3.0, 0, 0]}}',
    '{"value": {"tuple": []}}',
    '{"value": [3.0, false, false]}',
    '{"value": {"array": ["O", [1], "AAAAAAAAAAA="]}}',
    '{"value": {"array": ["f8,f8", [1], "AAAAAAAAAAAAAAAAAAAAAA=="]}}',
    '{"value": {"array": ["<f8", [99999999999], "AAAAAAAAAAA="]}}',
    '{"value": {"array": [["a", "f8"], [1], ""]}}',
    '{"value": {"generator": 5}}',
    '{"value": {"function": "x"}}',
    '{"value": {"function": 1e400}}',
    '{"value": {}}',
    '{"error": 5}',
    '{"error": [[], {}]}',
    '{"error": ["ValueError", "text", "line"]}',
    '{"other": 1}',
    "[]",
    "7",
    "not JSON",
    "[" * 100_000,
    '{"value": ' + '{"list": [' * 500 + "]}" * 500 + "}",
    '{"value": {"tuple": [' + '{"tuple": [' * 18 + "1.0" + "]}" * 18 + ", false, false]}}",
]


class Pipe:
    """A pipe to a process that answers every message with one text."""

    def __init__(self, text):
        data = text.encode()
        self.data = len(data).to_bytes(8, "big") + data

    def read(self, size):
        part, self.data = self.data[:size], self.data[size:]
        return part

    def write(self, data):
        pass

    def flush(self):
        pass


@pytest.mark.parametrize("text", FORGED, ids=[text[:40] for text in FORGED])
def test_whatever_a_process_answers_ends_in_a_fault(text):
    pipe = Pipe(text)
    channel = messages.Channel(pipe, pipe, [], submissions._no_names, submissions._described)
    call = submissions._caller(channel, [], Path("/nowhere"))
    student = submissions._student(call, str)
    student = submissions.Student(student.call, str, None)
    with pytest.raises(Fault):
        student.call("mean", 1.0)


def test_an_error_with_odd_parts_is_shown_in_short():
    text = json.dumps({"error": ["K" * 999, "\ud800" + "t" * 10, -5]})
    pipe = Pipe(text)
    channel = messages.Channel(pipe, pipe, [], submissions._no_names, submissions._described)
    call = submissions._caller(channel, [], Path("/nowhere"))
    with pytest.raises(Fault) as caught:
        call("mean", 1.0)
    assert str(caught.value) == f"Your program raised {'K' * 100}: ?tttttttttt"


def test_ctrl_c_inside_of_a_function_of_the_grader_ends_the_grader():
    def implementation(x):
        raise KeyboardInterrupt

    source = b"def mean(f):\n    return f(1.0)"
    with (
        running(source, "submission.py", LIMITS) as student,
        pytest.raises(KeyboardInterrupt),
    ):
        student.call("mean", implementation)


def test_functions_and_errors_cross_the_border_in_both_directions():
    source = textwrap.dedent("""
        def twice(f):
            return lambda x: f(f(x))

        def fails(f):
            return f(0.0)

        def own_error(f):
            return f(lambda x: 1 / x)

        def catches(f):
            try:
                f(0.0)
            except Exception as error:
                return str(error)
    """)
    with running(source.encode(), "submission.py", LIMITS) as student:
        assert student.call("twice", lambda x: x + 3.0).value(1.0) == 7.0
        with pytest.raises(Fault, match=r"raised ValueError in line 6: no zero$"):
            student.call("fails", lambda x: [][1:] or (_ for _ in ()).throw(ValueError("no zero")))
        with pytest.raises(Fault, match=r"raised ZeroDivisionError in line 9: "):
            student.call("own_error", lambda g: g(0.0))
        caught = student.call("catches", lambda x: np.linalg.inv(np.zeros((2, 2)))).value
        assert caught == "LinAlgError: Singular matrix"


def test_the_seed_and_the_memory_of_python_do_not_change_between_runs():
    source = b"def mean(x): return str(set('abcdefgh')) + str(hash('a'))"
    values = []
    for _ in range(2):
        with running(source, "submission.py", LIMITS) as student:
            values.append(student.call("mean", 1.0).value)
    assert values[0] == values[1]


def test_the_environment_has_one_thread_for_linear_algebra():
    assert submissions._environment("x")["OPENBLAS_NUM_THREADS"] == "1"
