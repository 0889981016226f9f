"""Words at fault are one line and status 2."""

import os

import pytest
from command_line import strict

WRONG = {
    "no table": ["tables"],
    "unknown table": ["tables", "chess"],
    "unknown cell": ["tables", "bandits", "--cells", "10,7"],
    "a cell of the other table": ["tables", "mdps", "--cells", "10,5"],
    "one trial": ["tables", "bandits", "--trials", "1"],
    "no command": ["--seed", "1"],
    "unknown command": ["trian"],
    "unknown option": ["ceiling", "bandit", "--fast"],
    "shortened option": ["compare", "--learn", "toy"],
    "unknown learner": ["train", "nobody", "bandit"],
    "unknown learner in compare": ["compare", "--learners", "toy,nobody"],
    "no learner in compare": ["compare", "--learners", ""],
    "an empty family in compare": ["compare", "--tasks", "bandit,"],
    "a setting among the parameters": ["train", "toy", "bandit", "pause=1"],
    "a parameter among the settings": ["train", "toy", "bandit", "--set", "arms=3"],
    "help of an unknown command": ["help", "nothing"],
    "a plug-in of another kind": ["ceiling", "os.path:join"],
    "a file without a function": ["ceiling", "nowhere.py"],
    "seeds of words": ["compare", "--seeds", "many"],
    "a learner twice": ["compare", "--learners", "toy,toy"],
    "unknown family": ["ceiling", "chess"],
    "unknown family in compare": ["compare", "--tasks", "chess", "--learners", "toy"],
    "unknown key": ["ceiling", "bandit", "legs=3"],
    "a key twice": ["ceiling", "bandit", "arms=3", "arms=3"],
    "no key": ["ceiling", "bandit", "=3"],
    "no equals": ["ceiling", "bandit", "arms"],
    "a word for a number": ["ceiling", "bandit", "arms=many"],
    "zero arms": ["ceiling", "bandit", "arms=0"],
    "zero horizon": ["ceiling", "gridworld", "horizon=0"],
    "NaN": ["ceiling", "gridworld", "goal_reward=nan"],
    "too large": ["ceiling", "bandit", "arms=20", "pulls=10000"],
    "no ceiling": ["ceiling", "correlated", "pulls=100000"],
    "unknown setting": ["train", "toy", "bandit", "--set", "speed=3"],
    "bad setting": ["train", "toy", "bandit", "--set", "at=soon"],
    "zero iterations": ["train", "toy", "bandit", "--iterations", "0"],
    "negative seed": ["compare", "--seed", "-1"],
    "seed of words": ["compare", "--seed", "one"],
    "resume without a place": ["train", "toy", "bandit", "--resume"],
    "missing run": ["evaluate", "nowhere"],
    "one task": ["evaluate", "nowhere", "--num-tasks", "1"],
    "more pulls than fit": ["train", "toy", "bandit", "pulls=100000000000"],
    "more tasks than fit": ["train", "ga", "bandit", "--set", "num_tasks=100000000"],
    "a grid that does not fit": ["ceiling", "gridworld", "size=100000"],
    "a reward that overflows": ["ceiling", "gridworld", "goal_reward=1e200"],
    "a prior that overflows": ["ceiling", "bandit", "prior=1e308,1e308"],
    "a directory without a name": ["train", "toy", "bandit", "--out", ""],
    "a directory below a file": ["train", "toy", "bandit", "--out", f"{__file__}/run"],
    "a file to resume": ["train", "toy", "bandit", "--resume", "--out", __file__],
    "surplus word": ["equations", "values", "all"],
    "unknown module": ["equations", "valeus"],
    "zero seeds": ["compare", "--seeds", "0"],
    "no time": ["compare", "--time-limit", "0"],
    "a time of words": ["tables", "bandits", "--time-limit", "soon"],
    "a time without end": ["compare", "--time-limit", "1e99"],
    "help of an unknown learner": ["train", "nobody", "--help"],
    "a plug-in without a file": ["train", "nowhere.py:learner", "bandit"],
    "theta and arms": ["estimators", "--theta", "1,2,3"],
    "one arm": ["estimators", "--arms", "1", "--theta", "0"],
    "an empty arm": ["estimators", "--arms", "1,,2"],
    "alpha NaN": ["estimators", "--alpha", "nan"],
    "arms of infinity": ["estimators", "--arms", "0,inf"],
    "negative inner steps": ["estimators", "--inner-steps", "-1"],
    "no episode": ["estimators", "--num-episodes", "0"],
    "half an episode": ["estimators", "--num-episodes", "1.5"],
    "episodes twice": ["estimators", "--num-episodes", "2,2"],
    "too many data sets": ["estimators", "--num-episodes", "8,2000000"],
    "too many inner steps": ["estimators", "--inner-steps", "99999"],
    "a baseline of words": ["estimators", "--baseline", "linear"],
    "no control variate": ["estimators", "--control-variate", "K"],
    "a baseline of another script": ["estimators", "--baseline", "\N{ARABIC-INDIC DIGIT THREE}"],
    "an arm of Python": ["estimators", "--arms", "1_0,2"],
    "an arm with a space": ["estimators", "--arms", " 1,2"],
    "iterations of another script": [
        "train",
        "toy",
        "bandit",
        "--iterations",
        "\N{ARABIC-INDIC DIGIT THREE}",
    ],
    "seed of another script": ["compare", "--seed", "\N{FULLWIDTH DIGIT FIVE}"],
    "a signed seed": ["compare", "--seed", "+5"],
    "cells of another script": ["tables", "bandits", "--cells", "1\N{ARABIC-INDIC DIGIT ZERO},5"],
    "iterations of many digits": ["train", "toy", "bandit", "--iterations", "1" * 5000],
    "episodes of many digits": ["estimators", "--num-episodes", "1" * 5000],
    "arms of many digits": ["estimators", "--arms", "1" * 5000 + ",1"],
    "a long word": ["ceiling", "bandit", f"arms={'x' * 100_000}"],
    "a long family": ["ceiling", "x" * 100_000],
    "a long setting": ["train", "toy", "bandit", "--set", f"{'x' * 100_000}=1"],
    "a long option": ["compare", f"--{'x' * 100_000}"],
    "a long command": ["x" * 100_000],
    "a long directory": ["train", "toy", "bandit", "--out", "x" * 100_000],
    "estimators with a seed": ["estimators", "--seed", "1"],
}


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG)
def test_words_at_fault_are_one_line_and_status_2(run, words, tmp_path):
    status, out, err = run(*words)
    assert status == 2 and out == ""
    assert err.startswith("metarl_min: ") and len(err.splitlines()) == 1 and len(err) < 2100
    assert "<lambda>" not in err and "read value" not in err
    assert os.listdir(tmp_path) == []


def test_the_line_states_the_rule_and_what_it_got(run):
    assert run("train", "toy", "bandit", "--set", "speed=3")[2] == (
        "metarl_min: toy knows the keys fault, at, pause, got 'speed'\n"
    )
    assert run("train", "toy", "bandit", "--set", "puase=3")[2] == (
        "metarl_min: toy knows the keys fault, at, pause, got 'puase', did you mean pause?\n"
    )
    assert run("ceiling", "bandit", "legs=3")[2] == (
        "metarl_min: bandit knows the keys arms, pulls, prior, got 'legs'\n"
    )


def test_a_word_in_the_wrong_place_is_told_its_place(run):
    assert run("train", "toy", "bandit", "pause=1")[2] == (
        "metarl_min: a setting of toy must be written after --set, got pause\n"
    )
    assert run("train", "toy", "bandit", "--set", "arms=3")[2] == (
        "metarl_min: a parameter of bandit must be written before --set, got arms\n"
    )


def test_words_of_a_family_may_follow_an_option(run):
    status, out, _ = run("ceiling", "bandit", "--json", "arms=2", "pulls=1")
    assert status == 0 and strict(out)["family"]["arms"] == 2


def test_only_what_is_required_is_called_so(run):
    err = run("ceiling")[2]
    assert err == "metarl_min: the following arguments are required: FAMILY\n"


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (["trian", "maml", "bandit"], "train"),
        (["train", "mamml", "bandit"], "maml"),
        (["ceiling", "bandti"], "bandit"),
        (["ceiling", "bandit", "amrs=3"], "arms"),
        (["compare", "--sedes", "3"], "--seeds"),
        (["train", "maml", "bandit", "--itertions", "3"], "--iterations"),
        (["equations", "valeus"], "values"),
    ],
)
def test_a_word_that_is_nearly_right_is_answered_with_the_right_one(run, words, nearest):
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert err.endswith(f"did you mean {nearest}?\n") and len(err.splitlines()) == 1
