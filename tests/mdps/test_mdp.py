"""The MDP as a value, its mean rewards and its optimum, eqs. (1) and (2) of `mdp`."""

import itertools
import pickle
from fractions import Fraction

import autograd.numpy as np
import numpy as onp
import pytest
from autograd import grad
from comparing import at_most_bytes, close
from enumerate_trajectories import (
    best_deterministic,
    random_batch,
    random_mdp,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import FIXED_START, REWARD_BEFORE_TRAP, REWARD_BY_ARRIVAL, TRAP, corridor

from metarl_min.mdps import mdp
from metarl_min.mdps.mdp import MDP

seeds = st.integers(0, 10_000)
few = settings(max_examples=15)


FITS = {
    "initial": onp.array([0.5, 0.5]),
    "transition": onp.full((2, 3, 2), 0.5),
    "reward": onp.zeros((2, 3, 2)),
}
SHAPES = r"must have shapes \[..., S\], \[..., S, A, S\], \[..., S, A, S\], got \("


@pytest.mark.verifies("mdp.1")
def test_the_mean_reward_is_weighted_by_the_arrival():
    transition = onp.array([[[0.25, 0.75]], [[1.0, 0.0]]])
    reward = onp.array([[[4.0, 8.0]], [[1.0, 100.0]]])
    task = MDP(onp.array([1.0, 0.0]), transition, reward)
    assert mdp.expected_rewards(task).tolist() == [[7.0], [1.0]]


@pytest.mark.verifies("mdp.1")
@pytest.mark.parametrize("leading", list(itertools.product([(), (1,), (4,)], repeat=2)))
def test_axes_that_are_shared_count_for_all(leading):
    """Each axis of the reward may have length 1, and tasks may share either array."""
    rng, (of_transition, of_reward) = onp.random.default_rng(0), leading
    transition = rng.dirichlet(onp.ones(3), (*of_transition, 3, 2))
    for shape in itertools.product((1, 3), (1, 2), (1, 3)):
        reward = rng.normal(size=(*of_reward, *shape))
        task = MDP(onp.full(3, 1 / 3), transition, reward)
        all_axes = onp.broadcast_shapes(transition.shape, reward.shape)
        P, r = onp.broadcast_to(transition, all_axes), onp.broadcast_to(reward, all_axes)
        truth = onp.zeros(all_axes[:-1])
        for index in onp.ndindex(*all_axes):
            truth[index[:-1]] += P[index] * r[index]
        assert close(mdp.expected_rewards(task), truth)

        def total(r, task=task):
            return np.sum(mdp.expected_rewards(task._replace(reward=r)))

        assert grad(total)(reward).shape == reward.shape
        assert close(onp.sum(grad(total)(reward) * reward), onp.sum(truth))  # it is linear in r


def test_mean_rewards_of_many_goals_do_not_need_an_array_of_all_axes():
    S, A, G = 100, 5, 60
    transition = onp.full((1, S, A, S), 1 / S)
    reward = onp.eye(S)[:G, None, None]  # each task pays in one cell
    task = MDP(onp.full((1, S), 1 / S), transition, reward)
    at_most_bytes(8 * G * S * A * 3, mdp.expected_rewards, task)  # all axes: 30 times more
    assert close(mdp.expected_rewards(task), onp.full((G, S, A), 1 / S))


@pytest.mark.verifies("mdp.1")
def test_a_reward_of_length_one_does_not_depend_on_the_arrival():
    task, _ = random_mdp(0, 3, 2)
    short = task._replace(reward=task.reward[..., :1])
    assert close(mdp.expected_rewards(short), task.reward[..., 0])


@pytest.mark.verifies("mdp.2")
@few
@given(seeds, st.sampled_from([1, 2, 3]), st.floats(0, 1))
def test_the_optimum_is_the_best_of_all_deterministic_policies(seed, horizon, gamma):
    task, _ = random_mdp(seed)
    assert close(mdp.optimal_return(task, horizon, gamma), best_deterministic(task, horizon, gamma))


@pytest.mark.verifies("mdp.2")
def test_the_last_layer_is_the_reward_and_the_first_has_all_the_steps_to_go():
    task, _ = random_mdp(5, 3, 2)
    q = mdp.optimal_action_values(task, 4, 0.9)
    assert q.shape == (4, 3, 2)
    assert close(q[-1], mdp.expected_rewards(task))
    assert close(q[1:], mdp.optimal_action_values(task, 3, 0.9))
    expected = mdp.expected_rewards(task) + 0.9 * task.transition @ q[1].max(-1)
    assert close(q[0], expected)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (
            {"initial": onp.array([0.5, 0.6])},
            ValueError,
            "rows of initial must sum to one, got .*0.1",
        ),
        ({"initial": onp.array([1.5, -0.5])}, ValueError, "initial must not be negative, got -0.5"),
        (
            {"initial": onp.array([onp.nan, 1.0])},
            ValueError,
            r"initial must be finite, got nan at \[0\]",
        ),
        (
            {"initial": onp.array([0, 1])},
            TypeError,
            "initial must be an array of floats, got int64",
        ),
        ({"initial": [0.5, 0.5]}, TypeError, "initial must be an array of floats, got list"),
        ({"initial": onp.full(3, 1 / 3)}, ValueError, SHAPES),
        (
            {"transition": onp.full((2, 3, 2), 0.4)},
            ValueError,
            "rows of transition must sum to one",
        ),
        ({"transition": onp.ones((2, 3, 1))}, ValueError, SHAPES),
        ({"transition": onp.full((3, 2), 0.5)}, ValueError, SHAPES),
        (
            {"transition": onp.ones((2, 3, 2), int)},
            TypeError,
            "transition must be an array of floats",
        ),
        ({"transition": onp.full((2, 0, 2), 0.5)}, ValueError, SHAPES),
        (
            {"reward": onp.full((2, 3, 2), onp.inf)},
            ValueError,
            r"reward must be finite, got inf at \[0, 0, 0\]",
        ),
        (
            {"reward": onp.zeros((2, 3, 2), int)},
            TypeError,
            "reward must be an array of floats, got int",
        ),
        ({"reward": onp.zeros((2, 3))}, ValueError, SHAPES),
        ({"reward": onp.zeros((2, 2, 2))}, ValueError, SHAPES),
        ({"reward": onp.zeros((3, 3, 2))}, ValueError, SHAPES),
        ({"reward": onp.zeros((2, 3, 3))}, ValueError, SHAPES),
        (
            {"reward": onp.zeros((5, 2, 3, 2)), "initial": onp.full((4, 2), 0.5)},
            ValueError,
            r"leading axes of initial, transition and reward must be equal, 1 or missing, got",
        ),
    ],
)
def test_an_mdp_that_does_not_fit_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        MDP(**{**FITS, **wrong})


def test_replace_make_and_pickle_check_and_keep_the_arrays():
    task = MDP(**FITS)
    assert task.shape == (2, 3) and task.leading == ()
    again = pickle.loads(pickle.dumps(task))
    assert type(again) is MDP and all(map(onp.array_equal, again, task))


@pytest.mark.parametrize("size", [1, 3])
def test_leading_axes_are_the_tasks_or_one(size):
    task = MDP(onp.full((1, 2), 0.5), onp.full((1, 2, 3, 2), 0.5), onp.zeros((size, 2, 3, 1)))
    assert task.leading == (size,) and task.shape == (2, 3)


def test_take_tasks_takes_tasks_and_keeps_shared_axes_shared():
    rewards = onp.arange(4.0).reshape(4, 1, 1, 1) * onp.ones((4, 2, 3, 1))
    task = MDP(onp.full((1, 2), 0.5), onp.full((1, 2, 3, 2), 0.5), rewards)
    some = mdp.take_tasks(task, onp.array([3, 1, 1]))
    assert some.reward[:, 0, 0, 0].tolist() == [3.0, 1.0, 1.0]
    assert some.leading == (3,) and len(some.transition) == 1
    assert mdp.take_tasks(mdp.take_tasks(task, [2]), onp.array([0, 0])).leading == (2,)
    full, _, single = random_batch(2, 3)
    picked = mdp.take_tasks(full, onp.array([2, 0]))
    assert onp.array_equal(picked.transition[0], single[2][0].transition)
    assert onp.array_equal(picked.initial[1], single[0][0].initial)


@pytest.mark.parametrize("field", ["transition", "reward"])
def test_an_array_without_an_axis_of_tasks_is_shared_and_stays_so(field):
    batch, _, _ = random_batch(3, 4, 3, 2)
    mixed = batch._replace(**{field: getattr(batch, field)[0]})
    some = mdp.take_tasks(mixed, onp.array([2, 0]))
    assert some.leading == (2,)
    assert onp.array_equal(getattr(some, field), getattr(batch, field)[0])
    for other in {"initial", "transition", "reward"} - {field}:
        assert onp.array_equal(getattr(some, other), getattr(batch, other)[[2, 0]])


def test_a_state_is_absorbing_if_every_action_stays_and_pays_nothing():
    trap = MDP(FIXED_START, TRAP, REWARD_BEFORE_TRAP)
    assert mdp.absorbing(trap).tolist() == [False, True]
    assert mdp.absorbing(corridor()).tolist() == [False, False, True]
    paid = trap._replace(reward=REWARD_BY_ARRIVAL)
    assert mdp.absorbing(paid).tolist() == [False, False]
    unpaid_elsewhere = trap._replace(reward=onp.array([[[1.0, 2.0]] * 2, [[7.0, 0.0]] * 2]))
    assert mdp.absorbing(unpaid_elsewhere).tolist() == [False, True]  # 7 is never paid
    assert mdp.absorbing(MDP(*[x[None] for x in trap])).tolist() == [[False, True]]


@pytest.mark.parametrize("function", [mdp.optimal_return, mdp.optimal_action_values])
def test_the_optimum_refuses_bad_horizons_and_discounts(function):
    task = MDP(**FITS)
    with pytest.raises(ValueError, match="horizon must be at least 1, got 0"):
        function(task, 0)
    with pytest.raises(TypeError, match="horizon must be a whole number, got None"):
        function(task, None)
    with pytest.raises(TypeError, match="horizon must be a whole number, got True"):
        function(task, True)
    with pytest.raises(ValueError, match="gamma must be finite, from 0 to 1, got 2"):
        function(task, 2, 2)


def test_a_replaced_array_is_checked_too():
    one = MDP(onp.ones(1), onp.ones((1, 2, 1)), onp.zeros((1, 2, 1)))
    assert one._replace(reward=onp.ones((1, 2, 1))).reward.sum() == 2
    with pytest.raises(ValueError, match="reward must be finite"):
        one._replace(reward=onp.full((1, 2, 1), onp.nan))
    with pytest.raises(ValueError, match="mdp must have one axis of tasks, got"):
        mdp.take_tasks(one, onp.array([0]))
    with pytest.raises(ValueError, match="index must have one axis, got"):
        mdp.take_tasks(MDP(*(x[None] for x in one)), 0)


NOT_TASKS = [None, "mdp", [1.0], (onp.ones(1), onp.ones((1, 2, 1)), onp.zeros((1, 2, 1)))]


@pytest.mark.parametrize("other", NOT_TASKS)
def test_every_function_of_a_task_refuses_what_is_no_task(other):
    calls = [
        lambda: mdp.take_tasks(other, onp.array([0])),
        lambda: mdp.absorbing(other),
        lambda: mdp.largest_reward(other),
        lambda: mdp.optimal_return(other, 1),
        lambda: mdp.optimal_action_values(other, 1),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="mdp must be an MDP of plain arrays, got"):
            call()
    with pytest.raises(TypeError, match="mdp must be of type MDP, got"):
        mdp.expected_rewards(other)


@pytest.mark.parametrize("field", FITS)
def test_shapes_are_checked_under_a_trace_too(field):
    def total(x):
        return sum(np.sum(array) for array in MDP(**{**FITS, field: x}))

    wrong = onp.concatenate([FITS[field], FITS[field]], axis=-1)
    with pytest.raises(ValueError, match=SHAPES):
        grad(total)(wrong)
    grad(total)(FITS[field])


@pytest.mark.parametrize("size", [1.01e100, -1e200])
def test_a_reward_whose_square_could_overflow_is_refused_with_its_place(size):
    reward = onp.zeros((2, 3, 2))
    reward[1, 2, 0] = size
    with pytest.raises(
        ValueError, match=r"reward must be from -1e\+100 to 1e\+100, got .* at \[1, 2, 0"
    ):
        MDP(**{**FITS, "reward": reward})


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        ([0, 3], ValueError, r"index must be from 0 to 2, got 3 at \[1\]"),
        ([-1], ValueError, r"index must be from 0 to 2, got -1 at \[0\]"),
        ([0.0], TypeError, "index must be an array of whole numbers, got float64"),
        ([True, False, True], TypeError, "index must be an array of whole numbers, got bool"),
        (None, ValueError, "index must have one axis"),
    ],
)
@pytest.mark.parametrize("shared", [False, True])
def test_tasks_are_taken_by_positions_that_exist(shared, index, error, message):
    batch, _, _ = random_batch(0, 3)
    if shared:
        batch = MDP(batch.initial, batch.transition[0], batch.reward[0])
    with pytest.raises(error, match=message):
        mdp.take_tasks(batch, index)


def test_tasks_that_share_all_but_the_start_are_taken_with_their_starts():
    batch, _, _ = random_batch(0, 3, 3, 2)
    shared = MDP(batch.initial, batch.transition[0], batch.reward[0])
    some = mdp.take_tasks(shared, onp.array([0, 2]))
    assert some.leading == (2,) and some.shape == (3, 2)
    assert onp.array_equal(some.initial, batch.initial[[0, 2]])
    assert some.transition is shared.transition and some.reward is shared.reward


def test_the_largest_reward_is_that_of_a_transition_that_can_happen():
    task = MDP(FIXED_START, TRAP, REWARD_BY_ARRIVAL)
    possible = abs(REWARD_BY_ARRIVAL[TRAP > 0])
    assert mdp.largest_reward(task) == possible.max()
    far = onp.where(TRAP > 0, REWARD_BY_ARRIVAL, 99.0)
    assert mdp.largest_reward(task._replace(reward=far)) == possible.max()
    assert mdp.largest_reward(task._replace(reward=onp.full((1, 1, 1), -3.0))) == 3.0


@pytest.mark.parametrize("kind", [onp.int8, onp.uint8])
def test_a_horizon_may_be_any_whole_number_and_a_discount_any_real_one(kind):
    task, _ = random_mdp(3)
    values = mdp.optimal_action_values(task, kind(4), Fraction(1, 2))
    assert values.dtype == float
    assert onp.array_equal(values, mdp.optimal_action_values(task, 4, 0.5))


def test_positions_of_tasks_are_not_masked():
    batch, _, _ = random_batch(0, 3)
    with pytest.raises(TypeError, match="index must be an array of whole numbers, got MaskedArray"):
        mdp.take_tasks(batch, onp.ma.masked_array([0, 1], [True, False]))


@pytest.mark.parametrize("shared", [True, False])
def test_where_every_reward_counts_no_state_is_absorbing(shared):
    batch, _, _ = random_batch(0, 3, 3, 2)
    stuck = onp.broadcast_to(onp.eye(3)[:, None], (3, 2, 3)).copy()  # every action stays
    task = MDP(batch.initial, stuck if shared else onp.stack([stuck] * 3), batch.reward)
    assert not mdp.absorbing(task).any() and mdp.absorbing(task).shape == (3, 3)
    unpaid = batch.reward.copy()
    unpaid[1, 2] = 0.0
    ends = mdp.absorbing(task._replace(reward=unpaid))
    assert ends.sum() == 1 and ends[1, 2]
