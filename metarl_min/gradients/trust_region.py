"""Trust regions: updates of theta that change the policies by at most a given divergence.

In this module, A is a positive definite matrix, b is a given vector, x is the solution of A x = b,
r is the residual b - A x, p is a search direction, and F is a Hessian. The method of conjugate
gradients solves A x = b by products of A with vectors:

    (1)  A x = b:  x_0 = 0,  p_0 = r_0 = b,  c_i = r_i.r_i / p_i.A p_i,
         x_{i+1} = x_i + c_i p_i,  r_{i+1} = r_i - c_i A p_i,
         p_{i+1} = r_{i+1} + (r_{i+1}.r_{i+1} / r_i.r_i) p_i   [Hestenes and Stiefel 1952, eq. 3:1]

An update raises a surrogate L of theta. The divergence kl between the old policies and the new
policies must be at most max_kl. At the old theta, kl has its minimum 0. delta is a change of theta:

    (2)  kl(theta + delta) = delta.F delta / 2 + O(|delta|^3),  F = Hess kl(theta),
         delta = sqrt(2 max_kl / x.A x) x,  A x = grad L,  A = F + damping I
                                                              [Schulman et al. 2015, app. C]
    (3)  the new theta is theta + 0.8^j delta, for the first j = 0, 1, ..
         with a larger L and with kl <= max_kl                [Schulman et al. 2015, app. C]

    Steps of (2): kl and grad kl are 0 at the old theta, so the Taylor series of kl starts with F.
    F is nearly singular, because many directions hardly change the policies. `damping` times the
    identity is added to F, so that A is positive definite.
    To first order, L rises by delta.grad L. Maximise delta.grad L for delta.A delta / 2 = max_kl.
    With a Lagrange multiplier c, grad L = c A delta. So delta is a multiple of x.
    The constraint delta.A delta = 2 max_kl gives the factor of x.

The surrogate multiplies each advantage by a ratio: the new probability of the action divided by the
old probability. C(s,a) is the sum of the advantages over the visits of a pair, rollouts (2):

    (4)  L = sum_{s,a} C(s,a) ratio(s,a),  ratio = pi(a|s) / pi_old(a|s)
                                                             [Schulman et al. 2015, eq. 14]
    (5)  L = sum_{n,t} min(ratio Adv, clip(ratio, 1 - eps, 1 + eps) Adv)
                                                              [Schulman et al. 2017, eq. 7]
    (6)  L = sum_{s,a} C+(s,a) min(ratio, 1 + eps) + C-(s,a) max(ratio, 1 - eps)  [derivation]

    Steps of (6): C+ sums the positive advantages of C, and C- sums the negative advantages.
    Let clip be clip(ratio, 1 - eps, 1 + eps). If Adv > 0, the term of (5) is Adv min(ratio, clip),
    and min(ratio, clip) = min(ratio, 1 + eps). If Adv < 0, the term of (5) is Adv max(ratio, clip),
    and max(ratio, clip) = max(ratio, 1 - eps).
    The ratio depends only on s and a, so the advantages of all visits can be added first.

If pi = pi_old, the ratio is 1, and the gradient of the ratio is the gradient of log pi. So at the
old theta, the gradient of (4) is the gradient of REINFORCE, objectives (3). (5) has the same
gradient there, because the clip does not change ratios near 1.

In a trial, theta acts on the policy of every stage through the inner steps. So L and kl of a trial
are sums over the stages. Term k depends on the new policy of stage k, and on the old policy that
played stage k:

    (7)  f(theta) = sum_k f_k(pi_{phi_k(theta)}, pi_old,k),  phi_k by adaptation (1)
                                                             [Rothfuss et al. 2019, sec. 6]
    (8)  kl = mean over all visits of KL(pi_old || pi)(s)       [Schulman et al. 2015, eq. 14]

Let each term f_k be the surrogate (4) of stage k, with the advantages W_t + R_{>k}. Then at the old
theta, the gradient of (7) is the estimate of trial_gradients (2). ProMP (Rothfuss et al. 2019)
adds a penalty on the KL to (5), and has ratios in the inner surrogates too.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import autograd.numpy as np
from autograd import grad, make_hvp

from metarl_min.basics import trees
from metarl_min.basics.arguments import floats, function, instance, real, require, shaped, whole
from metarl_min.basics.optimizers import Optimizer
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients.forward_passes import take_steps
from metarl_min.gradients.objectives import check_table
from metarl_min.gradients.stage_tables import StageTables, check_update
from metarl_min.gradients.trials import Trial
from metarl_min.mdps import policies
from metarl_min.mdps.policies import Policy, log_softmax


class Info(NamedTuple):
    """A report on an update. A number is None if the update does not compute it."""

    accepted: bool | None = None  # whether eq. (3) has found a new theta; if not, theta is kept
    improvement: float | None = None  # increase of the surrogate
    kl: float | None = None  # divergence between the old policies and the new policies, in nats


def conjugate_gradient(product: Callable[[Array], Array], b: Array, num_iterations: int) -> Array:
    """Solve A x = b for a positive definite A by eq. (1). `product(v)` returns A v. [D] -> [D]

    The loop stops early if the length of the residual is at most 1e-10 |b|. The loop also stops
    early if p.A p is not positive, because A is then not positive definite.

    >>> A, b = np.array([[4.0, 1.0], [1.0, 3.0]]), np.array([1.0, 2.0])
    >>> conjugate_gradient(lambda v: A @ v, b, num_iterations=2).round(6)
    array([0.090909, 0.636364])
    """
    function("product", product)
    require(floats("b", b).ndim == 1, "b must have one axis", b.shape)
    x, r, p = np.zeros_like(b), b, b
    for _ in range(whole("num_iterations", num_iterations)):
        Ap, rr = shaped("product(p)", product(p), b.shape, "b"), r @ r
        if rr <= 1e-20 * (b @ b) or not p @ Ap > 0:
            break
        x, r = x + rr / (p @ Ap) * p, r - rr / (p @ Ap) * Ap
        p = r + (r @ r / rr) * p
    return x


@np.errstate(all="ignore")  # the line search refuses points where a value is not finite
def step(
    theta: Tree,
    surrogate: Callable[[Tree], Any],
    divergence: Callable[[Tree], Any],
    max_kl: float,
    *,
    num_iterations: int = 10,
    damping: float = 1e-2,
) -> tuple[Tree, Info]:
    """Return one step that raises `surrogate` and keeps `divergence` at most `max_kl`.

    The step is eqs. (2) and (3). Autograd must be able to trace both functions. If `damping` is too
    small for a network, delta is long in the directions in which F is nearly 0. Then kl differs
    much from delta.F delta / 2, and no j of eq. (3) is accepted.
    """
    max_kl, damping = real("max_kl", max_kl), real("damping", damping, 0)
    require(max_kl > 0, "max_kl must be positive", max_kl)
    old_value = function("surrogate", surrogate)(trees.check(theta))
    kl = function("divergence", divergence)(theta)
    fits = bool(np.isfinite(old_value) and abs(kl) < 1e-3 * max_kl)
    require(fits, "at theta, surrogate must be finite and divergence 0", f"{old_value} and {kl}")
    flat, unravel = trees.ravel(theta)
    g, _ = trees.ravel(grad(surrogate)(theta))
    if not np.isfinite(g).all():
        raise FloatingPointError("the surrogate must have a finite gradient, got NaN or infinity")
    F, _ = make_hvp(divergence)(theta)  # one trace serves all products
    x = conjugate_gradient(lambda v: trees.ravel(F(unravel(v)))[0] + damping * v, g, num_iterations)
    # A x = g - r. x is a sum of multiples of earlier residuals, and r is orthogonal to all of them.
    # So x.r = 0, and x.A x = x.g.
    delta = np.sqrt(2 * max_kl / max(x @ g, 1e-300)) * x
    for scale in 0.8 ** np.arange(15):
        new = unravel(flat + scale * delta)
        improvement, kl = float(surrogate(new) - old_value), float(divergence(new))
        if 0 < improvement < np.inf and kl <= max_kl:
            return new, Info(accepted=True, improvement=improvement, kl=kl)
    return theta, Info(accepted=False, improvement=0.0, kl=0.0)


def _clipped(logits: Any, reference: Array, plus: Array, minus: Array, eps: float) -> Any:
    log_ratio = log_softmax(logits) - log_softmax(reference)
    # If a ratio is above e^700, the action had an old probability below e^-700. So the action was
    # never sampled, and C = 0. Without the limit 700, 0 times inf would be NaN.
    ratio = np.exp(np.minimum(log_ratio, 700.0))
    terms = plus * np.minimum(ratio, 1 + eps) + minus * np.maximum(ratio, 1 - eps)
    return np.sum(terms, axis=(-1, -2))


def _importance(logits: Any, reference: Array, C: Array) -> Any:
    # If eps = inf, C+ and C- both have the factor `ratio` in eq. (6), so `plus` may be C = C+ + C-.
    return _clipped(logits, reference, C, 0.0 * C, np.inf)


def importance_surrogate(logits: Any, reference: Array, C: Array) -> Any:
    """Return the importance-weighted surrogate, eq. (4). [..., S, A] -> [...]"""
    check_table("reference", reference, logits)
    check_table("C", C, logits)
    return _importance(logits, reference, C)


def clipped_surrogate(logits: Any, reference: Array, plus: Array, minus: Array, eps: float) -> Any:
    """Return the clipped surrogate, eq. (5), computed by eq. (6) from C+ and C-.

    `reference` holds the logits of pi_old. [..., S, A] -> [...]

    >>> old, new = np.zeros((1, 2)), np.log([[0.75, 0.25]])  # the ratios are 1.5 and 0.5
    >>> C = np.array([[1.0, 0.0]])
    >>> print(clipped_surrogate(new, old, C, 0 * C, eps=0.2).round(6))
    1.2
    """
    for name, table in (("reference", reference), ("plus", plus), ("minus", minus)):
        check_table(name, table, logits)
    return _clipped(logits, reference, plus, minus, _fraction("eps", eps))


def _fraction(name: str, value: float) -> float:
    number = real(name, value)
    require(0 < number < 1, f"{name} must be above 0 and below 1", number)
    return number


def surrogate_after_adaptation(
    theta: Tree, policy: Policy, trial: Trial, terms: Sequence[Callable[[Any, Array], Any]]
) -> Any:
    """Return the sum over k of terms[k](new logits, old logits), eq. (7).

    This function trusts its arguments.
    """
    path = take_steps(policy, theta, trial.alpha, trial.inner)
    total = 0.0
    for term, new, old in zip(terms, path, trial.path, strict=True):
        total = total + np.sum(term(policy.logits(new), policy.logits(old)))
    return total


def _weighted_kl(logits: Any, reference: Array, weights: Array) -> Any:
    """Return KL(pi_old || pi) of each state, times the weight of the state, eq. (8). [M, S]"""
    return weights * policies.kl(reference, logits)


def _kl_terms(stages: Sequence[StageTables]) -> list[Callable[[Any, Array], Any]]:
    """Return the term of each stage for kl. The sum of the terms, eq. (7), is then eq. (8)."""
    num_visits = sum(tables.visits.sum() for tables in stages)
    return [partial(_weighted_kl, weights=x.visits.sum(-1) / num_visits) for x in stages]


def trpo_update(
    policy: Policy, trial: Trial, stages: Sequence[StageTables], max_kl: float = 0.01
) -> tuple[Tree, Info]:
    """Return theta after a `step` that raises eq. (4) and keeps eq. (8) at most `max_kl`."""
    check_update(policy, trial, stages)
    gains = [partial(_importance, C=tables.plus + tables.minus) for tables in stages]
    after = partial(surrogate_after_adaptation, policy=policy, trial=trial)
    cost = partial(after, terms=_kl_terms(stages))
    return step(trial.path[0], partial(after, terms=gains), cost, max_kl)


# Autograd computes the derivative of tanh as 1 / cosh^2. If |x| is large, cosh(x) overflows to inf,
# and the derivative is 0, which is right.
@np.errstate(over="ignore")
def clipped_update(
    policy: Policy,
    trial: Trial,
    stages: Sequence[StageTables],
    optimizer: Optimizer,
    state: Any,
    eps: float = 0.3,
    num_epochs: int = 5,
) -> tuple[Tree, Any, Info]:
    """Return theta, the state of the optimizer and a report after `num_epochs` ascents of eq. (5).

    At the old theta all ratios are 1, so the value of eq. (6) is the sum of C+ and C-.
    """
    check_update(policy, trial, stages)
    instance("optimizer", optimizer, Optimizer)
    theta, eps = trial.path[0], _fraction("eps", eps)
    terms = [partial(_clipped, plus=x.plus, minus=x.minus, eps=eps) for x in stages]
    after = partial(surrogate_after_adaptation, policy=policy, trial=trial)
    for _ in range(whole("num_epochs", num_epochs)):
        theta, state = optimizer.update(theta, state, grad(after)(theta, terms=terms))
    old_value = sum((tables.plus + tables.minus).sum() for tables in stages)
    new_value, kl = after(theta, terms=terms), after(theta, terms=_kl_terms(stages))
    return theta, state, Info(improvement=float(new_value - old_value), kl=float(kl))
