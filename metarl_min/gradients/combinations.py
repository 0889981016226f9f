"""Settings of MAML that do not go together.

Two settings contradict each other, or one of them takes away the effect of the other. `check` is
used by `maml`, and trusts its arguments.
"""

from __future__ import annotations

from typing import Any

from metarl_min.basics.arguments import require
from metarl_min.gradients.outer_updates import Settings
from metarl_min.gradients.traced_trials import TRACED, UNTRACED
from metarl_min.tasks import require_support


def _check_exact(estimator: str | None) -> None:
    """Raise a ValueError unless the estimator has a use where objective is exact."""
    names = [name for name in UNTRACED if name != "plain"]
    why = "nothing is sampled, so there is no score term, and plain is emaml"
    rule = f"estimator must be one of {', '.join(names)} where objective is exact: {why}"
    require(estimator is None or estimator in names, rule, estimator)


def _check_one_stage(settings: Settings, words: dict[str, Any]) -> None:
    """Raise a ValueError if a setting needs an inner step, but a trial has no inner step.

    If a trial has a single episode, no setting can add an inner step. Then the error is
    `Unsupported`, which is a ValueError.
    """
    needed, got, demand = "an inner step", "inner_steps 0", require
    if settings.adaptation.family.num_episodes == 1:
        needed, got = "at least two episodes, with an inner step between them,", "one"
        demand = require_support
    # The values are the words that are allowed. None stands for an estimator of your own.
    for name, values in (("estimator", ("emaml", None)), ("learn_alpha", ("no",))):
        word = words.get(name)
        demand(word in values, f"a trial must have {needed} where {name} is {word}", got)
    rule = f"a trial must have {needed} where objective is adapted"
    demand(words["objective"] != "adapted", rule, got)


def check(settings: Settings, words: dict[str, Any]) -> None:
    """Raise a ValueError if two settings do not go together.

    `words` is the result of `describe` in `basics/words`: it maps the name of each setting to its
    word of the command line. In the place of `outer`, `words` has the entries of `Outer.words`,
    such as `update`. An estimator of your own has no word, so then `words` has no entry
    `estimator`.
    """
    estimator, objective, update = words.get("estimator"), words["objective"], words["update"]
    if objective == "exact":
        _check_exact(estimator)
    if settings.adaptation.inner_steps == 0:
        _check_one_stage(settings, words)
    fixed = words.get("learn_alpha") == "no"
    rule = f"baseline must not be linear where estimator is one of {', '.join(TRACED)}"
    linear = settings.adaptation.baseline == "linear"
    require(not linear or estimator not in TRACED, rule, f"linear with {estimator}")
    rule = "with estimator reptile, learn_alpha must be no and objective must be trial or exact"
    fits = fixed and objective != "adapted"
    got = f"{words.get('learn_alpha')} and {objective}"
    require(estimator != "reptile" or fits, rule, got)
    needs = "estimator emaml or plain, objective trial or adapted, and learn_alpha no"
    fits = estimator in ("emaml", "plain") and fixed and objective != "exact"
    rule = f"an update other than ascent needs {needs}"
    require(update == "ascent" or fits, rule, update)
