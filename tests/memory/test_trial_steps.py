"""Trials step by step are those of `tasks.play_trial`, and pay what exact values say."""

import numpy as np
import pytest
from comparing import assert_mean, episodes_equal, rng
from problems import one_state, own_family, scripted_agent, small_grid

from metarl_min.ceilings import expected_random
from metarl_min.mdps import rollouts, values
from metarl_min.mdps.episodes import Episodes
from metarl_min.memory import recurrent_agents, recurrent_policies, trial_steps
from metarl_min.tasks import play_trial, reward_unit, shape_of
from metarl_min.tasks.bandits import bandit, contextual, gaussian
from metarl_min.tasks.random_mdps import mdp

FAMILIES = {
    "bernoulli": bandit(arms=3, pulls=5),
    "gaussian": gaussian(arms=2, pulls=4, mean=1.0, noise=0.5),
    "cues": contextual(cues=3, arms=2, pulls=6),
    "grid": small_grid(),
    "absorbing": small_grid(terminate=1, slip=0.25),
    "random": mdp(states=4, actions=3, horizon=3, episodes=2),
    "own": own_family(0.5),
}


def played_through(family, actions, seed, unit=1.0):
    """The trials after the actions [N T, M], the rewards of each step, and all observations."""
    draw = rng(seed)
    trials = trial_steps.begin(draw, family, unit, actions.shape[1])
    rewards, seen = [], [trial_steps.observations(trials)]
    for chosen in actions:
        trials, paid = trial_steps.advance(draw, trials, chosen)
        rewards.append(paid)
        seen.append(trial_steps.observations(trials))
    return trials, np.array(rewards), np.array(seen)


def random_actions(family, num_trials, seed=9):
    steps = family.num_episodes * family.horizon
    return rng(seed).integers(shape_of(family)[1], size=(steps, num_trials))


@pytest.mark.parametrize("name", FAMILIES)
def test_trials_are_those_of_play_trial_bit_for_bit(name):
    family = FAMILIES[name]
    actions = random_actions(family, 4)
    trials, rewards, _ = played_through(family, actions, seed=3)
    draw = rng(3)
    agent = scripted_agent(list(actions[:, 0]))._replace(
        act=lambda draw, k, states: (actions[k], k)
    )
    episodes, _ = play_trial(draw, family, family.sample(draw, 4), agent)
    fields = [
        np.array([getattr(step, name) for step in trials.history])
        for name in (*Episodes._fields[:4], "arrivals")
    ]
    axes = (4, family.num_episodes, family.horizon)
    *played, arrivals = [np.reshape(x.T, axes) for x in fields]
    assert episodes_equal(episodes, [*played, arrivals[..., -1]])
    assert np.array_equal(rewards, fields[2]) and trial_steps.is_over(trials)


@pytest.mark.parametrize("name", ["bernoulli", "grid", "absorbing", "own"])
def test_the_observations_are_those_of_a_recurrent_agent(name):
    family = FAMILIES[name]
    (S, A), unit = shape_of(family), reward_unit(family)
    policy = recurrent_policies.gru(3)
    theta = policy.init(rng(), S + A + 2, A)
    draw = rng(1)
    agent = recurrent_agents.recording_agent(policy, theta, (S, A), True, unit)
    episodes, memory = play_trial(draw, family, family.sample(draw, 5), agent)
    actions = recurrent_agents.time_first(episodes.actions)
    _, _, seen = played_through(family, actions, 1, unit)
    assert np.array_equal(seen[:-1], recurrent_agents.record(memory).observations)


def test_the_observations_by_hand():
    """Two episodes of two steps on a grid of 2 x 2 cells with the goal in cell 3."""
    family = small_grid(size=2, start=0, goals=(3,), horizon=2, episodes=2)
    right, down = 3, 1
    actions = np.array([[right], [down], [down], [right]])
    trials, rewards, seen = played_through(family, actions, seed=0, unit=0.5)
    assert rewards.ravel().tolist() == [-0.1, 1.0, -0.1, 1.0]
    expected = np.zeros((5, 4 + 5 + 2), np.float32)
    for k, state in enumerate([0, 1, 0, 2, 3]):  # cell 3 is not seen after step 2
        expected[k, state] = 1
    expected[range(1, 5), [4 + right, 4 + down, 4 + down, 4 + right]] = 1
    expected[1:, -2] = np.array([-0.2, 2.0, -0.2, 2.0])
    expected[[0, 2], -1] = 1
    assert np.array_equal(seen[:, 0], expected) and seen.dtype == np.float32
    assert trial_steps.present_states(trials).tolist() == [3]


def test_an_absorbed_episode_goes_on_without_rewards_and_the_next_one_is_alive():
    family = small_grid(size=2, start=0, goals=(1,), horizon=3, episodes=2, terminate=1)
    for noise in (rollouts.deterministic, rollouts.gaussian):  # the noise ends with the rewards
        noisy = family._replace(reward_noise=noise)
        trials, rewards, _ = played_through(noisy, np.full((6, 2), 3), seed=0)
        assert (rewards != 0).tolist() == [[True] * 2, [False] * 2, [False] * 2] * 2
        assert [step.alive[1].item() for step in trials.history] == [True, False, False] * 2
        assert noise is rollouts.gaussian or rewards[0].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", ["bernoulli", "gaussian", "cues", "grid", "absorbing", "random"])
def test_the_random_player_earns_its_exact_return(name):
    family = FAMILIES[name]
    returns = played_through(family, random_actions(family, 5_000), seed=5)[1].sum(0)
    assert_mean(returns, expected_random(family))


@pytest.mark.parametrize("name", ["gaussian", "absorbing"])
def test_a_policy_earns_its_exact_value(name):
    family = FAMILIES[name]
    S, A = shape_of(family)
    probs = rng(2).dirichlet(np.ones(A), S)
    draw, returns = rng(6), 0.0
    trials = trial_steps.begin(draw, family, 1.0, 5_000)
    tasks = family.sample(rng(6), 5_000)  # the same tasks
    while not trial_steps.is_over(trials):
        states = trial_steps.present_states(trials)
        actions = (draw.random((5_000, 1)) >= probs.cumsum(-1)[states]).sum(-1)
        trials, rewards = trial_steps.advance(draw, trials, actions)
        returns = returns + rewards
    exact = family.num_episodes * values.expected_return(tasks, probs, family.horizon)
    assert_mean(returns - exact, 0.0)


def test_wrong_calls():
    family, draw = FAMILIES["bernoulli"], rng()
    trials = trial_steps.begin(draw, family, 1.0, 2)
    for actions, rule in (
        ([0, 3], "actions must be from 0 to 2"),
        ([0, -1], "actions must be from 0 to 2"),
        ([0.0, 1.0], "actions must be an array of whole numbers"),
        ([0], r"actions must have the shape of the trials, \(2,\), got \(1,\)"),
    ):
        with pytest.raises((TypeError, ValueError), match=rule):
            trial_steps.advance(draw, trials, np.array(actions))
    for _ in range(5):
        trials, _ = trial_steps.advance(draw, trials, np.array([0, 1]))
    with pytest.raises(ValueError, match="a trial must have steps left, got one that is over"):
        trial_steps.advance(draw, trials, np.array([0, 1]))
    one = family._replace(sample=lambda rng, num_tasks: one_state([0.25, 0.5, 1.0]))
    with pytest.raises(ValueError, match=r"family.sample must return 3 tasks, got \(\)"):
        trial_steps.begin(draw, one, 1.0, 3)


def test_a_step_changes_no_earlier_record():
    family = FAMILIES["absorbing"]
    first = trial_steps.begin(rng(), family, 1.0, 3)
    seen = trial_steps.observations(first)
    trial_steps.advance(rng(), first, np.array([0, 1, 2]))
    assert first.history == () and np.array_equal(trial_steps.observations(first), seen)
