"""Priors are valid from the moment they exist, and are read only by what fits them."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from enumerate_trajectories import random_batch

from metarl_min import tasks
from metarl_min.mdps import priors
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.priors import (
    BetaArms,
    CorrelatedArms,
    DirichletMDP,
    GaussianArms,
    Hypotheses,
)

ROW, TWO = np.array([1.0, 2.0, 3.0]), np.array([[1.0], [2.0]])
MDPS = random_batch(0, 3)[0]
VALID = {
    "beta": BetaArms(a=ROW, b=2 * ROW),
    "gaussian": GaussianArms(mean=-ROW, std=0 * ROW, noise=0.0),
    "correlated": CorrelatedArms(a=1.0, b=3.0),
    "hypotheses": Hypotheses(mdps=MDPS, weights=np.array([0.25, 0.25, 0.5])),
    "dirichlet": DirichletMDP(np.ones((3, 2, 3)), mean=-1.0, std=0.0, noise=0.0),
}
HUGE = {"std": 1e101, "noise": 1e101, "mean": -1e101, "concentration": np.full((3, 2, 3), 1e7)}


def whole_wrongs(kind, fields):
    """What no field of a kind may be, with the type of the error."""
    rows = [(np.append(ROW[1:], bad), ValueError) for bad in (np.nan, np.inf, 1e300)]
    rows += [
        (ROW.astype(int), TypeError),
        (ROW.tolist(), TypeError),
        (None, TypeError),
        (ROW[:2], ValueError),
        (ROW[None], ValueError),
        (ROW[:0], ValueError),
        (np.array(1.0), ValueError),
        (np.ma.array(ROW), TypeError),
        (2.0, TypeError),
    ]
    return [(kind, {field: value}, error) for field in fields for value, error in rows]


def number_wrongs(kind, fields, low=None):
    numbers = [
        (np.nan, ValueError),
        (np.inf, ValueError),
        (1e300, ValueError),
        (None, TypeError),
        (True, TypeError),
        ("1", TypeError),
        (np.ones(1), TypeError),
        (1j, TypeError),
    ]
    numbers += [] if low is None else [(low, ValueError)]
    return [(kind, {field: value}, error) for field in fields for value, error in numbers]


WRONG = [
    *whole_wrongs("beta", ("a", "b")),
    *(("beta", {field: ROW - 1}, ValueError) for field in ("a", "b")),
    *(("beta", {field: -ROW}, ValueError) for field in ("a", "b")),
    *whole_wrongs("gaussian", ("mean", "std")),
    ("gaussian", {"std": -ROW}, ValueError),
    *number_wrongs("gaussian", ["noise"], -1.0),
    *number_wrongs("correlated", ("a", "b"), 0.0),
    *number_wrongs("dirichlet", ("std", "noise"), -1.0),
    *number_wrongs("dirichlet", ["mean"]),
    ("dirichlet", {"concentration": np.zeros((3, 2, 3))}, ValueError),
    ("dirichlet", {"concentration": np.ones((3, 2, 2))}, ValueError),
    ("dirichlet", {"concentration": np.ones((3, 3))}, ValueError),
    ("dirichlet", {"concentration": np.ones((3, 0, 3))}, ValueError),
    ("dirichlet", {"concentration": np.ones((3, 2, 3), int)}, TypeError),
    ("dirichlet", {"concentration": np.full((3, 2, 3), 1e7)}, ValueError),
    ("dirichlet", {"concentration": None}, TypeError),
    ("hypotheses", {"weights": np.array([0.5, 0.5, 1.0])}, ValueError),
    ("hypotheses", {"weights": np.array([0.5, -0.5, 1.0])}, ValueError),
    ("hypotheses", {"weights": np.array([0.5, np.nan, 0.5])}, ValueError),
    ("hypotheses", {"weights": np.array([0.5, 0.5])}, ValueError),
    ("hypotheses", {"weights": np.array([1.0])}, ValueError),
    ("hypotheses", {"weights": np.array([[0.25, 0.25, 0.5]])}, ValueError),
    ("hypotheses", {"weights": [0.25, 0.25, 0.5]}, TypeError),
    ("hypotheses", {"weights": np.array([0, 0, 1])}, TypeError),
    ("hypotheses", {"weights": None}, TypeError),
    ("hypotheses", {"mdps": None}, TypeError),
    ("hypotheses", {"mdps": tuple(MDPS)}, TypeError),
    ("hypotheses", {"mdps": MDP(*(x[0] for x in MDPS))}, ValueError),
    ("hypotheses", {"mdps": MDP(*(x[None] for x in MDPS))}, ValueError),
]


@pytest.mark.parametrize(("kind", "wrong", "error"), WRONG)
def test_a_prior_that_is_none_is_refused_when_made_and_when_replaced(kind, wrong, error):
    prior = VALID[kind]
    for make in (
        lambda: type(prior)(**{**prior._asdict(), **wrong}),
        lambda: prior._replace(**wrong),
    ):
        with pytest.raises(error, match=r"must (be|have|sum|not)|need one entry"):
            make()


@pytest.mark.parametrize("kind", VALID)
def test_a_prior_pickles_and_is_the_one_of_tasks(kind):
    again = pickle.loads(pickle.dumps(VALID[kind]))
    assert type(again) is type(VALID[kind]) is getattr(tasks, type(again).__name__)
    assert repr(again) == repr(VALID[kind])


def test_the_numbers_of_a_prior_are_floats():
    for prior in (
        CorrelatedArms(1, Fraction(1, 2)),
        DirichletMDP(np.ones((1, 1, 1)), 1, np.int8(2), 3),
    ):
        numbers = [x for x in prior if not isinstance(x, np.ndarray)]
        assert [type(x) for x in numbers] == [float] * len(numbers)
    assert type(GaussianArms(ROW, ROW, np.float32(0.5)).noise) is float


def test_values_of_candidates_are_one_for_each():
    prior = VALID["hypotheses"]
    assert priors.expected_under_prior(np.array([4.0, 8.0, 1.0]), prior) == 3.5
    for values in (np.ones(1), np.ones((3, 1)), np.array(1.0)):
        with pytest.raises(ValueError, match=r"values must have the shape of the weights, \(3,\)"):
            priors.expected_under_prior(values, prior)
    with pytest.raises(TypeError, match="prior must be of type Hypotheses, got BetaArms"):
        priors.expected_under_prior(ROW, VALID["beta"])


@pytest.mark.parametrize(
    "other", [None, VALID["hypotheses"], VALID["dirichlet"], tuple(VALID["beta"])]
)
def test_only_arms_have_prior_means(other):
    with pytest.raises(TypeError, match="prior must be of type BetaArms, got"):
        priors.prior_means(other)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_under_a_prior_are_finite(bad):
    two = VALID["hypotheses"]
    values = np.full(two.weights.shape, bad)
    with pytest.raises(ValueError, match="values must be finite, got"):
        priors.expected_under_prior(values, two)
