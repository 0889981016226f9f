"""A walk through the built book: METARL_BOOK is the folder that `examples/book/build.py` wrote."""

import functools
import json
import os
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

import browser as browsers
import numpy as np
import pytest

from metarl_min.gradients import adaptation, objectives
from metarl_min.mdps.policies import softmax, tabular
from metarl_min.tasks.bandits import bandit_mdps

FOLDER = os.environ.get("METARL_BOOK")
pytestmark = pytest.mark.skipif(not FOLDER, reason="METARL_BOOK names no folder of a built book")
BOOK = Path(FOLDER or ".").resolve()
PAGES = sorted(BOOK.rglob("*.html")) if FOLDER else []
NARROW = 390  # pixels of a telephone
SHOWN = [x for x in PAGES if not {"_static", "_sources"} & set(x.relative_to(BOOK).parts)]


class Page(HTMLParser):
    """The anchors of a page, what it links to and loads, and its pictures."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loads, self.pictures = set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        words = dict(attrs)
        self.anchors |= {words[name] for name in ("id", "name") if words.get(name)}
        if tag == "a" and "href" in words:
            self.links.append(words["href"])
        if tag in ("script", "img", "iframe", "source") and words.get("src"):
            self.loads.append(words["src"])
        if tag == "link" and words.get("rel") in ("stylesheet", "preload", "icon"):
            self.loads.append(words["href"])
        if tag == "img":
            self.pictures.append(words)


@functools.cache
def read(path):
    return Page(path.read_text(encoding="utf-8"))


def name(path):
    return str(path.relative_to(BOOK))


def test_the_book_is_built():
    assert BOOK / "index.html" in SHOWN and BOOK / "simplex.html" in SHOWN and len(SHOWN) > 20


@pytest.mark.parametrize("path", SHOWN, ids=name)
def test_every_link_leads_to_a_page_and_an_anchor(path):
    wrong = []
    for link in read(path).links:
        parts = urllib.parse.urlsplit(link)
        if parts.scheme in ("http", "https", "mailto"):
            continue
        target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
        anchor = urllib.parse.unquote(parts.fragment)
        if not target.exists():
            wrong.append(f"{link}: no such page")
        elif anchor and target.suffix == ".html" and anchor not in read(target).anchors:
            wrong.append(f"{link}: no such anchor")
    assert wrong == []


@pytest.mark.parametrize("path", SHOWN, ids=name)
def test_a_page_loads_only_files_of_the_book(path):
    for load in read(path).loads:
        parts = urllib.parse.urlsplit(load)
        assert not parts.scheme and not parts.netloc, load
        assert (path.parent / urllib.parse.unquote(parts.path)).is_file(), load


@pytest.mark.parametrize("path", SHOWN, ids=name)
def test_every_picture_has_a_text(path):
    assert [x for x in read(path).pictures if len(x.get("alt") or "") < 20] == []


@pytest.fixture(scope="module")
def browser():
    if browsers.PROGRAM is None and not os.environ.get("CI"):
        pytest.skip("there is no browser")
    with browsers.started() as running:
        yield running


WIDE_PARTS = """
Array.from(document.querySelectorAll("article *"))
  .filter((x) => x.getBoundingClientRect().right > innerWidth + 1
    && !x.closest("pre, .simplex-table, .pst-scrollable-table-container, .math, table"))
  .slice(0, 3).map((x) => x.outerHTML.slice(0, 80))
"""


@pytest.mark.parametrize("path", SHOWN, ids=name)
def test_a_page_opens_without_an_error_and_does_not_scroll_sideways(browser, path):
    for width in (NARROW, 1280):
        browser.resize(width)
        browser.open(path.as_uri())
        assert browser.complaints() == []
        wide = browser.value("document.documentElement.scrollWidth")
        assert wide <= width, (width, browser.value(WIDE_PARTS))


@pytest.fixture
def simplex(browser):
    browser.resize(1280)
    browser.open((BOOK / "simplex.html").as_uri())
    yield browser
    assert browser.complaints() == []


def set_slider(browser, slider, value):
    """Move a slider as a user does: the value changes, and the page hears of it."""
    browser.value(f"""(() => {{
        const x = document.getElementById("simplex-{slider}");
        x.value = {json.dumps(value)};
        x.dispatchEvent(new Event("input", {{ bubbles: true }}));
    }})()""")


def numbers(browser):
    """Return the numbers in the table of the page."""
    rows = """Array.from(document.querySelectorAll(".simplex-table tbody tr")).map((row) =>
        Array.from(row.querySelectorAll("td[data-value]")).map((x) => Number(x.dataset.value)))"""
    return browser.value(rows)


def expected(theta, means, alpha, K):
    J = objectives.expected_return_objective(bandit_mdps(np.array(means)), horizon=1)
    rest = tabular, {"logits": np.array([theta])}, alpha, K, J
    logits = adaptation.inner_loop(*rest[:3], [J] * K)[-1]["logits"]
    logits = np.broadcast_to(logits, (len(means), 1, 3))
    rows = np.concatenate([softmax(logits)[:, 0], J.value(logits)[:, None]], axis=1)
    gradient = adaptation.meta_gradient_by_hessian_products(*rest)["logits"][0]
    return [*rows, gradient, [adaptation.adapted_return(*rest)]]


TWO = [[0.9, 0.1, 0.1], [0.1, 0.9, 0.1]]


def test_each_slider_changes_the_numbers_to_those_of_the_library(simplex):
    setting = {"theta0": 0.0, "theta1": 0.0, "alpha": 2.0, "K": 3}
    for slider, value in [("alpha", 4.5), ("K", 2), ("theta0", 1.25), ("theta1", -0.5)]:
        set_slider(simplex, slider, value)
        setting[slider] = value
        theta = [setting["theta0"], setting["theta1"], 0.0]
        wanted = expected(theta, TWO, setting["alpha"], setting["K"])
        for row, want in zip(numbers(simplex), wanted, strict=True):
            np.testing.assert_allclose(row, want, atol=1e-10)
    assert "K = 2" in simplex.value("document.getElementById('simplex-words').textContent")


def test_the_tasks_can_be_chosen_and_outer_steps_taken(simplex):
    set_slider(simplex, "family", "three")
    three = np.full((3, 3), 0.1) + 0.8 * np.eye(3)
    for row, want in zip(numbers(simplex), expected([0.0, 0, 0], three, 2.0, 3), strict=True):
        np.testing.assert_allclose(row, want, atol=1e-10)
    set_slider(simplex, "family", "two")
    before = numbers(simplex)[-1][0]
    simplex.value("document.getElementById('simplex-step').click()")
    gradient = np.array(expected([0.0, 0, 0], TWO, 2.0, 3)[2])
    theta = 5.0 * (gradient - gradient[2])
    for row, want in zip(numbers(simplex), expected(theta, TWO, 2.0, 3), strict=True):
        np.testing.assert_allclose(row, want, atol=1e-10)
    assert numbers(simplex)[-1][0] > before


def test_the_start_can_be_dragged(simplex):
    x, y = simplex.value("""(() => {
        const edge = document.querySelector(".simplex .edge");
        edge.scrollIntoView({ behavior: "instant", block: "center" });
        const box = edge.getBoundingClientRect();
        return [box.left + box.width / 2, box.top + box.height * 2 / 3]; })()""")
    set_slider(simplex, "theta0", 3)
    for kind, buttons in (("mousePressed", 1), ("mouseReleased", 0)):
        simplex.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left",
                     buttons=buttons, clickCount=1)  # fmt: skip
    theta = simplex.value("document.getElementById('simplex-theta0').valueAsNumber")
    assert abs(theta) < 0.1  # the centre of the triangle is the uniform policy


def test_every_control_has_a_label_and_is_reached_by_the_keyboard(simplex):
    names = """Array.from(document.querySelectorAll(".simplex input, .simplex select"))
        .map((x) => [x.labels.length, x.tabIndex])"""
    assert simplex.value(names) == [[1, 0]] * 5
    simplex.value("document.getElementById('simplex-K').focus()")
    for kind in ("keyDown", "keyUp"):
        simplex.call("Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight",
                     windowsVirtualKeyCode=39)  # fmt: skip
    assert simplex.value("document.getElementById('simplex-K').value") == "4"
    assert "K = 4" in simplex.value("document.getElementById('simplex-words').textContent")


def contrast(first, second):
    """Return the contrast of two colours "rgb(r, g, b)", as the rules for accessible pages say."""

    def luminance(colour):
        rgb = np.array([float(x) for x in colour[4:-1].split(",")]) / 255
        return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ (
            0.2126, 0.7152, 0.0722)  # fmt: skip

    high, low = sorted([luminance(first), luminance(second)], reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_can_be_read_in_light_and_dark(simplex, theme):
    set_slider(simplex, "family", "three")
    simplex.value(f"document.documentElement.dataset.theme = '{theme}'")
    ground = simplex.value("getComputedStyle(document.body).backgroundColor")
    parts = [".simplex .task-0", ".simplex .task-1", ".simplex .task-2", ".simplex svg"]
    for part in parts:
        colour = simplex.value(f"getComputedStyle(document.querySelector('{part}')).color")
        assert contrast(colour, ground) > 4.5, part
