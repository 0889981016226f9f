"""A campaign of mutated calls over every function that the package offers.

Each public function has one valid call in the table of its room, `campaign.ROOM_calls`. Every
argument in turn is replaced by the values of `mutations`, and `judging` decides what is a fault.
The suite runs a part of the mutations, always the same. The whole campaign is run by hand:

    PYTHONPATH=.:tests python -m campaign [ROOM | ROOM.FUNCTION ..] [--out DIR]
"""

ROOMS = {  # table of base calls -> where its functions live
    "basics": "metarl_min.basics",
    "mdps": "metarl_min.mdps",
    "tasks": "metarl_min.tasks",
    "gradients": "metarl_min.gradients",
    "memory": "metarl_min.memory",
    "evolution": "metarl_min.evolution",
    "learners": "metarl_min.learners",
    "baselines": "metarl_min.baselines",
    "ceilings": "metarl_min.ceilings",
    "teach": "metarl_min.teach",
    "top": "metarl_min",
}
# functions of other work, which still have faults
LATER: tuple[str, ...] = ()
