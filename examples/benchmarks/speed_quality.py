"""Time to a fixed quality: the CPU seconds of training until a learner reaches a score.

The score is `score_pdl` on 2,000 fresh tasks, which are the same for all seeds and both builds. It
is computed at fixed iterations, and training ends when the score is reached. The clock runs during
the steps of the learner only. Learners have the defaults of `train`. `TARGETS` has the scores: a
learner reaches them early in its training, so the last iterations of a training are not measured.

`python speed_quality.py "rl2 bandit"` serves one target: a question is a seed.
"""

import math
import sys
import time
from typing import NamedTuple

import numpy as np
import speed_library
import speed_problems as problems
import speed_programs as programs

SEEDS = 5
NUM_TASKS = 2000  # of an evaluation


class Target(NamedTuple):
    """A learner, a family, and the score to be reached."""

    family: tuple
    score: float
    every: int  # number of iterations from one evaluation to the next
    limit: int  # number of iterations after which training ends without the score


FIVE_ARMS = "bandit", {"arms": "5", "pulls": "10", "prior": "1,1/2,2/4,4/1,3/1,5"}
TWO_ARMS = "bandit", {"arms": "2", "pulls": "10", "prior": "1,1"}
GOALS = "gridworld", {"goals": "4,9,14,19,24"}
TARGETS = {
    "maml bandit": Target(FIVE_ARMS, score=0.8, every=5, limit=1000),
    "maml grid": Target(GOALS, score=0.65, every=5, limit=1000),
    "rl2 bandit": Target(TWO_ARMS, score=0.95, every=20, limit=2000),
    "es bandit": Target(TWO_ARMS, score=0.95, every=20, limit=1600),
    "ga bandit": Target(TWO_ARMS, score=0.95, every=20, limit=500),
}


def train(lib, learner, used, target, ceiling, seed):
    """Return the CPU seconds and the iterations until the score is reached, and the last score.

    The seconds are None if the score is not reached.
    """
    state, seconds, score = learner.init(np.random.default_rng([seed, 0]), *used), 0.0, -math.inf
    for iteration in range(1, target.limit + 1):
        started = time.process_time()
        state = learner.step(np.random.default_rng([seed, iteration]), state, *used)[0]
        seconds += time.process_time() - started
        if iteration % target.every == 0:
            fresh = {"num_tasks": NUM_TASKS, "seed": 99, "ceiling": ceiling}
            score = lib.evaluate(learner, state, *used, **fresh).score_pdl
            if score >= target.score:
                break
    reached = seconds if score >= target.score else None
    return {"seconds": reached, "iterations": iteration, "score": score}


def prepare(name):
    """Return the function that trains the learner of a target: a seed -> the result of `train`."""
    lib, is_old = speed_library.find_names()
    target = TARGETS[name]
    learner, used = speed_library.make(lib, is_old, target.family, (name.split()[0], {}))
    ceiling = lib.solve(lib.make_family(*target.family))
    return lambda seed: train(lib, learner, used, target, ceiling, int(seed))


def measure(against, names=TARGETS, seeds=SEEDS):
    """Return the results of both builds for each target, with the seeds in turn."""
    found = {}
    for name in names:
        asked = programs.with_arguments(programs.builds("speed_quality.py", against), name)
        answers = programs.ask_in_turn(asked, range(seeds))
        found[name] = {"score": TARGETS[name].score}
        found[name] |= {key: results for key, (_, results) in answers.items()}
    return found


if __name__ == "__main__":
    problems.answer_questions(None, prepare(sys.argv[1]))
