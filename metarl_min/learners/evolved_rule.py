"""An evolved learning rule: evolution searches the six coefficients of a learning rule.

The rule updates a table Q after each step and chooses actions by Q. In this module, q, m, k, g, c
and d are the coefficients, and L = N T is the number of steps of a trial. So far in the trial, t
steps were played, and the pair (s, a) was visited n(s,a) times:

    (1)  Q(s,a) = q at the start; then Q <- Q + (y - Q) / (m + n(s,a)), where n includes this visit,
         y = r + d max_a' Q(s',a'), but y = r in the last of the T steps of an episode;
         r is the reward divided by `tasks.reward_unit`
                                                   [Watkins and Dayan 1992, with a step size 1 / n]
    (2)  pi(a|s) = softmax_a k (1 + g t / L) (Q(s,a) + c / sqrt(n(s,a) + 1))
                                                   [definition; after Auer et al. 2002]
    (3)  on a bandit, Q(a) = (m q + r_1 + .. + r_n) / (m + n) after n rewards of arm a; if rewards
         are 0 or 1 and 0 < q < 1, Q(a) is the posterior mean of the probability of a 1 under a
         Beta(m q, m (1 - q)) prior
                                                   [derivation]

- On a bandit, every step is the last of its episode, so y = r.
- Let Q_n be Q(a) after n rewards. Then (1) is (m + n) Q_n = (m + n - 1) Q_{n-1} + r_n. So each
  reward is added to m Q_0 = m q, and (m + n) Q_n = m q + r_1 + .. + r_n.
- The prior Beta(m q, m (1 - q)) has the parameters m q and m (1 - q), with the sum m. In the
  posterior, the number of ones is added to m q, and the number of zeros to m (1 - q).
- The mean of a Beta distribution is its first parameter divided by the sum of both parameters. So
  the posterior mean is (m q + r_1 + .. + r_n) / (m + n).

If g > 0, the policy becomes greedier during the trial. The term c / sqrt(n(s,a) + 1) is called the
bonus of a pair. As in Auer et al., the size of the bonus falls with the visits of the pair, but
here the factor sqrt(ln t) is left out. With n + 1, the bonus is finite before the first visit.

Let the rewards of a bandit be 0 or 1, let 0 < q < 1, and let k go to infinity. If c = 0, the rule
is the greedy Bayesian player. If c > 0, it plays the arm with the largest upper bound, Q(a) plus
the bonus. The rule does not know which states are absorbing: (1) treats them like other states.
Evolution changes six unbounded numbers: q, ln m, ln k, ln(1 + g), c and the logit of d.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, NamedTuple

import numpy as np

from metarl_min.basics import words
from metarl_min.basics.arguments import floats, instance, real, require, shaped, whole
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.evolution import players
from metarl_min.evolution.players import Player
from metarl_min.learners import Learner
from metarl_min.learners.es import Search, evolve
from metarl_min.mdps.agents import Agent, keep_memory
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.memory import recurrent_agents
from metarl_min.tasks import Family, reward_unit


class Rule(NamedTuple):
    """The coefficients of eqs. (1), (2). Each has one entry for each (member, task)."""

    initial_value: Array  # [B] q
    prior_count: Array  # [B] m > 0
    sharpness: Array  # [B] k > 0
    growth: Array  # [B] g > -1
    bonus: Array  # [B] c
    discount: Array  # [B] d, from 0 to 1


class Memory(NamedTuple):
    """The tables of B trials: one trial for each (member, task).

    Row b S + s of a table belongs to state s of trial b.
    """

    Q: Array  # [B S, A]
    visits: Array  # [B S, A] whole numbers
    step: int  # t


def coefficients(vector: Array) -> Rule:
    """Return the coefficients, computed from six unbounded numbers. [.., 6] -> [..] each

    >>> print(coefficients(np.array([0.5, 0.0, 0.0, 0.0, 0.1, 0.0])).discount)
    0.5
    """
    shape = floats("vector", vector).shape
    require(shape[-1:] == (6,), "vector must be [.., 6]", shape)
    q, log_m, log_k, log1p_g, c, logit_d = np.moveaxis(vector, -1, 0)
    with np.errstate(over="ignore"):  # `agent` refuses a coefficient that is infinite
        return Rule(
            initial_value=q,
            prior_count=np.exp(log_m),
            sharpness=np.exp(log_k),
            growth=np.expm1(log1p_g),
            bonus=c,
            discount=1 / (1 + np.exp(-logit_d)),
        )


def formula(rule: Rule) -> str:
    """Return the text of the formula by which a rule plays a bandit, eqs. (2), (3).

    Here each field of `rule` is one number, not an array [B].
    """
    q, m, k, g, c, _ = (float(x) for x in instance("rule", rule, Rule))
    return (
        f"Q = ({m * q:.2f} + rewards) / ({m:.2f} + n),  "
        f"pi = softmax {k:.1f} (1 + {g:.2f} t / L) (Q + {c:.3f} / sqrt(n + 1))"
    )


def logits(rule: Rule, Q: Array, visits: Array, fraction_played: float) -> Array:
    """Return the logits of eq. (2) for one state of each (member, task). [B, A]

    Q and visits [B, A] are the entries of this state; `fraction_played` is t / L.
    """
    scale = rule.sharpness * (1 + rule.growth * fraction_played)
    return np.asarray(scale[:, None] * (Q + rule.bonus[:, None] / np.sqrt(visits + 1.0)))


def updated(rule: Rule, memory: Memory, flat_pairs: Array, targets: Array) -> Memory:
    """Return the memory after one step of each of B trials, eq. (1).

    `flat_pairs[b]` is the index of the pair of trial b in the flattened tables, and `targets[b]` is
    its target y. The tables are copied, because the given memory must not change.
    """
    Q, visits = memory.Q.copy(), memory.visits.copy()
    n, value = visits.ravel().take(flat_pairs) + 1, Q.ravel().take(flat_pairs)
    # The ravel of a copy is a view, so these lines write into `visits` and `Q`.
    visits.ravel()[flat_pairs] = n
    Q.ravel()[flat_pairs] = value + 1 / (rule.prior_count + n) * (targets - value)
    return Memory(Q=Q, visits=visits, step=memory.step + 1)


def agent(
    rule: Rule, family: Family, shape: tuple[int, int], greedy: bool, unit: float = 1.0
) -> Agent:
    """Return the agent that plays the rule. `shape` is (S, A), and rewards are divided by `unit`.

    ValueError if a coefficient of the rule is not finite.
    """
    B = len(instance("rule", rule, Rule).prior_count)
    for name, coefficient in rule._asdict().items():
        shaped(name, floats(name, coefficient), (B,), "the rule")
    require(real("unit", unit) > 0, "unit must be positive", unit)
    L = instance("family", family, Family).num_episodes * family.horizon
    S, A = (whole(name, x) for name, x in zip(("S", "A"), shape, strict=True))
    first_row = np.arange(B) * S  # [B] the row of state 0 of each trial
    # `greedy_actions` and `sample_actions` accept any logits, not only those of a network.
    choose = recurrent_agents.greedy_actions if greedy else recurrent_agents.sample_actions

    def start(num_rows: int) -> Memory:
        Q = np.repeat(rule.initial_value, S * A).reshape(num_rows * S, A)
        return Memory(Q=Q, visits=np.zeros(Q.shape, np.int32), step=0)

    def act(rng: Rng, memory: Memory, states: Array) -> tuple[Array, Memory]:
        Q = memory.Q.take(first_row + states, axis=0)
        visits = memory.visits.take(first_row + states, axis=0)
        return choose(rng, logits(rule, Q, visits, memory.step / L)), memory

    def observe(
        memory: Memory, states: Array, actions: Array, rewards: Array, arrivals: Array
    ) -> Memory:
        targets = rewards / unit
        if (memory.step + 1) % family.horizon:  # not the last step of an episode
            best = memory.Q.take(first_row + arrivals, axis=0).max(-1)
            targets = targets + rule.discount * best
        return updated(rule, memory, (first_row + states) * A + actions, targets)

    return Agent(start=start, begin_episode=keep_memory, act=act, observe=observe)


def _init(rng: Rng) -> Tree:
    # The coefficients are q = 0, m = 1, k = 1, g = 0, c = 0 and d = 1 / (1 + e^-2) = 0.88.
    return {"rule": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 2.0])}


def _trial(
    rng: Rng, thetas: Tree, tasks: MDP, greedy: bool = False, *, family: Family, unit: float
) -> Episodes:
    num_tasks = instance("tasks", tasks, MDP).leading[0]
    rule = Rule._make(np.repeat(x, num_tasks) for x in coefficients(thetas["rule"]))
    player = agent(rule, family, tasks.shape, greedy, unit)
    return players.play_population(rng, player, family, tasks, players.num_members(thetas))


def rule_player(family: Family) -> Player:
    """Return the player with one parameter, `rule` [6], the vector that `coefficients` takes."""
    trial = partial(_trial, family=family, unit=reward_unit(family))
    return Player(family=family, init=_init, trial=trial)


SEARCH = Search(population=32, num_tasks=64, beta=0.1)


def evolved_rule(family: Family, **search: Annotated[Any, SEARCH]) -> Learner:
    """Return a learner that evolves the coefficients of eqs. (1), (2).

    `search` holds fields of `es.Search`. ValueError or TypeError if a setting is out of range.
    """
    resolved = Search(**(SEARCH._asdict() | search))
    settings = words.describe(evolved_rule, resolved._asdict())
    iterations = 600 if instance("family", family, Family).horizon == 1 else 400
    return evolve(rule_player(family), resolved, iterations, settings)
