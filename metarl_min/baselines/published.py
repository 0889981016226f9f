"""Two published tables of total rewards, and what is known where a number does not match.

Duan et al. 2016, tables 1 and 2, taken from the README of lucaslingle/pytorch_rl2; the column
`snail` is that of Mishra et al. 2018. All is second hand: compare with the papers before you quote
it. Printed to one
digit, a cell is right to 0.05; those of snail in the MDPs fit ratios of three digits (1953.1 is
.941 / .922 of rl2), and are then right to a part in a thousand. A published mean of 1,000 tasks
has a standard error of its own, .07 with ten pulls.
"""

from __future__ import annotations

from typing import NamedTuple

ROUNDING = 0.05  # of a cell
SOURCE = "Duan et al. 2016, as reproduced by lucaslingle/pytorch_rl2; snail: Mishra et al. 2018"

Cell = tuple[int, ...]  # (n, k) of the bandits, (n,) of the MDPs


class Table(NamedTuple):
    """A published table."""

    title: str
    cells: dict[Cell, dict[str, float]]  # total reward of each column
    tolerance: float  # relative; what differs by more needs a remark
    same: dict[str, str]  # algorithm -> the column with which it is compared, if of another name
    why: dict[str, str]  # algorithm -> why it does not match


def _rows(heads: str, text: str, num_keys: int) -> dict[Cell, dict[str, float]]:
    lines = [line.split() for line in text.strip().splitlines()]
    return {
        tuple(map(int, line[:num_keys])): dict(
            zip(heads.split(), map(float, line[num_keys:]), strict=True)
        )
        for line in lines
    }


BANDITS = Table(
    "Bernoulli bandits: k arms, means uniform on [0, 1], total reward of n pulls (table 1)",
    _rows(
        "random gittins thompson optimistic_thompson ucb1 eps_greedy greedy rl2 snail",
        """
        10   5    5.0   6.6   5.7   6.5   6.7   6.6   6.6   6.7   6.6
        10  10    5.0   6.6   5.5   6.2   6.7   6.6   6.6   6.7   6.7
        10  50    5.1   6.5   5.2   5.5   6.6   6.5   6.5   6.8   6.7
        100  5   49.9  78.3  74.7  77.9  78.0  75.4  74.8  78.7  79.1
        100 10   49.9  82.8  76.7  81.4  82.4  77.4  77.1  83.5  83.5
        100 50   49.8  85.2  64.5  67.7  84.3  78.3  78.0  84.9  85.1
        500  5  249.8 405.8 402.0 406.7 405.8 388.2 380.6 401.6 408.1
        500 10  249.0 437.8 429.5 438.9 437.1 408.0 395.0 432.5 432.4
        500 50  249.6 463.7 427.2 437.6 457.6 413.6 402.8 438.9 442.6
        """,
        2,
    ),
    0.03,
    {
        "ucb_posterior_mean": "ucb1",
        "greedy_first_arm": "greedy",
        "eps_greedy_first_arm": "eps_greedy",
    },
    {
        "ucb1": "UCB1 of Auer et al. 2002 does not give it, ucb_posterior_mean does",
        "greedy": "ties are drawn; taking the first arm, greedy_first_arm, gives what is published",
        "eps_greedy": "ties are drawn; eps_greedy_first_arm gives what is published",
        "gittins": "published is what greedy has there; an index for this length is better",
        "optimistic_thompson": "the rule of May et al. 2012 does not give what is published",
    },
)

MDPS = Table(
    "random MDPs: 10 states, 5 actions, horizon 10, total reward of n episodes (table 2)",
    _rows(
        "random psrl opsrl ucrl2 beb eps_greedy greedy rl2 snail",
        """
         10  100.1  138.1  144.1  146.6  150.2  132.8  134.8  156.2  159.1
         25  250.2  408.8  425.2  424.1  427.8  377.3  368.8  445.7  447.2
         50  499.7  904.4  930.7  918.9  917.8  823.3  769.3  936.1  942.3
         75  749.9 1417.1 1449.2 1427.6 1422.6 1293.9 1172.9 1428.8 1447.5
        100  999.4 1939.5 1973.9 1942.1 1935.1 1778.2 1578.5 1913.7 1953.1
        """,
        1,
    ),
    0.04,
    {},
    {
        "psrl": "measured independently with the true prior: 133.7 403.0 900.4 1414.4 1936.4",
        "opsrl": "neither the best of draws pair by pair nor the best draw gives it",
        "ucrl2": "sets around the posterior mean, of the best scale, are better",
        "beb": "with the true prior, ties drawn and a tuned bonus it is better",
        "greedy": "the posterior mean under the true prior, ties drawn, is better",
        "eps_greedy": "it explores around a better greedy player",
    },
)

TABLES = {"bandits": BANDITS, "mdps": MDPS}


def printed(table: Table, cell: Cell, algorithm: str) -> float | None:
    """Return the published value with which an algorithm is compared, None where there is none.

    >>> printed(BANDITS, (10, 5), "ucb_posterior_mean")
    6.7
    """
    return table.cells[cell].get(table.same.get(algorithm, algorithm))


def remark(
    table: Table, algorithm: str, published: float | None, value: float | None,
    stderr: float | None, best: float | None, upper: float,
) -> str:  # fmt: skip
    """Say where a published value is out of reach, or not what its definition gives.

    `best` is the Bayes-optimal value, None where it is not known, and `upper` a bound of it.
    """
    if published is None:
        return ""
    found = []
    if published - ROUNDING > (upper if best is None else best):
        what = f"at most {upper:.5f}" if best is None else f"{best:.5f}"
        found.append(f"published is above the Bayes-optimal player, {what}")
    difference = 0.0 if value is None else value / published - 1
    error = ROUNDING + 3 * (stderr or 0.0)
    beyond = value is not None and abs(value - published) > error
    if beyond and abs(difference) > table.tolerance:
        why = table.why.get(algorithm, "it is not known why")
        found.append(f"{100 * difference:+.1f} % from published: {why}")
    return "; ".join(found)
