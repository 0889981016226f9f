#!/bin/sh
# Library: gymnasium 1.4.0 with NumPy 2.4.6.
#
# Behaviour: `NormalizeReward` divides each reward by the standard deviation of a running discounted
# sum of rewards. The sum of past rewards is set to 0 before the reward of the last step is added,
# and not after it. The last reward of an episode therefore stays in the sum during the next
# episode. Only the vector wrapper with `AutoresetMode.SAME_STEP` clears the sum after the last step.
#
# The script plays the shortest path of FrozenLake without slipping, again and again. Each episode
# has 6 steps. The last step pays 1, and the other steps pay 0. The script prints the goal reward
# after normalisation in the episodes 1, 10, 100 and 300.
#
# One would have guessed: in each episode the sums are 0, 0, 0, 0, 0, 1. Their standard deviation is
# sqrt(5) / 6 = 0.373, so the goal pays 2.68 in all three cases. The documentation says that the
# wrapper gives the rewards "an approximately fixed variance".
#
# Seen: this holds only for SAME_STEP. In the other two cases the sums of a later episode are
# 0.990, 0.980, 0.970, 0.961, 0.951, 1. They hardly vary, so the variance goes from that of the first
# episode to nearly 0. The goal reward grows during training: after 300 episodes it is 18.5, which is 7 times
# the value of SAME_STEP. (After 3000 episodes it was 42.9.) The player does the same in each episode. A player that finds the goal more reliably meets rewards
# of a larger scale. The scale therefore depends on the autoreset mode, which is only a matter of
# timing.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q gymnasium==1.4.0 numpy==2.4.6 >"$folder/log" 2>&1 ||
    { cat "$folder/log"; exit 1; }

cat >"$folder/show.py" <<'PY'
import gymnasium as gym
import numpy as np
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import NormalizeReward
from gymnasium.wrappers.vector import NormalizeReward as VectorNormalizeReward

LEFT, DOWN, RIGHT, UP = range(4)
PATH = [DOWN, DOWN, RIGHT, RIGHT, DOWN, RIGHT]
SHOWN = (1, 10, 100, 300)


def lake():
    return FrozenLakeEnv(is_slippery=False)


def single():
    env, goals = NormalizeReward(lake(), gamma=0.99), []
    for _ in range(max(SHOWN)):
        env.reset(seed=0)
        for action in PATH:
            _, reward, terminated, _, _ = env.step(action)
        assert terminated
        goals.append(float(reward))
    return goals


def vector(mode):
    env = VectorNormalizeReward(SyncVectorEnv([lake], autoreset_mode=mode), gamma=0.99)
    env.reset(seed=0)
    goals = []
    for _ in range(max(SHOWN)):
        for action in PATH:
            _, reward, terminated, _, _ = env.step(np.array([action]))
        assert terminated[0]
        goals.append(float(reward[0]))
        if mode is AutoresetMode.NEXT_STEP:
            env.step(np.array([LEFT]))  # this step only resets
    return goals


print("episode    " + "".join(f"{i:>9}" for i in SHOWN))
for name, goals in (
    ("single", single()),
    ("NEXT_STEP", vector(AutoresetMode.NEXT_STEP)),
    ("SAME_STEP", vector(AutoresetMode.SAME_STEP)),
):
    print(f"{name:11}" + "".join(f"{goals[i - 1]:9.1f}" for i in SHOWN))
PY
"$folder/venv/bin/python" "$folder/show.py" | tee "$folder/output"

cat >"$folder/seen" <<'TXT'
episode            1       10      100      300
single           2.7      3.7     11.1     18.5
NEXT_STEP        2.7      3.7     11.1     18.5
SAME_STEP        2.7      2.7      2.7      2.7
TXT
diff "$folder/seen" "$folder/output" || exit 1
