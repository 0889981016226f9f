"""The text tables."""

import pytest

from metarl_min.reports import tables

SCORES = {
    "return": 5.7432, "stderr": 0.07, "score": 0.833, "score_stderr": 0.03, "score_pdl": 0.83,
    "score_pdl_stderr": 0.001, "before": None, "control": None,
}  # fmt: skip


def entry(**changes):
    adapting = {**SCORES, "before": SCORES, "control": {**SCORES, "alpha": 0.5}}
    return {
        "family": {"name": "bandit", "arms": 5, "std": 0.1, "walls": ""}, "num_tasks": 2000,
        "num_episodes": 10, "random": {"return": 3.8333, "exact": True},
        "bayes_optimal": {"return": 6.1189, "exact": True}, "learners": {"maml": adapting},
        "baselines": {"random": SCORES, "thompson": SCORES, "bayes_optimal": SCORES}, **changes,
    }  # fmt: skip


def test_the_ceiling_is_on_top_and_chance_at_the_bottom():
    assert tables.comparison(entry()).splitlines() == [
        "bandit arms=5 std=0.1",
        "2000 fresh tasks, undiscounted return of 10 episodes",
        "",
        "                                         return           score       score_pdl",
        "bayes_optimal (exact)                     6.119           1.000",
        "maml                             5.743 +- 0.070  0.833 +- 0.030  0.830 +- 0.001",
        "  unadapted start                5.743 +- 0.070  0.833 +- 0.030  0.830 +- 0.001",
        "  untrained control (alpha=0.5)  5.743 +- 0.070  0.833 +- 0.030  0.830 +- 0.001",
        "thompson                         5.743 +- 0.070  0.833 +- 0.030  0.830 +- 0.001",
        "random (exact)                            3.833           0.000",
    ]


def test_what_is_not_known_is_left_empty():
    unknown = {**SCORES, "score": None, "score_stderr": None, "score_pdl": None}
    text = tables.comparison(entry(bayes_optimal=None, learners={"maml": unknown}))
    assert "bayes_optimal" not in text and "None" not in text


@pytest.mark.parametrize(("score", "rings"), [(1.11, False), (1.13, True), (None, False)])
def test_the_alarm_rings_above_four_standard_errors(score, rings):
    row = {**SCORES, "score": score}
    assert bool(tables.alarms(entry(learners={"maml": row}))) is rings
    control = {**SCORES, "control": {**row, "alpha": 1}}
    assert bool(tables.alarms(entry(learners={"maml": control}))) is rings


def test_an_exact_row_at_the_ceiling_does_not_ring():
    row = {**SCORES, "score": 1 + 1e-12, "score_stderr": 0.0}
    assert tables.alarms(entry(learners={"maml": row})) == []


def test_evaluation_shows_the_learner_between_the_ceiling_and_chance():
    result = {**SCORES, "learner": "maml", "family": {"name": "bandit"}}
    lines = tables.evaluation({**result, "random": 1.0, "bayes_optimal": None}).splitlines()
    assert [line.split()[0] for line in lines[3:]] == ["maml", "random"]


def test_estimators_show_what_is_round_off_as_nothing():
    row = {"meant_for": "F_N", "mean": [0.5, -0.25], "bias_F_N": 1e-17, "bias_F_inf": 0.0123456}
    row |= {"variance": 0.25, "break_even": None}
    other = {**row, "meant_for": None, "bias_F_N": 3.5e-5, "break_even": 7.0}
    exact = {"F_N": 0.5, "grad_F_N": [0.5, -0.25], "F_inf": 0.25, "grad_F_inf": [0.5, 0.0]}
    problem = {"arms": [0.2, 0.9], "inner_steps": 1, "baseline": "mean"}
    result = {"problem": problem, "objectives": {"2": exact}}
    result["estimators"] = {"emaml": {"2": row}, "plain": {"2": other}}
    assert tables.estimators(result).splitlines()[:8] == [
        "estimators --arms 0.2,0.9 --inner-steps 1 --baseline mean",
        "",
        "N = 2",
        "F_N   = 0.500000, gradient (0.500000, -0.250000)",
        "F_inf = 0.250000, gradient (0.500000, 0.000000)",
        "       meant for  bias F_N  bias F_inf   sd  emaml wins from                   mean",
        "emaml        F_N         0      0.0123  0.5                   (0.500000, -0.250000)",
        "plain              3.5e-05      0.0123  0.5                8  (0.500000, -0.250000)",
    ]


def test_published_and_recomputed_stand_side_by_side():
    exact = {"value": 6.66, "upper": 6.66}
    row = {"n": 10, "k": 5, "algorithm": "ucb1", "published": 6.7, "value": 5.674, "stderr": 0.02}
    row |= {"constant": None, "ceiling": exact, "remark": "-15 %"}
    other = {**row, "algorithm": "eps_greedy", "constant": 0.05, "published": None, "remark": ""}
    only = {**row, "algorithm": "rl2", "value": None, "stderr": None, "remark": ""}
    bound = {**row, "n": 100, "ceiling": {"value": None, "upper": 83.3, "lower": 80}}
    result = {"table": "bandits", "trials": 50, "seed": 0, "source": "a paper"}
    text = tables.published({**result, "cells": [row, other, only, bound]})
    assert text.splitlines() == [
        "bandits: 50 fresh tasks, seed 0",
        "published: a paper",
        "",
        "n=10 k=5",
        "                       published      recomputed  constant",
        "bayes_optimal (exact)                      6.660",
        "ucb1                         6.7  5.674 +- 0.020            -15 %",
        "eps_greedy                        5.674 +- 0.020      0.05",
        "rl2                          6.7",
        "",
        "n=100 k=5",
        "                        published      recomputed  constant",
        "bayes_optimal, at most                     83.300",
        "at least                                   80.000",
        "ucb1                          6.7  5.674 +- 0.020            -15 %",
    ]
