"""listed_data: data sets as episodes, in every order, in blocks, with outer episodes."""

import itertools

import numpy as np
import pytest
from comparing import softmax
from estimator_cases import worked_problem

from metarl_min.basics import trees
from metarl_min.gradients import estimators, listed_data, meta_gradients
from metarl_min.gradients.problems import standard_problems
from metarl_min.mdps import noises

BANDIT, MDP = standard_problems()
SHORT = MDP._replace(num_episodes=1)
LONG = MDP._replace(num_steps=1, horizon=3, num_episodes=1)
TWO_ARMS = worked_problem(N=3)
FORMS = listed_data.from_counts, listed_data.in_one_order, listed_data.in_every_order


def mean_of(estimator, problem, form):
    """The mean and the second moment of an estimator over one form of the list, block by block."""
    first, second = 0.0, 0.0
    for sets in listed_data.blocks(form(problem)):
        path, log_p = listed_data.adapt(problem, problem.theta, sets)
        g = trees.flatten_tasks(estimator(*listed_data.inputs_at(problem, path, sets.data)))
        first, second = first + np.exp(log_p) @ g, second + np.exp(log_p) @ g**2
    return first, second


@pytest.mark.parametrize("problem", [BANDIT._replace(num_steps=1), SHORT, LONG])
def test_every_form_of_the_list_has_the_same_moments(problem, monkeypatch):
    expected = mean_of(estimators.emaml, problem, listed_data.from_counts)
    monkeypatch.setattr(listed_data, "BLOCK", 400)  # many blocks
    for form in FORMS:
        for x, y in zip(mean_of(estimators.emaml, problem, form), expected, strict=True):
            assert np.allclose(x, y, rtol=0, atol=1e-13 * abs(y).max())


def test_the_list_in_every_order_holds_every_sequence_of_pulls_with_its_probability():
    sets = listed_data.block(listed_data.in_every_order(TWO_ARMS), np.arange(8))
    pi = softmax(np.array([0.3, -0.2]))
    _, log_p = listed_data.adapt(TWO_ARMS, TWO_ARMS.theta, sets)
    actions = sets.data[0].episodes.actions[..., 0]
    assert actions.tolist() == [list(x) for x in itertools.product(range(2), repeat=3)]
    assert np.exp(log_p) == pytest.approx(pi[actions].prod(-1), abs=1e-15)


def test_sampled_data_repeat_each_trajectory_by_its_count():
    sets = meta_gradients.enumerate_data(TWO_ARMS)
    sampled = listed_data.sampled_form(sets.data[0])
    pulls = [sorted(row) for row in sampled.episodes.actions[..., 0].tolist()]
    assert pulls == [[0] * int(a) + [1] * int(b) for a, b in sets.data[0].counts]
    assert (sampled.counts == 1).all()


def ignores_counts(inner, path, data, v, R):
    """The score term of one inner step, for sampled data: the counts are not used."""
    pi, actions = softmax(path[0]["logits"][:, 0]), data[0].episodes.actions[..., 0]
    score = (np.eye(pi.shape[1])[actions] - pi[:, None]).sum(1)
    return {"logits": (R[:, None] * score)[:, None]}


def test_an_estimator_for_sampled_data_is_refused_by_counts_and_right_in_the_adapter():
    names = {"mine": ignores_counts}
    with pytest.raises(ValueError, match="estimator mine must use the counts of episodes"):
        meta_gradients.compare_estimators(names, TWO_ARMS, [3])
    names = {"mine": meta_gradients.on_episodes(ignores_counts)}
    mine = meta_gradients.compare_estimators(names, TWO_ARMS, [3])[3].moments["mine"].mean
    inputs, p = meta_gradients.enumerated_inputs(TWO_ARMS)
    score = trees.add_scaled(estimators.emaml(*inputs), -1.0, estimators.plain(*inputs))
    assert mine == pytest.approx(p @ trees.flatten_tasks(score), abs=1e-14)


@pytest.mark.parametrize("gamma", [1.0, 0.8])
def test_outer_episodes_change_no_mean_and_add_variance(gamma):
    """v and R from outer episodes have no bias, so means of estimators that are linear in them
    stay. Their variance grows."""
    problem = MDP._replace(num_steps=1, num_episodes=1, gamma=gamma)
    for estimator in (estimators.emaml, estimators.plain, estimators.fomaml):
        exact = mean_of(estimator, problem, listed_data.in_one_order)
        outer = problem._replace(num_outer_episodes=2)
        sampled = mean_of(estimator, outer, listed_data.in_one_order)
        assert sampled[0] == pytest.approx(exact[0], abs=1e-14)
        assert (sampled[1] > exact[1] + 1e-3).all()


def test_outer_estimates_of_one_episode_are_those_of_a_loop():
    problem = MDP._replace(num_steps=0, num_outer_episodes=1, gamma=0.8)
    sets = listed_data.block(listed_data.in_one_order(problem), np.arange(8))
    path, _ = listed_data.adapt(problem, problem.theta, sets)
    inputs = listed_data.inputs_at(problem, path, sets.data)
    pi, e = softmax(MDP.theta["logits"]), sets.data[0].episodes
    for m in range(8):
        g, R = np.zeros((2, 2)), 0.0
        for t in range(2):
            s, a = e.states[m, 0, t], e.actions[m, 0, t]
            R += 0.8**t * e.rewards[m, 0, t]
            later = sum(0.8**k * e.rewards[m, 0, k] for k in range(t, 2))
            g[s] += later * (np.eye(2)[a] - pi[s])
        assert inputs.R[m] == pytest.approx(R, abs=1e-15)
        assert inputs.v["logits"][m] == pytest.approx(g, abs=1e-15)


def test_too_many_orders_are_refused():
    with pytest.raises(ValueError, match=r"at most 2,000,000 data sets, got 4,294,967,296"):
        listed_data.in_every_order(TWO_ARMS._replace(num_episodes=32))
    with pytest.raises(ValueError, match="data sets, got more than 1e99"):
        listed_data.in_every_order(TWO_ARMS._replace(num_episodes=3000))


def test_bernoulli_rewards_have_the_objective_of_a_loop_over_all_outcomes():
    """F_N of one pull: every arm and reward, written out."""
    noisy = TWO_ARMS._replace(num_episodes=1, reward_noise=noises.bernoulli)
    z, means = np.array([0.3, -0.2]), np.array([0.2, 0.9])
    F = 0.0
    for a in range(2):
        for r, p in ((1.0, means[a]), (0.0, 1 - means[a])):
            phi = z + 0.7 * r * (np.eye(2)[a] - softmax(z))
            F += softmax(z)[a] * p * softmax(phi) @ means
    assert pytest.approx(F, abs=1e-15) == meta_gradients.exact_gradients(noisy).F_N


def test_too_many_steps_are_refused_before_they_are_made():
    """Three arms and N = 1000: 501,501 data sets of 1000 episodes."""
    many = BANDIT._replace(num_steps=1, num_episodes=1000)
    with pytest.raises(ValueError, match="at most 20,000,000 steps, got 501,501,000"):
        listed_data.in_one_order(many)
