"""Trust regions: meta-updates whose length is measured in policies, not in parameters.

    (1)  A x = b:  x_0 = 0, p_0 = r_0 = b,  a = r_i.r_i / p_i.A p_i,  x_{i+1} = x_i + a p_i,
         r_{i+1} = r_i - a A p_i,  p_{i+1} = r_{i+1} + (r_{i+1}.r_{i+1} / r_i.r_i) p_i
                                                         [Hestenes and Stiefel 1952, eq. 3:1]
    (2)  D = s.F s / 2 + O(|s|^3) a step s from its minimum 0, F = Hess D, so the full step is
         s = sqrt(2 max_kl / x.A x) x,  A x = grad L,  A = F + damping I
                                                              [Schulman et al. 2015, app. C]
    (3)  theta + 0.8^j s, first where L rises and D <= max_kl  [Schulman et al. 2015, app. C]
    (4)  L = sum_{s,a} C(s,a) r(s,a),  r = pi(a|s) / pi_old(a|s); where pi = pi_old its
         gradient is objectives (3)                          [Schulman et al. 2015, eq. 14]
    (5)  L = sum_{n,t} min(r A, clip(r, 1 - eps, 1 + eps) A)   [Schulman et al. 2017, eq. 7]
    (6)    = sum_{s,a} C+ min(r, 1 + eps) + C- max(r, 1 - eps),  C+ and C- the sums of the
         positive and of the negative A      [derivation: sign of A; r depends on s, a alone]
    (7)  f(theta) = sum_k f_k(pi_{phi_k(theta)}, pi_old), phi_k by adaptation (1), pi_old the
         policy that played stage k                           [Rothfuss et al. 2019, sec. 6]
    (8)  D = mean over all visits of KL(pi_old || pi)(s)     [Schulman et al. 2015, eq. 14]

With the advantages of trial_gradients (2), (7) of (4) has its gradient at the old theta. Unlike
ProMP, (5) has no KL penalty beside it, and the surrogates of the inner steps have no r.
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


class Info(NamedTuple):
    """What a person wants to see of a step; if it was not accepted, theta is what it was."""

    accepted: bool
    improvement: float  # of the surrogate
    kl: float  # the divergence, in nats


def conjugate_gradient(product: Callable[[Array], Array], b: Array, num_iterations: int) -> Array:
    """Solve A x = b, eq. (1), until |r| <= 1e-10 |b|; `product` is v -> A v, A definite. [D]"""
    x, r, p = np.zeros_like(b), b, b
    for _ in range(whole("num_iterations", num_iterations)):
        Ap, rr = product(p), r @ r
        if rr <= 1e-20 * (b @ b) or not p @ Ap > 0:
            break
        x, r = x + rr / (p @ Ap) * p, r - rr / (p @ Ap) * Ap
        p = r + (r @ r / rr) * p
    return x


@np.errstate(all="ignore")  # what is not a number is refused
def step(
    theta: Tree, surrogate: Callable[[Tree], Any], divergence: Callable[[Tree], Any],
    max_kl: float, *, num_iterations: int = 10, damping: float = 1e-5,
) -> tuple[Tree, Info]:  # fmt: skip
    """Raise `surrogate` while `divergence` <= `max_kl`, eqs. (2), (3). Both are traceable."""
    require(real("max_kl", max_kl) > 0, "max_kl must be positive", max_kl)
    real("damping", damping, 0)
    start, kl = surrogate(trees.check(theta)), divergence(theta)
    fits = bool(np.isfinite(start) and abs(kl) < 1e-3 * max_kl)
    require(fits, "at theta surrogate must be finite and divergence 0", f"{start} and {kl}")
    (flat, unravel), g = trees.ravel(theta), trees.ravel(grad(surrogate)(theta))[0]
    F, _ = make_hvp(divergence)(theta)  # one trace, from which every product is read
    x = conjugate_gradient(lambda v: trees.ravel(F(unravel(v)))[0] + damping * v, g, num_iterations)
    full = np.sqrt(2 * max_kl / max(x @ g, 1e-300)) * x  # x.A x = x.g, as r is orthogonal to x
    for scale in 0.8 ** np.arange(15):
        new = unravel(flat + scale * full)
        improvement, kl = float(surrogate(new) - start), float(divergence(new))
        if 0 < improvement < np.inf and kl <= max_kl:
            return new, Info(True, improvement, kl)
    return theta, Info(False, 0.0, 0.0)


def clipped_surrogate(logits: Any, reference: Array, plus: Array, minus: Array, eps: float) -> Any:
    """Clipped surrogate, eq. (5), from its tables C+ and C-, eq. (6). [..., S, A] -> [...]"""
    log_r = log_softmax(logits) - log_softmax(reference)
    r = np.exp(np.minimum(log_r, 700.0))  # larger r have C = 0; 0 times inf is nan
    return np.sum(plus * np.minimum(r, 1 + eps) + minus * np.maximum(r, 1 - eps), axis=(-1, -2))


def importance_surrogate(logits: Any, reference: Array, C: Array) -> Any:
    """Importance-weighted surrogate, eq. (4): eq. (6) with nothing to clip. [..., S, A] -> [...]"""
    return clipped_surrogate(logits, reference, C, 0.0 * C, np.inf)


def surrogate_tables(
    episodes: rollouts.Episodes, advantages: Array, shape: tuple[int, int]
) -> list[Array]:
    """C+, C- of eq. (6) and the visits of a stage, divided by M. [M, N, T] -> 3 x [M, S, A]"""
    weights = np.maximum(advantages, 0), np.minimum(advantages, 0), np.ones(advantages.shape)
    return [rollouts.sum_over_visits(episodes, w / len(w), shape) for w in weights]


def surrogate_after_adaptation(
    theta: Tree, policy: Policy, trial: Trial, alpha: Any, terms: Sequence[Any]
) -> Any:
    """Sum of `terms[k]` of new and old logits, eq. (7)."""
    path = adaptation.inner_loop(policy, theta, alpha, trial.inner)
    each = zip(terms, path, trial.path, strict=True)
    return sum(np.sum(f(policy.logits(phi), policy.logits(old))) for f, phi, old in each)


def trpo_update(
    policy: Policy, trial: Trial, alpha: Any, stages: Sequence[list[Array]], max_kl: float = 0.01
) -> tuple[Tree, Info]:
    """Return theta after a `step` on eq. (4) within eq. (8); `stages` from `sums`."""
    total = sum(visits.sum() for *_, visits in stages)
    gains = [partial(importance_surrogate, C=plus + minus) for plus, minus, _ in stages]
    costs = [lambda z, old, v=v: v.sum(-1) / total * policies.kl(old, z) for *_, v in stages]
    L, D = (
        lambda theta, f=f: surrogate_after_adaptation(theta, policy, trial, alpha, f)
        for f in (gains, costs)
    )
    return step(trial.path[0], L, D, max_kl)


@np.errstate(over="ignore")  # of cosh in the slope of a saturated tanh, which is 0
def clipped_update(
    policy: Policy, trial: Trial, alpha: Any, stages: Sequence[list[Array]], optimizer: Optimizer,
    state: Any, eps: float = 0.3, num_epochs: int = 5,
) -> tuple[Tree, Any]:  # fmt: skip
    """Return theta and state after `num_epochs` ascents on eq. (5); `stages` from `sums`."""
    require(0 < real("eps", eps) < 1, "eps must be above 0 and below 1", eps)
    terms, theta = (
        [partial(clipped_surrogate, plus=p, minus=m, eps=eps) for p, m, _ in stages],
        trial.path[0],
    )
    for _ in range(whole("num_epochs", num_epochs)):
        g = grad(surrogate_after_adaptation)(theta, policy, trial, alpha, terms)
        theta, state = optimizer.update(theta, state, g)
    return theta, state
