"""The chapters of the book run, and their numbers are those that they assert."""

import re
import runpy
import sys
from pathlib import Path

import pytest

BOOK = Path(__file__).parent.parent / "examples" / "book"
CHAPTERS = sorted(BOOK.glob("[0-9][0-9]_*.py"))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_a_chapter_runs_and_asserts_its_numbers(chapter, monkeypatch, capsys):
    pytest.importorskip("matplotlib").use("agg")
    runpy.run_path(str(chapter))
    text = chapter.read_text(encoding="utf-8")
    assert "\nassert " in text or "    assert " in text
    assert re.match(r"# %% \[markdown\]\n# # \d+\. ", text)


def test_the_index_lists_every_chapter_in_order():
    listed = re.findall(r"^(\d\d_\w+)$", (BOOK / "index.md").read_text(encoding="utf-8"), re.M)
    assert listed == [chapter.stem for chapter in CHAPTERS]


def test_chapters_and_docstrings_become_pages_with_links(monkeypatch):
    monkeypatch.syspath_prepend(str(BOOK))
    import pages

    names = {"mdps/values": Path("mdps/values.py")}
    text = "By values (4), see `mdps/values`, other (4).\n#     values (4)"
    expected = "By [values (4)](#values-4), see [`mdps/values`](#mdps-values), other (4).\n"
    assert pages.linked(text, {"values.4"}, names) == expected + "#     values (4)"
    sys.modules.pop("pages")
