"""The players that support a family, by name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from metarl_min.baselines import bandits, bayesian_bandits, dirichlet_mdps, posterior_sampling
from metarl_min.learners import Learner
from metarl_min.tasks import Family, Unsupported

# No player with a constant is here: only the command `tables` tunes constants.
PLAYERS: tuple[Callable[[Family], Learner], ...] = (
    posterior_sampling.random,
    bandits.thompson,
    bayesian_bandits.optimistic_thompson,
    bayesian_bandits.greedy,
    bandits.ucb1,
    bandits.best_prior_arm,
    posterior_sampling.psrl,
    dirichlet_mdps.greedy,
)


def players_for(family: Family) -> dict[str, Learner]:
    """Return the players that support `family`, by the names of their functions."""
    players: dict[str, Learner] = {}
    for maker in PLAYERS:
        with suppress(Unsupported):
            players[maker.__name__] = maker(family)
    return players
