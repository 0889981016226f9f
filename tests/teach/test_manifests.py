"""Manifests: what they say, and what each wrong one is told."""

import copy
import json

import pytest

from metarl_min.teach import manifests
from metarl_min.teach.manifests import parse, read
from metarl_min.teach.questions import Question
from metarl_min.teach.submissions import Limits

TEST = {"id": "5.1", "question": "meta_gradient", "arguments": {"num_steps": 1}, "points": 6,
        "visibility": "visible", "partial": {"first order": 0.4}}  # fmt: skip
GOOD = {"id": "hw5", "title": "A title", "file": "hw5.py", "tests": [TEST]}


def changed(**changes):
    """Return GOOD with other entries. `__` leads into the first test, None takes an entry away."""
    content = copy.deepcopy(GOOD)
    for key, value in changes.items():
        of = content["tests"][0] if key.startswith("test_") else content
        name = key.removeprefix("test_")
        of[name] = value
        if value is None:
            del of[name]
    return content


def test_a_manifest_is_read_with_its_defaults():
    one = parse(GOOD)
    assert (one.id, one.title, one.file) == ("hw5", "A title", "hw5.py")
    assert one.limits == Limits(seconds=20.0, megabytes=400, forbidden=("metarl_min",))
    (test,) = one.tests
    assert (test.id, test.points, test.visibility) == ("5.1", 6, "visible")
    assert test.partial == {"first order": 0.4} and isinstance(test.question, Question)


def test_all_entries_are_read():
    given = changed(forbidden=["autograd", "a.b", "autograd"], seconds=3, megabytes=64,
                    test_partial=None, test_arguments=None, test_visibility="hidden")  # fmt: skip
    one = parse(given)
    assert one.limits == Limits(3.0, 64, ("autograd", "a.b", "metarl_min"))
    assert one.tests[0].partial == {} and one.tests[0].visibility == "hidden"


T = r"tests\[0\]"
WRONG = {
    "no object": ([], r"the manifest must be an object, got \[\]"),
    "unknown key": (changed(seconde=3), "must be one of .*, got 'seconde', did you mean seconds"),
    "missing key": (changed(title=None), r"must have the keys .*, got none of \['title'\]"),
    "empty title": (changed(title=" "), "title must be a text of the form .*, got ' '"),
    "id": (changed(id="hw 5"), "id must be a text of the form .*, got 'hw 5'"),
    "number as id": (changed(id=5), "id must be a text of the form .*, got 5"),
    "path": (changed(file="../hw5.py"), "file must be a text of the form .*, got '../hw5.py'"),
    "json.py": (changed(file="json.py"), "file must not be named like a known module, got json.py"),
    "numpy.py": (changed(file="numpy.py"), "file must not be named like a known module, got numpy"),
    "seconds": (changed(seconds=0), "seconds must be finite, from 0.1 to 3600, got 0.0"),
    "text as seconds": (changed(seconds="20"), "seconds must be a real number, got '20'"),
    "megabytes": (changed(megabytes=1.5), "megabytes must be a whole number, got 1.5"),
    "forbidden": (changed(forbidden="torch"), "forbidden must be a list.*, got 'torch'"),
    "no module": (changed(forbidden=["a b"]), "a name in forbidden must be .*, got 'a b'"),
    "no tests": (changed(tests=[]), r"tests must be a list of tests, got \[\]"),
    "tests": (changed(tests={"id": 1}), r"tests must be a list of tests, got {'id': 1}"),
    "no test": (changed(tests=[3]), T + r" must be an object, got 3"),
    "twice": (changed(tests=[TEST, TEST]), "each test must have an id of its own, got"),
    "test key": (changed(test_point=1), r"a key of tests.0. must be one of .*, got 'point'"),
    "question": (changed(test_question="meta"), T + r".question must be one of .*, got 'meta'"),
    "list": (changed(test_question=[1]), T + r".question must be one of .*, got '\[1\]'"),
    "argument": (changed(test_arguments={"steps": 1}), T + r".arguments must fit"),
    "value": (changed(test_arguments={"num_steps": 0}), "num_steps must be at least 1, got 0"),
    "arguments": (changed(test_arguments=[1]), T + r".arguments must be an object, got \[1\]"),
    "points": (changed(test_points=0), T + r".points must be at least 1, got 0"),
    "half points": (changed(test_points=2.5), T + r".points must be a whole number, got 2.5"),
    "true points": (changed(test_points=True), T + r".points must be a whole number, got True"),
    "visibility": (changed(test_visibility="seen"), T + r".visibility must be .*, got 'seen'"),
    "partial": (changed(test_partial=0.4), T + r".partial must be an object, got 0.4"),
    "mistake": (changed(test_partial={"first ordr": 0.4}), "did you mean first order"),
    "share": (changed(test_partial={"first order": 1}), r"partial.* must be .*, got 1.0"),
    "test id": (changed(test_id=5.1), T + r".id must be a text of the form .*, got 5.1"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_manifest_is_told_the_rule_and_what_it_has(name, tmp_path):
    content, message = WRONG[name]
    with pytest.raises((ValueError, TypeError), match=message):
        parse(copy.deepcopy(content))
    (tmp_path / manifests.FILE).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"assignment.json: ") as caught:
        read(tmp_path)
    assert str(caught.value).count("\n") == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "assignment.json: Expecting"),
        ("", "assignment.json: Expecting value"),
        ("\xff\xfe", "assignment.json: "),
        ('{"id": "a", "id": "b"}', r"each key of an object must stand once, got \['id', 'id'\]"),
        (json.dumps(changed(seconds=float("nan"))), "seconds must be finite"),
        (json.dumps(changed(test_partial={"first order": float("inf")})), "must be finite"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_manifest_is_refused(text, message, tmp_path):
    (tmp_path / manifests.FILE).write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=message):
        read(tmp_path)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must be a folder with assignment.json, got"):
        read(tmp_path)
    with pytest.raises(TypeError):
        read(3)
