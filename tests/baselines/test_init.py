"""What all players share: drawing the best action, refusing a family, being a Learner."""

import pickle

import numpy as np
from comparing import episodes_equal, rng, within_errors
from problems import scripted_agent, small_bandit, trials_of

from metarl_min import baselines, learners
from metarl_min.baselines import bandits
from metarl_min.tasks import play_trial


def test_one_of_the_best_actions_is_drawn_uniformly():
    values = np.tile([1.0, 3.0, 3.0 - 1e-10, 3.0 - 1e-8], (20_000, 1))
    actions = baselines.random_argmax(rng(), values, 1e-9)
    assert set(actions) == {1, 2} and within_errors(actions == 1, 0.5)
    assert (baselines.random_argmax(rng(), values) == 1).all()


def test_every_row_has_its_own_best_action_also_below_zero_and_at_infinity():
    values = np.array([[-5.0, -3.0, -4.0], [np.inf, 0.0, 1.0], [-2.0, -2.5, -1.0]])
    assert baselines.random_argmax(rng(), values).tolist() == [1, 0, 2]


def test_acting_by_a_choice_keeps_the_memory():
    memory = [1, 2, 3]
    actions, kept = baselines.act_by(
        rng(), memory, np.arange(4), lambda rng, memory, states: states + len(memory)
    )
    assert actions.tolist() == [3, 4, 5, 6] and kept is memory


def test_the_learner_of_an_agent_plays_the_agent_in_every_trial():
    family = small_bandit(arms=3, pulls=5)
    agent, tasks = scripted_agent([2, 0, 1, 1, 2]), family.sample(rng(), 7)
    player = baselines.learner_of_agent(family, agent)
    trial = player.trial(rng(1), player.init(rng()), tasks)
    assert (trial.actions[..., 0] == [2, 0, 1, 1, 2]).all()
    assert episodes_equal(trial, play_trial(rng(1), family, tasks, agent)[0])


def test_the_learner_of_an_agent_is_not_trained_and_ignores_greedy():
    player = bandits.thompson(small_bandit())
    learners.check(pickle.loads(pickle.dumps(player)))
    state = player.init(rng())
    assert player.iterations == 0 and player.step(rng(), state) == (state, None)
    tasks = player.family.sample(rng(), 4)
    greedy = player.trial(rng(1), state, tasks, greedy=True)
    assert episodes_equal(greedy, player.trial(rng(1), state, tasks))
    assert episodes_equal(trials_of(player, 4), trials_of(player, 4))
