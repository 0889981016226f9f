# %% [markdown]
# # Why does MAML not learn on its own bandit?
#
# tristandeleu/pytorch-maml-rl#57: five Bernoulli arms with uniform means, a ReLU network, one inner
# step of 0.5 on 100 pulls. The average return stays near 50 per 100 pulls for 500 outer steps.
#
# The observation is a constant 0 and all biases start at 0. How much of such a network can learn?

# %%
from itertools import pairwise

import autograd.numpy as np
from autograd import grad

from metarl_min.basics import trees
from metarl_min.gradients import adaptation, objectives
from metarl_min.learners.maml import maml
from metarl_min.mdps.policies import tabular
from metarl_min.tasks.bandits import bandit, bandit_mdps

rng = np.random.default_rng(0)
theta = {}
for layer, (n, m) in enumerate(pairwise([1, 32, 32, 5])):
    theta[f"W{layer}"] = rng.uniform(-1, 1, (n, m)) * np.sqrt(6 / (n + m))
    theta[f"b{layer}"] = np.zeros(m)


def logits(params, observation):
    """Logits of a ReLU network whose relu'(0) is 0. leaves [M, ...] -> [M, 1, 5]"""
    h = np.array([[observation]])
    for layer in range(3):
        h = np.where(h > 0, h, 0.0) if layer else h
        h = np.matmul(h, params[f"W{layer}"]) + params[f"b{layer}"][..., None, :]
    return h


means = rng.uniform(size=(400, 5))
means = np.concatenate([np.roll(means, k, axis=1) for k in range(5)])  # no arm is special
J = objectives.expected_return_objective(bandit_mdps(means), horizon=1)


def one_step(observation, alpha):
    """Return the gain by one exact step, the return after it, and the names of the moved leaves."""

    def value(params):
        return J.value(logits(params, observation))

    start = trees.broadcast_to_tasks(theta, J.num_tasks)
    g = grad(lambda params: np.sum(value(params)))(start)
    adapted = trees.add_scaled(start, alpha, g)
    gain = 100 * np.mean(value(adapted)) - 100 * np.mean(value(start))
    return gain, 100 * np.mean(value(adapted)), [name for name in theta if np.any(g[name] != 0)]


# %% [markdown]
# With the observation 0 every hidden unit is relu(0) = 0, so its output and its gradient are zero.

# %%
gain_0, adapted_return, moved = one_step(observation=0.0, alpha=0.5)
gain_1, _, moved_1 = one_step(observation=1.0, alpha=0.5)
print(f"observation 0: moves {moved}, gains {gain_0:.3f} per 100 pulls")
print(f"observation 1: moves {moved_1}, gains {gain_1:.3f} per 100 pulls")
assert moved == ["b2"] and moved_1 == list(theta)
assert np.allclose([gain_0, gain_1], [0.679, 3.914], atol=1e-3)

# %% [markdown]
# So the network is a table of five logits. Its meta-gradient is zero: if no arm is special, the
# uniform start is stationary. The step size could be learned, but it is fixed.

# %%
table = {"logits": np.zeros((1, 5))}
return_of_table = adaptation.adapted_return(tabular, table, 0.5, 1, J)
meta_gradient = adaptation.meta_gradient_by_hessian_products(tabular, table, 0.5, 1, J)
assert np.isclose(100 * return_of_table, adapted_return, atol=1e-10)
assert np.abs(meta_gradient["logits"]).max() < 1e-14

# %% [markdown]
# Now the inner step uses 100 sampled pulls, and 100 more pulls follow it:

# %%
family, gains = bandit(pulls=200), {}
for alpha in (0.5, 4.0, 32.0):
    learner = maml(family, alpha=alpha, inner_steps=1, inner_episodes=100)
    episodes = learner.trial(rng, learner.init(rng), family.sample(rng, 2000))
    per_pull = episodes.rewards.mean(0)
    gains[alpha] = per_pull[100:].sum() - per_pull[:100].sum()
    print(f"alpha {alpha:4.1f}: {gains[alpha]:6.2f} more per 100 pulls after the step")
assert np.allclose(list(gains.values()), [0.7, 5.4, 25.6], atol=1.0)  # standard errors below 0.35

# %%
print(
    f"Answer: only {len(moved)} of {len(theta)} parameter arrays has a gradient: the last bias. "
    f"Its meta-gradient is zero, and a step of 0.5 gains {gain_0:.2f} per 100 pulls. With the "
    f"observation 1, the step moves all {len(moved_1)} arrays and gains {gain_1:.1f}. With a table "
    f"of logits, a step of 32 gains {gains[32.0]:.0f}."
)
