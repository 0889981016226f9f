"""trial_gradients (1)-(4): the estimators, fed every trial that can happen, against its return."""

import itertools

import adaptation_by_hand as by_hand
import numpy as np
import pytest
from comparing import rng
from problems import TOGGLE_TASK, TWO_ARMS, small_grid

from metarl_min.basics import trees
from metarl_min.gradients import adaptation, objectives, trial_gradients, trials
from metarl_min.gradients.adaptation_settings import adaptation as resolve
from metarl_min.gradients.forward_passes import gradient
from metarl_min.mdps import networks, policies, rollouts
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import family_of_candidates
from metarl_min.tasks.bandits import bandit

INNER = {"alpha": 0.7, "baseline": 0.3, "gamma": 0.9}
CASES = {  # task, horizon, episodes of a trial, inner steps, episodes of an inner step
    "bandit, two steps": (TWO_ARMS, 1, 4, 2, 1),
    "bandit, three steps": (TWO_ARMS, 1, 4, 3, 1),
    "bandit, one step of two episodes": (TWO_ARMS, 1, 4, 1, 2),
    "bandit, two steps of two episodes": (TWO_ARMS, 1, 5, 2, 2),
    "two states, two steps": (TOGGLE_TASK, 2, 3, 2, 1),
}
ALL = {
    "emaml": trial_gradients.emaml,
    "plain": trial_gradients.plain,
    "fomaml": trial_gradients.fomaml,
}


def case(name, policy):
    """The settings, the task, a theta that is not uniform, and every trial that can happen."""
    task, horizon, num_episodes, num_steps, size = CASES[name]
    family = family_of_candidates(
        "one task", {}, task, np.ones(1), horizon, num_episodes, rollouts.deterministic
    )
    how = resolve(family, policy=policy, inner_steps=num_steps, inner_episodes=size, **INNER)
    generator = rng(3)
    theta = policy.init(generator, *task.shape)
    theta = trees.map_leaves(lambda x: x + 0.5 * generator.standard_normal(x.shape), theta)
    return how, task, theta, list(by_hand.every_trial(task, horizon, how.sizes))


def expectation(estimator, name, policy, weights):
    """E[gradient in theta]: `trials.play` itself, whose sampler hands out every trial in turn."""
    how, task, theta, all_trials = case(name, policy)
    sampler, mean, total = rollouts.sampler(task, rollouts.deterministic), None, 0.0
    for stages in all_trials:
        remaining, probability = iter(stages), 1.0

        def sample(rng, sampler, probs, num_episodes, horizon, population, given=remaining):
            nonlocal probability
            stage = next(given)
            assert len(stage) == num_episodes
            states, actions, rewards = (np.array(x)[None] for x in zip(*stage, strict=True))
            probability *= np.prod(probs.reshape(-1, *probs.shape[-2:])[0][states, actions])
            return Episodes(states, actions, rewards, np.ones(states.shape, bool))

        trial = trials.play(rng(0), how, sampler, theta, 0.7, sample=sample)
        advantages = estimator.advantages(trial.stages, weights)
        outer = trial_gradients.outer_surrogates(trial.stages, advantages, task.shape)
        g = estimator.gradients(how, trial, outer).in_theta
        g = trees.scale(g, probability)
        mean = g if mean is None else trees.add_scaled(mean, 1.0, g)
        total += probability
    assert total == pytest.approx(1.0, abs=1e-12)
    return mean


@pytest.mark.verifies("trial_gradients.1", "trial_gradients.2", "trials.1", "trials.2")
@pytest.mark.parametrize("early_weight", [1.0, 0.0])
@pytest.mark.parametrize("policy", [policies.tabular, networks.mlp(2)], ids=["table", "network"])
@pytest.mark.parametrize("name", CASES)
def test_second_order_with_score_term_is_unbiased_for_the_return_of_the_trial(
    name, policy, early_weight
):
    _, _, theta, all_trials = case(name, policy)
    weights = [early_weight] * (len(all_trials[0]) - 1) + [1.0]
    truth = by_hand.complex_step(
        lambda t: by_hand.trial_return(t, all_trials, weights, **INNER), theta
    )
    mean = expectation(trial_gradients.emaml, name, policy, weights)
    assert by_hand.relative_error(mean, truth) < 1e-11


@pytest.mark.verifies("trial_gradients.1")
@pytest.mark.parametrize("name", CASES)
def test_the_return_of_a_trial_is_the_mean_of_j_at_the_parameters_of_each_episode(name):
    how, task, theta, all_trials = case(name, policies.tabular)
    J = objectives.expected_return_objective(task, how.family.horizon)
    mean = 0.0
    for stages in all_trials:
        path = by_hand.trial_path(theta, stages, **INNER)
        log_p = sum(by_hand.log_prob(phi, stage) for phi, stage in zip(path, stages, strict=True))
        values = [J.value(phi["logits"].real[None])[0] for phi in path]
        mean += np.exp(log_p).real * np.dot(how.sizes, values)
    F = by_hand.trial_return(theta, all_trials, [1.0] * len(how.sizes), **INNER)
    assert mean == pytest.approx(F.real, rel=1e-12)


@pytest.mark.verifies("trial_gradients.3")
@pytest.mark.parametrize("name", CASES)
def test_first_order_is_unbiased_for_the_sum_of_gradients_at_each_iterate(name):
    how, task, theta, all_trials = case(name, policies.tabular)
    J = objectives.expected_return_objective(task, how.family.horizon)
    truth = {"logits": np.zeros(task.shape)}
    for stages in all_trials:
        path = by_hand.trial_path(theta, stages, **INNER)
        log_p = sum(by_hand.log_prob(phi, stage) for phi, stage in zip(path, stages, strict=True))
        for phi, stage in zip(path, stages, strict=True):
            g = J.gradient(np.real(phi["logits"])[None])[0]
            truth["logits"] += np.real(np.exp(log_p)) * len(stage) * g
    mean = expectation(trial_gradients.fomaml, name, policies.tabular, [1.0] * len(how.sizes))
    assert by_hand.relative_error(mean, truth) < 1e-11


@pytest.mark.verifies("trial_gradients.2")
def test_the_three_estimators_have_different_expectations():
    weights, name = [1.0] * 3, "bandit, two steps"
    emaml, fomaml = (
        expectation(ALL[x], name, policies.tabular, weights) for x in ("emaml", "fomaml")
    )
    assert by_hand.relative_error(fomaml, emaml) > 0.05
    name = "two states, two steps"  # on bandits plain is nearly first order
    means = [expectation(x, name, policies.tabular, weights) for x in ALL.values()]
    for one, other in itertools.combinations(means, 2):
        assert by_hand.relative_error(one, other) > 0.02


@pytest.mark.verifies("trial_gradients.4")
def test_leave_one_out_subtracts_the_mean_of_the_other_tasks():
    values = rng(0).standard_normal((4, 3, 2))
    others = np.stack([np.delete(values, m, axis=0).mean(0) for m in range(4)])
    np.testing.assert_allclose(trial_gradients.leave_one_out(values), values - others, atol=1e-14)
    np.testing.assert_array_equal(trial_gradients.leave_one_out(values[:1]), values[:1])


def episodes_that_pay(rewards):
    zeros = np.zeros(np.shape(rewards), int)
    return Episodes(zeros, zeros, np.array(rewards), zeros == 0)


@pytest.mark.verifies("trial_gradients.2", "trial_gradients.3")
@pytest.mark.parametrize("score_term", [True, False])
def test_a_step_of_a_single_task_is_weighed_by_the_reward_that_follows(score_term):
    rewards = [[[1.0, 2.0], [0.5, 0.25]], [[4.0, 8.0], [16.0, 32.0]], [[64.0, 128.0]]]
    stages = [episodes_that_pay([stage]) for stage in rewards]
    later = (10 * 60.0 + 192.0, 192.0, 0.0) if score_term else (0.0, 0.0, 0.0)
    truth = [[[3.0, 2.0], [0.75, 0.25]], [[120.0, 80.0], [480.0, 320.0]], [[192.0, 128.0]]]
    estimator = trial_gradients.emaml if score_term else trial_gradients.plain
    result = estimator.advantages(stages, [1.0, 10.0, 1.0])
    for advantages, R, W in zip(result, later, truth, strict=True):
        np.testing.assert_array_equal(advantages[0], R + np.array(W))


@pytest.mark.verifies("trial_gradients.4")
@pytest.mark.parametrize("name", ALL)
def test_the_baseline_of_the_other_tasks_is_subtracted_at_every_step(name):
    rewards = rng(0).standard_normal((2, 5, 3, 2))  # two stages, five tasks
    stages, weights = [episodes_that_pay(stage) for stage in rewards], [1.0, 1.0]
    together = ALL[name].advantages(stages, weights)
    alone = [ALL[name].advantages([episodes_that_pay(x[[m]]) for x in rewards], weights)
             for m in range(5)]  # fmt: skip
    for k in range(2):
        X = np.concatenate([stages[k] for stages in alone])
        others = np.stack([np.delete(X, m, axis=0).mean(0) for m in range(5)])
        np.testing.assert_allclose(together[k], X - others, atol=1e-13)


@pytest.mark.verifies("trial_gradients.4")
def test_leave_one_out_does_not_change_the_expectation_over_two_independent_tasks():
    """Two bandits without adaptation: the mean over all pairs of pulls, centred and not."""
    means, theta = np.array([[0.2, 0.9], [0.7, 0.1]]), np.array([0.3, -0.2])
    probs = by_hand.softmax(theta)
    exact = sum(probs * (m - probs @ m) for m in means)
    mean = np.zeros(2)
    for pulls in itertools.product(range(2), repeat=2):
        actions = np.array(pulls)[:, None, None]
        rewards = means[[0, 1], pulls][:, None, None]
        stage = Episodes(np.zeros_like(actions), actions, rewards, np.ones((2, 1, 1), bool))
        advantages = trial_gradients.trial_advantages([stage], [1.0])
        (L,) = trial_gradients.outer_surrogates([stage], advantages, (1, 2))
        mean += np.prod(probs[list(pulls)]) * L.gradient(theta[None]).sum((0, 1))
    np.testing.assert_allclose(mean, exact, atol=1e-14)


def sampled(family, estimator, num_tasks=6, **settings):
    """A sampled trial of this estimator, and its outer objectives."""
    how = resolve(family, alpha=0.7, baseline=0.1, gamma=0.8, **settings)
    generator = rng(0)
    sampler = rollouts.sampler(family.sample(generator, num_tasks), family.reward_noise)
    theta = how.policy.init(generator, *sampler.shape)
    theta = trees.map_leaves(lambda x: x + 0.3 * generator.standard_normal(x.shape), theta)
    trial = trials.play(generator, how, sampler, theta, 0.7)
    advantages = estimator.advantages(trial.stages, [1.0] * len(trial.stages))
    return how, trial, trial_gradients.outer_surrogates(trial.stages, advantages, sampler.shape)


@pytest.mark.parametrize("name", ["emaml", "plain"])
def test_the_gradient_in_one_step_size_is_the_sum_over_the_parameters(name):
    how, trial, outer = sampled(bandit(arms=3, pulls=5), ALL[name], inner_episodes=2)
    in_alpha = ALL[name].gradients(how, trial, outer).in_alpha()
    assert set(in_alpha) == {"logits"} and np.abs(in_alpha["logits"]).max() > 0

    def F(alpha):
        path = adaptation.inner_loop(how.policy, trial.path[0], alpha, trial.inner)
        return sum(
            np.sum(L.value(how.policy.logits(phi))) for L, phi in zip(outer, path, strict=True)
        )

    h = 1e-6
    slope = (F(0.7 + h) - F(0.7 - h)) / (2 * h)
    assert in_alpha["logits"].sum() == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("policy", [policies.tabular, networks.mlp(3)], ids=["table", "network"])
def test_the_gradient_of_first_order_in_alpha_holds_the_inner_gradients_fixed(policy):
    how, trial, outer = sampled(small_grid(), trial_gradients.fomaml, policy=policy)
    in_theta, in_alpha = trial_gradients.fomaml.gradients(how, trial, outer)
    fixed = [gradient(policy, phi, L) for phi, L in zip(trial.path, trial.inner)]  # noqa: B905
    truth = trees.map_leaves(np.zeros_like, trial.path[0])
    for k, L in enumerate(outer):
        at_k = gradient(policy, trial.path[k], L)
        for j in range(k):  # phi_k = theta + alpha (g_0 + .. + g_{k-1})
            product = trees.map_leaves(np.multiply, at_k, fixed[j])
            truth = trees.add_scaled(truth, 1.0, trees.sum_tasks(product, truth))
    assert by_hand.relative_error(in_alpha(), truth) < 1e-12
    total = [trees.sum_tasks(gradient(policy, phi, L), truth)
             for phi, L in zip(trial.path, outer, strict=True)]  # fmt: skip
    truth = trees.map_leaves(lambda *x: sum(x), *total)
    assert by_hand.relative_error(in_theta, truth) < 1e-12


@pytest.mark.parametrize("policy", [policies.tabular, networks.mlp(3)], ids=["table", "network"])
@pytest.mark.parametrize("name", ALL)
def test_the_forward_passes_that_a_trial_keeps_change_no_bit_of_the_gradients(name, policy):
    how, trial, outer = sampled(small_grid(), ALL[name], policy=policy)
    for kept, phi in zip(trial.passes, trial.path, strict=True):
        np.testing.assert_array_equal(kept.probs, policies.softmax(policy.logits(phi)))
    in_theta, in_alpha = ALL[name].gradients(how, trial, outer)
    again = ALL[name].gradients(how, trial._replace(passes=()), outer)
    for found, truth in ((in_theta, again.in_theta), (in_alpha(), again.in_alpha())):
        for leaf in truth:
            np.testing.assert_array_equal(found[leaf], truth[leaf])
