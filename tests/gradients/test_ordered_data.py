"""Ordered lists of episodes, against counted ones and against differences."""

import estimators_by_hand as by_hand
import numpy as np
import pytest
from comparing import close

from metarl_min.basics import trees
from metarl_min.gradients import meta_gradients, objectives, ordered_data
from metarl_min.gradients.enumeration import trajectories
from metarl_min.gradients.estimator_weights import dice_weights, plain_weights
from metarl_min.gradients.library_estimators import decayed_dice_weights

PROBLEMS = ordered_data.measured_problems()
every_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=["1", "2", "4", "mdp1", "mdp2"])


def test_the_problems_are_the_two_of_the_table():
    assert [(x.horizon, x.num_episodes) for x in PROBLEMS] == [
        (1, 1),
        (1, 2),
        (1, 4),
        (2, 1),
        (2, 2),
    ]
    assert [x.inner.alpha for x in PROBLEMS] == [0.7] * 3 + [0.6] * 2
    worked_example = [meta_gradients.exact_gradients(x).F_N for x in PROBLEMS[:2]]
    assert worked_example == pytest.approx([0.504624, 0.503995], abs=5e-7)


@every_problem
@pytest.mark.verifies("ordered_data.1")
def test_eq1_every_list_has_the_probability_of_its_episodes(problem):
    inputs, p = ordered_data.ordered_inputs(problem, plain_weights)
    U, N = len(trajectories(problem.task, problem.horizon).log_chance), problem.num_episodes
    assert len(p) == U**N and p.sum() == pytest.approx(1, abs=1e-14)
    kinds = by_hand.episodes(problem.task, problem.horizon)
    by_steps = {}  # trajectories that differ in their last arrival only are one
    for kind in kinds:
        by_steps[kind.steps] = by_steps.get(kind.steps, 0.0) + kind.chance
    (data,) = inputs.data
    assert (data.counts == 1).all()
    for m in range(0, len(p), 7):
        chance = 1.0
        for i in range(N):
            fields = (x[m, i] for x in data.episodes[:4])
            steps = tuple(zip(*(x.tolist() for x in fields), strict=True))
            episode = by_hand.Episode(steps, by_steps[steps])
            chance = chance * by_hand.probability(problem.theta, [episode])
        assert p[m] == pytest.approx(chance, rel=1e-13)


@every_problem
@pytest.mark.verifies("ordered_data.2")
def test_eq2_with_plain_weights_it_is_the_exact_gradient_of_F_N(problem):
    truth = trees.ravel(meta_gradients.exact_gradients(problem).grad_F_N)[0]
    for weights in (plain_weights, dice_weights):  # their values, hence their steps, are equal
        inputs, p = ordered_data.ordered_inputs(problem, weights)
        assert close(ordered_data.own_gradient(inputs, p, weights), truth, 1e-14)


@pytest.mark.parametrize("problem", [PROBLEMS[1], PROBLEMS[4]], ids=["bandit", "mdp"])
@pytest.mark.verifies("ordered_data.2")
def test_eq2_with_weights_that_follow_another_gradient_it_is_that_of_differences(problem):
    weights = decayed_dice_weights
    J = objectives.expected_return_objective(problem.task, problem.horizon)

    def F_N(flat):
        moved = problem._replace(theta={"logits": flat.reshape(problem.task.shape)})
        inputs, p = ordered_data.ordered_inputs(moved, weights)
        return float(p @ J.value(inputs.path[-1]["logits"]))

    at, h = problem.theta["logits"].ravel(), 1e-3
    slopes = []
    for e in h * np.eye(len(at)):
        near, far = F_N(at + e) - F_N(at - e), F_N(at + 2 * e) - F_N(at - 2 * e)
        slopes.append((8 * near - far) / h / 12)
    inputs, p = ordered_data.ordered_inputs(problem, weights)
    own = ordered_data.own_gradient(inputs, p, weights)
    assert own == pytest.approx(slopes, abs=1e-11)
    plain = ordered_data.own_gradient(
        *ordered_data.ordered_inputs(problem, plain_weights), plain_weights
    )
    assert np.abs(own - plain).max() > 1e-3


def test_held_weights_have_the_same_values_and_no_derivative():
    rewards, b = np.array([[[1.0, 4.0]]]), np.zeros((1, 1, 2))
    weights = ordered_data.held(dice_weights)
    for log_ratio in (np.zeros((1, 1, 2)), np.ones((1, 1, 2))):
        assert weights(log_ratio, rewards, b, 1.0).tolist() == [[[5.0, 4.0]]]
