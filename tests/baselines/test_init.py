"""What all players share: drawing the best action, refusing a family, being a Learner."""

import pickle

import numpy as np
import pytest
from comparing import episodes_equal, rng, within_errors
from problems import scripted_agent, small_bandit, trials_of

from metarl_min import baselines, learners
from metarl_min.baselines import bandits, bayesian_bandits, posterior_sampling
from metarl_min.baselines import dirichlet_planners as planners
from metarl_min.tasks import GaussianArms, play_trial
from metarl_min.tasks.random_mdps import mdp


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


@pytest.mark.parametrize(
    "value", [[np.nan, 1.0], [1.0, np.nan], [np.nan, np.nan], [np.inf, np.nan]]
)
def test_nan_is_never_the_best_action(value):
    values = np.array([[1.0, 0.0], value])
    for best in (baselines.best_actions, lambda values: baselines.random_argmax(rng(), values)):
        with pytest.raises(FloatingPointError, match="values of actions must be numbers, got"):
            best(values)


def test_all_actions_may_be_equally_bad_or_good():
    for value in (-np.inf, 0.0, np.inf):
        assert baselines.best_actions(np.full((1, 3), value)).all()


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ([[1.0, 2.0]], TypeError),
        (None, TypeError),
        (np.ones(3), ValueError),
        (np.ones((2, 0)), ValueError),
        (np.ones((0, 2)), ValueError),
        (np.ones((1, 2, 2)), ValueError),
    ],
)
def test_values_have_a_row_for_each_task(values, error):
    with pytest.raises(error, match="values must"):
        baselines.best_actions(values)


RECORD = bandits.Record(np.ones((3, 2)), np.ones((3, 2)))
BETA, NORMAL = small_bandit().prior, GaussianArms(np.zeros(2), np.ones(2), 1.0)
COUNTS = planners.Counts(np.ones((2, 3, 2, 3)), np.ones((2, 3, 2)))
RANDOM = mdp(states=3, actions=2).prior
BELIEF = posterior_sampling.Posterior(np.full((2, 3), 1 / 3), np.zeros(2, int), 0)
ZEROS = np.zeros(2, int)

SAMPLING = {
    "random_argmax": lambda rng: baselines.random_argmax(rng, np.ones((2, 2))),
    "draw_beta": lambda rng: bandits.draw_beta(rng, RECORD, BETA),
    "draw_normal": lambda rng: bandits.draw_normal(rng, RECORD, NORMAL),
    "choose_by_bounds": lambda rng: bandits.choose_by_bounds(rng, RECORD),
    "choose_by_prior": lambda rng: bandits.choose_by_prior(rng, RECORD, np.ones(2)),
    "choose_greedily": lambda rng: bayesian_bandits.choose_greedily(rng, RECORD, BETA),
    "explore": lambda rng: bayesian_bandits.explore(rng, ZEROS, 2, 0.5),
    "draw_model": lambda rng: planners.draw_model(rng, COUNTS, RANDOM),
    "plan_by_draw": lambda rng: planners.plan_by_draw(rng, COUNTS, RANDOM),
    "plan_by_draws": lambda rng: planners.plan_by_draws(rng, COUNTS, RANDOM, 2),
    "sample_hypothesis": lambda rng: posterior_sampling.sample_hypothesis(rng, BELIEF),
    "trial": lambda rng: bandits.thompson(small_bandit()).trial(
        rng, (), small_bandit().sample(np.random.default_rng(0), 2)
    ),
    "random trial": lambda rng: posterior_sampling.random(small_bandit()).trial(
        rng, (), small_bandit().sample(np.random.default_rng(0), 2)
    ),
}


@pytest.mark.parametrize("name", SAMPLING)
def test_sampling_takes_a_generator_and_nothing_else(name):
    SAMPLING[name](rng())
    for other in (None, 0, np.random.RandomState(0), np.random):
        with pytest.raises(TypeError, match="rng must be a Generator"):
            SAMPLING[name](other)
