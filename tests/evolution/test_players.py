"""Players: a member plays as if it were alone, and a batch of networks as one network does."""

import numpy as np
import pytest
import toy_players
from comparing import rng
from numpy.testing import assert_allclose, assert_array_equal
from problems import paying_arms, small_bandit, small_grid

from metarl_min.evolution import players
from metarl_min.gradients.adaptation_settings import adaptation
from metarl_min.learners.es_maml import adapting_player
from metarl_min.mdps import rollouts
from metarl_min.mdps.episodes import map_fields
from metarl_min.mdps.policies import softmax
from metarl_min.memory import recurrent_agents, recurrent_policies
from metarl_min.tasks import play_trial

FAMILIES = {"bandit": small_bandit(arms=3, pulls=4), "gridworld": small_grid()}


def different_members(player, num_members):
    """Parameters [P, ..] of members that act differently."""
    theta = player.init(rng())
    shape = {name: (num_members, *x.shape) for name, x in theta.items()}
    return {name: rng(4).normal(size=shape[name]).astype(x.dtype) for name, x in theta.items()}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_member_earns_the_same_whoever_else_plays(name):
    player = players.recurrent_player(FAMILIES[name], hidden=8)
    thetas = different_members(player, 4)
    returns = players.mean_returns(player, thetas, 11, 3)
    assert returns.shape == (4, FAMILIES[name].num_episodes)
    assert len(np.unique(returns.sum(1))) > 1
    for p in range(4):
        one = {name: x[p : p + 1] for name, x in thetas.items()}
        assert_array_equal(players.mean_returns(player, one, 11, 3)[0], returns[p])


@pytest.mark.parametrize("name", FAMILIES)
def test_a_population_in_parts_has_the_bits_of_a_whole_one(name, monkeypatch):
    player = players.recurrent_player(FAMILIES[name], hidden=8)
    thetas = different_members(player, 5)
    whole = players.mean_returns(player, thetas, 11, 4)
    monkeypatch.setattr(players, "MOST_TRIALS", 9)  # two members on 4 tasks at the same time
    assert_array_equal(players.mean_returns(player, thetas, 11, 4), whole)


def test_many_actions_have_the_same_probabilities_in_every_population():
    policy, P, M, A = recurrent_policies.gru(5), 3, 4, 12  # 12 numbers have several orders of a sum
    player = players.recurrent_player(small_bandit(arms=A, pulls=2), hidden=5)
    thetas, x = different_members(player, P), rng(9).normal(size=(M, A + 3)).astype(np.float32)

    def probs(members):
        batched = players.batched_over_population(policy, len(members["b"]))
        rows = np.tile(x, (len(members["b"]), 1))
        logits = batched.step(members, batched.initial_memory(members, len(rows)), rows)[1]
        return softmax(logits).reshape(-1, M, A)

    together = probs(thetas)
    for p in range(P):
        assert_array_equal(
            probs({name: x[p : p + 1] for name, x in thetas.items()})[0], together[p]
        )


@pytest.mark.parametrize("player", ["recurrent", "fixed"])
def test_one_long_episode_of_one_task_has_the_same_return_in_every_population(player):
    family = small_grid(horizon=20, episodes=1)._replace(reward_noise=rollouts.gaussian)
    player = (
        players.recurrent_player(family, hidden=5)
        if player == "recurrent"
        else adapting_player(adaptation(family, inner_steps=0))
    )
    thetas = different_members(player, 4)
    returns = players.mean_returns(player, thetas, 11, 1)
    for p in range(4):
        one = {name: x[p : p + 1] for name, x in thetas.items()}
        assert_array_equal(players.mean_returns(player, one, 11, 1)[0], returns[p])


def recording_player(family, calls):
    """A player that earns nothing. It records a draw of its generator, P, and the tasks."""

    def returns(rng, thetas, tasks, unit):
        calls.append((rng.random(), players.num_members(thetas), tasks))
        return np.zeros((calls[-1][1], *tasks.leading, family.num_episodes))

    player = toy_players.toy_player(family, toy_players.flat_trial)
    return player._replace(returns=returns)


def test_the_tasks_and_the_trials_of_a_key_have_different_random_numbers():
    family, calls = FAMILIES["bandit"], []
    players.mean_returns(recording_player(family, calls), {"x": np.zeros((2, 2))}, 3, 5)
    ((number, _, tasks),) = calls
    truth = family.sample(rng([3, 0]), 5)
    assert all(np.array_equal(x, y) for x, y in zip(tasks, truth, strict=True))
    assert number == rng([3, 1]).random()


@pytest.mark.parametrize(("num_tasks", "members"), [(3, [3, 2]), (4, [2, 2, 1]), (10, [1] * 5)])
def test_only_a_few_trials_are_played_at_the_same_time(num_tasks, members, monkeypatch):
    monkeypatch.setattr(players, "MOST_TRIALS", 9)
    calls, thetas = [], {"x": np.zeros((5, 2))}
    player = recording_player(FAMILIES["bandit"], calls)
    assert players.mean_returns(player, thetas, 3, num_tasks).shape == (5, 4)
    assert [P for _, P, _ in calls] == members  # at least one member, and at most 9 trials


def test_members_that_are_alike_are_paid_alike():
    player = players.recurrent_player(FAMILIES["bandit"], hidden=8)
    theta = player.init(rng())
    returns = players.mean_returns(
        player, {name: np.stack([x] * 3) for name, x in theta.items()}, 5, 9
    )
    assert_array_equal(returns[0], returns[1])
    assert_array_equal(returns[0], returns[2])


def test_one_member_plays_as_the_agent_of_its_policy():
    family = FAMILIES["gridworld"]
    player = players.recurrent_player(family, hidden=5)
    theta = {name: x[0] for name, x in different_members(player, 1).items()}
    tasks = family.sample(rng(1), 50)
    for greedy in (False, True):
        episodes = players.play_one(player, rng(2), theta, tasks, greedy)
        agent = recurrent_agents.agent(recurrent_policies.gru(5), theta, tasks.shape, greedy)
        truth, _ = play_trial(rng(2), family, tasks, agent)
        for x, y in zip(episodes, truth, strict=True):
            assert_array_equal(x, y)


def test_a_recurrent_player_acts_alike_in_every_unit_of_the_rewards():
    played = []
    for unit in (1.0, 512.0):  # powers of two change no bit
        family = paying_arms(unit)
        player = players.recurrent_player(family, hidden=5)
        theta = {name: x[0] for name, x in different_members(player, 1).items()}
        played.append(players.play_one(player, rng(2), theta, family.sample(rng(1), 50)))
    assert_array_equal(played[0].actions, played[1].actions)
    assert_array_equal(512 * played[0].rewards, played[1].rewards)


def test_a_batch_of_policies_is_one_policy_for_each_member():
    policy, P, M = recurrent_policies.gru(5), 3, 4
    batched = players.batched_over_population(policy, P)
    each = [policy.init(rng(p), 7, 2) for p in range(P)]
    thetas = {name: np.stack([theta[name] for theta in each]) for name in each[0]}
    memory, x = batched.initial_memory(thetas, P * M), rng(9).normal(size=(2, P * M, 7))
    alone = [policy.initial_memory(theta, M) for theta in each]
    for observations in x.astype(np.float32):
        memory, logits, values = batched.step(thetas, memory, observations)
        for p, theta in enumerate(each):
            rows = slice(p * M, (p + 1) * M)
            alone[p], z, v = policy.step(theta, alone[p], observations[rows])
            assert_allclose(logits[rows], z, rtol=1e-5, atol=1e-6)
            assert_allclose(values[rows], v, rtol=1e-5, atol=1e-6)


def test_a_greedy_player_draws_nothing():
    """In a grid without chance a second trial repeats the first for any generator."""
    family = small_grid()
    player = players.recurrent_player(family, hidden=3)
    theta = {name: x[0] for name, x in different_members(player, 1).items()}
    tasks = family.sample(rng(1), 5)
    for greedy in (True, False):
        one = players.play_one(player, rng(2), theta, tasks, greedy)
        other = players.play_one(player, rng(3), theta, tasks, greedy)
        assert np.array_equal(one.actions, other.actions) == greedy


def test_the_returns_of_a_key_are_means_over_its_tasks():
    player = toy_players.toy_player(small_grid(), toy_players.linear_trial)
    returns = players.mean_returns(player, {"x": np.array([[1.0, 0.0], [0.0, 1.0]])}, 3, 5)
    assert_allclose(returns, [[2, 0, -1], [-4, 0, 2]], rtol=1e-14)
    flat = toy_players.toy_player(small_grid(), toy_players.flat_trial)
    returns = players.mean_returns(flat, {"x": np.zeros((2, 2))}, 3, 5)
    assert_allclose(returns, np.full((2, 3), 4 * 0.1), rtol=1e-14)  # sums over four steps
    tenths = players.mean_returns(flat, {"x": np.zeros((2, 2))}, 3, 5, unit=0.1)
    assert_array_equal(tenths, np.full((2, 3), 4.0))  # each reward is divided before the sum
    assert players.num_members({"x": np.zeros((6, 2))}) == 6


def test_a_player_may_return_its_returns_without_episodes():
    def returns(rng, thetas, tasks, unit):
        return thetas["x"][:, :1, None] * tasks.initial[:, :1] / unit + np.arange(3)

    player = toy_players.toy_player(small_grid(), toy_players.flat_trial)._replace(returns=returns)
    tasks = player.family.sample(np.random.default_rng([3, players.TASK_STREAM]), 5)
    got = players.mean_returns(player, {"x": np.array([[2.0], [4.0]])}, 3, 5, unit=0.5)
    mean = tasks.initial[:, 0].mean()
    assert_allclose(got, [[4 * mean + n for n in range(3)], [8 * mean + n for n in range(3)]])


@pytest.mark.parametrize(
    ("shape", "got"),
    [
        ((5, 2, 3), r"\(5, 2, 3\)"),
        ((2, 5), r"\(2, 5\)"),
        ((1, 5, 3), r"\(1, 5, 3\)"),
        ((2, 1, 3), r"\(2, 1, 3\)"),
        ((2, 5, 3, 1), r"\(2, 5, 3, 1\)"),
        ((), r"\(\)"),
    ],
)
def test_returns_of_another_shape_are_refused(shape, got):
    player = toy_players.toy_player(small_grid(), toy_players.flat_trial)
    rule = r"the returns of a player must be \[P, M, N\], \(2, 5, 3\), got "
    with pytest.raises(ValueError, match=rule + got):
        players.mean_returns(player._replace(returns=lambda *_: np.ones(shape)), X, 3, 5)


def test_a_trial_of_one_member_for_two_is_refused():
    def one_member(rng, thetas, tasks, greedy=False):
        return map_fields(lambda x: x[:1], TOY.trial(rng, thetas, tasks, greedy))

    with pytest.raises(ValueError, match=r"must be \[P, M, N\], \(2, 5, 3\), got \(1, 5, 3\)"):
        players.mean_returns(TOY._replace(trial=one_member), X, 3, 5)


TOY = toy_players.toy_player(small_grid(), toy_players.linear_trial)
X = {"x": np.array([[1.0, 0.0], [0.0, 1.0]])}


@pytest.mark.parametrize(
    ("wrong", "error", "rule"),
    [
        ({"player": None}, TypeError, "player must be of type Player, got NoneType"),
        ({"thetas": None}, TypeError, "parameters must be a non-empty dict of float arrays"),
        ({"thetas": {}}, TypeError, "parameters must be a non-empty dict of float arrays"),
        ({"thetas": {"x": np.array(1.0)}}, ValueError, r"each parameter must be \[P, ..\], got"),
        ({"thetas": X | {"y": np.ones(3)}}, ValueError, r"each parameter must be \[P, ..\], got"),
        ({"thetas": {"x": np.ones((0, 2))}}, ValueError, "population must be at least 1, got 0"),
        ({"key": -1}, ValueError, "key must be at least 0, got -1"),
        ({"key": 0.5}, TypeError, "key must be a whole number, got 0.5"),
        ({"num_tasks": 0}, ValueError, "num_tasks must be at least 1, got 0"),
        ({"num_tasks": "3"}, TypeError, "num_tasks must be a whole number, got '3'"),
        ({"unit": 0}, ValueError, "unit must be positive, got 0"),
        ({"unit": np.nan}, ValueError, "unit must be finite, got nan"),
    ],
)
def test_returns_are_refused_where_nobody_could_play(wrong, error, rule):
    right = {"player": TOY, "thetas": X, "key": 3, "num_tasks": 5}
    with pytest.raises(error, match=rule):
        players.mean_returns(**right | wrong)


@pytest.mark.parametrize(
    ("wrong", "error", "rule"),
    [
        ({"player": "es"}, TypeError, "player must be of type Player, got str"),
        ({"rng": np.random}, TypeError, "rng must be a Generator"),
        ({"theta": {"x": np.full(2, np.nan)}}, ValueError, "parameter 'x' must not have NaN"),
        ({"theta": {}}, ValueError, "theta must have the names"),
        (
            {"theta": {"x": [1.0, 2.0]}},
            TypeError,
            "parameter 'x' must be an array of floats, got list",
        ),
        ({"greedy": 0}, TypeError, "greedy must be True or False, got 0"),
        ({"theta": [1.0, 2.0]}, TypeError, "theta must be of type dict, got list"),
    ],
)
def test_one_member_needs_parameters_and_a_generator(wrong, error, rule):
    tasks = TOY.family.sample(rng(), 2)
    right = {"player": TOY, "rng": rng(), "theta": {"x": np.ones(2)}, "tasks": tasks}
    with pytest.raises(error, match=rule):
        players.play_one(**right | wrong)


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"family": None}, "family must be of type Family, got NoneType"),
        ({"init": {}}, "init must be a function, got {}"),
        ({"trial": "rl2"}, "trial must be a function, got 'rl2'"),
        ({"returns": 3.0}, "returns must be a function, got 3.0"),
    ],
)
def test_a_player_is_valid_from_the_moment_it_exists(wrong, rule):
    for make in (TOY._replace, lambda **new: players.Player(**TOY._asdict() | new)):
        assert make() == TOY
        with pytest.raises(TypeError, match=rule):
            make(**wrong)


def test_a_player_of_a_network_needs_a_family_and_units():
    with pytest.raises(TypeError, match="family must be of type Family, got str"):
        players.recurrent_player("bandit", 3)
    with pytest.raises(ValueError, match="hidden must be at least 1, got 0"):
        players.recurrent_player(FAMILIES["bandit"], 0)
    with pytest.raises(TypeError, match="policy must be of type RecurrentPolicy, got NoneType"):
        players.batched_over_population(None, 3)
    with pytest.raises(ValueError, match="population must be at least 1, got 0"):
        players.batched_over_population(recurrent_policies.gru(3), 0)
    with pytest.raises(TypeError, match="family must be of type Family, got NoneType"):
        players.play_population(rng(), None, None, None, 2)


def test_one_member_has_the_parameters_of_its_player():
    player = players.recurrent_player(small_bandit(), 3)
    theta, tasks = player.init(rng()), player.family.sample(rng(), 2)
    other = players.recurrent_player(small_bandit(), 4).init(rng())
    with pytest.raises(ValueError, match=r"theta .* must have the shape of the player"):
        players.play_one(player, rng(), other, tasks)
    masked = {**theta, "W": np.ma.masked_array(theta["W"], theta["W"] > 0)}
    with pytest.raises(TypeError, match="parameter 'W' must be an array of floats, got Masked"):
        players.play_one(player, rng(), masked, tasks)
    for greedy in (None, "no", 1):
        with pytest.raises(TypeError, match="greedy must be True or False, got"):
            players.play_one(player, rng(), theta, tasks, greedy)
