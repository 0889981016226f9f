"""inner_steps: the settings of an inner step are valid from the moment they exist."""

import pickle

import numpy as np
import pytest
from autograd import grad
from estimator_cases import ALPHA, SLIP, case, inner_step_of, start

from metarl_min.basics import trees
from metarl_min.gradients import advantages, inner_steps
from metarl_min.gradients.inner_steps import InnerStep
from metarl_min.mdps import policies

INNER = inner_step_of(policies.tabular, 0.3)
WORDS = "baseline must be mean, leave_one_out, standardised"
REFUSED = [
    ("policy", "table", TypeError, "policy must be of type Policy, got str"),
    ("alpha", -1.0, ValueError, "alpha must be finite, from 0 to inf, got -1.0"),
    ("alpha", np.nan, ValueError, "alpha must be finite, from 0 to inf, got nan"),
    ("alpha", True, TypeError, "alpha must be a real number, got True"),
    ("alpha", "1", TypeError, "alpha must be a real number, got '1'"),
    ("alpha", {}, TypeError, "non-empty dict of float arrays"),
    ("alpha", {"logits": [1.0]}, TypeError, "must be an array of floats, got list"),
    ("baseline", "linear", ValueError, f"{WORDS}, a number or a function, got 'linear'"),
    ("baseline", "bogus", ValueError, f"{WORDS}, a number or a function, got 'bogus'"),
    ("baseline", None, TypeError, "baseline must be a real number, got None"),
    ("baseline", True, TypeError, "baseline must be a real number, got True"),
    ("baseline", np.inf, ValueError, "baseline must be finite, got inf"),
    ("gamma", 1.5, ValueError, "gamma must be finite, from 0 to 1, got 1.5"),
]


@pytest.mark.parametrize(("field", "value", "error", "message"), REFUSED)
def test_a_setting_out_of_range_is_refused_also_where_it_is_replaced(field, value, error, message):
    with pytest.raises(error, match=message):
        INNER._replace(**{field: value})
    with pytest.raises(error, match=message):
        InnerStep(**(INNER._asdict() | {field: value}))


def test_a_step_size_of_zero_and_negative_step_sizes_of_a_tree_are_accepted():
    assert INNER._replace(alpha=0).alpha == 0.0
    each = {"logits": np.array([[-0.5, 1.0], [0.0, 2.0]])}
    assert INNER._replace(alpha=each).alpha is each
    assert pickle.loads(pickle.dumps(INNER)) == INNER


def test_a_step_size_that_is_traced_is_not_checked():
    x = case("slip")

    def moved(alpha):
        inner = x.inner._replace(alpha=alpha)
        weights = lambda log_ratio, rewards, b, gamma: rewards - b  # noqa: E731
        phi = inner_steps.inner_step(inner, x.path[0], x.path[0], x.data[0], weights)
        return trees.dot(phi, trees.map_leaves(np.cos, x.path[1]))

    difference = (moved(ALPHA + 0.5) - moved(ALPHA)) / 0.5  # a step is linear in alpha
    assert grad(moved)(ALPHA) == pytest.approx(difference, rel=1e-12)


@pytest.mark.parametrize("baseline", [0.3, "mean", "leave_one_out"])
def test_the_baseline_of_an_estimator_is_that_of_a_learner(baseline):
    x = case("slip", baseline)
    episodes = x.data[0].episodes
    W = np.cumsum(episodes.rewards[..., ::-1], axis=-1)[..., ::-1]
    b = inner_steps.baseline_per_step(x.inner, x.data[0])
    Adv = advantages.by_name(baseline, episodes, W, 2)
    np.testing.assert_allclose(W - b, Adv, atol=1e-14)


def test_standardised_advantages_of_an_estimator_are_those_of_a_learner():
    x = case("slip", "standardised")
    episodes = x.data[0].episodes
    W = np.cumsum(episodes.rewards[..., ::-1], axis=-1)[..., ::-1]
    b = inner_steps.baseline_per_step(x.inner, x.data[0])
    s = inner_steps.scale_per_task(x.inner, x.data[0], b)
    Adv = advantages.by_name("standardised", episodes, W, 2)
    np.testing.assert_allclose((W - b) / s, Adv, atol=1e-13)
    assert start(policies.tabular, SLIP)["logits"].shape == (2, 2)
