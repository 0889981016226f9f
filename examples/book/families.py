"""Keep the scores of `compare` on six families, for chapter 9.

    python -m metarl_min compare --tasks FAMILIES --seeds 3 --out runs/families
    python examples/book/families.py runs/families

with FAMILIES = bandit,gaussian,correlated,contextual,gridworld,mdp. The first command takes about
ten minutes on two cores. Several directories may be given, each with some of the families. The
second command writes families.json beside this file.
"""

import json
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parent / "families.json"


def kept(row):
    """Return the return, the score and the scores of the seeds of one player, in few digits."""
    seeds = [seed["return"] if row["score"] is None else seed["score"] for seed in row["seeds"]]
    score = row["score"] if row["score_pdl"] is None else row["score_pdl"]
    return {
        "return": round(row["return"], 3),
        "score": None if score is None else round(score, 3),
        "seeds": [round(x, 3) for x in seeds],
    }


def main(folders):
    tasks = {}
    for folder in folders:
        tasks |= json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))["tasks"]
    result = {}
    for name, entry in tasks.items():
        players = entry["learners"] | entry["baselines"]
        result[name] = {
            "random": round(entry["random"]["return"], 3),
            "players": {x: kept({"seeds": [], **row}) for x, row in players.items()},
        }
        controls = [x["control"] for x in entry["learners"].values() if x["control"]]
        result[name]["control"] = kept({"seeds": [], **controls[0]})
    TARGET.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
