"""The examples in PyTorch and JAX find the estimators that their losses compute.

They run where these libraries are installed: `pip install -e '.[frameworks]'`.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from metarl_min.gradients import vector_files

ROOT = Path(__file__).parent.parent
EXAMPLES = {"torch": "vectors_torch.py", "jax": "vectors_jax.py"}
FOUND = {  # loss: estimator
    "plain": "plain", "lvc": "lvc", "dice": "dice", "first order": "fomaml",
    "mean score": "averaged_score_term",
}  # fmt: skip
LINES = [f"the gradient of {loss} is -1 times {name}" for loss, name in FOUND.items()]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    vector_files.write_vectors(folder)
    return folder / "vectors.json"


def run(framework, path):
    if importlib.util.find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    script = ROOT / "examples" / EXAMPLES[framework]
    words = [sys.executable, str(script), str(path)]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}  # threads gain nothing on small tensors
    return subprocess.run(words, capture_output=True, text=True, timeout=600, env=alone)


@pytest.mark.parametrize("framework", EXAMPLES)
def test_the_example_names_the_estimator_and_the_factor_of_every_loss(framework, vectors):
    done = run(framework, vectors)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == LINES


@pytest.mark.parametrize("framework", EXAMPLES)
def test_the_example_refuses_a_file_that_is_not_as_it_was_written(framework, vectors, tmp_path):
    content, path = vectors.read_bytes(), tmp_path / "vectors.json"
    for other in (
        content[:-100],
        content.replace(b'"alpha": 0.7', b'"alpha": 0.8'),
        content.replace(b'"version": 1', b'"version": 2'),
    ):
        path.write_bytes(other)
        done = run(framework, path)
        rule = f"{path} must be a whole, unchanged file of version 1\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", rule)


@pytest.mark.parametrize("framework", EXAMPLES)
def test_the_example_is_short_and_does_without_this_library(framework):
    text = (ROOT / "examples" / EXAMPLES[framework]).read_text(encoding="utf-8")
    assert text.count("\n") <= 40 and "metarl_min" not in text


def test_the_book_shows_what_the_example_prints():
    text = (ROOT / "examples" / "book" / "libraries.md").read_text(encoding="utf-8")
    block = re.search(r"\$ python examples/vectors_torch.py .*\n((?:the gradient .*\n)+)", text)
    assert block[1].splitlines() == LINES
