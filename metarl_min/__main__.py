"""python -m metarl_min: the command line."""

from __future__ import annotations

import os
import sys


def use_one_thread() -> None:
    """Use one thread of linear algebra in this process, unless the user has chosen otherwise.

    The matrices are small, so one thread is fastest, and the bits do not depend on the number of
    cores. NumPy reads these variables when it is imported, so it must be imported after them.
    """
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


def main() -> int:
    """Run the command line with one thread of linear algebra."""
    use_one_thread()
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    try:
        from metarl_min.cli import main as command_line
    except KeyboardInterrupt:
        print("metarl_min: interrupted: start it again", file=sys.stderr)
        return 1
    return command_line.main()


if __name__ == "__main__":
    sys.exit(main())
