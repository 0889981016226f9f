"""What grading services accept, written from their public documents.

Each function returns in sentences what is wrong with a file of results.

- Gradescope: Autograder Specifications, sections "Output format", "Controlling test case
  visibility", "Test case status" and "Output string formatting" (gradescope-autograders on
  Read the Docs).
- Classroom 50: Advanced Autograding, section "The result.json contract"; the JSON schema
  result-v1 of the same repository; and the rules that this schema cannot express: a score is at
  most its maximum (foundation50/classroom50).
"""

import math
import re

# An assignment that is small enough to be bundled in a test.
MANIFEST = {
    "id": "hw9",
    "title": "A bundle",
    "file": "hw9.py",
    "tests": [
        {"id": "9.1", "question": "meta_gradient", "arguments": {"num_steps": 1}, "points": 2,
         "visibility": "visible"},
        {"id": "9.2", "question": "meta_gradient", "points": 3, "visibility": "after_due_date"},
    ],
}  # fmt: skip
VISIBILITIES = {"hidden", "after_due_date", "after_published", "visible"}
FORMATS = {"text", "simple_format", "html", "md", "ansi"}
TOP = {
    "score", "execution_time", "output", "output_format", "test_output_format", "test_name_format",
    "visibility", "stdout_visibility", "extra_data", "tests", "leaderboard",
}  # fmt: skip
TEST = {
    "score", "max_score", "status", "name", "name_format", "number", "output", "output_format",
    "tags", "visibility", "extra_data",
}  # fmt: skip
TEXTS = {"output", "name", "number"}
CHOICES = {
    "visibility": VISIBILITIES,
    "stdout_visibility": VISIBILITIES,
    "output_format": FORMATS,
    "test_output_format": FORMATS,
    "test_name_format": FORMATS,
    "name_format": FORMATS,
    "status": {"passed", "failed"},
}
INSTANT = r"\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"


def is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def gradescope_fields(name, content, known):
    for key, value in content.items():
        if key not in known:
            yield f"{name}: the field {key} is unknown"
        elif key in ("score", "max_score", "execution_time") and not is_number(value):
            yield f"{name}: {key} is no finite number"
        elif key in TEXTS and not isinstance(value, str):
            yield f"{name}: {key} is no text"
        elif key in TEXTS and "\0" in value:
            yield f"{name}: {key} holds a character that a database refuses"
        elif key in CHOICES and value not in CHOICES[key]:
            yield f"{name}: {key} is {value!r}"
        elif key == "extra_data" and not isinstance(value, dict):
            yield f"{name}: extra_data is no object"


def gradescope_faults(content):
    if not isinstance(content, dict):
        return ["the results are no object"]
    faults = list(gradescope_fields("results", content, TOP))
    tests = content.get("tests", [])
    if "score" not in content and not tests:
        faults.append("there is neither a score nor a test")
    for test in tests:
        faults += gradescope_fields("test", test, TEST)
        if "score" not in content and "score" not in test:
            faults.append("a test has no score")
        if is_number(test.get("score")) and not 0 <= test["score"] <= test["max_score"]:
            faults.append("a score is not between 0 and its maximum")
    return faults


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def classroom50_counts(name, content):
    score, most = content.get("score"), content.get("max-score")
    if not (is_count(score) and is_count(most)):
        yield f"{name}: a score is no whole number"
    elif score > most:
        yield f"{name}: the score {score} is larger than {most}"


def classroom50_faults(content):
    texts = {
        "classroom", "assignment", "owner", "submission", "commit", "release", "review", "datetime",
    }  # fmt: skip
    needed = texts | {"schema", "assignment_type", "score", "max-score", "tests"}
    if not isinstance(content, dict):
        return ["the result is no object"]
    faults = [f"the field {x} is missing" for x in sorted(needed - set(content))]
    unknown = set(content) - needed - {"graded_at", "submitted_by"}
    faults += [f"the field {x} is unknown" for x in sorted(unknown)]
    faults += [f"{x} is no text" for x in sorted(texts) if not isinstance(content.get(x), str)]
    faults += [f"{x} is empty" for x in sorted(texts) if content.get(x) == ""]
    if content.get("schema") != "classroom50/result/v1":
        faults.append("the schema is another one")
    if content.get("assignment_type") not in ("individual", "group", "team"):
        faults.append("the type of the assignment is unknown")
    if not str(content.get("submission")).startswith("submit/"):
        faults.append("the submission has no tag submit/..")
    if not re.fullmatch(INSTANT, str(content.get("datetime"))):
        faults.append("the time is not written as the schema wants it")
    faults += classroom50_counts("result", content)
    for test in content.get("tests", []):
        faults += classroom50_counts("test", test)
        if not (isinstance(test.get("test-name"), str) and test["test-name"]):
            faults.append("a test has no name")
        if not isinstance(test.get("passed"), bool):
            faults.append("passed is no truth value")
    return faults


CLASSROOM50 = {  # what Classroom 50 sets before it runs an autograder
    "CLASSROOM": "meta",
    "ASSIGNMENT": "hw9",
    "ASSIGNMENT_TYPE": "individual",
    "USERNAME": "ann",
    "OWNER": "ann",
    "SUBMISSION_TAG": "submit/2026-12-01T10-00-00Z-a1b2c3d",
    "COMMIT_URL": "https://example.org/commit",
    "RELEASE_URL": "https://example.org/release",
    "REVIEW_URL": "https://example.org/review",
}
