"""Trials of a recurrent policy as a question."""

import numpy as np
import pytest

from metarl_min.teach import recurrent_trials as topic
from metarl_min.teach.questions import in_this_process
from metarl_min.teach.recurrent_steps import draw_parameters

QUESTION = topic.play_trials()


def graded(program, seed=0):
    return QUESTION.grade(in_this_process(program), np.random.default_rng(seed))


def as_asked(x, step, **context):
    return x


def cumulative(pi, u):
    return min(a for a in range(len(pi)) if sum(pi[: a + 1]) > u)


def by_hand(
    params, rewards, uniforms, *, ends_with=None, late=(0, 0), change=as_asked, choose=cumulative
):
    """Play trials as written down; the memory may end with the "episode" or never.

    The inputs may hold the action and the reward of earlier steps. `change` is a function of the
    right inputs, of the step (n, t) that they describe, and of the row and the sizes.
    """
    M, N, T, A = rewards.shape
    actions, logits = np.zeros((M, N, T), dtype=int), np.zeros((M, N, T, A))
    h, x, past = np.zeros(len(params["b"])), np.zeros(A + 2), []
    for m in range(M):
        if ends_with != "never":
            h, x, past = 0 * h, 0 * x, [(np.zeros(A), 0.0)] * 3
        for n in range(N):
            if ends_with == "episode":
                h = 0 * h
            for t in range(T):
                h = np.tanh(x @ params["W"] + params["b"] + h @ params["U"])
                z = h @ params["W_out"] + params["b_out"]
                a = choose([np.exp(y) / sum(np.exp(z)) for y in z], uniforms[m, n, t])
                actions[m, n, t], logits[m, n, t] = a, z
                past = [*past, (np.eye(A)[a], rewards[m, n, t, a])]
                action, reward = past[-1 - late[0]][0], past[-1 - late[1]][1]
                x = np.array([*action, reward, t == T - 1])
                x = change(x, (n, t), row=rewards[m, n, t], sizes=(N, T))
    return logits, actions


def trial(seed=0):
    rng = np.random.default_rng(seed)
    return draw_parameters(rng, 2, 3), rng.normal(size=(2, 3, 2, 2)), rng.random((2, 3, 2))


@pytest.mark.verifies("recurrent_trials.1")
def test_eq1_a_trial_by_hand():
    for seed in range(5):
        (logits, actions), expected = topic.play(*trial(seed)), by_hand(*trial(seed))
        assert np.array_equal(actions, expected[1])
        assert logits == pytest.approx(expected[0], rel=1e-11, abs=1e-13)


@pytest.mark.verifies("recurrent_trials.1")
def test_eq1_a_reward_changes_the_next_step_of_its_trial_and_no_earlier_step():
    params, rewards, uniforms = trial()
    before, _ = topic.play(params, rewards, uniforms)
    rewards = rewards.copy()
    rewards[0, 1, 1] += 0.5  # the last step of an episode
    after, _ = topic.play(params, rewards, uniforms)
    changed = (after != before).any(axis=-1)
    assert changed.tolist() == [[[False, False], [False, False], [True, True]], [[False] * 2] * 3]


def test_a_right_program_has_all_points_for_every_seed():
    for seed in range(5):
        assert graded(by_hand, seed).score == 1


@pytest.mark.parametrize("name", QUESTION.mistakes)
def test_every_mistake_is_refused_by_its_own_name(name):
    one = QUESTION.mistakes[name]
    for seed in range(2):
        verdict = graded(one.program, seed)
        assert (verdict.score, verdict.mistake) == (0, name)
        assert one.say in verdict.text and one.equation in verdict.text


def entry(index, value):
    """A change of the inputs: one entry (or a part) is a function of the step."""

    def change(x, step, **context):
        x = x.copy()
        x[index] = value(x, step, **context)
        return x

    return change


HAND_MADE = (
    ("the hidden state cleared at the end of an episode", 1, {"ends_with": "episode"}),
    ("nothing cleared between trials", 2, {"ends_with": "never"}),
    ("the action one step late", 0, {"late": (1, 0)}),
    ("the reward one step late", 0, {"late": (0, 1)}),
    ("no flag", 1, {"change": entry(-1, lambda x, step, sizes, row: step[1] == sizes[1])}),
    (
        "the flag of the first step of an episode", 0,
        {"change": entry(-1, lambda x, step, **context: step[1] == 0)},
    ),
    ("the action left out", 0, {"change": entry(slice(-2), lambda x, step, **context: 0)}),
    ("the reward left out", 0, {"change": entry(-2, lambda x, step, **context: 0)}),
    (
        "the reward and the flag exchanged", 0,
        {"change": entry(slice(-2, None), lambda x, step, **context: x[:-3:-1])},
    ),
    (
        "the largest reward of the row", None,
        {"change": entry(-2, lambda x, step, row, sizes: max(row))},
    ),
    ("each probability alone", None, {"choose": lambda pi, u: int(np.argmax(np.array(pi) > u))}),
    (
        "the first arm below the uniform number", None,
        {"choose": lambda pi, u: int(np.argmax(np.cumsum(pi) < u))},
    ),
)  # fmt: skip


@pytest.mark.parametrize(("name", "right", "wrong"), HAND_MADE, ids=[x[0] for x in HAND_MADE])
def test_mistakes_that_are_made_by_hand_have_the_same_names(name, right, wrong):
    verdict = graded(lambda *x: by_hand(*x, **wrong))
    assert verdict.mistake == name
    if right is not None:
        assert verdict.text.startswith(f"play_trials is right in {right} of 4 cases")


def test_a_flag_at_the_end_of_a_trial_is_never_seen():
    def change(x, step, row, sizes):
        return entry(-1, lambda *args, **kwargs: step == (sizes[0] - 1, sizes[1] - 1))(x, step)

    assert graded(lambda *x: by_hand(*x, change=change)).mistake == "no flag"


def test_a_counter_example_names_the_first_wrong_step_in_the_order_of_time():
    def later(*x, at, what):
        results = [result.astype(float) for result in by_hand(*x)]
        if x[1].shape[:3] == (2, 2, 3):
            results[what][at] += 0.5
            results[0][1, 1, 2] += 0.5
        return results[0], results[1]

    for at, what, words in (
        ((0, 1, 2), 1, "[1][0, 1, 2] (the action of trial 0, episode 1, step 2)"),
        ((1, 0, 0, 1), 0, "[0][1, 0, 0, 1] (a logit of trial 1, episode 0, step 0)"),
        ((1, 1, 2), 1, "[0][1, 1, 2, 0] (a logit of trial 1, episode 1, step 2)"),
    ):
        verdict = graded(lambda *x, at=at, what=what: later(*x, at=at, what=what))
        assert verdict.mistake == "unknown" and f"In it your result at {words} is" in verdict.text
        assert "case is play_trials(M = 2, N = 2, T = 3, A = 2, H = 2)." in verdict.text
