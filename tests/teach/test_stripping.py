"""From a master to the file of the student, with masters that Hypothesis writes."""

import ast
import io
import tokenize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metarl_min.teach.stripping import strip

NAMES = st.sampled_from(["alpha", "beta", "gamma", "delta"])
KEPT = st.sampled_from(["\n", "# a remark\n", "    # another remark\n", '    "text"\n'])
SOLUTION = st.lists(
    st.builds("    secret_{0} = {1}\n".format, NAMES, st.integers(0, 9))
    | st.builds("    for hidden_{0} in ():\n        pass\n".format, NAMES)
    | st.just("\n"),
    max_size=4,
).map("".join)


@st.composite
def parts_of_masters(draw):
    """Draw the text before each solution, the solutions, and the text after the last one."""
    parts = []
    for i in range(draw(st.integers(1, 3))):
        before = f"def function_{i}(x):\n" + "".join(draw(st.lists(KEPT, max_size=3)))
        parts.append((before, f"{i}.{draw(st.integers(1, 9))}", draw(SOLUTION)))
    return parts, draw(st.sampled_from(["", "\n\nLAST = 1\n", "\n\nLAST = '\u2028\x0c'"]))


def joined(parts, last, master):
    text = ""
    for before, name, solution in parts:
        begin = f"    ### BEGIN SOLUTION {name}\n{solution}    ### END SOLUTION\n"
        text += before + (begin if master else f'    raise NotImplementedError("{name}")\n')
    return text + last


def words(text):
    return {token.string for token in tokenize.generate_tokens(io.StringIO(text).readline)}


@given(parts_of_masters())
def test_the_student_version_differs_only_between_the_markers(drawn):
    master, student = joined(*drawn, master=True), joined(*drawn, master=False)
    assert strip(master) == student
    ast.parse(student)
    assert strip(student) == student
    assert strip(master.replace("\n", "\r\n")) == student.replace("\n", "\r\n")


@given(parts_of_masters())
def test_no_word_of_a_solution_is_left(drawn):
    found = words(strip(joined(*drawn, master=True)))
    assert not any(word.startswith(("secret_", "hidden_")) for word in found)
    outside = words(joined([(before, name, "") for before, name, _ in drawn[0]], "", master=False))
    assert found - outside <= words(drawn[1])


@given(parts_of_masters(), st.data())
def test_a_missing_marker_is_an_error_with_its_line(drawn, data):
    lines = joined(*drawn, master=True).split("\n")
    markers = [i for i, line in enumerate(lines) if "### " in line]
    gone = data.draw(st.sampled_from(range(len(markers))))
    rest = [line for i, line in enumerate(lines) if i != markers[gone]]
    if gone % 2:  # an END: the next BEGIN is nested, or the BEGIN before it is left open
        last = gone + 1 == len(markers)
        expected = markers[gone - 1] + 1 if last else markers[gone + 1]
    else:
        expected = markers[gone + 1]
    with pytest.raises(ValueError, match=f"^line {expected}: "):
        strip("\n".join(rest))


def test_a_text_without_markers_is_returned_as_it_is():
    for text in ("", "x = 1", "x = 1\r\n", "s = '\u2028\x0c\x1c'\n\n\n"):
        assert strip(text) == text


def test_a_solution_without_lines_is_replaced_too():
    master = "def f():\n    ### BEGIN SOLUTION 1\n    ### END SOLUTION\n"
    assert strip(master) == 'def f():\n    raise NotImplementedError("1")\n'


@pytest.mark.parametrize(
    ("master", "message"),
    [
        ("### BEGIN SOLUTION\nx\n### END SOLUTION\n", "line 1: a marker must be"),
        ("x = 1  ### BEGIN SOLUTION 1\n### END SOLUTION\n", "line 1: a marker must be"),
        ("a\n### Begin Solution 1\nx\n### END SOLUTION\n", "line 2: a marker must be"),
        ("a\n# BEGIN SOLUTION\nx\n# END SOLUTION\n", "line 2: a marker must be"),
        ("### BEGIN SOLUTION 1 2\nx\n### END SOLUTION\n", "line 1: a marker must be"),
        ("### END SOLUTION\n", "line 1: a solution must begin before it ends"),
        ("a\n### BEGIN SOLUTION 1\n", "line 2: a solution must end"),
        ("### BEGIN SOLUTION 1\n### BEGIN SOLUTION 2\n", "line 2: solution 1 .* must end before"),
        ("a = 1\n  ### BEGIN SOLUTION 1\n  ### END SOLUTION\n", "line 2: .* must be Python, got"),
        ("# total = a + b * c\n### BEGIN SOLUTION 1\ntotal = a + b * c\n### END SOLUTION\n",
         "line 3: a solution must not stand outside its markers, got total"),
        ("x = '\x00'\n", "line 1: the student's version must be Python"),
    ],
)  # fmt: skip
def test_wrong_masters_are_refused_with_the_line(master, message):
    with pytest.raises(ValueError, match=message):
        strip(master)


def test_only_a_text_is_stripped():
    with pytest.raises(TypeError, match="text must be of type str, got bytes"):
        strip(b"x = 1")
