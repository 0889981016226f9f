"""Players of random MDPs that know the prior, eqs. (1)-(8) of dirichlet."""

import math
import pickle
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metarl_min.baselines import dirichlet_mdps, posterior_sampling
from metarl_min.baselines.dirichlet_mdps import History
from metarl_min.mdps import mdp as exact
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import DirichletMDP, make

M, S, A, T = 4, 3, 2, 5
PRIOR = DirichletMDP(np.linspace(0.5, 2, S * A * S).reshape(S, A, S), 1.0, 1.0, 1.0)
FLAT = make("mdp", {"states": "1", "actions": "2", "horizon": "1", "episodes": "2"})


def rng(seed=0):
    return np.random.default_rng(seed)


def history(num_tasks=M, seed=0):
    draw = rng(seed)
    arrivals = draw.integers(0, 4, (num_tasks, S, A, S)).astype(float)
    sums = arrivals.sum(-1) * draw.normal(1, 1, (num_tasks, S, A))
    return History(arrivals, sums, (), np.zeros((num_tasks, T, S, A)))


def row(past, m):
    return past._replace(arrivals=past.arrivals[m : m + 1], sums=past.sums[m : m + 1])


def planned(planner, past, seed=0):
    return dirichlet_mdps.plan(planner(rng(seed), past, PRIOR), past.sums.shape[:2], T)


def optimum(P, r):
    return exact.optimal_action_values(MDP(np.eye(S)[None, 0], P, r[..., None]), T)


def earns(learner, family, expected, num_tasks=40_000):
    state = learner.init(rng(), family)
    trial = learner.trial(rng(1), state, family, family.sample(rng(), num_tasks))
    paid = trial.rewards.sum((1, 2))
    return abs(paid.mean() - expected) < 5 * paid.std() / math.sqrt(num_tasks)


@pytest.mark.verifies("dirichlet_mdps.1")
def test_eq1_the_mean_by_hand_and_as_that_of_many_draws():
    past = history()
    P, r = dirichlet_mdps.mean_model(past, PRIOR)
    for m, s, a in np.ndindex(M, S, A):
        weights = [PRIOR.concentration[s, a, x] + past.arrivals[m, s, a, x] for x in range(S)]
        np.testing.assert_allclose(P[m, s, a], np.array(weights) / sum(weights), rtol=1e-14)
        n = past.arrivals[m, s, a].sum()
        assert r[m, s, a] == pytest.approx((1 + past.sums[m, s, a]) / (1 + n))
    draw = rng(1)
    draws = [dirichlet_mdps.draw_model(draw, past, PRIOR) for _ in range(4000)]
    for mean, some in zip((P, r), map(np.stack, zip(*draws, strict=True)), strict=True):
        assert (np.abs(some.mean(0) - mean) < 5 * some.std(0) / math.sqrt(4000)).all()
    assert (np.stack([p for p, _ in draws]).sum(-1) - 1).max() < 1e-12


@pytest.mark.verifies("dirichlet_mdps.2")
def test_eq2_planning_is_the_optimum_of_the_model():
    past = history()
    P, r = dirichlet_mdps.mean_model(past, PRIOR)
    found = dirichlet_mdps.plan(partial(dirichlet_mdps.backup, P=P, r=r), (M, S), T)
    np.testing.assert_allclose(found, optimum(P, r), rtol=1e-13)


@pytest.mark.verifies("dirichlet_mdps.3")
def test_eq3_psrl_plans_for_its_draw():
    past = history()
    model = dirichlet_mdps.draw_model(rng(7), past, PRIOR)
    found = planned(dirichlet_mdps.plan_by_draw, past, seed=7)
    np.testing.assert_allclose(found, optimum(*model), rtol=1e-13)


@pytest.mark.verifies("dirichlet_mdps.3")
def test_eq3_psrl_on_two_normal_arms_in_closed_form():
    # the first arm's mean moves by X ~ N(0, 1/2); it is drawn again with chance Phi(X / sqrt(3/2))
    assert earns(posterior_sampling.psrl(), FLAT, 2 + 0.5 / math.sqrt(2 * math.pi * 2))


@pytest.mark.verifies("dirichlet_mdps.4")
def test_eq4_the_best_of_the_draws_pair_by_pair():
    past = history()
    draw = rng(3)
    models = [dirichlet_mdps.draw_model(draw, past, PRIOR) for _ in range(3)]
    V, expected = np.zeros((M, S)), []
    for _ in range(T):
        Q = np.full((M, S, A), -np.inf)
        for (P, r), m, s, a in ((x, *i) for x in models for i in np.ndindex(M, S, A)):
            Q[m, s, a] = max(Q[m, s, a], r[m, s, a] + P[m, s, a] @ V[m])
        V = Q.max(-1)
        expected.append(Q)
    found = planned(partial(dirichlet_mdps.plan_by_draws, num_draws=3), past, seed=3)
    np.testing.assert_allclose(found, np.stack(expected[::-1], axis=1), rtol=1e-12)
    one = planned(partial(dirichlet_mdps.plan_by_draws, num_draws=1), past, seed=3)
    assert (one == planned(dirichlet_mdps.plan_by_draw, past, seed=3)).all() and (
        found >= one
    ).all()


@pytest.mark.verifies("dirichlet_mdps.5")
def test_eq5_greedy_plans_for_the_mean():
    past = history()
    expected = optimum(*dirichlet_mdps.mean_model(past, PRIOR))
    np.testing.assert_allclose(planned(dirichlet_mdps.plan_by_mean, past), expected, rtol=1e-13)
    # of two normal arms it stays with the first if it paid above 1: E max(X, 0), X ~ N(0, 1/2)
    assert earns(dirichlet_mdps.greedy(), FLAT, 2 + math.sqrt(0.5 / (2 * math.pi)))


@pytest.mark.verifies("dirichlet_mdps.6")
def test_eq6_any_action_with_probability_eps():
    family = make("mdp", {"states": "2", "actions": "4", "horizon": "1", "episodes": "1"})
    agent = dirichlet_mdps.eps_greedy(0.4).init(rng(), family)
    memory = agent.begin(rng(), agent.start(20_000))
    memory = memory._replace(q=np.broadcast_to([0.0, 2.0, 1.0, 2.0 - 1e-12], memory.q.shape))
    actions = agent.act(rng(), memory, np.zeros(20_000, int))
    share = np.bincount(actions) / 20_000
    for found, expected in zip(share, (0.1, 0.4, 0.1, 0.4), strict=True):
        assert abs(found - expected) < 5 * math.sqrt(expected * (1 - expected) / 20_000)


@pytest.mark.verifies("dirichlet_mdps.7")
def test_eq7_the_bonus_by_hand():
    past = history()
    P, r = dirichlet_mdps.mean_model(past, PRIOR)
    known = PRIOR.concentration.sum(-1) + past.arrivals.sum(-1)
    found = planned(partial(dirichlet_mdps.plan_with_bonus, beta=2.0), past)
    np.testing.assert_allclose(found, optimum(P, r + 2 / (1 + known)), rtol=1e-13)
    without = planned(partial(dirichlet_mdps.plan_with_bonus, beta=0.0), past)
    np.testing.assert_allclose(without, optimum(P, r), rtol=1e-13)


def most_by_hand(V, p, radius):
    """The algorithm of Jaksch et al. 2010, fig. 2, in loops."""
    p, order = list(p), sorted(range(len(V)), key=lambda i: -V[i])
    p[order[0]] = min(1.0, p[order[0]] + radius / 2)
    worst = len(order) - 1
    while sum(p) > 1 + 1e-12:
        surplus = sum(p) - 1
        p[order[worst]] = max(0.0, p[order[worst]] - surplus)
        worst -= 1
    return sum(x * v for x, v in zip(p, V, strict=True))


@pytest.mark.verifies("dirichlet_mdps.8")
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.05, 0.4, 1.1, 2.0, 5.0]))
def test_eq8_the_best_model_within_a_radius(seed, radius):
    draw = rng(seed)
    V, P = draw.normal(size=(2, 5)), draw.dirichlet(np.full(5, 0.5), (2, 1, 3))
    P = np.repeat(P, 5, axis=1)
    found = dirichlet_mdps.best_within(V, P, np.full((2, 5, 3), radius))
    for m, s, a in np.ndindex(2, 5, 3):
        expected = most_by_hand(V[m], P[m, s, a], radius)
        assert found[m, s, a] == pytest.approx(expected, abs=1e-12)
    others = draw.dirichlet(np.full(5, 0.5), 200)
    inside = np.abs(others - P[0, 0, 0]).sum(-1) <= radius
    assert (others[inside] @ V[0] <= found[0, 0, 0] + 1e-12).all()
    if radius >= 2:
        np.testing.assert_allclose(found[0], V[0].max())


@pytest.mark.verifies("dirichlet_mdps.8")
def test_eq8_the_radii_by_hand_and_a_scale_of_zero_is_greedy():
    past = history()
    d_P, d_r = dirichlet_mdps.radii(past, 0.5)
    for m, s, a in np.ndindex(M, S, A):
        n, t = max(1, past.arrivals[m, s, a].sum()), 1 + past.arrivals[m].sum()
        radius = math.sqrt(14 * S * math.log(2 * A * t) / n)
        assert d_P[m, s, a] == pytest.approx(0.5 * radius)
        bonus = math.sqrt(7 * math.log(2 * S * A * t) / (2 * n))
        assert d_r[m, s, a] == pytest.approx(0.5 * bonus)
    found = planned(partial(dirichlet_mdps.plan_optimistically, c=0.0), past)
    np.testing.assert_allclose(found, planned(dirichlet_mdps.plan_by_mean, past), rtol=1e-12)
    optimistic = planned(partial(dirichlet_mdps.plan_optimistically, c=0.1), past)
    assert (optimistic > found).all()


@pytest.mark.parametrize(
    "planner",
    [
        dirichlet_mdps.plan_by_mean,
        partial(dirichlet_mdps.plan_with_bonus, beta=3.0),
        partial(dirichlet_mdps.plan_optimistically, c=0.1),
    ],
)
def test_many_tasks_at_once_are_as_one_at_a_time(planner):
    past = history()
    together = planned(planner, past)
    for m in range(M):
        np.testing.assert_allclose(planned(planner, row(past, m))[0], together[m], rtol=1e-13)


def test_what_was_seen_is_counted_once_an_episode_has_ended():
    family = make("mdp", {"states": "3", "actions": "2", "horizon": "4", "episodes": "3"})
    agent = dirichlet_mdps.greedy().init(rng(), family)
    memory, draw = agent.start(5), rng(2)
    arrivals, sums = np.zeros((5, 3, 2, 3)), np.zeros((5, 3, 2))
    for _ in range(3):
        memory = agent.begin(draw, memory)
        np.testing.assert_array_equal(memory.arrivals, arrivals)
        np.testing.assert_allclose(memory.sums, sums, atol=1e-14)
        for _ in range(4):
            s, arrived, a = (draw.integers(0, high, 5) for high in (3, 3, 2))
            paid = draw.normal(size=5)
            memory = agent.observe(memory, s, a, paid, arrived)
            for m in range(5):
                arrivals[m, s[m], a[m], arrived[m]] += 1
                sums[m, s[m], a[m]] += paid[m]


LEARNERS = {
    "greedy": dirichlet_mdps.greedy(), "eps_greedy": dirichlet_mdps.eps_greedy(0.1),
    "beb": dirichlet_mdps.beb(10.0), "ucrl2": dirichlet_mdps.ucrl2(0.05), "opsrl": dirichlet_mdps.opsrl(2),
}  # fmt: skip


@pytest.mark.parametrize("name", LEARNERS)
def test_a_player_learns_pickles_and_refuses_other_families(name):
    learner = pickle.loads(pickle.dumps(LEARNERS[name]))
    family = make("mdp", {"states": "3", "actions": "3", "horizon": "4", "episodes": "8"})
    state = pickle.loads(pickle.dumps(learner.init(rng(), family)))
    assert learner.step(rng(), state, family) == (state, None)
    trial = learner.trial(rng(1), state, family, family.sample(rng(), 200))
    paid = trial.rewards.sum((1, 2))
    assert paid.mean() > 32 + 5 * paid.std() / math.sqrt(200)  # the random player earns 32
    for other in ("bandit", "gaussian", "correlated", "gridworld"):
        with pytest.raises(ValueError, match=f"{name} plays random MDPs"):
            learner.init(rng(), make(other, {}))


def test_the_ceiling_of_the_known_task_is_not_exceeded():
    family = make("mdp", {"states": "3", "actions": "3", "horizon": "4", "episodes": "8"})
    tasks = family.sample(rng(), 500)
    best = 8 * exact.optimal_return(tasks, 4)
    for learner in (*LEARNERS.values(), posterior_sampling.psrl()):
        trial = learner.trial(rng(1), learner.init(rng(), family), family, tasks)
        lost = best - trial.rewards.sum((1, 2))
        assert lost.mean() > -4 * lost.std() / math.sqrt(500)


def test_the_plan_is_read_at_the_step_of_the_episode():
    family = make("mdp", {"states": "2", "actions": "3", "horizon": "3", "episodes": "2"})
    agent = dirichlet_mdps.greedy().init(np.random.default_rng(0), family)
    memory = agent.begin(np.random.default_rng(0), agent.start(4))
    best = np.broadcast_to(np.eye(3)[None, :, None], memory.q.shape)  # at step t action t
    memory = memory._replace(q=best)
    for t in range(3):
        assert (agent.act(np.random.default_rng(0), memory, np.zeros(4, int)) == t).all()
        memory = agent.observe(memory, *[np.zeros(4, int)] * 4)
