"""Random smooth functions with their gradients by hand, and the ways in which values get lost."""

import numpy as np


def smooth_function(seed, num_entries=3):
    """A smooth function of some entries, its gradient by hand, and a point."""
    rng = np.random.default_rng(seed)
    W, b = rng.normal(size=(4, num_entries)), rng.normal(size=4)
    c, a = rng.normal(size=4), rng.normal(size=num_entries)
    x = rng.normal(size=num_entries) * np.exp(0.5 * rng.normal(size=num_entries))

    def waves(x):
        return c @ np.sin(W @ x + b) + a @ x

    def network(x):
        return c @ np.tanh(W @ x + b) + 0.1 * np.sum(np.exp(x))

    def softened(x):
        return c[0] * np.log(np.sum(np.exp(W @ x + b))) + c[1] * np.prod(x)

    def bump(x):
        return np.exp(-np.sum((x - a) ** 2) / 2) + c[0] * np.sqrt(1 + x @ x) + c[1] * np.sum(x**3)

    def softened_gradient(x):
        p = np.exp(W @ x + b)
        products = np.array([np.prod(np.delete(x, i)) for i in range(len(x))])
        return c[0] * (p / p.sum()) @ W + c[1] * products

    def bump_gradient(x):
        g = c[0] * x / np.sqrt(1 + x @ x) + 3 * c[1] * x**2
        return g - (x - a) * np.exp(-np.sum((x - a) ** 2) / 2)

    pairs = [
        (waves, lambda x: (c * np.cos(W @ x + b)) @ W + a),
        (network, lambda x: (c / np.cosh(W @ x + b) ** 2) @ W + 0.1 * np.exp(x)),
        (softened, softened_gradient),
        (bump, bump_gradient),
    ]
    return *pairs[seed % 4], x


def rounded(digits):
    """A way to lose digits: a value that is printed with so many decimals."""
    return lambda f: lambda x: round(float(f(x)), digits)


def remembered(function):
    """The function of an array that computes each value once, and then looks it up.

    Checks of several claims ask for the values of one function at the same points.
    """
    values = {}

    def call(x):
        key = x.dtype.char, x.tobytes()
        if key not in values:
            values[key] = function(x)
        return values[key]

    return call


LOSSES = {  # name -> function -> function with worse values
    "none": lambda f: f,
    "plus 1e6": lambda f: lambda x: f(x) + 1e6,
    "12 decimals": rounded(12),
    "9 decimals": rounded(9),
    "6 decimals": rounded(6),
    "4 decimals": rounded(4),
    "float32": lambda f: lambda x: np.float32(f(x)),
    "float32 inside": lambda f: lambda x: float(f(x.astype(np.float32)).astype(np.float32)),
}


def sampled_return(rng, num_samples):
    """A return sampled with common random numbers: a staircase, whose mean is smooth.

    Arm 0 of two pays 0.2 and arm 1 pays 0.9. Returns the function of the two logits, and the
    gradient of its mean.
    """
    u = rng.random(num_samples)

    def chance(z):
        return 1 / (1 + np.exp(z[1] - z[0]))

    def gradient(z):
        return -0.7 * chance(z) * (1 - chance(z)) * np.array([1.0, -1.0])

    return lambda z: float(np.where(u < chance(z), 0.2, 0.9).mean()), gradient
