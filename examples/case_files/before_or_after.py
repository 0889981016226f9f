# %% [markdown]
# # Returns before or after the update?
#
# tristandeleu/pytorch-maml-rl#26 and #42: training logs a return before and one after the
# update, and testing returns both. Which one is to be looked at?
#
# Two tasks with three arms: arm 0 pays 1 in the first, arm 1 in the second, arm 2 pays 0.7 in both.
# One pull, one inner step, then more pulls. Each return that one could report is ascended exactly:
# before the update, after it, and over a whole trial of ten pulls.

# %%
import numpy as np

from metarl_min.basics import optimizers, trees
from metarl_min.gradients import adaptation, meta_gradients, objectives
from metarl_min.gradients.estimators import InnerStep
from metarl_min.mdps import policies
from metarl_min.mdps.policies import softmax
from metarl_min.tasks import bandits

means, theta = np.array([[1.0, 0.0, 0.7], [0.0, 1.0, 0.7]]), {"logits": np.zeros((1, 3))}
J, inner = (
    objectives.expected_return_objective(bandits.bandit_mdps(means), 1),
    InnerStep(policies.tabular, 4.0, 0.5),
)
problems = [
    meta_gradients.Problem(inner, theta, bandits.bandit_mdps(row[None]), 1, 1, 1) for row in means
]


def returns(theta):
    """Mean over the tasks of the return of a pull before and after, with their gradients."""
    g = trees.scale(
        adaptation.sum_tasks(adaptation.gradient(policies.tabular, theta, J), theta), 0.5
    )
    found = [meta_gradients.exact_gradients(problem._replace(theta=theta)) for problem in problems]
    after_g = trees.add_scaled(found[0].grad_F_N, 1.0, found[1].grad_F_N)
    before = np.mean(J.value(theta["logits"]))
    return (before, g), (np.mean([truth.F_N for truth in found]), trees.scale(after_g, 0.5))


# %%
WEIGHTS = {"before": (1, 0), "after": (0, 1), "trial of 10": (1, 9)}
reached, optimizer = {}, optimizers.adam(0.3)
print("ascended          before        after  trial of 10   trial of 2   pi(arms)")
for name, (first, rest) in WEIGHTS.items():
    phi, state = theta, optimizer.init(theta)
    for _ in range(60):
        (_, g), (_, after_g) = returns(phi)
        g = trees.add_scaled(trees.scale(g, first), rest, after_g)
        phi, state = optimizer.update(phi, state, g)
    (before, _), (after, _) = returns(phi)
    reached[name] = before, after, before + 9 * after, before + after
    probs = softmax(phi["logits"])[0].round(2)
    print(f"{name:12s}" + "".join(f"{x:13.3f}" for x in reached[name]) + f"   {probs}")

# %% [markdown]
# Each row is best in its own column. The start that looks best before the update plays the safe arm
# and learns nothing from it; what MAML ascends is the return after, and the return before is the
# price of exploring. Whether that pays depends on the length of the trial.

# %%
table = np.array(list(reached.values()))
safe, maml, trial = table
assert (table[:, :3].max(axis=0) - np.diag(table) < 1e-3).all()
assert np.allclose(safe, [0.7, 0.7, 7.0, 1.4], atol=2e-3)
assert np.allclose([maml, trial], [0.5, 0.881, 8.427, 1.381], atol=2e-3)

# %%
print(
    f"Answer: after, for that is what MAML ascends: {safe[1]:.2f} -> {maml[1]:.2f} per pull, while "
    f"the return before falls, {safe[0]:.2f} -> {maml[0]:.2f}. If the first pulls are paid too, "
    f"both count: in ten pulls the safe start earns {safe[2]:.2f} and MAML's {maml[2]:.2f}, in two "
    f"{safe[3]:.2f} and {maml[3]:.2f}."
)
