"""trust_region (1)-(8): against closed forms, loops over single steps, and linear algebra."""

from functools import partial

import adaptation_by_hand as by_hand
import autograd.numpy as np
import numpy as onp
import pytest
from autograd import grad, hessian, jacobian
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from metarl_min.basics import optimizers, trees
from metarl_min.basics.checks import check_derivative
from metarl_min.gradients import adaptation, objectives, stage_tables, trials
from metarl_min.gradients import trust_region as tr
from metarl_min.gradients.adaptation_settings import adaptation as resolve
from metarl_min.gradients.trials import Trial
from metarl_min.mdps import networks, policies, rollouts
from metarl_min.mdps.episodes import map_fields
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks.bandits import bandit

seeds = st.integers(0, 10**6)
POLICIES = {"table": policies.tabular, "network": networks.mlp(3)}


def definite(rng, D):
    """A positive definite matrix whose eigenvalues are between 1 and 10."""
    Q, _ = onp.linalg.qr(rng.standard_normal((D, D)))
    return (Q * rng.uniform(1, 10, D)) @ Q.T


def times(A, calls=None):
    def product(v):
        if calls is not None:
            calls.append(v)
        return A @ v

    return product


# ---- eq. (1): conjugate gradients ----


@pytest.mark.verifies("trust_region.1")
def test_two_steps_by_hand():
    A, b = onp.array([[4.0, 1.0], [1.0, 3.0]]), onp.array([1.0, 2.0])
    # p = b, b.b = 5, b.Ab = 20, so x_1 = b / 4; then the solution
    assert_allclose(tr.conjugate_gradient(times(A), b, 1), [0.25, 0.5], rtol=1e-15)
    assert_allclose(tr.conjugate_gradient(times(A), b, 2), [1 / 11, 7 / 11], rtol=1e-14)


@pytest.mark.verifies("trust_region.1")
@given(seeds, st.integers(1, 8))
def test_definite_systems_are_solved_in_as_many_steps_as_unknowns(seed, D):
    rng = onp.random.default_rng(seed)
    A, b = definite(rng, D), rng.standard_normal(D)
    x = tr.conjugate_gradient(times(A), b, D)
    assert_allclose(x, onp.linalg.solve(A, b), atol=1e-9 * abs(b).max())


@pytest.mark.verifies("trust_region.1")
@given(seeds, st.integers(1, 4))
def test_each_iterate_is_the_best_of_its_krylov_space(seed, steps):
    rng = onp.random.default_rng(seed)
    A, b = definite(rng, 6), rng.standard_normal(6)
    basis, _ = onp.linalg.qr(
        onp.stack([onp.linalg.matrix_power(A, k) @ b for k in range(steps)], 1)
    )
    best = basis @ onp.linalg.solve(basis.T @ A @ basis, basis.T @ b)
    x = tr.conjugate_gradient(times(A), b, steps)
    assert_allclose(x, best, atol=1e-8)
    assert x @ A @ x == pytest.approx(x @ b, rel=1e-9)  # what `step` uses for its length


def test_it_stops_when_solved_and_where_there_is_nothing_to_solve():
    for eigenvalues, products in (([3.0] * 6, 1), ([1.0, 1.0, 1.0, 4.0, 4.0, 4.0], 2)):
        calls, b = [], onp.arange(1.0, 7.0)
        x = tr.conjugate_gradient(times(onp.diag(eigenvalues), calls), b, 50)
        assert_allclose(x, b / eigenvalues, rtol=1e-13)
        assert len(calls) == products + 1
    assert_allclose(tr.conjugate_gradient(times(onp.eye(2)), onp.zeros(2), 9), 0, atol=0)


@pytest.mark.verifies("trust_region.1")
@pytest.mark.parametrize("scale", [1e-13, 1.0, 1e13])
def test_solved_is_measured_by_the_right_hand_side(scale):
    A, calls = onp.diag([1.0, 1.0, 4.0]), []
    x = tr.conjugate_gradient(times(A, calls), scale * onp.array([1.0, 2.0, 4.0]), 50)
    assert_allclose(x / scale, [1.0, 2.0, 1.0], rtol=1e-13)
    assert len(calls) == 3


def test_a_singular_matrix_is_solved_in_its_range_and_left_where_it_is_flat():
    A = onp.diag([2.0, 0.0])
    assert_allclose(tr.conjugate_gradient(times(A), onp.array([1.0, 0.0]), 5), [0.5, 0])
    assert_allclose(tr.conjugate_gradient(times(A), onp.array([0.0, 1.0]), 5), [0, 0])


# ---- eqs. (2), (3): the step ----


def linear(g):
    return lambda theta: np.sum(g * theta["w"])


def quadratic(F, centre):
    return lambda theta: 0.5 * np.dot(theta["w"] - centre, np.dot(F, theta["w"] - centre))


@pytest.mark.verifies("trust_region.2")
@given(seeds, st.integers(1, 6), st.sampled_from([1e-4, 0.02, 3.0]))
def test_on_a_quadratic_the_step_is_the_closed_form(seed, D, max_kl):
    rng = onp.random.default_rng(seed)
    F, g, theta = definite(rng, D), rng.standard_normal(D), rng.standard_normal(D)
    damped = F + 1e-3 * onp.eye(D)
    x = onp.linalg.solve(damped, g)
    new, info = tr.step({"w": theta}, linear(g), quadratic(F, theta), max_kl, damping=1e-3)
    assert_allclose(new["w"], theta + onp.sqrt(2 * max_kl / (x @ damped @ x)) * x, rtol=1e-8)
    assert info.accepted and 0.99 * max_kl < info.kl <= max_kl
    assert info.improvement == pytest.approx(g @ (new["w"] - theta), rel=1e-9)


def test_the_length_does_not_depend_on_the_scale_of_the_surrogate():
    F, g, theta = onp.diag([1.0, 5.0]), onp.array([1.0, -2.0]), {"w": onp.zeros(2)}
    news = [
        tr.step(theta, linear(scale * g), quadratic(F, 0.0), 0.1)[0] for scale in (1e-6, 1.0, 1e6)
    ]
    assert_allclose(news[0]["w"], news[1]["w"], rtol=1e-9)
    assert_allclose(news[2]["w"], news[1]["w"], rtol=1e-9)


@pytest.mark.verifies("trust_region.1", "trust_region.2")
def test_a_step_has_ten_iterations_and_a_damping_of_a_hundredth_unless_told():
    rng = onp.random.default_rng(0)
    F, g, theta = definite(rng, 14), rng.standard_normal(14), {"w": onp.zeros(14)}

    def go(**options):
        return tr.step(theta, linear(g), quadratic(F, 0.0), 0.1, **options)[0]["w"]

    assert_allclose(go(), go(num_iterations=10, damping=1e-2), rtol=0)
    for other in ({"num_iterations": 9}, {"num_iterations": 11}, {"damping": 2e-2}):
        assert (go() != go(**other)).any()


def table_divergence(z, visits):
    """Written step by step: sum of visits times KL(pi_z || pi)."""
    old = onp.exp(z) / onp.exp(z).sum(-1, keepdims=True)

    def divergence(theta):
        log_probs = theta["logits"] - np.log(np.sum(np.exp(theta["logits"]), -1, keepdims=True))
        return np.sum(visits[:, None] * old * (onp.log(old) - log_probs))

    return divergence


def softmax_fisher(z, visits):
    """diag(pi) - pi pi^T of each state, times its visits, on the diagonal. [S A, S A]"""
    S, A = z.shape
    F = onp.zeros((S, A, S, A))
    for s in range(S):
        pi = onp.exp(z[s]) / onp.exp(z[s]).sum()
        F[s, :, s, :] = visits[s] * (onp.diag(pi) - onp.outer(pi, pi))
    return F.reshape(S * A, S * A)


@pytest.mark.verifies("trust_region.2", "trust_region.8")
@given(seeds)
def test_the_fisher_matrix_of_a_table_is_the_closed_form_and_flat_along_shifts(seed):
    rng = onp.random.default_rng(seed)
    z, visits = rng.standard_normal((2, 3)), rng.uniform(0.2, 1, 2)
    F = softmax_fisher(z, visits)
    policy, trial = policies.tabular, Trial(1.0, [{"logits": z}], [], [None])
    term = lambda new, old: visits * policies.kl(old, new)  # noqa: E731

    def D(v):
        return tr.surrogate_after_adaptation({"logits": v.reshape(2, 3)}, policy, trial, [term])

    assert_allclose(hessian(D)(z.ravel()), F, atol=1e-13)
    shift = onp.array([1.0, 1, 1, 0, 0, 0])
    assert_allclose(F @ shift, 0, atol=1e-15)
    assert D(z.ravel() + 5 * shift) == pytest.approx(0, abs=1e-14)
    # the products that `step` uses: damping so large that the first point is accepted
    g, A = rng.standard_normal(6), F + 0.3 * onp.eye(6)
    x = onp.linalg.solve(A, g)
    new, info = tr.step(
        {"logits": z}, lambda t: np.sum(g.reshape(2, 3) * t["logits"]),
        table_divergence(z, visits), 1e-6, damping=0.3,
    )  # fmt: skip
    s = (onp.sqrt(2e-6 / (x @ A @ x)) * x).reshape(2, 3)
    assert_allclose(new["logits"] - z, s, atol=1e-6 * abs(s).max())
    assert info.accepted and info.kl < 1e-6


@pytest.mark.verifies("trust_region.2")
def test_without_damping_the_policy_after_a_step_does_not_depend_on_the_coordinates():
    rng = onp.random.default_rng(3)
    z, visits, C = rng.standard_normal((2, 3)), onp.array([0.3, 0.7]), rng.standard_normal((2, 3))
    B = rng.standard_normal((6, 6))

    def at(theta):
        return {"logits": np.reshape(np.dot(B, theta["w"]), (2, 3))}

    def surrogate(theta):
        return tr.importance_surrogate(theta["logits"], z, C)

    divergence = table_divergence(z, visits)
    direct, _ = tr.step({"logits": z}, surrogate, divergence, 0.02, damping=0.0)
    turned, _ = tr.step(
        {"w": onp.linalg.solve(B, z.ravel())},
        lambda w: surrogate(at(w)), lambda w: divergence(at(w)), 0.02, damping=0.0,
    )  # fmt: skip
    moved, same = onp.exp(direct["logits"]), onp.exp(at(turned)["logits"])
    probs = [p / p.sum(-1, keepdims=True) for p in (moved, same)]
    assert_allclose(probs[1], probs[0], atol=1e-9)
    g = grad(surrogate)({"logits": z})["logits"].ravel()
    steepest = B @ B.T @ g  # where plain ascent in the other coordinates leads
    assert steepest @ g < 0.9 * onp.linalg.norm(steepest) * onp.linalg.norm(g)


def first_good(theta, full, L, D, max_kl):
    """j of eq. (3), and the point."""
    for j in range(15):
        point = {"w": theta["w"] + 0.8**j * full}
        if L(point) > L(theta) and D(point) <= max_kl:
            return j, point
    return None, theta


LINE_SEARCHES = {
    "L is higher at the last point alone": (lambda s: s - s**2 / 0.007, lambda s: s**2 / 2),
    "L falls again": (lambda s: s - 20 * s**2, lambda s: s**2 / 2),
    "D grows faster than its quadratic": (lambda s: s, lambda s: s**2 / 2 + 40 * s**4),
    "L is not a number further on": (lambda s: np.sqrt(0.04 - s) * -1, lambda s: s**2 / 2),
    "D is not a number further on": (lambda s: s, lambda s: s**2 / 2 + 0 * np.sqrt(0.05 - s)),
    "L runs away": (lambda s: s + np.exp(1e4 * (s - 0.06)), lambda s: s**2 / 2),
}


@pytest.mark.verifies("trust_region.3")
@pytest.mark.parametrize("name", LINE_SEARCHES)
def test_the_line_search_takes_the_first_point_that_is_better_and_near(name):
    L, D = (lambda theta, f=f: np.sum(f(theta["w"])) for f in LINE_SEARCHES[name])
    theta, max_kl = {"w": onp.zeros(1)}, 0.01
    new, info = tr.step(theta, L, D, max_kl, damping=0.0)
    with onp.errstate(all="ignore"):
        finite = lambda t: L(t) if onp.isfinite(L(t)) else -onp.inf  # noqa: E731
        j, point = first_good(theta, onp.sqrt(0.02) * onp.ones(1), finite, D, max_kl)
    assert 0 < j <= 14 and (j == 14) == ("last" in name)
    assert info.accepted and info.kl <= max_kl
    assert_allclose(new["w"], point["w"], rtol=1e-9)
    assert (info.improvement, info.kl) == pytest.approx((L(new) - L(theta), D(new)))


@pytest.mark.verifies("trust_region.3")
@pytest.mark.parametrize(
    ("L", "D"),
    [
        (lambda s: s - 200 * s**2, lambda s: s**2 / 2),  # worse at every point of the search
        (lambda s: 0 * s, lambda s: s**2 / 2),  # flat
        (lambda s: s, lambda s: s**2 / 2 + 1e9 * s**4),  # too far at every point
        (lambda s: -np.sqrt(1e-8 - s), lambda s: s**2 / 2),  # not a number at every point
    ],
)
def test_where_no_point_will_do_theta_stays(L, D):
    theta = {"w": onp.zeros(1)}
    new, info = tr.step(theta, lambda t: np.sum(L(t["w"])), lambda t: np.sum(D(t["w"])), 0.01)
    assert new is theta and info == (False, 0.0, 0.0)


# ---- eqs. (4)-(6): surrogates with ratios ----


def drawn(seed, leading=(), N=5, T=4, S=3, A=3, far=0.5):
    """New and old logits, episodes that die at their own times, and advantages."""
    rng = onp.random.default_rng(seed)
    alive = onp.arange(T) < rng.integers(1, T + 1, size=(*leading, N, 1))
    states, actions = (rng.integers(n, size=alive.shape) for n in (S, A))
    episodes = Episodes(states, actions, rng.normal(size=alive.shape), alive)
    old = rng.normal(size=(*leading, S, A))
    return old + far * rng.normal(size=old.shape), old, episodes, rng.normal(size=alive.shape)


def per_step(z, old, episodes, advantages, clip):
    """Loop over the living steps of one task; `clip` maps (r, A) to what is summed."""
    new, reference = (x - np.log(np.sum(np.exp(x), -1, keepdims=True)) for x in (z, old))
    total = 0.0
    for step in onp.ndindex(advantages.shape):
        if episodes.alive[step]:
            s, a = episodes.states[step], episodes.actions[step]
            total = total + clip(np.exp(new[s, a] - reference[s, a]), advantages[step])
    return total


def ppo(eps):
    return lambda r, A: np.minimum(r * A, np.clip(r, 1 - eps, 1 + eps) * A)


@pytest.mark.verifies("trust_region.4")
@given(seeds)
def test_the_ratio_surrogate_is_the_sum_over_steps_and_at_the_reference_reinforce(seed):
    z, old, episodes, advantages = drawn(seed)
    C = rollouts.sum_over_visits(episodes, advantages, (3, 3))
    by_step = partial(
        per_step, old=old, episodes=episodes, advantages=advantages, clip=lambda r, A: r * A
    )
    assert tr.importance_surrogate(z, old, C) == pytest.approx(by_step(z), abs=1e-12)
    assert_allclose(grad(tr.importance_surrogate)(z, old, C), grad(by_step)(z), atol=1e-12)
    assert_allclose(
        grad(tr.importance_surrogate)(old, old, C),
        objectives.reinforce_gradient(old, C),
        atol=1e-13,
    )


@pytest.mark.verifies("trust_region.4")
def test_with_expected_advantages_the_ratio_surrogate_is_the_return_of_any_policy():
    means, old, new = onp.array([[0.2, 0.9, 0.4]]), onp.array([[1.0, 0, -1]]), onp.zeros((1, 3))
    C = policies.softmax(old) * means
    assert tr.importance_surrogate(new, old, C) == pytest.approx(0.5, rel=1e-14)


@pytest.mark.verifies("trust_region.5", "trust_region.6")
@given(seeds, st.sampled_from([0.05, 0.2, 0.5]), st.sampled_from([0.1, 0.5, 2.0]))
def test_the_clipped_surrogate_from_two_tables_is_the_one_summed_over_steps(seed, eps, far):
    z, old, episodes, advantages = drawn(seed, far=far)
    batch = map_fields(lambda x: x[None], episodes)
    plus, minus, _ = (x[0] for x in stage_tables.surrogate_tables(batch, advantages[None], (3, 3)))
    by_step = partial(per_step, old=old, episodes=episodes, advantages=advantages, clip=ppo(eps))
    scale = abs(advantages).sum() * onp.exp(far)
    assert tr.clipped_surrogate(z, old, plus, minus, eps) == pytest.approx(
        by_step(z), abs=1e-12 * scale
    )
    gradient = grad(tr.clipped_surrogate)(z, old, plus, minus, eps)
    assert_allclose(gradient, grad(by_step)(z), atol=1e-12 * scale)
    here = grad(tr.clipped_surrogate)(old, old, plus, minus, eps)
    assert_allclose(here, objectives.reinforce_gradient(old, plus + minus), atol=1e-13)


def by_table(z, old, table, eps):
    plus, minus = onp.maximum(table, 0), onp.minimum(table, 0)
    return tr.clipped_surrogate(z, old, plus, minus, eps)


@pytest.mark.verifies("trust_region.5", "trust_region.6")
@pytest.mark.parametrize(
    ("advantage", "p", "value", "flat"),
    [  # reference probability 1/2, so r = 2 p; eps = 0.2
        (3.0, 0.55, 3.3, False),
        (3.0, 0.599, 3.594, False),
        (3.0, 0.601, 3.6, True),
        (3.0, 0.9, 3.6, True),
        (3.0, 0.1, 0.6, False),
        (-3.0, 0.45, -2.7, False),
        (-3.0, 0.401, -2.406, False),
        (-3.0, 0.399, -2.4, True),
        (-3.0, 0.1, -2.4, True),
        (-3.0, 0.9, -5.4, False),
    ],
)
def test_clipping_is_one_sided_and_its_kinks_are_where_they_should_be(advantage, p, value, flat):
    old, table = onp.zeros((1, 2)), onp.array([[advantage, 0.0]])
    z = onp.log([[p, 1 - p]])
    assert by_table(z, old, table, 0.2) == pytest.approx(value, rel=1e-13)
    slope = grad(by_table)(z, old, table, 0.2)
    expected = 0.0 if flat else advantage * 2 * p * (1 - p)
    assert_allclose(slope, [[expected, -expected]], atol=1e-13)


@pytest.mark.verifies("trust_region.6")
def test_one_table_of_advantages_would_not_do():
    """A pair seen with +1 and with -1: they cancel in C, and not in the clip."""
    old, z, one = onp.zeros((1, 2)), onp.log([[0.9, 0.1]]), onp.array([[1.0, 0.0]])
    assert tr.clipped_surrogate(z, old, one, -one, 0.2) == pytest.approx(1.2 - 1.8, rel=1e-13)


def test_pairs_that_were_never_played_do_not_spoil_the_sum_however_large_their_ratio():
    old, z = onp.array([[0.0, -2000.0]]), onp.array([[0.0, 0.0]])
    C = onp.array([[2.0, 0.0]])
    assert tr.importance_surrogate(z, old, C) == pytest.approx(1.0, rel=1e-14)
    assert_allclose(grad(tr.importance_surrogate)(z, old, C), [[0.5, -0.5]], rtol=1e-13)
    assert_allclose(grad(tr.clipped_surrogate)(z, old, C, 0 * C, 0.3), [[0.5, -0.5]], rtol=1e-13)


@pytest.mark.verifies("trust_region.6")
def test_tables_of_a_batch_are_means_over_its_tasks_and_leave_the_dead_out():
    _, _, episodes, advantages = drawn(5, leading=(2,))
    plus, minus, visits = stage_tables.surrogate_tables(episodes, advantages, (3, 3))
    assert plus.shape == minus.shape == visits.shape == (2, 3, 3)
    want = onp.zeros((3, 2, 3, 3))
    for m, n, t in onp.ndindex(advantages.shape):
        if episodes.alive[m, n, t]:
            s, a, A = (x[m, n, t] for x in (episodes.states, episodes.actions, advantages))
            want[0 if A > 0 else 1, m, s, a] += A / 2
            want[2, m, s, a] += 1 / 2
    assert_allclose([plus, minus, visits], want, atol=1e-14)


# ---- eqs. (7), (8): through adaptation ----


def played(policy, seed=0, M=3, N=4, T=3, S=2, A=3, K=2, alpha=0.7):
    """A trial of made-up episodes, and its tables."""
    rng = onp.random.default_rng(seed)
    theta = trees.map_leaves(
        lambda x: x + 0.3 * rng.standard_normal(x.shape), policy.init(rng, S, A)
    )
    tables = [rng.standard_normal((M, S, A)) for _ in range(K)]
    inner = [objectives.reinforce_objective(C) for C in tables]
    path = adaptation.inner_loop(policy, theta, alpha, inner)
    data = [drawn(seed + k, (M,), N, T, S, A)[2:] for k in range(K + 1)]
    stages = [
        stage_tables.surrogate_tables(episodes, advantages, (S, A)) for episodes, advantages in data
    ]
    return Trial(alpha, path, inner, [episodes for episodes, _ in data]), stages


def moved(theta, seed=9, far=0.1):
    rng = onp.random.default_rng(seed)
    return trees.map_leaves(lambda x: x + far * rng.standard_normal(x.shape), theta)


def one_task_at_a_time(policy, trial, stages, f):
    """Eq. (7) with autograd's own inner gradient and a loop over tasks."""

    def total(theta):
        value = 0.0
        for m in range(3):
            phi = theta
            for k, old in enumerate(trial.path):
                there = policy.logits(old)
                there = there[m] if there.ndim == 3 else there
                value = value + f(policy.logits(phi), there, *(x[m] for x in stages[k]))
                if k < len(trial.inner):
                    C = trial.inner[k].value.keywords["C"][m]
                    inner = grad(lambda p, C=C: objectives.reinforce(policy.logits(p), C))
                    phi = trees.add_scaled(phi, trial.alpha, inner(phi))
        return value

    return total


def terms_of(stages, eps=0.1):
    visits = sum(v.sum() for *_, v in stages)
    return {
        "ratio": [partial(tr.importance_surrogate, C=p + m) for p, m, _ in stages],
        "clipped": [partial(tr.clipped_surrogate, plus=p, minus=m, eps=eps) for p, m, _ in stages],
        "divergence": [
            lambda new, old, v=v: v.sum(-1) * policies.kl(old, new) / visits for *_, v in stages
        ],
    }


SINGLE = {
    "ratio": lambda new, old, p, m, v: tr.importance_surrogate(new, old, p + m),
    "clipped": lambda new, old, p, m, v: tr.clipped_surrogate(new, old, p, m, 0.1),
    "divergence": lambda new, old, p, m, v: np.sum(v.sum(-1) * policies.kl(old, new)),
}


@pytest.mark.verifies("trust_region.7", "trust_region.8")
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", SINGLE)
def test_functions_of_theta_go_through_every_inner_step(name, policy):
    policy = POLICIES[policy]
    trial, stages = played(policy)
    terms = terms_of(stages)[name]
    f = partial(tr.surrogate_after_adaptation, policy=policy, trial=trial, terms=terms)
    theta = moved(trial.path[0])
    slow = one_task_at_a_time(policy, trial, stages, SINGLE[name])
    scale = sum(v.sum() for *_, v in stages) if name == "divergence" else 1.0
    assert f(theta) == pytest.approx(slow(theta) / scale, rel=1e-12)
    gradient = grad(f)(theta)
    truth = trees.scale(grad(slow)(theta), 1 / scale)
    assert by_hand.relative_error(gradient, truth) < 1e-11
    assert check_derivative(f, gradient, theta, tolerance=1e-7)


@pytest.mark.verifies("trust_region.7", "trust_region.4")
@pytest.mark.parametrize("policy", POLICIES)
def test_at_the_old_theta_the_gradient_is_the_chain_of_reinforce(policy):
    policy = POLICIES[policy]
    trial, stages = played(policy)
    alpha = moved(trees.map_leaves(lambda x: 0 * x + 0.7, trial.path[0]))
    path = adaptation.inner_loop(policy, trial.path[0], alpha, trial.inner)
    trial = trial._replace(path=path, alpha=alpha)
    outer = [objectives.reinforce_objective(plus + minus) for plus, minus, _ in stages]
    v = adaptation.adjoints(policy, trial.path, alpha, trial.inner, outer)
    truth = trees.sum_tasks(v[0], trial.path[0])
    for name in ("ratio", "clipped"):
        g = grad(tr.surrogate_after_adaptation)(
            trial.path[0], policy, trial, terms_of(stages)[name]
        )
        assert by_hand.relative_error(g, truth) < 1e-12


@pytest.mark.verifies("trust_region.8")
@pytest.mark.parametrize("policy", POLICIES)
def test_divergence_is_least_at_the_old_theta_with_the_fisher_matrix_pulled_back(policy):
    policy = POLICIES[policy]
    trial, stages = played(policy)
    flat, _ = trees.ravel(trial.path[0])
    terms = terms_of(stages)["divergence"]

    def D(vector):
        return tr.surrogate_after_adaptation(rebuilt(vector), policy, trial, terms)

    def rebuilt(vector):  # traced
        names, start, out = sorted(trial.path[0]), 0, {}
        for name in names:
            shape = trial.path[0][name].shape
            size = int(onp.prod(shape))
            out[name], start = np.reshape(vector[start : start + size], shape), start + size
        return out

    assert D(flat) == pytest.approx(0, abs=1e-15)
    assert_allclose(grad(D)(flat), 0, atol=1e-15)
    total, F = sum(v.sum() for *_, v in stages), 0.0
    for k, (_, _, visits) in enumerate(stages):

        def logits(vector, k=k):
            z = policy.logits(adaptation.inner_loop(policy, rebuilt(vector), 0.7, trial.inner)[k])
            return z + onp.zeros((3, 1, 1))

        J, z = jacobian(logits)(flat), logits(flat)
        for m in range(3):
            block = softmax_fisher(z[m], visits[m].sum(-1) / total)
            rows = J[m].reshape(6, -1)
            F = F + rows.T @ block @ rows
    assert_allclose(hessian(D)(flat), F, atol=1e-12)


def by_loops(policy, trial, theta):
    """Mean KL over every living step of every episode, from the episodes themselves."""
    path, total, visits = adaptation.inner_loop(policy, theta, trial.alpha, trial.inner), 0.0, 0
    for old, new, episodes in zip(trial.path, path, trial.stages, strict=True):
        M = len(episodes.states)
        p, q = (onp.broadcast_to(policies.softmax(policy.logits(x)), (M, 2, 3)) for x in (old, new))
        for m, n, t in onp.ndindex(episodes.states.shape):
            if episodes.alive[m, n, t]:
                s = episodes.states[m, n, t]
                total, visits = total + (p[m, s] * onp.log(p[m, s] / q[m, s])).sum(), visits + 1
    return total / visits


@pytest.mark.verifies("trust_region.8", "trust_region.7")
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("max_kl", [1e-4, 0.01])
def test_the_update_raises_the_surrogate_and_its_kl_is_the_mean_over_visits(policy, max_kl):
    policy = POLICIES[policy]
    trial, stages = played(policy)
    new, info = tr.trpo_update(policy, trial, stages, max_kl)
    assert info.accepted and max_kl / 20 < info.kl <= max_kl
    assert info.kl == pytest.approx(by_loops(policy, trial, new), rel=1e-9)
    L = partial(
        tr.surrogate_after_adaptation,
        policy=policy,
        trial=trial,
        terms=terms_of(stages)["ratio"],
    )
    assert info.improvement == pytest.approx(L(new) - L(trial.path[0]), rel=1e-9)
    assert info.improvement > 0


@pytest.mark.verifies("trust_region.7")
@pytest.mark.parametrize("policy", POLICIES)
def test_one_epoch_is_maml_and_later_ones_are_clipped(policy):
    policy = POLICIES[policy]
    trial, stages = played(policy)
    theta, sgd = trial.path[0], optimizers.sgd(0.5)
    update = partial(tr.clipped_update, policy, trial, stages)
    outer = [objectives.reinforce_objective(plus + minus) for plus, minus, _ in stages]
    v = adaptation.adjoints(policy, trial.path, 0.7, trial.inner, outer)
    meta_gradient = trees.sum_tasks(v[0], theta)  # a mean: `sums` has divided by M
    once, *_ = update(sgd, (), 0.3, 1)
    assert by_hand.relative_error(once, trees.add_scaled(theta, 0.5, meta_gradient)) < 1e-12
    terms = terms_of(stages, eps=0.3)["clipped"]
    second = grad(tr.surrogate_after_adaptation)(once, policy, trial, terms)
    twice, _, info = update(sgd, (), 0.3, 2)
    L = partial(tr.surrogate_after_adaptation, policy=policy, trial=trial, terms=terms)
    assert info.improvement == pytest.approx(L(twice) - L(theta), rel=1e-9)
    assert info.kl == pytest.approx(by_loops(policy, trial, twice), rel=1e-9)
    assert info.accepted is None  # there is no line search
    assert by_hand.relative_error(twice, trees.add_scaled(once, 0.5, second)) < 1e-12
    free = grad(tr.surrogate_after_adaptation)(once, policy, trial, terms_of(stages)["ratio"])
    assert by_hand.relative_error(second, free) > 1e-3  # the clip is at work


def test_the_state_of_the_optimizer_is_carried_from_epoch_to_epoch():
    trial, stages = played(policies.tabular)
    adam = optimizers.adam(0.01)
    state = adam.init(trial.path[0])
    theta, after, _ = tr.clipped_update(policies.tabular, trial, stages, adam, state, num_epochs=3)
    assert (state.num_updates, after.num_updates) == (0, 3)
    assert abs(theta["logits"] - trial.path[0]["logits"]).max() > 0.01


@pytest.mark.verifies("trust_region.7")
def test_updates_have_a_bound_of_their_own_and_five_epochs_unless_told():
    trial, stages = played(policies.tabular)
    trpo = partial(tr.trpo_update, policies.tabular, trial, stages)
    assert_allclose(trpo()[0]["logits"], trpo(max_kl=0.01)[0]["logits"], rtol=0)
    clipped = partial(tr.clipped_update, policies.tabular, trial, stages, optimizers.sgd(0.5))
    default = clipped(())[0]["logits"]
    assert_allclose(default, clipped((), eps=0.3, num_epochs=5)[0]["logits"], rtol=0)
    for other in ({"eps": 0.2}, {"num_epochs": 4}, {"num_epochs": 6}):
        assert (default != clipped((), **other)[0]["logits"]).any()


# ---- what they are for ----


def advantages_of(stages):
    """Return-to-go of the trial at every step, less the mean of the other tasks."""
    later, found = 0.0, []
    for stage in stages[::-1]:
        A = onp.cumsum(stage.rewards[..., ::-1], -1)[..., ::-1] + later
        M = len(A)
        found.append((A - A.mean(0)) * M / (M - 1))
        later = later + stage.rewards.sum((-1, -2))[:, None, None]
    return found[::-1]


@pytest.mark.parametrize("kind", ["trpo", "clipped"])
def test_a_few_updates_raise_the_exact_return_after_adaptation(kind):
    family = bandit(arms=3, pulls=6, prior=((1.0, 2.0), (2.0, 1.0), (2.0, 2.0)))
    how = resolve(family, alpha=1.0, inner_steps=2, baseline=0.5, gamma=1.0)
    J = objectives.expected_return_objective(
        family.sample(onp.random.default_rng(99), 2000), family.horizon
    )
    theta, adam = {"logits": onp.zeros((1, 3))}, optimizers.adam(0.05)
    state, returns = adam.init(theta), []
    for i in range(9):
        returns.append(adaptation.adapted_return(policies.tabular, theta, 1.0, 2, J))
        rng = onp.random.default_rng([0, i])
        sampler = rollouts.sampler(family.sample(rng, 400), family.reward_noise)
        trial = trials.play(rng, how, sampler, theta, 1.0)
        stages = stage_tables.trial_tables(trial.stages, advantages_of(trial.stages), (1, 3))
        if kind == "trpo":
            theta, info = tr.trpo_update(policies.tabular, trial, stages)
            assert info.accepted and 0 < info.kl <= 0.01
        else:
            theta, state, _ = tr.clipped_update(policies.tabular, trial, stages, adam, state)
    assert (onp.diff(returns) > -0.003).all()
    assert returns[-1] > returns[0] + 0.04


@pytest.mark.parametrize("policy", POLICIES)
def test_saturated_policies_give_numbers_and_no_warnings(policy):
    """Inner steps so large that logits run into the hundreds; warnings are errors here."""
    policy = POLICIES[policy]
    trial, stages = played(policy, alpha=300.0)
    new, info = tr.trpo_update(policy, trial, stages)
    trees.check(new)
    assert info.kl <= 0.01
    theta, _, info = tr.clipped_update(policy, trial, stages, optimizers.sgd(0.1), ())
    trees.check(theta)


# ---- edges ----


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"max_kl": 0.0}, ValueError, "max_kl must be positive, got 0.0"),
        ({"max_kl": -1.0}, ValueError, "max_kl must be positive, got -1.0"),
        ({"max_kl": onp.nan}, ValueError, "max_kl must be finite, got nan"),
        ({"max_kl": "1"}, TypeError, "max_kl must be a real number, got '1'"),
        ({"damping": -1e-3}, ValueError, "damping must be finite, from 0"),
        ({"num_iterations": 0}, ValueError, "num_iterations must be at least 1, got 0"),
        ({"theta": {"w": onp.zeros(2, int)}}, TypeError, "array of floats, got int"),
        ({"theta": {"w": onp.full(2, onp.nan)}}, ValueError, "must be finite, got"),
        ({"surrogate": linear(onp.nan)}, ValueError, "surrogate must be finite .* got nan and 0.0"),
        ({"divergence": quadratic(onp.eye(2), 1.0)}, ValueError, "divergence 0, got 0.0 and 1.0"),
        ({"divergence": linear(onp.nan)}, ValueError, "divergence 0, got 0.0 and nan"),
    ],
)
def test_what_is_not_a_step_is_refused(settings, error, message):
    good = {
        "theta": {"w": onp.zeros(2)}, "surrogate": linear(onp.ones(2)),
        "divergence": quadratic(onp.eye(2), 0.0), "max_kl": 0.1,
    }  # fmt: skip
    with pytest.raises(error, match=message):
        tr.step(**(good | settings))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"eps": 0.0}, ValueError, "eps must be above 0 and below 1, got 0.0"),
        ({"eps": -0.1}, ValueError, "eps must be above 0 and below 1, got -0.1"),
        ({"eps": 1.0}, ValueError, "eps must be above 0 and below 1, got 1.0"),
        ({"eps": onp.nan}, ValueError, "eps must be finite, got nan"),
        ({"num_epochs": 0}, ValueError, "num_epochs must be at least 1, got 0"),
        ({"num_epochs": 1.5}, TypeError, "num_epochs must be a whole number"),
    ],
)
def test_what_is_not_a_clipped_update_is_refused(settings, error, message):
    trial, stages = played(policies.tabular)
    with pytest.raises(error, match=message):
        tr.clipped_update(policies.tabular, trial, stages, optimizers.sgd(0.1), (), **settings)


@pytest.mark.parametrize("update", [tr.trpo_update, partial(tr.clipped_update, state=())])
def test_tables_are_needed_for_every_stage(update):
    trial, stages = played(policies.tabular)
    extra = {"optimizer": optimizers.sgd(0.1)} if isinstance(update, partial) else {}
    with pytest.raises(ValueError, match="there must be tables of 3 stages, got 2"):
        update(policies.tabular, trial, stages[:-1], **extra)
