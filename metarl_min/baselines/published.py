"""Two published tables of total rewards, with a remark where a computed number differs.

The numbers are tables 1 and 2 of Duan et al. 2016, copied from the README of
lucaslingle/pytorch_rl2. The column `snail` is from Mishra et al. 2018, copied from the same README.
Compare them with the papers before you quote them.

The numbers have one digit after the point, so their rounding error is at most 0.05. The numbers of
snail in the MDPs come from ratios of three digits. For example, 1953.1 is .941 / .922 times the
number of rl2. So their relative error is about one in a thousand. A published mean of 1,000 tasks
has a standard error too: it is 0.07 for ten pulls.
"""

from __future__ import annotations

from typing import NamedTuple

from metarl_min.basics.arguments import instance, require, sequence, whole

ROUNDING = 0.05  # the largest rounding error of a published number
SOURCE = "Duan et al. 2016, as reproduced by lucaslingle/pytorch_rl2; snail: Mishra et al. 2018"

Cell = tuple[int, ...]  # (n, k) in the bandits, (n,) in the MDPs


class Table(NamedTuple):
    """A published table."""

    title: str
    cells: dict[Cell, dict[str, float]]  # total reward of each column
    tolerance: float  # the largest relative difference that needs no remark
    aliases: dict[str, str]  # algorithm -> its column, if the column has another name
    explanations: dict[str, str]  # algorithm -> the reason of its difference


def _rows(heads: str, text: str, num_keys: int) -> dict[Cell, dict[str, float]]:
    columns, rows = heads.split(), {}
    for line in text.strip().splitlines():
        words = line.split()
        cell = tuple(map(int, words[:num_keys]))
        rows[cell] = dict(zip(columns, map(float, words[num_keys:]), strict=True))
    return rows


BANDITS = Table(
    title="Bernoulli bandits: k arms, means uniform on [0, 1], total reward of n pulls (table 1)",
    cells=_rows(
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
    tolerance=0.03,
    aliases={
        "ucb_posterior_mean": "ucb1",
        "greedy_first_arm": "greedy",
        "eps_greedy_first_arm": "eps_greedy",
    },
    explanations={
        "ucb1": "UCB1 of Auer et al. 2002 does not give this number; ucb_posterior_mean does",
        "greedy": "ties are drawn here; greedy_first_arm takes the first arm and gives this number",
        "eps_greedy": "ties are drawn here; eps_greedy_first_arm gives this number",
        "gittins": "published is what greedy earns there; an index for this length is better",
        "optimistic_thompson": "the rule of May et al. 2012 does not give this number",
    },
)

MDPS = Table(
    title="random MDPs: 10 states, 5 actions, horizon 10, total reward of n episodes (table 2)",
    cells=_rows(
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
    tolerance=0.04,
    aliases={},
    explanations={
        "psrl": "independently measured, with the true prior: 133.7 403.0 900.4 1414.4 1936.4",
        "opsrl": "neither the best draw of each pair nor the best whole draw gives this number",
        "ucrl2": "confidence sets around the posterior mean, with the best scale, are better",
        "beb": "with the true prior, drawn ties and a tuned bonus, it is better",
        "greedy": "the posterior mean under the true prior, with drawn ties, is better",
        "eps_greedy": "it explores around a greedy player that is better",
    },
)

TABLES = {"bandits": BANDITS, "mdps": MDPS}


def published_value(table: Table, cell: Cell, algorithm: str) -> float | None:
    """Return the published number with which an algorithm is compared; None if there is none.

    ValueError if the table has no such cell.

    >>> published_value(BANDITS, (10, 5), "ucb_posterior_mean")
    6.7
    """
    cells = instance("table", table, Table).cells
    column = table.aliases.get(instance("algorithm", algorithm, str), algorithm)
    cell = tuple(whole("cell", n) for n in sequence("cell", cell))
    require(cell in cells, f"cell must be one of {', '.join(map(str, cells))}", repr(cell))
    return cells[cell].get(column)


def out_of_reach(published: float, best: float | None, upper: float) -> str:
    """Return a remark if a published number is above the Bayes-optimal value, else "".

    `best` is this value, or None if only its upper bound `upper` is known.
    """
    if published - ROUNDING <= (upper if best is None else best):
        return ""
    value = f"at most {upper:.5f}" if best is None else f"{best:.5f}"
    return f"published is above the Bayes-optimal player, {value}"


def difference(table: Table, algorithm: str, published: float, value: float, stderr: float) -> str:
    """Return a remark if a computed value differs from a published number, else "".

    A difference counts if it is above the tolerance of the table, and above the sum of the rounding
    error and 3 standard errors of the value.
    """
    relative = value / published - 1
    error = ROUNDING + 3 * stderr
    if abs(value - published) <= error or abs(relative) <= table.tolerance:
        return ""
    explanation = table.explanations.get(algorithm, "it is not known why")
    return f"{100 * relative:+.1f} % from published: {explanation}"
