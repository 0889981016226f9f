"""The whole campaign: `python -m campaign [ROOM ..] [--out DIR]`, with tests/ on the path.

Every function runs in a process of its own, with a limit of time and memory for each call. The
faults are printed or, with --out, written to DIR/ROOM.md.
"""

import argparse
import collections
import importlib
import json
import os
import resource
import signal
import tempfile
from pathlib import Path

import campaign
from campaign import judging

SECONDS, BYTES = 5, 3 * 2**30
ORDER = ["death", "hang", "NaN", "differs", "changed", "accepted", "warned", "refused", "unclear"]


class Hang(BaseException):
    pass


def _alarm(*_):
    raise Hang


def judged(base, name, m, expected):
    """Return the verdict on one mutation; a call that takes too long hangs."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return judging.judge(base, name, m, expected)
    except Hang:
        return judging.Verdict("hang", f"more than {SECONDS} s")
    except Exception as error:
        return judging.Verdict("harness", repr(error))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def work(path, base, skip):
    """Judge all mutations after the first `skip`; one line of JSON before and after each."""
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    signal.signal(signal.SIGALRM, _alarm)
    expected, error, _ = judging.attempt(base, judging.copy.deepcopy(base.arguments))
    with open(path, "a", buffering=1) as out:
        if error is not None:
            print(json.dumps([0, "", "", "", "base call fails", repr(error)]), file=out)
            return
        for i, (name, m) in list(enumerate(judging.tasks_of(base)))[skip:]:
            print(json.dumps([i, name, m.kind, m.note]), file=out)
            verdict = judged(base, name, m, expected)
            print(json.dumps([i, name, m.kind, m.note, *verdict]), file=out)


def in_a_process(path, base, skip):
    """Do the work in a process without outputs, and return its status."""
    pid = os.fork()
    if pid == 0:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        work(path, base, skip)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def measure(base):
    """Return the verdicts on all mutations of a base call, as lists.

    A mutation whose process dies has the verdict death, and another process goes on after it.
    """
    number, path = tempfile.mkstemp()
    os.close(number)
    rows, status = {}, 1
    while status:
        status, before = in_a_process(path, base, len(rows)), len(rows)
        for line in Path(path).read_text().splitlines():
            row = json.loads(line)
            rows[row[0]] = row if len(row) > 4 else [*row, "death", f"status {status}"]
        if status and len(rows) == before:
            rows[before] = [before, "", "", "", "death", "at once"]
            break
    os.unlink(path)
    return list(rows.values())


def rank(fault):
    """The place of a fault in the report; what is not known comes first."""
    kind = fault.split()[0]
    return ORDER.index(kind) if kind in ORDER else -1


def chosen(room, words):
    """Return the base calls of a room that the words name, or all without words."""
    calls = importlib.import_module(f"campaign.{room}_calls").CALLS
    named = [x for x in calls if not words or any(f"{room}.{x}".startswith(w) for w in words)]
    return {function: calls[function] for function in named}


def report(calls):
    """Judge all mutations of base calls. -> the number of each verdict, a line for each fault"""
    counts, lines = collections.Counter(), []
    for function, base in calls.items():
        for _, name, kind, note, fault, text in measure(base):
            counts.update(("calls", fault or "right"))
            if fault:
                text = " ".join(str(text).split())
                lines.append((rank(fault), f"{function}({name}) {kind} {note}: {fault}: {text}"))
    return counts, [line for _, line in sorted(lines)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rooms", nargs="*")
    parser.add_argument("--out", type=Path, help="a directory for a page of each room")
    args = parser.parse_args()
    total = collections.Counter()
    for room in campaign.ROOMS:
        calls = chosen(room, args.rooms)
        if not calls:
            continue
        counts, lines = report(calls)
        if args.out is None:
            print(*lines, sep="\n")
        else:
            page = "\n".join([f"# {room}: {dict(counts)}", "", *lines, ""])
            (args.out / f"{room}.md").write_text(page)
        print(room, dict(counts), flush=True)
        total += counts
    print("all", dict(total))


if __name__ == "__main__":
    main()
