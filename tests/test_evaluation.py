"""evaluation (1)-(3): scores of players whose return is known, and of one who sees the task."""

from functools import partial

import numpy as np
import pytest

from metarl_min import evaluation
from metarl_min.baselines import bandits, posterior_sampling, registry
from metarl_min.ceilings import bayes_optimal
from metarl_min.learners import Learner, no_op_step
from metarl_min.mdps import rollouts
from metarl_min.mdps.episodes import map_fields
from metarl_min.mdps.mdp import optimal_action_values
from metarl_min.reports.tables import alarms
from metarl_min.tasks.bandits import bandit, gaussian
from metarl_min.tasks.gridworlds import gridworld

BANDIT = bandit(arms=3, pulls=6, prior=((1, 1), (2, 1), (1, 3)))
GRID = gridworld(size=3, start=4, goals=(0, 2, 8), horizon=6)
CEILINGS = {"bandit": bayes_optimal.solve(BANDIT), "gridworld": bayes_optimal.solve(GRID)}
FAMILIES = {"bandit": BANDIT, "gridworld": GRID}


def peek(rng, state, batch, greedy=False, *, family):
    """Play the optimal policy of each task, which no honest player knows."""
    q = optimal_action_values(batch, family.horizon)[..., 0, :, :]
    best = np.eye(q.shape[-1])[q.argmax(-1)]
    tables = rollouts.sampler(batch, family.reward_noise)
    return rollouts.sample(rng, tables, best, family.num_episodes, family.horizon)


def player_of(family, trial):
    """A player with this trial and no state."""
    return Learner(family=family, init=lambda rng: None, step=no_op_step, trial=trial)


def score(name, maker, num_tasks=4000, seed=0, **options):
    learner, ceiling = maker(FAMILIES[name]), CEILINGS[name]
    state = learner.init(np.random.default_rng(0))
    return evaluation.evaluate(
        learner, state, num_tasks=num_tasks, seed=seed, ceiling=ceiling, **options
    )


def alarm(scores):
    """What `compare` prints where a row exceeds the ceiling."""
    rows = {"player": scores._asdict()}
    entry = {"learners": rows, "baselines": {}, "family": {"name": "family"}}
    return list(alarms(entry))


def fixed_rewards(family, values):
    """A player to whom task m of the family always pays values[m] in all."""

    def trial(rng, state, batch, greedy=False):
        shape = (len(values), family.num_episodes, family.horizon)
        zeros = np.zeros(shape, int)
        paid = np.broadcast_to(np.reshape(values, (-1, 1, 1)) / np.prod(shape[1:]), shape)
        return rollouts.Episodes(zeros, zeros, paid, np.ones(shape, bool))

    return player_of(family, trial)


@pytest.mark.verifies("evaluation.1")
@pytest.mark.verifies("evaluation.3")
def test_scores_are_relative_to_random_and_ceiling_with_errors_over_tasks():
    ceiling, values = CEILINGS["bandit"], np.array([2.0, 3.0, 5.0, 6.0])
    learner = fixed_rewards(BANDIT._replace(num_episodes=6), values)
    no_filter = ceiling._replace(
        start=lambda M: None, observe=lambda *_: None, action_values=lambda b, s: np.zeros((4, 3))
    )
    scores = evaluation.evaluate(learner, None, num_tasks=4, seed=0, ceiling=no_filter)
    stderr = np.sqrt(np.sum((values - 4.0) ** 2) / 3 / 4)
    assert scores.value == pytest.approx(4.0)
    assert scores.stderr == pytest.approx(stderr)
    span = ceiling.value - ceiling.random
    assert scores.score == pytest.approx((4.0 - ceiling.random) / span)
    assert scores.score_stderr == pytest.approx(stderr / span)
    assert scores.score_pdl == 1.0
    assert scores.per_episode == pytest.approx([4.0 / 6] * 6)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_bayes_optimal_player_scores_one(name):
    player = partial(bayes_optimal.bayes_optimal, ceiling=CEILINGS[name])
    scores = score(name, player)
    assert scores.score_pdl == pytest.approx(1.0, abs=1e-9)
    assert scores.score_pdl_stderr == pytest.approx(0.0, abs=1e-9)
    assert abs(scores.score - 1.0) < 5 * scores.score_stderr
    assert not alarm(scores)


@pytest.mark.verifies("evaluation.2")
@pytest.mark.parametrize("name", FAMILIES)
def test_both_scores_have_one_expectation_and_the_second_has_less_error(name):
    players = {"bandit": bandits.thompson, "gridworld": posterior_sampling.psrl}
    for maker in (posterior_sampling.random, players[name]):
        scores = score(name, maker)
        difference = scores.score - scores.score_pdl
        assert abs(difference) < 5 * np.hypot(scores.score_stderr, scores.score_pdl_stderr)
        assert scores.score_pdl < 1
    assert scores.score_pdl_stderr < 0.7 * scores.score_stderr


@pytest.mark.parametrize("name", FAMILIES)
def test_the_random_player_scores_zero(name):
    scores = score(name, posterior_sampling.random)
    assert abs(scores.score) < 5 * scores.score_stderr


@pytest.mark.parametrize("name", FAMILIES)
def test_who_sees_the_task_raises_the_alarm_by_the_plain_score_alone(name):
    scores = score(name, lambda family: player_of(family, partial(peek, family=family)))
    assert scores.score_pdl < 1 < scores.score - 4 * scores.score_stderr
    assert alarm(scores)


@pytest.mark.parametrize("name", FAMILIES)
def test_no_honest_player_exceeds_the_ceiling(name):
    for learner in registry.players_for(FAMILIES[name]).values():
        assert not alarm(score(name, lambda family, learner=learner: learner))


def test_everybody_meets_the_same_tasks_chunk_by_chunk():
    met = {"first": [], "second": []}

    def trial(rng, state, batch, greedy=False):
        met[state].append(batch.reward)
        rng.random(len(met["second"]))
        return peek(rng, state, batch, family=BANDIT)

    player = player_of(BANDIT, trial)._replace(init=lambda rng: "first")
    for state in met:
        evaluation.evaluate(player, state, num_tasks=2500, seed=3)
    assert [len(batch) for batch in met["first"]] == [1000, 1000, 500]
    for mine, theirs in zip(met["first"], met["second"], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert (met["first"][0] != met["first"][1]).any()


def test_tasks_and_play_have_streams_of_their_own_in_every_chunk():
    met = []

    def trial(rng, state, batch, greedy=False):
        met.append((batch.reward, rng.random()))
        return peek(rng, state, batch, family=BANDIT)

    evaluation.evaluate(player_of(BANDIT, trial), None, num_tasks=1003, seed=5)
    for chunk, (size, (rewards, drawn)) in enumerate(zip((1000, 3), met, strict=True)):
        batch = BANDIT.sample(np.random.default_rng([5, chunk, 1]), size)
        np.testing.assert_array_equal(rewards, batch.reward)
        assert drawn == np.random.default_rng([5, chunk, 3]).random()


def test_two_tasks_are_enough_for_a_standard_error():
    scores = evaluation.evaluate(fixed_rewards(BANDIT, [2.0, 5.0]), None, num_tasks=2, seed=0)
    assert scores[:2] == pytest.approx((3.5, 1.5))


@pytest.mark.parametrize(
    "samples", [np.ones(1), np.ones(0), np.ones((2, 2)), np.array([1.0, np.nan]), np.float64(1.0)]
)
def test_a_standard_error_needs_two_finite_samples_in_one_axis(samples):
    with pytest.raises((ValueError, TypeError), match="samples must be"):
        evaluation.mean_and_stderr(samples)


def test_the_same_seed_gives_the_same_scores_and_another_seed_others():
    first = score("bandit", bandits.thompson, num_tasks=500)
    assert first == score("bandit", bandits.thompson, num_tasks=500)
    assert first != score("bandit", bandits.thompson, num_tasks=500, seed=1)


def test_without_a_ceiling_there_is_no_score():
    scores = evaluation.evaluate(bandits.thompson(gaussian()), (), num_tasks=50, seed=0)
    assert np.isfinite(scores.value)
    assert scores[2:6] == (None,) * 4


def without_last_arrivals(*arguments, trial, greedy=False):
    return trial(*arguments)._replace(last_arrivals=None)


def test_under_slip_score_pdl_needs_the_last_arrivals_unless_there_is_one_episode():
    for episodes, both in ((1, True), (2, False)):
        family = gridworld(size=3, start=4, goals=(0, 2, 8), horizon=6, slip=0.2, episodes=episodes)
        ceiling = bayes_optimal.solve(family)
        player = bayes_optimal.bayes_optimal(family, ceiling)
        state = player.init(np.random.default_rng(0))
        scores = evaluation.evaluate(player, state, num_tasks=3000, seed=0, ceiling=ceiling)
        assert abs(scores.score - 1) < 5 * scores.score_stderr
        assert abs(scores.score_pdl - 1) < 1e-9
        player = player._replace(trial=partial(without_last_arrivals, trial=player.trial))
        scores = evaluation.evaluate(player, state, num_tasks=300, seed=0, ceiling=ceiling)
        assert scores.score is not None and (scores.score_pdl is not None) == both


def test_where_nothing_can_be_won_there_is_no_score():
    family = bandit(arms=1)
    learner, ceiling = posterior_sampling.random(family), bayes_optimal.solve(family)
    scores = evaluation.evaluate(learner, (), num_tasks=50, seed=0, ceiling=ceiling)
    assert scores[2:6] == (None,) * 4


@pytest.mark.parametrize(
    ("num_tasks", "seed", "error"),
    [(1, 0, ValueError), (5, -1, ValueError), (5, 0.5, TypeError), (0, 0, ValueError)],
)
def test_too_few_tasks_and_odd_seeds_are_refused(num_tasks, seed, error):
    player = posterior_sampling.random(BANDIT)
    with pytest.raises(error, match="must be"):
        evaluation.evaluate(player, (), num_tasks=num_tasks, seed=seed)


@pytest.mark.parametrize(
    "parameters",
    [
        {"size": 3, "start": 4, "walls": (1, 3, 5, 7)},
        {"slip": 1.0, "terminate": 1, "goals": (0, 1), "episodes": 2},
    ],
)
def test_a_gain_of_round_off_is_no_gain(parameters):
    family = gridworld(**parameters)
    ceiling = bayes_optimal.solve(family)
    assert abs(ceiling.value - ceiling.random) < 1e-10
    learner = posterior_sampling.random(family)
    scores = evaluation.evaluate(learner, (), num_tasks=20, seed=0, ceiling=ceiling)
    assert scores.score is None and scores.score_pdl is None


@pytest.mark.parametrize("wrong", [None, "thompson", [1], np.ones(2)])
def test_what_is_no_learner_and_no_state_of_it_is_refused(wrong):
    player = bandits.thompson(bandit(arms=2, pulls=3))
    with pytest.raises(TypeError, match="learner must be of type Learner, got"):
        evaluation.evaluate(wrong, (), num_tasks=2, seed=0)
    with pytest.raises(TypeError, match="state must be of type tuple, got"):
        evaluation.evaluate(player, wrong, num_tasks=2, seed=0)
    with pytest.raises(TypeError, match="greedy must be True or False, got"):
        evaluation.evaluate(player, (), num_tasks=2, seed=0, greedy=wrong)


def test_the_fresh_tasks_have_a_number_and_a_seed():
    player = bandits.thompson(bandit(arms=2, pulls=3))
    for change, error in (({"num_tasks": -1}, ValueError), ({"num_tasks": 2.5}, TypeError),
                          ({"seed": -1}, ValueError), ({"seed": [0]}, TypeError)):  # fmt: skip
        with pytest.raises(error, match=f"{next(iter(change))} must be"):
            next(evaluation.play_fresh_tasks(player, (), **{"num_tasks": 2, "seed": 0, **change}))


def test_samples_whose_squares_overflow_are_refused():
    with pytest.raises(ValueError, match=r"samples must be from -1e\+150 to 1e\+150, got"):
        evaluation.mean_and_stderr(np.array([1.0, 1e300]))


def paid(change):
    """A player whose trials pay 0, after a change of these episodes."""

    def trial(rng, state, batch, greedy=False):
        shape = (*batch.leading, BANDIT.num_episodes, BANDIT.horizon)
        zeros = np.zeros(shape, int)
        return change(rollouts.Episodes(zeros, zeros, np.zeros(shape), np.ones(shape, bool)))

    return player_of(BANDIT, trial)


def cut(episodes, *index):
    return map_fields(lambda part: part[index], episodes)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x: x.rewards, TypeError, "what trial returns must be of type Episodes"),
        (lambda x: None, TypeError, "what trial returns must be of type Episodes, got NoneType"),
        (lambda x: cut(x, slice(9)), ValueError, r"\[M, N, T\] = \(10, 6, 1\), got \(9, 6, 1\)"),
        (lambda x: cut(x, slice(10), slice(3)), ValueError, r"got \(10, 3, 1\)"),
        (lambda x: cut(x, 0), ValueError, r"got \(6, 1\)"),
    ],
)
def test_trials_of_another_length_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        evaluation.evaluate(paid(change), None, num_tasks=10, seed=0)


@pytest.mark.parametrize("learner", [None, "maml", BANDIT, paid])
def test_what_is_no_learner_is_not_evaluated(learner):
    with pytest.raises(TypeError, match="learner must be of type Learner, got"):
        evaluation.evaluate(learner, None, num_tasks=10, seed=0)
