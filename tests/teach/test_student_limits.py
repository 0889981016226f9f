"""What the program of a student may do. The rules are called here without being installed."""

import os
import sys

import numpy as np
import pytest

import metarl_min
from metarl_min.teach import student_limits
from metarl_min.teach.student_limits import guard, refuse

PRIVATE = os.path.realpath(os.path.dirname(metarl_min.__file__))


@pytest.fixture
def hook(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (tmp_path / "other").write_text("x")
    (own / "link").symlink_to(tmp_path / "other")
    return os.path.realpath(own), guard(os.path.realpath(own), PRIVATE, ["metarl_min", "torch"])


def flags(mode):
    return {"r": os.O_RDONLY, "w": os.O_WRONLY | os.O_CREAT, "a": os.O_APPEND | os.O_WRONLY}[mode]


@pytest.mark.parametrize("mode", ["r", "w", "a"])
def test_a_program_reads_and_writes_its_own_folder(hook, mode):
    own, call = hook
    assert call("open", (f"{own}/notes.txt", mode, flags(mode))) is None
    assert call("open", (f"{own}/notes.txt".encode(), None, flags(mode))) is None
    assert call("open", (3, mode, flags(mode))) is None
    assert call("open", (os.devnull, mode, flags(mode))) is None


@pytest.mark.parametrize("place", ["../other", "link", "../own-other", ".."])
@pytest.mark.parametrize("mode", ["r", "w"])
def test_a_program_stays_in_its_own_folder(hook, place, mode):
    own, call = hook
    with pytest.raises(PermissionError, match="a submission may not"):
        call("open", (f"{own}/{place}", mode, flags(mode)))


def test_a_program_reads_the_installation_and_not_this_library(hook):
    _, call = hook
    call("open", (os.__file__, "r", os.O_RDONLY))
    call("open", (np.__file__, "r", os.O_RDONLY))
    for mode in "rw":
        with pytest.raises(PermissionError):
            call("open", (metarl_min.__file__, mode, flags(mode)))
    with pytest.raises(PermissionError, match="may not write"):
        call("open", (np.__file__, "w", flags("w")))


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("os.rename", ("{own}/a", "{own}/../b", -1, -1)),
        ("os.rename", ("{own}/../other", "{own}/b", -1, -1)),
        ("os.symlink", ("{own}/a", "{own}/../b", -1)),
        ("os.remove", ("{own}/../other", -1)),
        ("os.mkdir", ("{own}/../new", 0o777, -1)),
        ("os.chmod", ("{own}/link", 0o777, -1)),
        ("os.truncate", ("{own}/../other", 0)),
        ("os.system", ("true",)),
        ("subprocess.Popen", ("true", [], None, None)),
        ("os.fork", ()),
        ("socket.connect", (None, ("localhost", 80))),
    ],
)  # fmt: skip
def test_a_program_changes_nothing_else_and_starts_nothing(hook, event, arguments):
    own, call = hook
    given = tuple(x.format(own=own) if isinstance(x, str) else x for x in arguments)
    with pytest.raises(PermissionError, match="a submission may not"):
        call(event, given)


def test_a_program_changes_its_own_files(hook):
    own, call = hook
    assert call("os.rename", (f"{own}/a", f"{own}/b", -1, -1)) is None
    assert call("os.mkdir", (f"{own}/c".encode(), 0o777, -1)) is None
    assert call("os.chmod", (5, 0o777, -1)) is None
    assert call("another event", ("anything",)) is None


@pytest.mark.parametrize("name", ["torch", "torch.nn", "metarl_min", "metarl_min.teach.questions"])
def test_forbidden_modules_are_refused_with_their_submodules(hook, name):
    with pytest.raises(ImportError, match=f"this assignment forbids the module {name}"):
        hook[1]("import", (name, None, None, None, None))
    with pytest.raises(ImportError):
        refuse(name, ["torch", "metarl_min"])


@pytest.mark.parametrize("name", ["torchvision", "tor", "numpy", "my.torch"])
def test_other_modules_are_not_refused(hook, name):
    assert hook[1]("import", (name, None, None, None, None)) is None


def test_the_checkout_is_hidden_and_an_installation_stays(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "modules", {"metarl_min": 1, "metarl_min.teach": 2, "metarl": 3})
    checkout = tmp_path / "checkout"
    path = [str(checkout), str(tmp_path), str(tmp_path / "check"), "/elsewhere"]
    monkeypatch.setattr(sys, "path", path.copy())
    student_limits.hide(os.path.realpath(checkout / "metarl_min"))
    assert sys.modules == {"metarl": 3}
    assert sys.path == path[2:]
    installed = str(tmp_path / "lib/site-packages")
    beside_numpy = os.path.dirname(os.path.dirname(np.__file__))
    for place in (installed, beside_numpy):
        monkeypatch.setattr(sys, "path", [place, "/elsewhere"])
        student_limits.hide(os.path.realpath(f"{place}/metarl_min"))
        assert sys.path == [place, "/elsewhere"]
