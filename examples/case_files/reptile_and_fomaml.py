# %% [markdown]
# # Is Reptile the same as first-order MAML?
#
# dragen1860/Reptile-Pytorch#2: the code sums the gradients at the adapted parameters instead of
# moving towards them. Is that Reptile?
#
# After K inner steps the direction of Reptile is (phi_K - theta) / alpha. The direction of
# first-order MAML is the gradient at phi_K. Both are averaged over the tasks: forty bandits of four
# arms, with exact inner gradients.

# %%
import numpy as np

from metarl_min.gradients import adaptation, objectives
from metarl_min.mdps.policies import tabular
from metarl_min.tasks.bandits import bandit_mdps

rng = np.random.default_rng(0)
J = objectives.expected_return_objective(bandit_mdps(rng.uniform(size=(40, 4))), horizon=1)
start = np.array([[0.4, -0.3, 0.1, 0.2]])
theta = {"logits": start}


def each(alpha):  # one step size for each logit: an array may be negative, a number may not
    return {"logits": np.full_like(start, alpha)}


def reptile(alpha, K):
    adapted = adaptation.inner_loop(tabular, theta, each(alpha), [J] * K)[-1]["logits"]
    return np.mean(adapted - start, axis=0) / alpha


def fomaml(alpha, K):
    return adaptation.first_order_meta_gradient(tabular, theta, each(alpha), K, J)["logits"]


def maml(alpha, K):
    return adaptation.meta_gradient_by_hessian_products(tabular, theta, each(alpha), K, J)["logits"]


# %% [markdown]
# Reptile is the sum of the gradients at phi_0 .. phi_{K-1}. First-order MAML is the gradient at
# phi_K. So Reptile with one step is first-order MAML with *no* step: the average policy gradient.

# %%
for K in (1, 2, 3, 5):
    assert np.allclose(reptile(4.0, K), sum(fomaml(4.0, j) for j in range(K)), atol=1e-14)
average = np.mean(J.gradient(start), axis=0)
assert np.allclose(reptile(4.0, 1), average, atol=1e-14)


def cosine(x, y):
    return np.sum(x * y) / np.linalg.norm(x) / np.linalg.norm(y)


angle = {K: np.degrees(np.arccos(cosine(reptile(4.0, K), fomaml(4.0, K)))) for K in (1, 3, 5)}
print("angle between them at alpha = 4:", {K: f"{angle[K]:.1f} degrees" for K in angle})
assert np.allclose(list(angle.values()), [2.6, 19.2, 27.7], atol=0.1)

# %% [markdown]
# ## Small steps
# Nichol et al. 2018 expand each direction in alpha: a multiple of AvgGrad (the mean gradient), plus
# alpha times a multiple of AvgGradInner (here the mean of Hessian times gradient). The second part
# learns to adapt. With k gradients in their sense, Reptile takes k inner steps, and MAML and FOMAML
# take k - 1. The slope at alpha = 0 is measured by Richardson extrapolation.

# %%
inner = np.mean(J.hessian_product(start, J.gradient(start)), axis=0)


def slope(direction, h=0.02):
    wide = (direction(h) - direction(-h)) / (2 * h)
    near = (direction(h / 2) - direction(-h / 2)) / h
    return (4 * near - wide) / 3


KINDS = {  # the direction, and the paper's ratio of the two multiples: AvgGradInner to AvgGrad
    "MAML": (maml, lambda k: 2 * (k - 1)),
    "FOMAML": (fomaml, lambda k: k - 1),
    "Reptile": (reptile, lambda k: (k - 1) / 2),
}
ratio = {}
print("AvgGradInner per AvgGrad, with k =     2        3        4 gradients")
for name, (kind, expected) in KINDS.items():
    for k in (2, 3, 4):
        steps, avg_grad = (k, k) if name == "Reptile" else (k - 1, 1)
        assert np.allclose(kind(1e-7, steps), avg_grad * average, atol=1e-6)
        d = slope(lambda alpha, kind=kind, steps=steps: kind(alpha, steps))
        ratio[name, k] = np.sum(d * inner) / np.sum(inner * inner) / avg_grad
        assert np.isclose(ratio[name, k], expected(k), atol=1e-5)
        assert np.allclose(d, ratio[name, k] * avg_grad * inner, atol=1e-6)
    print(f"{name:32s}" + "".join(f"{ratio[name, k]:9.5f}" for k in (2, 3, 4)))

# %%
print(
    f"Answer: no. Reptile with K steps is the sum of first-order MAML with 0 .. K - 1 steps. At "
    f"alpha = 4 and K = 3 they are {angle[3]:.1f} degrees apart. With 2 gradients the part that "
    f"learns to adapt has the weight {ratio['MAML', 2]:.2f} alpha in MAML, "
    f"{ratio['FOMAML', 2]:.2f} alpha in FOMAML and {ratio['Reptile', 2]:.2f} alpha in Reptile."
)
