"""The luck of the seed: how often each learner fails, and what it plays when it fails.

Every learner of `compare` is trained with its budget of `compare`, with seeds 0, 1, .. The families
are the two families of `compare`, and two arms with ten pulls. `two_arms_long` has the lengths of
`train` instead; it is not run unless it is asked for. A trained player plays 2,000 fresh trials.
They give its `score_pdl` and its habits, `luck_names.py`. No checkpoint is picked.

Each seed of a learner writes one line of JSON to FILE. A run that was killed goes on after the last
whole line. More seeds are added to the same file by a larger `--seeds`. `--summary` writes the
scores and the names of all lines to a small file, as in `examples/book/luck.json`, which chapter 10
of the book reads. Fifty seeds take about six minutes on one core. Run with
OPENBLAS_NUM_THREADS=1.

    python examples/benchmarks/luck.py runs/luck.jsonl --seeds 50 --summary luck.json
"""

import argparse
import json
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import cache, partial
from pathlib import Path

import luck_names
import numpy as np
from luck_names import BanditHabits, GridHabits

from metarl_min import evaluation, training
from metarl_min.basics.arguments import require, whole
from metarl_min.ceilings import bayes_optimal
from metarl_min.cli import budgets
from metarl_min.learners import registry as learners
from metarl_min.mdps.episodes import Episodes
from metarl_min.tasks import registry as families

NUM_TASKS, TASKS_SEED = 2000, 99  # of the fresh trials
TWO_ARMS = ("bandit", {"arms": "2", "pulls": "10", "prior": "1,1"})
FAMILIES = {
    "two_arms": TWO_ARMS,
    "bandit": ("bandit", budgets.FAMILIES["bandit"]),
    "gridworld": ("gridworld", budgets.FAMILIES["gridworld"]),
    "two_arms_long": TWO_ARMS,  # with the lengths of `train`
}
LEARNERS = (  # the cheapest first
    "reptile", "fomaml", "maml", "meta_sgd", "evolved_rule", "es_maml", "rl2", "mann", "es", "ga",
)  # fmt: skip
GOALS = [4, 9, 14, 19, 24]


@cache
def make(family_name, learner_name, iterations=None):
    """Return a learner for one of the families, with its budget or with another length."""
    family = families.make(*FAMILIES[family_name])
    if family_name == "two_arms_long":
        learner = learners.make(learner_name, family, {})
    else:
        learner = budgets.maker(learner_name)(family)
    return learner._replace(iterations=iterations or learner.iterations)


def prior_means(family):
    """Return the prior mean of each arm of a bandit."""
    return family.prior.a / (family.prior.a + family.prior.b)


def habits_of(family, episodes):
    """Return the habits of a player on its trials."""
    if family.horizon > 1:
        return luck_names.grid_habits(episodes, GOALS)
    return luck_names.bandit_habits(episodes, len(prior_means(family)))


def joined(chunks):
    """Return the episodes of several lists of trials, as one list of trials."""
    return Episodes._make([np.concatenate(x) for x in zip(*chunks, strict=True)])


def name_of(line):
    """Return the name of what the player of a line does."""
    if line["family"] == "gridworld":
        return luck_names.grid_name(GridHabits(**line["habits"]))
    family = make(line["family"], line["learner"]).family
    return luck_names.bandit_name(BanditHabits(**line["habits"]), prior_means(family))


def measure(job, iterations=None, num_tasks=NUM_TASKS):
    """Train one learner with one seed, and return its line."""
    family_name, learner_name, seed = job
    learner, started = make(family_name, learner_name, iterations), time.process_time()
    state = training.train(learner, seed=seed)
    seconds = time.process_time() - started
    ceiling = bayes_optimal.solve(learner.family)
    episodes = joined(evaluation.play_fresh_tasks(learner, state, num_tasks, TASKS_SEED))
    loss = bayes_optimal.regret(ceiling, episodes).mean()
    return {
        "family": family_name,
        "learner": learner_name,
        "seed": seed,
        "made_by": fingerprint(learner, seed),
        "seconds": round(seconds, 2),
        "score": round(float(1 - loss / (ceiling.value - ceiling.random)), 4),
        "habits": habits_of(learner.family, episodes)._asdict(),
    }


def fingerprint(learner, seed):
    """Return a number that changes if the learner, its length, a setting or the seed changes."""
    made = {**training.made_by(learner, seed), "length": learner.iterations}
    return zlib.crc32(json.dumps(made, sort_keys=True).encode())


def read(path, iterations=None):
    """Return the whole lines of a file by (family, learner, seed).

    A line that was cut off by a kill is removed from the file. ValueError for another file, and for
    a line of another budget.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    whole_lines = text[: text.rfind("\n") + 1]
    lines, rest, start = {}, text[len(whole_lines) :], '{"family": '
    rule = f"{path} must hold lines of this benchmark"
    require(start.startswith(rest[: len(start)]), rule, rest[:60])
    for row in whole_lines.splitlines():
        try:
            line = json.loads(row)
            key, made_by = (line["family"], line["learner"], line["seed"]), line["made_by"]
            learner = make(*key[:2], iterations)
        except (ValueError, TypeError, KeyError):
            raise ValueError(f"{rule}, got {row[:60]}") from None
        same = made_by == fingerprint(learner, key[2])
        present = f"the lines of {path} must have the present settings of the learners"
        require(same, present, f"other settings for {key}")
        lines[key] = line
    if rest:
        path.write_text(whole_lines, encoding="utf-8")
    return lines


def run(path, seeds, families=tuple(FAMILIES)[:3], learners=LEARNERS, processes=1, iterations=None):
    """Measure what is missing in a file, one line each, and return all lines."""
    lines = read(path, iterations)
    jobs = [(x, y, seed) for seed in range(seeds) for y in learners for x in families]
    missing = [job for job in jobs if job not in lines]
    work = partial(measure, iterations=iterations)
    path.parent.mkdir(parents=True, exist_ok=True)
    pool = ProcessPoolExecutor(processes) if processes > 1 else nullcontext()
    with pool as executor, open(path, "a", encoding="utf-8") as file:
        for line in (executor.map if executor else map)(work, missing):
            file.write(json.dumps(line) + "\n")
            file.flush()
            lines[line["family"], line["learner"], line["seed"]] = line
    return lines


def summary(lines):
    """Return family -> learner -> scores and names of the seeds 0, 1, .., up to a missing seed."""
    result = {}
    for family, learner in [(x, y) for x in FAMILIES for y in LEARNERS if (x, y, 0) in lines]:
        own = []
        while (family, learner, len(own)) in lines:
            own.append(lines[family, learner, len(own)])
        names = [name_of(line) for line in own]
        entry = {
            "scores": [round(line["score"], 3) for line in own],
            "names": {x: [i for i, y in enumerate(names) if x == y] for x in dict.fromkeys(names)},
        }
        result.setdefault(family, {})[learner] = entry
    return result


def table(result):
    """Return the lines of a table: median, 5 %, worst, and the share of each name."""
    rows = [f"{'':14s}{'':14s}seeds  median    5 %  worst"]
    for family, entries in result.items():
        for learner, entry in entries.items():
            scores = entry["scores"]
            low = np.quantile(scores, 0.05)
            row = f"{family:14s}{learner:14s}{len(scores):5d}  {np.median(scores):6.3f} {low:6.3f}"
            names = [f"{len(x)} {name}" for name, x in entry["names"].items()]
            rows.append(f"{row} {min(scores):6.3f}  {', '.join(names)}")
    return rows


def compact(result):
    """Return the summary as JSON, with one line for each learner."""
    parts = []
    for family, entries in result.items():
        rows = ",\n".join(f'  "{name}": {json.dumps(entry)}' for name, entry in entries.items())
        parts.append(f' "{family}": {{\n{rows}\n }}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(words=None):
    """Read the words of the command line, run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="file of the lines, one for each seed")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES)[:3])
    parser.add_argument("--learners", nargs="+", choices=LEARNERS, default=LEARNERS)
    parser.add_argument("--iterations", type=int, help="another length of training, for a test")
    parser.add_argument("--summary", type=Path, help="file of the scores and names of all lines")
    args = parser.parse_args(words)
    whole("--seeds", args.seeds)
    whole("--processes", args.processes)
    if args.iterations is not None:
        whole("--iterations", args.iterations)
    chosen = args.families, args.learners, args.processes, args.iterations
    lines = run(args.file, args.seeds, *chosen)
    result = summary(lines)
    if args.summary:
        args.summary.write_text(compact(result), encoding="utf-8")
    print("\n".join(table(result)))
    return result


if __name__ == "__main__":
    main()
