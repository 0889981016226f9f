"""The MDP of an environment of Gymnasium that has a table, such as FrozenLake.

Such an environment has a table `P` for `mdp_tables.from_lists`, and the probabilities
`initial_state_distrib` of its first state. Its spec may have a limit of steps. These facts were
measured on Gymnasium 1.4.0:

- `FrozenLake-v1` follows its table, with every map, `success_rate` and `reward_schedule`. The limit
  of steps is 100, and 200 for `FrozenLake8x8-v1`.
- `CliffWalking-v1` has no limit of steps. In its table the goal is not absorbing, but an episode
  ends at each arrival there, so `from_lists` makes the goal absorbing. A fall off the cliff leads
  back to the start, and the episode goes on.
- In the table of `Taxi-v4`, a taxi can drive on after the delivery. So the MDP has one more state,
  which is absorbing: a delivery leads there. With `fickle_passenger=True` the steps also change the
  destination, and the table does not contain this.
- `Blackjack-v1` has no table.

Environments are recognised by their attributes, so this module does not import Gymnasium.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from metarl_min.basics.arguments import require, shown
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.mdp_tables import from_lists

# The wrappers of Gymnasium that change no action, no reward and no transition. The limit of
# `TimeLimit` becomes the horizon.
HARMLESS = {
    "HumanRendering", "OrderEnforcing", "PassiveEnvChecker", "RecordEpisodeStatistics",
    "RecordVideo", "RenderCollection", "TimeLimit",
}  # fmt: skip


class TabularEnvironment(NamedTuple):
    """An environment as an MDP."""

    mdp: MDP
    horizon: int | None  # limit of the steps of an episode; None if there is no limit


def _layers(env: Any) -> list[Any]:
    """Return the environment with its wrappers, from the outermost one to the environment itself.

    TypeError unless `env` is an environment. ValueError for a wrapper that is not in HARMLESS.
    """
    if not hasattr(env, "unwrapped"):
        raise TypeError(f"env must be an environment of Gymnasium, got {shown(repr(env))}")
    layers = [env]
    while layers[-1] is not env.unwrapped:
        name = type(layers[-1]).__name__
        rule = f"env must have no wrapper but {', '.join(sorted(HARMLESS))}"
        require(name in HARMLESS, rule, f"{name}, which the table does not contain")
        layers.append(layers[-1].env)
    return layers


def from_environment(env: Any) -> TabularEnvironment:
    """Return the MDP of an environment with a table, and its horizon.

    If there is a horizon, `optimum(mdp, horizon)` has the best return of an episode. TypeError or
    ValueError if there is no table, if the environment does something that its table does not
    contain, and for all errors of `from_lists`.

    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> P = [[[(0.5, 0, -1.0, False), (0.5, 1, 3.0, True)]], [[(1.0, 0, 0.0, False)]]]
    >>> env = SimpleNamespace(P=P, initial_state_distrib=np.array([1.0, 0.0]), spec=None)
    >>> env.unwrapped = env  # as an environment that gymnasium.make returns
    >>> task = from_environment(env)
    >>> task.mdp.transition[:, 0].tolist(), task.horizon
    ([[0.5, 0.5], [0.0, 1.0]], None)
    """
    layers = _layers(env)
    inner = layers[-1]
    for name in ("P", "initial_state_distrib"):
        rule = f"env must have a table, the attributes P and initial_state_distrib of {inner!r}"
        require(hasattr(inner, name), rule, f"no {name}")
    rule = "the table must be the environment: fickle_passenger must be False"
    fickle = getattr(inner, "fickle_passenger", False)
    require(not fickle, rule, f"{fickle}, with which steps change the destination")
    specs = [layer.spec for layer in layers if getattr(layer, "spec", None) is not None]
    limits = [spec.max_episode_steps for spec in specs if spec.max_episode_steps is not None]
    mdp = from_lists(inner.P, inner.initial_state_distrib)
    return TabularEnvironment(mdp=mdp, horizon=min(limits, default=None))
