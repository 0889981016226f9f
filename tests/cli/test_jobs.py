"""Jobs in several processes."""

import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from metarl_min.cli import comparison, jobs
from metarl_min.tasks.bandits import bandit


def test_workers_are_sent_numbers_alone(monkeypatch):
    sent = []

    class Pool(ProcessPoolExecutor):
        def __init__(self, *args, initargs, **options):
            sent.append(initargs)
            super().__init__(*args, initargs=initargs, **options)

        def submit(self, function, *args):
            sent.append(args)
            return super().submit(function, *args)

    monkeypatch.setattr(jobs, "ProcessPoolExecutor", Pool)
    comparison.compare(
        {"bandit": bandit()}, {}, seed=0, num_tasks=2, processes=2, report=sent.append
    )
    assert max(len(pickle.dumps(args)) for args in sent) < 400


def test_ctrl_c_during_compare_ends_its_processes(tmp_path):
    words = [sys.executable, "-m", "metarl_min", "compare"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        while not (tmp_path / "runs" / "0001").exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        time.sleep(0.8)
        os.killpg(process.pid, signal.SIGINT)
        try:
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 1 and out == b""
    assert err.decode().splitlines()[-1] == "metarl_min: interrupted: start it again"
    assert b"Traceback" not in err
