# %% [markdown]
# # Should the ES gradient be divided by sigma?
#
# openai/evolution-strategies-starter#24: the paper divides the sum of returns times noise by sigma,
# the code does not. Is the result still a gradient, and does it matter?
#
# On a linear and on a quadratic return the expectation is a finite sum: the 2 D points +- sqrt(D)
# e_i have the mean, covariance and third moments of the normal noise. sigma = 0.02.

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
# Both returns have the gradient `goal` at theta = 0. (For other returns it is the gradient of the
# return smoothed by the noise.) The check names the factor that is missing.

# %%
factors = {}
for name, f in RETURNS.items():
    off, right = (
        expectations.check_unbiased(partial(term, f=f, divide_by=divide_by), outcomes, goal)
        for divide_by in (1.0, sigma)
    )
    factors[name] = off.factor
    print(f"{name}: undivided {off.factor:.6f} times the gradient; divided: {right}")
    assert right and not off and np.isclose(off.factor, sigma, rtol=1e-10)

# %% [markdown]
# Adam does not see a constant factor: its step is the same but for epsilon.

# %%
adam, found = optimizers.adam(0.01), []
for scale in (1.0, sigma):
    x, state = {"x": theta}, adam.init({"x": theta})
    for _ in range(100):
        x, state = adam.update(x, state, {"x": scale * (goal - x["x"])})
    found.append(x["x"])
gap = np.abs(found[0] - found[1]).max() / np.abs(found[0]).max()
print(f"after 100 steps of Adam: relative difference {gap:.0e}")
assert 1e-8 < gap < 1e-5

# %% [markdown]
# Weight decay does see it: ascent then rests where scale * (goal - x) = l2 * x. Here l2 = 0.005.

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
# But the code does not sum returns: it sums their centred ranks, and ranks hold no sigma that could
# be divided out. Normal noise, the linear return, sigma and ten times sigma:

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
    f"Answer: of returns, yes: undivided it is {factors['quadratic']:.2f} = sigma times the "
    f"gradient, which Adam undoes (to {gap:.0e}) but weight decay does not ({rest[sigma]:.2f} of "
    f"the optimum instead of {rest[1.0]:.3f}). Of ranks, no: at ten times sigma their sum is "
    f"{ranked:.0f} times as long, that of returns {raw:.0f} times."
)
