"""What the tests of the command line share."""

import json

SCORES = {
    "return", "stderr", "score", "score_stderr", "score_pdl", "score_pdl_stderr", "per_episode",
}  # fmt: skip
SMALL = ("bandit", "arms=2", "pulls=4")


def strict(text):
    """Read JSON that holds no NaN and no infinity."""

    def refuse(word):
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)
