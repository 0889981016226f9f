"""advantages (1)-(5): against sums written out, and the share of the gradient by enumeration."""

import itertools

import estimators_by_hand as by_hand
import numpy as np
import problems
import pytest
from comparing import softmax
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from metarl_min.gradients import advantages, objectives, returns
from metarl_min.gradients.advantages import linear_baseline
from metarl_min.mdps.episodes import map_fields
from metarl_min.mdps.rollouts import Episodes

seeds = st.integers(0, 10**6)


def episodes_and_returns(seed, leading=(2,), num_states=3, num_episodes=4, horizon=5):
    """Episodes that die at their own times; after that, states change and nothing is paid."""
    rng = np.random.default_rng(seed)
    shape = (*leading, num_episodes, horizon)
    alive = np.arange(horizon) < rng.integers(1, horizon + 1, size=(*shape[:-1], 1))
    states = rng.integers(num_states, size=shape)
    rewards = np.where(alive, rng.normal(size=shape), 0.0)
    episodes = Episodes(states, np.zeros(shape, int), rewards, alive)
    return episodes, returns.discounted_returns(rewards, 0.9)


# ---- eq. (1): linear in state and time ----


def ridge_regression(states, alive, W, num_states, ridge):
    """One task, living steps only: least squares on rows extended by sqrt(ridge) I."""
    rows, targets = [], []
    for n, t in zip(*np.nonzero(alive), strict=True):
        x = t / 100
        one_hot = [float(s == states[n, t]) for s in range(num_states)]
        rows.append([*one_hot, x, x**2, x**3, 1.0])
        targets.append(W[n, t])
    penalty = np.sqrt(ridge) * np.eye(num_states + 4)
    extended = np.concatenate([np.array(rows), penalty])
    w = np.linalg.lstsq(extended, np.append(targets, np.zeros(len(penalty))), rcond=None)[0]
    fitted = np.zeros(W.shape)
    fitted[np.nonzero(alive)] = np.array(rows) @ w
    return fitted


@pytest.mark.verifies("advantages.1")
@given(seeds, st.sampled_from([1e-5, 1e-2, 0.5]))
def test_eq1_linear_baseline_is_ridge_regression_task_by_task_on_living_steps(seed, ridge):
    episodes, W = episodes_and_returns(seed)
    fitted = linear_baseline(episodes, W, num_states=3, ridge=ridge)
    for m in range(2):
        truth = ridge_regression(episodes.states[m], episodes.alive[m], W[m], 3, ridge)
        assert_allclose(fitted[m], truth, atol=1e-10 / ridge**0.5)


@pytest.mark.verifies("advantages.1")
def test_linear_baseline_has_a_ridge_of_a_hundred_thousandth_unless_told():
    episodes, W = episodes_and_returns(3)
    given_ridge = linear_baseline(episodes, W, 3, ridge=1e-5)
    assert_allclose(linear_baseline(episodes, W, 3), given_ridge, atol=0)


@pytest.mark.verifies("advantages.1")
def test_linear_baseline_reproduces_what_is_linear_in_state_and_cubic_in_time():
    rng = np.random.default_rng(4)
    states = rng.integers(3, size=(2, 10, 300))
    t = np.arange(300) / 100
    W = np.array([2.0, -1.0, 5.0])[states] + 3 * t - 2 * t**2 + 0.5 * t**3
    episodes = Episodes(states, states, W, np.ones(states.shape, bool))
    assert_allclose(linear_baseline(episodes, W, 3, ridge=1e-9), W, atol=1e-6)


@pytest.mark.verifies("advantages.1")
@pytest.mark.parametrize("leading", [(), (2, 3)])
def test_linear_baseline_takes_any_leading_axes(leading):
    episodes, W = episodes_and_returns(5, leading)
    fitted = linear_baseline(episodes, W, 3, ridge=0.1)
    for index in np.ndindex(leading):
        one = map_fields(lambda x, index=index: x[index], episodes)
        assert_allclose(fitted[index], linear_baseline(one, W[index], 3, ridge=0.1), atol=1e-13)


# ---- eqs. (2), (3): the other episodes, and one deviation for a task ----


@pytest.mark.verifies("advantages.2")
@given(seeds)
def test_eq2_the_baseline_of_an_episode_is_the_mean_over_the_other_episodes(seed):
    _, W = episodes_and_returns(seed)
    b = advantages.leave_one_out_baseline(W)
    for m, n in np.ndindex(W.shape[:2]):
        others = [W[m, i] for i in range(W.shape[1]) if i != n]
        assert_allclose(b[m, n], np.mean(others, axis=0), atol=1e-14)


@pytest.mark.verifies("advantages.3")
@given(seeds)
def test_eq3_standardised_advantages_are_centred_and_have_one_deviation_for_a_task(seed):
    episodes, W = episodes_and_returns(seed)
    Adv = advantages.standardised_advantages(W, episodes.alive)
    for m in range(len(W)):
        centred = W[m] - W[m].mean(0)
        s = np.sqrt(np.mean([x**2 for x in centred[episodes.alive[m]]]))
        assert_allclose(Adv[m], centred / s, atol=1e-13)


@pytest.mark.verifies("advantages.3")
@pytest.mark.parametrize("unit", [1e-300, 1e-3, 0.1, 1.0, 7.0, 1e100])
def test_where_all_returns_are_equal_up_to_round_off_nothing_is_standardised(unit):
    W = np.full((1, 3, 2), unit) * np.array([[1.0, 3.0]])
    assert not advantages.standardised_advantages(W, W > 0).any()
    nearly = W * (1 + 1e-15 * np.array([[1.0], [0.0], [0.0]]))
    assert not advantages.standardised_advantages(nearly, W > 0).any()
    apart = W * (1 + 1e-9 * np.array([[1.0], [0.0], [0.0]]))
    assert advantages.standardised_advantages(apart, W > 0).any()
    assert not advantages.standardised_advantages(0 * W, W > 0).any()


@pytest.mark.verifies("advantages.3")
def test_standardised_advantages_do_not_depend_on_the_unit_of_the_rewards():
    episodes, W = episodes_and_returns(1)
    Adv = advantages.standardised_advantages(W, episodes.alive)
    for unit in (2.0**-20, 2.0**20):
        assert (advantages.standardised_advantages(unit * W, episodes.alive) == Adv).all()


# ---- eqs. (4), (5): the share of the gradient, by enumeration ----


def all_data_sets(task, horizon, num_episodes, probs):
    """Every ordered data set as Episodes [M, N, T], and the probability of each."""
    kinds = by_hand.episodes(task, horizon)
    sets = list(itertools.product(kinds, repeat=num_episodes))
    steps = np.array([[one.steps for one in chosen] for chosen in sets])  # [M, N, T, 4]
    s, a, r, alive = np.moveaxis(steps, -1, 0)
    s, a = s.astype(int), a.astype(int)
    chance = np.array([[one.chance for one in chosen] for chosen in sets])
    return Episodes(s, a, r, alive.astype(bool)), chance.prod(1) * probs[s, a].prod((1, 2))


def mean_gradient(task, horizon, num_episodes, z, baseline):
    """E[g] of objectives (3), with the advantages of one baseline. [S, A]"""
    episodes, p = all_data_sets(task, horizon, num_episodes, softmax(z))
    W = returns.discounted_returns(episodes.rewards, 1.0)
    Adv = advantages.by_name(baseline, episodes, W, len(z))
    C = objectives.advantage_table(episodes, Adv, z.shape)
    return np.tensordot(p, objectives.reinforce_gradient(np.array([z] * len(p)), C), axes=1)


TASKS = {"bandit": (problems.THREE_ARMS, 1), "slip": (problems.SLIP_TASK, 2)}


@pytest.mark.verifies("advantages.4")
@pytest.mark.parametrize("num_episodes", [2, 3])
@pytest.mark.parametrize("task", TASKS)
def test_eq4_the_share_is_one_for_a_number_and_leave_one_out_and_less_for_the_mean(
    task, num_episodes
):
    (task, horizon), N = TASKS[task], num_episodes
    if N == 3 and horizon == 2:
        task = problems.TOGGLE_TASK  # without chance there are fewer data sets
    z = np.random.default_rng(3).normal(size=task.shape)
    truth = by_hand.outer(task, horizon).gradient({"logits": z}).reshape(z.shape)
    for baseline, share in ((0.0, 1.0), (-3.0, 1.0), ("leave_one_out", 1.0), ("mean", 1 - 1 / N)):
        assert_allclose(mean_gradient(task, horizon, N, z, baseline), share * truth, atol=1e-12)


@pytest.mark.verifies("advantages.3")
@pytest.mark.parametrize("num_episodes", [2, 3, 5])
def test_the_mean_standardised_gradient_of_two_arms_is_that_of_a_binomial_number(num_episodes):
    """With n of N pulls on one arm, s is |r - r'| sqrt(n (N - n)) / N, and g is sqrt(n (N - n))/N
    times the sign of the difference. So the size of the rewards does not matter, and the gradient
    p (1 - p) (r - r') of the return is replaced by the mean of sqrt(n (N - n)) / N."""
    N, z = num_episodes, np.array([[0.3, -0.2]])
    p = softmax(z)[0]
    n = np.arange(N + 1)
    orders = np.array([len(list(itertools.combinations(range(N), k))) for k in n])
    chance = orders * p[0] ** n * p[1] ** (N - n)
    size = chance @ np.sqrt(n * (N - n)) / N
    for arms in (
        problems.TWO_ARMS,
        problems.TWO_ARMS._replace(reward=5 * problems.TWO_ARMS.reward),
    ):
        g = mean_gradient(arms, 1, N, z, "standardised")
        assert_allclose(g, [[-size, size]], rtol=1e-12)
    exact = by_hand.outer(problems.TWO_ARMS, 1).gradient({"logits": z})
    assert_allclose(exact, 0.7 * p[0] * p[1] * np.array([-1, 1]), rtol=1e-12)


@pytest.mark.verifies("advantages.3")
def test_the_mean_standardised_gradient_of_three_arms_has_another_direction_too():
    z = np.array([[0.3, -0.2, 0.1]])
    g = mean_gradient(problems.THREE_ARMS, 1, 3, z, "standardised").ravel()
    truth = by_hand.outer(problems.THREE_ARMS, 1).gradient({"logits": z})
    cosine = g @ truth / np.linalg.norm(g) / np.linalg.norm(truth)
    assert 0.9 < cosine < 0.9999


CUES = problems.one_task(
    np.array([0.5, 0.5]), np.full((2, 2, 2), 0.5), np.array([[[1.0], [0.2]], [[0.1], [0.7]]])
)


@pytest.mark.verifies("advantages.5")
@pytest.mark.parametrize("num_episodes", [2, 4, 5])
def test_eq5_the_mean_share_of_linear_is_one_minus_the_trace_of_its_matrix(num_episodes):
    """Two cues with equal chances; each keeps the same share, so it is the mean share."""
    N, z, cues = num_episodes, np.zeros((2, 2)), CUES
    truth = by_hand.outer(cues, 1).gradient({"logits": z}).reshape(z.shape)
    share = mean_gradient(cues, 1, N, z, "linear") / truth
    drawn = np.array(list(itertools.product(range(2), repeat=N)))
    traces = []
    for states in drawn:
        F = np.concatenate([np.eye(2)[states], np.zeros((N, 3)), np.ones((N, 1))], axis=1)
        traces.append(np.trace(F @ np.linalg.solve(F.T @ F + 1e-5 * np.eye(6), F.T)))
    assert_allclose(share, 1 - np.mean(traces) / N, rtol=1e-9)
    assert (share >= 1 - 2 / N).all()


def features(states, alive, num_states):
    """The rows of F for living steps, and zeros for the others, written out. [N T, S + 4]"""
    rows = []
    for n, t in np.ndindex(states.shape):
        one_hot, x = [float(s == states[n, t]) for s in range(num_states)], t / 100
        rows.append(np.array([*one_hot, x, x**2, x**3, 1.0]) * alive[n, t])
    return np.array(rows)


def fit_to_the_others(states, alive, W, num_states, ridge):
    """c_n of every episode: the weights come from the other episodes alone. [N, T]"""
    F = features(states, alive, num_states).reshape(*states.shape, -1)
    c = np.zeros(W.shape)
    for n in range(len(W)):
        others = np.delete(F, n, 0).reshape(-1, F.shape[-1])
        gram = others.T @ others + ridge * np.eye(F.shape[-1])
        c[n] = F[n] @ np.linalg.solve(gram, others.T @ np.delete(W, n, 0).ravel())
    return c


def matrix_of_the_fit(episodes, num_states, ridge):
    """H of one task, column by column: the fit is linear in the returns. [N T, N T]"""
    shape = episodes.states.shape
    unit = np.eye(np.prod(shape)).reshape(-1, *shape)
    many = map_fields(lambda x: np.broadcast_to(x, unit.shape), episodes)
    return linear_baseline(many, unit, num_states, ridge).reshape(len(unit), -1).T


@pytest.mark.verifies("advantages.5")
@given(seeds, st.integers(2, 6), st.integers(1, 5), st.sampled_from([1e-3, 0.1]))
def test_eq5_the_own_block_of_the_fit_takes_its_part_of_unbiased_advantages(seed, N, T, ridge):
    episodes, W = episodes_and_returns(seed, (), 3, N, T)
    H = matrix_of_the_fit(episodes, 3, ridge).reshape(N, T, N, T)
    blocks = np.array([H[n, :, n] for n in range(N)])
    c = fit_to_the_others(episodes.states, episodes.alive, W, 3, ridge)
    left = W - c - np.einsum("ntu,nu->nt", blocks, W - c)
    assert_allclose(W - linear_baseline(episodes, W, 3, ridge), left, atol=1e-9)
    F = features(episodes.states, episodes.alive, 3)
    rank = np.linalg.matrix_rank(F, tol=1e-9)
    assert rank <= 3 + min(T - 1, 3)
    largest = [np.linalg.eigvalsh((block + block.T) / 2).max() for block in blocks]
    assert np.mean(largest) <= rank / N + 1e-9


SHARES = {  # tasks of one and of two states, and the actions decide the states
    (1, 1): problems.TWO_ARMS,
    (1, 2): problems.TWO_ARMS,
    (1, 3): problems.TWO_ARMS,
    (2, 1): CUES,
    (2, 2): problems.SLIP_TASK,
    (2, 3): problems.TOGGLE_TASK,
}


@pytest.mark.verifies("advantages.5")
@pytest.mark.parametrize("num_episodes", [1, 2, 3, 4])
@pytest.mark.parametrize(("num_states", "horizon"), SHARES)
def test_eq5_the_mean_gradient_that_is_left_by_linear(num_states, horizon, num_episodes):
    """The share along the gradient is at least 1 - (S + min(T - 1, 3)) / N, for any policy."""
    task, N = SHARES[num_states, horizon], num_episodes
    bound = 1 - (num_states + min(horizon - 1, 3)) / N
    if (num_states, horizon, N) == (2, 2, 4):
        task = problems.TOGGLE_TASK  # without chance there are fewer data sets
    for seed in range(3):
        z = np.random.default_rng(seed).normal(size=task.shape) * seed
        truth = by_hand.outer(task, horizon).gradient({"logits": z}).reshape(z.shape)
        left = mean_gradient(task, horizon, N, z, "linear")
        assert np.sum(left * truth) / np.sum(truth**2) >= bound - 1e-12


@pytest.mark.verifies("advantages.5")
@pytest.mark.parametrize(("task", "horizon"), [("slip", 2), ("toggle", 3)])
def test_eq5_a_fit_to_the_other_episodes_leaves_the_mean_gradient_whole(task, horizon):
    task = {"slip": problems.SLIP_TASK, "toggle": problems.TOGGLE_TASK}[task]
    z = np.random.default_rng(4).normal(size=task.shape)
    episodes, p = all_data_sets(task, horizon, 2, softmax(z))
    W = returns.discounted_returns(episodes.rewards, 1.0)
    each = zip(episodes.states, episodes.alive, W, strict=True)
    Adv = W - [fit_to_the_others(s, alive, w, 2, 1e-5) for s, alive, w in each]
    C = objectives.advantage_table(episodes, Adv, z.shape)
    g = np.tensordot(p, objectives.reinforce_gradient(np.array([z] * len(p)), C), axes=1)
    truth = by_hand.outer(task, horizon).gradient({"logits": z}).reshape(z.shape)
    assert_allclose(g, truth, atol=1e-9)


@pytest.mark.verifies("advantages.5")
@pytest.mark.parametrize(("horizon", "num_episodes"), [(10, 1), (10, 2), (10, 8), (2, 3)])
def test_eq5_with_one_state_the_share_follows_from_the_matrix_of_one_episode(horizon, num_episodes):
    """W_u contains the reward of step t if u <= t. So the entries H_tu with u <= t take their part
    of the gradient of step t, and no other entry does. One episode of ten steps leaves .383."""
    T, N = horizon, num_episodes
    F = features(np.zeros((N, T), int), np.ones((N, T)), 1)
    H = F @ np.linalg.solve(F.T @ F + 1e-5 * np.eye(5), F.T)
    truth = 1 - np.tril(H[:T, :T]).sum() / T
    actions = np.ones((1, N, T), int)
    episodes = Episodes(0 * actions, actions, 1.0 * actions, actions > 0)
    share = 0.0
    for n, t in np.ndindex(N, T):  # the part of each reward in the advantage of its own action
        paid = np.zeros((1, N, T))
        paid[0, n, t] = 1.0
        W = returns.discounted_returns(paid, 1.0)
        share += advantages.by_name("linear", episodes, W, 1)[0, n, t] / (N * T)
    assert_allclose(share, truth, rtol=1e-9)
    assert share >= 1 - (1 + min(T - 1, 3)) / N
    assert (share < 0.5) == (N == 1)
    if (T, N) == (10, 1):
        assert_allclose(share, 0.383, atol=5e-4)


@pytest.mark.parametrize(
    ("baseline", "horizon", "num_states", "least"),
    [
        (0.5, 1, 1, 1),
        ("mean", 1, 1, 2),
        ("mean", 15, 25, 2),
        ("leave_one_out", 15, 25, 2),
        ("standardised", 15, 25, 2),
        ("linear", 1, 1, 2),
        ("linear", 1, 4, 8),
        ("linear", 2, 1, 4),
        ("linear", 10, 1, 8),  # one episode leaves .383 of the gradient
        ("linear", 4, 9, 24),  # twelve columns
        ("linear", 15, 25, 56),  # 28 columns
        ("linear", 10, 10, 26),  # 13 columns
        ("linear", 100, 2, 10),
    ],
)
def test_a_baseline_needs_so_many_episodes_that_it_takes_at_most_half(
    baseline, horizon, num_states, least
):
    rest = horizon, num_states
    advantages.require_enough_data(baseline, "N", least, *rest)
    if least > 1:
        message = rf"N must be at least {least} where baseline is {baseline}.*, got {least - 1}$"
        with pytest.raises(ValueError, match=message):
            advantages.require_enough_data(baseline, "N", least - 1, *rest)


# ---- baselines by name, and errors ----


def test_baselines_are_known_by_name_and_a_number_is_constant():
    episodes, W = episodes_and_returns(6)
    by_name = {
        "mean": np.tile(W.mean(1), 4).reshape(W.shape),
        "linear": linear_baseline(episodes, W, 3),
        "leave_one_out": advantages.leave_one_out_baseline(W),
        0.25: np.full(W.shape, 0.25),
    }
    for name, b in by_name.items():
        assert_allclose(advantages.by_name(name, episodes, W, 3), W - b, atol=1e-15)
    standardised = advantages.by_name("standardised", episodes, W, 3)
    assert (standardised == advantages.standardised_advantages(W, episodes.alive)).all()
    assert_allclose(returns.constant_baseline(-1.5, W), np.full(W.shape, -1.5), atol=0)
    names = ["mean", "leave_one_out", "standardised", "linear"]
    assert [advantages.parse(word) for word in [*names, "-.5", "0"]] == [*names, -0.5, 0.0]
    assert [advantages.check(value) for value in [*names, -0.5, 0]] == [*names, -0.5, 0.0]


@pytest.mark.parametrize("text", ["median", "nan", "inf", "mean ", ""])
def test_an_unknown_baseline_is_refused_with_the_known_ones_and_what_was_given(text):
    names = "mean, leave_one_out, standardised, linear"
    message = f"baseline must be {names} or a finite number, got {text!r}"
    for call in (
        lambda: advantages.parse(text),
        lambda: advantages.check(text),
        lambda: advantages.by_name(text, *episodes_and_returns(7), 3),
    ):
        with pytest.raises(ValueError, match="baseline must be") as error:
            call()
        assert str(error.value) == message


BROKEN = episodes_and_returns(8)[1] * np.array([1.0, 1.0, np.nan, 1.0, 1.0])
ALIVE = episodes_and_returns(8)[0].alive
REFUSED = {
    "no ridge": (
        lambda: linear_baseline(*episodes_and_returns(8), 3, ridge=0.0),
        "ridge must be positive, got 0.0",
    ),
    "ridge NaN": (
        lambda: linear_baseline(*episodes_and_returns(8), 3, ridge=float("nan")),
        "ridge must be finite, got nan",
    ),
    "returns NaN": (
        lambda: linear_baseline(episodes_and_returns(8)[0], BROKEN, 3),
        "returns must be finite, got nan at [0, 0, 2]",
    ),
    "returns of one step": (
        lambda: linear_baseline(episodes_and_returns(8)[0], BROKEN[..., :1], 3),
        "returns must have the shape of the episodes, (2, 4, 5), got (2, 4, 1)",
    ),
    "a state that is not there": (
        lambda: linear_baseline(*episodes_and_returns(8), 2),
        "states must be below num_states = 2, got 2",
    ),
    "the others, NaN": (
        lambda: advantages.leave_one_out_baseline(BROKEN),
        "returns must be finite, got nan at [0, 0, 2]",
    ),
    "no other episode": (
        lambda: advantages.leave_one_out_baseline(np.ones((3, 1, 4))),
        "leave_one_out must have at least 2 episodes, got 1",
    ),
    "one episode to standardise": (
        lambda: advantages.standardised_advantages(np.ones((3, 1, 4)), np.ones((3, 1, 4), bool)),
        "standardised must have at least 2 episodes, got 1",
    ),
    "alive of one step": (
        lambda: advantages.standardised_advantages(np.ones((2, 4, 5)), ALIVE[..., :1]),
        "alive must have the shape of the returns, (2, 4, 5), got (2, 4, 1)",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_out_of_range_is_refused_with_the_rule_and_the_value(what):
    call, message = REFUSED[what]
    with pytest.raises(ValueError, match="must") as error:
        call()
    assert str(error.value) == message
