"""Actions of a network with a memory, by every uniform number that could have been drawn."""

import numpy as np
from numpy.testing import assert_array_equal

from metarl_min.memory import recurrent_agents


class Given:
    """A generator whose numbers are known."""

    def __init__(self, u):
        self.u = u

    def random(self, shape):
        assert shape == self.u.shape
        return self.u


def test_actions_invert_the_softmax_of_each_row_whatever_its_scale():
    """Chances 1/2, 1/4, 1/4: u below 1/2 is action 0, below 3/4 action 1."""
    u = np.array([0.0, 0.49, 0.51, 0.74, 0.76, 1 - 1e-16])
    for shift in (0.0, -3000.0, 3000.0):
        logits = np.log([[2.0, 1.0, 1.0]] * 6) + shift
        logits[1::2] += 2000.0  # a neighbour of another scale changes nothing
        assert_array_equal(recurrent_agents.sample_actions(Given(u), logits), [0, 0, 1, 1, 2, 2])


def test_an_action_of_no_chance_is_never_drawn():
    u = np.array([0.0, 0.5, 1 - 1e-16])
    logits = np.array([[-np.inf, 0.0, -1e4]] * 3)
    assert_array_equal(recurrent_agents.sample_actions(Given(u), logits), [1, 1, 1])
