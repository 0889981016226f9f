"""The score of each learner with the defaults of `train`, over several seeds, and its CPU seconds.

A line shows the median over seeds and the score of each seed: `score_pdl` on 5,000 fresh tasks,
or `score` where score_pdl does not exist. The last state counts; no checkpoint is picked. All
lines take about twenty minutes on one core. Run with OPENBLAS_NUM_THREADS=1.

    python examples/benchmarks/learning.py [SEEDS] [WORD OF A LINE]
"""

import sys
import time

import numpy as np

from metarl_min import evaluation, training
from metarl_min.ceilings import bayes_optimal
from metarl_min.learners import registry as learners
from metarl_min.tasks import registry as families

TWO_ARMS = "bandit arms=2 pulls=10 prior=1,1"
LINES = (
    ("rl2", {}, TWO_ARMS),
    ("rl2", {"rewards": "expected", "gae_lambda": "0.95", "entropy": "0.02"}, TWO_ARMS),
    ("rl2", {"update": "ppo"}, TWO_ARMS),
    ("rl2", {}, "bandit arms=2 pulls=20 prior=1,1"),
    ("rl2", {}, "bandit arms=5 pulls=10 prior=1,1"),
    ("rl2", {}, "bandit arms=5 pulls=20 prior=1,1"),
    ("rl2", {"rewards": "expected", "iterations": "1000"}, "bandit arms=5 pulls=20 prior=1,1"),
    ("rl2", {}, "gridworld"),
    ("mann", {}, TWO_ARMS),
    ("mann", {}, "gridworld"),
    ("rl2", {}, "contextual"),
    ("mann", {}, "contextual"),
    ("es", {}, TWO_ARMS),
    ("ga", {}, TWO_ARMS),
    ("evolved_rule", {}, TWO_ARMS),
    ("es_maml", {}, "gridworld goals=4,9,14,19,24"),
    ("es_maml", {"adaptation": "hill_climbing"}, "gridworld goals=4,9,14,19,24"),
)


def measure(name, settings, words, seeds, iterations=None):
    """Return the scores and the seconds of training of each seed."""
    family_name, *pairs = words.split()
    family = families.make(family_name, dict(pair.split("=") for pair in pairs))
    learner, ceiling = learners.make(name, family, settings), bayes_optimal.solve(family)
    budget = iterations or int(settings.get("iterations", learner.iterations))
    scores, seconds = [], []
    for seed in seeds:
        started = time.process_time()
        state = training.train(learner, budget, seed=seed)
        seconds.append(time.process_time() - started)
        result = evaluation.evaluate(learner, state, num_tasks=5000, seed=99, ceiling=ceiling)
        scores.append(result.score if result.score_pdl is None else result.score_pdl)
    return scores, seconds


def main(num_seeds=5, word="", iterations=None):
    """Print a line for each learner and family, and return the medians."""
    medians = {}
    for name, settings, words in LINES:
        title = " ".join([name, *(f"{key}={value}" for key, value in settings.items()), words])
        if word in title:
            scores, seconds = measure(name, settings, words, range(num_seeds), iterations)
            medians[title] = float(np.median(scores))
            each = " ".join(f"{score:.3f}" for score in scores)
            print(f"{title:70s} {medians[title]:.3f}  ({each})  {np.median(seconds):4.0f} s")
    return medians


if __name__ == "__main__":
    main(int((sys.argv[1:2] or ["5"])[0]), " ".join(sys.argv[2:]))
