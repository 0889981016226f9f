"""meta_sgd: a step size for each parameter, against traced and enumerated gradients."""

import adaptation_by_hand as by_hand
import numpy as np
import pytest
from autograd import grad

from metarl_min.basics import trees
from metarl_min.gradients import adaptation, objectives
from metarl_min.gradients.forward_passes import gradient
from metarl_min.learners.meta_sgd import meta_sgd
from metarl_min.mdps import networks, policies
from metarl_min.tasks.bandits import bandit
from metarl_min.tasks.gridworlds import gridworld

FAMILY = gridworld(size=2, start=0, horizon=2, episodes=4)


def problem(policy, num_tasks=3):
    rng = np.random.default_rng(0)
    batch = FAMILY.sample(rng, num_tasks)
    theta = policy.init(rng, *batch.shape)
    theta = trees.map_leaves(lambda x: x + 0.4 * rng.standard_normal(x.shape), theta)
    alpha = trees.map_leaves(lambda x: rng.uniform(-0.5, 1.5, x.shape), theta)
    return theta, alpha, objectives.expected_return_objective(batch, FAMILY.horizon)


@pytest.mark.verifies("adaptation.1")
def test_each_parameter_moves_by_its_own_step_size():
    theta, alpha, J = problem(policies.tabular)
    path = adaptation.inner_loop(policies.tabular, theta, alpha, [J])
    g = J.gradient(np.broadcast_to(theta["logits"], (3, 4, 5)))
    np.testing.assert_allclose(path[1]["logits"], theta["logits"] + alpha["logits"] * g, atol=1e-15)


@pytest.mark.verifies("adaptation.6")
@pytest.mark.parametrize("policy", [policies.tabular, networks.mlp(3)])
@pytest.mark.parametrize("num_steps", [1, 2, 3])
def test_the_gradient_in_alpha_is_that_of_the_enumerated_objective(policy, num_steps):
    theta, alpha, J = problem(policy, 1)
    batch = FAMILY.sample(np.random.default_rng(0), 1)
    single = by_hand.trajectories(type(batch)(*(x[0] for x in batch)), FAMILY.horizon)
    paths = list(single)

    def F(alpha):
        phi = theta
        for _ in range(num_steps):
            g = by_hand.policy_gradient(phi, paths)
            phi = {name: phi[name] + alpha[name] * g[name] for name in phi}
        return by_hand.expected_return(phi, paths)

    inner = [J] * num_steps
    path = adaptation.inner_loop(policy, theta, alpha, inner)
    v = adaptation.adjoints(policy, path, alpha, inner, [None] * num_steps + [J])
    found = adaptation.alpha_gradient(policy, path, inner, v)
    assert by_hand.relative_error(found, by_hand.complex_step(F, alpha)) < 1e-11


@pytest.mark.verifies("adaptation.4", "adaptation.6")
def test_first_order_is_the_gradient_with_every_hessian_dropped():
    """Traced: inner gradients are constants, so that phi_k = theta + sum alpha g_j exactly."""
    theta, alpha, J = problem(policies.tabular)
    inner, outer = [J] * 3, [None, J, None, J]
    path = adaptation.inner_loop(policies.tabular, theta, alpha, inner)
    constants = [gradient(policies.tabular, phi, J) for phi in path[:-1]]

    def F(both):
        phi, total = trees.broadcast_to_tasks(both["theta"], 3), 0.0
        for k, g in enumerate(constants):
            phi = trees.add_scaled(phi, both["alpha"], g)
            if outer[k + 1] is not None:
                total = total + J.value(phi["logits"]).sum()
        return total

    truth = grad(F)({"theta": theta, "alpha": alpha})
    v = adaptation.first_order_adjoints(policies.tabular, path, outer)
    in_alpha = adaptation.alpha_gradient(policies.tabular, path, inner, v)
    assert by_hand.relative_error(in_alpha, truth["alpha"]) < 1e-12
    assert by_hand.relative_error(trees.sum_tasks(v[0], theta), truth["theta"]) < 1e-12


def test_meta_sgd_learns_step_sizes_of_their_own_and_its_control_has_one():
    family = bandit(arms=3, pulls=4, prior=((1, 1), (3, 1), (1, 1)))
    learner = meta_sgd(family, num_tasks=50)
    state = learner.init(np.random.default_rng(0))
    assert (state.alpha["logits"] == 4.0).all()
    for i in range(40):
        state, _ = learner.step(np.random.default_rng([1, i]), state)
    # With two arms both gradients are the same. With three the worst of 20 seeds has 0.32.
    assert np.ptp(state.alpha["logits"]) > 0.1
    assert learner.without_adaptation(state).alpha == 0.0
    control = learner.untrained_control(np.random.default_rng(0))
    assert isinstance(control.alpha, float) and control.state.alpha == control.alpha
