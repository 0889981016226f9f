"""The learners of the command line, by name."""

import pickle
from functools import partial

import numpy as np
import pytest
from problems import small_bandit, small_grid

from metarl_min import learners
from metarl_min.learners import registry
from metarl_min.tasks.bandits import bandit

FAMILIES = {"bandit": small_bandit(), "gridworld": small_grid()}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", registry.LEARNERS)
def test_every_learner_keeps_to_the_protocol(name, family):
    learner = registry.make(name, FAMILIES[family], {}, iterations=4)
    learners.check(learner)
    assert learner.family is FAMILIES[family] and learner.iterations >= 1


VARIANTS = [
    *((name, {}) for name in registry.LEARNERS),
    ("maml", {"update": "trpo", "max_kl": "0.02", "policy": "network:3", "gamma": "0.9"}),
    ("maml", {"baseline": "leave_one_out", "inner_episodes": "2"}),
    ("meta_sgd", {"baseline": "standardised", "inner_episodes": "2", "optimizer": "sgd"}),
    ("maml", {"update": "clipped", "clip": "0.1", "optimizer": "sgd", "beta": "0.3"}),
    ("maml", {"estimator": "reptile", "alpha": "0.1", "inner_steps": "1", "adapt": "logits"}),
    ("maml", {"objective": "exact", "gamma": "0.1", "baseline": "0.3"}),
    ("fomaml", {"objective": "adapted", "learn_alpha": "each"}),
    ("rl2", {"update": "ppo", "epochs": "2", "clip": "0.1", "cell": "rnn", "rewards": "expected"}),
    ("mann", {"hidden": "3", "max_norm": "0.7", "entropy": "0.1"}),
    ("es", {"estimator": "forward", "directions": "orthogonal", "population": "4"}),
    ("ga", {"selection": "tournament", "crossover": "one_point", "elites": "0", "pressure": "2"}),
    ("es_maml", {"adaptation": "hill_climbing", "policy": "network:3"}),
    ("evolved_rule", {"shaping": "none", "optimizer": "momentum", "decay": "0.1"}),
]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("name", "given"), VARIANTS)
def test_resolved_settings_hold_no_none_and_make_the_same_learner_again(name, given, family):
    learner = registry.make(name, FAMILIES[family], given)
    assert None not in learner.settings.values()
    assert {key: str(learner.settings[key]) for key in given} == given
    again = registry.make(
        name, FAMILIES[family], {key: str(word) for key, word in learner.settings.items()}
    )
    assert again.settings == learner.settings
    assert pickle.dumps(again.init) == pickle.dumps(learner.init)
    assert pickle.dumps(again.step) == pickle.dumps(learner.step)


def test_the_length_of_a_run_becomes_a_setting_of_learners_with_a_schedule():
    family = FAMILIES["bandit"]
    assert registry.make("rl2", family, {}, iterations=7).settings["iterations"] == 7
    assert registry.make("rl2", family, {"iterations": "9"}, 7).settings["iterations"] == 9
    assert "iterations" not in registry.make("maml", family, {}, iterations=7).settings


def test_an_unknown_learner_or_setting_is_answered_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"learner must be one of .* did you mean maml\?"):
        registry.make("mamml", FAMILIES["bandit"], {})
    with pytest.raises(ValueError, match=r"maml knows the keys .* did you mean alpha\?"):
        registry.make("maml", FAMILIES["bandit"], {"alhpa": "1"})


def test_a_family_of_one_episode_leaves_out_exactly_the_learners_that_need_an_inner_step():
    makers = {name: partial(registry.make, name, settings={}) for name in registry.LEARNERS}
    made, reasons = registry.learners_for(bandit(pulls=1), makers)
    assert set(reasons) == {"fomaml", "reptile", "meta_sgd"}
    assert set(made) == set(registry.LEARNERS) - set(reasons)
    assert all("at least two episodes" in reason for reason in reasons.values())
    assert registry.learners_for(FAMILIES["bandit"], makers)[1] == {}


def test_an_error_that_is_not_unsupported_leaves_nobody_out():
    wrong = {"maml": partial(registry.make, "maml", settings={"alpha": "-1"})}
    with pytest.raises(ValueError, match="alpha must be finite, from 0 to inf"):
        registry.learners_for(FAMILIES["bandit"], wrong)


PLUG_IN = """
from functools import partial
import numpy as np
from metarl_min.learners import Learner
from metarl_min.mdps import rollouts
from metarl_min.tasks import shape_of


def init(rng, family):
    return {"probs": np.full(shape_of(family), 1 / shape_of(family)[1])}


def step(rng, state):
    return state, None


def trial(rng, state, tasks, greedy=False, *, family):
    sampler = rollouts.sampler(tasks, family.reward_noise)
    return rollouts.sample(rng, sampler, state["probs"], family.num_episodes, family.horizon)


def mine(family, *, speed: float = 0.5, iterations: int = 20):
    return Learner(family, partial(init, family=family), step, partial(trial, family=family))


def nothing(family):
    return 3
"""


def test_a_learner_of_a_file_is_made_with_its_settings_resolved(tmp_path):
    (tmp_path / "plug.py").write_text(PLUG_IN)
    learner = registry.make(f"{tmp_path}/plug.py:mine", FAMILIES["bandit"], {"speed": "2"}, 5)
    learners.check(learner)
    assert learner.settings == {"speed": 2.0, "iterations": 5}
    assert np.isclose(learner.init(np.random.default_rng(0))["probs"].sum(), 1)
    with pytest.raises(TypeError, match="must return a Learner, got int"):
        registry.make(f"{tmp_path}/plug.py:nothing", FAMILIES["bandit"], {})
