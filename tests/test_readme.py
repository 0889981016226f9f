"""The README's comparison is the one that the main job prints.

The first command of the README leaves `runs/*/results.json`. If such a file is newer than the
package, the README is held to it. Otherwise one seed is played.
"""

import json
import re
from pathlib import Path

import pytest

import metarl_min
from metarl_min.cli import budgets, comparison
from metarl_min.learners.registry import LEARNERS
from metarl_min.tasks import registry as families

PACKAGE = Path(metarl_min.__file__).parent
ROOT = PACKAGE.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
NUMBER = r"-?\d+\.\d+"
PLAYED = {  # the learners of which one seed is played
    "bandit": ("maml", "reptile", "es_maml", "evolved_rule"),
    "gridworld": ("maml", "reptile"),
}


def is_main_job(result):
    """Whether a result is that of the main job with its defaults."""
    if list(result["tasks"]) != list(budgets.FAMILIES) or result["seed"] != 0:
        return False
    return all(
        entry["num_tasks"] == comparison.NUM_TASKS
        and list(entry["learners"]) == list(LEARNERS)
        and all(len(row["seeds"]) == comparison.NUM_SEEDS for row in entry["learners"].values())
        for entry in result["tasks"].values()
    )


def result_of_the_main_job():
    """The newest result that the main job has left since the package was changed, or None."""
    changed = max(path.stat().st_mtime for path in PACKAGE.rglob("*.py"))
    paths = [x for x in ROOT.glob("runs/*/results.json") if x.stat().st_mtime > changed]
    for path in sorted(paths, key=lambda path: -path.stat().st_mtime):
        result = json.loads(path.read_text(encoding="utf-8"))
        if "tasks" in result and is_main_job(result):
            return result["tasks"]
    return None


def one_seed():
    """One seed of some learners, and every baseline."""
    entries = {}
    for name, learners in PLAYED.items():
        result = comparison.compare(
            {name: families.make(name, budgets.FAMILIES[name])},
            comparison.learner_makers(learners),
            num_seeds=1,
            num_tasks=2_000,
            processes=1,  # another process would import the package again
            report=lambda line: None,
        )
        entries |= result["tasks"]
    return entries


@pytest.fixture(scope="module")
def compared():
    return result_of_the_main_job() or one_seed()


def tables():
    """The README's table of each family, as lines."""
    block = re.search(r"<!-- compare -->\n```\n(.*?)```\n<!-- /compare -->", README, re.S).group(1)
    parts = [part.splitlines() for part in block.strip().split("\n\n")]
    return dict(zip(budgets.FAMILIES, parts, strict=True))


def rows(lines):
    """(player, part, six numbers, range over seeds) of each row that is not exact.

    The numbers are return, score and score_pdl, each with its error. The part is None, before or
    control; the last two stand below the row of their player.
    """
    player = ""
    for line in lines:
        pairs = re.findall(rf"({NUMBER}) \+- +({NUMBER})", line)
        if pairs:
            name = line.split()[0]
            part = {"unadapted": "before", "untrained": "control"}.get(name)
            player = player if part else name
            span = re.findall(rf"({NUMBER}) \.\. ({NUMBER})", line)
            numbers = [float(x) for pair in pairs for x in pair]
            yield player, part, numbers, [float(x) for pair in span for x in pair]


def spread(values):
    return max(values) - min(values)


@pytest.mark.parametrize("family", budgets.FAMILIES)
def test_every_learner_and_every_baseline_is_in_the_readme(family, compared):
    names = {name for name, *_ in rows(tables()[family])}
    baselines = set(compared[family]["baselines"]) - {"bayes_optimal", "random"}
    assert names == set(LEARNERS) | baselines


@pytest.mark.parametrize("family", budgets.FAMILIES)
def test_the_readmes_exact_returns_are_computed(family, compared):
    lines = "\n".join(tables()[family])
    for name in ("bayes_optimal", "random"):
        (published,) = re.findall(rf"^{name} \(exact\) +({NUMBER})", lines, re.MULTILINE)
        assert float(published) == pytest.approx(compared[family][name]["return"], abs=6e-4)


@pytest.mark.parametrize("family", budgets.FAMILIES)
def test_the_readmes_scores_follow_from_its_returns(family, compared):
    best, chance = (compared[family][x]["return"] for x in ("bayes_optimal", "random"))
    for player, _, numbers, _ in rows(tables()[family]):
        assert numbers[2] == pytest.approx((numbers[0] - chance) / (best - chance), abs=2e-3), (
            player
        )


@pytest.mark.parametrize("family", budgets.FAMILIES)
def test_the_readmes_scores_are_those_of_the_main_job(family, compared):
    """Within 5 standard errors, and the luck of training that the seeds show on both sides."""
    players = {**compared[family]["learners"], **compared[family]["baselines"]}
    luck = {}
    for player, part, numbers, published in rows(tables()[family]):
        if player not in players:  # not played with one seed
            continue
        row = players[player]
        if part is None:
            measured = [x["score_pdl"] for x in row.get("seeds", [])]
            luck[player] = spread(published) + spread(measured) + 0.02 if measured else 0.0
        scores = row[part] if part else row
        error = max(numbers[5], scores["score_pdl_stderr"])
        allowed = 5 * error + luck[player] + 0.001
        assert abs(numbers[4] - scores["score_pdl"]) <= allowed, (player, part)


def test_maml_beats_random_its_start_and_its_control_below_the_ceiling(compared):
    for entry in compared.values():
        maml = entry["learners"]["maml"]
        for worse in (maml["before"], maml["control"]):
            error = (maml["score_pdl_stderr"] ** 2 + worse["score_pdl_stderr"] ** 2) ** 0.5
            assert maml["score_pdl"] - worse["score_pdl"] > 15 * error
        assert maml["score_pdl"] > 15 * maml["score_pdl_stderr"]
        for player in (entry["learners"] | entry["baselines"]).values():
            assert player["score"] < 1 + 4 * player["score_stderr"]


@pytest.mark.parametrize(("family", "target"), [("bandit", 0.77), ("gridworld", 0.58)])
def test_maml_reaches_its_target_in_the_short_budget(family, target, compared):
    assert compared[family]["learners"]["maml"]["score_pdl"] > target
