"""How many wrong meta-gradients pass a comparison with a loose tolerance.

A grader often compares a result with its own, and accepts a difference of one percent. This script
counts which of the mistakes of assignment 5 such a grader accepts on all of twenty problems.
"""

import numpy as np

from metarl_min.gradients import exact_mistakes
from metarl_min.teach.meta_gradient_mistakes import bank, problem_of

TOLERANCE = 1e-2  # relative and absolute


def accepted(alpha, num_problems=20, num_steps=2, num_tasks=3):
    """Return the names of the mistakes that pass on all problems, and the names of the others."""
    rng, mistakes = np.random.default_rng(0), bank(num_steps)
    passed = dict.fromkeys(mistakes, True)
    for _ in range(num_problems):
        problem = rng.normal(size=3), rng.normal(size=(num_tasks, 3)), alpha, num_steps
        truth = exact_mistakes.right(problem_of(*problem))["logits"][0]
        for name in [name for name in passed if passed[name]]:
            result = mistakes[name].program(*problem)
            passed[name] = np.allclose(result, truth, TOLERANCE, TOLERANCE)
    return [x for x in passed if passed[x]], [x for x in passed if not passed[x]]


def main():
    """Print a line for each step size."""
    print("alpha  accepted on all problems")
    for alpha in (0.01, 0.1, 1.0):
        right, wrong = accepted(alpha)
        print(f"{alpha:<5}  {len(right)} of {len(right) + len(wrong)} wrong meta-gradients")


if __name__ == "__main__":
    main()
