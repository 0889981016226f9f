"""Which estimator of its gradient makes MAML learn best, over several seeds?

An unbiased gradient is not always the best one for learning. The score term removes the bias, but
it has a large variance, and a biased gradient may point in a good direction. Each estimator
trains MAML with the budget of `compare` on its two families. All are scored on the same fresh
tasks, and the error is the standard error of the mean over the seeds. This takes minutes;
`main(num_seeds=2, share=0.1)` takes a tenth of the iterations.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from metarl_min import evaluation, training
from metarl_min.ceilings import bayes_optimal
from metarl_min.cli import jobs
from metarl_min.evolution import workers
from metarl_min.gradients.traced_trials import META_GRADIENTS
from metarl_min.learners.maml import maml
from metarl_min.tasks.bandits import bandit
from metarl_min.tasks.gridworlds import gridworld

PRIOR = ((1, 1), (2, 2), (4, 4), (1, 3), (1, 5))
FAMILIES = {  # family and number of iterations
    "bandit": (bandit(prior=PRIOR), 350),
    "gridworld": (gridworld(goals=(4, 9, 14, 19, 24)), 250),
}
NUM_TASKS = 10_000


def score(job, share=1.0):
    """Return the score_pdl of one estimator on one family with one seed."""
    name, estimator, seed = job
    family, iterations = FAMILIES[name]
    learner = maml(family, estimator=META_GRADIENTS[estimator])
    state = training.train(learner, max(1, int(share * iterations)), seed=seed)
    ceiling = bayes_optimal.solve(family)
    scores = evaluation.evaluate(learner, state, num_tasks=NUM_TASKS, seed=1_000, ceiling=ceiling)
    return scores.score_pdl


def all_scores(num_seeds, share, processes):
    """Return {(family, estimator): scores [seeds]}, computed by several processes."""
    pairs = [(family, estimator) for family in FAMILIES for estimator in META_GRADIENTS]
    runs = [(*pair, seed) for pair in pairs for seed in range(num_seeds)]
    context = multiprocessing.get_context("spawn")
    cores, ends = processes or jobs.num_cores(), workers.end_with_parent
    with ProcessPoolExecutor(cores, context, initializer=ends) as pool:
        scores = np.array(list(pool.map(partial(score, share=share), runs)))
    return dict(zip(pairs, scores.reshape(len(pairs), num_seeds), strict=True))


def main(num_seeds=5, share=1.0, processes=None):
    scores, table = all_scores(num_seeds, share, processes), {}
    print(f"{'':18s}" + "".join(f"{family:>18s}" for family in FAMILIES))
    for estimator in META_GRADIENTS:
        rows = [scores[family, estimator] for family in FAMILIES]
        cells = [(row.mean(), row.std(ddof=1) / np.sqrt(num_seeds)) for row in rows]
        table[estimator] = cells
        print(f"{estimator:18s}" + "".join(f"   {m:.4f} +- {e:.4f}" for m, e in cells))
    return table


if __name__ == "__main__":
    main()
