# %% [markdown]
# # 8. Learning to explore, and what each kind cannot learn
#
# A learner that is trained for the return of whole trials is rewarded for early exploration, if the
# exploration leads to larger returns later. Does it learn to explore? Each kind of learner has a
# limit of its own. This chapter shows four limits, three of them with exact numbers.
#
# ## A start holds only what the tasks have in common
#
# MAML learns one start for all tasks. Arms are *exchangeable* if every arm is equally likely to be
# the best one. Then the gradient at the uniform policy is zero, and meta-training finds nothing. In
# the first family below, one of the first two arms of four is good. In the second family, any of
# the four may be good.

# %%
import numpy as np

from metarl_min.gradients import adaptation
from metarl_min.gradients.objectives import expected_return_objective
from metarl_min.mdps.policies import tabular
from metarl_min.tasks.bandits import bandit_mdps


def gain_by_meta_training(num_good, alpha=4.0):
    """Return the gain of the learned start over the uniform start, after one exact step."""
    means = np.full((num_good, 4), 0.1) + 0.8 * np.eye(4)[:num_good]
    tasks = expected_return_objective(bandit_mdps(means), horizon=1)
    start = {"logits": np.zeros((1, 4))}
    before = adaptation.adapted_return(tabular, start, alpha, 1, tasks)
    for _ in range(200):
        g = adaptation.meta_gradient_by_hessian_products(tabular, start, alpha, 1, tasks)
        start = {"logits": start["logits"] + 2.0 * g["logits"]}
    return adaptation.adapted_return(tabular, start, alpha, 1, tasks) - before


shared, exchangeable = gain_by_meta_training(2), gain_by_meta_training(4)
print(f"gain by meta-training: {shared:.3f} if two arms may be good, {exchangeable:.3f} if all may")
assert shared > 0.2 and abs(exchangeable) < 1e-12

# %% [markdown]
# In the second family the gradient at the uniform start is zero by symmetry, so training does not
# change the start. The algorithm is right: the tasks have nothing in common that a start could
# hold.
#
# ## Without the score term, exploration is not rewarded
#
# Chapter 4 had two estimators. plain differentiates the step. emaml adds the score term, because
# other pulls lead to other steps. Only the score term rewards exploration. In the next family there
# are two tasks. Arm 0 always pays 0.5. Arm 1 pays 1 in the first task and 0 in the second. The mean
# of arm 1 over the tasks is also 0.5, so before adaptation both arms are equally good. But a pull
# of arm 1 tells the player which task it plays.

# %%
from metarl_min.gradients import meta_gradients
from metarl_min.gradients.estimators import InnerStep, emaml, plain

slopes = {"plain": 0.0, "emaml": 0.0}
for mean_of_arm_1 in (0.0, 1.0):
    problem = meta_gradients.Problem(
        inner=InnerStep(policy=tabular, alpha=4.0, baseline=0.5),
        theta={"logits": np.zeros((1, 2))},
        task=bandit_mdps(np.array([[0.5, mean_of_arm_1]])),
        horizon=1,
        num_episodes=1,
        num_steps=1,
    )
    table = meta_gradients.compare_estimators({"plain": plain, "emaml": emaml}, problem, [1])
    for name, moments in table[1].moments.items():
        slopes[name] += moments.mean[1] / 2  # the mean over the two tasks
print({name: round(float(x), 6) for name, x in slopes.items()})
assert np.allclose([slopes["plain"], slopes["emaml"]], [-0.026248, 0.021351], atol=5e-7)

# %% [markdown]
# Both numbers are means of an estimator: they estimate the derivative of the return after the step
# in the logit of arm 1, the informative arm. They have different signs. The mean of emaml is the
# exact derivative, so a player should pull this arm more often. A learner with plain learns to
# avoid it.
#
# ## A policy with a memory can become deterministic too early
#
# A network with a large enough memory can play the Bayes-optimal rule. But training can end in a
# local optimum. If the policy becomes deterministic too early, there are histories after which it
# never pulls one of the arms. Then it learns nothing about this arm, and the gradient is nearly
# zero, even if the arm is good. `examples/local_optimum.py` shows this with the exact gradient over
# all histories: without an entropy bonus the score ends near 0.8 or 0.9, and with the bonus above
# 0.99. The reason is policies (3): the gradient of a logit has the factor pi(a).

# %%
for chance in (0.5, 1e-2, 1e-6):
    pi = np.array([1 - chance, chance])
    means = np.array([0.2, 0.9])
    slope = pi * (means - pi @ means)
    print(f"pi(good arm) = {chance:g}: slope of its logit {slope[1]:.2g}")
assert slope[1] < 1e-6

# %% [markdown]
# ## Evolution needs members that play differently
#
# An evolution strategy compares the fitnesses of the members of a population. If all members play
# in the same way, their fitnesses are equal, and the estimate is zero. With a larger sigma the
# members differ more. But a larger sigma also smooths the fitness more, so the maximum of the
# smoothed fitness is elsewhere.
#
# ## Summary
#
# | kind | what it learns | its limit |
# |---|---|---|
# | MAML and relatives | a start, and a step size | it holds only what the tasks have in common |
# | RL^2, MANN | a learning rule in a memory | training can end in a deterministic local optimum |
# | evolution | any parameters with a fitness | its error grows with the number of parameters |
# | classical players | nothing: they are given the prior | the prior must be known |
