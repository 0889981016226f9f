"""Base calls of the room `gradients`."""

import autograd.numpy as anp
import numpy as np
from comparing import rng

from campaign import estimator_calls, vector_calls
from campaign.gradients_values import (
    ADV,
    EPISODES,
    FAMILY,
    GRID,
    MAML,
    PREPARED,
    SETTINGS,
    TABLES,
    TASKS,
    THETA,
    TRIAL,
    C,
    J,
    L,
    V,
    W,
    Z,
    exact,
)
from campaign.judging import call
from metarl_min.basics.optimizers import adam, sgd
from metarl_min.gradients import (
    adaptation,
    adaptation_settings,
    advantages,
    controls,
    objectives,
    outer_updates,
    outer_words,
    parameters,
    returns,
    step_sizes,
    trial_gradients,
    trust_region,
)
from metarl_min.mdps.policies import tabular


def surrogate(theta):
    return sum(anp.sum(leaf * (leaf - 2.5)) for leaf in theta.values())


def divergence(theta):
    return sum(anp.sum((leaf - 0.5) ** 4) for leaf in theta.values())


B = "broadcast"
NONE = "None"
CALLS = {
    **estimator_calls.CALLS,
    **vector_calls.CALLS,
    "returns.discounted_returns": call(
        returns.discounted_returns, {"rewards": "shape"}, rewards=EPISODES.rewards, gamma=0.9
    ),
    "returns.batch_mean_baseline": call(
        returns.batch_mean_baseline, {"returns": "shape"}, returns=W
    ),
    "returns.constant_baseline": call(
        returns.constant_baseline, {"returns": "shape"}, value=-0.5, returns=W
    ),
    "returns.check_returns": call(returns.check_returns, {"returns": "shape"}, returns=W),
    "advantages.linear_baseline": call(
        advantages.linear_baseline, episodes=EPISODES, returns=W, num_states=2, ridge=1e-5
    ),
    "advantages.leave_one_out_baseline": call(
        advantages.leave_one_out_baseline, {"returns": "shape"}, returns=W
    ),
    "advantages.standardised_advantages": call(
        advantages.standardised_advantages, returns=W, alive=EPISODES.alive
    ),
    "advantages.check": call(advantages.check, {"value": "sign"}, value=-0.5),
    "advantages.parse": call(advantages.parse, {"word": "text"}, word="mean"),
    "objectives.reinforce_per_step": call(
        objectives.reinforce_per_step, {"logits": "wrong-shape"}, logits=Z, episodes=EPISODES,
        advantages=ADV
    ),
    "objectives.advantage_table": call(
        objectives.advantage_table, episodes=EPISODES, advantages=ADV, shape=(2, 2)
    ),
    "objectives.reinforce": call(objectives.reinforce, {"logits": B, "C": B}, logits=Z, C=C),
    "objectives.reinforce_gradient": call(
        objectives.reinforce_gradient, {"logits": B, "C": B}, logits=Z, C=C
    ),
    "objectives.reinforce_hessian_product": call(
        objectives.reinforce_hessian_product, {"logits": B, "v": B, "C": B}, logits=Z, v=V, C=C
    ),
    "objectives.expected_return": call(
        objectives.expected_return, {"logits": B}, logits=Z, problem=PREPARED
    ),
    "objectives.expected_return_gradient": call(
        objectives.expected_return_gradient, {"logits": B}, logits=Z, problem=PREPARED
    ),
    "objectives.expected_return_hessian_product": call(
        objectives.expected_return_hessian_product, {"logits": B, "v": B}, logits=Z, v=V,
        problem=PREPARED
    ),
    "objectives.expected_return_objective": call(
        objectives.expected_return_objective, {"horizon": "None"},
        lambda J: (J.value(Z), J.gradient(Z)),
        tasks=TASKS, horizon=3, gamma=0.9,
    ),
    "objectives.expected_return_objective.value": call(J.value, {"logits": B}, logits=Z),
    "objectives.expected_return_objective.gradient": call(J.gradient, {"logits": B}, logits=Z),
    "objectives.expected_return_objective.hessian_product": call(
        J.hessian_product, {"logits": B, "v": B}, logits=Z, v=V
    ),
    "objectives.reinforce_objective": call(
        objectives.reinforce_objective, {"C": B}, lambda L: (L.value(Z), L.gradient(Z)), C=C
    ),
    "objectives.reinforce_objective.value": call(L.value, {"logits": B}, logits=Z),
    "objectives.reinforce_objective.gradient": call(L.gradient, {"logits": B}, logits=Z),
    "objectives.reinforce_objective.hessian_product": call(
        L.hessian_product, {"logits": B, "v": B}, logits=Z, v=V
    ),
    "adaptation.inner_loop": call(
        adaptation.inner_loop, {"inner": "wrong-shape"}, policy=tabular, theta=THETA, alpha=0.5,
        inner=[J, L]
    ),
    "adaptation.adapted_return": call(adaptation.adapted_return, **exact),
    "adaptation.adapted_return:tree": call(
        adaptation.adapted_return, {"alpha": "number negative"},
        **{**exact, "alpha": {"logits": np.abs(Z[0])}}
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
    "adaptation_settings.parse_names": call(
        adaptation_settings.parse_names, {"word": "text"}, word="W2,b2"
    ),
    "adaptation_settings.adaptation": call(
        adaptation_settings.adaptation,
        {"baseline": "sign None", "alpha": "None", "inner_steps": "None", "inner_episodes": "None",
         "gamma": "None"},
        family=GRID, policy=tabular,
        alpha=0.5, inner_steps=1, inner_episodes=1, baseline=-0.5, gamma=0.5, adapt=("logits",),
    ),
    "adaptation_settings.Adaptation": call(
        adaptation_settings.Adaptation, {"baseline": "sign", "adapt": "wrong-shape list"},
        **SETTINGS._asdict()
    ),
    "trust_region.conjugate_gradient": call(
        trust_region.conjugate_gradient, {"b": "huge shape"}, product=lambda v: 2.0 * v,
        b=np.array([1.0, -1.0]), num_iterations=2,
    ),
    "trust_region.step": call(
        trust_region.step, {"theta": "names shape"}, theta={"x": np.array([0.5, 0.5])},
        surrogate=surrogate,
        divergence=divergence, max_kl=0.1, num_iterations=3, damping=0.01,
    ),
    "trust_region.importance_surrogate": call(
        trust_region.importance_surrogate, {"logits": B, "reference": B, "C": B}, logits=Z,
        reference=V, C=C
    ),
    "trust_region.clipped_surrogate": call(
        trust_region.clipped_surrogate,
        {"logits": B, "reference": B, "plus": "broadcast sign", "minus": B}, logits=Z, reference=V,
        plus=np.maximum(C, 0), minus=np.minimum(C, 0), eps=0.2,
    ),
    "trust_region.trpo_update": call(
        trust_region.trpo_update, policy=tabular, trial=TRIAL, stages=TABLES, max_kl=0.01
    ),
    "trust_region.clipped_update": call(
        trust_region.clipped_update, {"state": "*", "num_epochs": "huge"}, policy=tabular,
        trial=TRIAL, stages=TABLES,
        optimizer=sgd(0.5), state=(), eps=0.2, num_epochs=2,
    ),
    "outer_updates.ascent": call(outer_updates.ascent, optimizer=adam(0.05)),
    "outer_updates.trpo": call(outer_updates.trpo, max_kl=0.02),
    "outer_updates.clipped": call(outer_updates.clipped, clip=0.2, optimizer=adam(0.05)),
    "outer_words.ascent_of_words": call(
        outer_words.ascent_of_words, {"optimizer": "None", "beta": "None"}, optimizer=sgd, beta=0.1
    ),
    "outer_updates.Outer": call(
        outer_updates.Outer, {"words": "*"}, **outer_updates.trpo()._asdict()
    ),
    "outer_updates.Settings": call(outer_updates.Settings, **MAML._asdict()),
    "step_sizes.LearnAlpha": call(step_sizes.LearnAlpha, **step_sizes.one_alpha._asdict()),
    "trial_gradients.MetaGradient": call(
        trial_gradients.MetaGradient, **trial_gradients.plain._asdict()
    ),
    "parameters.check_parameters": call(
        parameters.check_parameters, {"num_tasks": "None"}, policy=tabular, theta=THETA,
        shape=(2, 2), num_tasks=3
    ),
    "parameters.check_step_sizes": call(
        parameters.check_step_sizes, {"num_tasks": "*", "alpha": "number negative"},
        alpha={"logits": np.abs(Z[0])}, theta=THETA, num_tasks=3,
    ),
    "objectives.check_table": call(
        objectives.check_table, {"name": "*", "table": B, "logits": "*"},
        name="C", table=C, logits=Z,
    ),
    "objective.Objective": call(objectives.Objective, {"shape": "*"}, **J._asdict()),
    "controls.best_untrained_alpha": call(
        controls.best_untrained_alpha,
        rng=rng(), family=FAMILY, first_alpha=1.0, play_trial=lambda rng, alpha, tasks: EPISODES,
    ),
    "outer_words.outer_of_words": call(
        outer_words.outer_of_words, {"optimizer": "None", "beta": "None", "clip": "None"},
        update=outer_updates.clipped, optimizer=adam, beta=0.1,
        clip=0.2
    ),
}  # fmt: skip
RESULTS = (
    "trials.Trial", "enumeration.Trajectories", "listed_data.AllDataSets",
    "listed_data.Listing", "claims.Answer", "claims.Evidence", "known_sums.Comparison",
    "known_sums.Sum", "orders.Order",
    "estimators.EstimatorInputs", "exact_objectives.ExactGradients", "meta_gradients.Errors",
    "meta_gradients.Moments", "meta_gradients.Comparison", "monte_carlo.Estimate",
    "monte_carlo.SampledMoments", "trust_region.Info", "stage_tables.StageTables",
    "outer_updates.State", "trial_gradients.Gradients",
    "step_sizes.StepSizes",
)  # fmt: skip
