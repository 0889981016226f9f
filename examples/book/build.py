"""Build the book: `python examples/book/build.py [DIR]` writes DIR/index.html.

The default of DIR is build/book. The build needs `pip install -e '.[book,run]'`. Every chapter is
executed. If a number of a chapter is not the number that the chapter asserts, the build ends with
an error. The pages load nothing from another host.

`METARL_BOOK=DIR python -m pytest tests/test_built_book.py` then opens every page in Chromium. It
checks the links, the texts of the pictures, the page with sliders, and the width on a telephone.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import pages

from metarl_min.reports import equations

HERE = Path(__file__).resolve().parent
PICTURES = ("*.js", "*.css", "*.png", "*.svg")


def write_sources(folder: Path) -> None:
    """Write all that Sphinx reads: the chapters with links, the reference pages, the settings."""
    index = equations.index(tests=equations.checkout_tests())
    known = {equation.name: equation for equation in index.equations}
    names = pages.modules()
    for path in sorted(HERE.glob("[0-9][0-9]_*.py")):
        (folder / path.name).write_text(pages.chapter(path, set(known), names), encoding="utf-8")
    for path in sorted(HERE.glob("*.md")):
        text = pages.linked(path.read_text(encoding="utf-8"), set(known), names)
        (folder / path.name).write_text(text, encoding="utf-8")
    (folder / "reference").mkdir()
    for room in pages.rooms():
        target = folder / "reference" / f"{room or 'metarl_min'}.md"
        target.write_text(pages.reference(room, known), encoding="utf-8")
    tests = equations.checkout_tests() or HERE
    (folder / "reference" / "tests.md").write_text(pages.tests(tests), encoding="utf-8")
    shutil.copy(HERE / "conf.py", folder)
    (folder / "_static").mkdir()
    for pattern in PICTURES:
        for path in HERE.glob(pattern):
            shutil.copy(path, folder / "_static")


def main(target: Path) -> int:
    """Build the book in a folder, and return the exit status of Sphinx."""
    try:
        from sphinx.cmd.build import build_main
    except ImportError:
        print("The book needs Sphinx: pip install -e '.[book]'", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        write_sources(Path(folder))
        status = build_main(["-q", "-W", "--keep-going", "-b", "html", folder, str(target)])
    print(f"{target}/index.html" if status == 0 else "the book was not built", file=sys.stderr)
    return int(status)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/book").resolve()))
