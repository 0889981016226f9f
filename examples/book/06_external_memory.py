# %% [markdown]
# # 6. An external memory
#
# In chapter 5 the memory was one vector, and every step changed the whole vector. Some tasks need
# another memory. In the family below, each step shows one of several *cues*, and for each cue one
# of two arms pays. To play well, a player must remember for each cue which arm paid, and must find
# this record again when the cue returns.

# %%
import numpy as np

from metarl_min.ceilings.bayes_optimal import solve
from metarl_min.tasks.bandits import contextual

family = contextual(cues=3, pulls=12)
ceiling = solve(family)
print(f"random {ceiling.random:.3f}, Bayes-optimal {ceiling.value:.3f}")

# %% [markdown]
# ## A memory of rows
#
# An external memory is a table. Each row has an *address* and a *content*. A network computes a
# vector, the key. The similarity of the key and an address is their cosine, addressing (1). A
# softmax turns the similarities into weights, addressing (3). The reading is the weighted mean of
# the contents, addressing (5). The *strength* multiplies the similarities before the softmax.

# %%
from metarl_min.memory import addressing

addresses = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])  # one row for each cue
contents = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])  # the arm that paid
key = np.array([0.1, 0.9, 0.0])  # the second cue, with a little noise
similarity = addressing.similarity(key, addresses)
for strength in (1.0, 10.0):
    weights = addressing.reading_weights(np.array(strength), similarity)
    answer = addressing.read(weights, contents)
    print(f"strength {strength:4.0f}: weights {weights.round(3)}, reading {answer.round(3)}")
assert answer[1] > 0.99

# %% [markdown]
# With a large strength, the reading is the content of the most similar row. The reading is a smooth
# function of the key and of the contents. So gradients pass through it, and the network can learn
# what to write.
#
# ## Where to write
#
# A new record should not overwrite an old one that is still needed. The *usage* of a row grows if
# the row is read or written, and decays otherwise, addressing (12). A new record is written to the
# least used row, addressing (7). A record that was just read can also be changed in its own row. A
# gate chooses between the two rows, addressing (8): 0 is the least used row, and 1 is the row that
# was read.

# %%
usage, last_reading = np.array([0.9, 0.2, 0.6]), np.array([0.0, 0.0, 1.0])
least = addressing.least_used(usage)
for gate in (0.0, 1.0):
    writing = addressing.writing_weights(np.array(gate), last_reading, least)
    print(f"gate {gate:.0f}: writes to row {int(np.argmax(writing))}, weights {writing}")
assert np.argmax(least) == 1

# %% [markdown]
# ## A memory of rows is enough for the task
#
# The next player is written by hand. It writes one row for each cue, with the arm that pays, and
# reads this row when the cue returns. At a new cue it pulls arm 0. It earns what the Bayes-optimal
# player earns, so a memory of rows is enough for this task.

# %%
tasks = family.sample(np.random.default_rng(0), 4000)
expected_reward = np.broadcast_to(tasks.reward, (4000, 3, 2, tasks.reward.shape[-1]))[..., 0]
rng, total = np.random.default_rng(1), np.zeros(4000)
rows = np.full((4000, 3), -1)  # the arm that pays for each cue, or -1
for _ in range(family.num_episodes):
    cue = rng.integers(3, size=4000)
    known = rows[np.arange(4000), cue]
    arm = np.where(known < 0, 0, known)
    reward = expected_reward[np.arange(4000), cue, arm]
    total += reward
    rows[np.arange(4000), cue] = np.where(reward > 0, arm, 1 - arm)
error = 5 * total.std() / np.sqrt(len(total))
print(f"mean return {total.mean():.3f} +- {error / 5:.3f}, ceiling {ceiling.value:.3f}")
assert abs(total.mean() - ceiling.value) < error

# %% [markdown]
# ## MANN
#
# The learner MANN is RL^2 with an external memory beside its network. On the default family
# `contextual` the median scores over five seeds are .911 for MANN and .494 for RL^2. The page "More
# results" has these scores. The training takes about ten seconds, so this chapter only shows the
# shapes of the arrays of the memory. `examples/reading_and_writing.py` trains a smaller network,
# and draws which rows it writes and reads.

# %%
from metarl_min.memory import external_memory

policy = external_memory.policy(16)
params = policy.init(np.random.default_rng(0), 7, 2)  # 7 inputs, 2 actions
memory = policy.initial_memory(params, 1)
print({name: np.shape(x) for name, x in memory._asdict().items()})

# %% [markdown]
# Chapters 5 and 6 trained by a policy gradient. The next chapter trains without any derivative.
#
# ## Modules, assignments, case files
#
# `memory/addressing` and `memory/external_memory` derive every operation and its gradient.
