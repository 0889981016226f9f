# %% [markdown]
# # 8. Learning to explore, and what each kind cannot learn
#
# All players of this book were trained for the return of whole trials. So they are paid for
# exploring early if it helps later. Do they learn to explore? Each kind has a limit of its own,
# and each limit can be shown exactly.
#
# ## A start cannot say "not this one again"
#
# MAML learns a start, and one start serves all tasks. If the arms are exchangeable, so that every
# arm is equally likely to be the best, then the best start is the uniform policy, and
# meta-training has nothing to find. In the first family below, one of the first two arms of four
# is good. In the second family, any of the four may be good.

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
# The gradient at the uniform start is zero by symmetry, so training does not move. Nothing is
# wrong with the algorithm. The family has nothing in common that a start could hold.
#
# ## Without the score term, exploration is not paid
#
# Chapter 4 had two estimators: plain, which differentiates the step, and emaml, which also counts
# that other pulls lead to other steps. The second part is the part that pays for exploration. Here
# arm 0 always pays 0.5. Arm 1 pays 1 in one task of two and 0 in the other. Its mean is 0.5 as
# well, so before adapting both arms are equal. But a pull of arm 1 tells the task.

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
# Both numbers are slopes in the logit of the informative arm. They have different signs. The mean
# of emaml is the gradient of the return after the step, so one should pull this arm more often.
# The program without the score term learns to avoid it.
#
# ## A memory can stop too early
#
# RL^2 could represent every rule, also the Bayes-optimal one. But it can end in a local optimum.
# If the policy becomes deterministic too early, one arm is never tried after some history. Then
# nothing is learned about it, and the gradient is zero, however good the arm is.
# `examples/local_optimum.py` shows this with the exact gradient over all histories: without an
# entropy bonus the score ends near 0.8 or 0.9, and with the bonus above 0.99. The reason is one
# line of algebra, policies (3): the gradient of a logit has the factor pi(a).

# %%
for chance in (0.5, 1e-2, 1e-6):
    pi = np.array([1 - chance, chance])
    means = np.array([0.2, 0.9])
    slope = pi * (means - pi @ means)
    print(f"pi(good arm) = {chance:g}: slope of its logit {slope[1]:.2g}")
assert slope[1] < 1e-6

# %% [markdown]
# ## Evolution does not see what it did not try
#
# An evolution strategy compares members by their fitness. If all members play the same arm after
# all, their fitnesses are equal, and the estimate is zero. A larger sigma makes members differ
# more, and it also smooths the fitness more, so that the optimum moves.
#
# ## In one table
#
# | kind | learns | cannot |
# |---|---|---|
# | MAML and relatives | a start, and a step size | use what only the history of the trial tells, beyond one step |
# | RL^2, MANN | a whole learning rule in a memory | leave a deterministic local optimum; learn from few trials |
# | evolution | anything with a fitness | many parameters; small differences of noisy fitnesses |
# | classical players | nothing: they are given the prior | families without a known prior |
