"""An algorithm that evolution found, as a formula beside the classical ones that it resembles.

Six coefficients of an update and of a choice (`learners/evolved_rule.py`) evolve on two Bernoulli
arms with ten pulls. n counts the pulls of an arm, t those of the trial, L is its length.

    python examples/evolved_formula.py
"""

import numpy as np

from metarl_min import evaluation, learners, tasks, training
from metarl_min.baselines import bandits, bayesian_bandits
from metarl_min.ceilings import bayes_optimal
from metarl_min.learners import evolved_rule

CLASSICAL = """\
uniform prior, greedy:      Q = (1.00 + rewards) / (2.00 + n),  argmax Q
upper confidence bound:     the same Q,  argmax Q + c sqrt(2 log(t + 1) / (2 + n))
"""


def main(iterations=300):
    """Print the rule and what it earns; return the scores."""
    family = tasks.make("bandit", {"arms": "2", "pulls": "10", "prior": "1,1"})
    ceiling, learner = bayes_optimal.solve(family), learners.make("evolved_rule", {})
    state = training.train(learner, family, iterations=iterations, seed=0)
    rule = evolved_rule.coefficients(state.theta["rule"])
    print(f"evolved:                    {evolved_rule.formula(rule)}\n{CLASSICAL}")
    players = {
        "evolved rule": (learner, state),
        "greedy": (bayesian_bandits.greedy(), None),
        "upper confidence bound, c = 0.2": (bayesian_bandits.ucb_posterior_mean(0.2), None),
        "Thompson sampling": (bandits.thompson(), None),
    }
    scores = {}
    for name, (player, known) in players.items():
        own = player.init(np.random.default_rng(0), family) if known is None else known
        found = evaluation.evaluate(player, own, family, num_tasks=5000, seed=99, ceiling=ceiling)
        scores[name] = found.score_pdl
        print(f"{name:32s} {found.score_pdl:.3f} +- {found.score_pdl_stderr:.3f}")
    return scores


if __name__ == "__main__":
    main()
