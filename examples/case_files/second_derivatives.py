# %% [markdown]
# # Does it really compute second derivatives?
#
# dragen1860/MAML-Pytorch#32 and #59: the inner gradient is taken without `create_graph=True`.
# tristandeleu/pytorch-maml-rl#19: the flag `first_order` did not reach the outer loss.
# facebookresearch/higher#63: is the first-order gradient the one in the last parameters?
#
# There is no error message: the first-order and the second-order gradient have the same shape, and
# nearly the same direction. Only a number shows the difference. The example has two arms, which pay
# 0.2 and 0.9, and one exact inner step of 0.7.

# %%
import autograd.numpy as np
from autograd import grad
from autograd.tracer import getval

from metarl_min.basics import checks, trees
from metarl_min.gradients import adaptation, objectives
from metarl_min.mdps.policies import tabular
from metarl_min.tasks.bandits import bandit_mdps

J = objectives.expected_return_objective(bandit_mdps(np.array([[0.2, 0.9]])), horizon=1)
theta = {"logits": np.array([[[0.3, -0.2]]])}  # one task, one state, two arms


def value(phi):
    return np.sum(J.value(phi["logits"]))


def adapted_return(theta, alpha, keep_graph):
    """The return after one inner step; `keep_graph=False` makes the inner gradient a constant."""
    step = grad(value)(theta)
    step = step if keep_graph else trees.map_leaves(getval, step)
    return value(trees.add_scaled(theta, alpha, step))


def meta_gradient(alpha, keep_graph):
    return grad(lambda theta: adapted_return(theta, alpha, keep_graph))(theta)


# %% [markdown]
# ## The number
# Finite differences need no graph: they call the adapted return, which takes the step each time.

# %%
second, first = meta_gradient(0.7, keep_graph=True), meta_gradient(0.7, keep_graph=False)
reports = [
    checks.check_derivative(lambda theta: adapted_return(theta, 0.7, True), gradient, theta)
    for gradient in (second, first)
]
for name, report in zip(("graph kept", "graph lost"), reports, strict=True):
    print(f"{name}: {report}")
assert reports[0] and reports[0].digits > 8 and not reports[1]
assert np.isclose(first["logits"][0, 0, 0], -0.171856, atol=5e-7)
assert np.isclose(second["logits"][0, 0, 0], -0.181550, atol=5e-7)

# %% [markdown]
# Without the graph the result is the gradient in the last parameters, which is first-order MAML.

# %%
last = grad(value)(adaptation.inner_loop(tabular, theta, 0.7, [J])[-1])
fomaml = adaptation.first_order_meta_gradient(tabular, theta, 0.7, 1, J)
maml = adaptation.meta_gradient(tabular, theta, 0.7, 1, J)
assert np.allclose(first["logits"], last["logits"], atol=1e-14)
assert np.allclose(first["logits"], fomaml["logits"], atol=1e-14)
assert np.allclose(second["logits"], maml["logits"], atol=1e-14)

# %% [markdown]
# The gap is about proportional to alpha, so it is small and nobody sees it. If both settings of a
# flag give exactly the same gradient, the flag has no effect.

# %%
gaps = {}
for alpha in (0.7, 0.07, 0.007):
    kept = meta_gradient(alpha, keep_graph=True)["logits"]
    lost = meta_gradient(alpha, keep_graph=False)["logits"]
    gaps[alpha] = np.linalg.norm(kept - lost) / np.linalg.norm(kept)
    print(f"alpha {alpha}: the first-order gradient is off by {100 * gaps[alpha]:.3f} %")
assert np.allclose(list(gaps.values()), [0.05339, 0.00561, 0.00056], atol=1e-5)

# %%
print(
    f"Answer: compare the gradient with finite differences of the adapted return. With the graph, "
    f"{reports[0].digits:.0f} digits agree. Without the graph, it is the first-order gradient, "
    f"{100 * gaps[0.7]:.1f} % off at alpha = 0.7 and {100 * gaps[0.07]:.2f} % at 0.07."
)
