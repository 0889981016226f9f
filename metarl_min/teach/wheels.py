"""Wheels: the packages that a grading service installs.

A bundle holds wheels of all packages that the grader needs. So the installation needs no network,
and its versions do not change during a course. A wheel is a zip archive with modules and a few
files about them. Its name contains the versions of Python and the machines that can use it:

    NAME-VERSION-PYTHON-ABI-PLATFORM.whl

This module makes the wheel of `metarl_min` from the files of the running package. The other wheels
come from a folder of the instructor. Without such a folder, pip downloads them for Linux and for
the running version of Python.

The functions of `wheels` trust their arguments.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import io
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import metarl_min
from metarl_min.basics.arguments import require
from metarl_min.teach.submissions import PACKAGE

Files = dict[str, bytes]  # name -> content
NEWEST_GLIBC = 35  # glibc 2.35, of Ubuntu 22.04, on which Gradescope runs graders
MACHINE = "x86_64"


class Target(NamedTuple):
    """The systems on which wheels can be installed. An empty tuple means that there is no limit."""

    pythons: tuple[str, ...]  # such as "3.12"
    machines: tuple[str, ...]  # such as "x86_64"


def as_zip(files: Files, executable: Sequence[str] = ()) -> bytes:
    """Return a zip archive. The same files give the same bytes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name in sorted(files):
            info = zipfile.ZipInfo(name)  # with a fixed time
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o100755 if name in executable else 0o100644) << 16
            info.create_system = 3  # Unix, so that the permissions are read
            file.writestr(info, files[name])
    return archive.getvalue()


def own_requirements() -> list[str]:
    """Return the requirements of this package. ValueError if this version is not installed."""
    rule = f"metarl_min {metarl_min.__version__} must be installed (pip install -e .)"
    try:
        about = importlib.metadata.distribution("metarl_min")
    except importlib.metadata.PackageNotFoundError as error:
        raise ValueError(f"{rule}, got no installation") from error
    require(about.version == metarl_min.__version__, rule, about.version)
    return [line for line in about.requires or [] if "extra ==" not in line]


def _license() -> bytes:
    """Return the text of the license, from the installation or from the checkout."""
    about = importlib.metadata.distribution("metarl_min")
    beside = Path(PACKAGE).parent / "LICENSE"
    text = about.read_text("licenses/LICENSE") or about.read_text("LICENSE")
    return text.encode() if text else beside.read_bytes()


def own_wheel() -> Files:
    """Return the wheel of this package, in the state in which it runs."""
    version, requirements = metarl_min.__version__, own_requirements()
    paths = [x for x in Path(PACKAGE).rglob("*") if x.suffix == ".py" or x.name == "py.typed"]
    files = {path.relative_to(Path(PACKAGE).parent).as_posix(): path.read_bytes() for path in paths}
    info = f"metarl_min-{version}.dist-info"
    about = ["Metadata-Version: 2.1", "Name: metarl_min", f"Version: {version}", "License: MIT"]
    about += ["Requires-Python: >=3.10", *(f"Requires-Dist: {line}" for line in requirements)]
    tags = ["Wheel-Version: 1.0", "Generator: metarl_min", "Root-Is-Purelib: true"]
    files[f"{info}/METADATA"] = "\n".join([*about, ""]).encode()
    files[f"{info}/WHEEL"] = "\n".join([*tags, "Tag: py3-none-any", ""]).encode()
    files[f"{info}/LICENSE"] = _license()
    record = [f"{name},{_digest(files[name])},{len(files[name])}" for name in sorted(files)]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    return {f"metarl_min-{version}-py3-none-any.whl": as_zip(files)}


def _digest(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"


def project(name: str) -> str:
    """Return the name of a project in its normal form, from a requirement or from a wheel.

    >>> project("Scikit_Learn>=1.2"), project("scikit_learn-1.2-py3-none-any.whl")
    ('scikit-learn', 'scikit-learn')
    """
    word = name.partition("-")[0] if name.endswith(".whl") else re.split(r"[^\w.-]", name)[0]
    return re.sub(r"[-_.]+", "-", word).lower()


def pinned(name: str) -> str:
    """Return the requirement that allows only the version of a wheel.

    >>> pinned("numpy-2.4.6-cp312-cp312-manylinux_2_28_x86_64.whl")
    'numpy==2.4.6'
    """
    return "==".join(name.split("-")[:2])


def is_pure(name: str) -> bool:
    """Return whether a wheel is for every Python 3 and every machine."""
    return name.endswith("-none-any.whl")


def target(names: Sequence[str]) -> Target:
    """Return the systems on which wheels can be installed. ValueError if one is not for Linux."""
    compiled = [name.removesuffix(".whl").split("-")[-3:] for name in names if not is_pure(name)]
    platforms = {platform for _, _, tags in compiled for platform in tags.split(".")}
    foreign = sorted(x for x in platforms if "linux" not in x)
    require(not foreign, "wheels must be for Linux, on which grading services run", foreign)
    # A wheel with the ABI abi3 fits all later versions of Python too, so it sets no limit.
    pythons = {x for python, abi, _ in compiled if abi != "abi3" for x in python.split(".")}
    versions = {f"{x[2]}.{x[3:]}" for x in pythons if re.fullmatch(r"cp3\d+", x)}
    # The machine is the end of a platform: manylinux_2_28_x86_64 -> x86_64.
    machines = {re.sub(r"^[a-z]+(_\d+_\d+|\d+)?_", "", x) for x in platforms}
    newest_last = sorted(versions, key=lambda version: int(version.partition(".")[2]))
    return Target(pythons=tuple(newest_last), machines=tuple(sorted(machines)))


def _download(requirements: Sequence[str], folder: str) -> None:
    """Download wheels for Linux. RuntimeError if pip fails."""
    glibc = [f"manylinux_2_{n}_{MACHINE}" for n in range(NEWEST_GLIBC, 16, -1)]
    platforms = [word for x in [*glibc, f"manylinux2014_{MACHINE}"] for word in ("--platform", x)]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    words = [*pip, "--only-binary", ":all:", *platforms, "--dest", folder, *requirements]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        needed = " ".join(requirements)
        raise RuntimeError(f"pip cannot download wheels of {needed}: {' '.join(said[:1])}")


def _read(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.whl"))}


def collect(requires: Sequence[str], folder: Path | None = None) -> Files:
    """Return wheels of this package, and of all packages that it or an assignment requires.

    If `folder` is given, the wheels in it are used and nothing is downloaded. ValueError if one is
    missing. A wheel of this package in the folder is not used, because its version may differ.
    """
    requirements = [*own_requirements(), *requires]
    if folder is None:
        with tempfile.TemporaryDirectory() as place:
            _download(requirements, place)
            found = _read(Path(place))
    else:
        require(folder.is_dir(), "--wheels must be a folder with wheels", folder)
        found = {x: y for x, y in _read(folder).items() if project(x) != "metarl-min"}
        missing = sorted({project(x) for x in requirements} - {project(x) for x in found})
        require(not missing, f"{folder} must hold a wheel of every package", f"none of {missing}")
    return {**found, **own_wheel()}
