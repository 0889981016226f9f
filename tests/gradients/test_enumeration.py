"""enumeration (1)-(3): all trajectories and data sets, against lists without short cuts."""

import itertools
import math
from collections import Counter, defaultdict

import estimators_by_hand as by_hand
import numpy as np
import problems
import pytest
from comparing import softmax
from hypothesis import given
from hypothesis import strategies as st

from metarl_min.gradients import enumeration, meta_gradients
from metarl_min.gradients.estimators import InnerStep
from metarl_min.gradients.meta_gradients import Problem
from metarl_min.mdps import noises, policies
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks.bandits import bandit_mdps

MOVES = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
BY_ACTION = np.array([[[1.0], [-0.5]], [[0.3], [2.0]]])
BY_ARRIVAL = np.array([[[1.0, 0.2], [-0.5, 0.1]], [[0.3, 0.9], [2.0, -1.0]]])
PAID_ONCE = np.array([[[1.0, 2.0], [0.5, 0.5]], [[7.0, 0.0], [7.0, 0.0]]])
FIXED, RANDOM = np.array([1.0, 0.0]), np.array([0.25, 0.75])


def one(initial, transition, reward):
    return MDP(initial[None], transition[None], reward[None])


CASES = {  # task, horizon, and the number of trajectories counted by hand
    "bandit of three arms": (bandit_mdps(np.array([[0.2, 0.9, 0.9]])), 1, 3),
    "slip, fixed start, rewards of actions": (one(FIXED, problems.SLIP, BY_ACTION), 2, 8),
    "slip, fixed start, rewards of arrivals": (one(FIXED, problems.SLIP, BY_ARRIVAL), 2, 16),
    "slip, random start, rewards of actions": (one(RANDOM, problems.SLIP, BY_ACTION), 2, 16),
    "slip, random start, rewards of arrivals": (one(RANDOM, problems.SLIP, BY_ARRIVAL), 2, 32),
    "no slip, fixed start": (one(FIXED, MOVES, BY_ARRIVAL), 2, 4),
    "no slip, fixed start, three steps": (one(FIXED, MOVES, BY_ACTION), 3, 8),
    # one step: actions 0 (paid by arrival: 2 ways) and 1 (paid alike: 1 way)
    "trap, one step": (one(FIXED, problems.TRAP, PAID_ONCE), 1, 3),
    # two steps: 2 actions into the trap, then nothing more; 2 that stay, then 3 ways each
    "trap, two steps": (one(FIXED, problems.TRAP, PAID_ONCE), 2, 2 + 2 * 3),
    "trap, three steps": (one(FIXED, problems.TRAP, PAID_ONCE), 3, 2 + 2 * (2 + 2 * 3)),
    # started in the trap an episode is alive in its first step, so the action of this step counts
    "trap, random start": (one(RANDOM, problems.TRAP, PAID_ONCE), 2, (2 + 2 * 3) + 2),
}
cases = pytest.mark.parametrize("name", CASES)


def problem_of(task, horizon, N, K):
    return Problem(
        inner=InnerStep(policy=policies.tabular, alpha=0.7, baseline=0.3),
        theta={"logits": logits_of(task)},
        task=task,
        horizon=horizon,
        num_episodes=N,
        num_steps=K,
    )


def logits_of(task, seed=0):
    return 0.6 * np.random.default_rng(seed).standard_normal(task.shape)


def visible(steps):
    """The visible part of an episode: the steps after its end are all equal."""
    return tuple((int(s), int(a), float(r)) if alive else None for s, a, r, alive in steps)


def rows(episodes):
    """The episodes [U, T] of the package as tuples."""
    return [
        visible(zip(*(x[u] for x in episodes[:4]), strict=True)) for u in range(len(episodes[0]))
    ]


def distribution(task, horizon, params):
    """Probability of every visible episode, merged from the full list."""
    probabilities = defaultdict(float)
    for episode in by_hand.episodes(task, horizon):
        probabilities[visible(episode.steps)] += by_hand.probability(params, [episode])
    return probabilities


def log_policy(logits, episodes):
    return (np.log(softmax(logits))[episodes.states, episodes.actions] * episodes.alive).sum(-1)


@cases
@pytest.mark.verifies("enumeration.1")
def test_eq1_trajectories_are_those_of_the_full_list_with_their_probabilities(name):
    task, horizon, size = CASES[name]
    logits = logits_of(task)
    listed = enumeration.trajectories(task, horizon)
    p = np.exp(listed.log_chance + log_policy(logits, listed.episodes))
    truth = distribution(task, horizon, {"logits": logits})
    assert len(listed.log_chance) == size == len(truth)
    assert listed.episodes.states.shape == (size, horizon)
    assert p.sum() == pytest.approx(1.0, abs=1e-14)
    assert dict(zip(rows(listed.episodes), p, strict=True)) == pytest.approx(truth, abs=1e-15)


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
@pytest.mark.verifies("enumeration.1")
def test_eq1_probabilities_of_any_dense_task_sum_to_one(seed, S, A, horizon):
    rng = np.random.default_rng(seed)
    P, R = rng.dirichlet(np.ones(S), (S, A)), rng.normal(size=(S, A, 1))
    task = one(rng.dirichlet(np.ones(S)), P, R)
    listed = enumeration.trajectories(task, horizon)
    p = np.exp(listed.log_chance + log_policy(rng.normal(size=(S, A)), listed.episodes))
    assert len(p) == S**horizon * A**horizon
    assert p.sum() == pytest.approx(1.0, abs=1e-13)


def test_episodes_that_ended_have_the_fields_that_the_sampler_gives_them():
    task, horizon, _ = CASES["trap, three steps"]
    episodes = enumeration.trajectories(task, horizon).episodes
    entered = episodes.states == 1
    assert entered.any() and not episodes.alive[entered].any() and episodes.alive[~entered].all()
    assert (episodes.rewards[~episodes.alive] == 0).all()
    assert episodes.alive.dtype == bool and episodes.states.dtype.kind == "i"


@pytest.mark.parametrize(("num_trajectories", "N"), [(1, 4), (2, 1), (2, 5), (3, 3), (4, 4)])
@pytest.mark.verifies("enumeration.2")
def test_eq2_counts_are_those_of_all_sequences_with_the_number_of_their_orders(num_trajectories, N):
    sequences = itertools.product(range(num_trajectories), repeat=N)
    truth = Counter(tuple(seq.count(k) for k in range(num_trajectories)) for seq in sequences)
    counts, log_orders = enumeration.compositions(num_trajectories, N)
    orders = {tuple(row): math.exp(x) for row, x in zip(counts.tolist(), log_orders, strict=True)}
    assert len(counts) == len(truth) and (counts.sum(-1) == N).all()
    assert orders == pytest.approx(truth, rel=1e-13)


BANDIT = CASES["bandit of three arms"][:2]
SLIPPING = CASES["slip, fixed start, rewards of actions"][:2]
TRAPPED = CASES["trap, two steps"][:2]
SIZES = [(0, 2), (1, 1), (2, 1), (3, 1), (1, 2), (1, 3)]  # inner steps and episodes of each
DATA = {
    **{f"bandit, {K} x {N}": (*BANDIT, N, K) for K in range(3) for N in (1, 2, 3)},
    **{f"slip, {K} x {N}": (*SLIPPING, N, K) for K, N in SIZES},
    **{f"trap, {K} x {N}": (*TRAPPED, N, K) for K, N in SIZES},
}


def contents(stages):
    """Each stage without its order."""
    return tuple(tuple(sorted(Counter(stage).items(), key=repr)) for stage in stages)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.verifies("enumeration.2", "enumeration.3")
def test_eqs2_and_3_data_sets_have_the_probability_of_all_their_orders(name):
    task, horizon, N, K = DATA[name]
    problem = problem_of(task, horizon, N, K)
    theta = problem.theta
    truth = defaultdict(float)
    kinds = by_hand.episodes(task, horizon)
    for stages, p in by_hand.all_data(theta, kinds, N, K, by_hand.Rule(0.7, 0.3)):
        truth[contents([[visible(e.steps) for e in stage] for stage in stages])] += p

    sets = meta_gradients.enumerate_data(problem)
    _, log_p = meta_gradients.adapt(problem, theta, sets)
    assert len(sets.data) == K and log_p.shape == (len(truth),)
    probabilities = {}
    for m, p in enumerate(np.exp(log_p)):
        stages = []
        for D in sets.data:
            listed, counts = rows([field[m] for field in D.episodes[:4]]), D.counts[m]
            assert counts.sum() == N
            stages.append([tau for tau, n in zip(listed, counts, strict=True) for _ in range(n)])
        probabilities[contents(stages)] = p
    assert probabilities == pytest.approx(truth, rel=1e-12)
    assert sum(probabilities.values()) == pytest.approx(1.0, abs=1e-13)


@pytest.mark.verifies("enumeration.2")
def test_eq2_many_episodes_keep_their_probabilities():
    task, N = bandit_mdps(np.array([[0.2, 0.9]])), 1000
    sets = meta_gradients.enumerate_data(problem_of(task, 1, N, 1))
    log_p = sets.log_constant + sets.data[0].counts @ np.log([0.25, 0.75])
    assert len(log_p) == N + 1
    assert np.exp(log_p).sum() == pytest.approx(1.0, rel=1e-10)
    assert np.exp(log_p) @ sets.data[0].counts[:, 1] == pytest.approx(750.0, rel=1e-10)


def test_too_many_data_sets_are_refused_before_they_are_made_and_the_size_is_named():
    task, horizon = SLIPPING
    size = math.comb(8 + 7, 7) ** 2
    with pytest.raises(ValueError, match=rf"at most 2,000,000 data sets, got {size:,}"):
        meta_gradients.enumerate_data(problem_of(task, horizon, 8, 2))


def test_too_many_trajectories_are_refused_before_they_are_listed_and_the_size_is_named():
    with pytest.raises(ValueError, match=r"at most 2,000,000 trajectories, got 4,194,304 of 11"):
        enumeration.trajectories(SLIPPING[0], 60)


def test_a_list_may_have_the_size_of_the_limit(monkeypatch):
    task, horizon = CASES["slip, fixed start, rewards of arrivals"][:2]
    monkeypatch.setattr(enumeration, "LIMIT", 16)
    assert len(meta_gradients.enumerate_data(problem_of(task, horizon, 1, 1)).log_constant) == 16
    monkeypatch.setattr(enumeration, "LIMIT", 15)
    with pytest.raises(ValueError, match="at most 15 trajectories, got 16 of 2 steps"):
        enumeration.trajectories(task, horizon)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"task": bandit_mdps(np.array([0.2, 0.9]))}, ValueError, "one leading axis of length 1"),
        ({"task": bandit_mdps(np.ones((2, 2)))}, ValueError, r"length 1, got \(2,\)"),
        ({"horizon": 0}, ValueError, "horizon must be at least 1, got 0"),
        ({"horizon": 1.0}, TypeError, "horizon must be a whole number, got 1.0"),
        ({"noise": noises.gaussian}, ValueError, "must be deterministic or bernoulli, got"),
        ({"noise": noises.bernoulli}, ValueError, "means between 0 and 1"),
    ],
)
def test_trajectories_that_cannot_be_listed_are_refused_with_the_rule(change, error, message):
    with pytest.raises(error, match=message):
        enumeration.trajectories(**({"task": SLIPPING[0], "horizon": 1} | change))


@pytest.mark.parametrize("num_episodes", [0, -1])
def test_counts_of_no_episodes_are_refused(num_episodes):
    with pytest.raises(ValueError, match="num_episodes must be at least 1, got"):
        enumeration.compositions(2, num_episodes)


@pytest.mark.verifies("enumeration.1")
def test_eq1_bernoulli_rewards_are_told_apart_and_keep_their_means():
    """A bandit pays 1 with the chances .2 and .9. The chances are compared with their products."""
    task = bandit_mdps(np.array([[0.2, 0.9]]))
    listed = enumeration.trajectories(task, 1, noises.bernoulli)
    found = dict(zip(rows(listed.episodes), np.exp(listed.log_chance), strict=True))
    chances = {(0, 0, 1.0): 0.2, (0, 0, 0.0): 0.8, (0, 1, 1.0): 0.9, (0, 1, 0.0): 0.1}
    assert found == pytest.approx({(key,): p for key, p in chances.items()}, abs=1e-15)


@pytest.mark.verifies("enumeration.1")
def test_eq1_bernoulli_rewards_of_several_steps_have_the_value_of_their_means():
    P, R = problems.SLIP, np.array([[[0.3], [0.6]], [[0.0], [1.0]]])
    task, logits = one(RANDOM, P, R), logits_of(bandit_mdps(np.zeros((1, 2))), 3)
    logits = np.broadcast_to(logits, (2, 2))
    for noise in (noises.deterministic, noises.bernoulli):
        listed = enumeration.trajectories(task, 3, noise)
        p = np.exp(listed.log_chance + log_policy(logits, listed.episodes))
        expected = p @ listed.episodes.rewards
        assert p.sum() == pytest.approx(1.0, abs=1e-13)
        if noise is noises.deterministic:
            truth = expected
    assert expected == pytest.approx(truth, abs=1e-14)
    assert set(np.unique(listed.episodes.rewards)) == {0.0, 1.0}


def test_a_size_beyond_1e99_is_not_given_as_a_smaller_one():
    with pytest.raises(ValueError, match="data sets, got more than 1e99"):
        enumeration.num_data_sets(2, 1, 1000)
