"""The fast form of the inner loop returns the iterates of the plain form."""

import numpy as np
import pytest

from metarl_min.gradients.forward_passes import forward_passes, passes_of_path, take_steps
from metarl_min.gradients.objectives import expected_return_objective
from metarl_min.mdps.networks import mlp
from metarl_min.mdps.policies import tabular
from metarl_min.tasks.gridworlds import gridworld


@pytest.mark.parametrize("horizon", [1, 4, None])
@pytest.mark.parametrize("policy", [tabular, mlp(3)], ids=["table", "network"])
def test_both_forms_have_the_same_iterates(policy, horizon):
    tasks = gridworld(size=2, start=0, goals=(2, 3)).sample(np.random.default_rng(0), 3)
    J = expected_return_objective(tasks, horizon, 0.9)
    theta = policy.init(np.random.default_rng(1), *tasks.shape)
    theta = {name: x + 0.1 * np.arange(x.size).reshape(x.shape) % 0.7 for name, x in theta.items()}
    plain = take_steps(policy, theta, 0.5, [J, J])
    path, passes = forward_passes(policy, theta, 0.5, [J, J])
    again = passes_of_path(policy, path, [J, J])
    assert len(plain) == len(path) == len(passes) == 3
    for one, other in zip(plain, path, strict=True):
        for name in theta:
            np.testing.assert_allclose(other[name], one[name], rtol=1e-13, atol=1e-15)
    assert passes[-1].derivatives is None
    for one, other in zip(passes, again, strict=True):
        np.testing.assert_array_equal(one.probs, other.probs)
    for k in range(2):
        truth = J.gradient(policy.logits(path[k]))
        for form in (passes, again):
            found = form[k].derivatives.gradient
            np.testing.assert_allclose(found, truth, rtol=1e-12, atol=1e-15)
