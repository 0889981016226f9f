"""vector_contents: what stands in the test vectors, against closed forms and the library."""

import json
from decimal import ROUND_UP, localcontext

import numpy as np
import pytest

from metarl_min.gradients import meta_gradients, objectives, vector_contents, vector_files
from metarl_min.gradients.enumeration import Data
from metarl_min.gradients.estimators import ESTIMATORS, rows_of
from metarl_min.gradients.inner_steps import InnerStep
from metarl_min.gradients.problems import Problem
from metarl_min.mdps import policies
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes

WORKED = {  # N: F_N, grad F_N, then the means of plain, dice and fomaml; the gradient is (x, -x)
    1: (0.504624, -0.174340, -0.138550, -0.174134, -0.164272),
    2: (0.503995, -0.177649, -0.142013, -0.177999, -0.168116),
}
NAMES = [f"{task}_N{N}_K{K}" for task, sizes in vector_contents.SIZES.items() for N, K in sizes]


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    vector_files.write_vectors(folder)
    return vector_files.read_vectors(folder / "vectors.json")


def close(found, expected, tolerance=1e-13):
    found, expected = np.array(found), np.array(expected)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


def problem_of(entry):
    """The problem of an entry, for the functions of the library."""
    reward = np.array(entry["reward"])[None, ..., None]
    return Problem(
        inner=InnerStep(policies.tabular, alpha=entry["alpha"], baseline=entry["baseline"]),
        theta={"logits": np.array(entry["theta"])},
        task=MDP(np.array([entry["initial"]]), np.array([entry["transition"]]), reward),
        horizon=entry["horizon"],
        num_episodes=entry["num_episodes"],
        num_steps=entry["num_steps"],
    )


def data_of(entry):
    """The data sets D_0 .. D_{K-1} of an entry, along the axis M."""
    fields = [np.array(entry[name]) for name in ("states", "actions", "rewards")]
    fields.append(np.ones(fields[0].shape, bool))
    M, K, N, _ = fields[0].shape
    return [Data(Episodes(*(x[:, k] for x in fields)), np.ones((M, N))) for k in range(K)]


def test_the_problems_are_small_and_some_have_two_steps(content):
    problems = content["problems"]
    assert list(problems) == NAMES
    sizes = {name: len(entry["probability"]) for name, entry in problems.items()}
    assert max(sizes.values()) <= 100 and sizes["two_states_N1_K2"] == 64
    assert [entry["num_episodes"] for entry in problems.values()].count(4) == 2


def test_two_arms_have_the_digits_of_the_worked_example(content):
    for N, (F_N, gradient, *means) in WORKED.items():
        entry = content["problems"][f"two_arms_N{N}_K1"]
        assert entry["F_N"] == pytest.approx(F_N, abs=5.1e-7)
        assert entry["F_inf"] == pytest.approx(0.503087, abs=5.1e-7)
        assert entry["grad_F_N"][0] == pytest.approx([gradient, -gradient], abs=5.1e-7)
        assert entry["grad_F_inf"][0] == pytest.approx([-0.181550, 0.181550], abs=5.1e-7)
        for name, mean in zip(("plain", "dice", "fomaml"), means, strict=True):
            found = np.tensordot(entry["probability"], entry["estimates"][name], 1)
            assert found[0] == pytest.approx([mean, -mean], abs=5.1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_the_objectives_are_those_of_the_library(content, name):
    entry = content["problems"][name]
    problem, theta = problem_of(entry), np.array(entry["theta"])
    exact = meta_gradients.exact_gradients(problem)
    J = objectives.expected_return_objective(problem.task, problem.horizon)
    close(sum(entry["probability"]), 1.0)
    close(entry["J"], J.value(theta)[0])
    close(entry["F_N"], exact.F_N)
    close(entry["F_inf"], exact.F_inf)
    close(entry["grad_F_N"], exact.grad_F_N["logits"])
    close(entry["grad_F_inf"], exact.grad_F_inf["logits"])
    h = 1e-5  # the error of central differences is h^2 times third derivatives, and eps / h
    for s, a in np.ndindex(theta.shape):
        e = np.zeros(theta.shape)
        e[s, a] = h
        slope = (J.value(theta + e)[0] - J.value(theta - e)[0]) / (2 * h)
        assert entry["grad_J"][s][a] == pytest.approx(slope, abs=1e-9)
    assert np.array(entry["hess_J"]).shape == theta.shape * 2


@pytest.mark.parametrize("name", NAMES)
def test_the_answers_on_each_data_set_are_those_of_the_library(content, name):
    entry = content["problems"][name]
    problem, data = problem_of(entry), data_of(entry)
    path = [{"logits": phi} for phi in np.moveaxis(np.array(entry["phi"]), 1, 0)]
    inputs = meta_gradients.inputs_at(problem, path, data)
    close(entry["R"], inputs.R)
    close(entry["v"], inputs.v["logits"])
    assert set(entry["estimates"]) == {*ESTIMATORS, "averaged_score_term"}
    for known, estimator in ESTIMATORS.items():
        rows = rows_of(known, estimator, inputs)
        close(entry["estimates"][known], rows.reshape(len(rows), *problem.theta["logits"].shape))
    plain, emaml = (np.array(entry["estimates"][x]) for x in ("plain", "emaml"))
    share = 1 / (entry["num_episodes"] * entry["horizon"])
    close(entry["estimates"]["averaged_score_term"], plain + share * (emaml - plain))


def test_no_estimator_is_a_multiple_of_another_one(content):
    problems = content["problems"].values()
    rows = {
        known: np.concatenate([np.ravel(entry["estimates"][known]) for entry in problems])
        for known in content["problems"][NAMES[0]]["estimates"]
    }
    for known, x in rows.items():
        for other, y in rows.items():
            residual = np.abs(x - (x @ y) / (y @ y) * y).max()
            assert (residual > 1e-3) == (known != other), (known, other)


def test_every_field_is_documented(content):
    documented = content["documentation"]
    for entry in content["problems"].values():
        assert {*entry, *entry["estimates"]} <= set(documented)
    assert all(text and text.isascii() for text in documented.values())


def test_numbers_have_at_most_15_digits(content):
    def check(number):
        digits = number.lower().partition("e")[0].strip("-").replace(".", "").lstrip("0")
        assert len(digits) <= 15, number
        return float(number)

    json.loads(json.dumps(content), parse_float=check)


def test_the_numbers_do_not_depend_on_the_decimal_context_of_the_caller(content, monkeypatch):
    monkeypatch.setattr(vector_contents, "SIZES", {"three_arms": [(2, 1)]})
    with localcontext() as context:
        context.prec, context.rounding = 5, ROUND_UP
        made = vector_contents.make_vectors()["problems"]
    assert made["three_arms_N2_K1"] == content["problems"]["three_arms_N2_K1"]
