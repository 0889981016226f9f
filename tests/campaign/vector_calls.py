"""Base calls of the test vectors in the room `gradients`."""

import atexit
import shutil
import tempfile
from pathlib import Path

from campaign.judging import call
from metarl_min.gradients import vector_contents, vector_files

DIRECTORY = Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, DIRECTORY, ignore_errors=True)


def read(path):
    vector_files.write_vectors(DIRECTORY)
    return vector_files.read_vectors(path)


CALLS = {
    "vector_contents.make_vectors": call(vector_contents.make_vectors),
    "vector_files.write_vectors": call(vector_files.write_vectors, directory=DIRECTORY),
    "vector_files.read_vectors": call(read, path=DIRECTORY / "vectors.json"),
}
