"""Players of random MDPs that know the prior: they plan once an episode, for all tasks at once.

n(s,a) visits of a pair have paid x(s,a) in all, N(s,a,s') of them arrived in s', K the posterior:

    (1)  P(.|s,a) ~ Dirichlet(alpha(s,a,.) + N(s,a,.)), whose mean P_mean is proportional to it
                                                                  [DeGroot 1970, sec. 9.8, th. 1]
    (2)  Q_k(s,a) = r(s,a) + sum_s' P(s'|s,a) max_a' Q_{k-1}(s',a'), k steps to go
                                                                       [mdp (2), for the model]
    (3)  psrl: P and r drawn from K for the episode                [Osband et al. 2013, alg. 1]
    (4)  opsrl: J draws; Q_k(s,a) = max_j r_j(s,a) + sum_s' P_j(s'|s,a) max_a' Q_{k-1}(s',a')
                                                                 [Asmuth et al. 2009, BOSS]
    (5)  greedy: P_mean and the posterior mean r_mean                            [definition]
    (6)  eps_greedy: with probability eps any action, else that of (5)           [definition]
    (7)  beb: P_mean and r_mean + beta / (1 + sum_s' alpha(s,a,s') + n(s,a))
                                                                     [Kolter and Ng 2009]
    (8)  ucrl2: the best of all P, r with |P - P_mean|_1 <= c d_P and |r - r_mean| <= c d_r,
         d_r^2 = 7 ln(2 S A t) / (2 max(1, n)),  d_P^2 = 14 S ln(2 A t) / max(1, n),
         t = 1 + the steps taken                         [Jaksch et al. 2010, eqs. 3 and 4]

The posterior of the mean reward is `bandits (2)`. Of several best actions one is drawn uniformly
at random. Of Jaksch et al. (8) keeps the confidence sets, with delta = 1 and a scale c; it is
centred on the posterior mean, which exists before the first visit, and each episode is one phase,
planned for its horizon. `CONSTANTS` holds the grid from which each constant is tuned.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.baselines import act_by, bandits, learner_of_agent, random_argmax
from metarl_min.baselines.bandits import Record
from metarl_min.baselines.bayesian_bandits import explore
from metarl_min.basics.arguments import real, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.learners import Learner
from metarl_min.mdps.agents import Agent
from metarl_min.tasks import DirichletMDP, Family, GaussianArms, require_support

CONSTANTS = {  # the grid of each constant
    "opsrl": (2, 3, 5, 8),
    "eps_greedy": (0.0, 0.02, 0.05, 0.1, 0.2),
    "beb": (0.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0),
    "ucrl2": (0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12),
}


class History(NamedTuple):
    """What has been seen, and the plan for this episode. P, r and Q belong to M tasks."""

    arrivals: Array  # [M, S, A, S] how often, up to this episode
    sums: Array  # [M, S, A] of the rewards
    seen: tuple[tuple[Array, Array, Array, Array], ...]  # the steps of this episode
    q: Array  # [M, T, S, A]


Backup = Callable[[Array], Array]  # V [M, S] with k - 1 steps to go -> Q [M, S, A] with k
Planner = Callable[..., Backup]  # (rng, history, prior) -> how to plan


def backup(V: Array, P: Array, r: Array) -> Array:
    """One step of planning, eq. (2). V [M, S], P [M, S, A, S], r [M, S, A] -> [M, S, A]"""
    M, S, A = r.shape
    return r + (P.reshape(M, S * A, S) @ V[:, :, None]).reshape(M, S, A)


def plan(step: Backup, shape: tuple[int, int], horizon: int) -> Array:
    """Q with T, T - 1, .., 1 steps to go, eq. (2). [M, T, S, A]"""
    layers = [step(np.zeros(shape))]
    for _ in range(horizon - 1):
        layers.append(step(layers[-1].max(-1)))
    return np.stack(layers[::-1], axis=1)


def mean_model(history: History, prior: DirichletMDP) -> tuple[Array, Array]:
    """Posterior mean of P, eq. (1), and of r, as eq. (5) uses them. [M, S, A, S], [M, S, A]"""
    weights = prior.concentration + history.arrivals
    return weights / weights.sum(-1, keepdims=True), rewards(history, prior)[0]


def rewards(history: History, prior: DirichletMDP) -> tuple[Array, Array]:
    """Mean and deviation of the posterior of r. [M, S, A] each"""
    normal = GaussianArms(np.array(prior.mean), np.array(prior.std), prior.noise)
    return bandits.posterior(Record(history.arrivals.sum(-1), history.sums), normal)


def draw_model(rng: Rng, history: History, prior: DirichletMDP) -> tuple[Array, Array]:
    """Draw P by eq. (1), and r, for eq. (3). [M, S, A, S], [M, S, A]"""
    weights = rng.standard_gamma(prior.concentration + history.arrivals)
    return weights / weights.sum(-1, keepdims=True), rng.normal(*rewards(history, prior))


def plan_by_draw(rng: Rng, history: History, prior: DirichletMDP) -> Backup:
    """Plan for one draw, eq. (3)."""
    P, r = draw_model(rng, history, prior)
    return partial(backup, P=P, r=r)


def _best_of(V: Array, models: list[tuple[Array, Array]]) -> Array:
    return np.max([backup(V, P, r) for P, r in models], axis=0)


def plan_by_draws(rng: Rng, history: History, prior: DirichletMDP, num_draws: int) -> Backup:
    """Plan for the best of several draws, pair by pair, eq. (4)."""
    return partial(_best_of, models=[draw_model(rng, history, prior) for _ in range(num_draws)])


def plan_by_mean(rng: Rng, history: History, prior: DirichletMDP) -> Backup:
    """Plan for the posterior mean, eq. (5)."""
    P, r = mean_model(history, prior)
    return partial(backup, P=P, r=r)


def plan_with_bonus(rng: Rng, history: History, prior: DirichletMDP, beta: float) -> Backup:
    """Plan for the posterior mean and a bonus, eq. (7)."""
    P, r = mean_model(history, prior)
    known = prior.concentration.sum(-1) + history.arrivals.sum(-1)
    return partial(backup, P=P, r=r + beta / (1 + known))


def best_within(V: Array, P: Array, radius: Array) -> Array:
    """Largest sum_s' p(s') V(s') over all p with |p - P|_1 <= radius, eq. (8). -> [M, S, A]

    Half the radius is added to the best arrival, and taken away from the worst ones: along the
    arrivals from the best to the worst, the cumulative sums are raised and end at 1.
    """
    M, S, A = radius.shape
    order = np.argsort(-V, axis=-1)
    columns = np.ascontiguousarray(np.swapaxes(P.reshape(M, S * A, S), 1, 2))  # by arrival
    sums = np.cumsum(columns[np.arange(M)[:, None], order[:, :-1]], axis=1)
    sums = np.minimum(sums + radius.reshape(M, 1, S * A) / 2, 1.0)
    falls = -np.diff(np.take_along_axis(V, order, -1), axis=-1)  # V_1 - V_2, V_2 - V_3, ..
    best = V.min(-1)[:, None] + (falls[:, None] @ sums)[:, 0]
    return best.reshape(M, S, A)


def _optimistic(V: Array, P: Array, r: Array, radius: Array) -> Array:
    return r + best_within(V, P, radius)


def radii(history: History, c: float) -> tuple[Array, Array]:
    """Radii of the confidence sets, c d_P and c d_r of eq. (8). [M, S, A] each"""
    n = history.arrivals.sum(-1)
    S, A = n.shape[1:]
    t, visits = 1 + n.sum((1, 2), keepdims=True), np.maximum(n, 1)
    d_P = np.sqrt(14 * S * np.log(2 * A * t) / visits)
    return c * d_P, c * np.sqrt(7 * np.log(2 * S * A * t) / (2 * visits))


def plan_optimistically(rng: Rng, history: History, prior: DirichletMDP, c: float) -> Backup:
    """Plan for the best model of the confidence sets, eq. (8)."""
    (P, r), (d_P, d_r) = mean_model(history, prior), radii(history, c)
    return partial(_optimistic, P=P, r=r + d_r, radius=d_P)


def remember(history: History) -> History:
    """Add the steps of the last episode to what has been seen."""
    if not history.seen:
        return history
    (M, S, A, _), arrivals, sums = history.arrivals.shape, history.arrivals, history.sums
    states, actions, rewards, arrived = map(np.stack, zip(*history.seen, strict=True))
    pair = ((np.arange(M) * S + states) * A + actions).ravel()
    counts = np.bincount(pair * S + arrived.ravel(), minlength=arrivals.size)
    paid = np.bincount(pair, rewards.ravel(), sums.size)
    return history._replace(
        arrivals=arrivals + counts.reshape(arrivals.shape),
        sums=sums + paid.reshape(sums.shape),
        seen=(),
    )


def _start(num_tasks: int, shape: tuple[int, int], horizon: int) -> History:
    S, A = shape
    pairs = np.zeros((num_tasks, S, A))
    return History(np.zeros((num_tasks, S, A, S)), pairs, (), np.zeros((num_tasks, horizon, S, A)))


def _begin(
    rng: Rng, history: History, prior: DirichletMDP, planner: Planner, horizon: int
) -> History:
    history = remember(history)
    step = planner(rng, history, prior)
    return history._replace(q=plan(step, history.sums.shape[:2], horizon))


def _choose(rng: Rng, history: History, states: Array, eps: float) -> Array:
    """Choose the best action of the plan; with probability eps any, eq. (6). [M]"""
    q = history.q[np.arange(len(states)), len(history.seen), states]
    actions = random_argmax(rng, q, tolerance=1e-9)
    return explore(rng, actions, q.shape[1], eps) if eps else actions


def _observe(history: History, *step: Array) -> History:
    states, actions, rewards, arrivals = step
    return history._replace(seen=(*history.seen, (states, actions, rewards, arrivals)))


def planning_player(family: Family, planner: Planner, name: str, eps: float = 0.0) -> Learner:
    """Return the player that plans with `planner`. Unsupported for other than random MDPs."""
    prior: Any = family.prior
    rule = f"{name} plays random MDPs with a Dirichlet prior"
    require_support(
        isinstance(prior, DirichletMDP), rule, f"{family.name} with {type(prior).__name__}"
    )
    agent = Agent(
        start=partial(_start, shape=prior.concentration.shape[:2], horizon=family.horizon),
        begin_episode=partial(_begin, prior=prior, planner=planner, horizon=family.horizon),
        act=partial(act_by, choose=partial(_choose, eps=eps)),
        observe=_observe,
    )
    return learner_of_agent(family, agent)


def opsrl(family: Family, num_draws: int) -> Learner:
    """Optimistic posterior sampling, eq. (4)."""
    planner = partial(plan_by_draws, num_draws=whole("num_draws", num_draws))
    return planning_player(family, planner, "opsrl")


def greedy(family: Family) -> Learner:
    """Greedy certainty equivalence, eq. (5)."""
    return planning_player(family, plan_by_mean, "greedy")


def eps_greedy(family: Family, eps: float) -> Learner:
    """Certainty equivalence with undirected exploration, eq. (6)."""
    real("eps", eps, 0, 1)
    return planning_player(family, plan_by_mean, "eps_greedy", eps)


def beb(family: Family, beta: float) -> Learner:
    """The Bayesian exploration bonus, eq. (7)."""
    planner = partial(plan_with_bonus, beta=real("beta", beta, 0))
    return planning_player(family, planner, "beb")


def ucrl2(family: Family, c: float) -> Learner:
    """UCRL2 with confidence sets of scale `c`, eq. (8)."""
    planner = partial(plan_optimistically, c=real("c", c, 0))
    return planning_player(family, planner, "ucrl2")
