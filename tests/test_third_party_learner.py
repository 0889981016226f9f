"""RecurrentPPO of sb3-contrib learns a family of this library.

It runs where sb3-contrib is installed: `pip install -e '.[peers]'`.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from comparing import assert_mean

pytest.importorskip("sb3_contrib")


@pytest.fixture(scope="module")
def example():
    path = Path(__file__).parent.parent / "examples" / "third_party_learner.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_scores_far_above_random_and_not_above_the_ceiling(example, capsys):
    """The scores of 20 seeds were from 0.73 to 0.95."""
    for seed in range(2):
        scores = example.main(seed)
        assert set(scores) == {"RecurrentPPO", "rl2"}
        assert scores["RecurrentPPO"].score > 0.6
        for found in scores.values():
            assert found.score < 1 + 5 * found.score_stderr and found.score_pdl <= 1
            # Both are estimates of one score.
            assert abs(found.score - found.score_pdl) < 6 * found.score_stderr
    assert capsys.readouterr().out.count("\n") == 6


def test_it_earns_the_same_in_our_vector_and_in_our_evaluation(example):
    """A short training is enough: the two returns agree for every player."""
    from metarl_min import evaluation
    from metarl_min.memory.gymnasium_environments import vector_environment

    family, model = example.family, example.trained(seed=0, num_trials=640)
    player = example.player_of(model)
    envs = vector_environment(family, 4000)
    (x, _), h, returns, starts = envs.reset(seed=5), None, np.zeros(4000), np.ones(4000, bool)
    for _ in range(10):
        actions, h = model.predict(x, state=h, episode_start=starts)
        x, rewards, starts, _, _ = envs.step(actions)
        returns += rewards
    assert starts.all()
    found = evaluation.evaluate(player, (), num_tasks=4000, seed=1)
    assert_mean(returns - found.value, 0.0, errors=7)  # both have an error
