"""Ascents on a batch against Adam on traced gradients, the schedules, and what is refused."""

import autograd.numpy as np
import numpy as onp
import pytest
from autograd import grad
from numpy.testing import assert_allclose
from recurrent_policies import played

from metarl_min.basics import optimizers, trees
from metarl_min.mdps import policies
from metarl_min.memory import actor_critic, recurrent_policies, recurrent_training
from metarl_min.memory.recurrent_agents import time_first

SETTINGS = recurrent_training.Settings(
    hidden=5, num_tasks=6, iterations=10, gamma=0.9, gae_lambda=0.7,
    scale=2.0, entropy=0.3, beta=0.05, max_norm=1e3,
)  # fmt: skip


@pytest.mark.verifies("recurrent_training.1")
def test_the_entropy_bonus_ends_halfway():
    progress = (0, 0.25, 0.5, 0.75, 1, 2)
    found = [recurrent_training.schedule(0.01, 0.1, part) for part in progress]
    truth = [(0.01, 0.1), (0.0075, 0.05), (0.005, 0), (0.0025, 0), (0, 0), (0, 0)]
    assert_allclose(found, truth, atol=1e-16)


def start(theta, iteration=0):
    optimizer = optimizers.adam(0.0).init(theta)
    return recurrent_training.State(theta=theta, optimizer=optimizer, iteration=iteration)


def test_what_happens_after_the_end_of_an_episode_carries_no_gradient():
    _, policy, theta, record, episodes = played(3)
    assert not episodes.alive.all()
    other = episodes.rewards + ~episodes.alive * 9.0
    (first, report), (second, other_report) = (
        recurrent_training.ascend(policy, SETTINGS, start(theta), record, episodes, r)
        for r in (episodes.rewards, other)
    )
    for name in theta:
        assert_allclose(first.theta[name], second.theta[name], atol=0)
    assert report == other_report


@pytest.mark.verifies("recurrent_training.1", "recurrent_training.2")
@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("max_norm", [1e-3, 1e3])
def test_an_update_is_adam_on_the_gradient_of_the_whole_surrogate(epochs, max_norm):
    """The mean over all steps of what actor_critic (2) differentiates, scaled down by (6)."""
    _, policy, theta, record, episodes = played(3)
    update = recurrent_training.ppo(epochs=epochs, clip=0.02)
    settings = SETTINGS._replace(max_norm=max_norm, update=update)
    moments = (
        optimizers.adam(0.0)
        .init(theta)
        ._replace(  # not at rest
            num_updates=2,
            m=trees.map_leaves(lambda x: 1e-3 + 0 * x, theta),
            v=trees.map_leaves(lambda x: 1e-6 + 0 * x, theta),
        )
    )
    state = recurrent_training.State(theta=theta, optimizer=moments, iteration=2)
    given = policy, settings, state, record, episodes, episodes.rewards
    found, report = recurrent_training.ascend(*given)

    x, alive = record.observations, time_first(episodes.alive)
    onehot = onp.eye(5)[time_first(episodes.actions)]
    r = 2.0 * time_first(episodes.rewards)
    A = actor_critic.advantages(r, record.values, alive, 0.9, 0.7)
    old = np.sum(policies.log_softmax(record.logits) * onehot, -1)
    target = A + record.values

    def surrogate(theta):
        _, z, v = recurrent_policies.unroll(policy, theta, x)
        ratio = np.exp(np.sum(policies.log_softmax(z) * onehot, -1) - old)
        gain = np.minimum(ratio * A, np.clip(ratio, 0.98, 1.02) * A)
        return np.mean(alive * (gain + 0.18 * policies.entropy(z) - (target - v) ** 2 / 4))

    assert report.entropy == pytest.approx(-old[alive].mean(), rel=1e-12)
    loss = (target - record.values)[alive] ** 2 / 4
    assert report.value_loss == pytest.approx(loss.mean(), rel=1e-12)
    truth, adam, norms = theta, optimizers.adam(0.04), []
    for _ in range(epochs):
        g = grad(surrogate)(truth)
        norm = onp.sqrt(sum((leaf**2).sum() for leaf in g.values()))
        assert (norm > max_norm) == (max_norm < 1)
        g = trees.scale(g, min(1.0, max_norm / norm))
        truth, moments = adam.update(truth, moments, g)
        norms.append(norm)
    assert report.gradient_norm == pytest.approx(max(norms), rel=1e-8)
    assert found.optimizer.num_updates == 2 + epochs and found.iteration == 3
    for name in theta:
        assert_allclose(found.theta[name], truth[name], rtol=1e-8, atol=1e-10)
        assert_allclose(found.optimizer.m[name], moments.m[name], rtol=1e-7, atol=1e-13)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"hidden": 0}, "hidden must be at least 1, got 0"),
        ({"num_tasks": 0}, "num_tasks must be at least 1, got 0"),
        ({"iterations": 0}, "iterations must be at least 1, got 0"),
        ({"gamma": 1.01}, "gamma must be finite, from 0 to 1, got 1.01"),
        ({"gae_lambda": -0.01}, "gae_lambda must be finite, from 0 to 1, got -0.01"),
        ({"beta": -1}, "beta must be"),
        ({"entropy": -1}, "entropy must be"),
        ({"scale": 0}, "scale must be positive, got 0"),
        ({"max_norm": 0}, "max_norm must be positive, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(changes, rule):
    with pytest.raises(ValueError, match=rule):
        recurrent_training.check(SETTINGS._replace(**changes))


def test_small_settings_are_accepted():
    small = SETTINGS._replace(
        hidden=1, num_tasks=1, iterations=1, gamma=0.0, gae_lambda=0.0,
        scale=0.1, entropy=0.0, beta=0.0, max_norm=0.1,
    )  # fmt: skip
    assert recurrent_training.check(small) == small


def test_an_update_that_is_only_a_name_is_refused():
    with pytest.raises(TypeError, match="update must be a2c or ppo"):
        recurrent_training.check(SETTINGS._replace(update="ppo"))


def test_an_update_is_made_again_from_its_words():
    for update in (recurrent_training.a2c, recurrent_training.ppo(epochs=2, clip=0.1)):
        assert recurrent_training.update_of_words(**update.words) == update
    assert recurrent_training.update_of_words(update="ppo") == recurrent_training.ppo(4, 0.2)


def test_words_of_ppo_are_refused_without_it():
    with pytest.raises(ValueError, match=r"^clip must come with update=ppo, got update=a2c$"):
        recurrent_training.update_of_words(clip=0.2)
    with pytest.raises(ValueError, match="clip must be positive, got 0"):
        recurrent_training.update_of_words(update="ppo", clip=0)
    with pytest.raises(ValueError, match="epochs must be at least 1, got 0"):
        recurrent_training.update_of_words(update="ppo", epochs=0)


def test_one_ascent_has_no_clip():
    rule = "clip must come with at least 2 epochs.*, got clip=0.1 with epochs=1"
    with pytest.raises(ValueError, match=rule):
        recurrent_training.update_of_words(update="ppo", epochs=1, clip=0.1)
    one = recurrent_training.update_of_words(update="ppo", epochs=1)
    assert one.words == {"update": "ppo", "epochs": 1}
    assert recurrent_training.update_of_words(**one.words) == one


@pytest.mark.parametrize(
    ("epochs", "clip", "rule"),
    [
        (0, 0.2, "epochs must be at least 1, got 0"),
        (2.0, 0.2, r"epochs must be a whole number, got 2\.0"),
        (4, -1.0, "clip must be positive, got -1.0"),
        (4, onp.nan, "clip must be finite, got nan"),
        (4, None, "clip must be a real number, got None"),
    ],
)
def test_an_update_is_valid_from_the_moment_it_exists(epochs, clip, rule):
    with pytest.raises((TypeError, ValueError), match=rule):
        recurrent_training.Update(epochs, clip)
    with pytest.raises((TypeError, ValueError), match=rule):
        recurrent_training.ppo()._replace(epochs=epochs, clip=clip)
    with pytest.raises(ValueError, match="clip must be finite, got inf"):
        recurrent_training.ppo(clip=onp.inf)


def test_settings_are_valid_from_the_moment_they_exist_and_numbers_of_python():
    with pytest.raises(ValueError, match="beta must be finite, from 0 to inf, got nan"):
        SETTINGS._replace(beta=onp.nan)
    with pytest.raises(TypeError, match="hidden must be a whole number, got None"):
        recurrent_training.check(recurrent_training.UNSET)
    with pytest.raises(TypeError, match="settings must be of type Settings, got NoneType"):
        recurrent_training.check(None)
    short = SETTINGS._replace(hidden=onp.int8(100), beta=onp.float16(0.5), gamma=1)
    assert short == SETTINGS._replace(hidden=100, beta=0.5, gamma=1.0)
    assert [type(x) for x in short[:4]] == [int, int, int, float] and type(short.beta) is float


def test_a_batch_that_does_not_fit_is_refused():
    _, policy, theta, record, episodes = played(3)
    given = {"policy": policy, "settings": SETTINGS, "state": start(theta), "record": record,
             "episodes": episodes, "rewards": episodes.rewards}  # fmt: skip
    infinite = onp.full_like(record.logits, onp.inf)
    for changes, error, rule in (
        ({"rewards": episodes.rewards[:1]}, ValueError, "rewards must have the shape of the epis"),
        ({"rewards": episodes.rewards * onp.nan}, ValueError, "rewards must be finite, got nan at"),
        ({"record": record._replace(values=record.values[1:])}, ValueError, "values must have the"),
        ({"settings": None}, TypeError, "settings must be of type Settings, got NoneType"),
        ({"state": theta}, TypeError, "state must be of type State, got dict"),
        ({"record": None}, TypeError, "record must be of type Record, got NoneType"),
        ({"episodes": tuple(episodes)}, TypeError, "episodes must be of type Episodes, got tuple"),
        ({"record": record._replace(logits=infinite)}, FloatingPointError, "logits of the policy"),
    ):
        with pytest.raises(error, match=rule):
            recurrent_training.ascend(**given | changes)


def test_a_schedule_of_what_is_out_of_range_is_refused():
    for beta, eta, progress in ((-1.0, 0.1, 0.5), (0.1, onp.nan, 0.5), (0.1, 0.1, -0.5)):
        with pytest.raises(ValueError, match="must be finite, from 0"):
            recurrent_training.schedule(beta, eta, progress)
