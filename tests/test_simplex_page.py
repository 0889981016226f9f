"""The script of the page with sliders computes the numbers of the library."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from comparing import rng

from metarl_min.gradients import adaptation, objectives
from metarl_min.mdps.policies import softmax, tabular
from metarl_min.reports import simplex_pictures
from metarl_min.tasks.bandits import bandit_mdps

SCRIPT = Path(__file__).parent.parent / "examples" / "book" / "simplex.js"
ANSWER = """
const page = require(process.argv[1]);
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(cases.map(({ theta, tasks, alpha, K, v }) => ({
  ...page.measure(theta, tasks, alpha, K),
  policies: page.measure(theta, tasks, alpha, K).paths.map((path) => path.map(page.softmax)),
  product: page.hessianProduct(theta, tasks[0], v),
  there_and_back: page.policyAt(...page.place(page.softmax(theta))),
  place: page.place(page.softmax(theta)),
}))));
"""


def random_cases(number):
    random = rng()
    for i in range(number):
        yield {
            "theta": (random.normal(size=3) * 2).tolist(),
            "tasks": random.uniform(size=(1 + i % 4, 3)).tolist(),
            "alpha": float(random.uniform(0, 10)),
            "K": i % 9,
            "v": random.normal(size=3).tolist(),
        }


@pytest.fixture(scope="module")
def answered():
    """The cases, each with the answer of the script."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    cases = list(random_cases(40))
    done = subprocess.run(
        [node, "-e", ANSWER, str(SCRIPT)],
        input=json.dumps(cases), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return list(zip(cases, json.loads(done.stdout), strict=True))


def test_adapted_policies_F_and_its_gradient_are_those_of_the_library(answered):
    for case, page in answered:
        J = objectives.expected_return_objective(bandit_mdps(np.array(case["tasks"])), horizon=1)
        rest = tabular, {"logits": np.array([case["theta"]])}, case["alpha"], case["K"], J
        path = adaptation.inner_loop(*rest[:3], [J] * case["K"])
        shape = (len(case["tasks"]), 1, 3)
        logits = np.stack([np.broadcast_to(phi["logits"], shape) for phi in path])[:, :, 0]
        found = np.swapaxes(np.array(page["paths"]), 0, 1)  # [K + 1, M, A]
        np.testing.assert_allclose(found, logits, atol=1e-10)
        found = np.swapaxes(np.array(page["policies"]), 0, 1)
        np.testing.assert_allclose(found, softmax(logits), atol=1e-10)
        np.testing.assert_allclose(page["returns"], J.value(logits[-1][:, None]), atol=1e-10)
        assert page["F"] == pytest.approx(adaptation.adapted_return(*rest), abs=1e-10)
        gradient = adaptation.meta_gradient_by_hessian_products(*rest)["logits"][0]
        np.testing.assert_allclose(page["gradient"], gradient, atol=1e-10)


def test_the_hessian_product_is_that_of_the_library(answered):
    for case, page in answered:
        mdps, z = bandit_mdps(np.array(case["tasks"][:1])), np.array([[case["theta"]]])
        problem = objectives.prepared_mdps.prepare(mdps, 1, 1.0)
        v = np.array([[case["v"]]])
        product = objectives.expected_return_hessian_product(z, v, problem)[0, 0]
        np.testing.assert_allclose(page["product"], product, atol=1e-10)


def test_a_point_of_the_triangle_is_a_policy_and_back(answered):
    for case, page in answered:
        policy = softmax(np.array(case["theta"]))
        x, y = simplex_pictures.places(policy)
        assert page["place"] == pytest.approx([40 + 320 * x, 300 - 320 * y])
        if policy.min() > 0.001:
            np.testing.assert_allclose(page["there_and_back"], policy, atol=1e-10)
        assert min(page["there_and_back"]) > 0.0005


def test_the_script_loads_nothing():
    text = SCRIPT.read_text(encoding="utf-8")
    assert "http" not in text and "fetch(" not in text and "import" not in text
