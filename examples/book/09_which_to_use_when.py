# %% [markdown]
# # 9. Which to use when
#
# This chapter compares measurements on six families of the library and on the four applications. A
# number is a score: 0 is the random player, and 1 is the Bayes-optimal player. Where no exact
# ceiling is known, 1 is the best player of the row, and the row has a star. A row shows the best
# player of each kind: learners that *adapt* by inner steps, learners that *remember* with a
# recurrent network, *evolved* learners, and players that are *not trained*.
#
# The budgets differ. On the families, the learners had the short budgets of `compare`, which are
# some seconds for each learner. On the applications, a training had 4 to 70 times as many
# iterations as in `compare`. So a row of a family and a row of an application must not be compared.
# The score of a learner is the score of its median seed. A learner had three seeds on a family, and
# five on an application.

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
# **If you know the prior or the candidate tasks, you often need no meta-learning.** In eight of the
# ten rows the best player that is not trained is first or second. In seven of these eight rows, it
# is given the prior or the candidate tasks. In the eighth row, `driver`, it is the rule of thumb.
# In the other two rows, `gaussian` and `correlated`, it is Thompson sampling or UCB1.

# %%
ranks = {
    name: sorted((x for x, _ in cells.values()), reverse=True).index(cells["not trained"][0]) + 1
    for name, cells in table.items()
}
print(ranks)
assert sum(rank <= 2 for rank in ranks.values()) == 8

# %% [markdown]
# **With a simulator and a long training, choose rl2.** In the four applications rl2 is the best
# learner, with a score of at least 0.95. It needs no list of tasks, no prior, and no rule that is
# written by hand. But with the short budgets of the six families, a learner that adapts is ahead of
# rl2 in every row, and on `correlated` and `mdp` rl2 has learned almost nothing.

# %%
applications = [name for name in rows if name not in families and not name.endswith("*")]
assert len(applications) == 4
for name in applications:
    assert table[name]["remember"] == max(table[name][kind] for kind in KINDS)
    assert table[name]["remember"][0] > 0.95
short = [name for name in rows if name not in applications]
assert all(table[name]["adapt"] > table[name]["remember"] for name in short)
assert max(table["correlated"]["remember"][0], table["mdp *"]["remember"][0]) < 0.05

# %% [markdown]
# **With a short training, choose MAML or one of its relatives.** They are never the best in an
# application, but the best of them scores between 0.60 and 0.85. On `gridworld` the best of them is
# ahead of all other players, after some seconds of training. In every row, the better of the
# two first-order learners, fomaml and reptile, is at most 0.1 behind maml. They are simpler, so
# begin with one of them.
#
# **If you want to read what was learned, evolve a rule.** `evolved_rule` has six numbers. It is the
# best learner on four of the six families, and on `contextual` it scores as much as the
# Bayes-optimal player. It fails where its formula does not fit: on `gridworld` and `actuator_fault`
# it scores less than 0.1.

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
# 1. Can you list the candidate tasks, or write down the prior? Take a classical player, such as
#    greedy, psrl or qmdp, and compare it with the ceiling (chapter 1). Often this is enough.
# 2. Is there a simulator, and time for 40,000 to 500,000 trials? Train rl2. Use several seeds,
#    because some may end in a local optimum (chapter 8).
# 3. Is the time for training short? Learn a start (chapter 3), and compare it with the untrained
#    control.
# 4. Must a person understand the result? Evolve a rule (chapter 7).
# 5. Is the player not differentiable? Evolution needs only the fitness (chapter 7).
#
# ## Modules, assignments, case files
#
# The pages in `examples/applications` explain each application, and say which learner to choose.
