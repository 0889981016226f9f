"""ES-MAML: its members adapt as MAML does, or climb, against a loop over single tasks."""

import numpy as np
import pytest
from comparing import rng
from numpy.testing import assert_allclose, assert_array_equal
from problems import small_bandit, small_grid

from metarl_min import learners, training
from metarl_min.basics import words
from metarl_min.evolution import players
from metarl_min.gradients import trials
from metarl_min.gradients.adaptation_settings import adaptation as resolve
from metarl_min.learners import es_maml as module
from metarl_min.learners.es_maml import by_hill_climbing, es_maml
from metarl_min.mdps import policies, rollouts
from metarl_min.mdps.networks import mlp
from metarl_min.mdps.policies import tabular
from metarl_min.tasks.gridworlds import gridworld

GRID = gridworld(size=3, start=4, horizon=4, episodes=4)
FAMILIES = {"bandit": small_bandit(arms=2, pulls=4), "gridworld": GRID}
SMALL = {"population": 4, "num_tasks": 3}
POLICIES = {"table": tabular, "network": mlp(3)}
every_adaptation = pytest.mark.parametrize("name", module.ADAPTATIONS)
every_policy = pytest.mark.parametrize("policy", POLICIES)


def different_members(player, num_members=4):
    """Parameters [P, ..] of members that act differently."""
    theta = player.init(rng())
    return {name: rng(4).normal(size=(num_members, *x.shape)) for name, x in theta.items()}


@pytest.mark.verifies("es_maml.1", "es_maml.2")
@pytest.mark.parametrize("name", FAMILIES)
def test_a_member_adapts_as_maml_does(name):
    family = FAMILIES[name]
    learner, adaptation = es_maml(family, alpha=2.0, **SMALL), resolve(family, alpha=2.0)
    state = learner.init(rng())
    theta = {"logits": rng(1).normal(size=state.theta["logits"].shape)}
    evolved = state._replace(theta=theta | {"log2_alpha": np.array([-1.0])})
    batch = family.sample(rng(2), 5)
    sampler = rollouts.sampler(batch, family.reward_noise)
    result = learner.trial(rng(3), evolved, batch)
    truth = trials.play(rng(3), adaptation, sampler, theta, 1.0)  # 2^-1 times alpha
    for x, y in zip(result, trials.join_stages(truth.stages), strict=True):
        assert_array_equal(x, y)
    fixed = learner.trial(rng(3), learner.without_adaptation(evolved), batch)
    truth = trials.play(rng(3), adaptation, sampler, theta, 0.0)
    assert_array_equal(fixed.actions, trials.join_stages(truth.stages).actions)


@pytest.mark.verifies("es_maml.1")
@pytest.mark.parametrize("inner_steps", [None, 0])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_fitness_is_the_return_of_all_stages(name, inner_steps):
    """Without inner steps, the player returns its returns, and makes no episodes."""
    player = module.adapting_player(resolve(FAMILIES[name], inner_steps=inner_steps))
    assert (player.returns is None) == (inner_steps is None)
    thetas = different_members(player)
    returns = players.mean_returns(player, thetas, 11, 3)
    tasks = FAMILIES[name].sample(rng([11, 0]), 3)
    episodes = player.trial(rng([11, 1]), thetas, tasks)
    assert_allclose(returns.sum(-1), episodes.rewards.sum((2, 3)).mean(1), rtol=1e-13)


@pytest.mark.verifies("es_maml.3")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [1, 2])  # episodes of a stage; there are four stages
def test_hill_climbing_keeps_what_paid_best(seed, size):
    family = gridworld(size=3, start=4, horizon=4, episodes=4 * size)
    adaptation = resolve(family, inner_steps=3, inner_episodes=size)
    M, batch = 4, family.sample(rng(seed), 4)
    logits = rng(5).normal(size=(M, 9, 5))
    sampler = rollouts.sampler(batch, family.reward_noise)
    result = by_hill_climbing(
        rng(seed),
        adaptation,
        sampler,
        {"logits": logits[None]},
        np.full((1, M), 0.7),
        rollouts.sample,
    )
    again = rng(seed)
    best, greatest, stages = logits.copy(), np.full(M, -np.inf), []
    for k in range(4):
        e = again.standard_normal((M, 9, 5)) if k in (1, 2) else 0.0
        x = best + 0.7 * e
        stages.append(rollouts.sample(again, sampler, policies.softmax(x), size, 4))
        for m in range(M):
            total = stages[-1].rewards[m].sum()
            if total >= greatest[m]:
                best[m], greatest[m] = x[m], total
    truth = trials.join_stages(stages)
    assert_allclose(result.rewards[0], truth.rewards, atol=0)
    assert_array_equal(result.actions[0], truth.actions)


@every_policy
@every_adaptation
def test_a_member_earns_the_same_whoever_else_adapts(name, policy):
    adaptation = resolve(GRID, policy=POLICIES[policy], alpha=2.0)
    player = module.adapting_player(adaptation, module.ADAPTATIONS[name])
    thetas = different_members(player)
    returns = players.mean_returns(player, thetas, 11, 3)
    assert returns.shape == (4, 4) and len(np.unique(returns.sum(1))) == 4
    for p in range(4):
        one = {name: x[p : p + 1] for name, x in thetas.items()}
        assert_array_equal(players.mean_returns(player, one, 11, 3)[0], returns[p])


@every_adaptation
def test_a_greedy_player_draws_no_actions(name):
    """In a grid without chance, a trial without steps repeats itself for any generator."""
    family = small_grid()
    player = module.adapting_player(resolve(family), module.ADAPTATIONS[name])
    theta = {name: x[0] for name, x in different_members(player, 1).items()}
    theta = theta | {"log2_alpha": np.full(1, module.NO_STEP)}
    batch = family.sample(rng(1), 5)
    for greedy in (True, False):
        one = players.play_one(player, rng(2), theta, batch, greedy)
        other = players.play_one(player, rng(3), theta, batch, greedy)
        assert np.array_equal(one.actions, other.actions) == greedy


@every_policy
def test_it_adapts_and_evolves_in_float32(policy):
    learner = es_maml(GRID, policy=POLICIES[policy], **SMALL)
    state, _ = learner.step(rng(1), learner.init(rng()))
    assert {x.dtype for x in state.theta.values()} == {np.dtype("float32")}
    theta = {name: x for name, x in state.theta.items() if name != "log2_alpha"}
    adaptation = resolve(GRID, policy=POLICIES[policy])
    sampler = rollouts.sampler(GRID.sample(rng(), 3), GRID.reward_noise)
    path = trials.play(rng(), adaptation, sampler, theta, 1.0).path
    assert {x.dtype for phi in path for x in phi.values()} == {np.dtype("float32")}
    assert np.abs(path[-1][min(theta)] - theta[min(theta)]).max() > 0


def test_a_hill_climber_starts_with_steps_of_one_and_a_gradient_with_those_of_the_family():
    for settings, start in (
        ({"adaptation": by_hill_climbing}, 1.0),
        ({"adaptation": by_hill_climbing, "alpha": 3.0}, 3.0),
        ({}, 8.0),
    ):
        assert es_maml(GRID, **settings).settings["alpha"] == start


@every_adaptation
def test_it_beats_its_control(name):
    family = gridworld(size=3, start=4, horizon=6, episodes=3, goals=(0, 2))
    learner = es_maml(family, adaptation=module.ADAPTATIONS[name], num_tasks=16)
    state = training.train(learner, 40, seed=0)
    control = learner.untrained_control(rng(4))
    assert control.alpha > 0 and not control.state.theta["logits"].any()
    batch = family.sample(rng(9), 2000)
    evolved, untrained = (
        learner.trial(rng(8), x, batch).rewards.sum((1, 2)) for x in (state, control.state)
    )
    error = np.hypot(evolved.std(), untrained.std()) / np.sqrt(2000)
    assert evolved.mean() > untrained.mean() + 5 * error


@every_adaptation
def test_it_keeps_to_the_protocol(name):
    learner = es_maml(FAMILIES["bandit"], adaptation=module.ADAPTATIONS[name], **SMALL)
    learners.check(learner)
    assert learner.iterations == 1000


@pytest.mark.parametrize(
    ("settings", "unused"),
    [
        ({}, set()),
        ({"adaptation": by_hill_climbing, "policy": mlp(3)}, {"baseline", "gamma"}),
        ({"inner_steps": 0}, {"alpha", "inner_episodes", "baseline", "gamma"}),
        ({"inner_steps": 1}, set()),
        ({"inner_episodes": 2, "baseline": "leave_one_out"}, set()),
        ({"adaptation": by_hill_climbing, "inner_steps": 2}, {"baseline", "gamma"}),
    ],
)
def test_its_settings_make_it_again(settings, unused):
    learner = es_maml(GRID, **settings, **SMALL)
    assert words.keys(es_maml).keys() - learner.settings.keys() == unused | {"num_slices"}
    text = {name: str(word) for name, word in learner.settings.items()}
    assert es_maml(GRID, **words.parse_words("es_maml", es_maml, text)).settings == learner.settings


def test_every_word_has_a_meaning():
    assert all(key.meaning for key in words.keys(es_maml).values())


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"inner_steps": 9}, "inner_steps must be at most"),
        ({"alpha": 0.0}, "alpha must be positive, got 0"),
        ({"alpha": -1.0}, "alpha must be finite, from 0 to inf, got -1"),
        ({"alpha": np.inf}, "alpha must be"),
        ({"inner_steps": 0, "alpha": 2.0}, "where a trial has no inner step, got alpha"),
        ({"inner_steps": 0, "inner_episodes": 2}, "has no inner step, got inner_episodes"),
        ({"inner_steps": 1, "inner_episodes": 4}, "an episode follows each inner step, got 1"),
        ({"baseline": "linear"}, "inner_episodes must be at least 24 where baseline is linear"),
        ({"baseline": "mean"}, "inner_episodes must be at least 2 where baseline is mean"),
        ({"adaptation": by_hill_climbing, "inner_steps": 1}, "inner_steps must be at least 2 for"),
        ({"adaptation": by_hill_climbing, "inner_steps": 0}, "inner_steps must be at least 2 for"),
        ({"adaptation": by_hill_climbing, "inner_episodes": 3}, "at least 2 for hill_climbing"),
        ({"adaptation": by_hill_climbing, "gamma": 0.5}, "gamma must be left out for hill_climb"),
        ({"adaptation": by_hill_climbing, "baseline": 0.5}, "baseline must be left out for hill"),
    ],
)
def test_settings_out_of_range_or_without_effect_are_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        es_maml(GRID, **settings)


@pytest.mark.parametrize(
    ("settings", "same"),
    [
        ({"adaptation": by_hill_climbing, "inner_steps": 2}, False),
        ({"inner_steps": 0}, True),
        ({"inner_steps": 1}, False),
    ],
)
def test_alpha_is_refused_exactly_where_it_changes_no_episode(settings, same):
    learner = es_maml(GRID, **settings, **SMALL)
    state, tasks = learner.init(rng(1)), GRID.sample(rng(2), 200)
    larger = state._replace(theta=state.theta | {"log2_alpha": np.full(1, 4.0)})
    one, other = learner.trial(rng(3), state, tasks), learner.trial(rng(3), larger, tasks)
    assert np.array_equal(one.actions, other.actions) == same
    assert ("alpha" not in learner.settings) == same


def test_an_adaptation_by_name_is_a_word_and_no_value():
    with pytest.raises(TypeError, match="adaptation must be by_gradient or by_hill_climbing"):
        es_maml(GRID, adaptation="gradient")
    with pytest.raises(ValueError, match="adaptation must be one of gradient, hill_climbing"):
        words.parse_words("es_maml", es_maml, {"adaptation": "newton"})


def test_the_step_size_of_a_control_is_searched():
    learner = es_maml(GRID, alpha=0.01, **SMALL)
    control = learner.untrained_control(rng(1))
    assert control.alpha > 0.1  # a start so small that it does not adapt
    assert control.alpha == pytest.approx(0.01 * 2.0 ** control.state.theta["log2_alpha"][0])


def test_info_has_the_step_size_of_theta_before_the_step():
    learner = es_maml(small_bandit(), alpha=3.0, beta=0.5, **SMALL)
    state = learner.init(rng())
    for truth in (1.0, None):
        log2_alpha = state.theta["log2_alpha"][0]
        state, info = learner.step(rng(1), state)
        assert info.alpha == pytest.approx(3 * 2**log2_alpha, rel=1e-6)
        assert truth is None or info.alpha == 3.0
    assert info.alpha != 3.0 and info.fitness.best >= info.fitness.mean
    still = es_maml(small_bandit(), inner_steps=0, **SMALL)
    assert still.step(rng(1), still.init(rng()))[1].alpha is None


def test_a_learner_without_an_inner_step_has_no_control_that_adapts():
    for family, given in ((small_bandit(pulls=1), {}), (GRID, {"inner_steps": 0})):
        learner = es_maml(family, **given, **SMALL)
        assert learner.without_adaptation is None and learner.untrained_control is None
        learners.check(learner)


@every_adaptation
@pytest.mark.parametrize("unit", [2.0**-20, 2.0**20])
def test_in_another_unit_of_the_rewards_it_has_the_same_bits(name, unit):
    """Products with a power of two are exact, so nothing but the unit may differ."""
    states, played = [], []
    for u in (1.0, unit):
        family = gridworld(
            size=3, start=4, horizon=4, episodes=4, goal_reward=u, step_reward=-u / 8
        )
        learner = es_maml(family, adaptation=module.ADAPTATIONS[name], **SMALL)
        state = learner.init(rng())
        for i in range(3):
            state, _ = learner.step(rng(i), state)
        states.append(state)
        played.append(learner.trial(rng(4), state, family.sample(rng(5), 20)).rewards / u)
    for name in states[0].theta:
        assert_array_equal(states[0].theta[name], states[1].theta[name])
    assert_array_equal(*played)
