"""An evolved learning rule: evolution searches the coefficients of an update, not a policy.

n(s,a) visits so far in the trial, t steps taken of the L = N T of a trial. The rule has six
coefficients (q, m, k, g, c, d) and is applied within the trial:

    (1)  Q(s,a) = q at the start, then Q <- Q + (y - Q) / (m + n(s,a)), n after the visit,
         y = r + d max_a' Q(s',a'), y = r in the last of the T steps of an episode
                                                   [Watkins and Dayan 1992, with a step size 1 / n]
    (2)  pi(a|s) = softmax_a k (1 + g t / L) (Q(s,a) + c / sqrt(n(s,a) + 1))
                                                   [derivation; the bonus as in Auer et al. 2002]

On a bandit (1) is the posterior mean of a Beta(m q, m (1 - q)) prior: q = 1/2, m = 2 is the
uniform one. So the rule contains the greedy Bayesian player (k to infinity, c = 0), and one with
an upper confidence bound. A state that ends an episode before its time is to the rule a state like
others. m, k, 1 + g, d evolve through exp and a logistic curve, which keeps them where they make
sense.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.evolution import players
from metarl_min.evolution.players import Player
from metarl_min.learners import Learner, es
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Agent, Episodes
from metarl_min.memory import recurrent_agents
from metarl_min.tasks import Family


class Rule(NamedTuple):
    """The coefficients of eqs. (1), (2). [...] each"""

    prior: Array  # q
    weight: Array  # m > 0
    sharpness: Array  # k > 0
    growth: Array  # g > -1
    bonus: Array  # c
    discount: Array  # d in (0, 1)


class Memory(NamedTuple):
    """What the rule remembers of R trials; the arrays are its own, and updated in place."""

    Q: Array  # [R, S, A]
    visits: Array  # [R, S, A]
    step: Array  # [1] t


def coefficients(vector: Array) -> Rule:
    """Read six free numbers as a rule. [..., 6]"""
    q, m, k, g, c, d = np.moveaxis(vector, -1, 0)
    return Rule(q, np.exp(m), np.exp(k), np.expm1(g), c, 1 / (1 + np.exp(-d)))


def formula(rule: Rule) -> str:
    """Write a rule as it acts on a bandit."""
    q, m, k, g, c, _ = (float(x) for x in rule)
    return (
        f"Q = ({m * q:.2f} + rewards) / ({m:.2f} + n),  "
        f"pi = softmax {k:.1f} (1 + {g:.2f} t / L) (Q + {c:.3f} / sqrt(n + 1))"
    )


def logits(rule: Rule, Q: Array, visits: Array, done: float) -> Array:
    """Of eq. (2) in one state. Q, visits [R, A], coefficients [R], done t / L -> [R, A]"""
    heat = rule.sharpness * (1 + rule.growth * done)
    return np.asarray(heat[:, None] * (Q + rule.bonus[:, None] / np.sqrt(visits + 1)))


def agent(rule: Rule, family: Family, shape: tuple[int, int], greedy: bool) -> Agent:
    """The player of the rule. Coefficients [R]"""
    length, R = family.num_episodes * family.horizon, np.arange(len(rule.prior))

    def start(num_rows: int) -> Memory:
        Q = np.broadcast_to(rule.prior[:, None, None], (num_rows, *shape)).copy()
        return Memory(Q, np.zeros_like(Q), np.zeros(1))

    def act(rng: Rng, memory: Memory, states: Array) -> Array:
        Q, visits = memory.Q[R, states], memory.visits[R, states]
        z = logits(rule, Q, visits, memory.step[0] / length)
        return np.argmax(z, axis=-1) if greedy else recurrent_agents.sample_actions(rng, z)

    def observe(
        memory: Memory, states: Array, actions: Array, rewards: Array, arrivals: Array
    ) -> Memory:
        memory.step[0] += 1
        ends = memory.step[0] % family.horizon == 0
        later = 0.0 if ends else rule.discount * memory.Q[R, arrivals].max(-1)
        memory.visits[R, states, actions] += 1
        size = 1 / (rule.weight + memory.visits[R, states, actions])
        memory.Q[R, states, actions] += size * (rewards + later - memory.Q[R, states, actions])
        return memory

    return Agent(start, rollouts.keep_memory, act, observe)


def _init(rng: Rng, family: Family) -> Tree:
    return {"rule": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 2.0])}


def _trial(rng: Rng, thetas: Tree, family: Family, tasks: MDP, greedy: bool = False) -> Episodes:
    each = np.repeat(thetas["rule"], tasks.leading[0], axis=0)
    player = agent(coefficients(each), family, tasks.shape, greedy)
    return players.play(rng, thetas, family, tasks, player)


def _iterations(family: Family) -> tuple[int, int]:
    return (150, 600) if family.horizon == 1 else (20, 400)


def evolved_rule(
    *, population: int = 32, num_tasks: int = 64, sigma: float = 0.3, beta: float = 0.1,
    optimizer: str = "adam", estimator: str = "antithetic", directions: str = "gaussian",
    shaping: str = "ranks", decay: float = 0.0, executor: Any = None, num_slices: int = 8,
) -> Learner:  # fmt: skip
    """Evolve the coefficients of eqs. (1), (2); the settings are those of `evolution.es`."""
    return es.evolve(
        Player(_init, _trial), _iterations, population=population, num_tasks=num_tasks,
        sigma=sigma, beta=beta, optimizer=optimizer, estimator=estimator, directions=directions,
        shaping=shaping, decay=decay, executor=executor, num_slices=num_slices,
    )  # fmt: skip
