# %% [markdown]
# # 9. Which to use when
#
# This chapter puts the measurements side by side: the six families of tasks of the library, and
# the four applications. A number is a score: 0 is the random player, and 1 is the Bayes-optimal
# player. Where no exact ceiling is known, 1 is the best player of the row, and the row has a star.
#
# The budgets differ, and this matters. The families were measured with the short budgets of
# `compare`, seconds for each learner. The applications were measured with budgets of a minute. A
# learner with a memory needs such a budget before it has learned anything.

# %%
import json
from pathlib import Path

import metarl_min

FOLDER = Path(metarl_min.__file__).parents[1] / "examples"
KINDS = {
    "adapt": ("maml", "fomaml", "reptile", "meta_sgd"),
    "remember": ("rl2", "mann"),
    "evolved": ("es", "ga", "es_maml", "evolved_rule"),
}
rows = {}
families = json.loads((FOLDER / "book" / "families.json").read_text(encoding="utf-8"))
for name, entry in families.items():
    players = {
        x: row for x, row in entry["players"].items() if x not in ("bayes_optimal", "random")
    }
    exact = all(row["score"] is not None for row in players.values())
    best = max(row["return"] for row in players.values()) - entry["random"]
    scores = {
        x: row["score"] if exact else (row["return"] - entry["random"]) / best
        for x, row in players.items()
    }
    rows[name if exact else f"{name} *"] = scores
for path in sorted((FOLDER / "applications" / "results").glob("*.json")):
    entry = json.loads(path.read_text(encoding="utf-8"))
    players = entry["players"] | entry["learners"]
    unused = ("bayes_optimal", "random", "rl2, expected rewards")
    rows[path.stem] = {x: row["score"] for x, row in players.items() if x not in unused}


def best_of(scores, names):
    return max((scores[x], x) for x in names if x in scores)


print(f"{'':20s}{'adapt':>20s}{'remember':>14s}{'evolved':>20s}{'not trained':>27s}")
table = {}
for name, scores in rows.items():
    learners = {x for names in KINDS.values() for x in names}
    kinds = KINDS | {"not trained": sorted(scores.keys() - learners)}
    table[name] = {kind: best_of(scores, names) for kind, names in kinds.items()}
    cells = [f"{x:.2f} {who}" for x, who in table[name].values()]
    print(f"{name:20s}{cells[0]:>20s}{cells[1]:>14s}{cells[2]:>20s}{cells[3]:>27s}")

# %% [markdown]
# ## What the table says
#
# **If you can write the model down, you need no meta-learning.** In eight of the ten rows a
# classical player is first or second. A player that is given the prior and the candidate tasks
# does not have to learn them. In the two exceptions, `gaussian` and `correlated`, the library has
# no player that uses the whole prior.

# %%
ranks = {
    name: sorted((x for x, _ in cells.values()), reverse=True).index(cells["not trained"][0]) + 1
    for name, cells in table.items()
}
print(ranks)
assert sum(rank <= 2 for rank in ranks.values()) == 8

# %% [markdown]
# **With a simulator and a minute, choose a memory.** In the four applications RL^2 is the best
# learner, with a score of at least 0.95. It needs no model, no prior, and no hand-written rule.
# But with the short budgets of the six families it has learned next to nothing, and a start by
# MAML is far ahead.

# %%
applications = [name for name in rows if name not in families and not name.endswith("*")]
assert len(applications) == 4
for name in applications:
    assert table[name]["remember"] == max(table[name][kind] for kind in KINDS)
    assert table[name]["remember"][0] > 0.95
assert all(rows[x]["rl2"] < rows[x]["maml"] for x in ("bandit", "gridworld", "correlated"))

# %% [markdown]
# **With little training, choose a start.** MAML and its relatives are never the best in an
# application, and they are never bad either: their best score lies between 0.60 and 0.85 there. On
# the grid they are the best of all, after some seconds of training. The better of the two
# first-order learners is at most 0.1 behind MAML in every row, so begin with it.
#
# **If you want to read what was learned, evolve a rule.** `evolved_rule` has six numbers. It is
# the best learner on four of the six families, and on one of them it is perfect. It fails where
# its formula is wrong: on the grid, and for the robot, it is worth nothing.

# %%
for name in applications:
    assert 0.60 < table[name]["adapt"][0] < 0.85
first_order = ("fomaml", "reptile")
behind = {
    x: rows[x]["maml"] - max(rows[x][y] for y in first_order) for x in rows if "maml" in rows[x]
}
print({name: round(x, 3) for name, x in behind.items()})
assert max(behind.values()) < 0.1
best_learner = {
    name: max((x, who) for kind, (x, who) in cells.items() if kind in KINDS)[1]
    for name, cells in table.items()
}
print(best_learner)
rule_is_best = [x for x in rows if best_learner[x] == "evolved_rule"]
assert len(rule_is_best) == 4 and rows["contextual"]["evolved_rule"] > 0.99
assert rows["gridworld"]["evolved_rule"] < 0.1 and rows["actuator_fault"]["evolved_rule"] < 0.1

# %% [markdown]
# ## The questions to ask
#
# 1. Can you list the candidate tasks, or write down the prior? Take a classical player, and compare it
#    with the ceiling (chapter 1). Often you are done.
# 2. Is there a simulator, and time for a million trials? Train RL^2. Use several seeds: some end
# in a
#    local optimum (chapter 8).
# 3. Is data scarce, or must the learner keep adapting after the trial? Learn a start (chapter 3),
# and
#    compare it with the untrained control.
# 4. Must a person understand the result? Evolve a rule (chapter 7). 5. Is nothing differentiable?
# Evolution needs only the fitness (chapter 7).
