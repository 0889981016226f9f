"""maml: steps of training, its settings and what does not go together, trials and controls."""

import pickle
from functools import cache

import adaptation_by_hand as by_hand
import numpy as np
import pytest
from comparing import rng, trees_equal
from problems import small_grid

from metarl_min import learners
from metarl_min.basics import trees, words
from metarl_min.basics.optimizers import adam, sgd
from metarl_min.gradients import adaptation, objectives, step_sizes, trial_gradients, trials
from metarl_min.gradients.adaptation_settings import adaptation as resolve
from metarl_min.gradients.outer_updates import ascent, clipped, trpo
from metarl_min.gradients.step_sizes import (
    LEARN_ALPHA,
    StepSizes,
    alpha_per_parameter,
    fixed_alpha,
    one_alpha,
)
from metarl_min.gradients.traced_trials import META_GRADIENTS
from metarl_min.learners.maml import (
    OBJECTIVES,
    after_adaptation,
    exact_return,
    fomaml,
    maml,
    whole_trial,
)
from metarl_min.mdps import networks, policies, rollouts
from metarl_min.tasks import Unsupported
from metarl_min.tasks.bandits import bandit
from metarl_min.tasks.random_mdps import mdp

GRID = small_grid()


def started(learner, seed=0):
    return learner.init(rng(seed))


@pytest.mark.parametrize("make", [maml, fomaml])
@pytest.mark.parametrize("policy", [policies.tabular, networks.mlp(4)], ids=["table", "network"])
@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_a_step_is_a_function_of_its_seed_and_survives_pickling(make, policy, objective):
    made = make(small_grid(horizon=5), policy=policy, objective=objective, num_tasks=8)
    learners.check(made)
    learner = pickle.loads(pickle.dumps(made))
    states = []
    for _ in range(2):
        state, info = learner.step(rng([5, 1]), learner.init(rng([5, 0])))
        states.append(state)
        assert np.isfinite(info.per_episode).all()
    first, second = states
    assert trees_equal(first.theta, second.theta)
    untrained = learner.init(rng([5, 0]))
    assert any((first.theta[leaf] != untrained.theta[leaf]).any() for leaf in first.theta)


@pytest.mark.parametrize(
    ("make", "way"),
    [(maml, adaptation.meta_gradient), (fomaml, adaptation.first_order_meta_gradient)],
)
def test_an_exact_step_of_sgd_ascends_by_beta_times_the_meta_gradient(make, way):
    family = bandit(pulls=3)
    learner = make(family, objective=exact_return, num_tasks=5, outer=ascent(sgd(0.3)))
    state = started(learner)
    after, info = learner.step(rng(1), state)
    J = objectives.expected_return_objective(family.sample(rng(1), 5), 1)
    g = way(policies.tabular, state.theta, 4.0, 2, J)
    moved = (after.theta["logits"] - state.theta["logits"]) / 0.3
    np.testing.assert_allclose(moved, g["logits"], rtol=1e-10, atol=1e-14)
    F_inf = adaptation.adapted_return(policies.tabular, state.theta, 4.0, 2, J)
    assert info.per_episode[0] == info.after == F_inf
    assert info.before is info.alpha is info.kl is None


@pytest.mark.parametrize("update", [ascent(sgd(0.1)), trpo(), clipped(0.2, sgd(0.1))])
def test_info_has_the_returns_before_and_after_the_inner_steps_and_what_was_updated(update):
    learner = maml(bandit(pulls=7), inner_steps=2, inner_episodes=2, outer=update, num_tasks=9)
    _, info = learner.step(rng(1), started(learner))
    assert info.before == pytest.approx(info.per_episode[:2].mean(), rel=1e-12)
    assert info.after == pytest.approx(info.per_episode[4:].mean(), rel=1e-12)
    kind = update.words["update"]
    assert (info.kl is None) == (info.improvement is None) == (kind == "ascent")
    assert (info.accepted is None) == (kind != "trpo")
    once = maml(bandit(pulls=7), inner_steps=0, outer=update, num_tasks=9)
    _, info = once.step(rng(1), started(once))
    assert info.before is info.after is None and info.per_episode.shape == (7,)


def test_info_has_the_learned_step_sizes_with_which_the_trials_were_played():
    for name, policy in (("scalar", policies.tabular), ("each", networks.mlp(3))):
        rule = LEARN_ALPHA[name]
        learner = maml(bandit(pulls=3), policy=policy, learn_alpha=rule, alpha=2.0, num_tasks=9)
        state, info = learner.step(rng(1), started(learner))
        assert info.alpha == (2.0 if name == "scalar" else StepSizes(2.0, 2.0, 2.0))
        _, info = learner.step(rng(2), state)
        assert info.alpha == (state.alpha if name == "scalar" else step_sizes.summary(state.alpha))
    last = maml(bandit(pulls=3), policy=policy, adapt=("b2",), learn_alpha=rule, num_tasks=9)
    state, _ = last.step(rng(1), started(last))
    _, info = last.step(rng(2), state)
    learned = state.alpha["b2"]  # the step sizes of the other parameters do not count
    assert info.alpha == (min(learned), np.median(learned), max(learned))
    fixed = maml(bandit(pulls=3), num_tasks=9)
    assert fixed.step(rng(1), started(fixed))[1].alpha is None


@pytest.mark.verifies("outer_updates.1")
@pytest.mark.parametrize("estimator", [x for x in META_GRADIENTS if x != "reptile"])
@pytest.mark.parametrize("objective", [whole_trial, after_adaptation], ids=["trial", "adapted"])
def test_each_pull_is_weighed_by_what_the_objective_counts_of_it_and_of_the_later(
    objective, estimator
):
    """With alpha = 0 every pull is of theta, and only the weights differ."""
    family, theta = bandit(arms=3, pulls=4), np.array([[0.3, -0.2, 0.1]])
    learner = maml(
        family,
        objective=objective,
        estimator=META_GRADIENTS[estimator],
        outer=ascent(sgd(0.3)),
        num_tasks=6,
    )
    state = started(learner)._replace(theta={"logits": theta}, alpha=0.0)
    after, _ = learner.step(rng(1), state)
    generator = rng(1)
    batch = family.sample(generator, 6)
    played = learner.trial(generator, state, batch)  # the same stream, so the same pulls
    counts = np.array([1.0, 1, 1, 1] if objective is whole_trial else [0.0, 0, 0, 1])
    rewards = counts * played.rewards[..., 0]
    A = rewards[:, ::-1].cumsum(1)[:, ::-1] if estimator == "emaml" else rewards
    others = np.stack([np.delete(A, m, axis=0).mean(0) for m in range(6)])
    score = np.eye(3)[played.actions[..., 0]] - by_hand.softmax(theta)
    g = np.sum(score * (A - others)[..., None], axis=(0, 1)) / 6
    np.testing.assert_allclose(after.theta["logits"] - theta, 0.3 * g[None], atol=1e-14)


def test_without_adaptation_every_episode_is_played_by_theta():
    family = bandit(arms=2)
    learner = maml(family)
    state = started(learner)._replace(theta={"logits": np.array([[50.0, 0.0]])})
    unadapted = learner.without_adaptation(state)
    episodes = learner.trial(rng(1), unadapted, family.sample(rng(2), 9))
    assert (episodes.actions == 0).all()


def test_greedy_plays_the_most_probable_action():
    family = bandit(arms=2, pulls=1)
    learner = maml(family)
    state = started(learner)._replace(theta={"logits": np.array([[0.0, 0.1]])})
    batch = family.sample(rng(2), 200)
    played = [
        learner.trial(rng(1), state, batch, greedy=greedy).actions.mean()
        for greedy in (False, True)
    ]
    assert 0.4 < played[0] < 0.65
    assert played[1] == 1.0


def test_meta_training_beats_the_control_and_the_unadapted_start():
    family = bandit(prior=((1, 1), (2, 2), (4, 4), (1, 3), (1, 5)))
    learner = maml(family, num_tasks=100)
    state = learner.init(rng([0, 0]))
    for i in range(1, 61):
        state, _ = learner.step(rng([0, i]), state)
    batch = family.sample(rng([0, 0, 1]), 4000)
    control = learner.untrained_control(rng([0, 0, 2])).state
    totals = [
        learner.trial(rng(9), s, batch).rewards.sum((1, 2))
        for s in (state, learner.without_adaptation(state), control)
    ]
    for worse in totals[1:]:  # of 20 seeds the worst gains 15 standard errors
        gain = totals[0] - worse
        assert gain.mean() > 5 * gain.std() / np.sqrt(len(gain))


OUTERS = {"trpo": trpo(max_kl=0.05), "clipped": clipped(0.3, adam(0.05))}


@pytest.mark.parametrize(("update", "policy"), [("trpo", "network:8"), ("clipped", "table")])
def test_a_trust_region_and_a_clipped_surrogate_learn_too(update, policy):
    family = bandit(arms=3, pulls=4, prior=((1, 1), (1, 4), (1, 4)))
    learner = maml(family, outer=OUTERS[update], policy=networks.parse(policy), num_tasks=100)
    first = state = started(learner)
    num_refused = 0
    for i in range(10 if policy == "table" else 8):
        after, _ = learner.step(rng([7, i]), state)
        num_refused += trees_equal(after.theta, state.theta)
        state = after
    tasks = family.sample(rng(8), 8000)
    trained, untrained = (
        learner.trial(rng(9), s, tasks).rewards.sum((1, 2)).mean() for s in (state, first)
    )
    assert trained > untrained + 0.04  # 5 standard errors; of 20 seeds the worst gains 0.092
    assert num_refused <= 2


def one_update(outer):
    """A step on bandits with inner_steps = 0: the divergence is that of theta itself."""
    learner = maml(bandit(prior=((1, 3),)), outer=outer, inner_steps=0, num_tasks=50)
    start = np.array([[0.3, -0.2, 0.1, 0.0, 0.4]])
    state = started(learner)._replace(theta={"logits": start})
    after, _ = learner.step(rng(1), state)
    return start, after.theta["logits"]


@pytest.mark.parametrize("max_kl", [1e-3, 4e-3])
def test_trpo_goes_as_far_as_max_kl_allows(max_kl):
    old, new = one_update(trpo(max_kl))
    p, q = by_hand.softmax(old), by_hand.softmax(new)
    assert 0.6 * max_kl < np.sum(p * np.log(p / q)) <= max_kl


def test_clipped_makes_five_ascents_that_end_at_clip():
    start, once = one_update(ascent(sgd(1e-5)))
    near = one_update(clipped(0.3, sgd(1e-5)))[1]
    np.testing.assert_allclose(near - start, 5 * (once - start), rtol=1e-3)
    far = [one_update(clipped(clip, sgd(0.5)))[1] for clip in (0.05, 0.3)]
    ratios = [by_hand.softmax(new) / by_hand.softmax(start) for new in far]
    assert np.abs(ratios[0] - 1).max() < np.abs(ratios[1] - 1).max() - 0.05


@pytest.mark.parametrize(("family", "iterations"), [(bandit(), 2000), (mdp(), 1500)])
def test_bandits_have_more_iterations_than_the_other_families(family, iterations):
    assert maml(family).iterations == iterations


def test_the_control_starts_untrained_with_the_best_alpha_of_its_grid():
    learner = maml(bandit())
    control = learner.untrained_control(rng(1))
    assert (control.state.theta["logits"] == 0).all()
    assert control.state.alpha == control.alpha > 1.0


@pytest.mark.parametrize("policy", ["table", "network:4"])
@pytest.mark.parametrize("estimator", META_GRADIENTS)
def test_a_sampled_step_of_every_estimator_moves_and_stays_finite(estimator, policy):
    for learn_alpha in ("no",) if estimator == "reptile" else LEARN_ALPHA:
        learner = maml(
            GRID,
            estimator=META_GRADIENTS[estimator],
            policy=networks.parse(policy),
            learn_alpha=LEARN_ALPHA[learn_alpha],
            num_tasks=8,
        )
        state = started(learner)
        after, info = learner.step(rng(1), state)
        moved = trees.map_leaves(lambda x, y: np.abs(x - y).max(), after.theta, state.theta)
        assert max(moved.values()) > 0 and np.isfinite(list(moved.values())).all()
        assert np.isfinite(info.per_episode).all()


# ---- settings ----


def of_words(make, family, **given):
    return make(family, **words.parse_words("maml", make, given))


DEFAULT_WORDS = {
    "estimator": "emaml",
    "objective": "trial",
    "learn_alpha": "no",
    "update": "ascent",
    "optimizer": "adam",
    "beta": 0.05,
    "num_tasks": 200,
    "policy": "table",
    "alpha": 4.0,
    "inner_steps": 9,
    "inner_episodes": 1,
    "baseline": 0.5,
    "gamma": 1.0,
    "adapt": "",
}


def test_the_settings_are_words_with_every_default_filled_in():
    assert maml(bandit()).settings == DEFAULT_WORDS
    made = maml(
        bandit(),
        estimator=META_GRADIENTS["dice"],
        objective=after_adaptation,
        learn_alpha=one_alpha,
        policy=networks.mlp(16),
        adapt=("W2", "b2"),
    )
    changed = {"estimator": "dice", "objective": "adapted", "learn_alpha": "scalar"}
    changed |= {"policy": "network:16", "adapt": "W2,b2"}
    assert made.settings == DEFAULT_WORDS | changed
    trust = {
        name: word for name, word in DEFAULT_WORDS.items() if name not in ("optimizer", "beta")
    }
    assert maml(bandit(), outer=trpo()).settings == trust | {"update": "trpo", "max_kl": 0.01}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"estimator": "lvc", "policy": "network:4", "learn_alpha": "each", "beta": "0.3"},
        {"update": "clipped", "clip": "0.2", "objective": "adapted", "adapt": "logits"},
        {"objective": "exact", "estimator": "reptile", "optimizer": "sgd", "inner_steps": "2"},
    ],
)
def test_the_words_of_the_settings_make_the_same_learner(given):
    learner = of_words(maml, bandit(), **given, num_tasks="6")
    text = {name: str(word) for name, word in learner.settings.items()}
    again = of_words(maml, bandit(), **text)
    assert again.settings == learner.settings
    first, second = (x.step(rng(1), started(x))[0] for x in (learner, again))
    assert trees_equal(first.theta, second.theta)


def test_every_setting_has_a_meaning_and_fomaml_has_no_estimator():
    assert all(key.meaning for key in words.keys(maml).values())
    hidden = {"estimator", "update", "max_kl", "clip"}
    assert set(words.keys(maml)) - set(words.keys(fomaml)) == hidden
    fixed = {name: word for name, word in DEFAULT_WORDS.items() if name not in hidden}
    assert fomaml(bandit()).settings == fixed
    with pytest.raises(ValueError, match="an update other than ascent needs estimator emaml"):
        fomaml(bandit(), outer=trpo())
    with pytest.raises(TypeError, match="multiple values for keyword argument 'estimator'"):
        fomaml(bandit(), estimator=META_GRADIENTS["dice"])


EXACT, DICE, REPTILE = {"objective": "exact"}, {"estimator": "dice"}, {"estimator": "reptile"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"alpha": "nan"}, "alpha must be finite, from 0 to inf, got nan"),
        ({"alpha": "x"}, "alpha must be written as a number, got 'x'"),
        ({"beta": "-1"}, "beta must be finite, from 0"),
        ({"num_tasks": "0"}, "num_tasks must be at least 1, got 0"),
        ({"policy": "tree"}, "policy must be table, network or network:H"),
        ({"inner_episodes": "10"}, "inner_episodes must be below num_episodes = 10"),
        ({"adapt": "W2,b3", "policy": "network:3"}, "adapt must name some of W1, b1, W2, b2, got"),
        ({"inner_steps": "11"}, "inner_steps must be at most"),
        ({"alpha": "-4"}, "alpha must be finite, from 0 to inf, got -4"),
        ({"alpha": "0"}, "alpha must be positive where it is not learned, got 0.0"),
        ({"baseline": "mean"}, "inner_episodes must be at least 2 where baseline is mean"),
        ({"baseline": "linear"}, "inner_episodes must be at least 2 where baseline is linear"),
        ({"estimator": "trpo"}, "estimator must be one of emaml, plain, fomaml, reptile"),
        ({"learn_alpha": "1"}, "learn_alpha must be one of no, scalar, each, got '1'"),
        ({"objective": "F"}, "objective must be one of trial, adapted, exact, got 'F'"),
        ({"max_kl": "0.1"}, "max_kl must come with update=trpo, got update=ascent"),
        (
            DICE | {"baseline": "linear", "inner_episodes": "2"},
            "baseline must not be linear where estimator is one of dice, loaded_dice, lvc",
        ),
        (DICE | EXACT, "estimator must be one of emaml, fomaml, reptile where objective is exact"),
        (EXACT | {"estimator": "plain"}, "there is no score term, and plain is emaml, got plain"),
        (DICE | {"update": "trpo"}, "an update other than ascent needs estimator emaml or plain"),
        (EXACT | {"update": "trpo"}, "an update other than ascent needs"),
        ({"update": "clipped", "learn_alpha": "scalar"}, "an update other than ascent needs"),
        ({"update": "clipped", "estimator": "fomaml"}, "an update other than ascent needs"),
        (REPTILE | {"learn_alpha": "scalar"}, "learn_alpha must be no and objective must be trial"),
        (REPTILE | {"objective": "adapted"}, "learn_alpha must be no and objective must be trial"),
        ({"learning_rate": "1"}, "maml knows the keys estimator, objective"),
    ],
)
def test_words_that_do_not_go_together_or_are_out_of_range_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        of_words(maml, bandit(), **given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"estimator": "dice"}, "estimator must be of type MetaGradient, got 'dice'"),
        ({"learn_alpha": "each"}, "learn_alpha must be of type LearnAlpha, got 'each'"),
        ({"outer": adam(0.1)}, "outer must be of type Outer, got"),
        ({"objective": "exact"}, "objective must be whole_trial, after_adaptation or exact_return"),
        ({"policy": "table"}, "policy must be a Policy"),
    ],
)
def test_names_in_the_place_of_values_are_refused(given, message):
    with pytest.raises(TypeError, match=message):
        maml(bandit(), **given)


def test_an_estimator_of_your_own_takes_part():
    own = trial_gradients.MetaGradient(
        advantages=trial_gradients.episode_advantages, gradients=trial_gradients.second_order
    )
    learner, plain = (maml(GRID, estimator=x, num_tasks=5) for x in (own, META_GRADIENTS["plain"]))
    states = [x.step(rng(1), started(x))[0] for x in (learner, plain)]
    assert trees_equal(states[0].theta, states[1].theta)


# ---- parameters that adapt, baselines, exact steps ----


def test_to_name_every_parameter_is_to_name_none():
    thetas = []
    for adapt in ((), ("W1", "b1", "W2", "b2")):
        learner = maml(bandit(arms=2), adapt=adapt, policy=networks.mlp(3), num_tasks=2)
        thetas.append(learner.step(rng(1), started(learner))[0].theta)
    assert trees_equal(*thetas)


BASELINES = ["mean", "leave_one_out", "standardised", "linear", 0.2, -1.0]
LONG = small_grid(episodes=25)


@cache
def first_inner_step(baseline):
    """Where 4,000 tasks are after one inner step from zeros."""
    how, theta = resolve(LONG, baseline=baseline, inner_episodes=24), {"logits": np.zeros((9, 5))}
    sampler = rollouts.sampler(LONG.sample(rng(2), 4000), LONG.reward_noise)
    return trials.play(rng(3), how, sampler, theta, 1.0).path[1]["logits"]


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("make", [maml, fomaml])
def test_a_step_with_any_baseline_moves(make, baseline):
    learner = make(LONG, baseline=baseline, inner_episodes=24, num_tasks=4)
    after, _ = learner.step(rng(1), started(learner))
    assert (after.theta["logits"] != 0).any()


@pytest.mark.parametrize("baseline", BASELINES)
def test_every_baseline_adapts(baseline):
    """At least half of the mean inner step without a baseline is left; 4,000 tasks tell it."""
    moved, plain = first_inner_step(baseline), first_inner_step(0.0)
    assert np.sum(moved * plain) > 0.4 * np.sum(plain * plain)


def one_step(family=GRID, **settings):
    """A step of sgd with a network whose last layer alone adapts."""
    some = {"policy": networks.mlp(3), "adapt": ("W2", "b2"), "outer": ascent(sgd(0.05))}
    learner = maml(family, num_tasks=6, **(some | settings))
    state = started(learner)
    state = state._replace(theta=trees.map_leaves(lambda x: x + 0.3, state.theta))
    return state, *learner.step(rng(1), state)


def test_only_what_is_named_adapts_towards_the_exact_objective():
    state, _, info = one_step(objective=exact_return)
    J = objectives.expected_return_objective(GRID.sample(rng(1), 6), 4)
    alpha = {name: np.full_like(x, 8.0 * (name in ("W2", "b2"))) for name, x in state.theta.items()}
    truth = adaptation.adapted_return(networks.mlp(3), state.theta, alpha, 2, J)
    assert info.per_episode[0] == pytest.approx(truth, rel=1e-12)


def test_only_what_is_named_adapts_within_a_clipped_update():
    """Steps so small that nothing is clipped: five ascents are five times one."""
    state, once, _ = one_step(outer=ascent(sgd(1e-6)))
    _, near, _ = one_step(outer=clipped(0.3, sgd(1e-6)))
    for name, x in state.theta.items():
        moved = near.theta[name] - x, 5 * (once.theta[name] - x)
        np.testing.assert_allclose(*moved, rtol=1e-2, atol=1e-12)


def test_what_does_not_adapt_stays_in_a_trial_and_its_step_size_is_not_learned():
    state, after, _ = one_step(learn_alpha=alpha_per_parameter)
    for name in ("W1", "b1"):
        assert (after.alpha[name] == state.alpha[name]).all()
        assert (after.theta[name] != state.theta[name]).any()
    assert any((after.alpha[name] != state.alpha[name]).any() for name in ("W2", "b2"))


@pytest.mark.parametrize("inner_steps", [1, 3])
def test_an_exact_step_takes_as_many_inner_steps_as_a_trial(inner_steps):
    family = bandit(arms=3, pulls=4)
    some = {"objective": exact_return, "policy": policies.tabular, "adapt": ()}
    state, _, info = one_step(family, inner_steps=inner_steps, **some)
    J = objectives.expected_return_objective(family.sample(rng(1), 6), 1)
    truth = [adaptation.adapted_return(policies.tabular, state.theta, 4.0, K, J) for K in range(5)]
    assert info.per_episode[0] == pytest.approx(truth[inner_steps], rel=1e-12)
    sampler = rollouts.sampler(family.sample(rng(1), 6), family.reward_noise)
    trial = trials.play(rng(2), resolve(family, inner_steps=inner_steps), sampler, state.theta, 4.0)
    assert len(trial.path) - 1 == inner_steps == len(trial.stages) - 1
    assert np.diff(truth).min() > 0
    with pytest.raises(ValueError, match="an episode follows each inner step, got 4"):
        one_step(family, inner_steps=4, **some)


# ---- trials without an inner step ----


def test_a_learner_without_an_inner_step_has_no_control_that_adapts():
    for family, given in ((bandit(pulls=1), {}), (bandit(), {"inner_steps": 0})):
        learner = maml(family, **given)
        assert learner.without_adaptation is None and learner.untrained_control is None
        learners.check(learner)
    assert maml(bandit()).without_adaptation is not None


@pytest.mark.parametrize(
    "given",
    [
        {"estimator": META_GRADIENTS["plain"]},
        {"estimator": META_GRADIENTS["reptile"]},
        {"learn_alpha": one_alpha},
        {"objective": after_adaptation},
    ],
)
def test_without_an_inner_step_there_is_no_other_way_through_it(given):
    rule = r"a trial must have an inner step where .* got inner_steps 0"
    with pytest.raises(ValueError, match=rule) as no:
        maml(bandit(), inner_steps=0, **given)
    assert not isinstance(no.value, Unsupported)  # another setting would do
    for more in ({}, {"inner_steps": 0}):
        with pytest.raises(Unsupported, match=r"at least two episodes, .* where .* got one"):
            maml(bandit(pulls=1), **given, **more)


# ---- step sizes ----


def test_a_step_size_that_is_learned_may_start_at_zero():
    for learn_alpha in LEARN_ALPHA.values():
        if learn_alpha is fixed_alpha:
            with pytest.raises(ValueError, match="alpha must be positive where it is not learned"):
                maml(bandit(), alpha=0.0, learn_alpha=learn_alpha)
        else:
            learner = maml(bandit(), alpha=0.0, learn_alpha=learn_alpha, num_tasks=50)
            after, _ = learner.step(rng(1), started(learner))
            assert np.any(after.alpha if learn_alpha is one_alpha else after.alpha["logits"])
            assert learner.untrained_control(rng(2)).alpha > 0
    with pytest.raises(ValueError, match="alpha must be finite, from 0 to inf, got -1"):
        maml(bandit(), alpha=-1.0, learn_alpha=one_alpha)


@pytest.mark.parametrize("objective", ["trial", "exact"])
@pytest.mark.parametrize("wrong", [None, "theta", {"theta": 1}, (1, 2, 3, 4)])
def test_a_step_and_a_trial_begin_with_a_state_of_maml(objective, wrong):
    learner = maml(bandit(arms=2, pulls=3), objective=OBJECTIVES[objective], num_tasks=3)
    tasks, state = learner.family.sample(rng(), 2), learner.init(rng())
    for call in (
        lambda: learner.step(rng(), wrong),
        lambda: learner.trial(rng(), wrong, tasks),
    ):
        with pytest.raises(TypeError, match="state must be of type State, got"):
            call()
    with pytest.raises(TypeError, match="greedy must be True or False, got"):
        learner.trial(rng(), state, tasks, greedy=wrong)
