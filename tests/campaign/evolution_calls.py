"""Base calls of the room `evolution`."""

import numpy as np
from comparing import rng
from problems import small_bandit
from toy_players import linear_trial, toy_player

from campaign.judging import call
from metarl_min.evolution import (
    cma_es,
    executors,
    genetic_operators,
    players,
    search_gradients,
    workers,
)
from metarl_min.evolution.players import Player

FAMILY = small_bandit()
F, E = np.array([0.5, -1.0, 2.0, 1.5]), np.array([[0.5, -1.0], [1.5, 2.0]])
E4 = rng().normal(size=(4, 2))
STATE = cma_es.tell(cma_es.init(np.array([0.5, -1.0]), 0.5), E4 * 0.5, F)
X = cma_es.ask(rng(), STATE, 6)
F6 = np.array([0.5, -1.0, 2.0, 1.5, 0.0, 3.0])
ONE, OTHER = rng(1).normal(size=(3, 4)), rng(2).normal(size=(3, 4))
RECURRENT = players.recurrent_player(FAMILY, 3)
ESTIMATOR = search_gradients.ESTIMATORS["antithetic"]
PLAYER = toy_player(FAMILY, linear_trial)
gradient = {"e": E, "sigma": 0.5}


def _play(player):
    theta = player.init(rng())
    return players.play_one(player, rng(), theta, FAMILY.sample(rng(), 2))


CALLS = {
    "cma_es.init": call(cma_es.init, {"mean": "shape"}, mean=np.array([0.5, -1.0]), sigma=0.5),
    "cma_es.ask": call(cma_es.ask, rng=rng(), state=STATE, population=6),
    "cma_es.tell": call(cma_es.tell, state=STATE, x=X, F=F6),
    "cma_es.constants": call(cma_es.constants, P=6, D=2),
    "cma_es.expected_norm": call(cma_es.expected_norm, D=3),
    "cma_es.matrix_power": call(
        cma_es.matrix_power, C=np.array([[2.0, 0.5], [0.5, 1.0]]), exponent=-0.5
    ),
    "cma_es.rank_weights": call(
        cma_es.rank_weights, F=F, weights=np.array([0.5, 0.25, 0.25, 0.0])
    ),
    "executors.check": call(executors.check, executor=workers.processes),
    "executors.cut": call(executors.cut, num_members=10, max_slices=4),
    "genetic_operators.truncation": call(
        genetic_operators.truncation, rng=rng(), fitness=F, num_draws=5, num_parents=2
    ),
    "genetic_operators.tournament": call(
        genetic_operators.tournament, rng=rng(), fitness=F, num_draws=5, tournament_size=2
    ),
    "genetic_operators.uniform_crossover": call(
        genetic_operators.uniform_crossover, rng=rng(), one=ONE, other=OTHER
    ),
    "genetic_operators.one_point_crossover": call(
        genetic_operators.one_point_crossover, rng=rng(), one=ONE, other=OTHER
    ),
    "genetic_operators.mutate": call(
        genetic_operators.mutate, {"x": "shape"}, rng=rng(), x=ONE, probability=0.5, sigma=0.5
    ),
    "players.Player": call(Player, None, _play, **PLAYER._asdict()),
    "players.mean_returns": call(
        players.mean_returns, player=PLAYER, thetas={"x": E4}, key=3, num_tasks=2, unit=1.0
    ),
    "players.play_one": call(
        players.play_one, player=RECURRENT, rng=rng(), theta=RECURRENT.init(rng()),
        tasks=FAMILY.sample(rng(), 2), greedy=False,
    ),
    "players.recurrent_player": call(
        players.recurrent_player, None, _play, family=FAMILY, hidden=3
    ),
    "search_gradients.one_sided": call(search_gradients.one_sided, F=F[:2], **gradient),
    "search_gradients.antithetic": call(search_gradients.antithetic, F=F, **gradient),
    "search_gradients.forward_difference": call(
        search_gradients.forward_difference, F=F[:3], **gradient
    ),
    "search_gradients.num_directions": call(
        search_gradients.num_directions, estimator=ESTIMATOR, population=6
    ),
    "search_gradients.direction_and_sign": call(
        search_gradients.direction_and_sign, {"members": "shape"}, estimator=ESTIMATOR,
        members=np.arange(4)
    ),
    "search_gradients.gaussian_directions": call(
        search_gradients.gaussian_directions, {"indices": "shape"}, key=3, indices=np.array([0, 2,
        5]), D=3
    ),
    "search_gradients.orthogonal_directions": call(
        search_gradients.orthogonal_directions, {"indices": "shape"}, key=3, indices=np.array([0, 2,
        5]), D=3
    ),
    "search_gradients.require_finite": call(search_gradients.require_finite, {"F": "shape"}, F=F),
    "search_gradients.centred_ranks": call(search_gradients.centred_ranks, {"F": "shape"}, F=F),
    "search_gradients.unshaped": call(search_gradients.unshaped, {"F": "shape"}, F=F),
    "workers.processes": call(
        workers.processes, None, lambda pool: pool.shutdown(), num_workers=2
    ),
}  # fmt: skip
RESULTS = ()
