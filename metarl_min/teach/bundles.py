"""Bundles: everything that a grading service needs for one assignment.

A bundle holds the manifest, the secret seed, the wheels and the scripts that the service calls. It
holds neither the master nor any other solution.

Gradescope takes a zip archive. It unpacks the archive in /autograder/source, runs `setup.sh` once,
and copies `run_autograder` to /autograder. For each submission it runs this copy, which reads
/autograder/submission and writes /autograder/results/results.json. The script first copies
`infrastructure.json` to this place. In this file every test has 0 points, and the text says that
the grader failed. Then the grader replaces the file. So the student sees this text if the grader is
not installed, or if it is killed.

Classroom 50 takes a folder, packs it, and publishes it on a web page. A person who finds the page
can read the seed. A download may have at most 10 MB, and the wheel of NumPy alone is larger. So the
bundle holds the wheels that fit every Python 3, and names the exact versions of the others. The
`runtime` of the assignment must name the version of Python for which the bundle was made.

The functions of `bundles` trust their arguments.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from metarl_min.basics.arguments import require
from metarl_min.teach import classroom50_autograder, grading, result_files, wheels
from metarl_min.teach.faults import Fault
from metarl_min.teach.manifests import FILE, Assignment
from metarl_min.teach.wheels import Files, Target

EXECUTABLE = ("setup.sh", "run_autograder")
MOST_BYTES = 10_000_000  # of a bundle of Classroom 50
NOT_RUN = (
    "The grader failed, not your program: it is not installed, or it was stopped. Please tell your "
    "instructor."
)
SETUP = """\
#!/usr/bin/env bash
# Install the grader from the folder wheels, without network, into the folder env.
set -euo pipefail
pythons="{pythons}"   # versions of Python for which the wheels are; any if empty
machines="{machines}" # machines for which the wheels are; any if empty
cd "$(dirname "${{BASH_SOURCE[0]}}")"
python=
for name in ${{pythons:+$(printf 'python%s ' $pythons)}} python3; do
  if "$name" -c "" 2> /dev/null; then python="$name"; break; fi
done
if [ -z "$python" ]; then echo "setup.sh: there is no python3" >&2; exit 1; fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
machine=$("$python" -c 'import platform; print(platform.machine())')
if [[ -n "$pythons" && " $pythons " != *" $version "* ]] ||
   [[ -n "$machines" && " $machines " != *" $machine "* ]]; then
  echo "setup.sh: this bundle is for Python ${{pythons:-3}} on ${{machines:-any machine}}," \\
    "got Python $version on $machine." \\
    "Choose another base image, or make the bundle with Python $version." >&2
  exit 1
fi
"$python" -m pip --version > /dev/null || apt-get install -y python3-pip
rm -rf env
"$python" -m venv --without-pip env
"$python" -m pip install --quiet --no-index --find-links wheels \\
  --target "env/lib/python$version/site-packages" metarl_min {requires}
env/bin/python -I -c 'import metarl_min.teach.commands'
echo "setup.sh: the grader is installed for Python $version on $machine"
"""
RUN = """\
#!/usr/bin/env bash
# Grade one submission. In every case, results.json holds every test of the assignment.
root="${AUTOGRADER_ROOT:-/autograder}"
results="$root/results/results.json"
mkdir -p "$root/results"
cp "$root/source/infrastructure.json" "$results"
cd "$root"
exec "$root/source/env/bin/python" -I -m metarl_min.teach grade "$root/submission" \\
  --assignment "$root/source" --seed-file "$root/source/seed.txt" \\
  --format gradescope --out "$results"
"""


def new_seed() -> bytes:
    """Return a new secret seed, as the content of a seed file."""
    return f"{secrets.token_hex(32)}\n".encode()


def _common(folder: Path, seed: bytes, packages: Files) -> Files:
    files = {f"wheels/{name}": content for name, content in packages.items()}
    return {**files, FILE: (folder / FILE).read_bytes(), "seed.txt": seed}


def gradescope(folder: Path, assignment: Assignment, seed: bytes, packages: Files) -> Files:
    """Return the files of the archive for Gradescope."""
    where = wheels.target(list(packages))
    nobody = grading.not_graded(assignment, Fault("infrastructure", NOT_RUN))
    setup = SETUP.format(
        pythons=" ".join(where.pythons),
        machines=" ".join(where.machines),
        requires=" ".join(assignment.requires),
    )
    return {
        **_common(folder, seed, packages),
        "setup.sh": setup.encode(),
        "run_autograder": RUN.encode(),
        "infrastructure.json": result_files.as_json(result_files.gradescope(nobody)).encode(),
    }


def classroom50(folder: Path, assignment: Assignment, seed: bytes, packages: Files) -> Files:
    """Return the files of the folder for Classroom 50. ValueError if they are too large."""
    pure = {name: content for name, content in packages.items() if wheels.is_pure(name)}
    exact = "".join(f"{wheels.pinned(name)}\n" for name in sorted(set(packages) - set(pure)))
    script = Path(classroom50_autograder.__file__).read_bytes()
    files = {
        **_common(folder, seed, pure),
        "autograder.py": script,
        "requirements.txt": exact.encode(),
    }
    size = sum(map(len, files.values()))
    require(size <= MOST_BYTES, f"a bundle must have at most {MOST_BYTES:,} bytes", f"{size:,}")
    return files


TARGETS = {"gradescope": gradescope, "classroom50": classroom50}


def for_whom(where: Target) -> str:
    """Return in words the systems on which a bundle can be installed."""
    pythons = " or ".join(where.pythons) or "3"
    machines = " or ".join(where.machines) or "any machine"
    return f"Python {pythons} on Linux, {machines}"
