"""Back-propagation through a trial."""

import numpy as np
import pytest
from coursework_by_hand import by_complex_step, trial_surrogate

from metarl_min.teach import backpropagation as topic
from metarl_min.teach.recurrent_steps import draw_parameters


def recorded(seed=0):
    rng = np.random.default_rng(seed)
    params = draw_parameters(rng, 2, 2)
    inputs = rng.normal(size=(4, 4))
    inputs[:, -1] = [0, 0, 1, 0]
    return params, inputs, rng.integers(2, size=4), rng.normal(size=4)


@pytest.mark.verifies("backpropagation.1")
def test_eq1_by_loops():
    assert float(topic.surrogate(*recorded())) == pytest.approx(
        trial_surrogate(*recorded()), rel=1e-12
    )


@pytest.mark.verifies("backpropagation.2")
@pytest.mark.verifies("backpropagation.3")
def test_eqs2_and_3_are_the_complex_step_of_eq1():
    gradient, expected = topic.backpropagate(*recorded()), by_complex_step(*recorded())
    for name, leaf in expected.items():
        assert gradient[name] == pytest.approx(leaf, rel=1e-10, abs=1e-12)
