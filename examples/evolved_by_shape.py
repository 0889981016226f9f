"""CMA-ES against ES in the same search: the six coefficients of a learning rule.

The coefficients of `evolved_rule` matter more or less, and depend on each other. A search that
learns a covariance therefore needs fewer trials than one that takes steps of the same length in
all directions. Both play the same number of trials in a generation. Each line is a budget: the
median and the worst score of some seeds (0 is a random player, 1 the Bayes-optimal player), and
the condition number of the covariance C that CMA-ES has learned.

    python examples/evolved_by_shape.py
"""

import numpy as np

from metarl_min import evaluation
from metarl_min.ceilings import bayes_optimal
from metarl_min.evolution import cma_es, players
from metarl_min.learners.evolved_rule import evolved_rule, rule_player
from metarl_min.tasks.bandits import bandit

P, M = 16, 256


def by_cma_es(learner, generations, seed):
    """Yield the state of `learner` with the mean of CMA-ES, and C, after each generation."""
    rng, player = np.random.default_rng(seed), rule_player(learner.family)
    start = learner.init(rng)
    state = cma_es.init(start.theta["rule"], 0.3)
    for _ in range(generations):
        x = cma_es.ask(rng, state, P)
        key = int(rng.integers(2**62))
        F = players.mean_returns(player, {"rule": x}, key, M).sum(-1)
        state = cma_es.tell(state, x, F)
        yield start._replace(theta={"rule": state.mean}), state.C


def by_es(learner, generations, seed):
    """Yield the state of `learner` after each of its own generations, and a round covariance."""
    rng = np.random.default_rng(seed)
    state = learner.init(rng)
    for _ in range(generations):
        state, _ = learner.step(rng, state)
        yield state, np.eye(6)


def main(budgets=(10, 20, 40, 80), num_seeds=5):
    """Print a line for each budget; return the scores {budget: [ES, CMA-ES] x seeds}."""
    family = bandit(arms=2, pulls=10)
    learner = evolved_rule(family, population=P, num_tasks=M)
    ceiling = bayes_optimal.solve(family)
    runs = [
        [list(search(learner, max(budgets), seed)) for seed in range(num_seeds)]
        for search in (by_es, by_cma_es)
    ]

    def score(state):
        row = evaluation.evaluate(learner, state, num_tasks=2000, seed=9, ceiling=ceiling)
        return row.score_pdl

    print(
        f"{'generations':>11s} {'ES: median (worst)':>20s} {'CMA-ES':>16s} {'condition of C':>16s}"
    )
    scores = {}
    for n in budgets:
        scores[n] = np.array([[score(run[n - 1][0]) for run in search] for search in runs])
        condition = np.median([np.linalg.cond(run[n - 1][1]) for run in runs[1]])
        cells = [f"{np.median(x):.3f} ({x.min():.3f})" for x in scores[n]]
        print(f"{n:11d} {cells[0]:>20s} {cells[1]:>16s} {condition:16.0f}")
    return scores


if __name__ == "__main__":
    main()
