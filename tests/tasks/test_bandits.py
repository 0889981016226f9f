"""Families of bandits: the prior they state is the one they draw from."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from comparing import assert_mean

from metarl_min.mdps import rollouts
from metarl_min.tasks import bandits, registry


def means(family, num_tasks=20_000, seed=0):
    return family.sample(np.random.default_rng(seed), num_tasks).reward[:, 0, :, 0]


@pytest.mark.parametrize("leading", [(), (1,), (3,), (2, 4)])
def test_a_bandit_has_one_state_and_shares_all_but_its_means(leading):
    arms = np.random.default_rng(0).random((*leading, 5))
    mdp = bandits.bandit_mdps(arms)
    assert mdp.shape == (1, 5) and mdp.leading == leading
    assert np.array_equal(mdp.reward[..., 0, :, 0], arms)
    ones = (1,) * len(leading)
    assert mdp.initial.shape == (*ones, 1) and mdp.transition.shape == (*ones, 1, 5, 1)


@pytest.mark.verifies("tasks.bandits.1")
@pytest.mark.parametrize("prior", [((1.0, 1.0),), ((2.0, 5.0),), ((1.0, 2.0), (4.0, 1.0))])
def test_eq1_arms_have_the_moments_of_their_beta_priors(prior):
    family = bandits.bandit(arms=2, prior=prior)
    drawn = means(family)
    a, b = np.array(prior * (2 // len(prior))).T
    mean, variance = a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))
    assert drawn.shape == (20_000, 2) and (drawn >= 0).all() and (drawn <= 1).all()
    assert_mean(drawn, mean)
    assert_mean((drawn - mean) ** 2, variance)
    assert_mean((drawn[:, 0] - mean[0]) * (drawn[:, 1] - mean[1]), 0.0)
    assert family.prior.a.tolist() == a.tolist() and family.prior.b.tolist() == b.tolist()
    assert family.reward_noise is rollouts.bernoulli


@pytest.mark.verifies("tasks.bandits.2")
def test_eq2_arms_are_independent_normals():
    family = bandits.gaussian(arms=2, mean=1.0, std=0.5, noise=2.0)
    drawn = means(family) - 1.0
    assert_mean(drawn, 0.0)
    assert_mean(drawn**2, 0.25)
    assert_mean(drawn[:, 0] * drawn[:, 1], 0.0)
    rewards = family.reward_noise(np.random.default_rng(0), np.full(20_000, 3.0)) - 3.0
    assert_mean(rewards, 0.0)
    assert_mean(rewards**2, 4.0)
    assert (family.prior.mean == 1).all() and (family.prior.std == 0.5).all()
    assert family.prior.noise == 2.0


@pytest.mark.verifies("tasks.bandits.3")
def test_eq3_correlated_arms_sum_to_one_and_are_uniform():
    drawn = means(bandits.correlated())
    assert np.allclose(drawn.sum(1), 1, atol=1e-15)
    assert_mean(drawn[:, 0], 0.5)
    assert_mean(drawn[:, 0] ** 2, 1 / 3)
    assert_mean(drawn[:, 0] < 0.25, 0.25)


@pytest.mark.verifies("tasks.bandits.3")
@pytest.mark.parametrize(("kind", "x"), [("easy", 0.1), ("medium", 0.25), ("hard", 0.4)])
def test_eq3_the_discrete_kinds_have_two_equally_likely_tasks(kind, x):
    family = bandits.correlated(kind=kind)
    drawn = means(family)
    assert set(map(tuple, np.round(drawn, 12))) == {(x, 1 - x), (1 - x, x)}
    assert_mean(drawn[:, 0] == x, 0.5)
    assert family.prior.weights.tolist() == [0.5, 0.5]


@pytest.mark.verifies("tasks.bandits.4")
def test_eq4_each_cue_has_one_arm_that_pays_and_all_bindings_are_equally_likely():
    family = bandits.contextual(cues=2, arms=3, pulls=4)
    prior = family.prior
    assert prior.mdps.shape == (2, 3) and prior.mdps.leading == (9,)
    bindings = prior.mdps.reward[..., 0].argmax(-1)  # the arm that pays for each cue
    assert set(map(tuple, bindings)) == {(i, j) for i in range(3) for j in range(3)}
    assert (prior.mdps.reward.sum((-1, -2)) == 1).all() and (prior.mdps.reward.max() == 1).all()
    assert np.allclose(prior.weights, 1 / 9, atol=1e-15)
    assert (family.horizon, family.num_episodes) == (1, 4)


@pytest.mark.verifies("tasks.bandits.4")
def test_eq4_the_cue_of_a_pull_is_uniform_and_an_arm_pays_by_its_binding():
    family = bandits.contextual(cues=2, arms=2, pulls=2000)
    task = family.sample(np.random.default_rng(0), 1)
    tables = rollouts.sampler(task, family.reward_noise)
    uniform = np.full((2, 2), 0.5)
    episodes = rollouts.sample(np.random.default_rng(1), tables, uniform, 2000, 1)
    assert_mean(episodes.states.ravel(), 0.5)
    pays = task.reward[0, :, :, 0].argmax(-1)[episodes.states]
    assert np.array_equal(episodes.rewards, episodes.actions == pays)


def test_the_defaults_are_those_that_are_written_down():
    assert bandits.bandit().parameters == {"arms": 5, "pulls": 10, "prior": "1,1"}
    assert bandits.bandit().prior.a.tolist() == bandits.bandit().prior.b.tolist() == [1.0] * 5
    gaussian = {"arms": 5, "pulls": 10, "mean": 0.0, "std": 1.0, "noise": 1.0}
    assert bandits.gaussian().parameters == gaussian
    assert bandits.correlated().parameters == {"kind": "uniform", "pulls": 100}
    assert bandits.contextual().parameters == {"cues": 4, "arms": 2, "pulls": 16}
    for kind in ("uniform", "easy"):
        family = bandits.correlated(kind=kind, pulls=7)
        assert (family.horizon, family.num_episodes) == (1, 7)
        assert family.reward_noise is rollouts.bernoulli
    assert bandits.correlated().prior == (1.0, 1.0)


@pytest.mark.parametrize("make", [bandits.bandit, bandits.gaussian])
def test_a_trial_is_pulls_episodes_of_one_step(make):
    family = make(arms=3, pulls=7)
    assert (family.horizon, family.num_episodes) == (1, 7)
    assert family.parameters["arms"] == 3 and family.parameters["pulls"] == 7
    mdp = family.sample(np.random.default_rng(0), 4)
    assert mdp.leading == (4,) and mdp.shape == (1, 3)
    episodes = rollouts.sample(
        np.random.default_rng(0),
        rollouts.sampler(mdp, family.reward_noise),
        np.full((1, 3), 1 / 3),
        family.num_episodes,
        family.horizon,
    )
    assert episodes.rewards.shape == (4, 7, 1) and episodes.alive.all()


@pytest.mark.parametrize(
    "family",
    [bandits.bandit(), bandits.gaussian(), bandits.correlated(), bandits.correlated(kind="easy")],
)
def test_families_pickle_and_draw_the_same_afterwards(family):
    again = pickle.loads(pickle.dumps(family))
    assert again.parameters == family.parameters
    assert np.array_equal(means(again, 5), means(family, 5))
    assert not np.array_equal(means(family, 5, seed=1), means(family, 5, seed=0))
    assert means(family, 1).shape[0] == 1


@pytest.mark.parametrize(
    ("make", "words", "error", "message"),
    [
        ("bandit", {"arms": 0}, ValueError, "arms must be at least 1, got 0"),
        ("bandit", {"arms": 2.0}, TypeError, "arms must be a whole number, got 2.0"),
        ("bandit", {"pulls": 0}, ValueError, "pulls must be at least 1, got 0"),
        ("bandit", {"prior": ((1.0, 1.0),) * 2}, ValueError, r"one per arm \(5\).*got"),
        (
            "bandit",
            {"prior": ()},
            ValueError,
            "prior must be one pair a,b for all arms or one per arm",
        ),
        (
            "bandit",
            {"prior": ((0.0, 1.0),)},
            ValueError,
            r"each from 1e-9 to 1e6, got \(0.0, 1.0\)",
        ),
        (
            "bandit",
            {"prior": ((1.0, -1.0),)},
            ValueError,
            r"each from 1e-9 to 1e6, got \(1.0, -1.0\)",
        ),
        ("bandit", {"prior": ((np.nan, 1.0),)}, ValueError, "prior must be finite, got nan"),
        ("gaussian", {"std": -1.0}, ValueError, r"std must be finite.* got -1\.0"),
        ("gaussian", {"noise": -1.0}, ValueError, r"noise must be finite.* got -1\.0"),
        ("gaussian", {"mean": np.inf}, ValueError, "mean must be finite, from .* got inf"),
        ("gaussian", {"arms": 0}, ValueError, "arms must be at least 1, got 0"),
        ("correlated", {"kind": "odd"}, ValueError, "uniform, easy, medium, hard, got 'odd'"),
        ("correlated", {"pulls": 0}, ValueError, "pulls must be at least 1, got 0"),
        ("contextual", {"arms": 1}, ValueError, "arms must be at least 2, got 1"),
        ("contextual", {"cues": 0}, ValueError, "cues must be at least 1, got 0"),
        ("contextual", {"cues": 13}, ValueError, r"must be at most 4096, got 2 \*\* 13"),
        ("contextual", {"cues": 6, "arms": 5}, ValueError, r"at most 4096, got 5 \*\* 6"),
        ("contextual", {"pulls": 0}, ValueError, "pulls must be at least 1, got 0"),
    ],
)
def test_bad_parameters_are_refused(make, words, error, message):
    with pytest.raises(error, match=message):
        getattr(bandits, make)(**words)


def test_the_number_of_tasks_is_checked():
    for family in (bandits.bandit(), bandits.gaussian(), bandits.correlated()):
        with pytest.raises(ValueError, match="num_tasks must be at least 1, got 0"):
            family.sample(np.random.default_rng(0), 0)


def test_the_bandit_of_compare_is_written_with_slashes():
    family = registry.make("bandit", {"prior": "1,1/2,2/4,4/1,3/1,5"})
    assert family.prior.a.tolist() == [1, 2, 4, 1, 1]
    assert family.prior.b.tolist() == [1, 2, 4, 3, 5]


@pytest.mark.parametrize(
    ("make", "words", "message"),
    [
        ("bandit", {"prior": None}, "prior must be a tuple, got None"),
        ("bandit", {"prior": "1,1"}, "prior must be a tuple, got '1,1'"),
        ("bandit", {"prior": 1.0}, "prior must be a tuple, got 1.0"),
        ("bandit", {"prior": (1.0, 1.0)}, "a,b of prior must be a tuple, got 1.0"),
        ("bandit", {"prior": (None,)}, "a,b of prior must be a tuple, got None"),
        ("bandit", {"prior": (("1", "1"),)}, "prior must be a real number, got '1'"),
        ("bandit", {"arms": None}, "arms must be a whole number, got None"),
        ("gaussian", {"std": None}, "std must be a real number, got None"),
        ("gaussian", {"mean": [0.0]}, r"mean must be a real number, got \[0.0\]"),
        ("correlated", {"kind": ["easy"]}, "kind must be of type str, got list"),
        ("correlated", {"kind": None}, "kind must be of type str, got NoneType"),
        ("contextual", {"cues": 2.0}, r"cues must be a whole number, got 2\.0"),
    ],
)
def test_parameters_of_another_kind_are_refused(make, words, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        getattr(bandits, make)(**words)


def test_pairs_may_stand_in_tuples_lists_and_arrays():
    for prior in ([(1, 2), [3, 4]], np.array([[1, 2], [3, 4]]), ((1.0, 2.0), (3.0, 4.0))):
        family = bandits.bandit(arms=2, prior=prior)
        assert family.parameters["prior"] == "1,2/3,4"
        assert family.prior.a.tolist() == [1, 3] and family.prior.a.dtype == float


@pytest.mark.parametrize("make", [bandits.bandit, bandits.gaussian])
def test_too_many_arms_are_refused_before_their_arrays_are_made(make):
    with pytest.raises(ValueError, match=r"arms must be at most 1000000, got 1000000000000"):
        make(arms=10**12)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64])
def test_numbers_of_other_types_are_converted(kind):
    made = [
        bandits.bandit(arms=kind(2), pulls=kind(100)),
        bandits.gaussian(arms=kind(2), pulls=kind(100), mean=Fraction(1, 2), std=kind(2)),
        bandits.correlated(pulls=kind(100)),
        bandits.contextual(cues=kind(7), arms=kind(3), pulls=kind(100)),
    ]
    for family in made:
        assert (family.num_episodes, type(family.num_episodes)) == (100, int)
        assert {type(x) for x in family.parameters.values()} <= {int, float, str}
        assert family.sample(np.random.default_rng(0), kind(3)).leading == (3,)
    assert made[3].prior.mdps.leading == (3**7,)
    assert made[1].reward_noise.keywords == {"std": 1.0}


@pytest.mark.parametrize(
    ("sample", "prior"),
    [
        (bandits.sample_beta, bandits.bandit().prior),
        (bandits.sample_gaussian, bandits.gaussian().prior),
        (bandits.sample_correlated, bandits.correlated().prior),
    ],
)
def test_sampling_needs_a_generator_and_the_prior_that_it_draws_from(sample, prior):
    for rng in (None, 0, np.random, np.random.RandomState(0)):
        with pytest.raises(TypeError, match="rng must be a Generator"):
            sample(rng, 2, prior=prior)
    for other in (None, tuple(prior), bandits.contextual().prior):
        with pytest.raises(TypeError, match=r"prior must be of type .*Arms, got"):
            sample(np.random.default_rng(0), 2, prior=other)


def test_means_are_an_array_of_floats():
    for means_ in ([0.5], None, np.array([0, 1])):
        with pytest.raises(TypeError, match="means must be an array of floats, got"):
            bandits.bandit_mdps(means_)
    with pytest.raises(ValueError, match=r"means must have the shape \[\.\., A\], got \(\)"):
        bandits.bandit_mdps(np.array(0.5))
    with pytest.raises(ValueError, match="means must be finite"):
        bandits.bandit_mdps(np.array([np.nan]))


@pytest.mark.parametrize("prior", [((), (1.0, 1.0)), ((1.0, [1.0, 2.0]),), (None, (1.0, 1.0))])
def test_pairs_of_different_lengths_are_no_prior(prior):
    with pytest.raises((TypeError, ValueError), match="prior must be"):
        bandits.bandit(arms=2, prior=prior)
