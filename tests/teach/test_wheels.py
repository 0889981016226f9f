"""The wheels of a bundle: that of this package, and those of other packages."""

import base64
import csv
import hashlib
import importlib.metadata
import io
import os
import subprocess
import sys
import zipfile

import pytest

import metarl_min
from metarl_min.teach import wheels
from metarl_min.teach.wheels import Target

NUMPY = "numpy-2.4.6-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl"
AUTOGRAD = "autograd-1.9.1-py3-none-any.whl"
OWN = f"metarl_min-{metarl_min.__version__}-py3-none-any.whl"


def names(archive):
    return {info.filename: info for info in zipfile.ZipFile(io.BytesIO(archive)).infolist()}


def folder_of(path, *wheel_names):
    for name in wheel_names:
        (path / name).write_bytes(f"content of {name}".encode())
    return path


def test_the_same_files_give_the_same_archive():
    files = {"run": b"1", "folder/data": b"2"}
    archive = wheels.as_zip(files, executable=["run"])
    assert archive == wheels.as_zip(dict(reversed(files.items())), executable=["run"])
    found = names(archive)
    assert found["run"].external_attr >> 16 & 0o777 == 0o755
    assert found["folder/data"].external_attr >> 16 & 0o777 == 0o644


def test_the_wheel_of_this_package_holds_each_module_and_its_digest():
    (content,) = wheels.own_wheel().values()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    info = f"metarl_min-{metarl_min.__version__}.dist-info"
    assert {"metarl_min/__init__.py", "metarl_min/teach/wheels.py", "metarl_min/py.typed"} <= set(
        files
    )
    assert not [name for name in files if "__pycache__" in name or name.startswith("tests")]
    rows = list(csv.reader(files[f"{info}/RECORD"].decode().splitlines()))
    assert {row[0] for row in rows} == set(files)
    for name, digest, size in rows:
        if not name.endswith("RECORD"):
            sha = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).decode()
            assert (digest, size) == (f"sha256={sha.rstrip('=')}", str(len(files[name])))
    assert b"MIT License" in files[f"{info}/LICENSE"]


def test_pip_installs_the_wheel_of_this_package(tmp_path):
    ((name, content),) = wheels.own_wheel().items()
    (tmp_path / name).write_bytes(content)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    pip += ["--no-compile", "--disable-pip-version-check"]
    words = [*pip, "--target", str(tmp_path / "x"), str(tmp_path / name)]
    compiled = {x: y for x, y in os.environ.items() if x != "PYTHONPYCACHEPREFIX"}  # pip itself is
    subprocess.run(words, check=True, env=compiled)
    (about,) = importlib.metadata.distributions(path=[str(tmp_path / "x")])
    assert (about.name, about.version) == ("metarl_min", metarl_min.__version__)
    assert sorted(about.requires) == sorted(wheels.own_requirements())
    assert (tmp_path / "x/metarl_min/teach/commands.py").is_file()


def test_what_this_package_requires():
    assert sorted(map(wheels.project, wheels.own_requirements())) == ["autograd", "numpy"]


def test_a_package_that_is_not_installed_in_this_version_is_refused(monkeypatch):
    monkeypatch.setattr(metarl_min, "__version__", "9.9")
    with pytest.raises(ValueError, match=r"metarl_min 9\.9 must be installed"):
        wheels.own_requirements()

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(ValueError, match="got no installation"):
        wheels.own_wheel()


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([AUTOGRAD], Target((), ())),
        ([NUMPY, AUTOGRAD], Target(("3.12",), ("x86_64",))),
        (["a-1-cp314-cp314-manylinux2014_aarch64.whl"], Target(("3.14",), ("aarch64",))),
        (["a-1-cp39-abi3-manylinux1_i686.whl"], Target((), ("i686",))),
        (["a-1-cp310-cp310-linux_x86_64.whl", NUMPY], Target(("3.10", "3.12"), ("x86_64",))),
        (["a-1-cp310-cp310-linux_x86_64.whl", "b-1-cp39-cp39-linux_x86_64.whl"],
         Target(("3.9", "3.10"), ("x86_64",))),
        (["a-1-cp312-cp312-musllinux_1_2_x86_64.whl"], Target(("3.12",), ("x86_64",))),
        (["a-1-7-cp312-cp312-manylinux_2_17_x86_64.whl"], Target(("3.12",), ("x86_64",))),
    ],
)  # fmt: skip
def test_the_names_say_where_wheels_can_be_installed(listed, expected):
    assert wheels.target(listed) == expected


@pytest.mark.parametrize("tag", ["win_amd64", "macosx_11_0_arm64"])
def test_wheels_for_another_system_are_refused(tag):
    with pytest.raises(ValueError, match="wheels must be for Linux"):
        wheels.target([f"numpy-2.4.6-cp312-cp312-{tag}.whl"])


def test_wheels_come_from_a_folder(tmp_path):
    folder = folder_of(tmp_path, NUMPY, AUTOGRAD, "metarl_min-0.0.1-py3-none-any.whl")
    found = wheels.collect([], folder)
    assert set(found) == {NUMPY, AUTOGRAD, OWN}
    assert found[NUMPY] == f"content of {NUMPY}".encode()


def test_a_missing_wheel_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"a wheel of every package, got none of \['hypothesis'\]"):
        wheels.collect(["hypothesis"], folder_of(tmp_path, NUMPY, AUTOGRAD))
    with pytest.raises(ValueError, match="--wheels must be a folder"):
        wheels.collect([], tmp_path / "nothing")


def test_pip_is_asked_for_linux_and_its_failure_is_one_sentence(monkeypatch, tmp_path):
    asked = []

    def run(words, **options):
        asked.extend(words)
        stderr = "WARNING: x\nERROR: No matching distribution found for hypothesis\nmore\n"
        return subprocess.CompletedProcess(words, 1, stdout="", stderr=stderr)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(
        RuntimeError, match=r"pip cannot download wheels of .*hypothesis: ERROR: No"
    ):
        wheels.collect(["hypothesis"])
    assert asked[:4] == [sys.executable, "-m", "pip", "download"]
    assert "manylinux2014_x86_64" in asked and ":all:" in asked
    assert asked[-1] == "hypothesis"


def test_what_pip_downloads_is_collected(monkeypatch):
    def run(words, **options):
        folder = words[words.index("--dest") + 1]
        for name in (NUMPY, AUTOGRAD):
            with open(f"{folder}/{name}", "wb") as file:
                file.write(b"wheel")
        return subprocess.CompletedProcess(words, 0, stdout="", stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    assert set(wheels.collect([])) == {NUMPY, AUTOGRAD, OWN}
