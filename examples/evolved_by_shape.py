"""CMA-ES against ES on the same search: the six coefficients of a learning rule.

The coefficients of `evolved_rule` differ in how much they matter, and hang together: a search that
learns its covariance needs fewer plays than one that steps alike in all directions. Both see the
same number of trials in each generation. Printed after each budget is the score of what was found
(0 for a player at random, 1 for the Bayes-optimal one): median and worst of some seeds, and how
far from round CMA-ES searches by then.
"""

import numpy as np

from metarl_min import evaluation, learners, tasks
from metarl_min.ceilings import bayes_optimal
from metarl_min.evolution import cma_es, players

P, M = 16, 256


def by_cma_es(learner, family, generations, seed):
    """States of `evolved_rule` whose rule is the mean after each generation, and C."""
    rng, player = np.random.default_rng(seed), learner.step.keywords["rules"].player
    start = learner.init(rng, family)
    state = cma_es.init(start.theta["rule"], 0.3)
    for _ in range(generations):
        x = cma_es.ask(rng, state, P)
        key = int(rng.integers(2**62))
        F = players.returns(player, family, {"rule": x}, key, M).sum(-1)
        state = cma_es.tell(state, x, F)
        yield start._replace(theta={"rule": state.mean}), state.C


def by_es(learner, family, generations, seed):
    """The same by `evolved_rule` itself, which steps alike in all directions."""
    rng = np.random.default_rng(seed)
    state = learner.init(rng, family)
    for _ in range(generations):
        state, _ = learner.step(rng, state, family)
        yield state, np.eye(6)


def main(budgets=(10, 20, 40, 80), num_seeds=5):
    """Print a line for each budget; return the scores of both. [budget] -> ES, CMA-ES [seeds]"""
    family = tasks.make("bandit", {"arms": "2", "pulls": "10"})
    learner = learners.make("evolved_rule", {"population": str(P), "num_tasks": str(M)})
    ceiling = bayes_optimal.solve(family)
    runs = [
        [list(way(learner, family, max(budgets), seed)) for seed in range(num_seeds)]
        for way in (by_es, by_cma_es)
    ]

    def score(state):
        found = evaluation.evaluate(learner, state, family, num_tasks=2000, seed=9, ceiling=ceiling)
        return found.score_pdl

    found = {n: np.array([[score(run[n - 1][0]) for run in way] for way in runs]) for n in budgets}
    print(
        f"{'generations':>11s} {'ES: median (worst)':>20s} {'CMA-ES':>16s} {'condition of C':>16s}"
    )
    for n, scores in found.items():
        condition = np.median([np.linalg.cond(run[n - 1][1]) for run in runs[1]])
        cells = [f"{np.median(x):.3f} ({x.min():.3f})" for x in scores]
        print(f"{n:11d} {cells[0]:>20s} {cells[1]:>16s} {condition:16.0f}")
    return found


if __name__ == "__main__":
    main()
