# %% [markdown]
# # Assignment 1: trust but verify (8 points)
#
# Meta-learning needs derivatives of derivatives. A wrong derivative raises no error: the program
# runs, and learns badly. In this assignment you write the tool that finds such mistakes, and a test
# of this tool.
#
# Only the functions below are graded. You may write further functions and import the standard
# library, NumPy and Hypothesis. If Hypothesis is missing, install it with `pip install hypothesis`.
# Do not change the arguments of your functions.

# %%
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

# %% [markdown]
# ## 1. Central differences (2 points)
#
# Let f be a function of an array x with D entries that returns a number. Let e_i be the array that
# is 1 at entry i and 0 elsewhere. The central difference of f in coordinate i, with a step h, is
#
#     g_i = (f(x + h e_i) - f(x - h e_i)) / (2 h)
#
# Its error is of the order h^2. The error of a forward difference, (f(x + h e_i) - f(x)) / h, is of
# the order h.
#
# Your function returns all D central differences. x may hold integers. Your function uses exactly
# the step h that is given. In the tests h is about 0.3, so that g differs from the derivative.


# %%
def central_difference(f, x, h):
    """Return the central differences of f at x with the step h.

    f: a function of an array [D] of floats that returns a number.
    x: an array [D] of floats or integers.
    h: a number, greater than 0.
    Return an array [D] of floats.
    """
    ### BEGIN SOLUTION 1.1
    x = np.asarray(x, float)
    steps = h * np.eye(len(x))
    return np.array([(f(x + step) - f(x - step)) / (2 * h) for step in steps])
    ### END SOLUTION


# %% [markdown]
# ## 2. The best step (1 point)
#
# A long step has a large error of the order h^2. A short step has a large error too, because the
# values of f are rounded. Let every value of f have an error of at most `noise`, and let the third
# derivative of f be at most `third`. Then the error of a central difference is at most
#
#     bound(h) = noise / h + third h^2 / 6
#
# Find the step h at which the bound is smallest. A formula is asked for: a search over many h finds
# fewer digits than the test asks for.


# %%
def best_step(noise, third):
    """Return the step h at which noise / h + third h^2 / 6 is smallest.

    noise, third: numbers, greater than 0.
    Return a number.
    """
    ### BEGIN SOLUTION 1.3
    return float(np.cbrt(3 * noise / third))
    ### END SOLUTION


# %% [markdown]
# ## 3. A gradient with nine right digits (1 point)
#
# Now choose the step yourself. The error of `numerical_gradient` must be at most 1e-9 of the
# largest entry of the gradient.
#
# There are three tests, with the sizes s = 1, s = 1e5 and s = 1e10. In each of them x has four
# entries between 0.5 s and 1.5 s, with both signs. But in the test with s = 1, the second entry is
# 0. f changes on the scale of x: the values of f have the size s, and the third derivatives have
# the size 1 / s^2. A number of the size s in float64 has a rounding error of about 2e-16 s. Use the
# result of part 2.


# %%
def numerical_gradient(f, x):
    """Return the gradient of f at x, with a step of your choice in each coordinate.

    f: a function of an array [D] of floats that returns a number.
    x: an array [D] of floats.
    Return an array [D] of floats.
    """
    ### BEGIN SOLUTION 1.4
    gradient = np.empty(len(x))
    for i in range(len(x)):
        scale = max(1.0, abs(x[i]))
        h = best_step(np.finfo(float).eps * scale, 3 / scale**2)
        step = h * np.eye(len(x))[i]
        gradient[i] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient
    ### END SOLUTION


# %% [markdown]
# ## 4. A test of central differences (4 points)
#
# Write a test of `central_difference`. It receives an implementation, and raises an AssertionError
# if the implementation breaks the definition of part 1. Another error does not count. Your test is
# called with right implementations, which differ in round-off, and with sixteen wrong ones. You get
# a quarter of a point for each wrong implementation that the test refuses. You get none if it
# refuses a right one.
#
# Some wrong implementations are right for many functions f, many x or many h. So state properties
# that hold for all of them, and let Hypothesis draw the examples. In this example, a property of
# another function is tested:
#
#     def test_norm(norm):
#         @given(st.lists(st.floats(-10, 10), min_size=1, max_size=4))
#         def a_norm_is_not_negative(entries):
#             assert norm(np.array(entries)) >= 0
#
#         a_norm_is_not_negative()
#
# One property does not find all wrong implementations. Compare floats with a tolerance, for example
# with `np.allclose`, but look at the shape of the result too. Your test may call the implementation
# with any function f, any x with at most 1000 entries and any h of the definition.
#
# All calls of your test together have 20 seconds of processor time. In the grader, Hypothesis draws
# 30 examples of each property, unless you write `@settings(max_examples=..)` over it.


# %%
def test_central_difference(central_difference):
    """Raise an AssertionError unless the implementation returns central differences.

    central_difference: a function of f, x [D] and h, as in part 1.
    """
    ### BEGIN SOLUTION 1.5
    coordinates = st.lists(st.integers(-20, 20), min_size=1, max_size=4)
    steps = st.sampled_from([0.25, 0.5, 1.0])

    @settings(max_examples=10)
    @given(coordinates, steps)
    def waves_have_a_known_difference(entries, h):
        for x in (np.array(entries) / 8, np.array(entries)):
            found = central_difference(lambda y: float(np.sum(np.sin(y))), x, h)
            assert found.shape == x.shape
            assert np.allclose(found, np.cos(x) * np.sin(h) / h, atol=1e-8)

    @settings(max_examples=10)
    @given(coordinates, steps)
    def products_mix_the_coordinates(entries, h):
        x = np.array(entries) / 8
        weights = np.outer(np.arange(1, len(x) + 1), np.arange(2, len(x) + 2))
        found = central_difference(lambda y: float(y @ weights @ y), x, h)
        assert np.allclose(found, (weights + weights.T) @ x, atol=1e-8)

    waves_have_a_known_difference()
    products_mix_the_coordinates()
    ### END SOLUTION


# %% [markdown]
# ## Check
#
# `python -m metarl_min.teach check hw1.py` grades your file and explains its mistakes. In a
# notebook, a cell outside of this file grades one function:
#
#     from metarl_min.teach.questions import check
#     from metarl_min.teach.central_differences import central_difference as question
#
#     check(question(), central_difference)
#
# The other questions are `best_step` and `numerical_gradient` of
# `metarl_min.teach.difference_steps`, and `central_difference_test` of
# `metarl_min.teach.difference_tests`.
