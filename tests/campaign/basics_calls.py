"""Base calls of the room `basics`."""

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
from comparing import rng

from campaign.judging import call
from metarl_min.basics import (
    arguments,
    checks,
    expectations,
    files,
    optimizers,
    plugins,
    trees,
    words,
)

X = np.array([0.5, -2.0, 1.5])
THETA = {"w": np.array([[1.0, -2.0], [0.5, 3.0]]), "b": np.array([0.25, -1.0])}
G = {"w": np.array([[0.5, 1.0], [-1.5, 2.0]]), "b": np.array([-0.75, 2.0])}
TASKS = {"w": np.array([[1.0, -2.0, 3.0], [0.5, 3.0, 1.0]]), "b": np.array([[0.25], [-1.0]])}
TOLD = {"condition": "*", "rule": "*", "got": "*"}  # what an error says
BOUNDS = {"name": "*", "low": "*", "high": "*"}  # of the one who checks
ANY = {"name": "*", "value": "*"}
P = np.array([0.25, 0.5, 0.25])
CLAIMED = "negative huge NaN infinite float32"  # gives another verdict
ROWS = np.array([[1.0, 2.0], [3.0, -1.0], [2.0, 0.5]])


def cube(x):
    return np.sum(x**3)


def slope(x):
    return 3 * x**2


def sum_of_squares(x):
    return sum(np.sum(leaf**2) for leaf in (x.values() if isinstance(x, dict) else [x]))


def square(x):
    return x**2


def toy(*, n: int = 3, rate: float = 0.5, kind: Annotated[str, {"a": "a", "b": "b"}] = "a"):
    """A toy.

    n     a number
    rate  a rate
    """
    return n, rate, kind


def _optimizer(make, beta=0.5, **settings):
    return {
        f"optimizers.{make.__name__}": call(
            make, None, lambda made: made.update(THETA, made.init(THETA), G), beta=beta, **settings
        ),
        f"optimizers.{make.__name__}.init": call(
            make(beta).init, {"theta": "shape names"}, theta=THETA
        ),
        f"optimizers.{make.__name__}.update": call(
            make(beta).update,
            {"state": "wrong-shape list"},
            theta=THETA,
            state=make(beta).init(THETA),
            g=G,
        ),
    }


CALLS = {
    "arguments.shown": call(arguments.shown, {"value": "*"}, value=3),
    "arguments.require": call(arguments.require, TOLD, condition=True, rule="x", got=3),
    "arguments.require_all": call(
        arguments.require_all, {"condition": "*", "rule": "*", "values": "*"},
        condition=np.array([True, True]), rule="x", values=np.array([0.5, 1.0]),
    ),
    "arguments.instance": call(
        arguments.instance, {"name": "*", "kind": "*"}, name="n", value={}, kind=dict
    ),
    "arguments.function": call(arguments.function, {"name": "*"}, name="n", value=cube),
    "arguments.sequence": call(arguments.sequence, ANY, name="n", value=(1, 2)),
    "arguments.generator": call(arguments.generator, {"name": "*"}, name="rng", value=rng()),
    "arguments.shaped": call(
        arguments.shaped, {"name": "*", "owner": "*", "value": "*", "shape": "*"}, name="x",
        value=X, shape=(3,),
        owner="theta",
    ),
    "arguments.pair": call(arguments.pair, {"name": "*"}, name="shape", value=(3, 2)),
    "arguments.whole": call(arguments.whole, {**BOUNDS}, name="n", value=3, low=1, high=10.0),
    "arguments.real": call(arguments.real, BOUNDS, name="x", value=-0.5, low=-1.0, high=1.0),
    "arguments.floats": call(
        arguments.floats, {**BOUNDS, "value": "shape"}, name="x", value=X, low=-5.0, high=5.0
    ),
    "arguments.indices": call(
        arguments.indices, {"name": "*", "size": "*", "value": "shape"}, name="x",
        value=np.array([0, 2, 1]), size=3,
    ),
    "arguments.truths": call(
        arguments.truths, {"name": "*", "value": "shape"}, name="x", value=np.array([True, False])
    ),
    "arguments.probabilities": call(
        arguments.probabilities, {"name": "*", "value": "shape"}, name="p",
        value=np.array([[0.5, 0.25, 0.25]]),
    ),
    "arguments.flag": call(arguments.flag, {"name": "*"}, name="greedy", value=True),
    "arguments.array": call(
        arguments.array, {**ANY, "value": "shape sign NaN infinite huge", "kinds": "*", "noun":
        "*"},
        name="x", value=X, kinds="f", noun="floats",
    ),
    "files.write_atomically": call(
        files.write_atomically, path=Path(tempfile.gettempdir()) / "campaign.x", content=b"abc"
    ),
    "files.as_path": call(files.as_path, {"name": "*"}, name="p", value=Path("x")),
    "optimizers.Optimizer": call(
        optimizers.Optimizer, {"words": "*"}, None, **optimizers.sgd(0.5)._asdict()
    ),
    "trees.check": call(trees.check, {"tree": "shape names"}, tree=THETA),
    "finite_differences.finite_differences": call(
        checks.finite_differences, {"x": "shape huge"}, function=cube, x=X
    ),
    "complex_steps.complex_step": call(checks.complex_step, {"x": "shape"}, function=cube, x=X),
    "checks.check_derivative": call(
        checks.check_derivative, {"x": "shape huge float32"},
        function=cube, gradient=slope, x=X, tolerance=1e-8,
        method="finite_differences", expect_zero=False,
    ),
    "checks.check_derivative:array": call(
        checks.check_derivative, {"gradient": CLAIMED, "x": "huge float32"},
        function=cube, gradient=slope(X), x=X,
    ),
    "checks.check_derivative:tree": call(
        checks.check_derivative,
        {"gradient": CLAIMED, "x": "huge float32"},
        function=sum_of_squares, gradient={"w": 2 * X}, x={"w": X},
    ),
    "checks.check_directional_derivatives": call(
        checks.check_directional_derivatives,
        {"num_directions": "huge", "x": "shape huge float32"},
        rng=rng(), function=cube, gradient=slope, x=X, num_directions=3, tolerance=1e-8,
        expect_zero=False,
    ),
    "checks.assert_derivative": call(
        checks.assert_derivative, {"x": "huge shape"}, function=cube, gradient=slope, x=X
    ),
    "expectations.exact_expectation": call(
        expectations.exact_expectation, {"outcomes": "shape"}, estimator=square, outcomes=(P, ROWS)
    ),
    "expectations.exact_expectation:pairs": call(
        expectations.exact_expectation,
        estimator=square, outcomes=[(0.25, ROWS[0]), (0.75, ROWS[1])],
    ),
    "expectations.exact_moments": call(
        expectations.exact_moments, estimator=square, outcomes=(P, ROWS)
    ),
    "expectations.check_unbiased": call(
        expectations.check_unbiased, {"target": "negative huge"},
        estimator=square, outcomes=(P, ROWS), target=P @ ROWS**2, tolerance=1e-10,
        expect_zero=False,
    ),
    **_optimizer(optimizers.sgd),
    **_optimizer(optimizers.momentum, mu=0.9),
    **_optimizer(optimizers.adam, b1=0.9, b2=0.99, eps=1e-6),
    "plugins.load": call(plugins.load, word="json:dumps"),
    "words.meanings": call(words.meanings, {"function": "*"}, function=toy),
    "words.unwrapped": call(words.unwrapped, {"function": "*"}, function=toy),
}  # fmt: skip

RESULTS = (
    "optimizers.Momentum", "optimizers.Moments", "words.Key", "conclusions.Claim",
    "conclusions.Lines", "finite_differences.Slope", "finite_differences.Measured", "noise.Level",
    "noise.Noise", "vectors.Point", "verdicts.Report",
    "random_numbers.CommonRandomNumbers",
)  # fmt: skip  # fmt: skip
