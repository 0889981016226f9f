"""A learning rule that evolution found, as a formula beside the classical rules that it resembles.

Six coefficients of an update and of a choice (`learners/evolved_rule.py`) evolve on two Bernoulli
arms with ten pulls. n counts the pulls of an arm, t the pulls of the trial, and L is its length.

    python examples/evolved_formula.py
"""

import numpy as np

from metarl_min import evaluation, training
from metarl_min.baselines import bandits, bayesian_bandits
from metarl_min.ceilings import bayes_optimal
from metarl_min.learners import evolved_rule
from metarl_min.tasks.bandits import bandit

CLASSICAL = """\
uniform prior, greedy:      Q = (1.00 + rewards) / (2.00 + n),  argmax Q
upper confidence bound:     the same Q,  argmax Q + c sqrt(2 log(t + 1) / (2 + n))
"""


def main(iterations=300):
    """Print the rule and its score beside those of the classical rules; return the scores."""
    family = bandit(arms=2, pulls=10)
    ceiling, learner = bayes_optimal.solve(family), evolved_rule.evolved_rule(family)
    state = training.train(learner, iterations, seed=0)
    rule = evolved_rule.coefficients(state.theta["rule"])
    print(f"evolved:                    {evolved_rule.formula(rule)}\n{CLASSICAL}")
    players = {
        "greedy": bayesian_bandits.greedy(family),
        "upper confidence bound, c = 0.2": bayesian_bandits.ucb_posterior_mean(family, 0.2),
        "Thompson sampling": bandits.thompson(family),
    }
    rows = {
        name: (player, player.init(np.random.default_rng(0))) for name, player in players.items()
    }
    scores = {}
    for name, (player, start) in {"evolved rule": (learner, state), **rows}.items():
        row = evaluation.evaluate(player, start, num_tasks=5000, seed=99, ceiling=ceiling)
        scores[name] = row.score_pdl
        print(f"{name:32s} {row.score_pdl:.3f} +- {row.score_pdl_stderr:.3f}")
    return scores


if __name__ == "__main__":
    main()
