"""Base calls of the room `evolution`."""

import numpy as np
from comparing import rng
from problems import small_bandit, table_agent
from toy_players import linear_trial, toy_player

from campaign.judging import call
from metarl_min.evolution import (
    cma_es,
    cma_es_runs,
    covariances,
    executors,
    fitness,
    generations,
    genetic_operators,
    hessian_estimates,
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
THETAS = {k: np.stack([x, x]) for k, x in RECURRENT.init(rng()).items()}
PLAYER = toy_player(FAMILY, linear_trial)
gradient = {"e": E, "sigma": 0.5}


def _play(player):
    theta = player.init(rng())
    return players.play_one(player, rng(), theta, FAMILY.sample(rng(), 2))


COVARIANCE = np.array([[2.0, 0.5], [0.5, 1.0]])
RUN = cma_es_runs.begin(STATE)


def sphere(x):
    return -(x**2).sum(1)


DIMENSIONS = {"e": "wrong-shape:axis-1-longer size-1:axis-1"}  # D is free

CALLS = {
    "hessian_estimates.centred_hessian": call(
        hessian_estimates.centred_hessian, DIMENSIONS, F=F[:2], **gradient
    ),
    "hessian_estimates.unbiased_hessian": call(
        hessian_estimates.unbiased_hessian, DIMENSIONS, F=F[:2], **gradient
    ),
    "hessian_estimates.hessian_with_centre": call(
        hessian_estimates.hessian_with_centre, DIMENSIONS, F=F[:3], **gradient
    ),
    "executors.TimeLimit": call(executors.TimeLimit, executor=workers.processes, seconds=0.5),
    "cma_es.State": call(cma_es.State, {"mean": "sign", "p_c": "sign"}, **STATE._asdict()),
    "cma_es_runs.begin": call(cma_es_runs.begin, state=STATE),
    "cma_es_runs.advance": call(cma_es_runs.advance, run=RUN, x=X, F=F6),
    "cma_es_runs.shortened": call(
        cma_es_runs.shortened, {"x": "wrong-shape size-1"}, state=STATE, x=X
    ),
    "cma_es_runs.stop": call(cma_es_runs.stop, run=RUN),
    "cma_es_runs.maximise": call(
        cma_es_runs.maximise, {"population": "None", "generations": "huge", "mean":
        "wrong-shape size-1"}, rng=rng(),
        fitness=sphere, mean=np.array([0.5, -1.0]), sigma=0.5, population=6, generations=3,
    ),
    "covariances.check": call(covariances.check, C=COVARIANCE),
    "covariances.check_distribution": call(
        covariances.check_distribution, mean=np.array([0.5, -1.0]), sigma=0.5, C=COVARIANCE
    ),
    "fitness.summary": call(fitness.summary, {"F": "shape"}, F=F),
    "fitness.require_finite": call(fitness.require_finite, {"F": "shape"}, F=F),
    "fitness.indices": call(
        fitness.indices, {"name": "*", "value": "shape"}, name="i", value=np.arange(3)
    ),
    "fitness.members": call(fitness.members, {"name": "*", "value": "shape"}, name="x", value=ONE),
    "search_gradients.Estimator": call(
        search_gradients.Estimator, {"signs": "wrong-shape"}, **ESTIMATOR._asdict()
    ),
    "generations.no_update": call(generations.no_update, population=4),
    "executors.check_slices": call(
        executors.check_slices, {"executor": "None", "num_slices": "None huge"},
        executor=workers.processes, num_slices=3
    ),
    "players.play_population": call(
        players.play_population, {"population": "None"}, rng=rng(),
        agent=table_agent(np.array([[0.25, 0.75]])),
        family=FAMILY, tasks=FAMILY.sample(rng(), 2), population=3,
    ),
    "workers.time_limit": call(workers.time_limit, {"name": "*"}, name="x", seconds=0.5),
    "cma_es.init": call(cma_es.init, {"mean": "shape"}, mean=np.array([0.5, -1.0]), sigma=0.5),
    "cma_es.ask": call(cma_es.ask, rng=rng(), state=STATE, population=6),
    "cma_es.tell": call(cma_es.tell, state=STATE, x=X, F=F6),
    "cma_es.constants": call(cma_es.constants, P=6, D=2),
    "cma_es.expected_norm": call(cma_es.expected_norm, D=3),
    "executors.check": call(executors.check, {"executor": "None"}, executor=workers.processes),
    "executors.cut": call(executors.cut, num_members=10, max_slices=4),
    "genetic_operators.truncation": call(
        genetic_operators.truncation, {"fitness": "wrong-shape"}, rng=rng(), fitness=F, num_draws=5,
        num_parents=2
    ),
    "genetic_operators.tournament": call(
        genetic_operators.tournament, {"fitness": "wrong-shape size-1"}, rng=rng(), fitness=F,
        num_draws=5, tournament_size=2
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
        players.mean_returns, {"thetas": "sign wrong-shape size-1"}, player=RECURRENT,
        thetas=THETAS, key=3, num_tasks=2, unit=1.0
    ),
    "players.play_one": call(
        players.play_one, {"theta": "sign"}, player=RECURRENT, rng=rng(),
        theta=RECURRENT.init(rng()),
        tasks=FAMILY.sample(rng(), 2), greedy=False,
    ),
    "players.recurrent_player": call(
        players.recurrent_player, None, _play, family=FAMILY, hidden=3
    ),
    "search_gradients.one_sided": call(search_gradients.one_sided, DIMENSIONS, F=F[:2], **gradient),
    "search_gradients.antithetic": call(search_gradients.antithetic, DIMENSIONS, F=F, **gradient),
    "search_gradients.forward_difference": call(
        search_gradients.forward_difference, DIMENSIONS, F=F[:3], **gradient
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
    "search_gradients.centred_ranks": call(search_gradients.centred_ranks, {"F": "shape"}, F=F),
    "search_gradients.unshaped": call(search_gradients.unshaped, {"F": "shape"}, F=F),
    "workers.processes": call(
        workers.processes, None, lambda pool: pool.shutdown(), num_workers=2
    ),
}  # fmt: skip
RESULTS = ("cma_es.Constants", "cma_es_runs.Run", "cma_es_runs.Result", "fitness.Summary",
           "generations.Request", "generations.Update")  # fmt: skip
