"""Files that are replaced in one step, and directories with one writer."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from metarl_min.basics import files

HOLD = (
    "import os, sys, time, pathlib; from metarl_min.basics import files\n"
    "with files.one_writer(pathlib.Path(sys.argv[1])): print(flush=True); time.sleep(60)"
)
posix = pytest.mark.skipif(os.name == "nt", reason="needs os.fork or fcntl")


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    files.write_atomically(path, b"old")

    def fail(file):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["run.json"]


def test_writers_of_one_file_do_not_meet(tmp_path, monkeypatch):
    """A second writer begins and ends while the first one is about to replace the file."""
    path, replace = tmp_path / "x", os.replace

    def late(*names):
        monkeypatch.setattr(os, "replace", replace)
        files.write_atomically(path, b"second")
        return replace(*names)

    monkeypatch.setattr(os, "replace", late)
    files.write_atomically(path, b"first")
    assert path.read_bytes() == b"first" and os.listdir(tmp_path) == ["x"]


def test_the_names_of_temporary_files_may_exist_already(tmp_path):
    (tmp_path / "x.tmp").mkdir()
    files.write_atomically(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"new"


def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "file")
    files.write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink() and os.listdir(tmp_path / "disk") == ["file"]
    assert (tmp_path / "disk" / "file").read_bytes() == b"new"


def test_a_second_writer_is_refused_in_this_process_and_in_a_thread(tmp_path):
    got = []

    def other():
        with pytest.raises(ValueError, match="only one process may write") as error:
            files.one_writer(tmp_path).__enter__()
        got.append(str(error.value))

    with files.one_writer(tmp_path):
        other()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(got) == 2 and f"in which process {os.getpid()} of" in got[0]
    assert os.listdir(tmp_path) == []
    with files.one_writer(tmp_path):
        pass


def test_an_error_inside_the_block_ends_the_lock(tmp_path):
    with pytest.raises(KeyError), files.one_writer(tmp_path):
        raise KeyError
    with files.one_writer(tmp_path):
        pass


@posix
@pytest.mark.parametrize("worker", [False, True])
def test_a_lock_ends_with_its_process_even_by_sigkill(tmp_path, worker):
    """Also if a forked worker outlives the process."""
    # The worker writes a line too: before this line, it may still hold the lock file open.
    fork = "child = os.fork() or (print('forked', flush=True), time.sleep(60)); print(child), print"
    code = HOLD.replace("print", fork) if worker else HOLD
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=-1) as process:
        lines = b"".join(process.stdout.readline() for _ in range(3 if worker else 1))
        child = int(re.search(rb"\d+", lines)[0]) if worker else 0  # both write at once
        with pytest.raises(ValueError, match=f"in which process {process.pid} of"):
            files.one_writer(tmp_path).__enter__()
        process.send_signal(signal.SIGKILL)
    assert os.listdir(tmp_path) == [files.LOCK]
    with files.one_writer(tmp_path):
        pass
    assert os.listdir(tmp_path) == []
    if worker:
        os.kill(child, signal.SIGKILL)


@posix
def test_a_lock_file_that_was_removed_and_made_again_is_no_lock(tmp_path, monkeypatch):
    """The holder removes the file after this process has opened it."""
    flock, holders = files.fcntl.flock, [files.one_writer(tmp_path)]

    def late(number, flags):
        monkeypatch.setattr(files.fcntl, "flock", flock)
        os.unlink(tmp_path / files.LOCK)
        holders[0].__enter__()
        return flock(number, flags)

    monkeypatch.setattr(files.fcntl, "flock", late)
    with pytest.raises(ValueError, match="only one process may write"):
        files.one_writer(tmp_path).__enter__()
    holders[0].__exit__(None, None, None)


@posix
def test_a_file_system_without_locks_is_told_and_nothing_there_is_removed(tmp_path, monkeypatch):
    def refuse(number, flags):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    other = tmp_path / f"x.1.{'0' * 16}.tmp"
    other.touch()
    told = pytest.warns(UserWarning, match="cannot be locked: Operation not supported")
    with told, files.one_writer(tmp_path):
        assert other.exists()


def test_leftovers_of_killed_writers_are_removed_and_nothing_else(tmp_path):
    mine = {"thesis.tmp", "checkpoint.npz", "x.1.abc.tmp", "x.tmp"}
    for name in mine | {f"checkpoint.npz.77.{'0a' * 8}.tmp"}:
        (tmp_path / name).touch()
    with files.one_writer(tmp_path):
        assert set(os.listdir(tmp_path)) == mine | {files.LOCK}
    assert set(os.listdir(tmp_path)) == mine


def test_many_processes_take_turns(tmp_path):
    """No two of six writers are inside at the same time, and each gets its turn."""
    inside, most = [], []

    def work():
        for _ in range(20):
            while True:
                try:
                    with files.one_writer(tmp_path):
                        inside.append(1)
                        most.append(len(inside))
                        time.sleep(0.0002)
                        inside.pop()
                    break
                except ValueError:
                    time.sleep(0.0003)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 120 and set(most) == {1}


def test_a_file_has_a_path_and_bytes(tmp_path):
    for wrong in (None, 3, ["x"]):
        with pytest.raises(TypeError, match="path must be a path, got"):
            files.write_atomically(wrong, b"x")
        with pytest.raises(TypeError, match="content must be of type bytes, got"):
            files.write_atomically(tmp_path / "x", wrong)
    files.write_atomically(str(tmp_path / "x"), b"y")
    assert (tmp_path / "x").read_bytes() == b"y"
