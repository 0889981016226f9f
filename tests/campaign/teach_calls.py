"""Base calls of the room `teach`."""

import atexit
import json
import shutil
import tempfile
from pathlib import Path

from campaign.judging import call
from metarl_min.gradients import exact_mistakes
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
    grading,
    inner_loops,
    manifests,
    meta_gradient_mistakes,
    mistake_counts,
    questions,
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
    stripping,
    trial_returns,
)

QUESTION = exact_meta_gradients.meta_gradient(num_steps=1, num_tasks=2)
MANIFEST = {
    "id": "hw", "title": "Homework", "file": "hw.py", "seconds": 5,
    "tests": [{"id": "1", "question": "meta_gradient", "points": 2, "visibility": "visible"}],
}  # fmt: skip
RESULTS_FILE = {"tests": [{"number": "1", "extra_data": {"mistake": "first order"}}]}
FOLDER = Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
for name, content in (("assignment.json", MANIFEST), ("results.json", RESULTS_FILE)):
    (FOLDER / name).write_text(json.dumps(content))


def right(*arguments):
    problem = meta_gradient_mistakes.problem_of(*arguments)
    return exact_mistakes.right(problem)["logits"][0]


CALLS = {
    "questions.check": call(questions.check, question=QUESTION, program=right, seed=3, points=2.0),
    "questions.earned": call(
        questions.earned, question=QUESTION, program=right, seed=3, points=2.0
    ),
    "manifests.read": call(manifests.read, folder=FOLDER),
    "manifests.parse": call(manifests.parse, {"content": "*"}, content=MANIFEST),
    "grading.read_seed": call(grading.read_seed, path=FOLDER / "assignment.json"),
    "stripping.strip": call(stripping.strip, {"text": "*"}, text="def f():\n    return 1\n"),
    "mistake_counts.count": call(
        mistake_counts.count, {"paths": "wrong-shape"}, paths=[FOLDER / "results.json"]
    ),
    "central_differences.central_difference": call(central_differences.central_difference),
    "difference_tests.central_difference_test": call(difference_tests.central_difference_test),
    "difference_steps.best_step": call(difference_steps.best_step),
    "difference_steps.numerical_gradient": call(difference_steps.numerical_gradient),
    "bandit_hessians.hessian_product": call(bandit_hessians.hessian_product),
    "evolution_strategies.es_gradient": call(evolution_strategies.es_gradient),
    "evolution_tests.es_gradient_test": call(evolution_tests.es_gradient_test),
    "ranked_gradients.utilities": call(ranked_gradients.utilities),
    "ranked_gradients.ranked_gradient": call(ranked_gradients.ranked_gradient),
    "broken_derivation.wrong_equation": call(broken_derivation.wrong_equation),
    "sampled_surrogates.inner_surrogate": call(sampled_surrogates.inner_surrogate, num_pulls=2),
    "sampled_hessians.hessian_estimate": call(sampled_hessians.hessian_estimate, num_pulls=2),
    "sampled_steps.inner_step": call(sampled_steps.inner_step, num_pulls=3),
    "sampled_gradients.meta_pg": call(sampled_gradients.meta_pg, num_pulls=2),
    "recurrent_steps.rnn_step": call(recurrent_steps.rnn_step),
    "recurrent_trials.play_trials": call(recurrent_trials.play_trials),
    "trial_returns.returns_to_go": call(trial_returns.returns_to_go),
    "recurrent_gradients.trial_gradient": call(recurrent_gradients.trial_gradient),
    "exact_meta_gradients.meta_gradient": call(
        exact_meta_gradients.meta_gradient, num_steps=1, num_tasks=2
    ),
    "score_functions.checked_largest": call(score_functions.checked_largest, largest=2.0),
    "score_functions.log_pi": call(score_functions.log_pi, largest=2.0),
    "score_functions.score": call(score_functions.score, largest=2.0),
    "bandit_gradients.policy_gradient": call(bandit_gradients.policy_gradient, largest=2.0),
    "reinforce_estimators.reinforce": call(reinforce_estimators.reinforce),
    "reinforce_estimators.reinforce_variance": call(reinforce_estimators.reinforce_variance),
    "reinforce_estimators.leave_one_out": call(reinforce_estimators.leave_one_out),
    "reinforce_estimators.leave_one_out_variance": call(
        reinforce_estimators.leave_one_out_variance
    ),
    "reward_sums.returns_to_go": call(reward_sums.returns_to_go),
    "bandit_gradients.pulls_gradient": call(bandit_gradients.pulls_gradient, num_pulls=2),
    "inner_loops.adapt": call(inner_loops.adapt, num_steps=2),
    "first_order_learners.fomaml": call(first_order_learners.fomaml, num_steps=2, num_tasks=3),
    "first_order_learners.reptile": call(first_order_learners.reptile, num_steps=2, num_tasks=3),
}
RESULTS = {
    "messages.Channel", "questions.Mistake", "questions.Question", "questions.Verdict",
    "inner_loops.Inner", "sampled_surrogates.Pulls", "sampled_hessians.Pulls",
    "sampled_terms.Pulls", "sampled_terms.Data", "backpropagation.Parts",
    "recurrent_trials.Memory", "recurrent_trials.Parts", "submissions.Limits",
    "submissions.Student", "value_questions.Case", "value_questions.ValueQuestion",
    "watched_calls.Watched", "written_tests.WrittenTest",
    "manifests.AssignmentTest", "manifests.Assignment", "grading.Result", "grading.Grade",
    "episode_lists.Setting", "reinforce_weights.Batch", "wrong_results.Found",
}  # fmt: skip
