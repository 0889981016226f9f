"""The gradient of a trial as a question."""

import numpy as np
import pytest
from coursework_by_hand import by_complex_step, trial_surrogate

from metarl_min.teach import recurrent_gradients as topic
from metarl_min.teach.backpropagation import backpropagate
from metarl_min.teach.questions import in_this_process

QUESTION = topic.trial_gradient()


def graded(program, seed=0):
    return QUESTION.grade(in_this_process(program), np.random.default_rng(seed))


def test_a_right_program_has_all_points_for_every_seed():
    assert graded(by_complex_step).score == 1
    for seed in range(4):
        assert graded(backpropagate, seed).score == 1


def test_a_central_difference_is_not_exact_enough():
    def differences(params, *rest):
        gradient, step = {}, 1e-5
        for name, leaf in params.items():
            gradient[name] = np.zeros(leaf.shape)
            for place in np.ndindex(leaf.shape):
                further, back = leaf.copy(), leaf.copy()
                further[place], back[place] = leaf[place] + step, leaf[place] - step
                twice = trial_surrogate(params | {name: further}, *rest) - trial_surrogate(
                    params | {name: back}, *rest
                )
                gradient[name][place] = twice / (2 * step)
        return gradient

    assert graded(differences).score == 0


@pytest.mark.parametrize("name", QUESTION.mistakes)
def test_every_mistake_is_refused_by_its_own_name(name):
    one = QUESTION.mistakes[name]
    for seed in range(2):
        verdict = graded(one.program, seed)
        assert (verdict.score, verdict.mistake) == (0, name)
        assert one.say in verdict.text and one.equation in verdict.text


def test_mistakes_that_are_made_by_hand_have_the_same_names():
    def truncated(params, inputs, *rest):
        return by_complex_step(params, inputs, *rest, detached=range(len(inputs)))

    def episodes(params, inputs, *rest):
        return by_complex_step(params, inputs, *rest, detached=np.flatnonzero(inputs[:, -1]))

    def windows(params, inputs, actions, weights):
        """Each output alone, with the hidden state of the step before the last one held fixed."""
        total = dict.fromkeys(params, 0.0)
        for t in range(len(inputs)):
            alone = np.where(np.arange(t + 1) == t, weights[: t + 1], 0.0)
            trial = inputs[: t + 1], actions[: t + 1], alone
            part = by_complex_step(params, *trial, detached=range(t))
            total = {name: total[name] + part[name] for name in part}
        return total

    def one_step_later(params, inputs, *rest):
        ends = np.flatnonzero(inputs[:, -1]) + 1
        return by_complex_step(params, inputs, *rest, detached=ends)

    assert graded(windows).mistake == "the gradient goes back by one step only"
    name = "the gradient cut one step after the end of an episode"
    assert graded(one_step_later).mistake == name
    verdict = graded(truncated)
    assert verdict.mistake == "the hidden state detached"
    assert verdict.text.startswith("trial_gradient is right in 1 of 4 cases")
    assert graded(episodes).mistake == "no gradient across the end of an episode"


def test_a_gradient_without_a_parameter_is_told_so():
    def incomplete(*arguments):
        gradient = backpropagate(*arguments)
        return {name: leaf for name, leaf in gradient.items() if name != "b_out"}

    verdict = graded(incomplete)
    assert verdict.mistake == "shape" and "['b_out']: an array of shape (2,)" in verdict.text
