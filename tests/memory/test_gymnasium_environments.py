"""Families as environments of Gymnasium, single and vectorised.

They run where Gymnasium is installed: `pip install -e '.[gymnasium]'`. What is missing without it
is tested everywhere.
"""

import copy
import sys
from functools import partial

import numpy as np
import pytest
from comparing import assert_mean, rng
from problems import own_family, small_bandit, small_grid

from metarl_min.ceilings import expected_random
from metarl_min.mdps import values
from metarl_min.memory import trial_steps
from metarl_min.memory.gymnasium_environments import environment, vector_environment
from metarl_min.tasks import reward_unit, shape_of
from metarl_min.tasks.bandits import contextual, correlated, gaussian
from metarl_min.tasks.gridworlds import navigation
from metarl_min.tasks.random_mdps import mdp
from metarl_min.tasks.restless_arms import restless
from metarl_min.tasks.two_step import two_step

FAMILIES = {
    "bandit": small_bandit(3, 5),
    "gaussian": gaussian(arms=2, pulls=4, mean=1.0, noise=0.5),
    "correlated": correlated(kind="easy", pulls=3),
    "contextual": contextual(cues=3, arms=2, pulls=6),
    "grid": small_grid(walls=(0, 7)),
    "absorbing": small_grid(terminate=1, slip=0.25),
    "mdp": mdp(states=4, actions=3, horizon=3, episodes=2),
    "navigation": navigation(size=3, horizon=4, episodes=2),
    "restless": restless(pulls=6),
    "two_step": two_step(episodes=4),
    "own": own_family(0.5)._replace(name="folder/levers.py:levers"),
}


@pytest.fixture
def gym():
    return pytest.importorskip("gymnasium")


@pytest.mark.parametrize("make", [environment, partial(vector_environment, num_envs=2)])
def test_without_gymnasium_the_error_names_the_extra(monkeypatch, make):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    from metarl_min.memory import gymnasium_environments

    gymnasium_environments._environment_class.cache_clear()
    gymnasium_environments._vector_class.cache_clear()
    rule = r"Gymnasium must be installed: pip install 'metarl_min\[gymnasium\]', got "
    with pytest.raises(ImportError, match=rule):
        make(FAMILIES["bandit"])


@pytest.mark.parametrize("mode", [None, "ansi", "rgb_array"])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_checker_of_gymnasium_finds_no_fault_and_warns_of_nothing(gym, name, mode):
    from gymnasium.utils.env_checker import check_env

    check_env(environment(FAMILIES[name], mode))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_trial_is_an_episode_of_gymnasium(gym, name):
    """The steps, rewards and observations are those of `trial_steps` with the same seed."""
    family = FAMILIES[name]
    env, draw, unit = gym.make(environment(family).spec), rng(7), reward_unit(family)
    x, info = env.reset(seed=7)
    for _ in range(2):  # the second trial goes on with the generator of the first
        trials, ended = trial_steps.begin(draw, family, unit, 1), False
        assert info == {} and np.array_equal(x, trial_steps.observations(trials)[0])
        for k in range(family.num_episodes * family.horizon):
            assert not ended
            action = k % shape_of(family)[1]
            x, reward, ended, truncated, info = env.step(action)
            trials, rewards = trial_steps.advance(draw, trials, np.array([action]))
            assert reward == rewards[0] and type(reward) is float and not truncated
            assert np.array_equal(x, trial_steps.observations(trials)[0])
            episode, step = divmod(k, family.horizon)
            alive = bool(trials.history[-1].alive[0])
            assert info == {"trial_episode": episode, "episode_step": step, "alive": alive}
        assert ended
        x, info = env.reset()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_vector_of_one_trial_is_the_environment_with_resets(gym, name):
    family = FAMILIES[name]
    env, envs = environment(family), vector_environment(family, 1)
    x, _ = env.reset(seed=3)
    assert np.array_equal(envs.reset(seed=3)[0], x[None])
    for k in range(2 * family.num_episodes * family.horizon):
        action = k % shape_of(family)[1]
        x, reward, ended, truncated, info = env.step(action)
        seen, rewards, ends, truncations, infos = envs.step(np.array([action]))
        assert rewards[0] == reward and ends[0] == ended and truncations[0] == truncated
        if ended:
            assert np.array_equal(infos["final_obs"][0], x)
            infos, (x, _) = infos["final_info"], env.reset()
        assert np.array_equal(seen[0], x) and {key: infos[key][0] for key in info} == info


def same_form(x, y):
    """Whether two infos or arrays have the same names, dtypes and shapes."""
    if isinstance(x, dict):
        return set(x) == set(y) and all(same_form(x[name], y[name]) for name in x)
    fits = type(x) is type(y) and x.dtype == y.dtype and x.shape == y.shape
    return fits and (x.dtype != object or all(map(same_form, x, y)))


@pytest.mark.parametrize("name", ["bandit", "absorbing"])
def test_the_vector_has_the_form_of_separate_environments(gym, name):
    family = FAMILIES[name]
    own = vector_environment(family, 3)
    other = gym.vector.SyncVectorEnv(
        [partial(environment, family)] * 3, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP
    )
    assert own.metadata["autoreset_mode"] == other.metadata["autoreset_mode"]
    for space in (
        "observation_space", "action_space", "single_observation_space", "single_action_space",
    ):  # fmt: skip
        assert getattr(own, space) == getattr(other, space)
    assert all(map(same_form, own.reset(seed=0), other.reset(seed=0)))
    for _ in range(family.num_episodes * family.horizon + 1):
        actions = own.action_space.sample()
        ours, theirs = own.step(actions), other.step(actions)
        assert all(map(same_form, ours, theirs)) and np.array_equal(ours[2], theirs[2])
        assert ours[0] in own.observation_space


def test_a_seed_gives_the_same_trials_and_another_seed_gives_others(gym):
    family = mdp(states=4, actions=5, horizon=4, episodes=3)

    def rewards_of(env, seed, actions):
        env.reset(seed=seed)
        return np.array([env.step(action)[1] for action in actions])

    actions = rng().integers(5, size=(24, 4))
    for make, chosen in (
        (partial(environment, family), actions[:12, 0]),
        (partial(vector_environment, family, 4), actions),
    ):
        first, again, other = (rewards_of(make(), seed, chosen) for seed in (1, 1, 2))
        assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_the_trials_of_a_vector_have_tasks_of_their_own(gym):
    """The number of different goals among 8 cells."""
    envs = vector_environment(small_grid(), 200)
    envs.reset(seed=0)
    tables = envs.trials.tables
    paying = tables.rewards.reshape(200, 9 * 5).argmax(1)
    goals = np.take_along_axis(tables.arrivals.reshape(200, 9 * 5), paying[:, None], 1) % 9
    assert sorted(set(goals.ravel().tolist())) == [0, 1, 2, 3, 5, 6, 7, 8]


PLAYERS = ["bandit", "gaussian", "absorbing", "mdp", "navigation", "restless", "two_step"]


@pytest.mark.parametrize("name", PLAYERS)
def test_the_random_player_earns_its_exact_return(gym, name):
    family = FAMILIES[name]
    envs = gym.wrappers.vector.RecordEpisodeStatistics(vector_environment(family, 5000))
    envs.reset(seed=1)
    envs.action_space.seed(2)
    for _ in range(family.num_episodes * family.horizon):
        *_, infos = envs.step(envs.action_space.sample())
    assert_mean(infos["episode"]["r"], expected_random(family))


def test_the_best_policy_of_a_single_task_earns_its_value_in_the_single_environment(gym):
    family = small_grid(goals=(2,), slip=0.5, terminate=1)
    tasks = family.sample(rng(), 1)
    probs = np.eye(5)[[3, 3, 4, 0, 3, 0, 0, 0, 0]]  # to cell 2
    exact = 3 * float(values.expected_return(tasks, probs, 4)[0])
    env, returns = gym.wrappers.RecordEpisodeStatistics(environment(family)), []
    x, _ = env.reset(seed=4)
    while len(returns) < 500:
        x, _, ended, _, info = env.step(int(probs[x[:9].argmax()].argmax()))
        if ended:
            returns.append(info["episode"]["r"])
            x, _ = env.reset()
    assert_mean(np.array(returns), exact)


def test_pictures(gym):
    family = FAMILIES["grid"]
    env = gym.make(environment(family).spec, render_mode="ansi")
    env.reset(seed=0)
    assert env.render() == "gridworld: a new task\n# . .\n. @ .\n. # .\n"
    images = vector_environment(family, 2, "rgb_array")
    with pytest.raises(gym.error.ResetNeeded, match="reset must be called before render"):
        images.render()
    images.reset(seed=0)
    frames = images.render()
    assert [frame.shape for frame in frames] == [(48, 48, 3)] * 2
    silent = environment(family)
    silent.reset()
    with pytest.warns(UserWarning, match="render needs an environment that was made with"):
        assert silent.render() is None


def test_a_copy_goes_on_as_the_environment_itself(gym):
    env = environment(FAMILIES["absorbing"])
    env.reset(seed=0)
    env.step(1)
    other = copy.deepcopy(env)
    for k in range(11):
        ours, theirs = env.step(k % 5), other.step(k % 5)
        assert np.array_equal(ours[0], theirs[0]) and ours[1:] == theirs[1:]


def test_what_a_step_returns_belongs_to_the_caller(gym):
    envs = vector_environment(FAMILIES["grid"], 2)
    envs.reset(seed=0)
    x, *_, infos = envs.step([0, 1])
    x[:], infos["alive"][:] = -1.0, False
    y, *_, infos = envs.step([0, 1])
    assert (y[:, :9].sum(-1) == 1).all() and infos["alive"].all()


def test_processes_make_the_environment_from_its_family(gym):
    envs = gym.vector.AsyncVectorEnv([partial(environment, FAMILIES["bandit"])] * 2)
    envs.reset(seed=0)
    x, rewards, *_ = envs.step(np.array([0, 1]))
    envs.close()
    assert x.shape == (2, 6) and set(rewards) <= {0.0, 1.0}


def test_wrong_calls_of_an_environment(gym):
    env = environment(FAMILIES["bandit"])
    with pytest.raises(gym.error.ResetNeeded, match="before the first step and after the end"):
        env.step(0)
    env.reset(seed=0)
    for action, rule in (
        (3, "actions must be from 0 to 2, got 3"),
        (-1, "actions must be from 0 to 2"),
        (0.0, "actions must be an array of whole numbers"),
        (True, "actions must be an array of whole numbers"),
        (None, "actions must be an array of whole numbers"),
        ([0], r"action must have the shape of one number, \(\), got \(1,\)"),
    ):
        with pytest.raises((TypeError, ValueError), match=rule):
            env.step(action)
    with pytest.raises(ValueError, match="options of reset must be empty or None"):
        env.reset(options={"task": 3})
    for action in (0, np.int64(1), np.array(2), np.int32(0), 1):
        assert not env.trials.history or not trial_steps.is_over(env.trials)
        env.step(action)
    with pytest.raises(gym.error.ResetNeeded, match="after the end of a trial"):
        env.step(0)


def test_wrong_calls_of_a_vector(gym):
    envs = vector_environment(FAMILIES["bandit"], 2)
    with pytest.raises(gym.error.ResetNeeded):
        envs.step([0, 1])
    with pytest.raises(gym.error.Error, match="Seed must be a python integer"):
        envs.reset(seed=[1, 2])
    envs.reset()
    for actions, rule in (
        ([0, 3], r"actions must be from 0 to 2, got 3 at \[1\]"),
        ([0], r"actions must have the shape of the trials, \(2,\), got \(1,\)"),
        (0, r"actions must have the shape of the trials, \(2,\), got \(\)"),
        ([0.5, 1.0], "actions must be an array of whole numbers"),
    ):
        with pytest.raises((TypeError, ValueError), match=rule):
            envs.step(actions)


def test_wrong_arguments(gym):
    family = FAMILIES["bandit"]
    for make, rule in (
        (lambda: environment("bandit"), "family must be of type Family, got str"),
        (lambda: environment(family, "human"), "render_mode must be None, ansi or rgb_array"),
        (lambda: environment(family, ["ansi"]), "render_mode must be None, ansi or rgb_array"),
        (lambda: vector_environment(family, 0), "num_envs must be at least 1, got 0"),
        (lambda: vector_environment(family, 2.0), "num_envs must be a whole number"),
        (lambda: vector_environment(family, 2, "gif"), "render_mode must be None, ansi or"),
    ):
        with pytest.raises((TypeError, ValueError), match=rule):
            make()
