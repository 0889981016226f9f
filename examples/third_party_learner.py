# %% [markdown]
# # How well does a recurrent learner of another library learn here?
#
# The family is an environment of Gymnasium, so RecurrentPPO of sb3-contrib trains on it as it is.
# Then the evaluation of this library scores it on fresh tasks, beside the ceiling and beside RL^2,
# which is trained with the same kind of update on as many trials. The extra `peers` installs
# sb3-contrib.

# %%
from functools import partial

import numpy as np
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.vec_env import DummyVecEnv

from metarl_min import evaluation, training
from metarl_min.baselines import learner_of_agent
from metarl_min.ceilings import bayes_optimal
from metarl_min.learners.rl2 import rl2
from metarl_min.memory.gymnasium_environments import environment
from metarl_min.memory.predicting_agents import agent
from metarl_min.memory.recurrent_training import ppo
from metarl_min.tasks.bandits import correlated

family = correlated(kind="easy", pulls=10)  # one arm pays with probability 0.1, the other with 0.9
ceiling = bayes_optimal.solve(family)
torch.set_num_threads(1)  # threads gain nothing on small tensors

# %% [markdown]
# RecurrentPPO clears its memory where an episode of Gymnasium starts. Such an episode is a whole
# trial, so the memory lasts through all ten pulls, and a rollout of ten steps is one trial of each
# environment.


# %%
def trained(seed, num_trials):
    """Return a RecurrentPPO after a training on `num_trials` trials."""
    envs = DummyVecEnv([partial(environment, family)] * 64)
    model = RecurrentPPO(
        "MlpLstmPolicy", envs, n_steps=10, batch_size=640, n_epochs=4, learning_rate=3e-3,
        gamma=1.0, gae_lambda=0.9, ent_coef=0.02, seed=seed, device="cpu",
        policy_kwargs={"lstm_hidden_size": 32, "net_arch": []},
    )  # fmt: skip
    return model.learn(10 * num_trials)


def player_of(model):
    """Return the model as a player of this library."""
    return learner_of_agent(
        family, agent(lambda x, h, starts: model.predict(x, state=h, episode_start=starts), family)
    )


def main(seed=0, num_trials=4096):
    """Print and return the scores of both learners."""
    player = player_of(trained(seed, num_trials))
    ours = rl2(family, update=ppo(epochs=4), num_tasks=64, iterations=num_trials // 64)
    players = {
        "RecurrentPPO": (player, player.init(np.random.default_rng(seed))),
        "rl2": (ours, training.train(ours, num_trials // 64, seed=seed)),
    }
    print(f"Bayes-optimal return {ceiling.value:.3f}, random {ceiling.random:.3f}")
    scores = {}
    for name, (learner, state) in players.items():
        found = evaluation.evaluate(learner, state, num_tasks=4000, seed=seed, ceiling=ceiling)
        score = f"{found.score:.3f} +- {found.score_stderr:.3f}"
        print(f"{name:12}  return {found.value:.3f}  score {score}")
        scores[name] = found
    return scores


# %%
if __name__ == "__main__":
    main()
