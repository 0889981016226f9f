"""The two limits of time, with clocks of the test and without a busy machine."""

import math
import os
import sys
import threading

import pytest

from metarl_min.teach import time_limits


@pytest.mark.parametrize(
    ("processor", "real", "text"),
    [
        (1.9, 7.9, ""),
        (2.1, 2.1, "did not finish within 2 seconds of processor time."),
        (0.0, 8.1, "did not finish within 8 seconds of real time. It waits"),
        (math.nan, 7.9, ""),
        (math.nan, 8.1, "within 8 seconds of real time."),
    ],
)
def test_the_limit_that_was_passed_is_told(processor, real, text):
    found = time_limits.passed(processor, real, 2.0)
    assert text in found and (found == "") == (text == "")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_processor_time_is_that_of_the_operating_system():
    before = sum(os.times()[:2])
    found = time_limits.processor_seconds(os.getpid())
    tick = 1 / os.sysconf("SC_CLK_TCK")
    assert before - 2 * tick <= found <= sum(os.times()[:2]) + 2 * tick


def test_a_process_that_does_not_exist_has_no_processor_time():
    assert math.isnan(time_limits.processor_seconds(2**30))


def test_a_process_that_passes_a_limit_is_ended_once(monkeypatch):
    monkeypatch.setattr(time_limits, "PAUSE", 0.0)
    seconds = iter([5.0, 5.5, 6.5, 7.5])
    monkeypatch.setattr(time_limits, "processor_seconds", lambda pid: next(seconds))
    ended = threading.Event()
    with time_limits.watching(1, 2.0, ended.set) as found:
        assert ended.wait(60)
    assert found == ["Your program did not finish within 2 seconds of processor time."]
    assert list(seconds) == []


def test_a_process_that_passes_no_limit_is_not_ended(monkeypatch):
    monkeypatch.setattr(time_limits, "processor_seconds", lambda pid: 0.0)
    before, ended = threading.active_count(), threading.Event()
    with time_limits.watching(1, 60.0, ended.set) as found:
        assert threading.active_count() == before + 1
    assert found == [] and not ended.is_set() and threading.active_count() == before
