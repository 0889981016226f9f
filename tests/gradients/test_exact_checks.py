"""exact_mistakes (1), exact_checks: a right program agrees, and each mistake gets its own name."""

import itertools

import numpy as np
import pytest

from metarl_min.basics import trees
from metarl_min.gradients import adaptation, exact_mistakes
from metarl_min.gradients.exact_checks import check_exact_meta_gradient
from metarl_min.gradients.exact_mistakes import ExactProblem, standard_exact_problems
from metarl_min.mdps import networks
from metarl_min.mdps.mdp import take_tasks

BANDITS, MDPS = standard_exact_problems()
WAYS = (
    adaptation.meta_gradient,
    adaptation.meta_gradient_reverse_over_reverse,
    adaptation.meta_gradient_by_hessian_products,
)


def called(way):
    return lambda p: way(p.policy, p.theta, p.alpha, p.num_steps, p.J)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.verifies("exact_mistakes.1")
def test_eq1_the_ways_of_adaptation_agree(way):
    report = check_exact_meta_gradient(called(way))
    assert report and report.digits > 13 and report.remark == ""


@pytest.mark.parametrize("problem", [BANDITS, MDPS], ids=["bandits", "mdps"])
@pytest.mark.verifies("exact_mistakes.1")
def test_eq1_is_the_slope_of_the_objective_in_every_coordinate(problem):
    problem = problem._replace(gamma=0.9)
    g, h = exact_mistakes.right(problem)["logits"], 1e-5

    def F(theta):
        rest = problem.alpha, problem.num_steps, problem.J
        return adaptation.adapted_return(problem.policy, {"logits": theta}, *rest)

    for i in np.ndindex(g.shape):
        step = np.zeros(g.shape)
        step[i] = h
        theta = problem.theta["logits"]
        slope = (F(theta + step) - F(theta - step)) / (2 * h)
        assert g[i] == pytest.approx(slope, abs=1e-9)


MISTAKES = [name for name in exact_mistakes.named_mistakes(BANDITS) if name != "the meta-gradient"]


@pytest.mark.parametrize("name", MISTAKES)
def test_every_mistake_is_called_by_its_own_name_alone(name):
    report = check_exact_meta_gradient(lambda p: exact_mistakes.named_mistakes(p)[name](p))
    assert not report and report.remark == f"it is {name}"
    assert str(report).startswith("WRONG")


@pytest.mark.parametrize(
    ("factor", "text"),
    [
        (lambda p: -1.0, "-1 times the meta-gradient (wrong sign)"),
        (lambda p: len(p.tasks.reward), "M times the meta-gradient (sum for mean)"),
        (lambda p: 0.5, "1/2 times the meta-gradient"),
        (lambda p: p.alpha, "alpha times the meta-gradient"),
        (lambda p: p.num_steps, "K times the meta-gradient"),
    ],
)
def test_a_factor_is_named(factor, text):
    report = check_exact_meta_gradient(lambda p: trees.scale(exact_mistakes.right(p), factor(p)))
    assert not report and report.remark == f"it is {text}"


def test_an_unknown_factor_is_a_number_and_an_unknown_program_has_no_name():
    report = check_exact_meta_gradient(lambda p: trees.scale(exact_mistakes.right(p), 0.3))
    assert report.factor == pytest.approx(0.3, rel=1e-9) and report.remark == ""
    report = check_exact_meta_gradient(lambda p: trees.map_leaves(np.cos, p.theta))
    assert not report and report.factor is None and report.remark == ""


# ---- the mistakes, written another way ----


def one_task(problem, i):
    return problem._replace(tasks=take_tasks(problem.tasks, np.array([i])))


def product(problem, order=-1, scale=None, hessians_at=None):
    """Eq. (1) with full matrices, and with one change."""
    total, M = 0.0, len(problem.tasks.reward)
    for i in range(M):
        one = one_task(problem, i)
        J = Derivatives(one)
        path = [problem.theta["logits"].ravel()]
        for _ in range(problem.num_steps):
            path.append(path[-1] + problem.alpha * J.gradient(path[-1]))
        g = J.gradient(path[-1])
        for phi in path[:-1][::order]:
            H = J.hessian(path[0] if hessians_at == "theta" else phi)
            g = g + (problem.alpha if scale is None else scale) * H @ g
        total = total + g / M
    return {"logits": total.reshape(problem.theta["logits"].shape)}


class Derivatives:
    """Gradient of J by its formula, and Hessian by differences of the gradient."""

    def __init__(self, problem):
        self.shape = problem.theta["logits"].shape
        self.J = problem.J

    def gradient(self, x):
        logits = x.reshape((1, *self.shape))
        return self.J.gradient(logits).ravel()

    def hessian(self, x, h=1e-6):
        steps = h * np.eye(len(x))
        columns = [(self.gradient(x + s) - self.gradient(x - s)) / (2 * h) for s in steps]
        return np.array(columns).T


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("the meta-gradient", {}),
        ("factors transposed", {"order": 1}),
        ("alpha forgotten", {"scale": 1.0}),
        ("every Hessian at theta", {"hessians_at": "theta"}),
    ],
)
def test_a_mistake_with_full_matrices_is_the_program_of_its_name(name, change):
    for problem in (BANDITS, MDPS):
        program = exact_mistakes.named_mistakes(problem)[name](problem)
        assert program["logits"] == pytest.approx(product(problem, **change)["logits"], abs=1e-8)


def test_any_two_mistakes_differ():
    tables = [exact_mistakes.named_mistakes(one) for one in (BANDITS, MDPS)]
    rows = {
        name: np.concatenate(
            [t[name](p)["logits"].ravel() for t, p in zip(tables, (BANDITS, MDPS), strict=True)]
        )
        for name in tables[0]
    }
    for one, other in itertools.combinations(rows, 2):
        assert abs(rows[one] - rows[other]).max() > 1e-4, (one, other)


# ---- the edge ----


def test_float32_is_known():
    def rounded(p):
        return trees.map_leaves(lambda x: x.astype(np.float32), exact_mistakes.right(p))

    report = check_exact_meta_gradient(rounded)
    assert report and report.dtype == "float32"


def test_where_the_gradient_is_zero_nothing_was_checked():
    flat = BANDITS._replace(tasks=BANDITS.tasks._replace(reward=0 * BANDITS.tasks.reward))
    report = check_exact_meta_gradient(exact_mistakes.right, problem=flat)
    assert report.verdict == "not checked" and "nothing was checked" in report.remark


def test_nan_is_wrong():
    report = check_exact_meta_gradient(lambda p: trees.scale(p.theta, np.nan))
    assert report.verdict == "WRONG" and "not a finite number" in report.remark


def test_a_program_that_changes_the_problem_is_told_so():
    def in_place(p):
        g = exact_mistakes.right(p)
        p.theta["logits"][:] = 0.0
        return g

    report = check_exact_meta_gradient(in_place)
    assert report and report.remark == "the program changed the problem in place"
    assert BANDITS.theta["logits"].any()


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (lambda p: p.theta["logits"], ValueError, "names and shapes of the meta-gradient must be"),
        (lambda p: {"w": p.theta["logits"]}, ValueError, "names and shapes of the meta-gradient"),
        (lambda p: None, TypeError, "the meta-gradient must hold real numbers"),
    ],
)
def test_a_result_must_have_the_leaves_of_theta(result, error, message):
    with pytest.raises(error, match=message):
        check_exact_meta_gradient(result)


@pytest.mark.parametrize(
    ("field", "value", "error", "message"),
    [
        ("policy", None, TypeError, "policy must be of type Policy"),
        ("theta", {"logits": np.zeros((2, 2))}, ValueError, "theta must have the names and shapes"),
        ("alpha", -1.0, ValueError, "alpha must be finite, from 0 to inf, got -1.0"),
        ("tasks", None, TypeError, "tasks must be of type MDP"),
        ("horizon", 0, ValueError, "horizon must be at least 1"),
        ("num_steps", -1, ValueError, "num_steps must be"),
        ("gamma", 1.5, ValueError, "gamma must be"),
    ],
)
def test_a_field_out_of_range_is_refused_also_where_it_is_replaced(field, value, error, message):
    with pytest.raises(error, match=message):
        BANDITS._replace(**{field: value})
    with pytest.raises(error, match=message):
        ExactProblem(**(BANDITS._asdict() | {field: value}))


def test_a_network_and_step_sizes_of_each_parameter_are_checked_too():
    policy = networks.mlp(2)
    rng = np.random.default_rng(0)
    theta = policy.init(rng, 2, 2)
    theta = trees.map_leaves(lambda x: 0.5 * rng.standard_normal(x.shape), theta)
    alpha = trees.map_leaves(lambda x: rng.uniform(0.1, 0.5, x.shape), theta)
    problem = MDPS._replace(policy=policy, theta=theta, alpha=alpha)
    assert check_exact_meta_gradient(called(adaptation.meta_gradient), problem=problem)
    first = called(adaptation.first_order_meta_gradient)
    assert check_exact_meta_gradient(first, problem=problem).remark == "it is first order"
