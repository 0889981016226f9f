"""The estimator of each published library of MAML-RL, with the line of its code.

The list was made in 2026, from the code at the commits below. The loss functions of each library
were run with a softmax table as the policy, on every possible data set of two problems. The
advantage was the return-to-go, and the rate was set so that the inner step is estimators (1). The
adjoint v was exact. The formulas of the module `library_estimators` reproduced every run.

An entry says which estimator the code of a library computes. It does not say that a library is bad:
a biased estimator may learn well. Later commits may differ. If an entry is one of several settings
of a library, the name of the entry contains the setting.

The runs did not include:

- More than one inner step. In garage, the second inner step does not change the parameters (PyTorch
  2.13), because `loss.backward()` gives no gradient to a tensor that is not a leaf.
- The baselines, discounts and normalisations that a library sets by default. They change phi, so
  F_N is another objective.
- Gaussian policies, value networks, the conjugate gradients and line searches of TRPO, and the
  epochs of PPO after the first one, in which the ratios are no longer 1.
- The constant 1e-8 that cbfinn/maml_rl and Theoretical-GMRL add to a probability. It changes the
  eighth digit.
- The library google-research/es_maml, which has no likelihood ratio. Its estimators of the Hessian
  stand in the room `evolution`, in the module `hessian_estimates`.

The functions of `libraries` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients import library_estimators as computed
from metarl_min.gradients.estimator_weights import (
    Weights,
    dice_weights,
    plain_weights,
)
from metarl_min.gradients.estimators import Estimator, dice, loaded_dice, lvc, plain
from metarl_min.gradients.problems import Problem


def unchanged(problem: Problem) -> Problem:
    """Return the problem."""
    return problem


def with_context(problem: Problem) -> Problem:
    """Return the problem with one more parameter, the context, which starts at zero.

    Inner steps change only the context: the step sizes of `logits` are zero.
    """
    context = np.zeros(problem.task.shape[1])
    theta = {"logits": problem.theta["logits"], "context": context}
    sizes = {"logits": np.zeros_like(theta["logits"]), "context": context + problem.inner.alpha}
    inner = problem.inner._replace(policy=computed.context_policy, alpha=sizes)
    return problem._replace(inner=inner, theta=theta)


class Library(NamedTuple):
    """One entry: a library, or one of its settings."""

    name: str
    source: str  # repository, commit, file and lines
    estimator: Estimator  # g of library_estimators (2), if the rate is alpha / share_in
    share_in: Callable[[int, int], float] = computed.mean_of_steps  # (T, B) -> share_in
    weights: Weights = plain_weights  # w_t of its inner step; only the values matter
    result: Callable[[Problem, Tree], Array] = computed.total_return  # (problem, phi) -> R or x
    setting: Callable[[Problem], Problem] = unchanged  # problem -> the problem with the setting


def of_sums(name: str, source: str, estimator: Estimator) -> Library:
    """Return the entry of a library whose losses add the steps of an episode."""
    return Library(name, source, estimator, computed.sum_of_steps)


def all_libraries() -> list[Library]:
    """Return all entries. The libraries that take a mean over the steps come first."""
    return [*MEANS, *SUMS]


MEANS = [
    Library(
        "cbfinn/maml_rl",
        "cbfinn/maml_rl 9c8e2ebd sandbox/rocky/tf/algos/maml_vpg.py:97-101, maml_npo.py:98-102",
        computed.log_likelihood,
    ),
    Library(
        "pytorch-maml-rl",
        "tristandeleu/pytorch-maml-rl 21d4ba1c maml_rl/utils/reinforcement_learning.py:29-39",
        computed.log_likelihood,
    ),
    Library(
        "pytorch-maml-rl, first_order",
        "tristandeleu/pytorch-maml-rl 21d4ba1c maml_rl/policies/policy.py:21-36",
        computed.first_order,
    ),
    Library(
        "d3ac/maml-rl",
        "d3ac/maml-rl ca3b876b maml/utils/reinforcement_learning.py:8-19",
        computed.log_likelihood,
    ),
    Library(
        "learn2learn maml_trpo",
        "learnables/learn2learn db5cee37 examples/rl/maml_trpo.py:45-66",
        computed.log_likelihood,
    ),
    Library(
        "learn2learn metasgd_a2c",
        "learnables/learn2learn db5cee37 examples/rl/metasgd_a2c.py:42-53",
        computed.log_likelihood,
    ),
    Library(
        "learn2learn promp",
        "learnables/learn2learn db5cee37 examples/rl/promp.py:172-179",
        computed.likelihood_ratio,
    ),
    Library(
        "learn2learn cavia_trpo",
        "learnables/learn2learn db5cee37 examples/rl/cavia_trpo.py:44-69",
        computed.log_likelihood,
        setting=with_context,
    ),
    Library(
        "learn2learn maml_dice",
        "learnables/learn2learn db5cee37 examples/rl/maml_dice.py:26-29, 56-62",
        partial(computed.differentiated, weights=computed.decayed_dice_weights),
        weights=computed.decayed_dice_weights,
    ),
    Library(
        "ProMP log_likelihood",
        "jonasrothfuss/ProMP 93ae339e run_scripts/maml_run_mujoco.py:119",
        computed.log_likelihood,
    ),
    Library(
        "ProMP likelihood_ratio",
        "jonasrothfuss/ProMP 93ae339e meta_policy_search/meta_algos/vpg_maml.py:47-64",
        computed.likelihood_ratio,
    ),
    Library(
        "ProMP ProMP",
        "jonasrothfuss/ProMP 93ae339e meta_policy_search/meta_algos/pro_mp.py:59-65",
        computed.likelihood_ratio,
    ),
    Library(
        "ProMP DICEMAML",
        "jonasrothfuss/ProMP 93ae339e meta_policy_search/meta_algos/dice_maml.py:41-47, 245-259",
        partial(computed.differentiated, weights=dice_weights),
    ),
    Library(
        "ProMP exploration, raw",
        "jonasrothfuss/ProMP 93ae339e meta_policy_search/meta_algos/vpg_maml.py:127-134",
        computed.mean_times_mean,
        result=computed.mean_reward,
    ),
    Library(
        "ProMP exploration, one task",
        "jonasrothfuss/ProMP 93ae339e meta_policy_search/samplers/meta_sample_processor.py:39-44",
        computed.mean_times_mean,
        result=computed.centred_mean_reward,
    ),
    Library(
        "garage MAMLVPG, MAMLTRPO",
        "rlworkgroup/garage 2d594803 src/garage/torch/algos/vpg.py:344-350",
        computed.log_likelihood,
    ),
    Library(
        "garage MAMLPPO",
        "rlworkgroup/garage 2d594803 src/garage/torch/algos/ppo.py:119-132",
        computed.clipped_ratio,
    ),
    Library(
        "torchopt",
        "metaopt/torchopt 960fb0aa examples/MAML-RL/maml.py:82-102",
        computed.log_likelihood,
    ),
    Library(
        "e-maml, as started",
        "episodeyang/e-maml 336291d6 e_maml_tf/algos/vpg.py:37-41",
        computed.log_likelihood,
    ),
    Library(
        "e-maml, first_order",
        "episodeyang/e-maml 336291d6 e_maml_tf/e_maml_ge.py:164-167",
        computed.log_likelihood,  # only the rate is held fixed; second derivatives stay
    ),
    Library(
        "e-maml, run_mode e-maml",
        "episodeyang/e-maml 336291d6 e_maml_tf/e_maml_ge.py:118-122, 173-180",
        computed.mean_times_mean,
        result=computed.mean_return_to_go,
    ),
    Library(
        "e-maml, inner PPO",
        "episodeyang/e-maml 336291d6 e_maml_tf/algos/ppo2.py:51-53",
        computed.clipped_ratio,
    ),
    Library(
        "metaworld-algorithms",
        "rainx0r/metaworld-algorithms 30c9991f "
        "metaworld_algorithms/rl/algorithms/mamltrpo.py:278-292",
        computed.log_likelihood,
        share_in=computed.mean_of_steps_and_tasks,
    ),
    Library(
        "clijo/maml-rl",
        "clijo/maml-rl 3f30b2b7 src/maml_rl/maml.py:44-64",
        computed.log_likelihood,
    ),
    Library(
        "HW11 answer sheet",
        "tahamajs/Deep_Reinforcement_Learning_SUT fcde3135 "
        "homeworks/HW11_Meta_Learning/answers/HW11_Complete_Solutions.md:536-539, 569",
        computed.without_a_path,
    ),
]

DICE_FILE = "oxwhirl/loaded-dice 5248a132 loaded_dice_demo.ipynb, cell 1"
GMRL_FILE = "Benjamin-eecs/Theoretical-GMRL 993f1758 tabular/maml/evaluation_utils.py:59-203"
SUMS = [
    of_sums("LOLA_DiCE", "alexis-jacq/LOLA_DiCE ec3f3f62 ipd_DiCE.py:44-69", dice),
    of_sums("loaded-dice, False", DICE_FILE, plain),
    of_sums("loaded-dice, old", DICE_FILE, dice),
    of_sums("loaded-dice, lambda 1", DICE_FILE, computed.traced(1.0)),
    of_sums("loaded-dice, lambda .5", DICE_FILE, computed.traced(0.5)),
    of_sums("loaded-dice, lambda 0", DICE_FILE, computed.traced(0.0)),
    of_sums("Theoretical-GMRL maml", GMRL_FILE, plain),
    of_sums("Theoretical-GMRL lvc", GMRL_FILE, lvc),
    of_sums("Theoretical-GMRL dice", GMRL_FILE, dice),
    of_sums("Theoretical-GMRL loaded", GMRL_FILE, loaded_dice),
]
