"""Every case file runs, asserts what it prints, names its thread, and ends in its answer."""

import ast
import re
import runpy
from pathlib import Path

import pytest
from comparing import at_most_calls

EXAMPLES = Path(__file__).parent.parent / "examples"
PAGES = sorted((EXAMPLES / "case_files").glob("*.py"))
INDEX = (EXAMPLES / "README.md").read_text(encoding="utf-8")
THREAD = r"[\w.-]+/[\w.-]+#\d+"


def entry(page):
    """What the index says of a page: question, threads, answer."""
    pattern = rf"^\d+\. \[(.+)\]\(case_files/{page.name}\)\n   \((.+)\)\n((?:   .+\n)+)"
    return re.search(pattern, INDEX, re.MULTILINE).groups()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs_and_its_last_line_is_the_answer_of_the_index(page, capsys):
    at_most_calls(lambda: runpy.run_path(str(page)), 1_500_000)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Answer: ")
    measured = re.findall(r"\d+(?:\.\d+)?", last)
    quoted = re.findall(r"\d+(?:\.\d+)?", entry(page)[2])
    assert set(quoted) <= set(measured)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_its_thread_and_is_in_the_index_under_its_question(page):
    text = page.read_text(encoding="utf-8")
    title, threads = re.match(
        rf"# %% \[markdown\]\n# # (.+)\n#\n((?:# .*{THREAD}.*\n)+)", text
    ).groups()
    question, listed, _ = entry(page)
    assert title == question
    assert re.findall(THREAD, threads) == re.findall(THREAD, listed)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_cells_of_prose_and_code_with_asserts_and_nothing_of_a_machine(page):
    text = page.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert any(isinstance(node, ast.Assert) for node in ast.walk(tree))
    assert text.startswith("# %% [markdown]\n") and "\n# %%\n" in text
    assert not re.search(r"__main__|TODO|/home|/work|/tmp", text)
    assert len(text.splitlines()) <= 100


def test_the_index_lists_the_pages_and_nothing_else():
    assert sorted(re.findall(r"\(case_files/(.+?)\)", INDEX)) == [page.name for page in PAGES]
    assert len(PAGES) >= 8
