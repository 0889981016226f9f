"""The budgets of the comparison are ordinary settings of its learners."""

import pytest

from metarl_min.basics import words
from metarl_min.cli import budgets
from metarl_min.learners import registry
from metarl_min.tasks.bandits import bandit
from metarl_min.tasks.gridworlds import gridworld

FAMILIES = [bandit(arms=2, pulls=4), gridworld(size=3, start=4, horizon=4, episodes=3)]


@pytest.mark.parametrize("name", registry.LEARNERS)
def test_each_learner_has_a_budget_of_settings_that_it_knows(name):
    for family, budget in zip(FAMILIES, budgets.BUDGETS[name], strict=True):
        learner = budgets.maker(name)(family)
        assert learner.iterations == budget.iterations
        for key, word in budget.settings.items():
            assert float(learner.settings[key]) == float(word)
        if "iterations" in words.keys(registry.function(name)):
            assert learner.settings["iterations"] == budget.iterations


def test_an_unknown_learner_is_refused_when_it_is_named():
    with pytest.raises(ValueError, match="learner must be one of"):
        budgets.maker("nobody")
