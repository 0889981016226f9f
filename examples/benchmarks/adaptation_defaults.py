"""How good the default inner step sizes are: the return of trained learners with others.

For each family of `adaptation_settings.DEFAULTS` MAML is trained with the default alpha times 1/4,
1/2, 1, 2 and 4, and plays trials on 4,000 tasks that training has not seen. Prints the mean return
of a trial, with its standard error. About half a minute on one core; OPENBLAS_NUM_THREADS=1 helps.

    python examples/benchmarks/adaptation_defaults.py [ITERATIONS] [FAMILY]
"""

import sys

import numpy as np

from metarl_min import training
from metarl_min.gradients.adaptation_settings import DEFAULTS
from metarl_min.learners.maml import maml
from metarl_min.tasks import registry

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
FAMILIES = {name: "mdp" if name == "other" else name for name in DEFAULTS}


def mean_return(family, alpha, iterations, num_tasks=4000, seed=0):
    """The mean return of a trial on fresh tasks, and its standard error."""
    learner = maml(family, alpha=alpha)
    state = training.train(learner, iterations, seed=seed)
    rng = np.random.default_rng([seed, 0, 9])
    totals = learner.trial(rng, state, family.sample(rng, num_tasks)).rewards.sum((1, 2))
    return totals.mean(), totals.std() / np.sqrt(num_tasks)


def main(iterations=350, only=""):
    """Print a line for each family; return the mean returns."""
    results = {}
    for row, name in FAMILIES.items():
        if only not in ("", name):
            continue
        family, default = registry.make(name, {}), DEFAULTS[row]["alpha"]
        for factor in FACTORS:
            mean, error = mean_return(family, factor * default, iterations)
            results[name, factor * default] = mean
            print(f"{name:10s} alpha {factor * default:5.2f}  {mean:7.3f} +- {error:.3f}")
    return results


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 350, *sys.argv[2:3])
