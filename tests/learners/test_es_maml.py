"""ES-MAML: its members adapt as MAML does, or climb, against a loop over single tasks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from metarl_min import learners, tasks, training
from metarl_min.evolution import players
from metarl_min.gradients import trials
from metarl_min.learners import es_maml
from metarl_min.mdps import policies, rollouts

GRID = {"size": "3", "start": "4", "horizon": "4", "episodes": "4"}


def rng(seed=0):
    return np.random.default_rng(seed)


def made(words, name="gridworld"):
    family = tasks.make(name, GRID if name == "gridworld" else {"arms": "2", "pulls": "4"})
    learner = learners.make("es_maml", {"population": "4", "num_tasks": "3"} | words)
    return family, learner


@pytest.mark.verifies("es_maml.1", "es_maml.2")
@pytest.mark.parametrize("name", ["bandit", "gridworld"])
def test_a_member_adapts_as_maml_does(name):
    family, learner = made({"alpha": "2"}, name)
    state = learner.init(rng(), family)
    theta = {"logits": rng(1).normal(size=state.theta["logits"].shape)}
    evolved = state._replace(theta=theta | {"log2_alpha": np.array([-1.0])})
    batch, inner = (
        family.sample(rng(2), 5),
        learner.trial.keywords["player"].trial.keywords["inner"],
    )
    found = learner.trial(rng(3), evolved, family, batch)
    truth = trials.play(rng(3), inner, family, theta, 1.0, batch)
    for x, y in zip(found, trials.episodes(truth.stages), strict=True):
        assert_array_equal(x, y)
    fixed = learner.trial(rng(3), learner.before(evolved), family, batch)
    truth = trials.play(rng(3), inner, family, theta, 0.0, batch)
    assert_array_equal(fixed.actions, trials.episodes(truth.stages).actions)


@pytest.mark.verifies("es_maml.3")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [1, 2])  # episodes of a stage, of which there are four
def test_hill_climbing_keeps_what_paid_best(seed, size):
    family = tasks.make("gridworld", GRID | {"episodes": str(4 * size)})
    steps = 3 if size == 1 else None
    inner = trials.resolve(trials.settings("table", 0.7, steps, size, "", None, ""), family)
    M, batch = 4, family.sample(rng(seed), 4)
    theta = {"logits": rng(5).normal(size=(M, 9, 5))}
    tables = rollouts.sampler(batch, family.reward_noise)
    found = es_maml.by_hill_climbing(
        rng(seed), inner, family, {"logits": theta["logits"][None]}, np.full((1, M), 0.7), tables,
        False,
    )  # fmt: skip
    again = rng(seed)
    best, paid, stages = theta["logits"].copy(), np.full(M, -np.inf), []
    for k in range(4):
        e = again.standard_normal((M, 9, 5)) if k in (1, 2) else 0.0
        x = best + 0.7 * e
        stages.append(rollouts.sample(again, tables, policies.softmax(x), size, 4))
        for m in range(M):
            total = stages[-1].rewards[m].sum()
            if total >= paid[m]:
                best[m], paid[m] = x[m], total
    truth = trials.episodes(stages)
    assert_allclose(found.rewards[0], truth.rewards, atol=0)
    assert_array_equal(found.actions[0], truth.actions)


@pytest.mark.parametrize("policy", ["table", "network:3"])
@pytest.mark.parametrize("adaptation", es_maml.ADAPTATION)
def test_a_member_earns_the_same_whoever_else_adapts(adaptation, policy):
    family, learner = made({"adaptation": adaptation, "policy": policy, "alpha": "2"})
    player = learner.trial.keywords["player"]
    theta = player.init(rng(), family)
    thetas = {name: rng(4).normal(size=(4, *x.shape)) for name, x in theta.items()}
    found = players.returns(player, family, thetas, 11, 3)
    assert found.shape == (4, 4) and len(np.unique(found.sum(1))) == 4
    for p in range(4):
        one = {name: x[p : p + 1] for name, x in thetas.items()}
        assert_array_equal(players.returns(player, family, one, 11, 3)[0], found[p])


@pytest.mark.parametrize("policy", ["table", "network:3"])
def test_it_adapts_and_evolves_in_float32(policy):
    family, learner = made({"policy": policy, "population": "4"})
    state, _ = learner.step(rng(1), learner.init(rng(), family), family)
    assert {x.dtype for x in state.theta.values()} == {np.dtype("float32")}
    theta = {name: x for name, x in state.theta.items() if name != "log2_alpha"}
    inner = learner.trial.keywords["player"].trial.keywords["inner"]
    played = trials.play(rng(), inner, family, theta, 1.0, family.sample(rng(), 3))
    assert {x.dtype for phi in played.path for x in phi.values()} == {np.dtype("float32")}
    assert np.abs(played.path[-1][min(theta)] - theta[min(theta)]).max() > 0


def test_a_hill_climber_starts_with_steps_of_one_and_a_gradient_with_those_of_the_family():
    for words, start in (
        ({"adaptation": "hill_climbing"}, 1.0),
        ({"adaptation": "hill_climbing", "alpha": "3"}, 3.0),
        ({}, 8.0),
    ):
        family, learner = made(words)
        inner = learner.trial.keywords["player"].trial.keywords["inner"]
        assert trials.resolve(inner, family).alpha == start


@pytest.mark.parametrize("adaptation", es_maml.ADAPTATION)
def test_it_beats_its_control(adaptation):
    family = tasks.make("gridworld", GRID | {"goals": "0,2", "episodes": "3", "horizon": "6"})
    learner = learners.make("es_maml", {"adaptation": adaptation, "num_tasks": "16"})
    state = training.train(learner, family, iterations=40, seed=0)
    control = learner.control(rng(4), state, family)
    assert control.alpha > 0 and not control.theta["logits"].any()
    batch = family.sample(rng(9), 2000)
    evolved, untrained = (
        learner.trial(rng(8), x, family, batch).rewards.sum((1, 2)) for x in (state, control)
    )
    error = np.hypot(evolved.std(), untrained.std()) / np.sqrt(2000)
    assert evolved.mean() > untrained.mean() + 5 * error


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="adaptation must be one of gradient, hill_climbing"):
        made({"adaptation": "newton"})
    family, learner = made({"inner_steps": "9"})
    with pytest.raises(ValueError, match="inner_steps must be at most"):
        learner.init(rng(), family)


def test_the_step_size_of_a_control_is_searched():
    family, learner = made({"alpha": "0.01"})
    state = learner.init(rng(), family)
    control = learner.control(rng(1), state, family)
    assert control.alpha > 0.1  # a start so small that it does not adapt


@pytest.mark.parametrize("alpha", [0.0, -1.0, np.inf])
def test_a_step_size_that_is_not_positive_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha must be"):
        es_maml.es_maml(alpha=alpha)
