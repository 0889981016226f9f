"""problems: a problem of estimators is valid from the moment it exists."""

import numpy as np
import pytest
from estimator_cases import SLIP, THREE_ARMS, inner_step_of, problem_of, start

from metarl_min.gradients import meta_gradients, problems
from metarl_min.gradients.estimators import fomaml
from metarl_min.mdps import policies

THETA = start(policies.tabular, SLIP)
PROBLEM = problem_of(inner_step_of(policies.tabular, 0.3), THETA, SLIP, 2, 2, 1)
INNER = PROBLEM.inner
SHAPES = r"must have the names and shapes \{'logits': \(2, 2\)\}, got"


@pytest.mark.parametrize(
    ("field", "value", "error", "message"),
    [
        ("inner", None, TypeError, "inner must be of type InnerStep, got NoneType"),
        ("task", THETA, TypeError, "task must be of type MDP, got dict"),
        ("task", THREE_ARMS, ValueError, "theta must have the names and shapes"),
        ("theta", {"logits": np.zeros((1, 2))}, ValueError, f"theta {SHAPES}"),
        ("theta", {"z": np.zeros((2, 2))}, ValueError, f"theta {SHAPES}"),
        ("theta", {"logits": np.full((2, 2), np.nan)}, ValueError, "must be finite, got"),
        ("horizon", 0, ValueError, "horizon must be at least 1, got 0"),
        ("num_episodes", 0, ValueError, "num_episodes must be at least 1, got 0"),
        ("num_episodes", True, TypeError, "num_episodes must be a whole number, got True"),
        ("num_steps", -1, ValueError, "num_steps must be at least 0, got -1"),
        (
            "inner", INNER._replace(alpha={"logits": np.ones((1, 2))}), ValueError,
            f"alpha {SHAPES}",
        ),
    ],
)  # fmt: skip
def test_a_field_that_does_not_fit_is_refused_also_where_it_is_replaced(
    field, value, error, message
):
    with pytest.raises(error, match=message):
        PROBLEM._replace(**{field: value})
    with pytest.raises(error, match=message):
        problems.Problem(**(PROBLEM._asdict() | {field: value}))


@pytest.mark.parametrize("baseline", ["mean", "leave_one_out", "standardised"])
def test_a_baseline_that_swallows_its_own_data_is_refused(baseline):
    """With one episode every estimator would agree with the gradient of F_N, because nothing
    adapts."""
    inner = INNER._replace(baseline=baseline)
    message = f"num_episodes must be at least 2 where baseline is {baseline}, got 1"
    with pytest.raises(ValueError, match=message):
        PROBLEM._replace(inner=inner)._replace(num_episodes=1)
    with pytest.raises(ValueError, match=message):
        meta_gradients.compare_estimators({"fomaml": fomaml}, PROBLEM._replace(inner=inner), [2, 1])
    assert PROBLEM._replace(inner=inner, num_episodes=1, num_steps=0).num_episodes == 1


@pytest.mark.parametrize("baseline", ["leave_one_out", "standardised"])
def test_with_enough_data_an_estimator_without_a_score_term_is_biased_for_F_N(baseline):
    exact = meta_gradients.compare_estimators(
        {"fomaml": fomaml}, PROBLEM._replace(inner=INNER._replace(baseline=baseline)), [2, 3]
    )
    assert all(x.moments["fomaml"].F_N.bias_norm > 0.01 for x in exact.values())


def test_numbers_are_converted():
    one = PROBLEM._replace(num_episodes=np.int8(2), num_steps=np.uint8(1), horizon=np.int16(2))
    assert [type(x) for x in one[3:6]] == [int, int, int]
