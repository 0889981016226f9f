"""The inner loop, and the results of its steps that later derivatives use again.

An inner step adds alpha times the gradient of an inner objective to the parameters. The parameters
phi_0 = theta, phi_1, .., phi_K before and after the K inner steps are called iterates. The gradient
at an iterate needs the hidden activations of the network and the probabilities pi. The gradient of
the expected return also needs the values and the occupancy of pi. The meta-gradient, which
`adaptation` computes, needs all of these results again. So `forward_passes`, the fast form of the
inner loop, returns them with the iterates. `take_steps` is the plain form, which autograd can
trace. Both forms return the same iterates. The functions trust their arguments.
"""

from collections.abc import Sequence
from typing import Any

from metarl_min.basics import trees
from metarl_min.basics.trees import Tree
from metarl_min.gradients.objective import Objective
from metarl_min.mdps.policies import ForwardPass, Policy, forward_pass, softmax

Objectives = Sequence[Any]  # K inner or K + 1 outer objectives; each is an Objective or None
Passes = Sequence[ForwardPass]  # at phi_0 .. phi_K; empty if not yet computed


def gradient(policy: Policy, phi: Tree, objective: Objective) -> Tree:
    """Return the gradient of an objective in the parameters phi. Autograd may trace phi."""
    z, hidden = policy.forward(phi)
    return policy.backward(phi, hidden, objective.gradient_at(softmax(z)))


def take_steps(policy: Policy, theta: Tree, alpha: Any, inner: Objectives) -> list[Tree]:
    """Return phi_0 .. phi_K, the iterates of the inner loop. Autograd may trace theta."""
    path = [theta]
    for objective in inner:
        path.append(trees.add_scaled(path[-1], alpha, gradient(policy, path[-1], objective)))
    return path


def step_from(
    policy: Policy, phi: Tree, forward: ForwardPass, alpha: Any, objective: Objective
) -> tuple[ForwardPass, Tree, ForwardPass]:
    """Take an inner step from phi, whose forward pass is `forward`.

    -> the forward pass at phi with the derivatives of the objective, the next iterate, and the
    forward pass at the next iterate
    """
    derivatives = objective.derivatives_at(forward.probs)
    g = policy.backward(phi, forward.hidden, derivatives.gradient)
    next_phi = trees.add_scaled(phi, alpha, g)
    return forward._replace(derivatives=derivatives), next_phi, forward_pass(policy, next_phi)


def forward_passes(
    policy: Policy, theta: Tree, alpha: Any, inner: Objectives
) -> tuple[list[Tree], list[ForwardPass]]:
    """Return the iterates phi_0 .. phi_K, as `take_steps` does, and the forward pass at each."""
    path, passes = [theta], [forward_pass(policy, theta)]
    for objective in inner:
        passes[-1], phi, forward = step_from(policy, path[-1], passes[-1], alpha, objective)
        path, passes = [*path, phi], [*passes, forward]
    return path, passes


def passes_of_path(policy: Policy, path: Sequence[Tree], inner: Objectives) -> Passes:
    """Return the forward pass at each iterate of a path, with the derivatives of J_k at phi_k.

    There are no derivatives at phi_K, or where inner[k] is None.
    """
    passes = [forward_pass(policy, phi) for phi in path]
    return [
        passed if J is None else passed._replace(derivatives=J.derivatives_at(passed.probs))
        for passed, J in zip(passes, [*inner, None], strict=True)
    ]
