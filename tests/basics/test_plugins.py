"""Plug-ins: functions of files outside the package."""

import multiprocessing
import pickle
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest

from metarl_min.basics import plugins

FILE = "def double(x):\n    return 2 * x\n\n\nVALUE = 3\n"


@pytest.fixture
def file(tmp_path):
    (tmp_path / "mine.py").write_text(FILE)
    return tmp_path / "mine.py"


def test_a_function_of_a_file_is_found_once(file):
    double = plugins.load(f"{file}:double")
    assert double(4) == 8 and plugins.load(f"{file}:double") is double
    assert str(file) in plugins.loaded_files().values()


def test_what_uses_a_plug_in_is_read_where_its_file_does_not_exist(file):
    content = plugins.dumps([plugins.load(f"{file}:double"), len])
    file.unlink()
    code = "import sys; from metarl_min.basics import plugins;"
    code += "print(plugins.loads(sys.stdin.buffer.read())[0](21))"
    done = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True)
    assert done.stdout.strip() == b"42", done.stderr


def test_a_process_that_has_run_an_older_version_runs_the_new_one(file, monkeypatch):
    word = f"{file}:double"
    old = plugins.dumps(plugins.load(word))
    name = plugins.load(word).__module__
    monkeypatch.delitem(sys.modules, name)
    file.write_text(FILE.replace("2 * x", "20 * x"))
    new = plugins.dumps(plugins.load(word))
    assert [plugins.loads(content)(1) for content in (old, old, new, new)] == [2, 2, 20, 20]
    assert plugins.loads(new) is plugins.loads(new)  # the same version runs once


def test_a_function_of_a_module_is_found():
    assert plugins.load("os.path:join")("a", "b").startswith("a")


def test_a_registry_comes_first_and_offers_its_nearest_name(file):
    registry = {"maml": len}
    assert plugins.find("maml", registry, "learner", 1) is len
    assert plugins.find(f"{file}:double", registry, "learner", 1)(1) == 2
    with pytest.raises(ValueError, match="learner must be one of maml, got 'mmal', did you mean"):
        plugins.find("mmal", registry, "learner", 1)
    with pytest.raises(ValueError, match=r"must be written path/to/file\.py:function"):
        plugins.find(str(file), registry, "learner", 1)


def test_a_plug_in_must_have_the_form_of_its_kind(file):
    rule = "a family must be a function of keyword-only parameters, got double"
    with pytest.raises(ValueError, match=re.escape(f"{rule}(x)")):
        plugins.find(f"{file}:double", {}, "family", 0)
    file.write_text("def none(*, n: 'Nowhere' = 2):\n    return n\n")
    other = file.rename(file.with_name("other.py"))
    rule = "a learner must be a function of a family and keyword-only settings, got none"
    with pytest.raises(ValueError, match=rule):
        plugins.find(f"{other}:none", {}, "learner", 1)
    rule = "the annotations of .*:none must be types that exist, got NameError"
    with pytest.raises(ValueError, match=rule):
        plugins.find(f"{other}:none", {}, "family", 0)


def test_an_error_of_a_plug_in_names_its_line(file):
    double = plugins.load(f"{file}:double")
    with (
        pytest.raises(ValueError, match=r"must run, got TypeError: .* \(mine.py, line 2\)"),
        plugins.errors_by_rule("it must run"),
    ):
        double(None)
    with pytest.raises(KeyError), plugins.errors_by_rule("it must run", KeyError):
        {}["x"]


def test_an_error_of_a_worker_names_its_line(file):
    double = plugins.load(f"{file}:double")
    context = multiprocessing.get_context("spawn")
    sources = (plugins.loaded_sources(),)
    with ProcessPoolExecutor(1, context, plugins.load_sources, sources) as pool:
        error = pool.submit(double, None).exception()
    assert plugins.place(error) == " (mine.py, line 2)"
    outer = RuntimeError("the work has failed")
    outer.__cause__ = error
    assert plugins.place(outer) == " (mine.py, line 2)"
    assert plugins.place(RuntimeError("of nobody")) == ""


def test_resolved_words_make_the_value_again():
    def maker(*, n: int = 2, speed: float | None = None, kind: str = "a"):
        return n, speed, kind

    words = plugins.resolved_words(maker, {"n": 3}, {"speed": 0.5, "other": 1})
    assert words == {"n": 3, "speed": 0.5, "kind": "a"}
    assert plugins.resolved_words(maker, {}, {}) == {"n": 2, "kind": "a"}


def test_objects_of_a_plug_in_are_read_in_another_process(file):
    content = pickle.dumps(plugins.load(f"{file}:double"))
    code = (
        "import sys, pickle, pathlib; from metarl_min.basics import plugins;"
        f"plugins.load_file(pathlib.Path({str(file)!r}));"
        "print(pickle.loads(bytes.fromhex(sys.argv[1]))(21))"
    )
    words = [sys.executable, "-c", code, content.hex()]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "42\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no_file.py:f", None, "a plug-in must be a file that exists, got /.*/no_file.py"),
        ("mine.py:triple", FILE, "the function of .* must be one of double, got 'triple'"),
        ("mine.py:VALUE", FILE, "must be a function"),
        ("mine.py:", FILE, "a plug-in must be written path/to/file.py:function"),
        (":double", FILE, "a plug-in must be written path/to/file.py:function"),
        ("mine.py:double", "1 / 0", "must load without an error, got ZeroDivisionError"),
        ("mine.py:double", "def double(", "must load without an error, got SyntaxError"),
        ("no.such.module:f", None, "must load without an error, got ModuleNotFoundError"),
    ],
)
def test_a_plug_in_at_fault_is_refused_by_its_rule(tmp_path, monkeypatch, name, content, message):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "mine.py").write_text(content)
    with pytest.raises(ValueError, match=message):
        plugins.load(name)
