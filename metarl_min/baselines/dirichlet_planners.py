"""Plans for a random MDP, from the posterior of its transitions and rewards.

The pair (s, a) has been visited n(s,a) times. Of these visits, n(s,a,s') have arrived in s'. The
rewards of the pair sum to x(s,a). The prior of P(.|s,a) is a Dirichlet distribution. In this
module, alpha(s,a,s') are the parameters of this prior, beta is the weight of a bonus, u is the unit
of rewards, and k is the number of steps to go. P_mean and r_mean are posterior means. Every planner
solves (2) with its own P and r:

    (1)  P(.|s,a) ~ Dirichlet(alpha(s,a,.) + n(s,a,.)),
         P_mean(s'|s,a) proportional to alpha(s,a,s') + n(s,a,s')
                                                             [DeGroot 1970, sec. 9.8, th. 1]
    (2)  Q_k(s,a) = r(s,a) + sum_s' P(s'|s,a) max_a' Q_{k-1}(s',a'),  Q_0 = 0
                                                                   [mdp (2), for a model]
    (3)  psrl: P and r are one draw from the posterior        [Osband et al. 2013, alg. 1]
    (4)  opsrl: several draws P_j, r_j;
         Q_k(s,a) = max_j (r_j(s,a) + sum_s' P_j(s'|s,a) max_a' Q_{k-1}(s',a'))
                                                             [Asmuth et al. 2009, BOSS]
    (5)  greedy: P_mean and r_mean                                             [definition]
    (6)  beb: P_mean and r_mean + u beta / (1 + n(s,a) + sum_s' alpha(s,a,s'))
                                                                   [Kolter and Ng 2009]
    (7)  ucrl2: the best of all P, r with |P - P_mean|_1 <= c d_P and |r - r_mean| <= c u d_r,
         d_r^2 = 7 ln(2 S A t) / (2 max(1, n)),  d_P^2 = 14 S ln(2 A t) / max(1, n),
         t = 1 + the number of steps so far          [Jaksch et al. 2010, eqs. 3 and 4]
    (8)  max over p with |p - P|_1 <= d of sum_s' p(s') V(s')
         = V_S + sum_{i<S} min(1, c_i + d / 2) (V_i - V_{i+1})                 [derivation]

    Steps of (8). Sort the arrivals s' by their values: V_1 >= .. >= V_S. The arrival of the value
    V_i has the probability p_i under p, and P_i under P. Let c_i = P_1 + .. + P_i.
    sum_i p_i V_i = V_S + sum_{i<S} (p_1 + .. + p_i) (V_i - V_{i+1})      because all p_i sum to 1
    The differences V_i - V_{i+1} are not negative, so the largest sums p_1 + .. + p_i are best.
    |p - P|_1 <= d lets the arrivals 1 .. i gain at most d / 2, because the others lose as much.
    So p_1 + .. + p_i <= min(1, c_i + d / 2).
    One p reaches all these bounds: the probability of the best arrival grows by d / 2, but at
    most to 1, and the worst arrivals lose as much.

The posterior of the mean reward r(s,a) is the posterior of a normal arm (bandits (2)). In (7) the
best r is r_mean + c u d_r, and (8) with d = c d_P is the mean of V under the best P.

The papers of (6) and (7) have rewards in [0, 1] and no factor u. Here the bonus of (6) and the
radius of r in (7) have the factor u, so a plan does not depend on the unit of rewards.

(7) uses the confidence sets of Jaksch et al. with delta = 1 and a scale c. The centre of a set is
the posterior mean, because this mean exists before the first visit. Jaksch et al. plan at the start
of each phase, for an endless future. Here each episode is one phase, and the plan is for its
horizon.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.baselines import bandits
from metarl_min.basics.arguments import (
    floats,
    generator,
    instance,
    real,
    require,
    require_all,
    shaped,
    whole,
)
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Rng
from metarl_min.tasks import DirichletMDP
from metarl_min.tasks.random_mdps import draw_gamma


def _check(arrivals: Any, sums: Any) -> tuple[Any, Any]:
    require_all(floats("arrivals", arrivals) >= 0, "arrivals must not be negative", arrivals)
    rule = "arrivals must have the shape [M, S, A, S]"
    S = arrivals.shape[-1:]
    require(arrivals.ndim == 4 and arrivals.shape[1:2] == S, rule, arrivals.shape)
    return arrivals, shaped("sums", floats("sums", sums), arrivals.shape[:-1], "the pairs")


@checked(_check)
class Counts(NamedTuple):
    """Counts and sums over the steps of the finished episodes.

    TypeError or ValueError unless they are floats of these shapes, and no count is negative.
    """

    arrivals: Array  # [M, S, A, S] n(s,a,s')
    sums: Array  # [M, S, A] x(s,a)


Backup = Callable[[Array], Array]  # max_a Q_{k-1} [M, S] -> Q_k [M, S, A], eq. (2) or (4)
Planner = Callable[..., Backup]  # (rng, counts, prior) -> Backup; not every planner uses the rng


def _require_counts(counts: Counts, prior: DirichletMDP) -> None:
    """Raise a TypeError or ValueError unless the counts have the shapes of tasks of the prior."""
    shape = instance("counts", counts, Counts).arrivals.shape[1:]
    own = instance("prior", prior, DirichletMDP).concentration.shape
    require(shape == own, f"counts must be of pairs and arrivals of the prior, {own}", shape)


def reward_posterior(counts: Counts, prior: DirichletMDP) -> tuple[Array, Array]:
    """Return mean and standard deviation of the posterior of r(s,a), bandits (2). [M, S, A] each"""
    _require_counts(counts, prior)
    pulls = counts.arrivals.sum(-1)
    return bandits.normal_update(pulls, counts.sums, prior.mean, prior.std, prior.noise)


def mean_model(counts: Counts, prior: DirichletMDP) -> tuple[Array, Array]:
    """Return P_mean, eq. (1), and r_mean. [M, S, A, S], [M, S, A]"""
    r_mean = reward_posterior(counts, prior)[0]
    weights = prior.concentration + counts.arrivals
    return weights / weights.sum(-1, keepdims=True), r_mean


def draw_model(rng: Rng, counts: Counts, prior: DirichletMDP) -> tuple[Array, Array]:
    """Draw P by eq. (1), and r from its posterior. [M, S, A, S], [M, S, A]"""
    mean, std = reward_posterior(counts, prior)
    concentration = prior.concentration + counts.arrivals
    weights = draw_gamma(generator("rng", rng), concentration.shape, concentration)
    return weights / weights.sum(-1, keepdims=True), rng.normal(mean, std)


def back_up(V: Array, P: Array, r: Array) -> Array:
    """Return Q_k of one model, eq. (2). V [M, S], P [M, S, A, S], r [M, S, A] -> [M, S, A]

    V holds max_a Q_{k-1}.
    """
    M, S, A = r.shape
    return r + (P.reshape(M, S * A, S) @ V[:, :, None]).reshape(M, S, A)


def backward_induction(backup: Backup, shape: tuple[int, int], horizon: int) -> Array:
    """Return Q with T, T - 1, .., 1 steps to go, eq. (2). shape (M, S) -> [M, T, S, A]"""
    layers = [backup(np.zeros(shape))]
    for _ in range(horizon - 1):
        layers.append(backup(layers[-1].max(-1)))
    return np.stack(layers[::-1], axis=1)


def plan_by_draw(rng: Rng, counts: Counts, prior: DirichletMDP) -> Backup:
    """Return the backup of one drawn model, eq. (3)."""
    P, r = draw_model(rng, counts, prior)
    return partial(back_up, P=P, r=r)


def _best_backup(V: Array, models: list[tuple[Array, Array]]) -> Array:
    return np.max([back_up(V, P, r) for P, r in models], axis=0)


def plan_by_draws(rng: Rng, counts: Counts, prior: DirichletMDP, num_draws: int) -> Backup:
    """Return the backup that takes the best of several drawn models for each pair, eq. (4)."""
    draws = range(whole("num_draws", num_draws))
    return partial(_best_backup, models=[draw_model(rng, counts, prior) for _ in draws])


def plan_by_mean(rng: Rng, counts: Counts, prior: DirichletMDP) -> Backup:
    """Return the backup of the posterior mean, eq. (5)."""
    P, r = mean_model(counts, prior)
    return partial(back_up, P=P, r=r)


def plan_with_bonus(
    rng: Rng, counts: Counts, prior: DirichletMDP, beta: float, unit: float = 1.0
) -> Backup:
    """Return the backup of the posterior mean with a bonus, eq. (6)."""
    beta, unit = real("beta", beta, 0), real("unit", unit, 0)
    P, r = mean_model(counts, prior)
    total = prior.concentration.sum(-1) + counts.arrivals.sum(-1)
    return partial(back_up, P=P, r=r + unit * beta / (1 + total))


def confidence_radii(counts: Counts, c: float) -> tuple[Array, Array]:
    """Return the radii of the confidence sets, c d_P and c d_r of eq. (7). [M, S, A] each"""
    c, n = real("c", c, 0), instance("counts", counts, Counts).arrivals.sum(-1)
    S, A = n.shape[1:]
    t, visits = 1 + n.sum((1, 2), keepdims=True), np.maximum(n, 1)
    d_P = np.sqrt(14 * S * np.log(2 * A * t) / visits)
    return c * d_P, c * np.sqrt(7 * np.log(2 * S * A * t) / (2 * visits))


def optimistic_expectation(V: Array, P: Array, radius: Array) -> Array:
    """Return the largest mean of V over the distributions near P, eq. (8).

    V [M, S], P [M, S, A, S], radius [M, S, A] -> [M, S, A]

    >>> V, P = np.array([[0.0, 10.0]]), np.array([[[[0.7, 0.3]], [[0.2, 0.8]]]])
    >>> optimistic_expectation(V, P, np.full((1, 2, 1), 0.2))[0, :, 0]  # p = (0.6, 0.4), (0.1, 0.9)
    array([4., 9.])
    """
    M, S, A = radius.shape
    order = np.argsort(-V, axis=-1)
    columns = np.ascontiguousarray(np.swapaxes(P.reshape(M, S * A, S), 1, 2))  # [M, s', S A]
    sums = np.cumsum(columns[np.arange(M)[:, None], order[:, :-1]], axis=1)  # c_i
    sums = np.minimum(sums + radius.reshape(M, 1, S * A) / 2, 1.0)
    falls = -np.diff(np.take_along_axis(V, order, -1), axis=-1)  # V_i - V_{i+1}
    best = V.min(-1)[:, None] + (falls[:, None] @ sums)[:, 0]
    return best.reshape(M, S, A)


def _optimistic_backup(V: Array, P: Array, r: Array, radius: Array) -> Array:
    return r + optimistic_expectation(V, P, radius)


def plan_optimistically(
    rng: Rng, counts: Counts, prior: DirichletMDP, c: float, unit: float = 1.0
) -> Backup:
    """Return the backup of the best model in the confidence sets, eq. (7)."""
    unit = real("unit", unit, 0)
    P, r = mean_model(counts, prior)
    radius_P, radius_r = confidence_radii(counts, c)
    return partial(_optimistic_backup, P=P, r=r + unit * radius_r, radius=radius_P)
