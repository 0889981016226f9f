"""Sampling: exact where a draw is fixed, against the closed forms where it is random."""

from functools import partial

import numpy as np
import plain_forms
import pytest
from comparing import assert_mean as within_five_errors
from enumerate_trajectories import expected_return, occupancy, random_batch, random_mdp
from hypothesis import assume, given
from hypothesis import strategies as st
from problems import RANDOM_START, REWARD_BY_ARRIVAL, SLIP, TRAP, always, corridor, one_state

from metarl_min.mdps import policies, rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks.gridworlds import gridworld

NEARLY_ONE = float(np.nextafter(1, 0))
assert_mean = partial(within_five_errors, largest_error=0.03)


class Dice:
    """A generator whose uniforms are chosen; each call gets the next one."""

    def __init__(self, *rolls):
        self.rolls = list(rolls)

    def random(self, shape):
        return np.broadcast_to(self.rolls.pop(0), shape).astype(float)


def sample(mdp, probs, num_episodes, horizon, noise=rollouts.deterministic, seed=0):
    rng = np.random.default_rng(seed)
    return rollouts.sample(rng, rollouts.sampler(mdp, noise), probs, num_episodes, horizon)


# ---- eq. (1): inversion ----


@pytest.mark.verifies("rollouts.1")
@pytest.mark.parametrize("num_actions", [2, 127, 128, 129, 300])
def test_eq1_counts_up_to_the_last_of_many_actions(num_actions):
    arms = one_state(list(range(num_actions)))
    for action in (0, num_actions - 1):
        drawn = sample(arms, np.eye(num_actions)[None, action], 3, 1)
        assert drawn.actions.tolist() == [[action]] * 3
        assert drawn.rewards.tolist() == [[float(action)]] * 3


@pytest.mark.verifies("rollouts.1")
@pytest.mark.parametrize(
    ("u", "action"), [(0.0, 1), (0.2, 1), (0.25, 3), (0.9, 3), (NEARLY_ONE, 3)]
)
def test_eq1_inverts_the_cumulative_table_and_never_draws_probability_zero(u, action):
    prepared = rollouts.sampler(one_state([0, 1, 2, 3, 4]), rollouts.deterministic)
    probs = np.array([[0, 0.25, 0, 0.75, 0]])
    episodes = rollouts.sample(Dice(0.5, u), prepared, probs, 3, 1)
    assert (episodes.actions == action).all()
    assert (episodes.rewards == action).all()


@pytest.mark.verifies("rollouts.1")
def test_eq1_round_off_in_the_sums_reaches_no_action_of_probability_zero():
    for n in range(2, 60):
        probs = np.append(np.full(n, 1 / n), 0.0)[None]
        prepared = rollouts.sampler(one_state(np.arange(n + 1)), rollouts.deterministic)
        episodes = rollouts.sample(Dice(0.5, NEARLY_ONE), prepared, probs, 1, 1)
        assert episodes.actions.item() == n - 1


@pytest.mark.verifies("rollouts.1")
def test_eq1_round_off_in_the_sums_reaches_no_state_of_probability_zero():
    for n in range(2, 60):
        rows = np.zeros((n + 1, 1, n + 1))
        rows[:, 0, :n] = 1 / n
        rows[n, 0] = 1 / (n + 1)  # the table of arrivals has n + 1 columns
        mdp = MDP(rows[0, 0], rows, np.ones((n + 1, 1, 1)))
        dice = Dice(NEARLY_ONE, 0.0, NEARLY_ONE, 0.0)
        tables = rollouts.sampler(mdp, rollouts.deterministic)
        episodes = rollouts.sample(dice, tables, np.ones((n + 1, 1)), 1, 2)
        assert episodes.states.tolist() == [[n - 1, n - 1]]


@pytest.mark.verifies("rollouts.1")
@given(st.floats(0, NEARLY_ONE), st.floats(0, NEARLY_ONE), st.integers(0, 1000))
def test_eq1_first_states_actions_and_arrivals_are_the_inverse_of_their_uniform(u, w, seed):
    mdp, probs = random_mdp(seed, 3, 3)
    dice = Dice(u, np.array([[w], [0.0]]), 0.0, 0.0)
    episodes = rollouts.sample(dice, rollouts.sampler(mdp, rollouts.deterministic), probs, 1, 2)
    ends = np.append(np.cumsum(mdp.initial), np.cumsum(probs, -1))
    assume(np.abs(ends - np.array([[u], [w]])).min() > 1e-12)  # round-off decides at the ends
    first = int(np.searchsorted(np.cumsum(mdp.initial), u, side="right"))
    action = int(np.searchsorted(np.cumsum(probs[first]), w, side="right"))
    arrival = int(np.argmax(mdp.transition[first, action]))  # 0.0 draws the likeliest
    assert episodes.states.tolist() == [[first, arrival]]
    assert episodes.actions.tolist() == [[action, 0]]
    assert episodes.rewards[0, 0] == mdp.reward[first, action, arrival]


@pytest.mark.parametrize("u", [0.0, 0.3, NEARLY_ONE])
def test_arrivals_of_probability_zero_are_never_drawn(u):
    transition = np.array([[[0, 0.5, 0, 0.5]]] + [[[0, 1.0, 0, 0]]] * 3)
    mdp = MDP(np.array([1.0, 0, 0, 0]), transition, np.arange(4.0) * np.ones((4, 1, 4)))
    dice = Dice(0.0, 0.0, u, u, 0.0)
    episodes = rollouts.sample(
        dice, rollouts.sampler(mdp, rollouts.deterministic), np.ones((4, 1)), 1, 3
    )
    assert episodes.states[0, 1] == (1 if u < 0.5 else 3)
    assert episodes.states[0, 2] == 1
    assert episodes.rewards[0].tolist() == [episodes.states[0, 1], 1.0, 1.0]


def test_deterministic_transitions_draw_no_arrivals():
    dice = Dice(0.0, 0.0)  # the first state and the actions only
    prepared = rollouts.sampler(corridor(), rollouts.deterministic)
    assert rollouts.sample(dice, prepared, always(0, 3), 1, 2).states.tolist() == [[0, 1]]
    assert not dice.rolls


@pytest.mark.verifies("rollouts.1")
@pytest.mark.parametrize("seed", range(5))
def test_the_tables_give_what_loops_over_tasks_episodes_and_steps_give(seed):
    paid_in_the_trap = np.array([[[1.0, 2.0], [-0.5, 0.4]], [[0.0, 0.0], [0.0, 0.5]]])
    arrays = [
        (RANDOM_START, SLIP, REWARD_BY_ARRIVAL),
        (RANDOM_START, TRAP, REWARD_BY_ARRIVAL * [[[1.0]], [[0.0]]]),
        (RANDOM_START, TRAP, paid_in_the_trap),
    ]
    batch = MDP(*[np.stack(x) for x in zip(*arrays, strict=True)])
    probs = np.random.default_rng([seed, 1]).dirichlet(np.ones(2), (3, 2))
    ours = sample(batch, probs, 4, 5, seed=seed)
    rng = np.random.default_rng(seed)
    u_first, u_actions = rng.random(12).reshape(3, 4), rng.random((5, 12)).reshape(5, 3, 4)
    u_arrivals = rng.random((5, 12)).reshape(5, 3, 4)
    for m in range(3):
        task = MDP(*[x[m] for x in batch])
        plain = plain_forms.sample(task, probs[m], u_first[m], u_actions[:, m], u_arrivals[:, m])
        for field, loops in zip(ours, plain, strict=True):
            assert np.array_equal(field[m], loops)
    assert not ours.alive[1].all() and ours.alive[2].all()


# ---- what one episode holds ----


@given(st.integers(0, 1000))
def test_rewards_belong_to_state_action_and_arrival(seed):
    mdp, probs = random_mdp(seed, 3, 2)
    episodes = sample(mdp, probs, 4, 6, seed=seed)
    s, a, z = episodes.states[:, :-1], episodes.actions[:, :-1], episodes.states[:, 1:]
    assert (episodes.rewards[:, :-1] == mdp.reward[s, a, z]).all()
    assert episodes.alive.all()


def test_a_reward_of_length_one_is_looked_up_by_state_and_action():
    mdp, probs = random_mdp(1, 3, 2)
    short = MDP(mdp.initial, mdp.transition, mdp.reward[..., :1])
    episodes = sample(short, probs, 5, 4)
    assert (episodes.rewards == mdp.reward[episodes.states, episodes.actions, 0]).all()


def test_alive_ends_with_the_step_after_the_arrival_and_so_do_rewards():
    noisy = partial(rollouts.gaussian, std=1.0)
    episodes = sample(corridor(pay=5.0), always(0, 3), 20, 5, noisy)
    assert (episodes.states == [0, 1, 2, 2, 2]).all()
    assert (episodes.alive == [True, True, False, False, False]).all()
    assert (episodes.rewards[:, 2:] == 0).all()
    assert (episodes.rewards[:, :2] != np.round(episodes.rewards[:, :2])).all()  # noise before
    assert episodes.rewards[:, 1].mean() > 3 > episodes.rewards[:, 0].mean()  # 5 on arrival


def test_the_first_step_is_alive_even_in_an_absorbing_state():
    stuck = MDP(np.eye(3)[2], corridor().transition, corridor().reward)
    episodes = sample(stuck, always(0, 3), 3, 4)
    assert (episodes.alive == [True, False, False, False]).all()


@pytest.mark.parametrize("change", ["pays", "leaks", "one action leaves"])
def test_a_state_that_pays_or_can_be_left_is_not_absorbing(change):
    mdp = corridor()
    transition, reward = mdp.transition.copy(), mdp.reward.copy()
    if change == "pays":
        reward[2, 1, 2] = -0.5
    if change == "leaks":
        transition[2, :, 0], transition[2, :, 2] = 1e-6, 1 - 1e-6
    if change == "one action leaves":
        transition[2, 1] = np.eye(3)[0]
    episodes = sample(MDP(mdp.initial, transition, reward), always(0, 3), 2, 5)
    assert episodes.alive.all()


def test_absorbing_states_are_those_of_each_task():
    easy, hard = corridor(3), corridor(3)
    stay_paid = hard.reward.copy()
    stay_paid[2] = 1.0
    batch = MDP(
        easy.initial[None], np.stack([easy.transition] * 2), np.stack([easy.reward, stay_paid])
    )
    episodes = sample(batch, always(0, 3), 1, 4)
    assert episodes.alive[:, 0].tolist() == [[True, True, False, False], [True] * 4]
    assert episodes.rewards[:, 0].tolist() == [[0, 1, 0, 0], [0, 1, 1, 1]]


@pytest.mark.parametrize("leading", [(), (1,), (3,), (2, 3)])
@pytest.mark.parametrize(("num_episodes", "horizon"), [(1, 1), (1, 4), (5, 1), (2, 3)])
def test_shapes_and_types_with_any_leading_axes(leading, num_episodes, horizon):
    mdp, probs = random_mdp(0, 3, 2)
    batch = MDP(mdp.initial, mdp.transition, np.zeros((*leading, 1, 1, 1)) + mdp.reward)
    episodes = sample(batch, probs, num_episodes, horizon)
    for array in episodes[:4]:
        assert array.shape == (*leading, num_episodes, horizon)
    assert episodes.last_arrivals.shape == (*leading, num_episodes)
    assert episodes.states.dtype == episodes.actions.dtype == np.intp
    assert episodes.rewards.dtype == float and episodes.alive.dtype == bool


@pytest.mark.parametrize("shared", ["initial", "transition", "reward", "probs", "all"])
def test_shared_and_repeated_leading_axes_give_the_same_episodes(shared):
    batch, probs, _ = random_batch(1, 3, 3, 2)
    arrays = {**batch._asdict(), "probs": probs}
    names = list(arrays)[:3] if shared == "all" else [shared]
    one = {k: x[:1] if k in names else x for k, x in arrays.items()}
    full = {k: np.repeat(x[:1], 3, 0) if k in names else x for k, x in arrays.items()}
    p, q = one.pop("probs"), full.pop("probs")
    if shared == "all":
        one["reward"] = full["reward"]
    for x, y in zip(sample(MDP(**one), p, 7, 5), sample(MDP(**full), q, 7, 5), strict=True):
        assert np.array_equal(x, y)


@pytest.mark.parametrize("noise", [rollouts.deterministic, rollouts.gaussian])
@pytest.mark.parametrize("own", [1, 3])
@pytest.mark.parametrize("ends", [False, True])
def test_each_member_plays_as_it_does_alone(ends, own, noise):
    """`own` policies of each member: one for all tasks, or one for each."""
    batch = random_batch(1, 3, 3, 2)[0]
    if ends:  # absorbing states, and arrivals that are certain
        batch = MDP(*(np.broadcast_to(x, (3, *x.shape)).copy() for x in corridor()))
    prepared = rollouts.sampler(batch, noise)
    S, A = batch.shape
    probs = np.random.default_rng(0).dirichlet(np.ones(A), (4, own, S))
    together = rollouts.sample(np.random.default_rng(5), prepared, probs, 2, 6, 4)
    for p in range(4):
        alone = rollouts.sample(np.random.default_rng(5), prepared, probs[p], 2, 6)
        for x, y in zip(together, alone, strict=True):
            assert x.shape[:3] == (4, 3, 2) and np.array_equal(x[p], y)
    assert len(np.unique(together.actions.reshape(4, -1), axis=0)) == 4


def test_a_population_that_is_not_announced_is_refused():
    prepared, probs = rollouts.sampler(one_state([0.1, 0.2]), rollouts.deterministic), always(0, 1)
    for population, leading in ((None, (3,)), (2, (3,)), (3, (3, 1)), (3, (1, 3))):
        policies = np.broadcast_to(probs, (*leading, *probs.shape))
        with pytest.raises(ValueError, match="leading axes of probs must be equal to those of the"):
            rollouts.sample(np.random.default_rng(0), prepared, policies, 1, 1, population)
    for population in (0, -1):
        with pytest.raises(ValueError, match="population must be"):
            rollouts.sample(np.random.default_rng(0), prepared, probs, 1, 1, population)


@pytest.mark.parametrize("population", [None, 4])
@pytest.mark.parametrize(
    ("noise", "ends"),
    [
        (rollouts.deterministic, False),
        (rollouts.deterministic, True),
        (rollouts.bernoulli, True),
        (rollouts.gaussian, True),
        (partial(rollouts.gaussian, std=0.5), False),
        (lambda rng, mean: mean + rng.random(mean.shape), True),
    ],
)
def test_returns_are_sums_of_the_rewards_of_the_episodes(noise, ends, population):
    batch = random_batch(1, 3, 3, 2)[0]
    batch = batch._replace(reward=np.abs(batch.reward) / np.abs(batch.reward).max())
    if ends:
        batch = MDP(*(np.broadcast_to(x, (3, *x.shape)).copy() for x in corridor()))
    prepared, axes = rollouts.sampler(batch, noise), () if population is None else (population,)
    probs = np.random.default_rng(0).dirichlet(np.ones(2), (*axes, 1, 3))
    returns, episodes = (
        play(np.random.default_rng(5), prepared, probs, 2, 6, population, *unit)
        for play, unit in ((rollouts.sampled_returns, [4.0]), (rollouts.sampled_episodes, []))
    )
    assert returns.shape == (*axes, 3, 2) and len(np.unique(returns)) > 1
    assert np.array_equal(4 * returns, episodes.rewards.sum(-1))  # 4 is a power of two
    assert episodes.alive.all() != ends


def test_returns_of_grids_equal_the_sums_of_episodes_greedily_and_not():
    family = gridworld(size=3, horizon=9, terminate=1, episodes=2)
    prepared = rollouts.sampler(family.sample(np.random.default_rng(0), 5), family.reward_noise)
    probs = np.random.default_rng(1).dirichlet(np.ones(5), (4, 1, 9))
    for policy in (probs, policies.greedy(probs)):
        arguments = prepared, policy, 2, 9, 4
        returns = rollouts.sampled_returns(np.random.default_rng(2), *arguments, unit=3.0)
        rewards = rollouts.sample(np.random.default_rng(2), *arguments).rewards
        assert np.allclose(3 * returns, rewards.sum(-1), rtol=1e-14, atol=1e-14)


def test_the_policy_of_the_caller_is_not_changed():
    for probs in (np.array([[0.25, 0.75]]), np.array([[1.0]])):
        before = probs.copy()
        sample(one_state([0.0] * probs.size), probs, 3, 2)
        assert np.array_equal(probs, before)


def test_the_same_seed_gives_the_same_episodes_and_another_seed_others():
    mdp, probs = random_mdp(3, 3, 2)
    first, again, other = (sample(mdp, probs, 5, 5, seed=seed) for seed in (1, 1, 2))
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(first.actions, other.actions)


# ---- eq. (2): tables ----


@pytest.mark.verifies("rollouts.2")
@pytest.mark.parametrize("leading", [(), (1,), (3,), (2, 2)])
def test_eq2_is_the_sum_written_out(leading):
    rng = np.random.default_rng(0)
    axes, shape = (*leading, 4, 5), (3, 2)
    episodes = Episodes(
        rng.integers(3, size=axes),
        rng.integers(2, size=axes),
        np.zeros(axes),
        rng.random(axes) < 0.7,
    )
    weights, exact = rng.normal(size=axes), np.zeros((*leading, *shape))
    for i in np.ndindex(axes):
        if episodes.alive[i]:
            exact[(*i[:-2], episodes.states[i], episodes.actions[i])] += weights[i]
    assert np.allclose(rollouts.sum_over_visits(episodes, weights, shape), exact, atol=1e-14)


@pytest.mark.verifies("rollouts.2")
def test_eq2_counts_no_visit_of_a_dead_step():
    episodes = sample(corridor(), always(0, 3), 4, 6)
    visits = rollouts.sum_over_visits(episodes, np.ones((4, 6)), (3, 2))
    assert visits.tolist() == [[4, 0], [4, 0], [0, 0]]


# ---- against the closed forms, 5 standard errors ----


@pytest.mark.verifies("rollouts.2")
@pytest.mark.parametrize("seed", [0, 1])
def test_visits_and_returns_have_their_exact_means(seed):
    mdp, probs = random_mdp(seed, 3, 2)
    episodes = sample(mdp, probs, 20_000, 4, seed=seed)
    pairs = episodes.states * 2 + episodes.actions
    counts = (pairs[..., None] == np.arange(6)).sum(1)
    exact = occupancy(mdp, probs, 4).sum(0)[:, None] * probs
    assert_mean(counts, exact.ravel())
    total = rollouts.sum_over_visits(episodes, np.ones((20_000, 4)), (3, 2))
    assert np.array_equal(total.ravel(), counts.sum(0))
    assert_mean(episodes.rewards.sum(1), expected_return(mdp, probs, 4))


def test_every_task_of_a_batch_has_its_own_mean():
    batch, probs, single = random_batch(5, 3)
    episodes = sample(batch, probs, 10_000, 3)
    for m, (mdp, policy) in enumerate(single):
        assert_mean(episodes.rewards[m].sum(-1), expected_return(mdp, policy, 3))


def test_arrivals_have_their_probabilities():
    mdp, probs = random_mdp(6, 3, 2)
    episodes = sample(mdp, probs, 20_000, 2)
    s, a, z = episodes.states[:, 0], episodes.actions[:, 0], episodes.states[:, 1]
    for i, j in np.ndindex(3, 2):
        here = (s == i) & (a == j)
        assert_mean(z[here, None] == np.arange(3), mdp.transition[i, j])


# ---- noise ----


def test_bernoulli_rewards_are_zero_or_one_with_the_right_mean():
    episodes = sample(
        one_state([0.0, 0.3, 1.0]), np.full((1, 3), 1 / 3), 30_000, 1, rollouts.bernoulli
    )
    assert set(np.unique(episodes.rewards)) == {0.0, 1.0}
    for arm, mean in enumerate([0.0, 0.3, 1.0]):
        assert_mean(episodes.rewards[episodes.actions == arm], mean)


@pytest.mark.parametrize("std", [1.0, 0.5])
def test_gaussian_rewards_have_the_right_mean_and_variance(std):
    noise = partial(rollouts.gaussian, std=std)
    rewards = sample(one_state([2.0]), np.ones((1, 1)), 40_000, 1, noise).rewards.ravel()
    assert_mean(rewards, 2.0)
    assert_mean((rewards - 2) ** 2, std**2)
    assert_mean((rewards - 2) ** 3, 0.0)


def test_deterministic_rewards_are_the_means_themselves():
    mean = np.array([0.1, 0.7])
    assert rollouts.deterministic(np.random.default_rng(0), mean) is mean


# ---- what is refused ----


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"num_episodes": 0}, ValueError, "num_episodes must be at least 1, got 0"),
        ({"num_episodes": True}, TypeError, "num_episodes must be a whole number, got True"),
        ({"horizon": 0}, ValueError, "horizon must be at least 1, got 0"),
        ({"horizon": None}, TypeError, "horizon must be a whole number, got None"),
        ({"probs": np.full((3, 3), 1 / 3)}, ValueError, r"\[\.\.\., 3, 2\], got \(3, 3\)"),
        ({"probs": np.full((3, 2), 0.4)}, ValueError, "rows of probs must sum to one"),
        ({"probs": np.array([[0, 1]] * 3)}, TypeError, "probs must be an array of floats, got int"),
        ({"probs": np.array([[2.0, -1.0]] * 3)}, ValueError, "probs must not be negative, got -1"),
    ],
)
def test_sample_refuses_what_does_not_fit(arguments, error, message):
    good = {"probs": np.full((3, 2), 0.5), "num_episodes": 2, "horizon": 2}
    with pytest.raises(error, match=message):
        sample(corridor(), **{**good, **arguments})


def test_leading_axes_of_the_policy_that_do_not_fit_are_refused():
    batch, probs, _ = random_batch(0, 3)
    with pytest.raises(ValueError, match=r"equal to those of the tasks, \(3,\), or 1, got \(2,\)"):
        sample(batch, probs[:2], 1, 1)


@pytest.mark.parametrize("means", [[0.5, 1.5], [-0.5, 0.5]])
def test_bernoulli_rewards_need_means_that_are_probabilities(means):
    with pytest.raises(ValueError, match="Bernoulli rewards need means between 0 and 1, got"):
        rollouts.sampler(one_state(means), rollouts.bernoulli)


def test_noise_must_be_a_function():
    with pytest.raises(ValueError, match=r"noise must be a function .* got none"):
        rollouts.sampler(one_state([0.5]), "none")


def test_weights_must_have_the_shape_of_the_episodes():
    episodes = sample(corridor(), np.full((3, 2), 0.5), 2, 4)
    with pytest.raises(ValueError, match=r"shape of the episodes, \(2, 4\), got \(4,\)"):
        rollouts.sum_over_visits(episodes, np.ones(4), (3, 2))


@pytest.mark.parametrize("wrong", [None, 0, np.random, np.random.RandomState(0)])
def test_sampling_needs_a_generator(wrong):
    tables = rollouts.sampler(corridor(), rollouts.deterministic)
    with pytest.raises(TypeError, match="rng must be a Generator, as numpy"):
        rollouts.sample(wrong, tables, always(0, 3), 1, 1)


def test_tasks_and_tables_of_another_kind_are_refused():
    for other in (None, "mdp", tuple(corridor()), [corridor()]):
        with pytest.raises(TypeError, match="mdp must be an MDP of plain arrays, got"):
            rollouts.sampler(other, rollouts.deterministic)
    for other in (None, corridor(), tuple(rollouts.sampler(corridor(), rollouts.deterministic))):
        with pytest.raises(TypeError, match="tables must be of type Sampler, got"):
            rollouts.sample(np.random.default_rng(0), other, always(0, 3), 1, 1)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64])
def test_numbers_of_episodes_and_steps_may_be_any_whole_numbers(kind):
    tables, probs = rollouts.sampler(corridor(), rollouts.gaussian), np.full((3, 2), 0.5)
    plain = rollouts.sample(np.random.default_rng(0), tables, probs[None], 100, 3, 2)
    other = rollouts.sample(
        np.random.default_rng(0), tables, probs[None], kind(100), kind(3), kind(2)
    )
    assert all(map(np.array_equal, plain, other))


def test_visits_are_those_of_the_table():
    episodes = Episodes(*(np.array([[x, x]]) for x in (1, 0, 0.5, True)))
    assert rollouts.sum_over_visits(episodes, np.ones((1, 2)), (2, 3))[1, 0] == 2
    for shape, name in (((1, 3), "states"), ((2, 3), "weights")):
        weights = np.ones((1, 2)) if name == "states" else np.array([[1.0, np.nan]])
        with pytest.raises(ValueError, match=f"^{name} must be"):
            rollouts.sum_over_visits(episodes, weights, shape)
    for shape in (None, 3, (2,), [2, 3]):
        with pytest.raises(TypeError, match="shape must be a pair of whole numbers, got"):
            rollouts.sum_over_visits(episodes, np.ones((1, 2)), shape)
    with pytest.raises(TypeError, match="episodes must be of type Episodes, got tuple"):
        rollouts.sum_over_visits(tuple(episodes), np.ones((1, 2)), (2, 3))
