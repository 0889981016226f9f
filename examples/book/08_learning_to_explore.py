# %% [markdown]
# # 8. Learning to explore, and what each kind cannot learn
#
# A learner that is trained for the return of whole trials is rewarded for early exploration, if the
# exploration leads to larger returns later. Does it learn to explore? Each kind of learner has a
# limit of its own. This chapter shows four limits, three of them with exact numbers.
#
# This is a trial of a learner that adapts, with ten pulls and two inner steps. All ten rewards
# count, also the rewards of stage 0, in which the learner knows nothing about its task. So the
# policy of the start should earn rewards, and also collect data that show which task it is.

# %% mystnb={"image": {"alt": "The time line of a trial of ten pulls. Pulls 1 to 3 are stage 0, played with the parameters phi 0. Inner step 1 leads to stage 1, pulls 4 to 6. Inner step 2 leads to stage 2, pulls 7 to 10."}}
from metarl_min.gradients.adaptation_settings import adaptation as settings_of_adaptation
from metarl_min.reports import trial_stages
from metarl_min.tasks.bandits import bandit

stages = settings_of_adaptation(bandit(arms=2, pulls=10), inner_steps=2, inner_episodes=3).sizes
assert stages == (3, 3, 4)
trial_stages.draw(stages)

# %% [markdown]
# ## A start visits the places where the tasks differ
#
# On a 5 x 5 grid, the goal is in one of two corners, and the player does not know in which. MAML
# ascends the return after three exact inner steps. In the picture on the left, the policy of the
# learned start visits both corners equally often. In the picture on the right, the policy after the
# inner steps visits only the corner of its task.

# %% mystnb={"image": {"alt": "A grid of 25 cells, twice. Before adapting, the policy goes from the centre to the right, and then up or down with the same probability, so that both right corners are visited. After three steps it goes only to the upper right corner, where the goal of this task is."}}
import numpy as np

from metarl_min.gradients import adaptation
from metarl_min.gradients.objectives import expected_return_objective
from metarl_min.mdps import values
from metarl_min.mdps.mdp import take_tasks
from metarl_min.mdps.policies import softmax, tabular
from metarl_min.reports import grid_policies
from metarl_min.tasks.gridworlds import gridworld

both = gridworld(size=5, start=12, goals=(4, 24), horizon=8).prior.mdps
J, start = expected_return_objective(both, 8), {"logits": np.zeros((25, 5))}
for _ in range(150):
    g = adaptation.meta_gradient_by_hessian_products(tabular, start, 4.0, 3, J)
    start = {"logits": start["logits"] + 4.0 * g["logits"]}
path = adaptation.inner_loop(tabular, start, 4.0, [J] * 3)
upper, walks = take_tasks(both, np.array([0])), {}
for title, logits in (("before adapting", start["logits"]), ("after", path[-1]["logits"][0])):
    policy = softmax(logits)
    visits = values.occupancy(upper, policy[None], 8)[0].sum(0)
    walks[title] = grid_policies.Walk(policy=policy, visits=visits)
    print(f"{title}: {visits[4]:.2f} visits of the upper corner, {visits[24]:.2f} of the lower")
assert abs(walks["before adapting"].visits[4] - walks["before adapting"].visits[24]) < 1e-9
assert walks["after"].visits[4] > 3
grid_policies.draw(5, walks, start=12, goal=4)

# %% [markdown]
# ## A start holds only what the tasks have in common
#
# MAML learns one start for all tasks. Arms are *exchangeable* if every arm is equally likely to be
# the best one. Then the gradient at the uniform policy is zero by symmetry, and training does not
# change this start. In the first family below, one of the first two arms of four is good. In the
# second family, any of the four may be good.

# %%
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
# The algorithm is right: the tasks of the second family have nothing in common that a start could
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
# Both estimators estimate the same derivative: the derivative of the adapted return in the logit of
# arm 1, the informative arm. Their means have different signs. The mean of emaml is the exact
# derivative. It is positive, so a player should pull this arm more often. A learner that uses plain
# learns to avoid it.
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
#
# ## Modules, assignments, case files
#
# `examples/what_a_start_is_worth.py` and `examples/which_estimator_learns_best.py` measure trained
# learners instead of small exact problems.
