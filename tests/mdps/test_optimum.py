"""The optimum against all deterministic policies, against long horizons, and against a textbook."""

import itertools

import numpy as np
import pytest
from comparing import close, rng

from metarl_min.mdps import mdp, values
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.mdp_tables import from_lists
from metarl_min.mdps.optimum import optimum


def random_task(S=3, A=2, seed=0, leading=()):
    draw = rng(seed)
    return MDP(
        initial=draw.dirichlet(np.ones(S), leading),
        transition=draw.dirichlet(np.ones(S), (*leading, S, A)),
        reward=draw.normal(size=(*leading, S, A, S)),
    )


def evaluated(task, actions, gamma):
    """V of a deterministic policy: V = r + gamma P V."""
    S = task.shape[0]
    P = np.array([task.transition[s, a] for s, a in enumerate(actions)])
    r = np.array([task.transition[s, a] @ task.reward[s, a] for s, a in enumerate(actions)])
    return np.linalg.solve(np.eye(S) - gamma * P, r)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99])
@pytest.mark.verifies("optimum.1", "optimum.2")
def test_eqs1_and_2_no_deterministic_policy_is_better(seed, gamma):
    task = random_task(seed=seed)
    best = np.max([evaluated(task, x, gamma) for x in itertools.product(range(2), repeat=3)], 0)
    found = optimum(task, None, gamma)
    assert close(found.state_values[0], best, 1e-11)
    assert close(found.expected_return, task.initial @ best, 1e-11)
    J = values.expected_return(task, found.policy[0], None, gamma)
    assert close(J, found.expected_return, 1e-11)
    assert (found.advantages <= 1e-11).all() and close(found.advantages[0].max(-1), 0 * best, 1e-11)
    assert close((found.policy * found.advantages)[0].sum(-1), 0 * best, 1e-11)


def test_two_states_of_a_report():
    """A user who stops early is wrong: horizons 10, 100 and 1,000 give less."""
    P = np.array([[[0.6, 0.4], [0.1, 0.9]], [[0.3, 0.7], [0.05, 0.95]]])
    task = MDP(np.array([1.0, 0.0]), P, np.array([[[2.0], [4.0]], [[-1.0], [1.5]]]))
    found = optimum(task, None, 0.99)
    assert close(found.state_values, [[165.6496580747, 163.0194634403]], 1e-9)
    assert found.policy[0].argmax(-1).tolist() == [1, 1]
    early = [float(mdp.optimal_return(task, T, 0.99)) for T in (10, 100, 1000)]
    assert np.allclose(early, [18.09, 105.93, 165.6426], rtol=0, atol=0.005)


MOVES = [(0, 1), (0, -1), (1, 0), (-1, 0)]  # x, y: up, down, right, left


def book_grid():
    """The 4x3 world of Russell and Norvig, chapter 17: slips to both sides with .1, step -.04."""
    cells = [(x, y) for y in range(1, 4) for x in range(1, 5) if (x, y) != (2, 2)]
    ends = {(4, 3): 1.0, (4, 2): -1.0}

    def arrival(cell, move):
        new = (cell[0] + move[0], cell[1] + move[1])
        return new if new in cells else cell

    P = []
    for cell in cells:
        lists = []
        for dx, dy in MOVES:
            slips = [(0.8, (dx, dy)), (0.1, (dy, dx)), (0.1, (-dy, -dx))]
            arrivals = [(p, arrival(cell, move)) for p, move in slips]
            lists.append(
                [(p, cells.index(x), -0.04 + ends.get(x, 0.0), x in ends) for p, x in arrivals]
            )
        P.append(lists)
    return from_lists(P, np.eye(len(cells))[cells.index((1, 1))])


def test_a_grid_of_a_textbook_without_a_discount():
    """The book counts the reward of the start and not that of the end: both are -.04."""
    task = book_grid()
    assert task.shape == (11, 4)
    assert float(optimum(task, None).expected_return) == pytest.approx(0.7053082191, abs=1e-9)
    assert close(mdp.optimal_return(task, 2000), optimum(task, None).expected_return, 1e-11)


def test_a_horizon_gives_the_tables_of_mdp():
    task = random_task(leading=(2,))
    found = optimum(task, 4, 0.9)
    Q = mdp.optimal_action_values(task, 4, 0.9)
    assert np.array_equal(found.action_values, Q) and found.policy.shape == (2, 4, 3, 2)
    assert close(found.state_values, Q.max(-1), 1e-15)
    assert close(found.expected_return, mdp.optimal_return(task, 4, 0.9), 1e-15)


def test_a_batch_is_its_tasks():
    batch = random_task(leading=(2, 3))
    shared = batch._replace(transition=batch.transition[:1, :1])
    for one in (batch, shared):
        found = optimum(one, None, 0.9)
        assert found.action_values.shape == (2, 3, 1, 3, 2)
        for i, j in itertools.product(range(2), range(3)):
            P = np.broadcast_to(one.transition, batch.transition.shape)[i, j]
            alone = optimum(MDP(one.initial[i, j], P, one.reward[i, j]), None, 0.9)
            assert close(found.action_values[i, j], alone.action_values, 1e-13)
            assert close(found.expected_return[i, j], alone.expected_return, 1e-13)


def table(reward_of_waiting, reward_of_leaving):
    """One state where a player waits or leaves."""
    wait = [(1.0, 0, reward_of_waiting, False)]
    leave = [(0.5, 0, reward_of_leaving, False), (0.5, 1, reward_of_leaving, True)]
    return from_lists([[wait, leave], [wait, wait]], np.array([1.0, 0.0]))


def test_without_a_discount_the_best_player_leaves():
    assert float(optimum(table(-1.0, -2.0), None).expected_return) == pytest.approx(-4, abs=1e-12)
    free = optimum(table(0.0, 1e-3), None)  # waiting is free, and as good as leaving later
    assert float(free.expected_return) == pytest.approx(2e-3, abs=1e-15)
    assert free.policy[0, 0].tolist() == [0.0, 1.0]


BAD = {
    "pays for ever": (lambda: table(0.5, -1.0), "no step that can be repeated for ever may pay"),
    "is free for ever": (lambda: table(0.0, -1.0), "staying for nothing must not be better"),
    "never ends": (lambda: random_task(), "every state must reach an absorbing state"),
}


@pytest.mark.parametrize("name", BAD)
def test_without_a_discount_a_return_must_be_finite(name):
    make, rule = BAD[name]
    with pytest.raises(ValueError, match=rule):
        optimum(make(), None)
    optimum(make(), None, 0.99)  # with a discount it is


def test_a_state_may_be_left_at_no_price_if_no_other_free_state_leads_back():
    """A free step on the way is no free circle."""
    far = [(1.0, 1, 0.0, False)]
    back = [(1.0, 0, -1.0, False)]
    leave = [(1.0, 2, -3.0, True)]
    task = from_lists([[far, far], [back, leave], [back, back]], np.eye(3)[0])
    assert float(optimum(task, None).expected_return) == pytest.approx(-3, abs=1e-12)


def test_wrong_arguments():
    task = random_task()
    for arguments in ((None, None), (task, 0), (task, 2.5), (task, None, 1.5), (task, 3, -0.1)):
        with pytest.raises((TypeError, ValueError), match="must be"):
            optimum(*arguments)
