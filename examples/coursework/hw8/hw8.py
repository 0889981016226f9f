# %% [markdown]
# # Assignment 8: ES and the broken derivation (10 points)
#
# An evolution strategy (ES) estimates a gradient from values of a function, without a derivative.
# In this assignment you write such an estimate, a program that finds the wrong equation of a
# derivation, and a test of the estimate.
#
# Only the functions below are graded. You may write further functions and import the standard
# library, NumPy and Hypothesis. Do not change the arguments of your functions.

# %%
import numpy as np

# %% [markdown]
# ## 1. The antithetic estimate (2 points)
#
# f is a function of an array x with D entries that returns a number. An ES maximises f. It moves
# the parameters theta along n directions e_1 .. e_n, which are the rows of the array `noise`. It
# evaluates f on both sides of theta, and returns
#
#     g = 1/n sum_i (f(theta + sigma e_i) - f(theta - sigma e_i)) / (2 sigma) e_i
#
# Usually the noise is drawn from the normal distribution N(0, I). Here it is given, so nothing in
# your result is random.


# %%
def es_gradient(f, theta, sigma, noise):
    """Return the antithetic estimate g.

    f: a function of an array [D] that returns a number.
    theta: an array [D].
    sigma: a number, greater than 0.
    noise: an array [n, D], whose rows are the directions e_i.
    Return an array [D].
    """
    ### BEGIN SOLUTION 8.1
    g = np.zeros(len(theta))
    for e in noise:
        g += (f(theta + sigma * e) - f(theta - sigma * e)) / (2 * sigma) * e
    return g / len(noise)
    ### END SOLUTION


# %% [markdown]
# ## 2. Utilities (1 point)
#
# A single very large value of f can dominate the estimate. So many programs replace the P values by
# their utilities, which are centred ranks. The smallest value has the rank 0, and the largest has
# the rank P - 1. If some values are equal, each of them has the mean of their ranks. For example,
# the values 3, 1, 3 have the ranks 1.5, 0, 1.5. The utility of a value is
#
#     u = rank / (P - 1) - 1/2


# %%
def utilities(values):
    """Return the utility of each value.

    values: an array [P] with P >= 2.
    Return an array [P]. Entry i is the utility of values[i].
    """
    ### BEGIN SOLUTION 8.2
    smaller = np.array([np.sum(values < value) for value in values])
    equal = np.array([np.sum(values == value) for value in values])
    return (smaller + (equal - 1) / 2) / (len(values) - 1) - 0.5
    ### END SOLUTION


# %% [markdown]
# ## 3. The estimate with utilities (1 point)
#
# Rank all 2 n values f(theta + sigma e_i) and f(theta - sigma e_i) together. Let u_i be the utility
# of f(theta + sigma e_i), and v_i the utility of f(theta - sigma e_i). The estimate is
#
#     g = 1/n sum_i (u_i - v_i) / (2 sigma) e_i


# %%
def ranked_gradient(f, theta, sigma, noise):
    """Return the antithetic estimate with utilities in the place of values.

    The arguments and the result have the same shapes as those of `es_gradient`.
    """
    ### BEGIN SOLUTION 8.3
    n = len(noise)
    values = [f(theta + sigma * e) for e in noise] + [f(theta - sigma * e) for e in noise]
    u = utilities(np.array(values))
    return (u[:n] - u[n:]) @ noise / (2 * n * sigma)
    ### END SOLUTION


# %% [markdown]
# ## 4. The broken derivation (3 points)
#
# Why is g an estimate of a gradient? Here is the derivation for one parameter. theta, e and
# x = theta + sigma e are numbers. p(e) is the density of e ~ N(0, 1), and q(x) is the density of x:
#
#     p(e) = exp(-e^2 / 2) / sqrt(2 pi),    q(x) = p((x - theta) / sigma) / sigma
#
# E is the mean over e, and int is an integral over all numbers. F is a cubic polynomial, and
# F_sigma is the smoothed F. F' and F''' are the first and third derivative of F, and F_sigma' is
# the derivative of F_sigma.
#
#      1.  F_sigma(theta) = E F(theta + sigma e)
#      2.  1 = int p(e) de
#      3.  1 = int q(x) dx
#      4.  F_sigma(theta) = int F(x) q(x) dx
#      5.  dp/de = -e p(e)
#      6.  dq/dtheta = (x - theta) / sigma q(x)
#      7.  F_sigma'(theta) = int F(x) dq/dtheta dx
#      8.  F_sigma'(theta) = int F(x) (x - theta) / sigma^2 q(x) dx
#      9.  F_sigma'(theta) = E F(theta + sigma e) e / sigma
#     10.  F_sigma'(theta) = E -F(theta - sigma e) e / sigma
#     11.  F_sigma'(theta) = E (F(theta + sigma e) - F(theta - sigma e)) e / (2 sigma)
#     12.  E (F(theta + sigma e) - F(theta - sigma e)) e / (2 sigma)
#          = F'(theta) + sigma^2 / 2 F'''(theta)
#
# **One of the twelve equations is wrong.** First find it by reading.
#
# Then write a program that finds it. The program receives the twelve equations as a list of pairs
# (left, right). Each side is a function of three numbers (theta, sigma, e) that returns a number.
# All sides have these arguments, although some of them depend on theta and sigma alone. If an
# equation is right, its sides are equal for all theta, all e and all sigma > 0, up to round-off.
#
# Your program is graded on fourteen lists. In one list all equations are right. In each of the
# others the right side of one equation is wrong, and the list of this page is among them. Each list
# has another polynomial F.


# %%
def wrong_equation(equations):
    """Return the number of the wrong equation, from 1 to 12, or 0 if all equations are right.

    equations: a list of twelve pairs (left, right) of functions of (theta, sigma, e).
    Return an integer.
    """
    ### BEGIN SOLUTION 8.4
    points = [(0.7, 0.6, 1.2), (-0.4, 1.7, -0.8)]
    for number, (left, right) in enumerate(equations, 1):
        for point in points:
            if not np.isclose(left(*point), right(*point), rtol=1e-8):
                return number
    return 0
    ### END SOLUTION


# %% [markdown]
# ## 5. A test that exposes a wrong derivation (3 points)
#
# A program that follows a wrong derivation raises no error. Write a test of `es_gradient`. It
# receives an implementation, and raises an AssertionError if the implementation breaks the
# definition of part 1. Another error does not count. Your test is called with right
# implementations, which differ in round-off, and with fifteen wrong ones. You get 0.2 points for
# each wrong implementation that the test refuses, and none if it refuses a right one.
#
# Compare with results that you know without `es_gradient`. For example, let f be quadratic, and let
# the n = D directions be orthogonal, each of the length sqrt(D). Then g is the gradient of f. But
# this test alone finds only a part of the wrong implementations, because many of them are right for
# special f, theta, sigma or noise.
#
# Compare floats with a tolerance, for example with `np.allclose`. The arrays in your test may have
# at most 1000 entries. All calls of your test together have 20 seconds of processor time.


# %%
def test_es_gradient(es_gradient):
    """Raise an AssertionError unless the implementation returns the antithetic estimate.

    es_gradient: a function of f, theta [D], sigma and noise [n, D], as in part 1.
    """
    ### BEGIN SOLUTION 8.5
    rng = np.random.default_rng(8)
    for dimension, n in [(1, 1), (2, 3), (3, 2)]:
        theta, noise = rng.normal(size=dimension), rng.normal(size=(n, dimension))
        slope, third = rng.normal(size=dimension), rng.normal(size=dimension)

        def f(x, slope=slope, third=third):
            return 4 + slope @ x + (third @ x) ** 3

        for sigma in (0.3, 2.0):
            along, level = noise @ third, third @ theta
            weights = noise @ slope + 3 * level**2 * along + sigma**2 * along**3
            assert np.allclose(es_gradient(f, theta, sigma, noise), weights @ noise / n)

    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    found = es_gradient(lambda x: 5 - x @ x, np.arange(4.0), 0.25, 2 * rotation)
    assert np.allclose(found, -2 * np.arange(4.0))
    ### END SOLUTION


# %% [markdown]
# ## Check
#
# `python -m metarl_min.teach check hw8.py` grades your file and explains its mistakes. In a
# notebook, a cell outside of this file grades one function:
#
#     from metarl_min.teach.questions import check
#     from metarl_min.teach.evolution_strategies import es_gradient as question
#
#     check(question(), es_gradient)
#
# The other questions are `utilities` and `ranked_gradient` of `metarl_min.teach.ranked_gradients`,
# `wrong_equation` of `metarl_min.teach.broken_derivation`, and `es_gradient_test` of
# `metarl_min.teach.evolution_tests`.
