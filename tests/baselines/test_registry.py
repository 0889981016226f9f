"""The players that support a family."""

import pytest
from problems import trials_of

from metarl_min import learners
from metarl_min.baselines import registry
from metarl_min.tasks.bandits import bandit, correlated, gaussian
from metarl_min.tasks.gridworlds import gridworld
from metarl_min.tasks.random_mdps import mdp

BERNOULLI = {"random", "thompson", "optimistic_thompson", "greedy", "ucb1", "best_prior_arm"}


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        (bandit(), BERNOULLI),
        (gaussian(), {"random", "thompson", "best_prior_arm"}),
        (correlated(), {"random", "ucb1", "best_prior_arm"}),
        (correlated(kind="hard"), {"random", "ucb1", "psrl"}),
        (gridworld(), {"random", "psrl"}),
        (mdp(episodes=2), {"random", "psrl", "greedy"}),
    ],
)
def test_the_players_of_a_family_are_exactly_those_that_support_it(family, expected):
    players = registry.players_for(family)
    assert set(players) == expected
    for player in players.values():
        learners.check(player)
        rewards = trials_of(player, 3).rewards
        assert rewards.shape == (3, family.num_episodes, family.horizon)


def test_an_error_of_another_kind_is_not_hidden(monkeypatch):
    def broken(family):
        raise ValueError("a mistake inside")

    monkeypatch.setattr(registry, "PLAYERS", (broken,))
    with pytest.raises(ValueError, match="a mistake inside"):
        registry.players_for(bandit())
