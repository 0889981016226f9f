"""The workloads of speed.py, computed by the library as a user calls it.

`NAMES` are functions of this build of the library. `OLD_NAMES` are those of build 30fbc7f, whose
modules lie in one folder. `python speed_library.py W1 '{"tasks": 40, "steps": 3}'` serves one
workload, as `speed_problems.serve` describes.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import speed_problems as problems

NAMES = {
    "MDP": "mdps.mdp.MDP",
    "objective": "gradients.objectives.expected_return_objective",
    "meta_gradient": "gradients.adaptation.meta_gradient_by_hessian_products",
    "tabular": "mdps.policies.tabular",
    "make_family": "tasks.registry.make",
    "make_learner": "learners.registry.make",
    "solve": "ceilings.bayes_optimal.solve",
    "evaluate": "evaluation.evaluate",
}
OLD_NAMES = {
    "MDP": "mdp.MDP",
    "objective": "objectives.exact",
    "meta_gradient": "adaptation.meta_gradient_by_chain",
    "tabular": "policies.table",
    "make_family": "tasks.make",
    "make_learner": "learners.make",
    "solve": "baselines.bayes_optimal.solve",
    "evaluate": "evaluation.evaluate",
}


class Names(SimpleNamespace):
    """The functions of a build; each module is imported when a function of it is first used."""

    def __getattr__(self, name):
        module, _, function = self.paths[name].rpartition(".")
        return getattr(import_module(f"metarl_min.{module}"), function)


def find_names():
    """Return the functions of the build that Python finds, and whether it is an old build."""
    folder = Path(import_module("metarl_min").__file__).parent
    is_old = not (folder / "mdps").exists()
    return Names(paths=OLD_NAMES if is_old else NAMES), is_old


def exact(lib, name, size):
    """Return the step that computes an exact meta-gradient."""
    if name == "W1":
        reward = problems.arm_means(size["tasks"])[:, None, :, None]
        mdp = lib.MDP(np.ones((1, 1)), np.ones((1, 1, problems.ARMS, 1)), reward)
        J, theta = lib.objective(mdp, 1), {"logits": np.zeros((1, problems.ARMS))}
    else:
        S = problems.S
        mdp = lib.MDP(np.full((1, S), 1 / S), *problems.grids(size["tasks"]))
        J = lib.objective(mdp, size.get("horizon"), problems.GAMMA)
        theta = {"logits": problems.table()}
    arguments = lib.tabular, theta, problems.ALPHA[name], size["steps"], J
    function = lib.meta_gradient
    return lambda: function(*arguments)["logits"]


def flat(theta):
    return np.concatenate([theta[name].ravel() for name in sorted(theta)])


def as_words(settings):
    return {key: str(x) for key, x in settings.items()}


def make(lib, is_old, family_words, learner_words):
    """Return a learner, and the arguments that its functions have in this build besides the state.

    In an old build, these functions have the family as their last argument.
    """
    (family_name, parameters), (learner_name, settings) = family_words, learner_words
    family = lib.make_family(family_name, as_words(parameters))
    given, used = ((), (family,)) if is_old else ((family,), ())
    return lib.make_learner(learner_name, *given, as_words(settings)), used


def steps_of(lib, is_old, family_words, learner_words, theta=None):
    """Return the step of a learner; a step returns the change of theta, all leaves in a row.

    Each step starts from the same state with the same random numbers.
    """
    learner, used = make(lib, is_old, family_words, learner_words)
    state = learner.init(np.random.default_rng(0), *used)
    if theta is not None:
        state = state._replace(theta=theta(state.theta))
    start = flat(state.theta)
    return lambda: flat(learner.step(np.random.default_rng(1), state, *used)[0].theta) - start


def sampled_maml(size):
    """Return the words of the family and the learner of W3."""
    grid = {"stay": "0", "horizon": size["horizon"]}
    grid["episodes"] = size["episodes"] * (size["steps"] + 1)
    maml = {
        "policy": f"network:{problems.UNITS}", "num_tasks": size["tasks"], "gamma": problems.GAMMA,
        "inner_steps": size["steps"], "inner_episodes": size["episodes"], "baseline": "mean",
        "alpha": problems.ALPHA["W3"], "optimizer": "sgd", "beta": 1,
    }  # fmt: skip
    return ("gridworld", grid), ("maml", maml)


def recurrent(size):
    """Return the words of the family and the learner of W4."""
    bandit = {"arms": problems.ARMS, "pulls": size["horizon"]}
    rl2 = {"num_tasks": size["tasks"], "hidden": problems.RECURRENT_UNITS}
    return ("bandit", bandit), ("rl2", rl2)


def evolution(size):
    """Return the words of the family and the learner of W5."""
    grid = {"stay": "0", "horizon": size["horizon"], "episodes": "1"}
    es_maml = {
        "policy": f"network:{problems.UNITS}", "inner_steps": "0", "optimizer": "sgd", "beta": 1,
        "population": size["population"], "num_tasks": size["tasks"], "sigma": problems.SIGMA,
    }  # fmt: skip
    return ("gridworld", grid), ("es_maml", es_maml)


LEARNERS = {"W3": sampled_maml, "W4": recurrent, "W5": evolution}
STARTS = {
    "W3": lambda theta: problems.network(),
    "W4": None,
    "W5": lambda theta: {**theta, **problems.network(np.float32)},
}


def workload(name, size):
    """Return the step of a workload."""
    lib, is_old = find_names()
    if name not in LEARNERS:
        return exact(lib, name, size)
    return steps_of(lib, is_old, *LEARNERS[name](size), STARTS[name])


if __name__ == "__main__":
    problems.serve(workload(sys.argv[1], json.loads(sys.argv[2])))
