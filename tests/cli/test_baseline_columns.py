"""The columns of the published tables: tuning, lengths of trials, and the computed numbers."""

from functools import partial

import numpy as np
import pytest
from comparing import rng

from metarl_min import evaluation
from metarl_min.baselines import bayesian_bandits, posterior_sampling
from metarl_min.cli import baseline_columns
from metarl_min.cli.baseline_columns import COLUMNS, Column, Job, make_jobs, measure, play_column
from metarl_min.tasks.bandits import bandit


def job(algorithm, lengths=(10,), trials=100, seed=0):
    return Job("bandits", algorithm, (5,), lengths, trials, seed)


def test_the_number_is_that_of_an_evaluation_on_the_same_tasks():
    player = bayesian_bandits.greedy(bandit(pulls=6))
    scores = evaluation.evaluate(player, player.init(rng()), num_tasks=1500, seed=3)
    (number,) = measure(job("greedy", (6,), 1500, 3))["cells"].values()
    assert number.value == pytest.approx(scores.value)
    assert number.stderr == pytest.approx(scores.stderr) and number.constant is None


def test_a_shorter_trial_is_the_start_of_a_longer_one():
    thompson = job("thompson", (10, 20), 50, 3)
    result, short = measure(thompson), measure(thompson._replace(lengths=(10,)))
    assert set(result["cells"]) == {(10, 5), (20, 5)} and len(result["over_time"]) == 20
    assert short["cells"][10, 5].value == pytest.approx(result["cells"][10, 5].value, abs=1.5)
    assert result["over_time"][9] == pytest.approx(result["cells"][10, 5].value)


def test_the_curve_is_that_of_the_constant_of_the_longest_trial():
    result = play_column(job("eps_greedy", (5, 10, 20), 50), [0.0, 1.0, 0.0])
    assert result["over_time"][-1] == pytest.approx(result["cells"][20, 5].value)
    assert [number.constant for number in result["cells"].values()] == [0.0, 0.0, 1.0]


def spying_player(family, constant, played):
    """The random player, which also notes its constant and the means of its tasks."""
    player = posterior_sampling.random(family)

    def trial(rng, state, tasks, greedy=False):
        played.append((constant, tasks.reward.ravel()))
        return player.trial(rng, state, tasks, greedy)

    return player._replace(trial=trial)


def test_a_constant_is_tuned_on_other_tasks(monkeypatch):
    played = []
    column = Column(partial(spying_player, played=played), grid=(0.9, 0.05, 0.5))
    monkeypatch.setitem(COLUMNS["bandits"], "spy", column)
    monkeypatch.setitem(baseline_columns.NUM_TUNING, "bandits", 40)
    measure(job("spy", (10,), 30))
    assert [constant for constant, _ in played[:3]] == [0.9, 0.05, 0.5] and len(played) == 4
    means = [mean for _, mean in played]
    assert [len(mean) for mean in means] == [40 * 5, 40 * 5, 40 * 5, 30 * 5]
    assert (means[0] == means[1]).all() and (means[0] == means[2]).all()
    assert not set(means[0]) & set(means[3])


def test_the_best_constant_is_taken_and_plays_once_for_all_its_lengths(monkeypatch):
    monkeypatch.setitem(baseline_columns.NUM_TUNING, "bandits", 400)
    column = COLUMNS["bandits"]["eps_greedy"]._replace(grid=(0.9, 0.05, 0.5))
    monkeypatch.setitem(COLUMNS["bandits"], "eps_greedy", column)
    eps_greedy = job("eps_greedy", (10, 60))
    assert baseline_columns.tuned_constants(eps_greedy) == [0.05, 0.05]
    cells = measure(eps_greedy)["cells"]
    assert [number.constant for number in cells.values()] == [0.05, 0.05]


def test_a_player_without_a_constant_is_not_tuned():
    assert baseline_columns.tuned_constants(job("greedy", (10, 60))) == [None, None]


def test_players_that_know_the_length_play_each_length(monkeypatch):
    column = COLUMNS["bandits"]["greedy"]._replace(anytime=False)
    monkeypatch.setitem(COLUMNS["bandits"], "patient", column)
    jobs = make_jobs("bandits", [(10, 5), (100, 5), (10, 50)], 100, 0)
    patient = {(job.arms, job.lengths) for job in jobs if job.algorithm == "patient"}
    assert patient == {((5,), (10,)), ((5,), (100,)), ((50,), (10,))}
    greedy = {(job.arms, job.lengths) for job in jobs if job.algorithm == "greedy"}
    assert greedy == {((5,), (10, 100)), ((50,), (10,))}


def test_the_most_expensive_jobs_come_first():
    jobs = make_jobs("mdps", [(10,), (25,)], 100, 0)
    costs = [baseline_columns.estimated_cost(job) for job in jobs]
    assert costs == sorted(costs, reverse=True) and {job.arms for job in jobs} == {()}


def test_every_column_is_made_for_its_family():
    for table, cell in (("bandits", (3, 2)), ("mdps", (2,))):
        family = baseline_columns.family_of(table, cell)
        for column in COLUMNS[table].values():
            player = column.make(family, *column.grid[:1])
            rewards = player.trial(rng(), player.init(rng()), family.sample(rng(), 2)).rewards
            assert rewards.shape == (2, family.num_episodes, family.horizon)
            assert np.isfinite(rewards).all()
