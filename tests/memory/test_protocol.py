"""The protocol of a policy with a memory: what a record and a step of it must be."""

import numpy as np
import pytest

from metarl_min.memory import protocol, recurrent_policies


def test_a_policy_is_made_of_functions():
    gru = recurrent_policies.gru(3)
    for field in ("init", "initial_memory", "step"):
        with pytest.raises(TypeError, match=f"{field} must be a function, got None"):
            gru._replace(**{field: None})
    with pytest.raises(TypeError, match="gradient must be a function, got 'by hand'"):
        protocol.RecurrentPolicy(*gru[:3], "by hand")
    assert gru._replace(gradient=None).gradient is None


@pytest.mark.parametrize(
    ("logits", "values"), [((3, 2), (3, 1)), ((3, 2), ()), ((3, 1), (3,)), ((2, 3), (3,))]
)
def test_outputs_of_another_shape_are_refused(logits, values):
    with pytest.raises(ValueError, match=r"logits and values of a step must be \(3, 2\), \(3,\)"):
        protocol.require_outputs(np.zeros(logits), np.zeros(values), (3, 2))


def test_outputs_of_the_promised_shape_are_accepted():
    protocol.require_outputs(np.zeros((3, 2)), np.zeros(3), (3, 2))
