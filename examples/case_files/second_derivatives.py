# %% [markdown]
# # Does it really compute second derivatives?
#
# dragen1860/MAML-Pytorch#32 and #59: the inner gradient is taken without `create_graph=True`.
# tristandeleu/pytorch-maml-rl#19: the flag `first_order` did not reach the outer loss.
# facebookresearch/higher#63: which derivative is first order, that in the last parameters?
#
# Nothing fails in either case: both gradients have the right shape, and nearly the same direction.
# Only a number tells. Two arms that pay 0.2 and 0.9, and one exact inner step of 0.7.

# %%
import autograd.numpy as np
from autograd import grad
from autograd.tracer import getval

from metarl_min.basics import checks, trees
from metarl_min.gradients import adaptation, objectives
from metarl_min.mdps import policies
from metarl_min.tasks import bandits

J = objectives.expected_return_objective(bandits.bandit_mdps(np.array([[0.2, 0.9]])), 1)
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
# Differences of the adapted return know nothing of graphs: they adapt again at every point.

# %%
second, first = (meta_gradient(0.7, keep_graph) for keep_graph in (True, False))
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
# What is left when the graph is lost is the gradient in the last parameters: first-order MAML.

# %%
exact = policies.tabular, theta, 0.7, 1, J
last = grad(value)(adaptation.inner_loop(policies.tabular, theta, 0.7, [J])[-1])
for wanted in (last, adaptation.first_order_meta_gradient(*exact)):
    assert np.allclose(first["logits"], wanted["logits"], atol=1e-14)
assert np.allclose(second["logits"], adaptation.meta_gradient(*exact)["logits"], atol=1e-14)

# %% [markdown]
# Why nobody sees it: the gap is alpha times a Hessian. And a flag that does nothing shows as a gap
# of exactly zero between its two positions.

# %%
gaps = {}
for alpha in (0.7, 0.07, 0.007):
    kept, lost = (meta_gradient(alpha, keep_graph)["logits"] for keep_graph in (True, False))
    gaps[alpha] = np.linalg.norm(kept - lost) / np.linalg.norm(kept)
    print(f"alpha {alpha}: the first-order gradient is off by {100 * gaps[alpha]:.3f} %")
assert np.allclose(list(gaps.values()), [0.05339, 0.00561, 0.00056], atol=1e-5)

# %%
print(
    f"Answer: hold it against differences of the adapted return. With the graph it agrees to "
    f"{reports[0].digits:.0f} digits, without it, it is the first-order gradient, "
    f"{100 * gaps[0.7]:.1f} % off at alpha = 0.7 and {100 * gaps[0.07]:.2f} % at 0.07."
)
