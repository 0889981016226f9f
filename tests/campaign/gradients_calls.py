"""Base calls of the room `gradients`."""

import autograd.numpy as anp
import numpy as np
from comparing import rng
from problems import small_bandit, small_grid

from campaign.judging import call
from metarl_min.basics.optimizers import adam, sgd
from metarl_min.gradients import (
    adaptation,
    controls,
    enumeration,
    estimator_weights,
    estimators,
    meta_gradients,
    monte_carlo,
    objectives,
    outer_updates,
    returns,
    trials,
    trust_region,
)
from metarl_min.gradients.enumeration import Data
from metarl_min.mdps import policies, prepared_mdps, rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.policies import tabular

TASKS = MDP(
    np.array([[0.25, 0.75]]),
    np.array([[[[0.7, 0.3], [0.1, 0.9]], [[0.4, 0.6], [0.8, 0.2]]]]),
    np.array(
        [
            [[[0.3], [1.1]], [[-0.5], [0.8]]],
            [[[0.2], [-1.1]], [[0.5], [0.4]]],
            [[[0.1], [0.2]], [[-0.3], [0.4]]],
        ]
    ),
)  # [3] tasks of two states and two actions
SAMPLER = rollouts.sampler(TASKS, rollouts.deterministic)
Z = np.array(
    [[[0.3, -0.2], [0.5, 0.1]], [[-0.3, 0.4], [1.5, -0.5]], [[0.0, 0.1], [0.2, -0.3]]]
)  # [M, S, A]
V = Z[::-1] - 0.2
THETA = {"logits": Z[0]}
EPISODES = rollouts.sample(rng(), SAMPLER, policies.softmax(Z), 4, 5)  # [3, 4, 5]
W = returns.discounted_returns(EPISODES.rewards, 0.9)
ADV = W - 0.25
C = objectives.advantage_table(EPISODES, ADV, (2, 2))
PREPARED = prepared_mdps.prepare(TASKS, 3, 0.9)
J = objectives.expected_return_objective(TASKS, 3, 0.9)
L = objectives.reinforce_objective(C)
PATH = adaptation.inner_loop(tabular, THETA, 0.5, [J, L])
ADJOINTS = adaptation.adjoints(tabular, PATH, 0.5, [J, L], [None, J, J])
exact = {"policy": tabular, "theta": THETA, "alpha": 0.5, "num_steps": 2, "J": J}

INNER = estimators.InnerStep(tabular, 0.5, 0.25, 0.9)
ONE = MDP(TASKS.initial, TASKS.transition, TASKS.reward[:1])
PROBLEM = meta_gradients.Problem(INNER._replace(gamma=1.0), THETA, ONE, 1, 2, 1)
DATA = Data(EPISODES, np.ones((3, 4)))
PHI = {"logits": Z}
INPUTS, P = meta_gradients.enumerated_inputs(PROBLEM)
EXACT = meta_gradients.exact_gradients(PROBLEM)
ROWS = np.array([[1.0, -2.0, 0.5, 0.25], [0.5, 1.0, -1.0, 2.0]])
MOMENTS = meta_gradients.measure(ROWS, np.array([0.25, 0.75]), EXACT)
LOG_RATIO = np.array([[[0.1, -0.2, 0.3]]])
weights = {
    "log_ratio": LOG_RATIO,
    "rewards": np.array([[[1.0, -0.5, 2.0]]]),
    "b": np.array([[[0.5, -0.25, 0.1]]]),
    "gamma": 0.9,
}

FAMILY, GRID = small_bandit(), small_grid()
SETTINGS = trials.adaptation(GRID, inner_steps=1, baseline=0.25)
GRID_SAMPLER = rollouts.sampler(GRID.sample(rng(), 3), GRID.reward_noise)
GRID_THETA = SETTINGS.policy.init(rng(), 9, 5)
TRIAL = trials.play(rng(), SETTINGS, GRID_SAMPLER, GRID_THETA, 8.0)
TABLES = trust_region.trial_tables(TRIAL.stages, [x.rewards - 0.1 for x in TRIAL.stages], (9, 5))


def surrogate(theta):
    return anp.sum(theta["x"] * np.array([1.0, -2.0]))


def divergence(theta):
    return anp.sum((theta["x"] - np.array([0.5, 1.0])) ** 2)


CALLS = {
    "returns.discounted_returns": call(
        returns.discounted_returns, {"rewards": "shape"}, rewards=EPISODES.rewards, gamma=0.9
    ),
    "returns.batch_mean_baseline": call(
        returns.batch_mean_baseline, {"returns": "shape"}, returns=W
    ),
    "returns.linear_baseline": call(
        returns.linear_baseline, episodes=EPISODES, returns=W, num_states=2, ridge=1e-5
    ),
    "returns.constant_baseline": call(
        returns.constant_baseline, {"returns": "shape"}, value=-0.5, returns=W
    ),
    "returns.check_baseline": call(returns.check_baseline, value=-0.5),
    "returns.parse_baseline": call(returns.parse_baseline, {"word": "text"}, word="mean"),
    "returns.baseline:mean": call(
        returns.baseline, value="mean", episodes=EPISODES, returns=W, num_states=2
    ),
    "returns.baseline:number": call(
        returns.baseline, value=-0.5, episodes=EPISODES, returns=W, num_states=2
    ),
    "objectives.at_visits": call(objectives.at_visits, table=Z, episodes=EPISODES),
    "objectives.summed_visits": call(
        objectives.summed_visits, weights=ADV, episodes=EPISODES, shape=(2, 2)
    ),
    "objectives.reinforce_per_step": call(
        objectives.reinforce_per_step, logits=Z, episodes=EPISODES, advantages=ADV
    ),
    "objectives.advantage_table": call(
        objectives.advantage_table, episodes=EPISODES, advantages=ADV, shape=(2, 2)
    ),
    "objectives.reinforce": call(objectives.reinforce, logits=Z, C=C),
    "objectives.reinforce_gradient": call(objectives.reinforce_gradient, logits=Z, C=C),
    "objectives.reinforce_hessian_product": call(
        objectives.reinforce_hessian_product, logits=Z, v=V, C=C
    ),
    "objectives.expected_return": call(objectives.expected_return, logits=Z, problem=PREPARED),
    "objectives.expected_return_gradient": call(
        objectives.expected_return_gradient, logits=Z, problem=PREPARED
    ),
    "objectives.expected_return_hessian_product": call(
        objectives.expected_return_hessian_product, logits=Z, v=V, problem=PREPARED
    ),
    "objectives.expected_return_objective": call(
        objectives.expected_return_objective, None, lambda J: (J.value(Z), J.gradient(Z)),
        tasks=TASKS, horizon=3, gamma=0.9,
    ),
    "objectives.expected_return_objective.value": call(J.value, logits=Z),
    "objectives.expected_return_objective.gradient": call(J.gradient, logits=Z),
    "objectives.expected_return_objective.hessian_product": call(J.hessian_product, logits=Z, v=V),
    "objectives.reinforce_objective": call(
        objectives.reinforce_objective, None, lambda L: (L.value(Z), L.gradient(Z)), C=C
    ),
    "objectives.reinforce_objective.value": call(L.value, logits=Z),
    "objectives.reinforce_objective.gradient": call(L.gradient, logits=Z),
    "objectives.reinforce_objective.hessian_product": call(L.hessian_product, logits=Z, v=V),
    "adaptation.gradient": call(adaptation.gradient, policy=tabular, phi=THETA, objective=J),
    "adaptation.inner_step": call(
        adaptation.inner_step, policy=tabular, phi=THETA, alpha=0.5, objective=J
    ),
    "adaptation.inner_loop": call(
        adaptation.inner_loop, policy=tabular, theta=THETA, alpha=0.5, inner=[J, L]
    ),
    "adaptation.adjoints": call(
        adaptation.adjoints, policy=tabular, path=PATH, alpha=0.5, inner=[J, L], outer=[None, J, J]
    ),
    "adaptation.first_order_adjoints": call(
        adaptation.first_order_adjoints, policy=tabular, path=PATH, outer=[None, J, J]
    ),
    "adaptation.alpha_gradient": call(
        adaptation.alpha_gradient, policy=tabular, path=PATH, inner=[J, L], v=ADJOINTS
    ),
    "adaptation.adapted_return": call(adaptation.adapted_return, **exact),
    "adaptation.adapted_return:tree": call(
        adaptation.adapted_return, **{**exact, "alpha": {"logits": np.abs(Z[0])}}
    ),
    "adaptation.meta_gradient": call(adaptation.meta_gradient, **exact),
    "adaptation.meta_gradient_reverse_over_reverse": call(
        adaptation.meta_gradient_reverse_over_reverse, **exact
    ),
    "adaptation.meta_gradient_by_hessian_products": call(
        adaptation.meta_gradient_by_hessian_products, **exact
    ),
    "adaptation.first_order_meta_gradient": call(adaptation.first_order_meta_gradient, **exact),
    "controls.best_alpha": call(
        controls.best_alpha, returns_of=lambda alpha: -abs(alpha - 3.0), first_alpha=1.0, most=4
    ),
    "enumeration.Data": call(Data, **DATA._asdict()),
    "enumeration.trajectories": call(enumeration.trajectories, task=ONE, horizon=2),
    "enumeration.compositions": call(
        enumeration.compositions, num_trajectories=2, num_episodes=3
    ),
    "enumeration.num_data_sets": call(
        enumeration.num_data_sets, num_trajectories=2, num_episodes=3, num_steps=2
    ),
    "enumeration.enumerate_data_sets": call(
        enumeration.enumerate_data_sets, task=ONE, horizon=1, num_episodes=2, num_steps=1
    ),
    **{
        f"estimator_weights.{f.__name__}": call(f, **weights)
        for f in estimator_weights.WEIGHTS.values()
    },
    "estimators.InnerStep": call(estimators.InnerStep, **INNER._asdict()),
    "estimators.episode_weights": call(estimators.episode_weights, data=DATA),
    "estimators.baseline_per_step": call(estimators.baseline_per_step, inner=INNER, data=DATA),
    "estimators.inner_step": call(
        estimators.inner_step, inner=INNER, phi=PHI, reference=PHI, data=DATA,
        weights=estimator_weights.dice_weights,
    ),
    "estimators.log_probability": call(
        estimators.log_probability, inner=INNER, phi=PHI, data=DATA
    ),
    "estimators.plain": call(estimators.plain, **INPUTS._asdict()),
    "estimators.dice": call(estimators.dice, **INPUTS._asdict()),
    "estimators.emaml": call(estimators.emaml, **INPUTS._asdict(), c=-0.5),
    "estimators.fomaml": call(estimators.fomaml, **INPUTS._asdict()),
    "meta_gradients.Problem": call(meta_gradients.Problem, **PROBLEM._asdict()),
    "meta_gradients.enumerate_data": call(meta_gradients.enumerate_data, problem=PROBLEM),
    "meta_gradients.exact_gradients": call(meta_gradients.exact_gradients, problem=PROBLEM),
    "meta_gradients.enumerated_inputs": call(meta_gradients.enumerated_inputs, problem=PROBLEM),
    "meta_gradients.measure": call(
        meta_gradients.measure, estimates=ROWS, probability=np.array([0.25, 0.75]), exact=EXACT
    ),
    "meta_gradients.break_even": call(
        meta_gradients.break_even, biased=MOMENTS, unbiased=MOMENTS, bias_norm=0.5
    ),
    "meta_gradients.compare_estimators": call(
        meta_gradients.compare_estimators,
        functions={"plain": estimators.plain}, problem=PROBLEM, num_episodes=[1, 2],
    ),
    "meta_gradients.standard_problems": call(meta_gradients.standard_problems),
    "meta_gradients.check_meta_gradient": call(
        meta_gradients.check_meta_gradient,
        estimator=estimators.plain, estimand="F_N", problem=PROBLEM, tolerance=1e-10,
    ),
    "monte_carlo.sample_data": call(
        monte_carlo.sample_data, rng=rng(), problem=PROBLEM, num_sets=3
    ),
    "monte_carlo.compare_by_sampling": call(
        monte_carlo.compare_by_sampling,
        rng=rng(), functions={"plain": estimators.plain}, problem=PROBLEM, num_sets=3,
    ),
    "trials.stage_sizes": call(
        trials.stage_sizes, num_episodes=10, inner_steps=3, inner_episodes=2
    ),
    "trials.parse_names": call(trials.parse_names, {"word": "text"}, word="W2,b2"),
    "trials.adaptation": call(
        trials.adaptation, family=GRID, policy=tabular, alpha=0.5, inner_steps=1, inner_episodes=1,
        baseline=-0.5, gamma=0.5, adapt=("logits",),
    ),
    "trials.play": call(
        trials.play, rng=rng(), adaptation=SETTINGS, sampler=GRID_SAMPLER, theta=GRID_THETA,
        alpha=8.0
    ),
    "trials.surrogate": call(
        trials.surrogate, None, lambda L: L.value(np.zeros((3, 9, 5))), adaptation=SETTINGS,
        episodes=TRIAL.stages[0], shape=(9, 5),
    ),
    "trials.sample_greedily": call(
        trials.sample_greedily, rng=rng(), sampler=SAMPLER, probs=policies.softmax(Z),
        num_episodes=2, horizon=3,
    ),
    "trials.join_stages": call(trials.join_stages, stages=TRIAL.stages),
    "trials.per_episode": call(trials.per_episode, stages=TRIAL.stages),
    "trust_region.conjugate_gradient": call(
        trust_region.conjugate_gradient, product=lambda v: np.array([2.0, 3.0]) * v,
        b=np.array([1.0, -1.0]), num_iterations=2,
    ),
    "trust_region.step": call(
        trust_region.step, theta={"x": np.array([0.5, 1.0])}, surrogate=surrogate,
        divergence=divergence, max_kl=0.1, num_iterations=3, damping=0.01,
    ),
    "trust_region.importance_surrogate": call(
        trust_region.importance_surrogate, logits=Z, reference=V, C=C
    ),
    "trust_region.clipped_surrogate": call(
        trust_region.clipped_surrogate,
        logits=Z, reference=V, plus=np.maximum(C, 0), minus=np.minimum(C, 0), eps=0.2,
    ),
    "trust_region.surrogate_tables": call(
        trust_region.surrogate_tables, episodes=EPISODES, advantages=ADV, shape=(2, 2)
    ),
    "trust_region.trpo_update": call(
        trust_region.trpo_update, policy=tabular, trial=TRIAL, stages=TABLES, max_kl=0.01
    ),
    "trust_region.clipped_update": call(
        trust_region.clipped_update, policy=tabular, trial=TRIAL, stages=TABLES,
        optimizer=sgd(0.5), state=(), eps=0.2, num_epochs=2,
    ),
    "outer_updates.ascent": call(outer_updates.ascent, optimizer=adam(0.05)),
    "outer_updates.trpo": call(outer_updates.trpo, max_kl=0.02),
    "outer_updates.clipped": call(outer_updates.clipped, clip=0.2, optimizer=adam(0.05)),
    "outer_updates.outer_of_words": call(
        outer_updates.outer_of_words, update=outer_updates.clipped, optimizer=adam, beta=0.1,
        clip=0.2
    ),
}  # fmt: skip
RESULTS = ()
