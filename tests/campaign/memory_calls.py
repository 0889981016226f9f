"""Base calls of the room `memory`."""

import contextlib

import numpy as np
from comparing import rng
from problems import small_grid

from campaign.judging import call
from metarl_min.mdps import agents, rollouts
from metarl_min.memory import (
    actor_critic,
    external_memory,
    gymnasium_environments,
    predicting_agents,
    protocol,
    recurrent_agents,
    recurrent_policies,
    recurrent_training,
    trial_pictures,
    trial_steps,
)
from metarl_min.memory.recurrent_training import Settings, Update

REWARDS = np.array([[1.0, -0.5], [0.25, 2.0], [-1.0, 0.5]])  # [N T, M]
VALUES = np.array([[0.5, -0.25], [0.75, 1.0], [-0.5, 0.25]])
ALIVE = np.array([[True, True], [True, False], [True, True]])
LOGITS = rng().normal(size=(3, 2, 2))
ONEHOT = np.eye(2)[[[0, 1], [1, 1], [0, 0]]]
OLD = actor_critic.log_probs_of_actions(LOGITS[::-1], ONEHOT)
GRID = small_grid()
GRU = recurrent_policies.gru(3, "float64")
THETA = GRU.init(rng(), 9 + 5 + 2, 5)
TASKS = GRID.sample(rng(), 2)
TABLES = rollouts.sampler(TASKS, GRID.reward_noise)
RECORDING = recurrent_agents.recording_agent(GRU, THETA, (9, 5))
EPISODES, MEMORY = agents.play(rng(), TABLES, RECORDING, 2, 3)
RECORD = recurrent_agents.record(MEMORY)
X = RECORD.observations
G_LOGITS, G_VALUES = rng().normal(size=(6, 2, 5)), rng().normal(size=(6, 2))
SETTINGS = Settings(3, 2, 10, 0.9, 0.8, 1.0, 0.1, 0.02, 0.5)
STATE = recurrent_training.State(
    THETA, recurrent_training.optimizers.adam(0.02).init(THETA), iteration=2
)


TRIALS = trial_steps.begin(rng(), GRID, 1.0, 2)


def _stay(x, memory, starts):
    """A policy of another library that stays in its cell."""
    return np.full(len(x), 4), memory


def _checked(make):
    """The function without its result, and without Gymnasium, which may be missing."""

    def checked(**arguments):
        with contextlib.suppress(ImportError):
            make(**arguments)

    return checked


def _seen(trials):
    return trial_steps.observations(trials)


def _play(agent):
    return agents.play(rng(), TABLES, agent, 2, 3)[0]


def _made(policy):
    params = policy.init(rng(), 4, 2)
    return recurrent_policies.unroll(policy, params, np.ones((2, 3, 4), params["W"].dtype))[1]


agent = {"policy": GRU, "theta": THETA, "shape": (9, 5), "greedy": False, "unit": 1.0}
unrolled = {"policy": GRU, "params": THETA, "x": X}

UNROLLED = {"params": "sign complex", "x": "wrong-shape size-1"}

CALLS = {
    "gymnasium_environments.environment": call(
        _checked(gymnasium_environments.environment),
        {"family": "*", "render_mode": "None"},
        family=GRID, render_mode="ansi",
    ),
    "gymnasium_environments.vector_environment": call(
        _checked(gymnasium_environments.vector_environment),
        {"family": "*", "render_mode": "None", "num_envs": "huge"},
        family=GRID, num_envs=2, render_mode="ansi",
    ),
    "trial_steps.begin": call(
        trial_steps.begin, {"family": "*", "num_trials": "huge"}, _seen, rng=rng(), family=GRID,
        unit=1.0, num_trials=2,
    ),
    "trial_steps.present_states": call(trial_steps.present_states, {"trials": "*"}, trials=TRIALS),
    "trial_steps.is_over": call(trial_steps.is_over, {"trials": "*"}, trials=TRIALS),
    "trial_steps.observations": call(trial_steps.observations, {"trials": "*"}, trials=TRIALS),
    "trial_steps.advance": call(
        trial_steps.advance, {"trials": "*"}, lambda pair: (_seen(pair[0]), pair[1]),
        rng=rng(), trials=TRIALS, actions=np.array([1, 3]),
    ),
    "trial_pictures.picture": call(
        trial_pictures.picture, {"trials": "*"}, trials=TRIALS, m=1
    ),
    "trial_pictures.text": call(trial_pictures.text, {"trials": "*"}, trials=TRIALS, m=1),
    "trial_pictures.image": call(trial_pictures.image, {"trials": "*"}, trials=TRIALS, m=1),
    "predicting_agents.agent": call(
        predicting_agents.agent, {"family": "*", "predict": "*"}, _play, predict=_stay, family=GRID
    ),
    "protocol.RecurrentPolicy": call(
        protocol.RecurrentPolicy, {"gradient": "None"}, _made, **GRU._asdict()
    ),
    "recurrent_policies.require_float": call(recurrent_policies.require_float, dtype="float32"),
    "recurrent_training.Update": call(
        recurrent_training.Update, {"clip": "infinite:+"}, epochs=2, clip=0.2
    ),
    "recurrent_training.Settings": call(
        Settings, dict.fromkeys(Settings._fields, "None"), **SETTINGS._asdict()
    ),
    "actor_critic.advantages": call(
        actor_critic.advantages, rewards=REWARDS, values=VALUES, alive=ALIVE, gamma=0.9,
        gae_lambda=0.8
    ),
    "actor_critic.log_probs_of_actions": call(
        actor_critic.log_probs_of_actions, logits=LOGITS, onehot=ONEHOT
    ),
    "actor_critic.logit_gradient": call(
        actor_critic.logit_gradient, {"clip": "infinite:+"}, logits=LOGITS, old_log_probs=OLD,
        onehot=ONEHOT, adv=REWARDS,
        alive=ALIVE, entropy_weight=0.1, clip=0.2,
    ),
    "actor_critic.value_gradient": call(
        actor_critic.value_gradient, values=VALUES, targets=REWARDS, alive=ALIVE
    ),
    "actor_critic.clip_norm": call(
        actor_critic.clip_norm, {"g": "shape names"}, g={"a": REWARDS, "b": VALUES[0]}, limit=1.5
    ),
    "recurrent_agents.observation": call(
        recurrent_agents.observation, {"last_action_reward": "wrong-shape size-1"},
        states=np.array([1, 0]),
        last_action_reward=np.array([[0.0, 1.0, -0.5], [1.0, 0.0, 2.0]]), starts=True, num_states=2,
    ),
    "recurrent_agents.sample_actions": call(
        recurrent_agents.sample_actions, {"logits": "shape infinite:-"}, rng=rng(), logits=LOGITS[0]
    ),
    "recurrent_agents.greedy_actions": call(
        recurrent_agents.greedy_actions, {"rng": "*", "logits": "shape infinite:-"}, rng=rng(),
        logits=LOGITS[0]
    ),
    "recurrent_agents.agent": call(recurrent_agents.agent, {"theta": "sign"}, _play, **agent),
    "recurrent_agents.recording_agent": call(
        recurrent_agents.recording_agent, {"theta": "sign"}, _play, **agent
    ),
    "recurrent_agents.record": call(recurrent_agents.record, memory=MEMORY),
    "recurrent_agents.time_first": call(
        recurrent_agents.time_first, {"x": "*"}, x=EPISODES.rewards
    ),
    "protocol.unroll": call(recurrent_policies.unroll, UNROLLED, **unrolled),
    "protocol.gradient": call(
        recurrent_policies.gradient, {"params": "sign"}, **unrolled,
        memories=RECORD.policy_memories,
        logit_gradients=G_LOGITS, value_gradients=G_VALUES,
    ),
    "recurrent_policies.orthogonal": call(
        recurrent_policies.orthogonal, rng=rng(), rows=3, columns=2
    ),
    "recurrent_policies.glorot_uniform": call(
        recurrent_policies.glorot_uniform, rng=rng(), rows=3, columns=2
    ),
    "recurrent_policies.rnn": call(recurrent_policies.rnn, None, _made, hidden=3, dtype="float64"),
    "recurrent_policies.gru_reset_before": call(
        recurrent_policies.gru_reset_before, None, _made, hidden=3, dtype="float64"
    ),
    "recurrent_policies.gru": call(recurrent_policies.gru, None, _made, hidden=3, dtype="float64"),
    "recurrent_policies.lstm": call(
        recurrent_policies.lstm, None, _made, hidden=3, dtype="float64"
    ),
    "recurrent_policies.gru.init": call(GRU.init, rng=rng(), num_inputs=4, num_actions=2),
    "external_memory.policy": call(
        external_memory.policy, None, _made, hidden=3, rows=2, width=2, dtype="float64"
    ),
    "recurrent_training.ppo": call(recurrent_training.ppo, epochs=2, clip=0.2),
    "recurrent_training.update_of_words": call(
        recurrent_training.update_of_words, {"epochs": "None", "clip": "None"}, update="ppo",
        epochs=2, clip=0.2
    ),
    "recurrent_training.check": call(
        recurrent_training.check, settings=SETTINGS._replace(update=Update(2, 0.2))
    ),
    "recurrent_training.schedule": call(
        recurrent_training.schedule, beta=0.02, entropy_weight=0.1, progress=0.25
    ),
}  # fmt: skip
RESULTS = (
    "cells.GRUStep", "cells.GRUGradient", "lstm_cells.LSTMStep", "lstm_cells.LSTMGradient",
    "external_memory.Interface", "external_memory.StepCache", "external_memory.Memory",
    "recurrent_agents.Step", "recurrent_agents.Memory", "recurrent_agents.Record",
    "recurrent_training.State", "recurrent_training.Report",
    "trial_pictures.Picture", "trial_steps.Taken", "trial_steps.Trials",
)  # fmt: skip
