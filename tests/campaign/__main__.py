"""The whole campaign: `python -m campaign [ROOM ..] [--out DIR]`, with tests/ on the path.

Every function runs in a process of its own, with a limit of time and memory for each call.
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


def work(path, base, skip):
    """Judge all mutations after the first `skip`; one line of JSON each."""
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    signal.signal(signal.SIGALRM, _alarm)
    expected, error, _ = judging.attempt(base, judging.copy.deepcopy(base.arguments))
    with open(path, "a", buffering=1) as out:
        if error is not None:
            print(json.dumps([0, "", "", "", "base call fails", repr(error)]), file=out)
            return
        for i, (name, m) in enumerate(judging.tasks_of(base)):
            if i < skip:
                continue
            print(json.dumps([i, name, m.kind, m.note]), file=out)
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            try:
                verdict = judging.judge(base, name, m, expected)
            except Hang:
                verdict = judging.Verdict("hang", f"more than {SECONDS} s")
            except Exception as error:
                verdict = judging.Verdict("harness", repr(error))
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(json.dumps([i, name, m.kind, m.note, *verdict]), file=out)


def measure(base):
    """Return the verdicts on all mutations of a base call, as lists."""
    path, rows, skip = tempfile.mktemp(), {}, 0
    while True:
        pid = os.fork()
        if pid == 0:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            work(path, base, skip)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        last = None
        for line in Path(path).read_text().splitlines():
            row = json.loads(line)
            last = row[0]
            rows[last] = row if len(row) > 4 else [*row, "death", f"status {status}"]
        if status == 0 or last is None:
            os.unlink(path)
            dead = [] if status == 0 else [[0, "", "", "", "death", "at once"]]
            return list(rows.values()) or dead
        skip = last + 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rooms", nargs="*")
    parser.add_argument("--out", type=Path, default=Path("/tmp/campaign"))
    args = parser.parse_args()
    total = collections.Counter()
    for room in campaign.ROOMS:
        if args.rooms and not any(x.startswith(room) for x in args.rooms):
            continue
        calls = importlib.import_module(f"campaign.{room}_calls").CALLS
        counts, lines = collections.Counter(), []
        for function, base in calls.items():
            if args.rooms and not any(f"{room}.{function}".startswith(x) for x in args.rooms):
                continue
            for _, name, kind, note, fault, text in measure(base):
                counts["calls"] += 1
                counts[fault or "right"] += 1
                if fault:
                    text = " ".join(str(text).split())
                    lines.append((fault, f"{function}({name}) {kind} {note}: {fault}: {text}"))
        lines.sort(
            key=lambda x: (
                (x[1].split("(")[0] in calls) and ORDER.index(x[0].split()[0])
                if x[0].split()[0] in ORDER
                else -1
            )
        )
        if not args.rooms or args.rooms == [room]:
            (args.out / f"{room}.md").write_text(
                f"# {room}: {dict(counts)}\n\n" + "\n".join(text for _, text in lines) + "\n"
            )
        else:
            print("\n".join(text for _, text in lines))
        print(room, dict(counts), flush=True)
        total += counts
    print("all", dict(total))


if __name__ == "__main__":
    main()
