"""Tables of other libraries: sums by hand, arrangements, ends, and tables that are wrong."""

import numpy as np
import pytest
from comparing import close, rng

from metarl_min.mdps import mdp
from metarl_min.mdps.mdp_tables import from_arrays, from_lists
from metarl_min.mdps.optimum import optimum

START = np.array([1.0, 0.0])


def random_lists(S=4, A=2, seed=0):
    """Lists with repeated arrivals; none is terminated."""
    draw = rng(seed)
    return [
        [
            [
                (float(p), int(draw.integers(S)), float(draw.normal()), False)
                for p in draw.dirichlet(np.ones(6))
            ]
            for _ in range(A)
        ]
        for _ in range(S)
    ]


@pytest.mark.verifies("mdp_tables.1", "mdp_tables.2")
def test_eqs1_and_2_repeated_arrivals_are_summed_and_their_rewards_averaged():
    P = random_lists()
    task = from_lists(P, np.full(4, 0.25))
    for s, a, arrival in np.ndindex(4, 2, 4):
        entries = [(p, r) for p, x, r, _ in P[s][a] if x == arrival]
        p = sum(p for p, _ in entries)
        assert task.transition[s, a, arrival] == pytest.approx(p, abs=1e-15)
        mean = sum(p * r for p, r in entries) / p if p else 0.0
        assert task.reward[s, a, arrival] == pytest.approx(mean, abs=1e-13)
    expected = [[sum(p * r for p, _, r, _ in entries) for entries in row] for row in P]
    assert close(mdp.expected_rewards(task), expected, 1e-13)


def test_a_state_with_terminated_arrivals_alone_is_absorbing_and_pays_once():
    """As the goal of a grid whose own rows lead on."""
    go, back = [(1.0, 1, 5.0, True)], [(1.0, 0, 7.0, False)]
    task = from_lists({0: {0: go}, 1: {0: back}}, START)
    assert task.shape == (2, 1) and mdp.absorbing(task).tolist() == [False, True]
    assert float(mdp.optimal_return(task, 10)) == 5.0


def test_a_state_with_both_kinds_of_arrivals_stays_as_it_is():
    """As a taxi that has delivered: another state is added, in which nothing is paid."""
    deliver, drive, leave = [(1.0, 1, 20.0, True)], [(1.0, 1, -1.0, False)], [(1.0, 0, -1.0, False)]
    task = from_lists([[deliver, drive], [leave, drive]], START)
    assert task.shape == (3, 2) and mdp.absorbing(task).tolist() == [False, False, True]
    assert task.initial.tolist() == [1.0, 0.0, 0.0]
    assert float(mdp.optimal_return(task, 10)) == 20.0
    assert task.transition[0, 0].tolist() == [0.0, 0.0, 1.0] and task.reward[0, 0, 2] == 20.0


def test_a_first_state_is_not_made_absorbing():
    go = [(1.0, 0, 2.0, True)]
    task = from_lists([[go]], np.ones(1))
    assert task.shape == (2, 1) and float(mdp.optimal_return(task, 10)) == 2.0


def test_last_states_pay_one_more_step():
    """A maze whose goal has rows that lead back and that pay inside of it."""
    P = np.array([[[0.0, 1.0]], [[1.0, 0.0]]])  # [S, A, S]
    r = np.array([[0.0], [1.0]])
    task = from_arrays(P, r, START, last_states=[1])
    assert float(mdp.optimal_return(task, 10)) == 1.0
    assert float(mdp.optimal_return(from_arrays(P, r, START), 10)) == 5.0  # without a sign
    assert float(optimum(task, None).expected_return) == 1.0


def arrays(S=3, A=2, seed=1):
    draw = rng(seed)
    return draw.dirichlet(np.ones(S), (S, A)), draw.normal(size=(S, A, S))


def test_arrangements_and_shapes_of_rewards():
    P, r = arrays()
    initial = np.full(3, 1 / 3)
    task = from_arrays(P, r, initial)
    assert close(task.transition, P, 1e-15) and close(task.reward, r, 1e-13)
    other = from_arrays(P.swapaxes(0, 1).copy(), r.swapaxes(0, 1).copy(), initial)
    assert close(other.transition, P, 1e-15) and close(other.reward, r, 1e-13)
    for shape in ((3, 1, 1), (3, 2, 1)):
        part = r[: shape[0], : shape[1], : shape[2]]
        flat = part.reshape([n for n in shape if n > 1])
        assert close(from_arrays(P, flat, initial).reward, np.broadcast_to(part, r.shape), 1e-13)


def test_as_many_states_as_actions_must_be_told_apart():
    P, r = arrays(S=2, A=2)
    with pytest.raises(ValueError, match="arrangement must be given"):
        from_arrays(P, r, START)
    one = from_arrays(P, r, START, "SAS")
    other = from_arrays(P.swapaxes(0, 1).copy(), r.swapaxes(0, 1).copy(), START, "ASS")
    assert close(one.transition, other.transition, 1e-15) and close(one.reward, other.reward, 1e-13)
    swapped = from_arrays(P, r, START, "ASS")
    assert not close(one.transition, swapped.transition, 1e-3)


def test_an_action_that_is_not_available_does_what_the_first_available_one_does():
    P, r = arrays()
    available = np.array([[False, True], [True, True], [True, False]])
    P[~available] = 0.0  # as toolboxes write it
    r[~available] = -1e9
    task = from_arrays(P, r, np.full(3, 1 / 3), available=available)
    assert close(task.transition[0, 0], P[0, 1], 1e-15) and close(task.reward[2, 1], r[2, 0], 1e-13)
    lists = [[[(1.0, 0, 1.0, False)], []], [[(1.0, 1, 2.0, False)], [(1.0, 0, 3.0, False)]]]
    from_lists(lists, START, available=np.array([[True, False], [True, True]]))


ONE = (1.0, 0, 0.0, False)
BAD_LISTS = {
    "sum": ([[[(0.999, 0, 0.0, False)]]], r"must sum to 1, got 0.999 at \[0, 0\]"),
    "next state": ([[[(1.0, 1, 0.0, False)]]], r"next state of P\[0\]\[0\]\[0\] must be at most 0"),
    "missing action": ({0: {0: [ONE], 1: [ONE]}, 1: {0: [ONE]}}, r"P\[1\] must have 2 actions"),
    "missing key": ({0: {0: [ONE]}, 2: {0: [ONE]}}, r"P must have the keys 0, 1, .., 1"),
    "no entries": ([[[]]], "each available action must have entries"),
    "reward": ([[[(1.0, 0, np.nan, False)]]], r"reward of P\[0\]\[0\]\[0\] must be finite"),
    "another form": ([[[(1.0, 0, 0.0)]]], r"P\[0\]\[0\]\[0\] must be \(probability"),
    "old form": ([[[(1.0, 0, 0.0, "no")]]], r"terminated of P\[0\]\[0\]\[0\] must be True or"),
    "negative": ([[[(-1.0, 0, 0.0, False), (2.0, 0, 0.0, False)]]], "probability of P"),
    "text": ("P", "P must be a dict or a list"),
    "nothing": ([], "P must have states and actions"),
}


@pytest.mark.parametrize("name", BAD_LISTS)
def test_a_wrong_list_is_one_error_with_its_place(name):
    P, rule = BAD_LISTS[name]
    with pytest.raises((TypeError, ValueError), match=rule):
        from_lists(P, np.ones(1))


def test_wrong_arrays():
    P, r = arrays()
    initial = np.full(3, 1 / 3)
    wrong = [
        ({"transition": P[0]}, "must have the shape"),
        ({"transition": P[:2]}, "must have the shape"),
        ({"transition": P * 0.999}, "must sum to 1, got 0.99"),
        ({"transition": -P}, "must not be negative"),
        ({"reward": r[:2]}, "reward must have the shape"),
        ({"reward": r * np.nan}, "reward must be finite"),
        ({"initial": initial[:2] * 1.5}, "initial must have the shape"),
        ({"arrangement": "sas"}, "arrangement must be SAS"),
        ({"arrangement": "ASS"}, "must have the shape"),
        ({"available": np.ones((2, 3), bool)}, "available must have the shape"),
        ({"available": np.zeros((3, 2), bool)}, "must have an available action"),
        ({"last_states": [3]}, "a last state must be at most 2"),
        ({"transition": P.tolist()}, "transition must be"),
    ]
    for change, rule in wrong:
        with pytest.raises((TypeError, ValueError), match=rule):
            from_arrays(**{"transition": P, "reward": r, "initial": initial} | change)
