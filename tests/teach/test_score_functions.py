"""Assignment 2: log-probabilities and scores, against sums of Python numbers."""

import math

import numpy as np
import pytest

from metarl_min.teach import score_functions
from metarl_min.teach.questions import in_this_process

LARGEST = (0.0, 1000.0)


def log_pi(theta):
    largest = theta[0]
    for z in theta:
        largest = z if z > largest else largest
    total = sum(math.exp(z - largest) for z in theta)
    return np.array([z - largest - math.log(total) for z in theta])


def score(theta, action):
    logs = log_pi(theta)
    return np.array([float(b == action) - math.exp(x) for b, x in enumerate(logs)])


RIGHT = {"log_pi": log_pi, "score": score}


def asked():
    makers = [getattr(score_functions, name) for name in RIGHT]
    return [maker(largest) for maker in makers for largest in LARGEST]


def graded(question, program, seed):
    return question.grade(in_this_process(program), np.random.default_rng(seed))


@pytest.mark.parametrize("question", asked(), ids=lambda q: f"{q.function}-{len(q.mistakes)}")
def test_a_right_program_has_all_points_and_every_mistake_its_name(question):
    for seed in range(20):
        assert graded(question, RIGHT[question.function], seed).score == 1
    for seed in range(5):
        for name, mistake in question.mistakes.items():
            verdict = graded(question, mistake.program, seed)
            assert (verdict.score, verdict.mistake) == (0, name)
            assert mistake.say in verdict.text and mistake.equation in verdict.text


def test_the_log_probabilities_of_two_arms_by_hand():
    theta = np.array([math.log(3.0), 0.0])
    for name, expected in {
        "the probabilities": [0.75, 0.25],
        "the logits": [math.log(3), 0],
        "wrong sign": [-math.log(0.75), -math.log(0.25)],
        "the mean of the exponentials": [math.log(1.5), math.log(0.5)],
        "the largest logit as normaliser": [0, -math.log(3)],
        "the shift in one place only": [math.log(0.25), math.log(0.25 / 3)],
        "the sum of the logits as normaliser": [0, -math.log(3)],
        "1e-06 added to the probabilities": [math.log(0.750001), math.log(0.250001)],
    }.items():
        program = score_functions.log_pi(1000.0).mistakes[name].program
        np.testing.assert_allclose(program(theta), expected, rtol=1e-12, atol=1e-15)


def test_the_scores_of_two_arms_by_hand():
    theta = np.array([math.log(3.0), 0.0])
    np.testing.assert_allclose(score_functions.score_of(theta, 0), [0.25, -0.25], rtol=1e-12)
    for name, expected in {
        "minus pi is missing": [1, 0],
        "the derivative in the probabilities": [4 / 3, 0],
        "the derivative of pi": [0.1875, -0.1875],
        "wrong sign": [-0.25, 0.25],
        "minus log pi": [1 - math.log(0.75), -math.log(0.25)],
        "the chosen action only": [0.25, 0],
        "the probability of the chosen action in all entries": [0.25, -0.75],
    }.items():
        program = score_functions.score().mistakes[name].program
        np.testing.assert_allclose(program(theta, 0), expected, rtol=1e-12, atol=1e-15)
    name = "the probability of the chosen action in all entries"
    program = score_functions.score().mistakes[name].program
    np.testing.assert_allclose(program(theta, 1), [-0.25, 0.75], rtol=1e-12)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("seed", range(5))
def test_a_program_that_overflows_is_right_for_small_logits_only(seed):
    def naive(theta):
        return theta - np.log(np.exp(theta).sum())

    def naive_score(theta, action):
        return np.eye(len(theta))[action] - np.exp(theta) / np.exp(theta).sum()

    for maker, program in ((score_functions.log_pi, naive), (score_functions.score, naive_score)):
        assert graded(maker(0.0), program, seed).score == 1
        verdict = graded(maker(1000.0), program, seed)
        assert (verdict.score, verdict.mistake) == (0, "not finite")
        assert "added to all logits" in verdict.text


@pytest.mark.parametrize("seed", range(5))
def test_cut_logits_and_an_error_of_1e_6_are_wrong(seed):
    cut = graded(
        score_functions.log_pi(1000.0), lambda theta: log_pi(np.clip(theta, -700, 700)), seed
    )
    assert cut.score == 0
    assert graded(score_functions.log_pi(), lambda theta: log_pi(theta) + 1e-6, seed).score == 0
    assert graded(score_functions.score(), lambda *x: score(*x) * (1 + 1e-6), seed).score == 0


def test_the_largest_logit_is_checked():
    for maker in (score_functions.log_pi, score_functions.score):
        for wrong in (-1.0, 10_001.0, np.nan):
            with pytest.raises(ValueError, match="largest"):
                maker(wrong)
        with pytest.raises(TypeError, match="largest"):
            maker("1000")
