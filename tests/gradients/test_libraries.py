"""The entries: each has a source that can be found, and settings that mean what they say."""

import re

import numpy as np
import pytest

from metarl_min.gradients import libraries, ordered_data
from metarl_min.gradients.estimator_weights import plain_weights

ENTRIES = libraries.all_libraries()


def test_the_entries_have_names_of_their_own():
    names = [entry.name for entry in ENTRIES]
    assert len(set(names)) == len(names) == 35
    assert max(map(len, names)) <= 28


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_source_is_a_repository_a_commit_and_a_place(entry):
    assert re.match(r"[\w-]+/[\w.-]+ [0-9a-f]{8} \w", entry.source)
    assert re.search(r"\.(py|md):\d+|cell \d", entry.source)


def test_a_library_that_adds_the_steps_has_the_share_one():
    assert all(entry.share_in(5, 20) == 1 for entry in libraries.SUMS)
    assert {entry.share_in(5, 20) for entry in libraries.MEANS} == {1 / 5, 1 / 100}


def test_an_inner_step_with_a_context_moves_the_context_only():
    problem = libraries.with_context(ordered_data.measured_problems()[-1])
    inputs, _ = ordered_data.ordered_inputs(problem, plain_weights)
    before, after = inputs.path
    assert np.array_equal(before["logits"], after["logits"])
    table = ordered_data.measured_problems()[-1]
    moved = ordered_data.ordered_inputs(table, plain_weights)[0].path
    step = (moved[1]["logits"] - moved[0]["logits"]).sum(-2)  # the states share the context
    assert after["context"] == pytest.approx(step, abs=1e-14)
    assert libraries.unchanged(table) is table
