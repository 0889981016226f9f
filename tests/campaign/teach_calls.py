"""Base calls of the room `teach`."""

from campaign.judging import call
from metarl_min.gradients import exact_mistakes
from metarl_min.teach import exact_meta_gradients, questions

QUESTION = exact_meta_gradients.meta_gradient(num_steps=1, num_tasks=2)


def right(*arguments):
    problem = exact_meta_gradients.problem_of(*arguments)
    return exact_mistakes.right(problem)["logits"][0]


CALLS = {
    "questions.check": call(questions.check, question=QUESTION, program=right, seed=3, points=2.0),
    "exact_meta_gradients.meta_gradient": call(
        exact_meta_gradients.meta_gradient, num_steps=1, num_tasks=2
    ),
}
RESULTS = {
    "messages.Channel", "questions.Mistake", "questions.Question", "questions.Verdict",
    "submissions.Limits", "submissions.Student", "value_questions.Case",
    "value_questions.ValueQuestion", "watched_calls.Watched", "written_tests.WrittenTest",
}  # fmt: skip
