"""The package as a whole: what it needs, what it imports, what the README promises."""

import configparser
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

import metarl_min

ROOT = Path(metarl_min.__file__).parents[1]


def setup():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def test_numpy_and_autograd_are_all_that_is_required():
    required = setup()["options"]["install_requires"].split()
    assert [re.split("[<>=]", name)[0] for name in required] == ["numpy", "autograd"]


def test_the_extras_are_there():
    extras = setup()["options.extras_require"]
    assert set(extras) == {
        "run", "test", "book", "distributed", "frameworks", "grading", "gymnasium", "peers", "dev",
    }  # fmt: skip
    assert "tqdm" in extras["run"] and "matplotlib" in extras["run"]


def test_the_version_is_written_once():
    assert setup()["metadata"]["version"] == "attr: metarl_min.__version__"
    assert re.fullmatch(r"\d+\.\d+\.\d+", metarl_min.__version__)


def loaded_by(module):
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_importing_the_package_is_light():
    assert loaded_by("metarl_min") - loaded_by("autograd.numpy") <= {"metarl_min", "__future__"}


def test_the_command_line_loads_extras_only_where_it_uses_them():
    extras = {"matplotlib", "tqdm", "scipy", "pytest", "hypothesis", "torch", "jax"}
    extras |= {"distributed", "mpi4py"}
    assert not extras & loaded_by("metarl_min.cli.main")


def test_the_readme_begins_with_two_commands_of_one_line_each():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    blocks = [block for language, block in blocks if not language]
    for block, extras, last in zip(
        blocks[:2], ("run", "run,test"), ("metarl_min", "pytest"), strict=True
    ):
        assert block.count("\n") == 1
        assert block.startswith("python3 -m venv .venv && ")
        assert f"'.[{extras}]'" in block and block.endswith(f"/python -m {last}\n")


def test_continuous_integration_runs_the_commands_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "README.md" in script and "-m venv" not in script
    for tool in ("ruff check", "ruff format --check", "mypy"):
        assert tool in script
    assert ".ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")


def test_the_source_distribution_holds_what_its_tests_need():
    lines = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines()
    assert {"graft tests", "graft examples"} <= set(lines)


FAULTS = """
import resource
import metarl_min.basics  # makes and frees one large array
import numpy as np

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        arrays = [np.ones(40_000) for _ in range(4)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="counts the pages that glibc fetches")
def test_freed_memory_is_used_again():
    """The arrays of one round have 312 pages. NumPy alone fetches most of them in every round."""
    environment = {k: x for k, x in os.environ.items() if not k.startswith("MALLOC_")}
    out = subprocess.check_output([sys.executable, "-c", FAULTS], env=environment, cwd=ROOT)
    assert int(out) < 312
    # The user's own threshold is obeyed: an array above it is fetched from the system each time.
    environment["MALLOC_MMAP_THRESHOLD_"] = "131072"
    out = subprocess.check_output([sys.executable, "-c", FAULTS], env=environment, cwd=ROOT)
    assert int(out) >= 100 * 312
