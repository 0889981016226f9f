"""The questions that an assignment can name. Each line is a function that makes a question."""

from __future__ import annotations

from collections.abc import Callable

from metarl_min.teach import (
    bandit_gradients,
    bandit_hessians,
    broken_derivation,
    central_differences,
    difference_steps,
    difference_tests,
    evolution_strategies,
    evolution_tests,
    exact_meta_gradients,
    first_order_learners,
    inner_loops,
    ranked_gradients,
    recurrent_gradients,
    recurrent_steps,
    recurrent_trials,
    reinforce_estimators,
    reward_sums,
    sampled_gradients,
    sampled_hessians,
    sampled_steps,
    sampled_surrogates,
    score_functions,
)
from metarl_min.teach.questions import Question

QUESTIONS: dict[str, Callable[..., Question]] = {
    "central_difference": central_differences.central_difference,
    "best_step": difference_steps.best_step,
    "numerical_gradient": difference_steps.numerical_gradient,
    "central_difference_test": difference_tests.central_difference_test,
    "log_pi": score_functions.log_pi,
    "score": score_functions.score,
    "policy_gradient": bandit_gradients.policy_gradient,
    "pulls_gradient": bandit_gradients.pulls_gradient,
    "reward_sums": reward_sums.returns_to_go,
    "reinforce": reinforce_estimators.reinforce,
    "leave_one_out": reinforce_estimators.leave_one_out,
    "leave_one_out_variance": reinforce_estimators.leave_one_out_variance,
    "adapt": inner_loops.adapt,
    "fomaml": first_order_learners.fomaml,
    "reptile": first_order_learners.reptile,
    "hessian_product": bandit_hessians.hessian_product,
    "meta_gradient": exact_meta_gradients.meta_gradient,
    "inner_surrogate": sampled_surrogates.inner_surrogate,
    "hessian_estimate": sampled_hessians.hessian_estimate,
    "inner_step": sampled_steps.inner_step,
    "meta_pg": sampled_gradients.meta_pg,
    "rnn_step": recurrent_steps.rnn_step,
    "play_trials": recurrent_trials.play_trials,
    "returns_to_go": recurrent_trials.returns_to_go,
    "trial_gradient": recurrent_gradients.trial_gradient,
    "es_gradient": evolution_strategies.es_gradient,
    "utilities": ranked_gradients.utilities,
    "ranked_gradient": ranked_gradients.ranked_gradient,
    "wrong_equation": broken_derivation.wrong_equation,
    "es_gradient_test": evolution_tests.es_gradient_test,
}
