"""controls: the grid of step sizes, and the tasks and random numbers that all step sizes share."""

import numpy as np
import pytest
from comparing import rng

from metarl_min.gradients import controls
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks.bandits import bandit


@pytest.mark.parametrize("peak", [-6.3, -5.2, 0.0, 4.1, 5.2])
def test_the_grid_of_step_sizes_widens_until_its_best_is_inside(peak):
    tried = []

    def returns_of(alpha):
        tried.append(alpha)
        return -abs(np.log2(alpha) - peak)

    best = controls.best_alpha(returns_of, first_alpha=1.0)
    assert best == 2.0 ** round(peak)
    assert min(tried) < best < max(tried)


def test_a_plateau_of_step_sizes_ends_at_the_edge():
    assert controls.best_alpha(lambda alpha: alpha, first_alpha=1.0, most=5) == 2.0**5
    assert controls.best_alpha(lambda alpha: alpha, first_alpha=3.0) == 3 * 2.0**12
    assert controls.best_alpha(lambda alpha: -alpha, first_alpha=3.0) == 3 * 2.0**-12


@pytest.mark.parametrize(("start", "best"), [(2.0, 4.0), (1.0, 4.0), (0.25, 4.0)])
def test_every_step_size_meets_the_same_tasks_and_the_same_random_numbers(start, best):
    met = []

    def play_trial(rng, alpha, tasks):
        met.append((rng.random(3).tolist(), tasks))
        rewards = np.full((len(tasks.reward), 2, 1), -abs(alpha - 4.0))
        return Episodes(*[np.zeros(rewards.shape, int)] * 2, rewards, rewards < 1)

    assert controls.best_untrained_alpha(rng(0), bandit(arms=2), start, play_trial) == best
    draws, tasks = zip(*met, strict=True)
    assert all(draw == draws[0] for draw in draws) and all(x is tasks[0] for x in tasks)
    np.testing.assert_array_equal(tasks[0].reward, bandit(arms=2).sample(rng(0), 2000).reward)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_return_that_is_not_finite_is_never_the_best(wrong):
    for place in range(3):
        returns = iter([wrong if place == i else 1.0 * i for i in range(3)])
        with pytest.raises(FloatingPointError, match="return of a control must be finite, got"):
            controls.best_alpha(lambda alpha, given=returns: next(given), first_alpha=1.0)


@pytest.mark.parametrize("first_alpha", [0.0, -2.0, np.nan])
def test_the_first_step_size_is_positive(first_alpha):
    with pytest.raises(ValueError, match="first_alpha must be"):
        controls.best_alpha(lambda alpha: 0.0, first_alpha=first_alpha)
