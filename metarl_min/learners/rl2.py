"""RL^2: a recurrent network whose memory is the learning algorithm, trained by actor-critic.

    (1)  after i of n iterations beta is max(0, 1 - i / n) of the first, eta max(0, 1 - 2 i / n)
                                                  [Mnih et al. 2016; derivation for eta]
    (2)  ascended is the mean over all D M steps of the batch, 0 where one is not alive
                                                  [definition]

What the network sees is recurrent_agents (1). The steps of a trial are one row, and its return is ascended by
actor_critic (1)-(5): a2c is one ascent on each batch, ppo several. Without eta the ascent stays
where it pulls one arm for good; with eta to the end the policy stays random where it costs little.

Expected rewards: r_t may be replaced by E[r_t | task, s_t, a_t], less a function of the task:
given task and history, neither changes the expectation of the gradient (the tower property).
The network still sees what it was paid.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import optimizers
from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.learners import Learner
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP, expected_rewards
from metarl_min.mdps.policies import log_softmax, sum_over_actions
from metarl_min.mdps.rollouts import Episodes
from metarl_min.memory import actor_critic, external_memory, recurrent_agents, recurrent_policies
from metarl_min.memory.recurrent_policies import RecurrentPolicy
from metarl_min.tasks import Family

Network = Callable[[int], RecurrentPolicy]  # of the number of units
NETWORKS: dict[str, Network] = {
    cell: partial(recurrent_policies.recurrent, cell) for cell in recurrent_policies.CELLS
}
NETWORKS["memory"] = external_memory.policy

DEFAULTS = {  # by the kind of a family; found on tasks of other seeds
    "bandit": {
        "hidden": 64, "num_tasks": 256, "gamma": 1.0, "gae_lambda": 0.7, "scale": 1.0,
        "beta": 0.02, "eta": 0.1, "max_norm": 0.1,
    },
    "contextual": {
        "hidden": 32, "num_tasks": 128, "gamma": 0.0, "gae_lambda": 0.0, "scale": 1.0,
        "beta": 0.01, "eta": 0.02, "max_norm": 1.0,
    },
    "mdp": {
        "hidden": 48, "num_tasks": 64, "gamma": 0.95, "gae_lambda": 0.9, "scale": 0.2,
        "beta": 0.01, "eta": 0.1, "max_norm": 0.1,
    },
}  # fmt: skip
ITERATIONS = {"bandit": (600, 2000), "contextual": (200, 1000), "mdp": (60, 1500)}


class State(NamedTuple):
    """What the next step needs."""

    theta: Tree
    optimizer: Any
    iteration: int


class Info(NamedTuple):
    """What a person wants to see of a step."""

    per_episode: Array  # [N] mean return of each episode


class Rules(NamedTuple):
    """How the outer loop ascends. What is None depends on the family: see `DEFAULTS`."""

    network: Network
    hidden: Any
    num_tasks: Any
    gamma: Any
    gae_lambda: Any
    scale: Any  # of the rewards in the advantages
    beta: Any
    iterations: Any  # over which beta and eta fall to 0
    eta: Any
    epochs: int
    clip: float
    max_norm: Any
    rewards: str


def kind(family: Family) -> str:
    """Return bandit, contextual (episodes of one step, many states) or mdp."""
    if family.horizon > 1:
        return "mdp"
    return "contextual" if family.sample(np.random.default_rng(0), 1).shape[0] > 1 else "bandit"


def _iterations(family: Family) -> tuple[int, int]:
    return ITERATIONS[kind(family)]


def resolve(rules: Rules, family: Family, short: bool = False) -> Rules:
    """Fill in what the settings leave to the family."""
    name = kind(family)
    defaults = DEFAULTS[name] | {"iterations": ITERATIONS[name][not short]}
    if name == "bandit" and family.num_episodes > 10:
        defaults |= {"gae_lambda": 0.9, "eta": 0.15}
    elif name == "bandit" and family.sample(np.random.default_rng(0), 1).shape[1] == 2:
        defaults |= {"hidden": 32, "beta": 0.01}
    if name == "bandit" and short:  # many small batches: a few large ones end at the likeliest arm
        defaults |= {"num_tasks": 64, "eta": 0.2}
    return Rules._make(defaults[key] if x is None else x for key, x in rules._asdict().items())


def paid(episodes: Episodes, tasks: MDP, rewards: str) -> Array:
    """Rewards that are ascended: sampled, or expected less the mean of the arms. [M, N, T]"""
    if rewards == "sampled":
        return episodes.rewards
    mean = np.broadcast_to(expected_rewards(tasks), (*tasks.leading, *tasks.shape))
    mean = mean - mean.mean(-1, keepdims=True) if tasks.shape[0] == 1 else mean
    return mean.ravel()[rollouts.visit_index(episodes, tasks.shape)]


def schedule(beta: float, eta: float, done: float) -> tuple[float, float]:
    """Step size and weight of the entropy by eq. (1), `done` i / n."""
    return max(0.0, 1 - done) * beta, max(0.0, 1 - 2 * done) * eta


def update(
    rules: Rules, state: State, record: recurrent_agents.Trace, episodes: Episodes, rewards: Array
) -> State:
    """Ascend eq. (2) `epochs` times on one batch, with eq. (1) and actor_critic (1)-(5)."""
    policy, dtype = rules.network(rules.hidden), record.values[0].dtype
    x, values, logits = map(np.stack, (record.observations, record.values, record.logits))
    alive, memories = recurrent_agents.time_first(episodes.alive), record.memories
    onehot = np.eye(logits.shape[-1], dtype=dtype)[recurrent_agents.time_first(episodes.actions)]
    r = (rules.scale * recurrent_agents.time_first(rewards)).astype(dtype)
    A = actor_critic.advantages(r, values, alive, rules.gamma, rules.gae_lambda)
    targets, old = A + values, sum_over_actions(log_softmax(logits) * onehot)[..., 0]
    beta, eta = schedule(rules.beta, rules.eta, state.iteration / rules.iterations)
    adam, theta, moments = optimizers.adam(beta), state.theta, state.optimizer
    for epoch in range(rules.epochs):
        if epoch:
            memories, logits, values = recurrent_policies.unroll(policy, theta, x)
        u = actor_critic.logit_gradient(logits, old, onehot, A, alive, eta, rules.clip) / alive.size
        v = actor_critic.value_gradient(values, targets, alive) / alive.size
        g = recurrent_policies.gradient(policy, theta, x, memories, u, v)
        theta, moments = adam.update(theta, moments, actor_critic.clip_norm(g, rules.max_norm))
    return State(theta, moments, state.iteration + 1)


def _play(
    rng: Rng,
    rules: Rules,
    theta: Tree,
    family: Family,
    tasks: MDP,
    greedy: bool,
    record: recurrent_agents.Trace | None = None,
) -> Episodes:
    player = recurrent_agents.agent(rules.network(rules.hidden), theta, tasks.shape, greedy, record)
    tables = rollouts.sampler(tasks, family.reward_noise)
    return rollouts.play(rng, tables, player, family.num_episodes, family.horizon)


def _init(rng: Rng, family: Family, rules: Rules, short: bool) -> State:
    """Start nearly uniform, with an optimiser at rest."""
    (S, A), full = family.sample(rng, 1).shape, resolve(rules, family, short)
    theta = full.network(full.hidden).init(rng, S + A + 2, A)
    return State(theta, optimizers.adam(0.0).init(theta), 0)


def _step(rng: Rng, state: State, family: Family, rules: Rules, short: bool) -> tuple[State, Info]:
    rules = resolve(rules, family, short)
    tasks, record = family.sample(rng, rules.num_tasks), recurrent_agents.Trace([], [], [], [])
    episodes = _play(rng, rules, state.theta, family, tasks, False, record)
    state = update(rules, state, record, episodes, paid(episodes, tasks, rules.rewards))
    return state, Info(episodes.rewards.sum(-1).mean(0))


def _trial(
    rng: Rng, state: State, family: Family, tasks: MDP, *, rules: Rules, greedy: bool = False
) -> Episodes:
    rules = resolve(rules, family)
    return _play(rng, rules, state.theta, family, tasks, greedy)


def rl2(
    *, cell: str | Network = "gru", hidden: int | None = None, num_tasks: int | None = None,
    gamma: float | None = None, gae_lambda: float | None = None, scale: float | None = None,
    beta: float | None = None, iterations: int | None = None, entropy: float | None = None,
    update: str = "a2c", epochs: int = 4, clip: float = 0.2, max_norm: float | None = None,
    rewards: str = "sampled",
) -> Learner:  # fmt: skip
    """RL^2, eq. (1): `cell` gru, gru_before, rnn, memory or your own, of `hidden` units.

    `num_tasks` per meta-batch; `gamma`, `gae_lambda` and the `scale` of rewards in the advantages;
    `beta` step size, falling to 0 over `iterations`, and `entropy` bonus, over half of them;
    `update` a2c, or ppo with `epochs` and `clip`; gradients longer than `max_norm` are cut;
    `rewards` sampled or expected. What is left out depends on the family: `DEFAULTS`. ValueError
    or TypeError out of range.
    """
    require(update in ("a2c", "ppo"), "update must be a2c or ppo", repr(update))
    known = ("sampled", "expected")
    require(rewards in known, f"rewards must be one of {', '.join(known)}", repr(rewards))
    if not callable(cell):
        require(cell in NETWORKS, f"cell must be one of {', '.join(NETWORKS)}", repr(cell))
        cell = NETWORKS[cell]
    for name, value in (
        ("hidden", hidden),
        ("num_tasks", num_tasks),
        ("iterations", iterations),
        ("epochs", epochs),
    ):
        _ = value is None or whole(name, value)
    for name, x in (("beta", beta), ("entropy", entropy)):
        _ = x is None or real(name, x, 0)
    for name, x in (("gamma", gamma), ("gae_lambda", gae_lambda)):
        _ = x is None or real(name, x, 0, 1)
    for name, number in (("clip", clip), ("max_norm", max_norm), ("scale", scale)):
        require(number is None or real(name, number) > 0, f"{name} must be positive", number)
    once = update == "a2c"
    rules = Rules(
        cell, hidden, num_tasks, gamma, gae_lambda, scale, beta, iterations,
        entropy, 1 if once else epochs, np.inf if once else clip, max_norm, rewards,
    )  # fmt: skip

    def learner(short: bool, less: Any) -> Learner:
        init = partial(_init, rules=rules, short=short)
        step = partial(_step, rules=rules, short=short)
        return Learner(init, step, partial(_trial, rules=rules), iterations=_iterations, short=less)

    return learner(False, learner(True, None))
