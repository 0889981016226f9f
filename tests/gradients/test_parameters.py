"""parameters: checks of parameters and step sizes."""

import numpy as np
import pytest
from autograd import grad

from metarl_min.gradients.parameters import check_parameters, check_step_sizes
from metarl_min.mdps import networks, policies

NETWORK = networks.mlp(2)
THETA = NETWORK.init(np.random.default_rng(0), 3, 4)
EACH = {name: np.zeros((5, *leaf.shape)) for name, leaf in THETA.items()}


def test_parameters_of_the_policy_are_accepted_shared_or_for_each_task():
    check_parameters(NETWORK, THETA, (3, 4))
    check_parameters(NETWORK, THETA, (3, 4), num_tasks=5)
    check_parameters(NETWORK, EACH, (3, 4), num_tasks=5)
    for num_tasks in (None, 4):
        with pytest.raises(ValueError, match="theta must have the names and shapes"):
            check_parameters(NETWORK, EACH, (3, 4), num_tasks)
    with pytest.raises(ValueError, match="theta must have the names and shapes"):
        check_parameters(NETWORK, EACH | {"b1": THETA["b1"]}, (3, 4), num_tasks=5)
    with pytest.raises(ValueError, match="theta must have the names and shapes"):
        check_parameters(policies.tabular, THETA, (3, 4))


def test_names_and_shapes_of_what_autograd_traces_are_checked_too():
    def checked(theta):
        check_parameters(NETWORK, theta, (3, 4))
        check_step_sizes(theta, THETA)
        return theta["b2"].sum()

    assert (grad(checked)(THETA)["b2"] == 1).all()
    with pytest.raises(ValueError, match="theta must have the names and shapes"):
        grad(checked)(THETA | {"b2": np.zeros(5)})


def test_step_sizes_are_a_number_or_one_for_each_parameter():
    check_step_sizes(0.0, THETA)
    check_step_sizes({name: -leaf for name, leaf in THETA.items()}, THETA)
    check_step_sizes(THETA, EACH, num_tasks=5)
    for wrong in ({"b2": THETA["b2"]}, THETA | {"b2": np.ones(1)}, THETA | {"z": np.ones(1)}):
        with pytest.raises(ValueError, match="alpha must have the names and shapes"):
            check_step_sizes(wrong, THETA)
    with pytest.raises(ValueError, match="alpha must be finite, from 0 to inf, got -1"):
        check_step_sizes(-1.0, THETA)
