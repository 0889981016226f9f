"""The scores of a learner as a row of a result, beside those of its start and of its control."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from metarl_min import evaluation
from metarl_min.ceilings.bayes_optimal import Ceiling
from metarl_min.cli.jobs import Row
from metarl_min.evaluation import Scores
from metarl_min.learners import Learner


def fields(scores: Scores) -> Row:
    """Return scores as they stand in results."""
    row = scores._asdict()
    return {"return": row.pop("value"), **row}


def score_row(
    learner: Learner,
    state: Any,
    ceiling: Ceiling | None,
    *,
    num_tasks: int,
    num_control_tasks: int,
    seed: int,
    control_seed: int,
    greedy: bool = False,
) -> Row:
    """Return the scores of a learner, of its unadapted start and of its untrained control.

    The last two are scored on `num_control_tasks` tasks.
    """
    score = partial(evaluation.evaluate, learner, seed=seed, ceiling=ceiling, greedy=greedy)
    row = {**fields(score(state, num_tasks=num_tasks)), "before": None, "control": None}
    if learner.without_adaptation is not None:
        start = learner.without_adaptation(state)
        row["before"] = fields(score(start, num_tasks=num_control_tasks))
    if learner.untrained_control is not None:
        control = learner.untrained_control(np.random.default_rng([control_seed, 0, 2]))
        scores = fields(score(control.state, num_tasks=num_control_tasks))
        row["control"] = {**scores, "alpha": control.alpha}
    return row
