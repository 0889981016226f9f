"""The protocol of a policy with a memory: what a record and a step of it must be."""

import numpy as np
import pytest
from recurrent_policies import made

from metarl_min.evolution import players
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
    assert protocol.require_outputs(np.zeros((3, 2)), np.zeros(3), (3, 2)) is None


def test_a_policy_unrolls_over_finite_observations_with_its_own_parameters():
    policy, params, x, _ = made("gru")
    for name, bad in (("W", np.nan), ("b", np.inf)):
        wrong = {**params, name: params[name] * bad}
        with pytest.raises(ValueError, match=rf"parameter '{name}' must be finite"):
            recurrent_policies.unroll(policy, wrong, x)
    with pytest.raises(ValueError, match="x must be finite"):
        recurrent_policies.unroll(policy, params, x * np.nan)
    with pytest.raises(ValueError, match=r"must accept the parameters.*got KeyError: 'W'"):
        recurrent_policies.unroll(policy, {k: v for k, v in params.items() if k != "W"}, x)
    with pytest.raises(ValueError, match=r"parameter 'b' must have the shape \(18,\), got \(1,\)"):
        recurrent_policies.unroll(policy, {**params, "b": params["b"][:1]}, x)


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_gradient_is_that_of_finite_numbers_that_fit(by_hand):
    policy, params, x, _ = made("gru")
    policy = policy if by_hand else policy._replace(gradient=None)
    memories, z, v = recurrent_policies.unroll(policy, params, x)
    with pytest.raises(ValueError, match=r"parameter 'W' must have the shape \(1, 18\), got"):
        recurrent_policies.gradient(policy, params, x[..., :1], memories, z, v)
    with pytest.raises(FloatingPointError, match=r"the gradient in '.*' must be finite"):
        recurrent_policies.gradient(policy, params, x, memories, z * np.nan, v)
    for wrong in (None, 3):
        with pytest.raises(TypeError, match="memories must be a tuple, got"):
            recurrent_policies.gradient(policy, params, x, wrong, z, v)
    with pytest.raises(TypeError, match="logit_gradients must be an array of floats, got list"):
        recurrent_policies.gradient(policy, params, x, memories, z.tolist(), v)


def test_the_shapes_of_a_population_are_computed_once():
    """A generation of a search wraps its policy anew. It must not draw new initial parameters."""
    policy, drawn = recurrent_policies.gru(3), []

    def init(rng, num_inputs, num_actions):
        drawn.append(num_inputs)
        return policy.init(rng, num_inputs, num_actions)

    own = policy._replace(init=init)
    theta = own.init(np.random.default_rng(0), 5, 2)
    thetas = {name: np.stack([x] * 4) for name, x in theta.items()}
    for _ in range(3):
        batched = players.batched_over_population(own, 4)
        protocol.require_parameters(batched, thetas, 5, 2)
    assert drawn == [5, 5]
