"""One step of a recurrent policy as a question."""

import numpy as np
import pytest

from metarl_min.teach import recurrent_steps as topic
from metarl_min.teach.questions import in_this_process

QUESTION = topic.rnn_step()


def graded(program, seed=0):
    return QUESTION.grade(in_this_process(program), np.random.default_rng(seed))


def by_hand(params, hidden, inputs):
    W, b, U, W_out, b_out = (params[name] for name in ("W", "b", "U", "W_out", "b_out"))
    H, A = W_out.shape
    new = []
    for j in range(H):
        from_inputs = sum(inputs[i] * W[i, j] for i in range(A + 2))
        from_hidden = sum(hidden[i] * U[i, j] for i in range(H))
        new.append(np.tanh(from_inputs + b[j] + from_hidden))
    logits = [sum(new[j] * W_out[j, a] for j in range(H)) + b_out[a] for a in range(A)]
    return np.array(new), np.array(logits)


@pytest.mark.verifies("recurrent_steps.1")
def test_eq1_by_loops():
    rng = np.random.default_rng(1)
    params, hidden, inputs = topic.draw_parameters(rng, 2, 3), rng.normal(size=3), np.ones(4)
    exact, expected = (f(params, hidden, inputs) for f in (topic.rnn_step_of, by_hand))
    for one, other in zip(exact, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-12, abs=1e-14)


def test_a_right_program_has_all_points_for_every_seed():
    for seed in range(8):
        assert graded(by_hand, seed).score == 1


def test_a_step_is_a_tuple_of_two_arrays():
    verdict = graded(lambda *x: np.concatenate(by_hand(*x)))
    assert verdict.mistake == "shape" and "a tuple ([0]: an array of shape (1,)" in verdict.text


@pytest.mark.parametrize("name", QUESTION.mistakes)
def test_every_mistake_is_refused_by_its_own_name(name):
    one = QUESTION.mistakes[name]
    for seed in range(4):
        verdict = graded(one.program, seed)
        assert (verdict.score, verdict.mistake) == (0, name)
        assert one.say in verdict.text and one.equation in verdict.text


def test_a_mistake_that_is_made_by_hand_has_the_same_name():
    def column(params, hidden, inputs):
        return by_hand({**params, "U": params["U"].T}, hidden, inputs)

    assert graded(column).mistake == "U transposed"
    wrong = graded(lambda params, h, x: by_hand({**params, "b_out": 3 * params["b_out"]}, h, x))
    assert wrong.mistake == "unknown" and "your result at [1]" in wrong.text
