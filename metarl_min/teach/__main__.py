"""python -m metarl_min.teach: the commands of coursework."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    from metarl_min.teach import commands

    sys.exit(commands.main())
