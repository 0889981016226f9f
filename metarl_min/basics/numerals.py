"""Numbers that are written as words.

Python also reads `1_0`, `+5`, digits of other scripts, and digits with spaces around them. The
functions of this module refuse them, because a person may read such a word as another number.
"""

import re

from metarl_min.basics.arguments import require


def whole_number(word: str) -> int:
    """Return the number of a word such as 12 or -3; ValueError for any other word."""
    digits = re.fullmatch("-?[0-9]{1,4000}", word)
    require(digits is not None, "a whole number must be written in digits", repr(word))
    return int(word)


def number(word: str) -> float:
    """Return the number of a word such as 0.5, -3 or 1e-8; ValueError for any other word."""
    form = r"-?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?|-?inf|nan"
    digits = re.fullmatch(form, word, re.IGNORECASE | re.ASCII)
    require(digits is not None, "a number must be written in digits", repr(word))
    return float(word)
