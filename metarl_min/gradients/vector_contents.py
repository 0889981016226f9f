"""The content of the test vectors: small problems, their data sets, and the answers on them.

The numbers come from `many_digits`, and are rounded to 15 digits. `vector_files` writes them.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import numpy as np

from metarl_min.gradients import many_digits
from metarl_min.gradients.many_digits import Answers, SmallProblem, decimals

DOCUMENTATION = {
    "about": "Small problems of meta-reinforcement learning, every data set of each problem, and "
    "the answers of estimators of the meta-gradient. Every objective is maximised. So the gradient "
    "of a loss that is minimised has the factor -1.",
    "first line": "format, version, and the SHA-256 of all bytes after the first line. Refuse a "
    "file with another SHA-256 or with a version that you do not know.",
    "digits": "All numbers are computed in 40 digits and rounded to 15 digits.",
    "axes": "M data sets, K inner steps, N episodes of each step, T steps of an episode, "
    "S states, A actions. Whole numbers of states and actions begin with 0.",
    "policy": "pi(a|s) is the softmax of the logits [s, :]. theta and every phi_k are logits.",
    "inner step": "phi_{k+1} = phi_k + alpha/N sum_i sum_t (W_t - baseline) grad log pi(a_t|s_t; "
    "phi_k), W_t = r_t + .. + r_{T-1}. The first sum is over the N episodes of the step.",
    "num_steps": "K",
    "num_episodes": "N",
    "horizon": "T",
    "alpha": "the inner step size",
    "baseline": "a constant",
    "initial": "[S] probabilities of the first state",
    "transition": "[S, A, S] P(s'|s,a)",
    "reward": "[S, A] the reward of each action, without noise",
    "theta": "[S, A] the logits before the inner steps, phi_0",
    "J": "the expected sum of the T rewards of an episode, at theta",
    "grad_J": "[S, A] its gradient at theta",
    "hess_J": "[S, A, S, A] its Hessian at theta",
    "F_N": "the expectation of J(phi_K), if every inner step uses N sampled episodes",
    "grad_F_N": "[S, A] its gradient in theta",
    "F_inf": "J(phi_K), if every inner step is phi_{k+1} = phi_k + alpha grad J(phi_k)",
    "grad_F_inf": "[S, A] its gradient in theta",
    "probability": "[M] of each data set. All ordered data sets are listed, so the sum is 1.",
    "states": "[M, K, N, T] of the episodes",
    "actions": "[M, K, N, T] of the episodes",
    "rewards": "[M, K, N, T] of the episodes",
    "phi": "[M, K + 1, S, A] phi_0 .. phi_K on each data set",
    "R": "[M] J(phi_K) on each data set",
    "v": "[M, S, A] the gradient of J at phi_K on each data set",
    "estimates": "[M, S, A] what each estimator answers on each data set. An estimator is given "
    "the data set, v and R. The sum of probability times estimate is its expectation.",
    "plain": "automatic differentiation of v.phi_K through the inner steps (Finn et al. 2017)",
    "lvc": "the same with the weights ratio_t (W_t - baseline) (Rothfuss et al. 2019, eq. 12). "
    "ratio_t is pi(a_t|s_t; phi_k), divided by the same number held fixed: its value is 1.",
    "dice": "the same through the objective of DiCE with a baseline (Foerster et al. 2018)",
    "loaded_dice": "the same through the objective of Farquhar et al. 2019, with lambda = 1",
    "linearised_score": "the same with the weights (1 + sum_l log ratio_l) (W_t - baseline), where "
    "l counts all steps of the episode (Tang 2022). The entry lvc defines the ratios.",
    "emaml": "plain plus the score term R d/dtheta sum_k sum_i log P(tau_i|phi_k) (Stadie et al. "
    "2018). Its expectation is grad F_N for every N. No other estimator of this list has this.",
    "averaged_score_term": "plain plus the score term divided by N T: a frequent mistake",
    "fomaml": "v, first-order MAML (Finn et al. 2017)",
}

BANDIT = {"initial": [1.0], "alpha": 0.7, "baseline": 0.0, "horizon": 1}
TASKS: dict[str, dict[str, Any]] = {
    "two_arms": {**BANDIT, "reward": [[0.2, 0.9]], "theta": [[0.3, -0.2]]},
    "three_arms": {**BANDIT, "reward": [[0.2, 0.9, -0.4]], "theta": [[0.3, -0.2, 0.1]]},
    "two_states": {
        "initial": [1.0, 0.0],
        "transition": [[[0.7, 0.3], [0.1, 0.9]], [[0.4, 0.6], [0.8, 0.2]]],
        "reward": [[0.3, 1.1], [-0.5, 0.8]],
        "theta": [[0.3, -0.2], [-0.4, 0.5]],
        "alpha": 0.6,
        "baseline": 0.0,
        "horizon": 2,
    },
}
TASKS["two_states_baseline"] = {**TASKS["two_states"], "baseline": 0.25}
SIZES = {  # the pairs (N, K) of each task
    "two_arms": [(1, 1), (2, 1), (4, 1), (2, 2)],
    "three_arms": [(1, 1), (2, 1), (4, 1)],
    "two_states": [(1, 1), (2, 1), (1, 2)],
    "two_states_baseline": [(2, 1)],
}


def _problem(task: dict[str, Any], num_episodes: int, num_steps: int) -> SmallProblem:
    always = np.ones((1, np.size(task["theta"]), 1))  # a bandit stays in its only state
    return SmallProblem(
        initial=decimals(task["initial"]),
        transition=decimals(task.get("transition", always)),
        reward=decimals(task["reward"]),
        theta=decimals(task["theta"]),
        alpha=Decimal(str(task["alpha"])),
        baseline=Decimal(str(task["baseline"])),
        horizon=task["horizon"],
        num_episodes=num_episodes,
        num_steps=num_steps,
    )


def _rounded(numbers: Any, *shape: int) -> Any:
    """Return decimal numbers as nested lists of floats of 15 digits, with the given shape."""
    floats = [float(f"{x:.14e}") for x in np.ravel(np.array(numbers))]
    return np.reshape(floats, shape or np.shape(numbers)).tolist()


def _settings(problem: SmallProblem) -> dict[str, Any]:
    sizes = {name: getattr(problem, name) for name in ("num_steps", "num_episodes", "horizon")}
    return sizes | {
        name: _rounded(value) for name, value in problem._asdict().items() if name not in sizes
    }


def _objectives(problem: SmallProblem, rows: list[Answers]) -> dict[str, Any]:
    """Return J, F_N and F_inf with their derivatives. The mean of emaml is grad F_N."""
    J = many_digits.expected_return(problem, problem.theta)
    F_inf, grad_F_inf = many_digits.exact_objective(problem)
    shape = problem.theta.shape
    return {
        "J": _rounded(J.value),
        "grad_J": _rounded(J.gradient, *shape),
        "hess_J": _rounded(J.hessian, *shape, *shape),
        "F_N": _rounded(sum(row.probability * row.R for row in rows)),
        "grad_F_N": _rounded(sum(row.probability * row.estimates["emaml"] for row in rows), *shape),
        "F_inf": _rounded(F_inf),
        "grad_F_inf": _rounded(grad_F_inf, *shape),
    }


def _data_sets(problem: SmallProblem, rows: list[Answers]) -> dict[str, Any]:
    """Return the fields of the M data sets, each field with the leading axis [M]."""
    shape = (len(rows), *problem.theta.shape)

    def field(name: str) -> list[Any]:
        return [[[list(getattr(tau, name)) for tau in D] for D in row.data] for row in rows]

    return {
        "probability": _rounded([row.probability for row in rows]),
        "states": field("states"),
        "actions": field("actions"),
        "rewards": _rounded(field("rewards")),
        "phi": _rounded([row.path for row in rows]),
        "R": _rounded([row.R for row in rows]),
        "v": _rounded([row.v for row in rows], *shape),
        "estimates": {
            name: _rounded([row.estimates[name] for row in rows], *shape)
            for name in rows[0].estimates
        },
    }


def make_vectors() -> dict[str, Any]:
    """Return the content of the files: `documentation`, and `problems` by name."""
    problems = {}
    with localcontext(many_digits.CONTEXT):
        for task, sizes in SIZES.items():
            for N, K in sizes:
                problem = _problem(TASKS[task], N, K)
                rows = many_digits.all_answers(problem)
                problems[f"{task}_N{N}_K{K}"] = (
                    _settings(problem) | _objectives(problem, rows) | _data_sets(problem, rows)
                )
    return {"documentation": DOCUMENTATION, "problems": problems}
