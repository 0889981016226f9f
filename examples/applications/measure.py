"""Measure one application: train its learners, score all players, and write the results.

    python examples/applications/measure.py PAGE [LEARNER ..]

PAGE is the name of a file of this folder without its ending. If learners are named, only these
learners are measured again, and the other rows of the results stay. Two cores need some minutes.
The results of PAGE are in `results/PAGE.json`, and its picture is in `results/PAGE.png`.

A page defines its family, its `LEARNERS` with their budgets, its own `PLAYERS`, which are not
trained, and the function `answer`, which makes the answer from the results. Every page has two more
players, which know the candidate tasks and their prior probabilities: `psrl`, and `qmdp` of this
file.

The score is `score_pdl` if the ceiling has it, and `score` otherwise (see `evaluation`). The column
`untrained` of the table is the score without meta-training. If a learner takes inner steps, it is
the score of its untrained control: a uniform policy with the best inner step size. For any other
learner, it is the score of its state before the first iteration.
"""

import importlib
import json
import re
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from metarl_min.baselines import act_by, learner_of_agent, posterior_sampling, random_argmax
from metarl_min.basics import words
from metarl_min.ceilings import bayes_optimal
from metarl_min.cli import comparison, jobs
from metarl_min.cli.console import log
from metarl_min.learners import registry
from metarl_min.reports import tables

FOLDER = Path(__file__).parent / "results"
GREYS = ("0.0", "0.0", "0.35", "0.35", "0.6", "0.6", "0.5")
LINES = ("-", "--", "-", "--", "-", "--", ":")
MARKERS = ("", "o", "s", "^", "D", "v", "")


def choose_by_mean_value(rng, memory, states, models):
    """Choose argmax_a sum_g b(g) Q*_g(s,a), where b is the posterior. [M]"""
    q = models.action_values[:, memory.step, states]  # [G, M, A]
    mean = np.einsum("mg,gma->ma", memory.probs, q)
    return random_argmax(rng, mean, models.tolerance)


def qmdp(family):
    """Return the player that acts as if the next step told it the task [Littman et al. 1995].

    On a bandit, it pulls the arm with the largest posterior mean: it is the greedy Bayesian player.
    """
    models = posterior_sampling.candidate_models(family)
    choose = partial(choose_by_mean_value, models=models)
    agent = posterior_sampling.sampling_agent(models)
    return learner_of_agent(family, agent._replace(act=partial(act_by, choose=choose)))


def make(family, label, budget, iterations=None):
    """Return the learner of a label, such as "rl2" or "rl2, expected rewards", with its budget."""
    n = budget.iterations if iterations is None else iterations
    name = label.partition(",")[0]
    return registry.make(name, family, budget.settings, max(n, 1))._replace(iterations=n)


def makers(page, family, labels, iterations):
    """Return the functions of a family that make the learners, untrained learners and players.

    A learner that takes inner steps has an untrained control, and `compare` scores this control.
    """
    made = {}
    for label in labels:
        maker = partial(make, label=label, budget=page.LEARNERS[label])
        made[label] = partial(maker, iterations=iterations)
        if maker(family).untrained_control is None:
            made[f"{label} untrained"] = partial(maker, iterations=0)
    return made | page.PLAYERS | {"qmdp": qmdp}


def short(row):
    """Return the return of a player, its score of the smallest error, and the return per episode.

    Numbers are rounded, because the last digits differ between machines.
    """
    kind = "score" if row["score_pdl"] is None else "score_pdl"
    numbers = [row[key] for key in ("return", "stderr", kind, f"{kind}_stderr")]
    keys = ("return", "stderr", "score", "score_stderr")
    values = dict(zip(keys, np.round(numbers, 5).tolist(), strict=True))
    seeds = [round(seed[kind], 5) for seed in row.get("seeds", ())]
    return {**values, "seeds": seeds, "per_episode": np.round(row["per_episode"], 5).tolist()}


def measure(page, labels=None, iterations=None, num_seeds=5, num_tasks=10_000, **arguments):
    """Return the results of a page. `arguments` are those of its family.

    `iterations` replaces the length of every training.
    """
    family, name = page.FAMILY(**arguments), page.FAMILY.__name__
    labels = list(page.LEARNERS) if labels is None else labels
    made, cores = makers(page, family, labels, iterations), 1 if iterations else jobs.num_cores()
    budget = {"num_seeds": num_seeds, "num_tasks": num_tasks, "processes": cores}
    entry = comparison.compare({name: family}, made, **budget, report=log)["tasks"][name]
    rows, learners = entry["learners"], {}
    for label in labels:
        control = rows[label]["control"] or rows[f"{label} untrained"]
        learners[label] = {**short(rows[label]), "untrained": short(control)}
    own = {x: {**short(rows[x]), "seeds": []} for x in [*page.PLAYERS, "qmdp"]}
    played = {x: short(row) for x, row in entry["baselines"].items()}
    ceiling = bayes_optimal.solve(family)
    return {
        "family": entry["family"],
        "num_tasks": num_tasks,
        "exact": {key: getattr(ceiling, key) for key in ("value", "known_task", "random")},
        "players": played | own,
        "learners": learners,
    }


def later(row, first):
    """Return the return of all episodes after the first ones."""
    return sum(row["per_episode"][first:])


def table(page, result):
    """Return the results as lines of text: the learners, then the players that are not trained."""
    episodes = page.EPISODES
    head = ["", "return", "score", "5 seeds", "untrained", *(f"ep {i}" for i in episodes)]
    rows = [[*head, f"after {page.FIRST}"]]
    for name, row in [*result["learners"].items(), *result["players"].items()]:
        seeds = f"{min(row['seeds']):.3f} .. {max(row['seeds']):.3f}" if row["seeds"] else ""
        untrained = f"{row['untrained']['score']:.3f}" if "untrained" in row else ""
        numbers = [f"{row['return']:.2f}", f"{row['score']:.3f}", seeds, untrained]
        each = [f"{row['per_episode'][i - 1]:.2f}" for i in episodes]
        rows.append([name, *numbers, *each, f"{later(row, page.FIRST):.2f}"])
    return tables.align(rows)


def curve(result, name):
    """Return the return per episode of a player, of a learner, or of "NAME untrained"."""
    label, untrained, _ = name.partition(" untrained")
    row = {**result["players"], **result["learners"]}[label]
    return (row["untrained"] if untrained else row)["per_episode"]


def spread(heights, gap):
    """Return heights of labels, in the order of `heights`, at least `gap` apart."""
    order, placed = np.argsort(heights), np.array(heights, float)
    for below, above in pairwise(order):
        placed[above] = max(placed[above], placed[below] + gap)
    return placed - (placed - heights).mean()


def picture(page, result):
    """Return the figure of a page: the return of each episode, with a label at each line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.2), dpi=90, layout="constrained")
    axes, names = figure.subplots(), list(page.CURVES)
    curves = [curve(result, name) for name in names]
    low, high = min(map(min, curves)), max(map(max, curves))
    heights = spread([y[-1] for y in curves], 0.065 * (high - low))
    for i, (name, y) in enumerate(zip(names, curves, strict=True)):
        style = {"color": GREYS[i], "linestyle": LINES[i], "marker": MARKERS[i], "markersize": 4}
        axes.plot(range(1, len(y) + 1), y, **style)
        where = {"xytext": (len(y) + 0.04 * len(y), heights[i]), "va": "center"}
        line = {"arrowstyle": "-", "color": "0.8", "relpos": (0, 0.5)}
        axes.annotate(page.CURVES[name], (len(y), y[-1]), **where, arrowprops=line)
    axes.set(**page.AXES, xticks=range(1, len(curves[0]) + 1))
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def read(name):
    """Return the stored results of the page `name`."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def write(name, page, result):
    """Store the results of the page `name`, and draw its picture."""
    FOLDER.mkdir(exist_ok=True)
    text = re.sub(r"\n +(?=-?\d)|(?<=\d)\n +(?=\])", " ", json.dumps(result, indent=1))
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    picture(page, result).savefig(FOLDER / f"{name}.png", metadata={"Software": None})


def show(name):
    """Print the table and the answer of the page `name`, from its stored results."""
    page, result = importlib.import_module(name), read(name)
    print(f"{table(page, result)}\n\n{page.answer(result)}")


def main(name, *labels):
    """Measure the page `name`, or only some of its learners, and print its table and its answer."""
    pages = {path.stem for path in Path(__file__).parent.glob("*.py")} - {Path(__file__).stem}
    words.require_name("page", name, sorted(pages))
    page = importlib.import_module(name)
    for label in labels:
        words.require_name("learner", label, page.LEARNERS)
    result = measure(page, labels or None)
    if labels and (FOLDER / f"{name}.json").exists():
        rows = {**read(name)["learners"], **result["learners"]}
        result["learners"] = {label: rows[label] for label in page.LEARNERS if label in rows}
    write(name, page, result)
    show(name)


if __name__ == "__main__":
    main(*(sys.argv[1:] or [""]))
