"""Families of candidates, priors, units of rewards, and the helpers that ask a family."""

import pickle
from functools import partial

import numpy as np
import pytest
from comparing import close, rng
from enumerate_trajectories import random_batch
from problems import scripted_agent, small_bandit, small_grid

from metarl_min import tasks
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import registry
from metarl_min.tasks.bandits import bandit_mdps, correlated, gaussian


def of_candidates(weights, num_candidates=3):
    mdps, _, _ = random_batch(0, num_candidates)
    return tasks.family_of_candidates("some", {}, mdps, weights, 2, 4, rollouts.deterministic)


def test_a_family_of_candidates_draws_them_by_their_weight():
    family = of_candidates(np.array([0.5, 0.0, 0.5]))
    drawn = family.sample(rng(), 10_000)
    which = (drawn.reward[:, None] == family.prior.mdps.reward).all((2, 3, 4))
    assert (which.sum(1) == 1).all()
    counts = which.sum(0)
    assert counts[1] == 0 and abs(counts[0] - 5000) < 5 * 50
    assert (drawn.transition == family.prior.mdps.transition[which.argmax(1)]).all()
    assert (drawn.initial == family.prior.mdps.initial[which.argmax(1)]).all()


def test_a_family_of_candidates_keeps_what_it_is_given():
    family = of_candidates(np.array([0.5, 0.25, 0.25]))
    assert (family.name, family.parameters) == ("some", {})
    assert (family.horizon, family.num_episodes) == (2, 4)
    assert family.reward_noise is rollouts.deterministic
    assert family.prior.weights.tolist() == [0.5, 0.25, 0.25]


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.array([0.5, 0.5]), ValueError, r"weights need one entry per candidate, got \(2,\)"),
        (np.array([0.5, 0.4, 0.0]), ValueError, "rows of weights must sum to one"),
        (np.array([1.5, -0.5, 0.0]), ValueError, "weights must not be negative"),
        (np.array([1, 0, 0]), TypeError, "weights must be an array of floats"),
    ],
)
def test_weights_that_are_no_probabilities_of_the_candidates_are_refused(weights, error, message):
    with pytest.raises(error, match=message):
        of_candidates(weights)


@pytest.mark.parametrize(
    ("horizon", "episodes", "message"),
    [(0, 1, "horizon must be at least 1, got 0"), (1, 0, "num_episodes must be at least 1, got 0")],
)
def test_a_family_of_candidates_needs_a_step_and_an_episode(horizon, episodes, message):
    prior = small_grid(size=2, start=0).prior
    with pytest.raises(ValueError, match=message):
        tasks.family_of_candidates("mine", {}, *prior, horizon, episodes, rollouts.deterministic)


def test_a_family_of_candidates_refuses_to_draw_no_task():
    with pytest.raises(ValueError, match="num_tasks must be at least 1, got 0"):
        small_grid().sample(rng(), 0)


def test_expected_under_prior_is_the_weighted_mean():
    prior = of_candidates(np.array([0.5, 0.25, 0.25])).prior
    assert tasks.expected_under_prior(np.array([1.0, 2.0, 4.0]), prior) == 2.0


def test_prior_means_are_the_means_of_the_arms():
    beta = tasks.BetaArms(a=np.array([1.0, 3.0]), b=np.array([1.0, 1.0]))
    assert tasks.prior_means(beta).tolist() == [0.5, 0.75]
    normal = tasks.GaussianArms(mean=np.array([1.0, -2.0]), std=np.ones(2), noise=1.0)
    assert tasks.prior_means(normal).tolist() == [1.0, -2.0]
    assert tasks.prior_means(tasks.CorrelatedArms(a=1.0, b=3.0)).tolist() == [0.25, 0.75]


def test_a_shared_distribution_of_the_first_state_is_returned_and_others_are_unsupported():
    assert np.array_equal(tasks.shared_initial(small_grid().prior), np.eye(9)[4])
    different = of_candidates(np.array([0.5, 0.25, 0.25])).prior
    with pytest.raises(tasks.Unsupported, match="hypotheses must share one distribution"):
        tasks.shared_initial(different)
    mdps = different.mdps
    same = MDP(mdps.initial[[1, 1, 1]], mdps.transition, mdps.reward)
    assert close(tasks.shared_initial(different._replace(mdps=same)), mdps.initial[1])


def test_what_is_unsupported_is_a_value_error_that_states_the_rule():
    tasks.require_support(True, "never said", 1)
    with pytest.raises(ValueError, match=r"^the horizon must be 1, got 2$") as error:
        tasks.require_support(False, "the horizon must be 1", 2)
    assert type(error.value) is tasks.Unsupported


def test_the_shape_of_a_family_is_the_number_of_its_states_and_actions():
    assert tasks.shape_of(small_bandit(arms=4)) == (1, 4)
    assert tasks.shape_of(small_grid(stay=0)) == (9, 4)


def test_a_trial_is_played_by_the_protocol_of_the_family():
    family = small_grid(goals=(1,))
    batch = family.sample(rng(), 2)
    episodes, num_steps = tasks.play_trial(rng(), family, batch, scripted_agent([0] * 12))
    assert episodes.rewards.shape == (2, 3, 4) and num_steps == 12
    assert (episodes.states == [4, 1, 1, 1]).all()  # up, then against the border
    assert (episodes.rewards == 1.0).all()


def in_unit(family, u):
    """The same family, whose rewards are u times as large."""
    prior, sampler = family.prior, family.sample
    if isinstance(prior, tasks.Hypotheses):
        mdps = prior.mdps
        prior = prior._replace(mdps=mdps._replace(reward=u * mdps.reward))
    elif isinstance(prior, (tasks.GaussianArms, tasks.DirichletMDP)):
        own = {name: u * getattr(prior, name) for name in ("mean", "std", "noise")}
        prior = prior._replace(**own)
    else:  # Bernoulli rewards have no other unit, so the sampler is one of our own
        sampler = partial(sample_scaled, sampler=family.sample, u=u)
        return family._replace(sample=sampler, reward_noise=rollouts.deterministic)
    if family.reward_noise is rollouts.bernoulli:
        family = family._replace(reward_noise=rollouts.deterministic)
    return family._replace(prior=prior, sample=partial(sampler.func, prior=prior))


def sample_scaled(rng, num_tasks, sampler, u):
    drawn = sampler(rng, num_tasks)
    return drawn._replace(reward=u * drawn.reward)


@pytest.mark.parametrize("u", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("name", registry.FAMILIES)
def test_the_unit_of_a_family_is_its_largest_reward_and_scales_with_its_rewards(name, u):
    family = registry.make(name, {})
    largest = 32.0 if name == "navigation" else 1.0  # 16 + 16, from one corner to the other
    assert tasks.reward_unit(family) == largest
    unit = tasks.reward_unit(in_unit(family, u))
    if name in ("bandit", "correlated", "restless", "two_step"):
        largest = abs(family.sample(rng(), 100).reward).max()
    assert unit == pytest.approx(u * largest, rel=1e-15)


@pytest.mark.parametrize("u", [0.01, 1.0, 100.0])
@pytest.mark.parametrize(("goal", "step", "unit"), [(1.0, -0.1, 1.0), (0.0, -3.0, 3.0)])
def test_the_unit_of_a_grid_is_its_largest_reward(goal, step, unit, u):
    family = small_grid(goal_reward=goal * u, step_reward=step * u, goals=(0, 1), terminate=1)
    assert tasks.reward_unit(family) == pytest.approx(unit * u, rel=1e-15)


def test_the_unit_of_normal_arms_is_the_largest_deviation_of_their_means():
    prior = tasks.GaussianArms(np.array([5.0, 0.0]), np.array([0.5, 2.0]), noise=9.0)
    family = gaussian(arms=2)
    family = family._replace(prior=prior, sample=partial(family.sample.func, prior=prior))
    assert tasks.reward_unit(family) == 2.0


@pytest.mark.parametrize(
    ("settings", "unit"),
    [({"mean": -7.0}, 7.0), ({"noise": 3.0}, 3.0), ({"noise": 0.0}, 1.0)],
)
def test_without_deviation_the_unit_is_the_mean_then_the_noise_then_one(settings, unit):
    assert tasks.reward_unit(gaussian(std=0.0, **settings)) == unit


def test_the_unit_counts_only_candidates_and_transitions_that_are_possible():
    stay = MDP(np.eye(2)[None, 0], np.eye(2)[None, :, None], np.zeros((3, 2, 1, 2)))
    reward = stay.reward.copy()
    reward[0, 0, 0], reward[1, 1, 0], reward[2] = (3.0, -50.0), (70.0, -4.0), 900.0
    family = tasks.family_of_candidates(
        "mine", {}, stay._replace(reward=reward), np.array([0.5, 0.5, 0]), 1, 1, rollouts.gaussian
    )
    assert tasks.reward_unit(family) == 4.0


def test_the_unit_of_tasks_that_share_their_rewards_or_pay_nothing():
    moves = np.stack([np.eye(2)[[0, 0]], np.eye(2)[[1, 1]]], 1)  # [S, A, S]
    reward = np.array([[[2.0, -8.0]], [[1.0, 6.0]]])  # [S, 1, S]
    shared = MDP(np.full((2, 2), 0.5), moves, reward)
    family = small_bandit()._replace(prior=None, reward_noise=rollouts.gaussian)
    assert tasks.reward_unit(family._replace(sample=lambda rng, n: shared)) == 8.0
    nothing = shared._replace(reward=0 * reward)
    assert tasks.reward_unit(family._replace(sample=lambda rng, n: nothing)) == 1.0


@pytest.mark.parametrize("u", [0.01, 1.0, 100.0])
def test_a_family_of_our_own_has_the_unit_of_its_tasks_or_a_unit_that_is_given(u):
    means = np.array([[0.25, -0.5], [1.0, 0.0]])
    mine = small_bandit()._replace(
        prior="one of our own",
        sample=lambda rng, n: bandit_mdps(u * means[rng.integers(2, size=n)]),
        reward_noise=rollouts.deterministic,
    )
    assert tasks.reward_unit(mine) == tasks.reward_unit(mine) == u
    given = mine._replace(unit=np.float32(2))
    assert tasks.reward_unit(given) == 2.0 and type(tasks.reward_unit(given)) is float
    assert tasks.reward_unit(given._replace(horizon=3, name="other")) == 2.0


def test_a_family_with_another_prior_or_sampler_never_keeps_a_unit_in_silence():
    family = gaussian(std=3.0)
    loud = family._replace(sample=partial(family.sample.func, prior=gaussian(std=30.0).prior))
    assert (tasks.reward_unit(family), tasks.reward_unit(loud)) == (3.0, 30.0)
    given = family._replace(unit=5.0)
    for change in ({"prior": None}, {"sample": loud.sample}):
        with pytest.raises(ValueError, match="must come with a new unit, a number or None, got"):
            given._replace(**change)
    assert tasks.reward_unit(given._replace(sample=loud.sample, unit=6.0)) == 6.0
    assert tasks.reward_unit(given._replace(sample=loud.sample, unit=None)) == 30.0


@pytest.mark.parametrize("unit", [0.0, -1.0, np.nan, np.inf])
def test_a_unit_must_be_positive_and_finite(unit):
    with pytest.raises(ValueError, match=r"unit must be (positive|finite), got"):
        small_bandit()._replace(unit=unit)


@pytest.mark.parametrize("unit", [True, "1", np.ones(1)])
def test_a_unit_must_be_a_number(unit):
    with pytest.raises(TypeError, match="unit must be a real number, got"):
        small_bandit()._replace(unit=unit)


def test_a_pickled_family_has_its_unit():
    for family in (small_grid(goal_reward=20.0), correlated()._replace(unit=7.0)):
        copy = pickle.loads(pickle.dumps(family))
        assert tasks.reward_unit(copy) == tasks.reward_unit(family) > 1.0


# ---- what is refused ----


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"name": None}, TypeError, "name must be of type str, got NoneType"),
        ({"parameters": None}, TypeError, "parameters must be of type dict, got NoneType"),
        ({"parameters": [("arms", 2)]}, TypeError, "parameters must be of type dict, got list"),
        ({"sample": None}, TypeError, "sample must be a function, got None"),
        ({"sample": "sample"}, TypeError, "sample must be a function, got 'sample'"),
        ({"reward_noise": None}, TypeError, "reward_noise must be a function, got None"),
        ({"horizon": 0}, ValueError, "horizon must be at least 1, got 0"),
        ({"horizon": 2.0}, TypeError, "horizon must be a whole number, got 2.0"),
        ({"horizon": True}, TypeError, "horizon must be a whole number, got True"),
        ({"num_episodes": 0}, ValueError, "num_episodes must be at least 1, got 0"),
        ({"num_episodes": None}, TypeError, "num_episodes must be a whole number, got None"),
    ],
)
def test_a_family_is_valid_from_the_moment_it_exists(wrong, error, message):
    family = small_grid()
    with pytest.raises(error, match=message):
        tasks.Family(**{**family._asdict(), **wrong})
    with pytest.raises(error, match=message):
        family._replace(**wrong)


def test_the_numbers_of_a_family_are_converted():
    family = small_bandit()._replace(horizon=np.int8(100), num_episodes=np.uint8(100))
    assert (family.horizon * family.num_episodes, type(family.horizon)) == (10_000, int)
    assert type(family) is tasks.Family and type(family._replace(horizon=2)) is tasks.Family


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"noise": None}, TypeError, "reward_noise must be a function, got None"),
        ({"parameters": None}, TypeError, "parameters must be of type dict, got NoneType"),
        ({"mdps": None}, TypeError, "mdps must be an MDP of plain arrays, got NoneType"),
        ({"weights": None}, TypeError, "weights must be an array of floats, got NoneType"),
    ],
)
def test_a_family_of_candidates_refuses_the_wrong_kind_of_thing(wrong, error, message):
    prior = small_grid().prior
    given = {"name": "mine", "parameters": {}, **prior._asdict(), "horizon": 1, "num_episodes": 1}
    with pytest.raises(error, match=message):
        tasks.family_of_candidates(**{**given, "noise": rollouts.deterministic, **wrong})


def test_every_helper_refuses_what_is_no_family():
    batch = small_bandit().sample(rng(), 2)
    for other in (None, "bandit", tuple(small_bandit()), [small_bandit()]):
        calls = [
            lambda other=other: tasks.reward_unit(other),
            lambda other=other: tasks.shape_of(other),
            lambda other=other: tasks.play_trial(rng(), other, batch, scripted_agent([0])),
        ]
        for call in calls:
            with pytest.raises(TypeError, match="family must be of type Family, got"):
                call()
    for other in (None, small_bandit().prior, small_grid().prior.mdps):
        with pytest.raises(TypeError, match="prior must be of type Hypotheses, got"):
            tasks.shared_initial(other)
    with pytest.raises(TypeError, match="mdp must be an MDP of plain arrays, got tuple"):
        tasks.play_trial(rng(), small_bandit(), tuple(batch), scripted_agent([0]))


@pytest.mark.parametrize("wrong", [None, 0, np.random, np.random.RandomState(0)])
@pytest.mark.parametrize("name", registry.FAMILIES)
def test_tasks_are_drawn_with_a_generator(name, wrong):
    with pytest.raises(TypeError, match="rng must be a Generator, as numpy"):
        registry.make(name, {}).sample(wrong, 1)


@pytest.mark.parametrize("name", registry.FAMILIES)
def test_the_number_of_tasks_is_a_whole_number(name):
    sample = registry.make(name, {}).sample
    for wrong in (None, 2.0, True, "2", [2]):
        with pytest.raises(TypeError, match="num_tasks must be a whole number, got"):
            sample(rng(), wrong)


def test_a_first_state_that_candidates_share_without_an_axis_is_returned_whole():
    mdps = small_grid().prior.mdps
    for initial in (mdps.initial[0], mdps.initial):
        prior = small_grid().prior._replace(mdps=mdps._replace(initial=initial))
        assert np.array_equal(tasks.shared_initial(prior), np.eye(9)[4])
    spread = np.full(9, 1 / 9)
    prior = small_grid().prior._replace(mdps=mdps._replace(initial=spread))
    assert np.array_equal(tasks.shared_initial(prior), spread)
