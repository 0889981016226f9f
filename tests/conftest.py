"""Hypothesis: the same examples every time, or others each night (METARL_HYPOTHESIS=nightly)."""

import atexit
import gc
import os
import shutil
import signal
import sys
import tempfile

from hypothesis import settings

# Almost all that is made while the tests are collected lives until the last test ends. To look for
# garbage in it takes a third of the time of collection.
gc.disable()

# One thread of linear algebra, as on the command line. NumPy reads this when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The processes that tests start compile the package once, also where nothing may be written beside
# its sources.
if sys.dont_write_bytecode:
    os.environ["PYTHONPYCACHEPREFIX"] = tempfile.mkdtemp(prefix="pycache_of_tests_")
    atexit.register(shutil.rmtree, os.environ["PYTHONPYCACHEPREFIX"], ignore_errors=True)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

settings.register_profile("default", derandomize=True, deadline=None, max_examples=15)
settings.register_profile("nightly", derandomize=False, deadline=None, max_examples=300)
settings.load_profile(os.environ.get("METARL_HYPOTHESIS", "default"))

# A job in the background is born deaf to Ctrl-C, and so would be every process that a test starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish():
    """Keep what was collected out of the garbage collector, and let the collector run seldom."""
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()
