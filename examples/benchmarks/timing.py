"""The clock of the benchmarks beside it."""

import time

import numpy as np


def cpu_ms(function, repeats=7, seconds=0.02):
    """Median over `repeats`, each of so many `seconds`, of the CPU milliseconds of one call."""
    function()
    started = time.process_time()
    function()
    calls = max(1, int(seconds / (time.process_time() - started + 1e-6)))
    times = []
    for _ in range(repeats):
        started = time.process_time()
        for _ in range(calls):
            function()
        times.append((time.process_time() - started) / calls * 1e3)
    return float(np.median(times))
