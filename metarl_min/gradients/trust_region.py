"""Trust regions: meta-updates whose length is measured by the change of the policies.

In this module, A is a positive definite matrix, x the solution of A x = b, r the residual b - A x,
p a direction of search, and F a Hessian. Conjugate gradients need only products with A:

    (1)  A x = b:  x_0 = 0,  p_0 = r_0 = b,  c_i = r_i.r_i / p_i.A p_i,
         x_{i+1} = x_i + c_i p_i,  r_{i+1} = r_i - c_i A p_i,
         p_{i+1} = r_{i+1} + (r_{i+1}.r_{i+1} / r_i.r_i) p_i   [Hestenes and Stiefel 1952, eq. 3:1]

An update raises a surrogate L of theta, and keeps a divergence kl of the policies below max_kl. The
divergence has its minimum 0 at the old theta. With s the change of theta:

    (2)  kl(theta + s) = s.F s / 2 + O(|s|^3),  F = Hess kl(theta),
         s = sqrt(2 max_kl / x.A x) x,  A x = grad L,  A = F + damping I
                                                              [Schulman et al. 2015, app. C]
    (3)  the update is theta + 0.8^j s, for the first j = 0, 1, .. where L rises and kl <= max_kl
                                                              [Schulman et al. 2015, app. C]

    Steps of (2): kl and its gradient are zero at the old theta, so its Taylor series starts with F.
    To first order L rises by s.grad L. Maximise this under the constraint s.A s / 2 = max_kl.
    With a Lagrange multiplier c, grad L = c A s. So s is a multiple of x.
    The constraint s.A s = 2 max_kl gives the factor.

The surrogate weighs the advantages with the ratio of the new and the old probability of an action.
C(s,a) is the sum of the advantages of a pair, as in objectives (2):

    (4)  L = sum_{s,a} C(s,a) ratio(s,a),  ratio = pi(a|s) / pi_old(a|s)
                                                             [Schulman et al. 2015, eq. 14]
    (5)  L = sum_{n,t} min(ratio Adv, clip(ratio, 1 - eps, 1 + eps) Adv)
                                                              [Schulman et al. 2017, eq. 7]
    (6)  L = sum_{s,a} C+(s,a) min(ratio, 1 + eps) + C-(s,a) max(ratio, 1 - eps)  [derivation]

    Steps of (6): C+ is the sum of the positive and C- the sum of the negative advantages.
    For Adv > 0, (5) is Adv times the smaller of ratio and clip(ratio): it is min(ratio, 1 + eps).
    For Adv < 0, (5) is Adv times the larger of the two, which is max(ratio, 1 - eps).
    The ratio depends on s and a alone, so the advantages of all visits are added first.

Where pi = pi_old, the gradient of the ratio is that of log pi. (4) and (5) have there the gradient
of REINFORCE, objectives (3).

In a trial, theta acts on the policy of every stage through the inner steps. A function of theta has
one term for each stage. A term depends on the new policy and on the policy that played the stage:

    (7)  f(theta) = sum_k f_k(pi_{phi_k(theta)}, pi_old,k),  phi_k by adaptation (1)
                                                             [Rothfuss et al. 2019, sec. 6]
    (8)  kl = mean over all visits of KL(pi_old || pi)(s)       [Schulman et al. 2015, eq. 14]

Let the terms of (7) be (4) with the advantages of trial_gradients (2). At the old theta the
gradient is then trial_gradients (2). ProMP (Rothfuss et al. 2019) differs in two things: it adds a
penalty on the KL to (5), and its inner surrogates have ratios.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import autograd.numpy as np
from autograd import grad, make_hvp

from metarl_min.basics import trees
from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.optimizers import Optimizer
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients import adaptation
from metarl_min.gradients.trials import Trial
from metarl_min.mdps import policies, rollouts
from metarl_min.mdps.policies import Policy, log_softmax
from metarl_min.mdps.rollouts import Episodes


class Info(NamedTuple):
    """The result of a step. A step that was not accepted leaves theta as it was."""

    accepted: bool
    improvement: float  # of the surrogate
    kl: float  # divergence from the old policies, in nats


class StageTables(NamedTuple):
    """The tables of one stage, each [M, S, A]; divided by M, their sums are means over tasks."""

    plus: Array  # C+ of eq. (6)
    minus: Array  # C- of eq. (6)
    visits: Array  # number of visits of each pair


def conjugate_gradient(product: Callable[[Array], Array], b: Array, num_iterations: int) -> Array:
    """Solve A x = b for a definite A by eq. (1); `product(v)` returns A v. [D] -> [D]

    It stops early where the residual is at most 1e-10 |b|.

    >>> A, b = np.array([[4.0, 1.0], [1.0, 3.0]]), np.array([1.0, 2.0])
    >>> conjugate_gradient(lambda v: A @ v, b, num_iterations=2).round(6)
    array([0.090909, 0.636364])
    """
    x, r, p = np.zeros_like(b), b, b
    for _ in range(whole("num_iterations", num_iterations)):
        Ap, rr = product(p), r @ r
        if rr <= 1e-20 * (b @ b) or not p @ Ap > 0:
            break
        x, r = x + rr / (p @ Ap) * p, r - rr / (p @ Ap) * Ap
        p = r + (r @ r / rr) * p
    return x


@np.errstate(all="ignore")  # a point of the line search that is not finite is refused
def step(
    theta: Tree,
    surrogate: Callable[[Tree], Any],
    divergence: Callable[[Tree], Any],
    max_kl: float,
    *,
    num_iterations: int = 10,
    damping: float = 1e-2,
) -> tuple[Tree, Info]:
    """Raise `surrogate` while `divergence` <= `max_kl`, eqs. (2) and (3). Both are traceable.

    In many directions of a network F is nearly 0. With a small `damping`, s is long in these
    directions: the quadratic of eq. (2) is then far from the divergence, and eq. (3) accepts no j.
    """
    require(real("max_kl", max_kl) > 0, "max_kl must be positive", max_kl)
    real("damping", damping, 0)
    start, kl = surrogate(trees.check(theta)), divergence(theta)
    fits = bool(np.isfinite(start) and abs(kl) < 1e-3 * max_kl)
    require(fits, "at theta surrogate must be finite and divergence 0", f"{start} and {kl}")
    flat, unravel = trees.ravel(theta)
    g, _ = trees.ravel(grad(surrogate)(theta))
    F, _ = make_hvp(divergence)(theta)  # one trace serves every product
    x = conjugate_gradient(lambda v: trees.ravel(F(unravel(v)))[0] + damping * v, g, num_iterations)
    full = np.sqrt(2 * max_kl / max(x @ g, 1e-300)) * x  # x.A x = x.g, because r is orthogonal to x
    for scale in 0.8 ** np.arange(15):
        new = unravel(flat + scale * full)
        improvement, kl = float(surrogate(new) - start), float(divergence(new))
        if 0 < improvement < np.inf and kl <= max_kl:
            return new, Info(accepted=True, improvement=improvement, kl=kl)
    return theta, Info(accepted=False, improvement=0.0, kl=0.0)


def importance_surrogate(logits: Any, reference: Array, C: Array) -> Any:
    """Return the importance-weighted surrogate, eq. (4): eq. (6) with nothing to clip. -> [...]"""
    return clipped_surrogate(logits, reference, C, 0.0 * C, np.inf)


def clipped_surrogate(logits: Any, reference: Array, plus: Array, minus: Array, eps: float) -> Any:
    """Return the clipped surrogate of eq. (5) from its tables C+ and C-, eq. (6).

    `reference` are the logits of pi_old. [..., S, A] -> [...]

    >>> old, new = np.zeros((1, 2)), np.log([[0.75, 0.25]])  # the ratios are 1.5 and 0.5
    >>> C = np.array([[1.0, 0.0]])
    >>> print(clipped_surrogate(new, old, C, 0 * C, eps=0.2).round(6))
    1.2
    """
    log_ratio = log_softmax(logits) - log_softmax(reference)
    ratio = np.exp(np.minimum(log_ratio, 700.0))  # a larger ratio has C = 0, and 0 inf is NaN
    terms = plus * np.minimum(ratio, 1 + eps) + minus * np.maximum(ratio, 1 - eps)
    return np.sum(terms, axis=(-1, -2))


def surrogate_tables(episodes: Episodes, advantages: Array, shape: tuple[int, int]) -> StageTables:
    """Return C+ and C- of eq. (6) and the visits of one stage. advantages [M, N, T]"""
    M = len(advantages)
    return StageTables(
        plus=rollouts.sum_over_visits(episodes, np.maximum(advantages, 0) / M, shape),
        minus=rollouts.sum_over_visits(episodes, np.minimum(advantages, 0) / M, shape),
        visits=rollouts.sum_over_visits(episodes, np.ones(advantages.shape) / M, shape),
    )


def trial_tables(
    stages: Sequence[Episodes], advantages: Sequence[Array], shape: tuple[int, int]
) -> list[StageTables]:
    """Return the tables of every stage of a trial, eq. (6)."""
    pairs = zip(stages, advantages, strict=True)
    return [surrogate_tables(stage, Adv, shape) for stage, Adv in pairs]


def surrogate_after_adaptation(
    theta: Tree, policy: Policy, trial: Trial, terms: Sequence[Callable[[Any, Array], Any]]
) -> Any:
    """Return the sum over the stages of terms[k](new logits, old logits), eq. (7)."""
    path = adaptation.inner_loop(policy, theta, trial.alpha, trial.inner)
    total = 0.0
    for term, new, old in zip(terms, path, trial.path, strict=True):
        total = total + np.sum(term(policy.logits(new), policy.logits(old)))
    return total


def _weighted_kl(logits: Any, reference: Array, weights: Array) -> Any:
    """Return the divergence of each state, times its share of the visits, eq. (8). [M, S]"""
    return weights * policies.kl(reference, logits)


def trpo_update(
    policy: Policy, trial: Trial, stages: Sequence[StageTables], max_kl: float = 0.01
) -> tuple[Tree, Info]:
    """Return theta after a `step` that raises eq. (4) and keeps eq. (8) below `max_kl`."""
    num_visits = sum(tables.visits.sum() for tables in stages)
    gains = [partial(importance_surrogate, C=tables.plus + tables.minus) for tables in stages]
    costs = [partial(_weighted_kl, weights=x.visits.sum(-1) / num_visits) for x in stages]
    after = partial(surrogate_after_adaptation, policy=policy, trial=trial)
    return step(trial.path[0], partial(after, terms=gains), partial(after, terms=costs), max_kl)


@np.errstate(over="ignore")  # of cosh in the slope of a saturated tanh, which is 0
def clipped_update(
    policy: Policy,
    trial: Trial,
    stages: Sequence[StageTables],
    optimizer: Optimizer,
    state: Any,
    eps: float = 0.3,
    num_epochs: int = 5,
) -> tuple[Tree, Any]:
    """Return theta and the optimiser's state after `num_epochs` ascents of eq. (5)."""
    require(0 < real("eps", eps) < 1, "eps must be above 0 and below 1", eps)
    theta = trial.path[0]
    terms = [partial(clipped_surrogate, plus=x.plus, minus=x.minus, eps=eps) for x in stages]
    for _ in range(whole("num_epochs", num_epochs)):
        g = grad(surrogate_after_adaptation)(theta, policy, trial, terms)
        theta, state = optimizer.update(theta, state, g)
    return theta, state
