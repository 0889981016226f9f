"""trials (1)-(2): trials of given episodes, against loops; parameters that adapt."""

import adaptation_by_hand as by_hand
import numpy as np
import pytest
from comparing import rng, trees_equal
from problems import small_grid

from metarl_min.gradients import adaptation, objectives, trials
from metarl_min.gradients.adaptation_settings import adaptation as resolve
from metarl_min.mdps import networks, policies, rollouts
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks.bandits import bandit
from metarl_min.tasks.gridworlds import gridworld


def handed_out(stages, seen):
    """A function that samples nothing: it hands out the stages [1, N, T] one after the other.

    The policies that it was given are appended to `seen`.
    """
    remaining = iter(stages)

    def sample(rng, sampler, probs, num_episodes, horizon, population):
        stage = next(remaining)
        assert population is None
        assert (num_episodes, horizon) == (len(stage), len(stage[0][0]))
        seen.append(probs.reshape(-1, *probs.shape[-2:])[0])
        states, actions, rewards = (np.array(x)[None] for x in zip(*stage, strict=True))
        return Episodes(states, actions, rewards, np.ones(states.shape, bool))

    return sample


@pytest.mark.verifies("trials.1", "trials.2")
@pytest.mark.parametrize("policy", [policies.tabular, networks.mlp(2)])
@pytest.mark.parametrize(("inner_steps", "inner_episodes"), [(2, 1), (1, 2), (0, None)])
def test_a_trial_adapts_to_whatever_episodes_it_is_given_as_by_loops(
    policy, inner_steps, inner_episodes
):
    family = gridworld(size=2, start=0, horizon=2, episodes=3, stay=0)
    settings = {"alpha": 0.7, "baseline": 0.3, "gamma": 0.9}
    how = resolve(
        family,
        policy=policy,
        inner_steps=inner_steps,
        inner_episodes=inner_episodes,
        **(settings if inner_steps else {}),
    )
    task = family.sample(rng(0), 1)
    sampler, theta = rollouts.sampler(task, family.reward_noise), policy.init(rng(1), *task.shape)
    theta = {name: leaf + 0.4 * rng(2).standard_normal(leaf.shape) for name, leaf in theta.items()}
    generator = rng(3)
    episode = list(by_hand.deterministic_episodes(task, 2))
    for _ in range(20):
        stages = [[episode[generator.integers(16)] for _ in range(n)] for n in how.sizes]
        seen = []
        trial = trials.play(rng(0), how, sampler, theta, 0.7, sample=handed_out(stages, seen))
        path = by_hand.trial_path(theta, stages, **settings)
        assert len(trial.path) == len(path) == len(how.sizes)
        for phi, truth, probs in zip(trial.path, path, seen, strict=True):
            for name in theta:
                np.testing.assert_allclose(phi[name].reshape(truth[name].shape), truth[name].real)
            np.testing.assert_allclose(probs, by_hand.softmax(by_hand.logits(truth)).real)
        assert len(trial.inner) == len(how.sizes) - 1


@pytest.mark.verifies("trials.2")
def test_the_surrogate_is_that_of_reinforce_with_the_baseline_subtracted():
    family = gridworld(size=2, start=0, horizon=3, episodes=4)
    how = resolve(family, inner_episodes=2, baseline=0.25, gamma=0.5)
    sampler = rollouts.sampler(family.sample(rng(0), 3), family.reward_noise)
    z = rng(1).standard_normal((3, 4, 5))
    episodes = rollouts.sample(rng(2), sampler, policies.softmax(z), 2, 3)
    r = episodes.rewards
    W = np.stack([r[..., 0] + 0.5 * r[..., 1] + 0.25 * r[..., 2], r[..., 1] + 0.5 * r[..., 2],
                  r[..., 2]], axis=-1)  # fmt: skip
    truth = objectives.reinforce_per_step(z, episodes, W - 0.25)
    L = objectives.surrogate_objective(trials.inner_table(how, episodes, (4, 5)))
    np.testing.assert_allclose(L.value(z), truth, rtol=1e-13)
    C = trials.inner_table(how, episodes, (4, 5), np.float32)
    single = objectives.surrogate_objective(C).gradient(z.astype(np.float32))
    assert C.dtype == single.dtype == np.float32


def test_sampled_trials_follow_the_rule_that_the_surrogates_describe():
    family = bandit(arms=3)
    how = resolve(family, inner_steps=4, inner_episodes=2, baseline="mean", gamma=0.9)
    sampler = rollouts.sampler(family.sample(rng(0), 7), family.reward_noise)
    theta = {"logits": np.array([[0.1, 0.2, -0.3]])}
    trial = trials.play(rng(1), how, sampler, theta, 0.5)
    assert [stage.rewards.shape for stage in trial.stages] == [(7, 2, 1)] * 5
    assert trials.join_stages(trial.stages).rewards.shape == (7, 10, 1)
    path = adaptation.inner_loop(policies.tabular, theta, 0.5, trial.inner)
    for phi, kept, again in zip(trial.path, trial.passes, path, strict=True):
        np.testing.assert_array_equal(phi["logits"], again["logits"])
        np.testing.assert_array_equal(kept.probs, policies.softmax(again["logits"]))
    means = trials.per_episode(trial.stages)
    np.testing.assert_allclose(means[2:4], trial.stages[1].rewards.mean(0)[:, 0], atol=1e-15)


def test_members_of_a_population_play_as_they_would_alone():
    family = small_grid()
    how = resolve(family, inner_steps=2)
    sampler = rollouts.sampler(family.sample(rng(0), 5), family.reward_noise)
    members = rng(1).standard_normal((3, 1, 9, 5))  # [P, 1, S, A]
    alpha = np.array([0.5, 2.0, 0.0]).reshape(3, 1, 1, 1)
    together = trials.play(rng(2), how, sampler, {"logits": members}, alpha, population=3)
    for p in range(3):
        alone = trials.play(rng(2), how, sampler, {"logits": members[p, 0]}, alpha[p].item())
        for stage, other in zip(together.stages, alone.stages, strict=True):
            np.testing.assert_array_equal(stage.actions[p], other.actions)
        np.testing.assert_allclose(
            together.path[2]["logits"][p], alone.path[2]["logits"], atol=1e-13
        )


def test_greedy_sampling_takes_a_most_probable_action():
    family = bandit(arms=2)
    sampler = rollouts.sampler(family.sample(rng(0), 200), family.reward_noise)
    probs = np.array([[0.45, 0.55]])
    assert trials.sample_greedily(rng(1), sampler, probs, 3, 1).actions.mean() == 1.0
    assert 0.4 < rollouts.sample(rng(1), sampler, probs, 3, 1).actions.mean() < 0.65


def test_only_parameters_that_are_named_adapt():
    family, policy = bandit(arms=3), networks.mlp(2)
    theta = policy.init(rng(0), 1, 3)
    how = resolve(family, policy=policy, adapt=("W2", "b2"))
    sizes = trials.step_sizes(how, theta, 0.5)
    for name, leaf in theta.items():
        np.testing.assert_array_equal(sizes[name], np.full(leaf.shape, 0.5 * (name in "W2 b2")))
    each = {name: rng(1).uniform(1, 2, leaf.shape) for name, leaf in theta.items()}
    zeros = {name: leaf * (name in "W2 b2") for name, leaf in each.items()}
    assert trees_equal(trials.step_sizes(how, theta, each), zeros)
    assert trees_equal(trials.only_adapted(how, each), zeros)
    all_of_them = resolve(family, policy=policy)
    assert trials.step_sizes(all_of_them, theta, 0.5) == 0.5
    assert trials.only_adapted(all_of_them, each) is each


def test_the_return_of_an_episode_is_the_sum_over_its_steps_averaged_over_tasks():
    rewards = [[[[1.0, 2.0]], [[3.0, 0.0]]], [[[0.5, 0.5], [4.0, 4.0]], [[1.5, 0.5], [-4.0, 2.0]]]]
    zeros = [np.zeros(np.shape(stage), int) for stage in rewards]
    stages = [Episodes(x, x, np.array(r), x == 0) for x, r in zip(zeros, rewards, strict=True)]
    np.testing.assert_allclose(trials.per_episode(stages), [3.0, 1.5, 3.0], atol=1e-15)
