"""The index of equations, of made-up sources and of this package."""

import equation_index
import pytest

from metarl_min.reports import equations

MODULE = '''"""A room.

    (1)  y = 2 x                                          [definition]
    (2)  z = sum_i y_i
             + [1, 2]_i where there is a second line
                                     [Author et al. 2001,
                                      eq. 7]

(1) is prose, and so is (2)
(3)  w = 1    [one source]
(4)  without a source
"""

def double(x):
    """Double, eq. (1)."""

class Sum:
    """Sum, eqs. (1)-(3); see rooms (9)."""

    def inner(self):
        """Eq. (3)."""
'''

TESTS = """
import pytest

@pytest.mark.verifies("room.1", "room.2")
def test_both():
    pass

@pytest.mark.slow
@pytest.mark.verifies("room.5")
class TestMore:
    @pytest.mark.verifies("room.1")
    def test_first(self):
        pass
"""


@pytest.fixture
def made_up(tmp_path):
    package, tests = tmp_path / "package", tmp_path / "tests"
    for name in ("one", "two"):
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").write_text('"""A folder."""\n')
        (package / name / "twin.py").write_text(f'"""Twin.\n\n(1)  {name}  [x]\n"""\n')
    tests.mkdir()
    (package / "room.py").write_text(MODULE)
    other = 'def other():\n    """Use eq. (1) of one.twin (1) and room (2), (4)."""\n'
    (package / "other.py").write_text(other)
    (tests / "test_room.py").write_text(TESTS)
    return equations.index(package, tests)


def test_formulas_and_sources_are_found_over_several_lines(made_up):
    found = {x.name: (x.formula, x.source) for x in made_up.equations if "room" in x.name}
    assert found == {
        "room.1": ("y = 2 x", "definition"),
        "room.2": (
            "z = sum_i y_i + [1, 2]_i where there is a second line",
            "Author et al. 2001, eq. 7",
        ),
        "room.3": ("w = 1", "one source"),
        "room.4": ("without a source", ""),
    }


def test_functions_classes_and_other_modules_cite(made_up):
    found = {x.name: x.functions for x in made_up.equations}
    assert found["room.1"] == ["room.double", "room.Sum"]
    assert found["room.2"] == ["other.other", "room.Sum"]
    assert found["room.3"] == ["room.Sum", "room.inner"]
    assert found["room.4"] == ["other.other"]
    assert found["one.twin.1"] == ["other.other"] and found["two.twin.1"] == []


def test_marks_of_functions_and_classes_count(made_up):
    found = {x.name: x.tests for x in made_up.equations}
    assert found["room.1"] == ["test_room.test_both", "test_room.test_first"]
    assert found["room.2"] == ["test_room.test_both"] and found["room.3"] == []


def test_what_points_at_no_equation_dangles(made_up):
    assert made_up.dangling == ["other.other: other.1", "test_room.TestMore: room.5"]


def test_outside_a_checkout_there_are_no_tests(made_up, tmp_path):
    assert equations.checkout_tests(tmp_path / "package") is None
    alone = equations.index(tmp_path / "package")
    assert alone.equations == [x._replace(tests=[]) for x in made_up.equations]
    assert alone.dangling == ["other.other: other.1"]
    assert equations.checkout_tests() is not None


def test_the_index_is_a_paragraph_for_each_equation_within_the_width():
    found = [equations.Equation("a.1", "x " * 60, "paper", ["a.f", "a.g"], ["test_a.test_one"])]
    lines = equations.text(found).splitlines()
    assert lines[0].startswith("a.1 ") and max(map(len, lines)) <= 100
    assert lines[-3:] == ["    source: paper", "    in: a.f, a.g", "    test_a: test_one"]
    assert "".join(lines[:-3]).count("x") == 60
    assert equations.text([found[0]._replace(tests=[])]).splitlines() == lines[:-1]


HERE = equation_index.index(tests=equations.checkout_tests())


def test_nothing_dangles_in_this_package():
    assert HERE.dangling == []


def test_the_index_is_not_empty():
    assert len(HERE.equations) > 40


@pytest.mark.parametrize("part", ["tests", "functions", "source"])
def test_every_equation_has(part):
    assert [x.name for x in HERE.equations if not getattr(x, part)] == []
