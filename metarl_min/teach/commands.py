"""The commands of coursework: python -m metarl_min.teach COMMAND.

    list    FOLDER                        show the assignments in a folder
    verify  FOLDER ..                     check assignments before students see them
    strip   FOLDER -o FOLDER              write the student's version
    check   FILE                          for students: grade the visible tests and explain
    grade   FILE --assignment FOLDER      for instructors: grade all tests
    bundle  FOLDER --target T -o PATH     write the files that a grading service needs
    report  RESULTS ..                    count the mistakes of a class

The functions of `commands` trust their arguments, except the words that a user writes.

The exit status is 0 if all is well. It is 1 if `verify` finds a fault, if `check` finds a wrong
part, or if the work itself fails. It is 2 if a word or a file is wrong. `grade` ends with 0 for a
wrong submission too, because grading services read another status as a fault of the grader.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metarl_min.basics.arguments import require
from metarl_min.basics.files import write_atomically
from metarl_min.cli.console import log, one_line
from metarl_min.cli.parser import Parser
from metarl_min.teach import bundles, grading, manifests, mistake_counts, result_files, stripping
from metarl_min.teach import wheels as packages
from metarl_min.teach.faults import Fault
from metarl_min.teach.grading import PUBLIC_SEED, Grade
from metarl_min.teach.manifests import FILE, Assignment
from metarl_min.teach.source_checks import FROM_NOTEBOOK, MOST_BYTES
from metarl_min.teach.verification import of_stub, verify

DEFAULT = "examples/coursework"


def _list(args: argparse.Namespace) -> int:
    folders = sorted(path.parent for path in Path(args.folder).glob(f"*/{FILE}"))
    require(folders != [], f"a folder of assignments must hold */{FILE}", args.folder)
    for folder in folders:
        one = manifests.read(folder)
        points = sum(test.points for test in one.tests)
        print(f"{one.id}  {points:>3} points  {len(one.tests)} tests  {one.title}")
    return 0


def _verify(args: argparse.Namespace) -> int:
    status = 0
    for folder in args.folders:
        try:
            faults = verify(folder)
        except ValueError as error:
            raise ValueError(f"{folder}: {error}") from error
        print("\n".join([f"{folder}: {'wrong' if faults else 'right'}", *faults]))
        status = 1 if faults else status
    return status


def _strip(args: argparse.Namespace) -> int:
    """Write the student's file, and the manifest without the shares for named mistakes."""
    folder, out = Path(args.folder), Path(args.out)
    assignment = manifests.read(folder)
    require(out.resolve() != folder.resolve(), "-o must be another folder than the master's", out)
    master = folder / assignment.file
    require(master.is_file(), f"{folder / FILE} must name the file of the master", assignment.file)
    try:
        text = stripping.strip(master.read_text(encoding="utf-8"))
        faults = list(of_stub(assignment, master.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{master}: {error}") from error
    require(not faults, f"{master} must be ready for students", "; ".join(faults))
    files = {assignment.file: text.encode(), FILE: manifests.for_students(folder).encode()}
    for name in files:
        require(
            not (out / name).exists(),
            "-o must not hold an older version: delete it first",
            out / name,
        )
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_atomically(out / name, content)
    print(f"wrote {out / assignment.file} and {out / FILE}")
    return 0


def _check(args: argparse.Namespace) -> int:
    path = Path(args.file)
    assignment = manifests.read(args.assignment or path.parent)
    grade = grading.grade(assignment, path.read_bytes(), PUBLIC_SEED)
    print(result_files.plain(grade))
    points, most = grading.total(grade.results)
    return 0 if points == most else 1


def _submitted(assignment: Assignment, path: Path) -> bytes:
    """Return the content of the student's file. The path is this file, or a folder that holds it.

    The content is cut if it is too long to be graded. Fault if the folder does not hold the file. A
    link in the folder is refused, because it may lead out of the folder.
    """
    file = path / assignment.file if path.is_dir() else path
    if path.is_dir() and (file.is_symlink() or not file.is_file()):
        found = ", ".join(sorted(x.name for x in path.iterdir())[:20]) or "nothing"
        text = f"You must submit a file {assignment.file}. Your submission holds {found}."
        text += f" {FROM_NOTEBOOK}" if ".ipynb" in found else ""
        raise Fault("missing", text)
    with file.open("rb") as stream:
        return stream.read(MOST_BYTES + 1)


def _graded(assignment: Assignment, path: Path, seed: int) -> tuple[Grade, int]:
    """Return the grade and the exit status. If the grader fails: 0 points, and the status 1."""
    try:
        return grading.grade(assignment, _submitted(assignment, path), seed), 0
    except Fault as fault:
        return grading.not_graded(assignment, fault), 0
    except Exception as error:
        text = f"The grader failed, not your program: {type(error).__name__}: {error}"
        log(one_line(text))
        return grading.not_graded(assignment, Fault("infrastructure", text)), 1


def _grade(args: argparse.Namespace) -> int:
    path, assignment = Path(args.submission), manifests.read(args.assignment)
    known = path.is_file() or path.is_dir()
    require(known, "the submission must be a file or a folder", path)
    require(not args.out or Path(args.out).parent.is_dir(), "--out must be in a folder", args.out)
    seed = grading.read_seed(args.seed_file) if args.seed_file else PUBLIC_SEED
    grade, status = _graded(assignment, path, seed)
    text = result_files.FORMATS[args.format](grade)
    if args.out:
        write_atomically(Path(args.out), text.encode())
        points, most = grading.total(grade.results)
        log(f"{path}: {points:g} of {most} points")
    else:
        print(text, end="")
    if not args.seed_file:
        log("graded with the PUBLIC seed: without --seed-file the hidden tests are not secret")
    return status


def _write_bundle(target: str, out: Path, files: bundles.Files) -> None:
    if target == "gradescope":
        write_atomically(out, packages.as_zip(files, bundles.EXECUTABLE))
        return
    for name, content in files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out / name, content)


def _bundle(args: argparse.Namespace) -> int:
    """Write a bundle. Without a seed file, it holds a new secret seed."""
    folder, out = Path(args.folder), Path(args.out)
    assignment = manifests.read(folder)
    require(not out.exists(), "-o must not exist yet", out)
    require(out.parent.is_dir(), "-o must stand in a folder", out)
    seed = Path(args.seed_file).read_bytes() if args.seed_file else bundles.new_seed()
    require(seed.strip() != b"", "the seed file must not be empty", args.seed_file)
    found = packages.collect(assignment.requires, Path(args.wheels) if args.wheels else None)
    make = bundles.TARGETS[args.target]
    _write_bundle(args.target, out, make(folder, assignment, seed, found))
    print(f"wrote {out} for {bundles.for_whom(packages.target(list(found)))}")
    if args.target == "classroom50":
        print("name this Python in the runtime of the assignment; its default is 3.14")
    if not args.seed_file:
        print("seed.txt in it is a new secret: keep it, so that you can grade again")
    return 0


def _report(args: argparse.Namespace) -> int:
    counts = mistake_counts.count(args.results)
    if args.out:
        write_atomically(Path(args.out), mistake_counts.as_csv(counts).encode())
    print(mistake_counts.as_histogram(counts), end="")
    return 0


def _add_preparing(commands: Any) -> None:
    """Add the commands that an instructor needs before the assignment goes to the students."""
    add = commands.add_parser("list", help="the assignments in a folder")
    add.add_argument("folder", nargs="?", default=DEFAULT, help=f"default {DEFAULT}")
    add.set_defaults(run=_list)
    add = commands.add_parser("verify", help="check assignments before students see them")
    add.add_argument("folders", nargs="+", metavar="FOLDER", help="with a master and a manifest")
    add.set_defaults(run=_verify)
    add = commands.add_parser("strip", help="write the student's version")
    add.add_argument("folder", metavar="FOLDER", help="with a master and a manifest")
    add.add_argument("-o", "--out", required=True, metavar="FOLDER", help="for the new files")
    add.set_defaults(run=_strip)


def _add_grading(commands: Any) -> None:
    """Add the commands for submissions."""
    add = commands.add_parser("check", help="for students: grade with the public seed")
    add.add_argument("file", metavar="FILE", help="the student's file")
    add.add_argument("--assignment", metavar="FOLDER", help="default: the folder of FILE")
    add.set_defaults(run=_check)
    add = commands.add_parser("grade", help="for instructors: grade with the secret seed")
    add.add_argument("submission", metavar="FILE", help="a file, or a folder that holds it")
    add.add_argument("--assignment", required=True, metavar="FOLDER", help="with the manifest")
    add.add_argument("--seed-file", metavar="FILE", help="any secret text; default the public seed")
    add.add_argument("--format", choices=list(result_files.FORMATS), default="plain")
    add.add_argument("--out", metavar="FILE", help="default standard output")
    add.set_defaults(run=_grade)
    add = commands.add_parser("bundle", help="make the files that a grading service needs")
    add.add_argument("folder", metavar="FOLDER", help="with the manifest")
    add.add_argument("--target", required=True, choices=list(bundles.TARGETS), help="the service")
    about = "a zip file for gradescope, a folder for classroom50"
    add.add_argument("-o", "--out", required=True, metavar="PATH", help=about)
    add.add_argument("--seed-file", metavar="FILE", help="any secret text; default a new one")
    about = "with wheels for Linux; default: download those for this version of Python"
    add.add_argument("--wheels", metavar="DIR", help=about)
    add.set_defaults(run=_bundle)
    add = commands.add_parser("report", help="count the mistakes of a class")
    add.add_argument("results", nargs="+", metavar="RESULTS", help="files of --format gradescope")
    add.add_argument("-o", "--out", metavar="FILE", help="write a table as CSV too")
    add.set_defaults(run=_report)


def parser() -> Parser:
    """Return the parser of the commands of coursework."""
    top = Parser(prog="metarl_min.teach", description="Coursework that is graded exactly.")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_preparing(commands)
    _add_grading(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    try:
        args = parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        return int(args.run(args))
    except (ValueError, TypeError, OSError) as error:
        log(f"metarl_min.teach: {one_line(error)}")
        return 2
    except KeyboardInterrupt:
        log("metarl_min.teach: interrupted: start it again")
        return 1
    except Exception as error:
        log(f"metarl_min.teach: {one_line(f'{type(error).__name__}: {error}')}")
        return 1
