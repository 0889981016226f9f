# %% [markdown]
# # Should the ES gradient be divided by sigma?
#
# openai/evolution-strategies-starter#24: the paper divides the sum of returns times noise by sigma,
# the code does not. Is the result still a gradient, and does it matter?
#
# Here the return is linear or quadratic, so the return times the noise is a polynomial of degree 3
# at most. The 2 D points +- sqrt(D) e_i have the same mean, covariance and third moments as the
# normal noise. So the expectation is a sum over these points. sigma = 0.02.

# %%
from functools import partial

import numpy as np

from metarl_min.basics import expectations, optimizers

rng = np.random.default_rng(0)
D, sigma = 6, 0.02
goal, theta = rng.standard_normal(D), np.zeros(D)
noise = np.sqrt(D) * np.concatenate([np.eye(D), -np.eye(D)])
outcomes = np.full(2 * D, 1 / (2 * D)), noise


RETURNS = {
    "linear": lambda x: x @ goal,
    "quadratic": lambda x: -0.5 * np.sum((x - goal) ** 2, axis=-1),
}


def term(eps, f, divide_by):
    return f(theta + sigma * eps)[:, None] * eps / divide_by


# %% [markdown]
# Both returns have the gradient `goal` at theta = 0. (For other returns, the divided sum estimates
# the gradient of the return smoothed by the noise.) The check names the factor that is missing.

# %%
factors = {}
for name, f in RETURNS.items():
    undivided = expectations.check_unbiased(partial(term, f=f, divide_by=1.0), outcomes, goal)
    divided = expectations.check_unbiased(partial(term, f=f, divide_by=sigma), outcomes, goal)
    factors[name] = undivided.factor
    print(f"{name}: undivided {undivided.factor:.6f} times the gradient; divided: {divided}")
    assert divided and not undivided and np.isclose(undivided.factor, sigma, rtol=1e-10)

# %% [markdown]
# A constant factor does not change the step of Adam, apart from its epsilon.

# %%
adam, ends = optimizers.adam(0.01), []
for scale in (1.0, sigma):
    x, state = {"x": theta}, adam.init({"x": theta})
    for _ in range(100):
        x, state = adam.update(x, state, {"x": scale * (goal - x["x"])})
    ends.append(x["x"])
gap = np.abs(ends[0] - ends[1]).max() / np.abs(ends[0]).max()
print(f"after 100 steps of Adam: relative difference {gap:.0e}")
assert 1e-8 < gap < 1e-5

# %% [markdown]
# With weight decay the factor matters: ascent ends where scale * (goal - x) = l2 * x. l2 = 0.005.

# %%
l2, rest = 0.005, {}
for scale in (1.0, sigma):
    x = theta
    for _ in range(60):
        x = x + 0.5 / (scale + l2) * (scale * (goal - x) - l2 * x)
    rest[scale] = np.linalg.norm(x) / np.linalg.norm(goal)
print(f"with weight decay it ends at {rest[1.0]:.3f} of the goal, undivided at {rest[sigma]:.3f}")
assert np.allclose([rest[1.0], rest[sigma]], [1 / 1.005, 0.02 / 0.025], rtol=1e-12)

# %% [markdown]
# But the code does not sum returns. It sums their centred ranks, and ranks do not depend on sigma,
# so there is no sigma to divide by. The next lines compare sigma and ten times sigma, for the
# linear return and normal noise:

# %%
eps, lengths = rng.standard_normal((200, D)), []
for width in (sigma, 10 * sigma):
    F = RETURNS["linear"](theta + width * eps)
    ranks = np.argsort(np.argsort(F)) / (len(F) - 1) - 0.5
    lengths.append([np.linalg.norm(weights @ eps) for weights in (F, ranks)])
raw, ranked = np.divide(lengths[1], lengths[0])
print(f"ten times sigma: sum of returns {raw:.6f} times as long, of ranks {ranked:.6f} times")
assert np.isclose(raw, 10, rtol=1e-12) and ranked == 1

# %%
print(
    f"Answer: a sum of returns must be divided: without the division it is sigma = "
    f"{factors['quadratic']:.2f} times the gradient. Adam removes this factor (to {gap:.0e}), but "
    f"with weight decay ascent ends at {rest[sigma]:.2f} of the optimum instead of "
    f"{rest[1.0]:.3f}. A sum of ranks must not be divided: with ten times sigma it is "
    f"{ranked:.0f} times as long, and a sum of returns is {raw:.0f} times as long."
)
