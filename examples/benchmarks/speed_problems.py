"""The problems of speed.py, as plain arrays: each program solves the same problem.

A size is a dict of whole numbers. `SIZES` holds the size of each workload, and `LARGE` the factors
of its large size.
"""

import json
import resource
import sys
import time

import numpy as np
from timing import cpu_ms

SIZES = {
    "W1": {"tasks": 40, "steps": 3},
    "W2": {"tasks": 20, "horizon": 30, "steps": 3},
    "W2 solve": {"tasks": 20, "steps": 3},
    "W3": {"tasks": 20, "episodes": 20, "horizon": 30, "steps": 1},
    "W4": {"tasks": 64, "horizon": 100},
    "W5": {"tasks": 20, "horizon": 30, "population": 128},
}
S, A, ARMS, UNITS, RECURRENT_UNITS, START = 25, 4, 5, 64, 48, 12
GAMMA, SIGMA = 0.95, 0.3
ALPHA = {"W1": 3.0, "W2": 10.0, "W2 solve": 10.0, "W3": 0.3}


def large(name):
    """Return twice the tasks, horizon, episodes and population, and as many inner steps."""
    return {key: x if key == "steps" else 2 * x for key, x in SIZES[name].items()}


def arm_means(num_tasks):
    """Return the mean rewards of bandits with one good arm. [M, ARMS]"""
    rng = np.random.default_rng(0)
    means = 0.2 + 0.2 * rng.random((num_tasks, ARMS))
    means[np.arange(num_tasks), rng.integers(ARMS, size=num_tasks)] += 0.5
    return means


def next_cells():
    """Return the arrival of each move (up, down, left, right) on the 5 x 5 grid. [S, A]"""
    row, column = np.divmod(np.arange(S)[:, None], 5)
    rows, columns = row + np.array([-1, 1, 0, 0]), column + np.array([0, 0, -1, 1])
    return 5 * rows.clip(0, 4) + columns.clip(0, 4)


def grids(num_tasks):
    """Return the arrays of grids: entering the goal pays 1 and ends, a tenth of the moves slip.

    -> transition [M, S, A, S], reward [M, S, 1, S]
    """
    goals = np.resize(np.random.default_rng(0).permutation(S), num_tasks)
    moves = np.eye(S)[next_cells()]
    at_goal = np.eye(S)[goals].astype(bool)
    slips = 0.9 * moves + 0.1 * moves.mean(1, keepdims=True)
    transition = np.where(at_goal[:, :, None, None], np.eye(S)[:, None], slips)
    reward = np.where(at_goal[:, None, None, :] & ~at_goal[:, :, None, None], 1.0, 0.0)
    return transition, reward


def table():
    """Return the logits from which the exact gradients of grids start. [S, A]"""
    return 0.1 * np.random.default_rng(1).standard_normal((S, A))


def network(dtype=float):
    """Return the parameters of a network with one hidden layer: W1, b1, W2, b2."""
    rng = np.random.default_rng(1)
    W1, W2 = rng.standard_normal((S, UNITS)), 0.1 * rng.standard_normal((UNITS, A))
    leaves = {"W1": W1, "b1": np.zeros(UNITS), "W2": W2, "b2": np.zeros(A)}
    return {name: x.astype(dtype) for name, x in leaves.items()}


def answer_questions(first, reply):
    """Print `first`, and then `reply(line)` for each line of the input, one JSON value a line."""
    print(json.dumps(first), flush=True)
    for line in sys.stdin:
        print(json.dumps(reply(line.strip())), flush=True)


def serve(step):
    """Take a step, and then steps when they are asked for.

    The first line holds the CPU seconds from the start of the process to the end of the first
    step, and the result of this step. Each question is answered with the CPU milliseconds of a
    step, and with the peak memory of the process in MB.
    """
    result = np.asarray(step(), dtype=float).ravel()
    first = {"cold": time.process_time(), "result": result.tolist()}

    def reply(_):
        ms = cpu_ms(step, repeats=3, seconds=0.05)
        return {"ms": ms, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}

    answer_questions(first, reply)
