"""MAML with each estimator of its gradient: which one learns best, over several seeds?

An unbiased gradient is not the best one for learning: the score term buys its unbiasedness with
variance, and a biased gradient may point well enough. Each row is meta-trained with the short
budget of `compare` on its two families and judged on the same fresh tasks; the error is that of
the mean over seeds. Takes minutes: `main(num_seeds=2, share=0.1)` is a taste of it.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from metarl_min import evaluation, learners, tasks, training
from metarl_min.ceilings import bayes_optimal
from metarl_min.cli import comparison
from metarl_min.gradients.trial_gradients import META_GRADIENTS

NUM_TASKS = 10_000


def score(job, share=1.0):
    """Score, by the performance-difference lemma, of one estimator on one family and seed."""
    name, estimator, seed = job
    family = tasks.make(name, comparison.FAMILIES[name])
    learner = learners.make("maml", {"estimator": estimator})
    iterations = max(1, int(share * learner.iterations(family)[0]))
    state = training.train(learner, family, iterations=iterations, seed=seed)
    ceiling = bayes_optimal.solve(family)
    scores = evaluation.evaluate(
        learner, state, family, num_tasks=NUM_TASKS, seed=1_000, ceiling=ceiling
    )
    return scores.score_pdl


def main(num_seeds=5, share=1.0, processes=None):
    families, estimators = list(comparison.FAMILIES), list(META_GRADIENTS)
    jobs = [(f, e, seed) for f in families for e in estimators for seed in range(num_seeds)]
    with ProcessPoolExecutor(
        processes or comparison.cores(), multiprocessing.get_context("spawn")
    ) as pool:
        found = dict(zip(jobs, pool.map(partial(score, share=share), jobs), strict=True))
    table = {}
    print(f"{'':18s}" + "".join(f"{family:>18s}" for family in families))
    for estimator in estimators:
        cells = []
        for family in families:
            values = np.array([found[family, estimator, seed] for seed in range(num_seeds)])
            cells.append((values.mean(), values.std(ddof=1) / np.sqrt(num_seeds)))
        table[estimator] = cells
        print(f"{estimator:18s}" + "".join(f"   {m:.4f} +- {e:.4f}" for m, e in cells))
    return table


if __name__ == "__main__":
    main()
