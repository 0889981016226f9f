# %% [markdown]
# # What breaks with more than one inner step?
#
# rlworkgroup/garage#1269: MAML works with one inner step and not with two; gradient information
# was cleared after the first.
#
# Four mistakes have no effect with one inner step. Here each is measured with two steps: three arms
# pay 0.2, 0.9 and 0.5, a step has two pulls, and alpha = 0.7. An estimator is called with every
# data set, and every data set has its probability.

# %%
import autograd.numpy as np
from autograd import grad

from metarl_min.basics import trees
from metarl_min.gradients import adaptation, meta_gradients, objectives
from metarl_min.gradients.estimator_weights import plain_weights
from metarl_min.gradients.estimators import emaml
from metarl_min.gradients.inner_steps import InnerStep, inner_step, log_probability
from metarl_min.mdps.policies import tabular
from metarl_min.tasks.bandits import bandit_mdps

means, theta, alpha = np.array([[0.2, 0.9, 0.5]]), np.array([[0.3, -0.2, 0.1]]), 0.7


def estimator(mistake):
    """E-MAML written out, with one mistake that shows only if there is a second inner step."""

    def estimate(inner, path, data, v, R):
        def surrogate(theta):
            phi, score_term = theta, 0.0
            for k, D in enumerate(data):
                if k and mistake == "graph cleared":
                    phi = path[k]  # a constant: no gradient flows back to theta
                at = phi
                if k and mistake == "later score without Jacobian":  # value phi_k, Jacobian I
                    at = trees.map_leaves(lambda a, b, c: a + b - c, path[k], theta, path[0])
                if not (k and mistake == "no later score"):
                    log_p = log_probability(inner, at, D)
                    score_term = score_term + np.sum(R * log_p)
                phi = inner_step(inner, phi, path[k], D, plain_weights)
            return score_term + trees.dot(v, phi)

        return grad(surrogate)(path[0])

    return estimate


def problem(K):
    inner = InnerStep(policy=tabular, alpha=alpha, baseline=0.0)
    start, task = {"logits": theta}, bandit_mdps(means)
    return meta_gradients.Problem(
        inner=inner, theta=start, task=task, horizon=1, num_episodes=2, num_steps=K
    )


# %%
MISTAKES = "graph cleared", "no later score", "later score without Jacobian"
bias, functions = {}, {name: estimator(name) for name in ("no mistake", *MISTAKES)}
for K in (1, 2):
    exact, moments = meta_gradients.compare_estimators(functions, problem(K), [2])[2]
    bias |= {(name, K): moments[name].F_N.bias_norm for name in functions}
print(f"{'bias for grad F_N with':32s}one step  two steps")
for name in functions:
    print(f"{name:32s}{bias[name, 1]:.1e}   {bias[name, 2]:.1e}")
inputs, _ = meta_gradients.enumerated_inputs(problem(2))
ours, library = functions["no mistake"](*inputs), emaml(*inputs)
assert np.allclose(ours["logits"], library["logits"], atol=1e-14)
assert max(bias[name, 1] for name, _ in bias) < 1e-12 and bias["no mistake", 2] < 1e-12
assert np.allclose([bias[name, 2] for name in MISTAKES], [0.14, 0.020, 0.0022], rtol=0.05)

# %% [markdown]
# The fourth mistake is a wrong order of factors. The product (I + alpha H_0)(I + alpha H_1) v is
# right. With two arms all H are multiples of one matrix, so the order has no effect.


# %%
def order_gap(means, logits, K):
    """Relative error of the gradient of F_inf with the factors in the wrong order."""
    J, start = objectives.expected_return_objective(bandit_mdps(means), 1), {"logits": logits}
    path = adaptation.inner_loop(tabular, start, alpha, [J] * K)
    v = J.gradient(path[-1]["logits"])
    for phi in path[:-1]:  # right: path[-2::-1]
        v = v + alpha * J.hessian_product(phi["logits"], v)
    right = adaptation.meta_gradient_by_hessian_products(tabular, start, alpha, K, J)["logits"]
    return np.linalg.norm(v[0] - right) / np.linalg.norm(right)


one, two = order_gap(means, theta, K=1), order_gap(means, theta, K=2)
two_arms = order_gap(means[:, :2], theta[:, :2], K=2)
print(f"factors transposed: {one:.1e} at one step, {two:.1e} at two; two arms {two_arms:.1e}")
assert one < 1e-14 and two_arms < 1e-14 and np.isclose(two, 1.8e-4, rtol=0.05)

# %%
size = np.linalg.norm(exact.grad_F_N["logits"])
parts = ", ".join(f"{100 * bias[name, 2] / size:.1f} % ({name})" for name in MISTAKES)
print(
    f"Answer: one step proves nothing. Mistakes that have no bias with one step have a bias of "
    f"{parts} with two. Factors in the wrong order give {100 * two:.2f} %, only with three arms."
)
