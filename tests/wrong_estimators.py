"""Wrong estimators of the meta-gradient, as they are written by mistake.

All have the arguments of the estimators of the package: the settings of the inner step, the path
phi_0 .. phi_K, the data sets, the outer gradient v and the return R.
"""

from autograd import grad

from metarl_min.basics import trees
from metarl_min.gradients import estimator_weights, estimators, inner_steps
from metarl_min.gradients.estimators import emaml, fomaml, plain, through_inner_steps


def with_score(*, times=lambda inner, data: 1.0, weights=estimator_weights.plain_weights):
    """A gradient and a score term with a factor, as one surrogate."""

    def estimator(inner, path, data, v, R):
        return through_inner_steps(inner, path, data, v, weights, times(inner, data) * R)

    return estimator


def plus_score(gradient, times=1.0):
    """A gradient, plus the score term of emaml as a second surrogate."""

    def estimator(*inputs):
        score_term = trees.add_scaled(emaml(*inputs), -1.0, plain(*inputs))
        return trees.add_scaled(gradient(*inputs), times, score_term)

    return estimator


def num_episodes(inner, data):
    return data[0].counts.sum(-1)


averaged_score = with_score(times=lambda inner, data: 1 / num_episodes(inner, data))
score_times_alpha = with_score(times=lambda inner, data: inner.alpha)
score_of_wrong_sign = with_score(times=lambda inner, data: -1.0)
dice_with_score = with_score(weights=estimator_weights.dice_weights)
lvc_with_score = with_score(weights=estimator_weights.lvc_weights)
score_twice = plus_score(emaml)
dice_plus_score = plus_score(estimators.dice)
first_order_plus_score = plus_score(fomaml)


def score_at(inner, phi, D, R):
    """R times the score of one step at phi, taken for the derivative in theta."""
    return grad(lambda p: (R * inner_steps.log_probability(inner, p, D)).sum())(phi)


def scores_without_jacobians(inner, path, data, v, R):
    """The score of each step at its own phi_k: d phi_k / d theta is taken for the identity."""
    g = plain(inner, path, data, v, R)
    for phi, D in zip(path, data, strict=False):
        g = trees.add_scaled(g, 1.0, score_at(inner, phi, D, R))
    return g


def only_first_score(inner, path, data, v, R):
    """log P(D_k|phi_k) with phi_1 and later held fixed: only the first score has a gradient."""
    first = score_at(inner, path[0], data[0], R)
    return trees.add_scaled(plain(inner, path, data, v, R), 1.0, first)


def step_by_step(inner, path, data, v, weights, order):
    """(I + alpha H_k) applied to v one after the other, in an order of steps."""
    for k in order:
        v = through_inner_steps(inner, path[k : k + 2], data[k : k + 1], v, weights)
    return v


def transposed(inner, path, data, v, R):
    """Plain, whose factors (I + alpha H_k) stand in the order of the steps."""
    return step_by_step(inner, path, data, v, estimator_weights.plain_weights, range(len(data)))


transposed_plus_score = plus_score(transposed)
