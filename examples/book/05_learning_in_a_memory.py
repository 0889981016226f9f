# %% [markdown]
# # 5. Learning in a memory: RL^2
#
# In chapter 3 a player learned by a gradient step. In this chapter the parameters do not change
# during a trial. The policy is a recurrent network. Its main inputs are the last action and the
# last reward, and it keeps its memory from one pull to the next. All that the player learns about
# the task must be in this memory. This learner is called RL^2.
#
# The family is the family of chapter 1, with five pulls: the means of two arms are uniform.

# %%
import numpy as np

from metarl_min import evaluation
from metarl_min.ceilings.bayes_optimal import solve
from metarl_min.learners.rl2 import rl2
from metarl_min.tasks.bandits import bandit

family = bandit(arms=2, pulls=5)
ceiling = solve(family)
learner = rl2(family, hidden=16, iterations=300)
state = learner.init(np.random.default_rng(0))
print({name: leaf.shape for name, leaf in state.theta.items()})

# %% [markdown]
# For the network a trial is one long episode. Training follows an ordinary policy gradient,
# actor_critic (1), over whole trials of many tasks. In chapter 3, the learning rule was given: it
# was a gradient step, and MAML learned its start. Here the learning rule is not given. The network
# learns the rule itself, and so no gradient passes through a gradient step.

# %%


def score(state):
    return evaluation.evaluate(learner, state, num_tasks=2000, seed=0, ceiling=ceiling).score_pdl


curve = [score(state)]
for number in range(1, 301):
    state, info = learner.step(np.random.default_rng([0, number]), state)
    if number % 60 == 0:
        curve.append(score(state))
print("score after 0, 60, .. 300 iterations:", np.round(curve, 2))
assert abs(curve[0]) < 0.1 and curve[-1] > 0.4

# %% [markdown]
# ## What has it learned?
#
# The weights are fixed now. But the player does not pull the same arm all the time: it reacts to
# the rewards of the trial. The two numbers below are probabilities. After a first pull that paid,
# the player nearly always stays with its arm. After a first pull that did not pay, it nearly always
# pulls the other arm. Nobody programmed this rule.

# %%
tasks = family.sample(np.random.default_rng(1), 20_000)
trials = learner.trial(np.random.default_rng(2), state, tasks)
first, second = trials.actions[:, 0, 0], trials.actions[:, 1, 0]  # actions are [M, N, T]
paid = trials.rewards[:, 0, 0] > 0
stays = first == second
print(f"stays after a win  {stays[paid].mean():.2f}")
print(f"stays after a loss {stays[~paid].mean():.2f}")
assert stays[paid].mean() > stays[~paid].mean() + 0.1

# %% [markdown]
# The Bayes-optimal player stays after a win, because the posterior mean 2/3 is above 1/2, and it
# leaves after a loss, because 1/3 is below 1/2 (chapter 1). To do this, the memory must contain a
# part of the posterior. A recording agent stores the memory of the network at each pull. In the
# first picture, a row is a hidden unit, and a column is the memory at one pull.

# %% mystnb={"image": {"alt": "The 16 hidden units of RL^2 at the five pulls of one trial. Below each column stand the arm and the reward of the pull before. Many units keep their sign through the trial, and some change after a reward."}}
from metarl_min.memory import recurrent_agents, recurrent_policies
from metarl_min.reports import memory_pictures
from metarl_min.tasks import play_trial


def trials_and_memories(state):
    """Play 500 trials, and return them with the memory at each pull. -> [M, N], [M, N], [N, M, H]"""
    policy = recurrent_policies.gru(16)
    agent = recurrent_agents.recording_agent(policy, state.theta, (1, 2))
    few = family.sample(np.random.default_rng(1), 500)
    trials, memory = play_trial(np.random.default_rng(2), family, few, agent)
    steps = recurrent_agents.record(memory).policy_memories[1:]
    return trials.actions[..., 0], trials.rewards[..., 0], np.stack([x.h_after for x in steps])


actions, rewards, memories = trials_and_memories(state)
mixed = int(np.argmin(abs(rewards.mean(1) - 0.5)))  # a trial with wins and losses
memory_pictures.units(memories[:, mixed], actions[mixed], rewards[mixed])

# %% [markdown]
# How does the memory depend on the posterior? A memory has 16 numbers. The next cell computes its
# first two principal components: its coordinates in the two directions in which the memories differ
# most, memory_pictures (1). Then it fits a linear function of the two components to the posterior
# difference: the exact posterior mean of arm 1, minus that of arm 0. The result is the share of the
# variance of this difference that the fit explains. The untrained network is the control, because
# its memory also depends on the history.

# %%


def posterior_differences(actions, rewards):
    """Return the posterior mean of arm 1 minus that of arm 0, before pulls 2, 3, .. [N - 1, M]"""
    means = []
    for arm in (0, 1):
        wins = np.cumsum((actions == arm) * rewards, axis=1)
        means.append((1 + wins) / (2 + np.cumsum(actions == arm, axis=1)))
    return (means[1] - means[0])[:, :-1].T


def explained_share(actions, rewards, memories):
    """Return the share of the variance of the posterior that two components explain."""
    points, _ = memory_pictures.principal_components(memories[1:].reshape(-1, 16))
    target = posterior_differences(actions, rewards).ravel()
    columns = np.column_stack([points, np.ones(len(points))])
    errors = target - columns @ np.linalg.lstsq(columns, target, rcond=None)[0]
    return 1 - errors.var() / target.var()


trained = explained_share(actions, rewards, memories)
untrained = explained_share(*trials_and_memories(learner.init(np.random.default_rng(0))))
print(f"explained by two components: trained {trained:.0%}, untrained {untrained:.0%}")
assert trained > 0.5 and untrained < 0.1

# %% [markdown]
# After training, the two components explain most of the posterior difference. Before training, they
# explain nearly nothing of it. In the second picture a point is a memory of the trained network,
# and its shade is the posterior difference.

# %% mystnb={"image": {"alt": "The memories of 500 trials as points of a plane. The shade of the points changes from one side to the other: dark points, after which arm 0 is better according to the posterior, lie on one side, and light points, after which arm 1 is better, lie on the other side."}}
difference = posterior_differences(actions, rewards).ravel()
label = "posterior mean of arm 1, minus that of arm 0"
memory_pictures.components(memories[1:].reshape(-1, 16), difference, label)

# %% [markdown]
# `examples/looking_inside.py` measures how much of the posterior all 16 numbers contain.
#
# ## A learning curve that proves nothing
#
# The reward of RL^2 rises from pull to pull. But this does not prove that training was good: a poor
# player that tries each arm and keeps the better one also has a rising curve. The score shows that
# training was good: before training, the same network has a score near 0.

# %% mystnb={"image": {"alt": "Score of RL^2 over 300 iterations of training, from 0 to nearly 0.9. A dashed line at 1 is the ceiling."}}
from matplotlib import pyplot as plt

figure, axes = plt.subplots(figsize=(5.5, 3), layout="constrained")
axes.plot(range(0, 301, 60), curve, "ko-")
axes.axhline(1, color="0.5", linestyle="--")
axes.annotate("Bayes-optimal", (0, 1), (3, -11), textcoords="offset points", color="0.4")
axes.axhline(0, color="0.7", linestyle=":")
axes.annotate("random", (300, 0), (-40, 4), textcoords="offset points", color="0.5")
axes.set(xlabel="iterations of training", ylabel="score")
plt.show()

# %% [markdown]
# A memory of 16 numbers is enough for two arms. In the next chapter, the player must remember
# several records at once, and find the right one again.
#
# ## Modules, assignments, case files
#
# `memory/recurrent_policies` and `memory/actor_critic` derive the gradients of this chapter. The
# assignment `hw7` asks for a small RL^2.
