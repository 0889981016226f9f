"""The script `autograder.py` of a bundle for Classroom 50.

Classroom 50 runs this script in the checkout of a student. Beside the script lie the manifest, the
seed and the wheels. The script installs the grader in a new environment, and grades. It writes two
files in the checkout: `result.json` with the points, and `release-body.md`, which shows the student
the points and the texts of the visible tests.

The exit status is 0 if the submission was graded, also if it is wrong. For any other status
Classroom 50 records an error of the grader and no points. The script imports only the standard
library. The grader runs in isolated mode, so no file of the student takes the place of a module.

The functions of `classroom50_autograder` trust their arguments.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
POINT = 100  # result.json counts in hundredths of a point


def install() -> str:
    """Install the grader beside this script, and return the path of its Python."""
    subprocess.run([sys.executable, "-m", "venv", "env"], cwd=HERE, check=True)
    python = HERE / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    own = sorted(map(str, HERE.glob("wheels/*.whl")))
    pip = [str(python), "-I", "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    subprocess.run([*pip, "-r", "requirements.txt", *own], cwd=HERE, check=True)
    return str(python)


def release_body(result: dict[str, Any]) -> str:
    """Return the feedback in Markdown, which shows indented lines unchanged."""
    points, most = result["score"] / POINT, result["max-score"] / POINT
    lines = [f"### {result['assignment']}: {points:g} of {most:g} points"]
    for test in result["tests"]:
        points, most = test["score"] / POINT, test["max-score"] / POINT
        lines += ["", f"**{test['test-name']}**: {points:g} of {most:g} points", ""]
        lines += [f"    {line}" for line in test.get("output", "").splitlines()]
    return "\n".join([*lines, ""])


def main() -> int:
    """Grade the submission in the working directory, and return the exit status."""
    words = [".", "--assignment", str(HERE), "--seed-file", str(HERE / "seed.txt")]
    words += ["--format", "classroom50", "--out", "result.json"]
    grade = [install(), "-I", "-m", "metarl_min.teach", "grade", *words]
    status = subprocess.run(grade, check=False).returncode
    if status == 0:
        result = json.loads(Path("result.json").read_text(encoding="utf-8"))
        Path("release-body.md").write_text(release_body(result), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
