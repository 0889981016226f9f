"""Which meta-gradient does each published library of MAML-RL compute?

The first table is measured on an MDP of two states and two steps, with N = 2 episodes for the inner
step, and on all data sets. `computes` is a known estimator that is equal on every data set, with
the factor of the outer loss, or `none`. T is the number of steps of an episode. These verdicts hold
on the MDP and on a bandit, for each N. With the factor removed, `F_N` and `F_inf` are the relative
biases in percent, and `tr Cov` is the variance. The last column says what makes the estimate
unbiased for F_N: the score term, in some libraries together with the inner loss or the second
derivatives of plain, or with another factor.

The second table has the same measures on the bandit with N = 4. `rate` is the step size with which
the inner step of a library is alpha times the policy gradient; B is the number of tasks of a batch.
The last column is the place in the code.
"""

from metarl_min.gradients.libraries import all_libraries
from metarl_min.gradients.library_verdicts import (
    addition,
    measure_all,
    rate,
    share_out,
    verdict,
    worth,
)
from metarl_min.gradients.ordered_data import measured_problems
from metarl_min.reports.tables import align


def biases(cell):
    """Return the relative biases in percent, and the variance, as text."""
    found = worth(cell)
    percent = [f"{100 * x:.1f}" for x in (found.bias_F_N, found.bias_F_inf)]
    return [*percent, f"{found.variance:.4f}"]


def computed(cells):
    """Return the verdict with its factor, such as 1/T plain."""
    name, factor = verdict(cells), share_out(cells)
    return name if name in ("none", "zero") or factor == "1" else f"{factor} {name}"


def verdicts(measured):
    """Return the table of verdicts, measured on the MDP with N = 2."""
    rows = [["", "computes", "F_N", "F_inf", "tr Cov", "to be unbiased"]]
    rows += [
        [name, computed(cells), *biases(cells[-1]), addition(cells)]
        for name, cells in measured.items()
    ]
    return align(rows)


def places(measured):
    """Return the table of the bandit with N = 4, and of the places in the code."""
    rows = [["", "F_N", "F_inf", "tr Cov", "rate"]]
    rows += [[name, *biases(cells[2]), rate(cells)] for name, cells in measured.items()]
    sources = ["", *(f"  {entry.source}" for entry in all_libraries())]
    return "\n".join(x + y for x, y in zip(align(rows).splitlines(), sources, strict=True))


def main():
    measured = measure_all(all_libraries(), measured_problems())
    print(verdicts(measured), end="\n\n")
    print(places(measured))
    return measured


if __name__ == "__main__":
    main()
