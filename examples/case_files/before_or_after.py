# %% [markdown]
# # Returns before or after the update?
#
# tristandeleu/pytorch-maml-rl#26 and #42: training logs a return before and one after the
# update, and testing returns both. Which of the two shows whether MAML learns?
#
# There are two tasks with three arms. Arm 0 pays 1 in the first task, and arm 1 in the second. Arm
# 2 pays 0.7 in both. A player makes one pull, takes one inner step, and makes more pulls. One could
# report three returns: of a pull before the update, of a pull after it, and of a trial of ten
# pulls. The program ascends each of them exactly.

# %%
import numpy as np

from metarl_min.basics import optimizers, trees
from metarl_min.gradients import meta_gradients, objectives
from metarl_min.gradients.forward_passes import gradient
from metarl_min.gradients.inner_steps import InnerStep
from metarl_min.mdps.policies import softmax, tabular
from metarl_min.tasks.bandits import bandit_mdps

means, theta = np.array([[1.0, 0.0, 0.7], [0.0, 1.0, 0.7]]), {"logits": np.zeros((1, 3))}
J = objectives.expected_return_objective(bandit_mdps(means), horizon=1)
inner = InnerStep(policy=tabular, alpha=4.0, baseline=0.5)


def problem(arms, theta):
    """One pull of one of the two tasks, then one inner step."""
    task = bandit_mdps(arms[None])
    return meta_gradients.Problem(
        inner=inner, theta=theta, task=task, horizon=1, num_episodes=1, num_steps=1
    )


def before_update(theta):
    """Mean over the tasks of the return of a pull before the update, and its gradient."""
    g = trees.sum_tasks(gradient(tabular, theta, J), theta)
    return np.mean(J.value(theta["logits"])), trees.scale(g, 0.5)


def after_update(theta):
    """Mean over the tasks of the return of a pull after the update, and its gradient."""
    first, second = (meta_gradients.exact_gradients(problem(arms, theta)) for arms in means)
    g = trees.add_scaled(first.grad_F_N, 1.0, second.grad_F_N)
    return np.mean([first.F_N, second.F_N]), trees.scale(g, 0.5)


# %%
WEIGHTS = {"before": (1, 0), "after": (0, 1), "trial of 10": (1, 9)}
reached, optimizer = {}, optimizers.adam(0.3)
print("ascended          before        after  trial of 10   trial of 2   pi(arms)")
for name, (num_before, num_after) in WEIGHTS.items():
    phi, state = theta, optimizer.init(theta)
    for _ in range(60):
        (_, g_before), (_, g_after) = before_update(phi), after_update(phi)
        g = trees.add_scaled(trees.scale(g_before, num_before), num_after, g_after)
        phi, state = optimizer.update(phi, state, g)
    (before, _), (after, _) = before_update(phi), after_update(phi)
    reached[name] = before, after, before + 9 * after, before + after
    probs = softmax(phi["logits"])[0].round(2)
    print(f"{name:12s}" + "".join(f"{x:13.3f}" for x in reached[name]) + f"   {probs}")

# %% [markdown]
# Each row is best in its own column. The start that looks best before the update plays the safe arm
# and learns nothing from it. MAML ascends the return after the update, and its return before the
# update is smaller, because it explores. In a long trial this is better, and in a short one worse.

# %%
table = np.array(list(reached.values()))
safe, maml, trial = table
assert (table[:, :3].max(axis=0) - np.diag(table) < 1e-3).all()
assert np.allclose(safe, [0.7, 0.7, 7.0, 1.4], atol=2e-3)
assert np.allclose([maml, trial], [0.5, 0.881, 8.427, 1.381], atol=2e-3)

# %%
print(
    f"Answer: after, because MAML ascends that return. A pull of the start of MAML earns "
    f"{maml[0]:.2f} before the update and {maml[1]:.2f} after it. The safe start earns "
    f"{safe[0]:.2f} and {safe[1]:.2f}. If the first pulls are paid too, both returns count: in ten "
    f"pulls the safe start earns {safe[2]:.2f} and the start of MAML {maml[2]:.2f}, and in two "
    f"pulls they earn {safe[3]:.2f} and {maml[3]:.2f}."
)
