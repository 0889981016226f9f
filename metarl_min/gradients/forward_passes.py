"""The inner loop, with the results at each iterate that later derivatives use again.

The derivatives of an objective at an iterate phi need the hidden activations of the network, the
probabilities pi, and, for the expected return, the values and the occupancy of pi. An inner step
computes all of these, and the adjoints of `adaptation` need them a second time. So the fast form of
the inner loop, `forward_passes`, returns them too. `take_steps` is the plain form, which autograd
can trace. Both forms return the same iterates. The functions trust their arguments.
"""

from collections.abc import Sequence
from typing import Any

from metarl_min.basics import trees
from metarl_min.basics.trees import Tree
from metarl_min.gradients.objective import Objective
from metarl_min.mdps.policies import ForwardPass, Policy, forward_pass, softmax

Objectives = Sequence[Any]  # an Objective or None for each iterate, or for each inner step


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
    following = trees.add_scaled(phi, alpha, g)
    return forward._replace(derivatives=derivatives), following, forward_pass(policy, following)


def forward_passes(
    policy: Policy, theta: Tree, alpha: Any, inner: Objectives
) -> tuple[list[Tree], list[ForwardPass]]:
    """Return the iterates phi_0 .. phi_K, as `take_steps` does, and the forward pass at each."""
    path, passes = [theta], [forward_pass(policy, theta)]
    for objective in inner:
        passes[-1], phi, following = step_from(policy, path[-1], passes[-1], alpha, objective)
        path, passes = [*path, phi], [*passes, following]
    return path, passes


def passes_of_path(policy: Policy, path: Sequence[Tree], inner: Objectives) -> Passes:
    """Return the forward pass at each iterate of a path, whose iterates are already known."""
    passes = [forward_pass(policy, phi) for phi in path]
    return [
        passed if J is None else passed._replace(derivatives=J.derivatives_at(passed.probs))
        for passed, J in zip(passes, [*inner, None], strict=True)
    ]
