"""vector_files: files that are the same everywhere, and are refused if they were changed."""

import hashlib
import io
import json
import re
import sys
import zipfile

import numpy as np
import pytest
from command_line import strict

from metarl_min.gradients import vector_files

NUMBERS = {
    1: "7746fffebea69b920970547ab2724d5ecf9989e2e3ba24a9f63dac54d38c50ad"
}  # SHA-256 of the numbers of each version


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("vectors")
    vector_files.write_vectors(made)
    return made


def assert_refused(path, content, message):
    """Assert that a file with this content is refused by one line that names it."""
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        vector_files.read_vectors(path)
    assert str(caught.value).startswith(f"{path} must ") and "\n" not in str(caught.value)


def test_the_numbers_of_a_version_are_the_same_on_every_machine(folder):
    problems = vector_files.read_vectors(folder / "vectors.json")["problems"]
    text = json.dumps(problems, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest() == NUMBERS[vector_files.VERSION]


def test_the_files_are_small_and_both_hold_the_same(folder):
    names = ["vectors.json", "vectors.npz"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert all((folder / name).stat().st_size < 5_000_000 for name in names)
    of_json, of_npz = (vector_files.read_vectors(folder / name) for name in names)
    assert of_json == of_npz and list(of_json) == ["documentation", "problems"]


def test_the_digests_that_are_returned_are_those_of_the_files(tmp_path):
    for name, digest in vector_files.write_vectors(tmp_path).items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest


def test_the_json_is_read_without_this_library(folder):
    content = (folder / "vectors.json").read_bytes()
    result = strict(content.decode("ascii"))
    assert list(result) == ["format", "version", "sha256", "documentation", "problems"]
    assert result["format"] == "metarl_min test vectors of meta-gradients"
    rest = content.partition(b"\n")[2]
    assert result["sha256"] == hashlib.sha256(rest).hexdigest() and content.endswith(b"}\n")


def test_the_arrays_are_read_without_this_library(folder):
    with np.load(folder / "vectors.npz", allow_pickle=False) as archive:
        assert archive["problems/two_states_N2_K1/estimates/dice"].shape == (64, 2, 2)
        assert archive["problems/two_states_N2_K1/states"].dtype == np.dtype("<i8")
        assert archive["problems/two_states_N2_K1/R"].dtype == np.dtype("<f8")
    with zipfile.ZipFile(folder / "vectors.npz") as archive:
        entries = archive.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.create_system for entry in entries} == {3}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}


def test_the_archive_has_the_same_bytes_on_another_system(folder, monkeypatch):
    with np.load(folder / "vectors.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    monkeypatch.setattr(sys, "platform", "win32")  # what zipfile asks
    again = vector_files._archive(arrays)
    monkeypatch.undo()
    assert again == (folder / "vectors.npz").read_bytes()


@pytest.mark.parametrize("name", ["vectors.json", "vectors.npz"])
def test_a_truncated_file_is_refused(folder, tmp_path, name):
    content = (folder / name).read_bytes()
    for length in (0, 1, 40, 170, len(content) // 2, len(content) - 1):
        assert_refused(tmp_path / name, content[:length], "got")


def test_an_edited_file_is_refused(folder, tmp_path):
    content = (folder / "vectors.json").read_bytes()
    for old, new in [
        (b'"alpha": 0.7', b'"alpha": 0.8'),
        (b"0.464278468158702", b"0.464278468158703"),
        (b"}\n", b"} \n"),
        (b"}\n", b"}\n\n"),
        (b"\n", b"\r\n"),
        (b'"sha256": "', b'"sha256": "0'),
        (b'"version": 1', b'"version": 01'),
        (b'{"format"', b'{ "format"'),
    ]:
        assert old in content
        assert_refused(tmp_path / "x.json", content.replace(old, new), "edited|begin")
    digest = json.loads(content)["sha256"].encode()
    other = content.replace(digest, digest[::-1])
    assert_refused(
        tmp_path / "x.json", other, "must have the bytes that were written, got others: it is"
    )


def test_an_edited_archive_is_refused(folder, tmp_path):
    with np.load(folder / "vectors.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    R = arrays["problems/two_arms_N1_K1/R"]
    for changed in (
        {"problems/two_arms_N1_K1/R": R + 1e-15},
        {"problems/two_arms_N1_K1/more": R},
        {"documentation/J": np.array(b"something else")},
        {"first_line": np.array(b"something else")},
        {"first_line": R},
    ):
        buffer = io.BytesIO()
        np.savez(buffer, **{**arrays, **changed})
        assert_refused(tmp_path / "x.npz", buffer.getvalue(), "got")
    buffer = io.BytesIO()
    np.savez(buffer, **{name: x for name, x in arrays.items() if name != "first_line"})
    assert_refused(tmp_path / "x.npz", buffer.getvalue(), "must be a whole file")


def test_a_newer_file_is_refused_by_its_version(folder, tmp_path):
    content = (folder / "vectors.json").read_bytes()
    newer = content.replace(b'"version": 1', b'"version": 2', 1)
    message = r"must have version 1, got 2, which a newer metarl_min reads"
    assert_refused(tmp_path / "x.json", newer, message)
    assert_refused(
        tmp_path / "x.json", content.replace(b'"version": 1', b'"version": 0', 1), "got 0$"
    )
    with np.load(folder / "vectors.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    line = arrays["first_line"].item().replace(b'"version": 1', b'"version": 2')
    buffer = io.BytesIO()
    np.savez(buffer, **{**arrays, "first_line": np.array(line)})
    assert_refused(tmp_path / "x.npz", buffer.getvalue(), message)


def test_another_file_is_refused(tmp_path):
    assert_refused(tmp_path / "x.json", b"[]\n", "must begin as a file of test vectors does")
    line = b'{"format": "x", "version": 1, "sha256": "' + b"0" * 64 + b'",\n'
    assert_refused(tmp_path / "x.json", line, "must begin as a file of test vectors does")
    assert_refused(tmp_path / "x.npz", b"PK" + bytes(100), "must be a whole file")
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(ValueError, match=re.escape(f"{path} must be a file of test vectors")):
            vector_files.read_vectors(path)


def test_a_directory_must_exist(tmp_path):
    with pytest.raises(ValueError, match="directory must be a directory that exists, got"):
        vector_files.write_vectors(tmp_path / "none")
    with pytest.raises(TypeError, match="directory must be a path, got int"):
        vector_files.write_vectors(3)
    with pytest.raises(TypeError, match="path must be a path, got NoneType"):
        vector_files.read_vectors(None)
