"""Back-propagation through a trial as a question."""

import numpy as np
import pytest

from metarl_min.teach import recurrent_gradients as topic
from metarl_min.teach.questions import in_this_process
from metarl_min.teach.recurrent_steps import draw_parameters

QUESTION = topic.trial_gradient()


def graded(program, seed=0):
    return QUESTION.grade(in_this_process(program), np.random.default_rng(seed))


def f(params, inputs, actions, weights, detached=()):
    """Eq. (1) by loops over numbers. The hidden state of a step in `detached` is a constant."""
    W, b, U, W_out, b_out = (params[name] for name in ("W", "b", "U", "W_out", "b_out"))
    H, A = W_out.shape
    h, total = [0.0] * H, 0.0
    for t in range(len(inputs)):
        if t in detached:
            h = [np.real(y) for y in h]
        y = [
            sum(inputs[t][i] * W[i, j] for i in range(A + 2))
            + sum(h[i] * U[i, j] for i in range(H))
            + b[j]
            for j in range(H)
        ]
        h = [np.tanh(one) for one in y]
        z = [sum(h[j] * W_out[j, a] for j in range(H)) + b_out[a] for a in range(A)]
        total = total + weights[t] * (z[actions[t]] - np.log(sum(np.exp(one) for one in z)))
    return total


def by_complex_step(params, *recorded, detached=()):
    gradient = {}
    for name, leaf in params.items():
        gradient[name] = np.zeros(leaf.shape)
        for place in np.ndindex(leaf.shape):
            moved = leaf.astype(complex)
            moved[place] += 1e-30j
            value = f(params | {name: moved}, *recorded, detached=detached)
            gradient[name][place] = np.imag(value) / 1e-30
    return gradient


def recorded(seed=0):
    rng = np.random.default_rng(seed)
    params = draw_parameters(rng, 2, 2)
    inputs = rng.normal(size=(4, 4))
    inputs[:, -1] = [0, 0, 1, 0]
    return params, inputs, rng.integers(2, size=4), rng.normal(size=4)


@pytest.mark.verifies("recurrent_gradients.1")
def test_eq1_by_loops():
    assert float(topic.surrogate(*recorded())) == pytest.approx(f(*recorded()), rel=1e-12)


@pytest.mark.verifies("recurrent_gradients.2")
@pytest.mark.verifies("recurrent_gradients.3")
def test_eqs2_and_3_are_the_complex_step_of_eq1():
    gradient, expected = topic.backpropagate(*recorded()), by_complex_step(*recorded())
    for name, leaf in expected.items():
        assert gradient[name] == pytest.approx(leaf, rel=1e-10, abs=1e-12)


def test_a_right_program_has_all_points_for_every_seed():
    assert graded(by_complex_step).score == 1
    for seed in range(8):
        assert graded(topic.backpropagate, seed).score == 1


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

    verdict = graded(truncated)
    assert verdict.mistake == "the hidden state detached"
    assert verdict.text.startswith("trial_gradient is right in 1 of 4 cases")
    assert graded(episodes).mistake == "no gradient across the end of an episode"


def test_a_gradient_without_a_parameter_is_told_so():
    def incomplete(*arguments):
        gradient = topic.backpropagate(*arguments)
        return {name: leaf for name, leaf in gradient.items() if name != "b_out"}

    verdict = graded(incomplete)
    assert verdict.mistake == "shape" and "['b_out']: an array of shape (2,)" in verdict.text
