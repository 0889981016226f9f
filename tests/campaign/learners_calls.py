"""Base calls of the room `learners`."""

import numpy as np
from comparing import rng
from problems import small_bandit, small_grid
from toy_learner import toy
from toy_players import linear_trial, toy_player

import metarl_min.learners as learners
from campaign.judging import call
from metarl_min.basics.optimizers import sgd
from metarl_min.learners import es as es_room
from metarl_min.learners import evolved_rule as rule_room
from metarl_min.learners import ga as ga_room
from metarl_min.learners import registry
from metarl_min.learners.es import es
from metarl_min.learners.es_maml import es_maml
from metarl_min.learners.evolved_rule import evolved_rule
from metarl_min.learners.ga import ga
from metarl_min.learners.maml import fomaml, maml
from metarl_min.learners.mann import mann
from metarl_min.learners.meta_sgd import meta_sgd
from metarl_min.learners.reptile import reptile
from metarl_min.learners.rl2 import default_settings, rl2
from metarl_min.mdps.policies import tabular

FAMILY, GRID = small_bandit(arms=2, pulls=4), small_grid()
GRADIENT = {
    "policy": tabular,
    "alpha": 0.5,
    "inner_steps": 1,
    "inner_episodes": 2,
    "baseline": 0.25,
    "gamma": 0.5,
}
SEARCH = {
    "population": 4,
    "num_tasks": 2,
    "sigma": 0.5,
    "beta": 0.5,
    "decay": 0.25,
}
RL2 = {
    "hidden": 3,
    "num_tasks": 2,
    "iterations": 5,
    "gamma": 0.9,
    "gae_lambda": 0.5,
    "scale": 1.0,
    "entropy": 0.1,
    "beta": 0.02,
    "max_norm": 0.5,
}
LEARNER = toy(FAMILY)


def one_step(learner):
    """The state after one step, and one trial."""
    state = learner.init(rng())
    state, _ = learner.step(rng(1), state)
    trial = learner.trial(rng(2), state, learner.family.sample(rng(3), 2))
    return state, trial, learner.iterations


def _protocol(name, learner):
    state = learner.init(rng())
    return {
        f"{name}.init": call(learner.init, rng=rng()),
        f"{name}.step": call(learner.step, rng=rng(), state=state),
        f"{name}.trial": call(
            learner.trial, rng=rng(), state=state, tasks=FAMILY.sample(rng(), 2), greedy=False
        ),
    }


# learners.check tells which function of a learner is wrong, by running it
RUN = "None text number list"
PARTS = {
    "settings": "*", "init": RUN, "step": RUN, "trial": RUN, "without_adaptation": "None",
    "untrained_control": "None", "schedule_end": "None", "schedule": "text",
}  # fmt: skip
# None stands for the default of the family; a baseline may be negative
DEFAULTS = dict.fromkeys(("alpha", "inner_steps", "inner_episodes", "gamma"), "None")
DEFAULTS |= {"baseline": "None sign"}
MAKERS = {
    "maml.maml": maml, "maml.fomaml": fomaml, "reptile.reptile": reptile,
    "meta_sgd.meta_sgd": meta_sgd,
}  # fmt: skip
CALLS = {
    "Control": call(learners.Control, {"state": "*"}, state=LEARNER.init(rng()), alpha=0.5),
    "es.Search": call(
        es_room.Search, {"executor": "None"}, **es_room.Search(**SEARCH)._asdict()
    ),
    "ga.Breeding": call(
        ga_room.Breeding, {"executor": "None"}, **ga_room.Breeding()._asdict()
    ),
    "Learner": call(
        learners.Learner, PARTS, **LEARNER._replace(schedule_end=50)._asdict()
    ),
    "within_schedule": call(
        learners.within_schedule, {"learner": "huge zero"},
        learner=LEARNER._replace(schedule_end=50), num_iterations=40
    ),
    "check": call(learners.check, {"learner": "huge zero"}, learner=LEARNER),
    **{
        f"{name}": call(make, DEFAULTS, one_step, family=FAMILY, num_tasks=3, **GRADIENT)
        for name, make in MAKERS.items()
    },
    "rl2.rl2": call(rl2, None, one_step, family=FAMILY, **RL2),
    "rl2.default_settings": call(default_settings, family=FAMILY),
    "mann.mann": call(mann, None, one_step, family=FAMILY, **RL2),
    "es.es": call(es, None, one_step, family=FAMILY, hidden=2, **SEARCH),
    "es.evolve": call(
        es_room.evolve, None, one_step, player=toy_player(FAMILY, linear_trial),
        search=es_room.Search(**SEARCH, optimizer=sgd), iterations=5,
    ),
    "ga.genetic_search": call(
        ga_room.genetic_search, None, one_step, player=toy_player(FAMILY, linear_trial),
        breeding=ga_room.Breeding(population=4, num_tasks=2, elites=1, pressure=2), iterations=5,
    ),
    "ga.ga": call(
        ga, {"iterations": "None", "population": "huge"}, one_step, family=FAMILY, hidden=2,
        iterations=5, population=4, num_tasks=2,
        elites=1, pressure=2, chance=0.5, sigma=0.5,
    ),
    "es_maml.es_maml": call(es_maml, DEFAULTS, one_step, family=FAMILY, **GRADIENT, **SEARCH),
    "evolved_rule.evolved_rule": call(evolved_rule, None, one_step, family=FAMILY, **SEARCH),
    "evolved_rule.coefficients": call(
        rule_room.coefficients, vector=np.array([0.5, -0.25, 0.5, 0.1, 0.2, 1.0])
    ),
    "evolved_rule.formula": call(
        rule_room.formula, rule=rule_room.coefficients(np.array([0.5, -0.25, 0.5, 0.1, 0.2, 1.0]))
    ),
    "registry.make": call(
        registry.make, {"settings": "wrong-names", "iterations": "None"}, one_step, name="reptile",
        family=FAMILY,
        settings={"alpha": "0.5", "num_tasks": "3"}, iterations=None,
    ),
    "registry.function": call(registry.function, name="maml"),
    "registry.searches": call(registry.searches, name="es"),
    "registry.learners_for": call(
        registry.learners_for, None, lambda pair: one_step(pair[0]["maml"]), family=FAMILY,
        makers={"maml": maml},
    ),
    **_protocol("maml.maml", maml(FAMILY, num_tasks=3)),
    **_protocol("rl2.rl2", rl2(FAMILY, **RL2)),
    **_protocol("es.es", es(FAMILY, hidden=2, **SEARCH)),
    **_protocol(
        "ga.ga", ga(FAMILY, hidden=2, iterations=5, population=4, num_tasks=2, elites=1, pressure=2)
    ),
    **_protocol("evolved_rule.evolved_rule", evolved_rule(FAMILY, **SEARCH)),
}  # fmt: skip
RESULTS = (
    "es.State", "es.Info", "evolved_rule.Rule", "evolved_rule.Memory", "ga.State", "ga.Info",
    "maml.Info", "rl2.Info",
)  # fmt: skip
