# %% [markdown]
# # What breaks with more than one inner step?
#
# rlworkgroup/garage#1269: MAML works with one inner step and not with two; gradient information
# was cleared after the first.
#
# Four mistakes that one inner step hides, each measured at two. Three arms that pay 0.2, 0.9 and
# 0.5, two pulls per step, alpha = 0.7; every data set is fed to the estimator with its probability.

# %%
import autograd.numpy as np
from autograd import grad

from metarl_min.basics import trees
from metarl_min.gradients import adaptation, meta_gradients, objectives
from metarl_min.gradients.estimators import (
    InnerStep,
    emaml,
    inner_step,
    log_probability,
    plain_weights,
)
from metarl_min.mdps import policies
from metarl_min.tasks import bandits

task = bandits.bandit_mdps(np.array([[0.2, 0.9, 0.5]]))
theta, alpha = {"logits": np.array([[0.3, -0.2, 0.1]])}, 0.7


def estimator(mistake):
    """E-MAML written out, with one mistake that needs a second inner step to show."""

    def estimate(inner, path, data, v, R):
        def surrogate(theta):
            phi, scores = theta, 0.0
            for k, D in enumerate(data):
                if k and mistake == "graph cleared":
                    phi = path[k]  # a constant: nothing flows back to theta
                scored = phi
                if k and mistake == "later score without Jacobian":  # as if phi_k were theta
                    scored = trees.map_leaves(lambda a, b, c: a + b - c, path[k], theta, path[0])
                if not (k and mistake == "no later score"):
                    scores = scores + np.sum(R * log_probability(inner, scored, D))
                phi = inner_step(inner, phi, path[k], D, plain_weights)
            return scores + trees.dot(v, phi)

        return grad(surrogate)(path[0])

    return estimate


# %%
MISTAKES = "graph cleared", "no later score", "later score without Jacobian"
bias = {}
print(f"{'bias for grad F_N with':32s}one step  two steps")
for name in ("no mistake", *MISTAKES):
    for K in (1, 2):
        problem = meta_gradients.Problem(
            InnerStep(policies.tabular, alpha, 0.0), theta, task, 1, 2, K
        )
        samples = meta_gradients.estimates(estimator(name), problem)
        bias[name, K] = meta_gradients.measure(
            *samples, meta_gradients.exact_gradients(problem)
        ).bias[0]
    print(f"{name:32s}{bias[name, 1]:.1e}   {bias[name, 2]:.1e}")
library = meta_gradients.estimates(emaml, problem)[0]
assert np.allclose(library, meta_gradients.estimates(estimator(None), problem)[0], atol=1e-14)
assert max(bias[name, 1] for name, _ in bias) < 1e-12 and bias["no mistake", 2] < 1e-12
assert np.allclose([bias[name, 2] for name in MISTAKES], [0.14, 0.020, 0.0022], rtol=0.05)

# %% [markdown]
# The fourth is the order of the factors: (I + alpha H_0)(I + alpha H_1) v, the last step first.
# With two arms all factors commute and the mistake hides again.


# %%
def order_gap(means, start, K):
    """Relative error of the gradient of F_inf with the factors in the wrong order."""
    J, start = (
        objectives.expected_return_objective(bandits.bandit_mdps(means), 1),
        {"logits": start},
    )
    path = adaptation.inner_loop(policies.tabular, start, alpha, [J] * K)
    v = J.gradient(path[-1]["logits"])
    for phi in path[:-1]:  # right: path[-2::-1]
        v = v + alpha * J.hessian_product(phi["logits"], v)
    exact = adaptation.meta_gradient_by_hessian_products(policies.tabular, start, alpha, K, J)[
        "logits"
    ]
    return np.linalg.norm(v[0] - exact) / np.linalg.norm(exact)


means, start = np.array([[0.2, 0.9, 0.5]]), theta["logits"]
one, two = (order_gap(means, start, K) for K in (1, 2))
two_arms = order_gap(means[:, :2], start[:, :2], 2)
print(f"factors transposed: {one:.1e} at one step, {two:.1e} at two; two arms {two_arms:.1e}")
assert one < 1e-14 and two_arms < 1e-14 and np.isclose(two, 1.8e-4, rtol=0.05)

# %%
size = np.linalg.norm(meta_gradients.exact_gradients(problem).grad_F_N["logits"])
parts = ", ".join(f"{100 * bias[name, 2] / size:.1f} % ({name})" for name in MISTAKES)
print(
    f"Answer: one step proves nothing. Mistakes without bias there are off by {parts} at two "
    f"steps; the factors in the wrong order by {100 * two:.2f} %, and only with three arms."
)
