"""The surrogate of assignment 6: the mean over all data sets, and the mistakes."""

from itertools import product
from math import exp, log

import numpy as np
import pytest
from teach.test_inner_loops import graded

from metarl_min.teach import sampled_surrogates
from metarl_min.teach.sampled_surrogates import inner_surrogate

PHI, REFERENCE = np.array([0.3, -0.2, 0.5]), np.array([-0.4, 0.6, 0.1])
ARMS, B = np.array([0.2, 0.9, -0.4]), 0.6


def softmax(logits):
    return [exp(x) / sum(exp(y) for y in logits) for x in logits]


def by_hand(phi, reference, actions, rewards, baseline):
    """The ratio of the probabilities of the whole data set, times its mean reward."""
    new, old = softmax(phi), softmax(reference)
    ratio = 1.0
    for a in actions:
        ratio *= new[a] / old[a]
    return ratio * sum(rewards) / len(rewards)


def mean_of(program, num_pulls):
    """The mean of a program over all data sets that are drawn with REFERENCE."""
    old, total = softmax(REFERENCE), 0.0
    for actions in product(range(3), repeat=num_pulls):
        p = 1.0
        for a in actions:
            p *= old[a]
        total += p * program(PHI, REFERENCE, np.array(actions), ARMS[list(actions)], B)
    return total


@pytest.mark.parametrize("num_pulls", [1, 2, 3])
def test_both_surrogates_have_the_expected_reward_of_phi_as_their_mean(num_pulls):
    J = sum(p * r for p, r in zip(softmax(PHI), ARMS, strict=True))
    for program in (sampled_surrogates.right, by_hand):
        assert mean_of(program, num_pulls) == pytest.approx(J, rel=1e-12)


def test_the_truth_is_the_mean_over_the_cases():
    case = sampled_surrogates._case(np.random.default_rng(0), 3, 2)
    results = [by_hand(*x) for x in case.arguments]
    assert case.probability.sum() == pytest.approx(1, rel=1e-12)
    assert sampled_surrogates._truth(case) == pytest.approx(case.probability @ results, rel=1e-12)


@pytest.mark.parametrize(("num_pulls", "num_seeds"), [(2, 10), (3, 2)])
def test_a_right_program_has_full_points_for_every_seed(num_pulls, num_seeds):
    question = inner_surrogate(num_pulls)
    assert {graded(by_hand, question, seed).score for seed in range(num_seeds)} == {1.0}


@pytest.mark.parametrize("seed", range(5))
def test_every_mistake_is_named(seed):
    question = inner_surrogate()
    assert len(question.mistakes) == 12
    for name, one in question.mistakes.items():
        verdict = graded(one.program, question, seed)
        assert (verdict.mistake, verdict.score) == (name, 0.0)


def test_a_surrogate_that_ignores_the_data_is_wrong_in_every_case():
    verdict = graded(lambda *x: 0.5, inner_surrogate())
    assert verdict.mistake == "unknown" and verdict.text.startswith("inner_surrogate is right in 0")
    assert "every data set of 2 pulls" in verdict.text


def test_the_number_of_pulls_is_from_2_to_4():
    with pytest.raises(ValueError, match="num_pulls must"):
        inner_surrogate(5)


def test_every_mistake_is_what_its_name_says():
    actions = [2, 0]
    new, old = ([softmax(z)[a] for a in actions] for z in (PHI, REFERENCE))
    odds = [exp(PHI[a] - REFERENCE[a]) for a in actions]
    (p, q), (s, t), (x, y) = new, old, (ARMS[2] - B, ARMS[0] - B)
    total, clipped = p / s + q / t, [min(max(w, 0.8), 1.2) for w in (p / s, q / t)]
    expected = {
        "no importance weight": (ARMS[2] + ARMS[0]) / 2,
        "importance weight upside down": B + (s / p * x + t / q * y) / 2,
        "the new probability as weight": B + (p * x + q * y) / 2,
        "the surrogate of REINFORCE": (log(p) * x + log(q) * y) / 2,
        "the log of the probability as weight": B + (log(p) * x + log(q) * y) / 2,
        "the weight to first order": B + ((1 + log(p / s)) * x + (1 + log(q / t)) * y) / 2,
        "the weight from the logits alone": B + (odds[0] * x + odds[1] * y) / 2,
        "the weight clipped": B + (clipped[0] * x + clipped[1] * y) / 2,
        "the surrogate of PPO": B
        + (min(p / s * x, clipped[0] * x) + min(q / t * y, clipped[1] * y)) / 2,
        "self-normalised weights": B + (p / s * x + q / t * y) / total,
        "the baseline not added again": (p / s * x + q / t * y) / 2,
        "sum for mean": B + p / s * x + q / t * y,
    }
    assert set(expected) == set(sampled_surrogates.MISTAKES)
    for name, number in expected.items():
        program = sampled_surrogates.MISTAKES[name].program
        found = program(PHI, REFERENCE, np.array(actions), ARMS[actions], B)
        assert found == pytest.approx(number, rel=1e-11), name
