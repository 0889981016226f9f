"""Six statements of the theory, each computed exactly on a small problem.

1. The variance of an unbiased estimator grows like N, because the score term is a sum over the N
   inner episodes. The variance of linearised_score falls like 1/N (Tang 2022).
2. The inner data are inside of a nonlinear function, so an unbiased Hessian does not make the
   meta-gradient unbiased (Liu et al. 2022). Their bound falls like the root of 1/N. On the bandit
   the bias itself falls like 1/N.
3. The mean of DiCE's Hessian is the Hessian of J (Foerster et al. 2018). With the weights of plain
   the mean is wrong, and with those of lvc it is wrong if an episode has several steps.
4. At horizon 1, lvc is DiCE on every data set (Rothfuss et al. 2019).
5. In the step size, Reptile expands into AvgGrad and AvgGradInner with the ratio (k - 1) / 2, for k
   inner steps (Nichol et al. 2018).
6. The covariances of four ES estimates of the gradient of a quadratic fitness: one-sided (with a
   linear fitness), antithetic, forward difference, and antithetic with orthogonal directions, which
   has no error (search_gradients (5)-(7) and (9)).
"""

import itertools

import numpy as np

from metarl_min.basics import trees
from metarl_min.evolution import search_gradients
from metarl_min.gradients import adaptation, estimators, meta_gradients, objectives
from metarl_min.gradients.estimator_weights import WEIGHTS
from metarl_min.gradients.ordered_data import measured_problems, ordered_inputs

BANDIT, MDP = measured_problems()[0], measured_problems()[-1]
NUMBERS = 16, 32, 64, 128  # N


def on_the_bandit():
    """Return {N: the exact gradients, and the moments of four estimators}."""
    names = "emaml", "dice", "linearised_score", "plain"
    functions = {name: estimators.ESTIMATORS[name] for name in names}
    return meta_gradients.compare_estimators(functions, BANDIT, list(NUMBERS))


def growth_of_the_variance(comparisons):
    """Return tr Cov of emaml divided by N, that of linearised_score times N, and the limit.

    For large N the return after adaptation is F_inf, and the score of a pull has the covariance
    pi(0) pi(1) (1, -1) (1, -1)^T.
    """
    emaml = [x.moments["emaml"].variance / N for N, x in comparisons.items()]
    linearised = [x.moments["linearised_score"].variance * N for N, x in comparisons.items()]
    p = 1 / (1 + np.exp(-0.5))  # pi(0) of the logits .3 and -.2
    return emaml, linearised, comparisons[NUMBERS[0]].exact.F_inf ** 2 * 2 * p * (1 - p)


def compositional_bias(comparisons):
    """Return N times the bias of dice for F_N and for F_inf."""
    moments = {N: x.moments["dice"] for N, x in comparisons.items()}
    for_N = [N * x.F_N.bias_norm for N, x in moments.items()]
    return for_N, [N * x.F_inf.bias_norm for N, x in moments.items()]


def bias_of_the_hessian(problem):
    """Return the distance of the mean Hessian of each kind of weights from the Hessian of J."""
    inputs, p = ordered_inputs(problem, WEIGHTS["plain"])
    J = objectives.expected_return_objective(problem.task, problem.horizon)
    D, theta = problem.theta["logits"].size, problem.theta["logits"]
    columns = {name: [] for name in WEIGHTS}
    exact = []
    for e in np.eye(D):
        v = {"logits": np.broadcast_to(e.reshape(theta.shape), inputs.v["logits"].shape)}
        exact.append(J.hessian_product(theta[None], v["logits"][:1]).ravel())
        for name, weights in WEIGHTS.items():
            g = estimators.through_inner_steps(*inputs[:3], v, weights)
            columns[name].append(p @ (trees.flatten_tasks(g) - e) / problem.inner.alpha)
    return {name: np.linalg.norm(np.array(x) - exact) for name, x in columns.items()}


def lvc_minus_dice(problem):
    """Return the largest difference of the two estimators on a data set."""
    inputs, _ = ordered_inputs(problem, WEIGHTS["plain"])
    lvc, dice = (trees.flatten_tasks(g(*inputs)) for g in (estimators.lvc, estimators.dice))
    return np.abs(lvc - dice).max()


def weight_of_the_inner_product(k, h=0.02):
    """Return the weight of AvgGradInner for each AvgGrad in Reptile with k exact inner steps."""
    J, theta = objectives.expected_return_objective(MDP.task, MDP.horizon), MDP.theta

    def direction(alpha):
        sizes = {"logits": np.full_like(theta["logits"], alpha)}
        path = adaptation.inner_loop(MDP.inner.policy, theta, sizes, [J] * k)
        return (path[-1]["logits"][0] - theta["logits"]) / alpha

    wide, near = ((direction(x) - direction(-x)) / (2 * x) for x in (h, h / 2))
    slope = (4 * near - wide) / 3  # Richardson extrapolation
    start = theta["logits"][None]
    inner = J.hessian_product(start, J.gradient(start))[0]
    return np.sum(slope * inner) / np.sum(inner * inner) / k


GRADIENT, HESSIAN, SIGMA = np.array([0.5, -1.0]), np.array([[1.0, 0.4], [0.4, -2.0]]), 0.8


def covariance_of_es(name, hessian, level=1.5):
    """Return the trace of the covariance of one direction, a sum over a grid of normal nodes."""

    def fitness(x):
        return level + GRADIENT @ x + x @ hessian @ x / 2

    estimator = search_gradients.ESTIMATORS[name]
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    moment = 0.0
    for i, k in itertools.product(range(4), repeat=2):
        e = nodes[[i, k]]
        members = [np.zeros(2)] * estimator.num_centres + [s * SIGMA * e for s in estimator.signs]
        g = estimator.gradient(np.array([fitness(x) for x in members]), e[None], SIGMA)
        moment += weights[i] * weights[k] * (g @ g) / weights.sum() ** 2
    return moment - GRADIENT @ GRADIENT


def error_of_orthogonal_es():
    """Return the error of the antithetic estimate with D orthogonal directions."""
    e = search_gradients.orthogonal_directions(0, np.arange(2), 2)
    x = SIGMA * np.stack([e, -e], axis=1).reshape(4, 2)
    F = x @ GRADIENT + np.sum(x @ HESSIAN * x, axis=-1) / 2
    return np.abs(search_gradients.antithetic(F, e, SIGMA) - GRADIENT).max()


def closed_forms_of_es(level=1.5):
    """Return the traces of search_gradients (6), (5) and (7), for D = 2 and n = 1."""
    square, trace = GRADIENT @ GRADIENT, np.trace(HESSIAN)
    squares = np.trace(HESSIAN @ HESSIAN)
    curvature = 2 * (trace**2 + 2 * squares) + 4 * trace**2 + 8 * squares
    antithetic = 3 * square
    one_sided = antithetic + 2 * (level / SIGMA) ** 2
    return one_sided, antithetic, antithetic + SIGMA**2 / 4 * curvature


def line(numbers, digits=4):
    return "  ".join(f"{x:.{digits}f}" for x in numbers)


def main():
    comparisons = on_the_bandit()
    emaml, linearised, limit = growth_of_the_variance(comparisons)
    print(f"1. N = {', '.join(map(str, NUMBERS))}: variance of emaml / N {line(emaml)}")
    print(f"   its limit {limit:.4f}; variance of linearised_score * N {line(linearised, 5)}")
    for_N, for_inf = compositional_bias(comparisons)
    print(f"2. N * bias of dice for F_N {line(for_N)}, for F_inf {line(for_inf)}")
    hessians = [bias_of_the_hessian(problem) for problem in (BANDIT, MDP)]
    for name in WEIGHTS:
        print(f"3. bias of the Hessian of {name:17s}{line(x[name] for x in hessians)}")
    differences = [lvc_minus_dice(problem) for problem in (BANDIT, MDP)]
    print(f"4. largest |lvc - dice| at horizon 1 and 2: {differences[0]:.1e}, {differences[1]:.1e}")
    reptile = [weight_of_the_inner_product(k) for k in (2, 3, 4)]
    print(f"5. AvgGradInner per AvgGrad in Reptile with k = 2, 3, 4 steps: {line(reptile, 6)}")
    flat = np.zeros((2, 2))
    pairs = (("vanilla", flat), ("antithetic", HESSIAN), ("forward", HESSIAN))
    es = [covariance_of_es(name, hessian) for name, hessian in pairs]
    print(f"6. variance of one-sided, antithetic, forward: {line(es)}; orthogonal: ", end="")
    error = error_of_orthogonal_es()
    print(f"error {error:.0e}")
    return (emaml, linearised, limit), (for_N, for_inf), hessians, differences, reptile, es, error


if __name__ == "__main__":
    main()
