"""Base calls of the estimators in the room `gradients`."""

import numpy as np
from comparing import rng

from campaign.gradients_values import (
    DATA,
    EXACT,
    EXACT_PROBLEM,
    INNER,
    MOMENTS,
    ONE,
    PROBLEM,
    ROWS,
)
from campaign.judging import call
from metarl_min.gradients import (
    enumeration,
    estimators,
    exact_checks,
    exact_mistakes,
    inner_steps,
    libraries,
    library_verdicts,
    listed_data,
    meta_gradients,
    monte_carlo,
    orders,
)
from metarl_min.gradients import problems as problems_
from metarl_min.gradients.enumeration import Data

B = "broadcast"
NONE = "None"
CALLS = {
    "enumeration.Data": call(Data, **DATA._asdict()),
    "enumeration.trajectories": call(enumeration.trajectories, task=ONE, horizon=2),
    "enumeration.compositions": call(
        enumeration.compositions, num_trajectories=2, num_episodes=3
    ),
    "enumeration.num_data_sets": call(
        enumeration.num_data_sets, num_trajectories=2, num_episodes=3, num_steps=2
    ),
    "listed_data.from_counts": call(listed_data.from_counts, problem=PROBLEM),
    "listed_data.in_one_order": call(listed_data.in_one_order, problem=PROBLEM),
    "listed_data.in_every_order": call(listed_data.in_every_order, problem=PROBLEM),
    "listed_data.on_episodes": call(listed_data.on_episodes, estimator=estimators.plain),
    "orders.check_order": call(
        orders.check_order,
        {"num_episodes": "wrong-shape", "problem": NONE},
        estimator=estimators.plain, estimand="F_N", problem=PROBLEM, num_episodes=[1, 2, 3],
    ),
    "exact_mistakes.ExactProblem": call(exact_mistakes.ExactProblem, **EXACT_PROBLEM._asdict()),
    "exact_mistakes.standard_exact_problems": call(exact_mistakes.standard_exact_problems),
    "exact_checks.check_exact_meta_gradient": call(
        exact_checks.check_exact_meta_gradient, {"problem": NONE},
        program=exact_mistakes.right, problem=EXACT_PROBLEM, tolerance=1e-9,
    ),
    "inner_steps.InnerStep": call(inner_steps.InnerStep, {"baseline": "sign"}, **INNER._asdict()),
    "problems.Problem": call(problems_.Problem, **PROBLEM._asdict()),
    "meta_gradients.enumerate_data": call(meta_gradients.enumerate_data, problem=PROBLEM),
    "exact_objectives.exact_gradients": call(meta_gradients.exact_gradients, problem=PROBLEM),
    "meta_gradients.enumerated_inputs": call(meta_gradients.enumerated_inputs, problem=PROBLEM),
    "meta_gradients.measure": call(
        meta_gradients.measure, estimates=ROWS, probability=np.array([0.25, 0.75]), exact=EXACT
    ),
    "meta_gradients.break_even": call(
        meta_gradients.break_even, {"bias_norm": "zero"}, biased=MOMENTS, unbiased=MOMENTS,
        bias_norm=0.5
    ),
    "meta_gradients.compare_estimators": call(
        meta_gradients.compare_estimators,
        {"functions": "names", "num_episodes": "wrong-shape"},
        functions={"plain": estimators.plain}, problem=PROBLEM, num_episodes=[1, 2],
    ),
    "problems.standard_problems": call(problems_.standard_problems),
    "meta_gradients.check_meta_gradient": call(
        meta_gradients.check_meta_gradient, {"problem": NONE},
        estimator=estimators.plain, estimand="F_N", problem=PROBLEM, tolerance=1e-10,
    ),
    "library_verdicts.measure_all": call(
        library_verdicts.measure_all,
        {"libraries": "wrong-shape", "problems": "wrong-shape"}, libraries=libraries.SUMS[:1],
        problems=[PROBLEM._replace(num_episodes=1)],
    ),
    "monte_carlo.sample_data": call(
        monte_carlo.sample_data, rng=rng(), problem=PROBLEM, num_sets=3
    ),
    "monte_carlo.compare_by_sampling": call(
        monte_carlo.compare_by_sampling,
        {"functions": "names"}, rng=rng(), functions={"plain": estimators.plain}, problem=PROBLEM,
        num_sets=3,
    ),
}  # fmt: skip
