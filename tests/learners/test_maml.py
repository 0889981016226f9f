"""maml (1), trials (1)-(2): the sampled estimator against the enumerated return of a trial."""

import itertools
import pickle

import adaptation_by_hand as by_hand
import numpy as np
import pytest

from metarl_min import learners, tasks
from metarl_min.basics import trees
from metarl_min.gradients import adaptation, objectives, trial_gradients, trials
from metarl_min.learners import maml
from metarl_min.mdps import mdp, policies, rollouts
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks.bandits import bandit_mdps

BANDIT = bandit_mdps(np.array([[0.2, 0.9]]))
GRID = mdp.MDP(  # two states, two actions; staying in state 1 pays
    np.array([[1.0, 0.0]]),
    np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])[None],
    np.array([[[0.1, 0.1], [-0.3, -0.3]], [[1.0, 1.0], [0.2, 0.2]]])[None],
)


def family_of(task, horizon, num_episodes):
    weights = np.ones(1)
    return tasks.family_of_candidates(
        "two states", {}, task, weights, horizon, num_episodes, rollouts.deterministic
    )


def inner_settings(policy, num_steps, num_episodes, baseline=0.3, gamma=0.9):
    return trials.Adaptation(policy, 0.7, num_steps, num_episodes, baseline, gamma)


def deterministic_episodes(task, horizon):
    """Every (states, actions, rewards) of a single deterministic MDP from its start."""
    for actions in itertools.product(range(task.shape[1]), repeat=horizon):
        s, states, rewards = int(task.initial[0].argmax()), [], []
        for a in actions:
            arrival = int(task.transition[0, s, a].argmax())
            full = np.broadcast_to(task.reward[0], task.transition[0].shape)
            states, rewards = [*states, s], [*rewards, full[s, a, arrival]]
            s = arrival
        yield states, list(actions), rewards


def every_data_set(task, horizon, sizes):
    """Every way in which the stages of a trial can go: lists of stages of episodes."""
    episode = list(deterministic_episodes(task, horizon))
    stages = [list(itertools.product(episode, repeat=size)) for size in sizes]
    yield from itertools.product(*stages)


def log_prob(params, stage):
    log_probs = np.log(by_hand.softmax(by_hand.logits(params)))
    return sum(log_probs[s, a] for ss, aa, _ in stage for s, a in zip(ss, aa, strict=True))


def surrogate_gradient_by_hand(params, stage, baseline, gamma):
    """1/N sum_i sum_t grad log pi (W_t - b), step by step."""
    total = {name: np.zeros(np.shape(leaf), complex) for name, leaf in params.items()}
    for states, actions, rewards in stage:
        for t, (s, a) in enumerate(zip(states, actions, strict=True)):
            W = sum(gamma**lag * r for lag, r in enumerate(rewards[t:]))
            score = by_hand.log_prob_gradient(params, s, a)
            for name in total:
                total[name] = total[name] + score[name] * (W - baseline) / len(stage)
    return total


def path_by_hand(params, data, inner):
    path = [params]
    for stage in data[:-1]:
        g = surrogate_gradient_by_hand(path[-1], stage, inner.baseline, inner.gamma)
        path.append({name: path[-1][name] + 0.7 * g[name] for name in params})
    return path


def trial_return(params, data_sets, inner, weights):
    """F(theta): sum over all data of probability times weighted return."""
    total = 0.0
    for data in data_sets:
        path = path_by_hand(params, data, inner)
        log_p = sum(log_prob(phi, stage) for phi, stage in zip(path, data, strict=True))
        returns = [sum(sum(rewards) for _, _, rewards in stage) for stage in data]
        total = total + np.exp(log_p) * np.dot(weights, returns)
    return total


def expectation(monkeypatch, estimate, family, inner, theta, data_sets, weights):
    """E[estimate] over every data set: `trials.play` itself, its sampler handing out the data."""
    mean, total_probability = None, 0.0
    for data in data_sets:
        hand_out, probability = iter(data), [1.0]

        def handed(
            rng,
            tables,
            probs,
            num_episodes,
            horizon,
            members=None,
            *,
            given=hand_out,
            p=probability,
        ):
            stage = next(given)
            assert len(stage) == num_episodes
            states, actions, rewards = (np.array(x)[None] for x in zip(*stage, strict=True))
            p[0] *= np.prod(probs.reshape(-1, *probs.shape[-2:])[0][states, actions])
            return Episodes(states, actions, rewards, np.ones(states.shape, bool))

        monkeypatch.setattr(rollouts, "sample", handed)
        task = family.prior.mdps
        trial = trials.play(np.random.default_rng(0), inner, family, theta, 0.7, task)
        g = estimate(inner, trial, weights, task.shape)
        g = trees.map_leaves(lambda x, p=probability: p[0] * x, g)
        mean = g if mean is None else trees.add_scaled(mean, 1.0, g)
        total_probability += probability[0]
    assert total_probability == pytest.approx(1.0, abs=1e-12)
    return mean


def second_order_gradient(inner, trial, weights, shape):
    advantages = trial_gradients.outer_advantages(trial.stages, weights, score_term=True)
    outer = trial_gradients.outer_surrogates(trial.stages, advantages, shape)
    return trial_gradients.second_order(inner, trial, outer)[0]


def first_order_gradient(inner, trial, weights, shape):
    advantages = trial_gradients.outer_advantages(trial.stages, weights, score_term=False)
    outer = trial_gradients.outer_surrogates(trial.stages, advantages, shape)
    return trial_gradients.first_order(inner, trial, outer)[0]


def episodes_that_pay(rewards):
    zeros = np.zeros(np.shape(rewards), int)
    return Episodes(zeros, zeros, np.array(rewards), zeros == 0)


CASES = {
    "bandit, two steps": (BANDIT, 1, 4, 2, 1),
    "bandit, three steps": (BANDIT, 1, 4, 3, 1),
    "bandit, one step of two episodes": (BANDIT, 1, 4, 1, 2),
    "bandit, steps until the end": (BANDIT, 1, 4, 2, 2),
    "two states, two steps": (GRID, 2, 3, 2, 1),
}


def case(name, policy):
    task, horizon, num_episodes, num_steps, size = CASES[name]
    family = family_of(task, horizon, num_episodes)
    inner = inner_settings(policy, num_steps, size)
    rng = np.random.default_rng(3)
    theta = policy.init(rng, *task.shape)
    theta = trees.map_leaves(lambda x: x + 0.5 * rng.standard_normal(x.shape), theta)
    data_sets = list(every_data_set(task, horizon, trials.stage_sizes(inner, family)))
    return family, inner, theta, data_sets


@pytest.mark.verifies("trial_gradients.1")
@pytest.mark.verifies("trial_gradients.2")
@pytest.mark.verifies("trials.1")
@pytest.mark.verifies("trials.2")
@pytest.mark.parametrize("last_only", [False, True])
@pytest.mark.parametrize("policy", [policies.tabular, policies.mlp(2)])
@pytest.mark.parametrize("name", CASES)
def test_second_order_with_score_term_is_unbiased_for_the_return_of_the_trial(
    monkeypatch, name, policy, last_only
):
    family, inner, theta, data_sets = case(name, policy)
    num_stages = len(data_sets[0])
    weights = [float(not last_only)] * (num_stages - 1) + [1.0]
    truth = by_hand.complex_step(lambda t: trial_return(t, data_sets, inner, weights), theta)
    mean = expectation(monkeypatch, second_order_gradient, family, inner, theta, data_sets, weights)
    assert by_hand.relative_error(mean, truth) < 1e-11


@pytest.mark.verifies("trial_gradients.3")
@pytest.mark.parametrize("name", CASES)
def test_first_order_is_unbiased_for_the_sum_of_gradients_at_each_iterate(monkeypatch, name):
    family, inner, theta, data_sets = case(name, policies.tabular)
    weights = [1.0] * len(data_sets[0])
    task, horizon = family.prior.mdps, family.horizon
    J = objectives.expected_return_objective(task, horizon)
    truth = {"logits": np.zeros(task.shape)}
    for data in data_sets:
        path = path_by_hand(theta, data, inner)
        log_p = sum(log_prob(phi, stage) for phi, stage in zip(path, data, strict=True))
        for phi, stage in zip(path, data, strict=True):
            g = J.gradient(np.real(phi["logits"])[None])[0]
            truth["logits"] += np.real(np.exp(log_p)) * len(stage) * g
    mean = expectation(monkeypatch, first_order_gradient, family, inner, theta, data_sets, weights)
    assert by_hand.relative_error(mean, truth) < 1e-11


def test_the_two_orders_have_different_expectations(monkeypatch):
    family, inner, theta, data_sets = case("bandit, two steps", policies.tabular)
    means = [
        expectation(monkeypatch, estimate, family, inner, theta, data_sets, [1.0] * 3)
        for estimate in (first_order_gradient, second_order_gradient)
    ]
    assert by_hand.relative_error(*means) > 0.05


@pytest.mark.verifies("trial_gradients.4")
def test_centring_subtracts_the_mean_of_the_other_tasks():
    advantages = np.random.default_rng(0).standard_normal((4, 3, 2))
    others = np.stack([np.delete(advantages, m, axis=0).mean(0) for m in range(4)])
    np.testing.assert_allclose(
        trial_gradients.leave_one_out(advantages), advantages - others, atol=1e-14
    )
    np.testing.assert_array_equal(trial_gradients.leave_one_out(advantages[:1]), advantages[:1])


@pytest.mark.verifies("trial_gradients.2")
@pytest.mark.parametrize("score_term", [True, False])
def test_a_step_of_a_single_task_is_weighed_by_the_reward_of_all_that_follows(score_term):
    rewards = [[[1.0, 2.0], [0.5, 0.25]], [[4.0, 8.0], [16.0, 32.0]], [[64.0, 128.0]]]
    stages = [episodes_that_pay([stage]) for stage in rewards]
    later = (10 * 60.0 + 192.0, 192.0, 0.0) if score_term else (0.0, 0.0, 0.0)
    truth = [[[3.0, 2.0], [0.75, 0.25]], [[120.0, 80.0], [480.0, 320.0]], [[192.0, 128.0]]]
    found = trial_gradients.outer_advantages(stages, [1.0, 10.0, 1.0], score_term)
    for advantages, G, W in zip(found, later, truth, strict=True):
        np.testing.assert_array_equal(advantages[0], G + np.array(W))


def test_centring_leaves_the_expectation_over_two_independent_tasks_unchanged():
    """Two bandits without adaptation: the mean over all pairs of pulls, centred and not."""
    means, theta = np.array([[0.2, 0.9], [0.7, 0.1]]), np.array([0.3, -0.2])
    probs = by_hand.softmax(theta)
    exact = sum(probs * (m - probs @ m) for m in means)
    mean = np.zeros(2)
    for pulls in itertools.product(range(2), repeat=2):
        actions = np.array(pulls)[:, None, None]
        rewards = means[[0, 1], pulls][:, None, None]
        stage = Episodes(np.zeros_like(actions), actions, rewards, np.ones((2, 1, 1), bool))
        advantages = trial_gradients.outer_advantages([stage], [1.0], score_term=True)
        (L,) = trial_gradients.outer_surrogates([stage], advantages, (1, 2))
        mean += np.prod(probs[list(pulls)]) * L.gradient(theta[None]).sum((0, 1))
    np.testing.assert_allclose(mean, exact, atol=1e-14)


def test_sampled_trials_follow_the_rule_that_the_surrogates_describe():
    family = tasks.make("bandit", {"arms": "3"})
    inner = inner_settings(policies.tabular, 4, 2, baseline="mean")
    rng, theta = np.random.default_rng(0), {"logits": np.array([[0.1, 0.2, -0.3]])}
    trial = trials.play(rng, inner, family, theta, 0.5, family.sample(rng, 7))
    assert [stage.rewards.shape for stage in trial.stages] == [(7, 2, 1)] * 5
    assert trials.episodes(trial.stages).rewards.shape == (7, 10, 1)
    path = adaptation.inner_loop(policies.tabular, theta, 0.5, trial.inner)
    for phi, again in zip(trial.path, path, strict=True):
        np.testing.assert_array_equal(phi["logits"], again["logits"])
    means = trials.per_episode(trial.stages)
    np.testing.assert_allclose(means[2:4], trial.stages[1].rewards.mean(0)[:, 0], atol=1e-15)


@pytest.mark.parametrize("name", ["maml", "fomaml"])
@pytest.mark.parametrize("policy", ["table", "network:4"])
@pytest.mark.parametrize("objective", maml.CHOICES["objective"])
def test_a_step_is_a_function_of_its_seed_and_survives_pickling(name, policy, objective):
    settings = {"policy": policy, "objective": objective, "num_tasks": "8"}
    learner = pickle.loads(pickle.dumps(learners.make(name, settings)))
    family = tasks.make("gridworld", {"size": "3", "start": "4", "horizon": "5"})
    states = []
    for _ in range(2):
        state = learner.init(np.random.default_rng([5, 0]), family)
        state, info = learner.step(np.random.default_rng([5, 1]), state, family)
        states.append(state)
        assert np.isfinite(info.per_episode).all()
    first, second = states
    for leaf in first.theta:
        np.testing.assert_array_equal(first.theta[leaf], second.theta[leaf])
    untrained = learner.init(np.random.default_rng([5, 0]), family)
    assert any((first.theta[leaf] != untrained.theta[leaf]).any() for leaf in first.theta)


@pytest.mark.parametrize("name", ["maml", "fomaml"])
def test_an_exact_step_of_sgd_ascends_by_beta_times_the_meta_gradient(name):
    settings = {"objective": "exact", "num_tasks": "5", "beta": "0.3", "optimizer": "sgd"}
    learner, family = learners.make(name, settings), tasks.make("bandit", {"pulls": "3"})
    state = learner.init(np.random.default_rng(0), family)
    after, info = learner.step(np.random.default_rng(1), state, family)
    J = objectives.expected_return_objective(family.sample(np.random.default_rng(1), 5), 1)
    way = {
        "maml": adaptation.meta_gradient,
        "fomaml": adaptation.first_order_meta_gradient,
    }[name]
    g = way(policies.tabular, state.theta, 4.0, 2, J)
    moved = (after.theta["logits"] - state.theta["logits"]) / 0.3
    np.testing.assert_allclose(moved, g["logits"], rtol=1e-10, atol=1e-14)
    assert info.per_episode[0] == adaptation.adapted_return(
        policies.tabular, state.theta, 4.0, 2, J
    )


@pytest.mark.parametrize("estimator", [x for x in trial_gradients.META_GRADIENTS if x != "reptile"])
@pytest.mark.parametrize("objective", ["trial", "adapted"])
def test_each_pull_is_weighed_by_what_the_objective_counts_of_it_and_of_the_later(
    objective, estimator
):
    """With alpha = 0 every pull is of theta, and only the weights differ."""
    settings = {"objective": objective, "estimator": estimator, "optimizer": "sgd", "beta": "0.3"}
    learner = learners.make("maml", settings | {"num_tasks": "6", "alpha": "0"})
    family, theta = tasks.make("bandit", {"arms": "3", "pulls": "4"}), np.array([[0.3, -0.2, 0.1]])
    state = learner.init(np.random.default_rng(0), family)._replace(theta={"logits": theta})
    after, _ = learner.step(np.random.default_rng(1), state, family)
    batch = family.sample(rng := np.random.default_rng(1), 6)
    played = learner.trial(rng, state, family, batch)  # the same stream, so the same pulls
    counts = np.array([1.0, 1, 1, 1] if objective == "trial" else [0.0, 0, 0, 1])
    rewards = counts * played.rewards[..., 0]
    A = rewards[:, ::-1].cumsum(1)[:, ::-1] if estimator == "emaml" else rewards
    others = np.stack([np.delete(A, m, axis=0).mean(0) for m in range(6)])
    score = np.eye(3)[played.actions[..., 0]] - by_hand.softmax(theta)
    g = np.sum(score * (A - others)[..., None], axis=(0, 1)) / 6
    np.testing.assert_allclose(after.theta["logits"] - theta, 0.3 * g[None], atol=1e-14)


def test_without_adaptation_every_episode_is_played_by_theta():
    learner, family = learners.make("maml", {}), tasks.make("bandit", {"arms": "2"})
    state = learner.init(np.random.default_rng(0), family)
    state = state._replace(theta={"logits": np.array([[50.0, 0.0]])})
    episodes = learner.trial(
        np.random.default_rng(1),
        learner.before(state),
        family,
        family.sample(np.random.default_rng(2), 9),
    )
    assert (episodes.actions == 0).all()


def test_greedy_plays_the_most_probable_action():
    learner, family = learners.make("maml", {}), tasks.make("bandit", {"arms": "2", "pulls": "1"})
    state = learner.init(np.random.default_rng(0), family)
    state = state._replace(theta={"logits": np.array([[0.0, 0.1]])})
    batch = family.sample(np.random.default_rng(2), 200)
    played = [
        learner.trial(np.random.default_rng(1), state, family, batch, greedy=greedy).actions.mean()
        for greedy in (False, True)
    ]
    assert 0.4 < played[0] < 0.65
    assert played[1] == 1.0


def test_meta_training_beats_the_control_and_the_unadapted_start():
    family = tasks.make("bandit", {"prior": "1,1/2,2/4,4/1,3/1,5"})
    learner = learners.make("maml", {"num_tasks": "100"})
    state = learner.init(np.random.default_rng([0, 0]), family)
    for i in range(1, 151):
        state, _ = learner.step(np.random.default_rng([0, i]), state, family)
    batch = family.sample(np.random.default_rng([0, 0, 1]), 4000)
    control = learner.control(np.random.default_rng([0, 0, 2]), state, family)
    totals = [
        learner.trial(np.random.default_rng(9), s, family, batch).rewards.sum((1, 2))
        for s in (state, learner.before(state), control)
    ]
    for worse in totals[1:]:
        gain = totals[0] - worse
        assert gain.mean() > 5 * gain.std() / np.sqrt(len(gain))


@pytest.mark.parametrize("update", ["trpo", "clipped"])
@pytest.mark.parametrize("policy", ["table", "network:8"])
def test_a_trust_region_and_a_clipped_surrogate_learn_too(update, policy):
    family = tasks.make("bandit", {"arms": "3", "pulls": "4", "prior": "1,1/1,4/1,4"})
    settings = {"update": update, "policy": policy, "num_tasks": "100", "max_kl": "0.05"}
    learner = learners.make("maml", settings)
    first = state = learner.init(np.random.default_rng(0), family)
    untrained = [
        learner.step(np.random.default_rng([8, i]), first, family)[1].per_episode.sum()
        for i in range(20)
    ]
    returned = []
    for i in range(60 if policy == "table" else 30):
        state, info = learner.step(np.random.default_rng([7, i]), state, family)
        returned.append(info.per_episode.sum())
    assert np.mean(returned[-10:]) > np.mean(untrained) + 0.12  # 4 standard errors


def one_update(**settings):
    """A step on bandits with inner_steps = 0: the divergence is that of theta itself."""
    words = {"inner_steps": "0", "num_tasks": "50", "optimizer": "sgd"} | settings
    learner, family = learners.make("maml", words), tasks.make("bandit", {"prior": "1,3"})
    state = learner.init(np.random.default_rng(0), family)
    start = np.array([[0.3, -0.2, 0.1, 0.0, 0.4]])
    state = state._replace(theta={"logits": start})
    after, _ = learner.step(np.random.default_rng(1), state, family)
    return start, after.theta["logits"]


@pytest.mark.parametrize("max_kl", [1e-3, 4e-3])
def test_trpo_goes_as_far_as_max_kl_allows_whatever_clip_is(max_kl):
    old, new = one_update(update="trpo", max_kl=str(max_kl))
    p, q = by_hand.softmax(old), by_hand.softmax(new)
    assert 0.6 * max_kl < np.sum(p * np.log(p / q)) <= max_kl
    np.testing.assert_array_equal(one_update(update="trpo", max_kl=str(max_kl), clip="0.9")[1], new)


def test_clipped_makes_five_ascents_that_end_at_clip_whatever_max_kl_is():
    start, once = one_update(beta="1e-5")
    near = one_update(update="clipped", beta="1e-5")[1]
    np.testing.assert_allclose(near - start, 5 * (once - start), rtol=1e-3)
    far = [one_update(update="clipped", beta="0.5", clip=clip)[1] for clip in ("0.05", "0.3")]
    ratios = [by_hand.softmax(new) / by_hand.softmax(start) for new in far]
    assert np.abs(ratios[0] - 1).max() < np.abs(ratios[1] - 1).max() - 0.05
    again = one_update(update="clipped", beta="0.5", max_kl="0.05")[1]
    np.testing.assert_array_equal(again, far[1])


@pytest.mark.parametrize(("name", "iterations"), [("bandit", (350, 2000)), ("mdp", (250, 1500))])
def test_bandits_have_more_iterations_than_the_other_families(name, iterations):
    assert learners.make("maml", {}).iterations(tasks.make(name, {})) == iterations


def test_the_control_starts_untrained_with_the_best_alpha_of_its_grid():
    family, learner = tasks.make("bandit", {}), learners.make("maml", {})
    state = learner.init(np.random.default_rng(0), family)
    trained = state._replace(theta={"logits": np.array([[9.0, 0, 0, 0, 0]])}, alpha=0.1)
    control = learner.control(np.random.default_rng(1), trained, family)
    assert (control.theta["logits"] == 0).all()
    assert control.alpha > 1.0


@pytest.mark.parametrize("peak", [-6.3, -5.2, 0.0, 4.1, 5.2])
def test_the_grid_of_step_sizes_widens_until_its_best_is_inside(peak):
    asked = []

    def returns_of(alpha):
        asked.append(alpha)
        return -abs(np.log2(alpha) - peak)

    best = trials.best_alpha(returns_of, start=1.0)
    assert best == 2.0 ** round(peak)
    assert min(asked) < best < max(asked)


def test_a_plateau_of_step_sizes_ends_at_the_edge():
    assert trials.best_alpha(lambda alpha: alpha, start=1.0, most=5) == 2.0**5
    assert trials.best_alpha(lambda alpha: alpha, start=3.0) == 3 * 2.0**12
    assert trials.best_alpha(lambda alpha: -alpha, start=3.0) == 3 * 2.0**-12


def test_stages_are_k_steps_and_the_rest():
    family = tasks.make("bandit", {"pulls": "10"})

    def sizes(num_steps, size):
        return trials.stage_sizes(inner_settings(policies.tabular, num_steps, size), family)

    assert sizes(None, 1) == [1] * 10
    assert sizes(None, 3) == [3, 3, 3, 1]
    assert sizes(2, 3) == [3, 3, 4]
    assert sizes(5, 2) == [2] * 5
    assert sizes(0, 1) == [10]
    with pytest.raises(ValueError, match=r"at most num_episodes // inner_episodes = 3, got 4"):
        sizes(4, 3)


@pytest.mark.parametrize(
    ("name", "alpha", "gamma", "baseline"),
    [
        ("bandit", 4.0, 1.0, 0.5),
        ("correlated", 4.0, 1.0, 0.5),
        ("gaussian", 2.0, 1.0, 0.0),
        ("gridworld", 8.0, 0.5, 0.0),
        ("mdp", 1.0, 0.5, 0.0),
    ],
)
def test_what_the_settings_leave_out_is_that_of_the_family(name, alpha, gamma, baseline):
    family = tasks.make(name, {})
    nothing = trials.settings("table", None, None, 1, "", None, "")
    assert trials.resolve(nothing, family)[1:] == (alpha, None, 1, baseline, gamma, ())
    everything = trials.settings("table", 0.0, 0, 2, "0.7", 0.0, "")
    assert trials.resolve(everything, family)[1:] == (0.0, 0, 2, 0.7, 0.0, ())


def test_the_return_of_an_episode_is_the_sum_over_its_steps_averaged_over_tasks():
    rewards = [[[[1.0, 2.0]], [[3.0, 0.0]]], [[[0.5, 0.5], [4.0, 4.0]], [[1.5, 0.5], [-4.0, 2.0]]]]
    stages = [episodes_that_pay(stage) for stage in rewards]
    np.testing.assert_allclose(trials.per_episode(stages), [3.0, 1.5, 3.0], atol=1e-15)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": "nan"}, "alpha must be finite, got nan"),
        ({"alpha": "x"}, "alpha must be written as a number"),
        ({"beta": "-1"}, "beta must be finite, from 0"),
        ({"num_tasks": "0"}, "num_tasks must be at least 1, got 0"),
        ({"inner_steps": "-1"}, "inner_steps must be at least 0, got -1"),
        ({"inner_episodes": "0"}, "inner_episodes must be at least 1, got 0"),
        ({"gamma": "1.5"}, "gamma must be finite, from 0 to 1, got 1.5"),
        ({"baseline": "median"}, "baseline must be mean, linear or a finite number"),
        ({"policy": "tree"}, "policy must be table, network or network:H"),
        ({"optimizer": "lbfgs"}, "optimizer must be one of sgd, momentum, adam, got 'lbfgs'"),
        ({"estimator": "trpo"}, "estimator must be one of emaml, plain, fomaml, reptile"),
        ({"max_kl": "0"}, "max_kl must be positive, got 0.0"),
        ({"clip": "1"}, "clip must be above 0 and below 1, got 1.0"),
        ({"update": "ppo"}, "update must be one of ascent, trpo, clipped, got 'ppo'"),
        ({"update": "trpo", "estimator": "dice"}, "update must be ascent but for emaml and plain"),
        ({"update": "clipped", "learn_alpha": "scalar"}, "update must be ascent but for emaml"),
        ({"learn_alpha": "1"}, "learn_alpha must be one of no, scalar, each, got '1'"),
        ({"estimator": "dice", "baseline": "linear"}, "estimators that are traced need a baseline"),
        ({"estimator": "dice", "objective": "exact"}, "the exact objective has no data, so"),
        ({"objective": "F"}, "objective must be one of trial, adapted, exact, got 'F'"),
        ({"learning_rate": "1"}, "maml knows the keys estimator, objective"),
    ],
)
def test_settings_out_of_range_are_refused_with_the_rule(settings, message):
    with pytest.raises(ValueError, match=message):
        learners.make("maml", settings)


def test_parameters_to_adapt_must_exist():
    learner = learners.make("maml", {"adapt": "W2,b3", "policy": "network:3"})
    with pytest.raises(ValueError, match="adapt must name some of"):
        learner.init(np.random.default_rng(0), tasks.make("bandit", {}))


def test_to_name_every_parameter_is_to_name_none():
    family, found = tasks.make("bandit", {"arms": "2"}), []
    for adapt in ("", "W1,b1,W2,b2"):
        learner = learners.make("maml", {"adapt": adapt, "policy": "network:3", "num_tasks": "2"})
        state = learner.init(np.random.default_rng(0), family)
        found.append(learner.step(np.random.default_rng(1), state, family)[0].theta)
    for leaf in found[0]:
        np.testing.assert_array_equal(found[0][leaf], found[1][leaf])


def test_inner_steps_that_do_not_fit_the_family_are_refused_at_the_start():
    learner = learners.make("maml", {"inner_steps": "11"})
    with pytest.raises(ValueError, match="inner_steps must be at most"):
        learner.init(np.random.default_rng(0), tasks.make("bandit", {}))


@pytest.mark.parametrize("baseline", ["mean", "linear", "0.2"])
def test_every_baseline_adapts(baseline):
    settings = {"baseline": baseline, "inner_episodes": "3", "num_tasks": "4"}
    family = tasks.make("gridworld", {"size": "3", "start": "4", "horizon": "4", "episodes": "7"})
    learner = learners.make("maml", settings)
    state = learner.init(np.random.default_rng(0), family)
    after, _ = learner.step(np.random.default_rng(1), state, family)
    assert (after.theta["logits"] != 0).any()


GRID = tasks.make("gridworld", {"size": "3", "start": "4", "horizon": "4", "episodes": "3"})
SOME = {"policy": "network:3", "adapt": "W2,b2", "optimizer": "sgd", "num_tasks": "6"}


def one_step(family=GRID, **words):
    learner = learners.make("maml", SOME | words)
    state = learner.init(np.random.default_rng(0), family)
    state = state._replace(theta=trees.map_leaves(lambda x: x + 0.3, state.theta))
    return state, *learner.step(np.random.default_rng(1), state, family)


def test_only_what_is_named_adapts_towards_the_exact_objective():
    state, _, info = one_step(objective="exact")
    J = objectives.expected_return_objective(GRID.sample(np.random.default_rng(1), 6), 4)
    alpha = {name: np.full_like(x, 8.0 * (name in ("W2", "b2"))) for name, x in state.theta.items()}
    truth = adaptation.adapted_return(policies.mlp(3), state.theta, alpha, 2, J)
    assert info.per_episode[0] == pytest.approx(truth, rel=1e-12)


def test_only_what_is_named_adapts_within_a_clipped_update():
    """Steps so small that nothing is clipped: five ascents are five times one."""
    state, once, _ = one_step(beta="1e-6")
    _, near, _ = one_step(beta="1e-6", update="clipped")
    for name, x in state.theta.items():
        moved = near.theta[name] - x, 5 * (once.theta[name] - x)
        np.testing.assert_allclose(*moved, rtol=1e-2, atol=1e-12)


def test_reptile_moves_only_what_is_named():
    state, after, _ = one_step(estimator="reptile")
    for name, x in state.theta.items():
        assert np.array_equal(after.theta[name], x) == (name not in ("W2", "b2"))
    with pytest.raises(ValueError, match="learn_alpha must be no for reptile"):
        learners.make("reptile", {"learn_alpha": "scalar"})


def test_exact_inner_steps_may_fill_all_episodes():
    family = tasks.make("bandit", {"arms": "3", "pulls": "4"})
    words = {"objective": "exact", "policy": "table", "adapt": "", "inner_steps": "4"}
    state, _, info = one_step(family, **words)
    J = objectives.expected_return_objective(family.sample(np.random.default_rng(1), 6), 1)
    truth = [adaptation.adapted_return(policies.tabular, state.theta, 4.0, K, J) for K in (3, 4)]
    assert truth[1] > truth[0] and info.per_episode[0] == pytest.approx(truth[1], rel=1e-12)


def test_the_mean_of_one_episode_is_no_baseline():
    rule = "inner_episodes must be at least 2 where the baseline is their mean, got 1"
    for name in ("maml", "reptile", "es_maml"):
        with pytest.raises(ValueError, match=rule):
            learners.make(name, {"baseline": "mean"})
