"""Families of tasks as environments of Gymnasium, for learners of other libraries.

One trial is one episode of Gymnasium. `reset` draws a new task, which is hidden. Then `step` is
called N T times, and the last call returns `terminated` = True. The next `reset` draws the next
task. A learner with a memory must clear it at the start of an episode of Gymnasium, and only there.
So it keeps its memory through the N episodes of a trial, as RL^2 does.

- The observation is x_t of recurrent_agents (1), as float32: the state, the previous action and the
  previous reward divided by `tasks.reward_unit(family)`, and 1 at the first step of each of the N
  episodes. After the last step of the trial, the observation is the arrival of this step.
- The reward is drawn with the noise of the family, and is not divided by the unit.
- `terminated` is true after step N T, because nothing is paid after a trial. `truncated` is never
  true. If it were true, a learner would add an estimated value of the last observation to the
  return, but this value is 0.
- An episode that reaches an absorbing state goes on until its step T. In the steps after the
  arrival, `infos["alive"]` is False, and the reward is 0. So all trials of a family have the same
  number of steps.
- `infos` say which step was taken: `trial_episode` is from 0 to N - 1, and `episode_step` is from 0
  to T - 1. The third entry is `alive`. A player must not read `alive`, because it depends on the
  hidden task.

`vector_environment` plays many trials at once. All its trials end in the same step. It has the
autoreset mode `SAME_STEP`: the step that ends the trials also begins the next ones. This step
returns the first observations of the next trials, and `infos["final_obs"]` and
`infos["final_info"]` contain the last observations and infos. One generator draws the random
numbers of all trials. For another autoreset mode, or to use several processes, use
`gymnasium.vector.SyncVectorEnv([partial(environment, family)] * n)` or `AsyncVectorEnv`.

`predicting_agents.agent` makes a player from a policy that was trained in these environments.
`evaluation.evaluate` then scores it on the same fresh tasks as the learners of this package.

The extra `gymnasium` installs Gymnasium.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from metarl_min.basics.arguments import instance, require, shaped, whole
from metarl_min.basics.trees import Array
from metarl_min.mdps.mdp import MAX_COUNT
from metarl_min.memory import trial_pictures, trial_steps
from metarl_min.memory.trial_steps import Trials
from metarl_min.tasks import Family, reward_unit, shape_of

if TYPE_CHECKING:
    import gymnasium

RENDERERS = {"ansi": trial_pictures.text, "rgb_array": trial_pictures.image}
METADATA = {"render_modes": list(RENDERERS), "render_fps": 4}


def _gymnasium() -> Any:
    """Return the module gymnasium; an ImportError that names the extra if it is missing."""
    try:
        import gymnasium
    except ImportError as error:
        rule = "Gymnasium must be installed: pip install 'metarl_min[gymnasium]'"
        raise ImportError(f"{rule}, got {error}") from error
    return gymnasium


def _spaces(family: Family) -> tuple[Any, Any]:
    """Return the spaces of the observations and of the actions of one trial."""
    spaces, (S, A) = _gymnasium().spaces, shape_of(family)
    low, high = np.zeros(S + A + 2, trial_steps.DTYPE), np.ones(S + A + 2, trial_steps.DTYPE)
    high[S + A] = np.finfo(trial_steps.DTYPE).max  # the reward
    low[S + A] = -high[S + A]
    return spaces.Box(low, high, dtype=trial_steps.DTYPE), spaces.Discrete(A)


def _require_no_options(options: Any) -> None:
    require(not options, "options of reset must be empty or None", options)


def _advanced(env: Any, actions: Array) -> tuple[Trials, Array, dict[str, Array]]:
    """Return the trials after a step, the rewards [M], and the infos with an entry for each trial.

    ResetNeeded before the first `reset` and after the end of the trials.
    """
    if env.trials is None or trial_steps.is_over(env.trials):
        rule = "reset must be called before the first step and after the end of a trial"
        raise _gymnasium().error.ResetNeeded(rule)
    trials, rewards = trial_steps.advance(env.np_random, env.trials, actions)
    episode, step = divmod(len(trials.history) - 1, env.family.horizon)
    infos = {
        "trial_episode": np.full(len(rewards), episode),
        "episode_step": np.full(len(rewards), step),
        "alive": trials.history[-1].alive.copy(),
    }
    return trials, rewards, infos


def _frames(env: Any) -> tuple[Any, ...] | None:
    """Return the picture of each trial; None and a warning if there is no render mode."""
    if env.render_mode is None:
        rule = "render needs an environment that was made with render_mode='ansi' or 'rgb_array'"
        _gymnasium().logger.warn(rule)
        return None
    if env.trials is None:
        raise _gymnasium().error.ResetNeeded("reset must be called before render")
    draw = RENDERERS[env.render_mode]
    return tuple(draw(env.trials, m) for m in range(len(env.trials.table_rows)))


def _spec(family: Family, render_mode: str | None) -> Any:
    """Return the spec with which Gymnasium makes the environment again."""
    return _gymnasium().envs.registration.EnvSpec(
        id="metarl_min/Trial-v0",
        entry_point=environment,
        kwargs={"family": family, "render_mode": render_mode},
    )


@lru_cache
def _environment_class() -> Any:
    """Return the class of `environment`. It exists only if Gymnasium is installed."""
    Env: Any = _gymnasium().Env

    class TrialEnvironment(Env):
        metadata = METADATA
        trials: Any = None  # before the first reset

        def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Array, dict[str, Any]]:
            _require_no_options(options)
            super().reset(seed=seed)
            self.trials = trial_steps.begin(self.np_random, self.family, self.unit, 1)
            return trial_steps.observations(self.trials)[0], {}

        def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
            actions = shaped("action", np.asarray(action), (), "one number")[None]
            self.trials, rewards, infos = _advanced(self, actions)
            info = {name: x[0].item() for name, x in infos.items()}
            x, over = trial_steps.observations(self.trials)[0], trial_steps.is_over(self.trials)
            return x, float(rewards[0]), over, False, info

        def render(self) -> Any:
            frames = _frames(self)
            return frames and frames[0]

    return TrialEnvironment


def _masked(infos: dict[str, Any], M: int) -> dict[str, Any]:
    """Return infos with their masks, as vectorised environments of Gymnasium give them."""
    return {**infos, **{f"_{name}": np.ones(M, bool) for name in infos}}


def _separate(x: Array) -> Array:
    """Return the rows of a matrix as an array of arrays. [M, I] -> [M]"""
    rows = np.empty(len(x), object)
    rows[:] = list(x)
    return rows


@lru_cache
def _vector_class() -> Any:
    """Return the class of `vector_environment`. It exists only if Gymnasium is installed."""
    vector: Any = _gymnasium().vector
    VectorEnv: Any = vector.VectorEnv

    class VectorTrialEnvironment(VectorEnv):
        metadata = METADATA | {"autoreset_mode": vector.AutoresetMode.SAME_STEP}
        trials: Any = None  # before the first reset

        def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Array, dict[str, Any]]:
            _require_no_options(options)
            super().reset(seed=seed)
            self.trials = trial_steps.begin(self.np_random, self.family, self.unit, self.num_envs)
            return trial_steps.observations(self.trials), {}

        def step(self, actions: Any) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
            self.trials, rewards, infos = _advanced(self, np.asarray(actions))
            infos, x = _masked(infos, len(rewards)), trial_steps.observations(self.trials)
            over = np.full(len(rewards), trial_steps.is_over(self.trials))
            if over.all():
                infos = _masked({"final_obs": _separate(x), "final_info": infos}, len(rewards))
                x, _ = self.reset()
            return x, rewards, over, np.zeros(len(rewards), bool), infos

        def render(self) -> Any:
            return _frames(self)

    return VectorTrialEnvironment


def _check(family: Any, render_mode: Any) -> None:
    instance("family", family, Family)
    known = render_mode is None or (isinstance(render_mode, str) and render_mode in RENDERERS)
    require(known, "render_mode must be None, ansi or rgb_array", repr(render_mode))


def environment(family: Family, render_mode: str | None = None) -> gymnasium.Env:
    """Return the family as an environment of Gymnasium, in which an episode is one trial.

    With `render_mode` "ansi" or "rgb_array", `render` returns a text or an image, see
    `trial_pictures`. ImportError if Gymnasium is missing.
    """
    _check(family, render_mode)
    env = _environment_class()()
    env.family, env.unit, env.render_mode = family, reward_unit(family), render_mode
    env.observation_space, env.action_space = _spaces(family)
    env.spec = _spec(family, render_mode)
    return env


def vector_environment(
    family: Family, num_envs: int, render_mode: str | None = None
) -> gymnasium.vector.VectorEnv:
    """Return `num_envs` trials of the family as one vectorised environment of Gymnasium.

    `render` returns a picture for each trial. ImportError if Gymnasium is missing.
    """
    _check(family, render_mode)
    num_envs = whole("num_envs", num_envs, high=MAX_COUNT)
    env, batch_space = _vector_class()(), _gymnasium().vector.utils.batch_space
    env.family, env.unit, env.render_mode = family, reward_unit(family), render_mode
    env.num_envs = num_envs
    env.single_observation_space, env.single_action_space = _spaces(family)
    env.observation_space, env.action_space = (
        batch_space(space, num_envs) for space in _spaces(family)
    )
    return env
