"""The distribution function of a Beta variable, and the expected mean of the best of some arms.

Arm i pays 1 with an unknown probability, its mean. The prior of the mean is Beta(a_i, b_i), and
the means of different arms are independent. I_x(a, b) is the probability that a Beta(a, b)
variable is at most x, and B(a, b) is the Beta function. In this module, a and b are the
parameters of a Beta prior, x is a probability and v is a real number.

    (1)  I_x(a, b) = x^a (1 - x)^b / (a B(a, b)) / (1 + d_1 / (1 + d_2 / (1 + ..))),
         d_2k = k (b - k) x / ((a + 2k - 1) (a + 2k)),
         d_2k+1 = -(a + k) (a + b + k) x / ((a + 2k) (a + 2k + 1))   [DLMF, eq. 8.17.22]
    (2)  I_x(a, b) = 1 - I_{1-x}(b, a)                                [DLMF, eq. 8.17.4]
    (3)  E[max_i mean_i] = 1 - int_0^1 prod_i I_x(a_i, b_i) dx              [derivation]
    (4)  int_0^1 f(x) dx ~ step sum_j f(x(v_j)) x'(v_j),  x(v) = 1 / (1 + exp(-pi sinh v)),
         with nodes v_j at the distance `step`                 [Takahasi and Mori 1974]

    Steps of (3). Let Y be the largest of the means; it lies between 0 and 1.
        E[Y] = int_0^1 P(Y > x) dx             because Y is not negative
             = 1 - int_0^1 P(Y <= x) dx        because the two probabilities sum to 1
        P(Y <= x) = prod_i P(mean_i <= x)      because the means are independent
        P(mean_i <= x) = I_x(a_i, b_i)         by the definition of I_x

The fraction (1) converges fast for x below (a + 1) / (a + b + 2). For a larger x, (2) leads to a
fraction that converges fast. The terms of the sum (4) decrease double exponentially in v: outside
of -3.2 <= v <= 3.2 they are smaller than the rounding error.
"""

from __future__ import annotations

import math

import numpy as np

from metarl_min.basics.arguments import floats, instance, real, require
from metarl_min.basics.trees import Array
from metarl_min.tasks import BetaArms


def _continued_fraction(a: Array, b: Array, x: Array) -> Array:
    """Return 1 / (1 + d_1 / (1 + ..)) of eq. (1). a, b, x [n] -> [n]

    The method of Lentz updates c, the ratio of successive numerators of the fraction, and d, the
    inverse ratio of successive denominators. It needs about sqrt(max(a, b)) steps. If a or b is
    large, each further step changes the value by a rounding error of up to 1e-12. Then the loop
    ends after `num_steps` steps.
    """
    num_steps = 100 + 2 * math.isqrt(int(np.maximum(a, b).max(initial=0.0)))
    c, d = np.ones_like(x), 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for k in range(1, num_steps):
        d_even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))
        d_odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
        c, d = 1 + d_even / c, 1 / (1 + d_even * d)
        value = value * c * d
        c, d = 1 + d_odd / c, 1 / (1 + d_odd * d)
        value, change = value * c * d, np.abs(c * d - 1).max(initial=0.0)
        if change < 1e-15:
            break
    return value


def beta_cdf(a: float, b: float, logit: Array) -> Array:
    """Return I_x(a, b) at x = 1 / (1 + exp(-logit)), eqs. (1) and (2). logit [n] -> [n]

    Where x is close to 1, its logit is more precise than x itself.

    >>> beta_cdf(2.0, 1.0, np.array([0.0])).round(12)  # x = 1 / 2, and I_x(2, 1) = x^2
    array([0.25])
    """
    a, b = real("a", a, 0), real("b", b, 0)
    require(min(a, b) > 0, "a and b must be positive", (a, b))
    require(floats("logit", logit).ndim > 0, "logit must have an axis", logit)
    log_x, log_y = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)  # y = 1 - x
    direct = log_x <= math.log((a + 1) / (a + b + 2))  # elsewhere by eq. (2)
    p, q = np.where(direct, a, b), np.where(direct, b, a)  # eq. (2) exchanges a and b
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    cdf = np.exp(a * log_x + b * log_y - log_beta) / p
    large = cdf > 1e-40  # elsewhere the fraction does not matter: I_x is 0 or 1 up to rounding
    fraction = _continued_fraction(
        p[large], q[large], np.exp(np.where(direct, log_x, log_y)[large])
    )
    cdf[large] *= fraction
    return np.where(direct, cdf, 1 - cdf)


def expected_best_mean(prior: BetaArms) -> float:
    """Return the expected mean of the best arm, eqs. (3) and (4).

    The number of nodes is doubled until the sum changes by less than its rounding error.

    >>> round(expected_best_mean(BetaArms(np.ones(5), np.ones(5))), 9)  # 5 / 6
    0.833333333
    """
    instance("prior", prior, BetaArms)
    # A complex number a + b i stands for the prior of an arm, and equal arms are computed once.
    pairs, counts = np.unique(prior.a + 1j * prior.b, return_counts=True)
    previous, num_nodes = np.nan, 128
    rounding = 1e-16 * float((prior.a + prior.b).max())  # relative error of eq. (1)
    while True:
        v = np.linspace(-3.2, 3.2, num_nodes + 1)
        logit = np.pi * np.sinh(v)
        slope = np.pi * np.cosh(v) * np.exp(-np.logaddexp(0, logit) - np.logaddexp(0, -logit))
        cdfs = [beta_cdf(x.real, x.imag, logit) ** n for x, n in zip(pairs, counts, strict=True)]
        total = 1 - float(np.sum(np.prod(cdfs, 0) * slope)) * 6.4 / num_nodes
        if abs(total - previous) < max(1e-12, rounding) or num_nodes >= 2**17:
            return total
        previous, num_nodes = total, 2 * num_nodes
