"""Players of MDPs, eqs. (1)-(3) of baselines.mdps."""

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest

from metarl_min.baselines import posterior_sampling
from metarl_min.mdps import mdp as exact
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import family_of_candidates, make


def rng(seed=0):
    return np.random.default_rng(seed)


def within_five_errors(samples, expected):
    return abs(samples.mean() - expected) < 5 * samples.std() / math.sqrt(len(samples))


@pytest.mark.verifies("posterior_sampling.1")
@pytest.mark.parametrize(
    ("name", "words"),
    [("bandit", {}), ("gaussian", {}), ("correlated", {}), ("gridworld", {}), ("mdp", {})],
)
def test_eq1_random_plays_any_family_uniformly(name, words):
    family, learner = make(name, words), posterior_sampling.random()
    tasks = family.sample(rng(), 300)
    state = learner.init(rng(), family)
    trial = learner.trial(rng(1), state, family, tasks, greedy=True)
    (M, N, T), A = trial.states.shape, tasks.shape[1]
    assert trial.actions.shape == (300, family.num_episodes, family.horizon)
    shares = np.bincount(trial.actions.ravel(), minlength=A) / (M * N * T)
    assert np.abs(shares - 1 / A).max() < 5 * math.sqrt((A - 1) / (A * A * M * N * T))
    assert learner.step(rng(), state, family) == (state, None)


@pytest.mark.verifies("posterior_sampling.1")
def test_eq1_the_uniform_table():
    np.testing.assert_array_equal(posterior_sampling.uniform((2, 4)), [[0.25] * 4] * 2)


def filtered(family, weights, history):
    """Posterior by eq. (2) in rational numbers; rewards without noise or Bernoulli."""
    transition, reward = family.prior.mdps.transition, family.prior.mdps.reward
    transition = np.broadcast_to(transition, (len(weights), *transition.shape[1:]))
    reward = np.broadcast_to(reward, (*transition.shape[:3], reward.shape[3]))
    beliefs = [Fraction(w) for w in weights]
    for s, a, r, arrival in history:
        for h in range(len(weights)):
            mean = Fraction(float(reward[h, s, a, min(arrival, reward.shape[3] - 1)]))
            chance = Fraction(mean == Fraction(r))
            if family.reward_noise is rollouts.bernoulli:
                chance = mean if r == 1 else 1 - mean
            beliefs[h] *= chance * Fraction(float(transition[h, s, a, arrival]))
    return [float(b / sum(beliefs)) for b in beliefs]


FAMILIES = {
    "slip": make("gridworld", {"size": "3", "slip": "0.25", "start": "4", "horizon": "4"}),
    "absorbing": make(
        "gridworld", {"size": "3", "terminate": "1", "slip": "0.25", "start": "4", "horizon": "4"}
    ),
    "bernoulli": make("correlated", {"kind": "medium", "pulls": "5"}),
    "uneven": family_of_candidates(
        "uneven", {}, MDP(
            np.array([[0.5, 0.5]]),
            rng(5).dirichlet(np.ones(2), (3, 2, 2)),
            rng(6).integers(0, 2, (3, 2, 2, 2)) / 2,
        ), np.array([0.25, 0.25, 0.5]), 3, 2, rollouts.deterministic,
    ),
}  # fmt: skip


@pytest.mark.verifies("posterior_sampling.2")
@pytest.mark.parametrize("name", FAMILIES)
def test_eq2_the_posterior_is_bayes_rule(name):
    family = FAMILIES[name]
    A = family.prior.mdps.shape[1]
    agent = posterior_sampling.psrl().init(rng(), family)
    draw = rng(3)
    tasks = family.sample(draw, 40)
    tables = rollouts.sampler(tasks, family.reward_noise)
    seen = []

    def act(rng, memory, states):
        return rng.integers(0, A, len(states))

    def observe(memory, *step):
        seen.append(step)
        return agent.observe(memory, *step)

    memories = []
    spy = agent._replace(
        act=act, observe=lambda m, *x: memories.append(observe(m, *x)) or memories[-1]
    )
    rollouts.play(draw, tables, spy, family.num_episodes, family.horizon)
    for m in range(40):
        history = [(s[m], a[m], float(r[m]), x[m]) for s, a, r, x in seen]
        expected = filtered(family, family.prior.weights, history)
        np.testing.assert_allclose(memories[-1].probs[m], expected, atol=1e-12)
    assert memories[-1].step == family.horizon


@pytest.mark.verifies("posterior_sampling.3")
def test_eq3_hypotheses_are_drawn_as_often_as_they_are_probable():
    agent = posterior_sampling.psrl().init(rng(), FAMILIES["uneven"])
    probs = np.tile([0.0, 0.2, 0.5, 0.3, 0.0], (20_000, 1))
    memory = agent.begin(rng(), posterior_sampling.Posterior(probs, None, 7))
    shares = np.bincount(memory.drawn, minlength=5) / 20_000
    assert shares[0] == shares[4] == 0 and memory.step == 0
    error = np.sqrt(probs[0] * (1 - probs[0]) / 20_000)
    assert (np.abs(shares - probs[0]) <= 5 * error).all()


@pytest.mark.verifies("posterior_sampling.3")
def test_eq3_one_of_two_neighbours_is_right_half_the_time_and_known_afterwards():
    words = {"size": "2", "start": "0", "stay": "0", "horizon": "1", "episodes": "3"}
    family = make("gridworld", words | {"goals": "1,2"})
    learner = posterior_sampling.psrl()
    tasks = family.sample(rng(), 4000)
    trial = learner.trial(rng(1), learner.init(rng(), family), family, tasks)
    first, later = trial.rewards[:, 0, 0], trial.rewards[:, 1:]
    assert set(first) == {-0.1, 1.0} and within_five_errors(first, 0.45)
    assert (later == 1).all()


@pytest.mark.verifies("posterior_sampling.3")
def test_eq3_the_expected_return_of_two_pulls_by_enumeration():
    family = make("correlated", {"kind": "medium", "pulls": "2"})  # means .25, .75 or .75, .25
    learner = posterior_sampling.psrl()
    tasks = family.sample(rng(), 40_000)
    trial = learner.trial(rng(1), learner.init(rng(), family), family, tasks)
    # the second arm is right with probability sum_r p(r)^2 = 5/8 whatever was pulled first
    expected = 0.5 + 5 / 8 * 0.75 + 3 / 8 * 0.25
    assert within_five_errors(trial.rewards.sum((1, 2)), expected)


@pytest.mark.verifies("posterior_sampling.3")
def test_eq3_the_drawn_task_is_played_optimally_for_a_whole_episode():
    one = make("gridworld", {"goals": "24"}).prior.mdps
    twice = one._replace(reward=np.repeat(one.reward, 2, axis=0))
    noise = rollouts.deterministic
    family = family_of_candidates("twice", {}, twice, np.full(2, 0.5), 15, 1, noise)
    learner = posterior_sampling.psrl()
    tasks = family.sample(rng(), 500)
    trial = learner.trial(rng(), learner.init(rng(), family), family, tasks)
    best = exact.optimal_return(tasks, family.horizon)  # four steps there, the last of them paid
    assert best == pytest.approx(-0.3 + 12)
    np.testing.assert_allclose(trial.rewards.sum((1, 2)), 11.7, atol=1e-12)
    down = trial.actions[:, 0, 0] == 1
    assert set(trial.actions[:, 0, 0]) == {1, 3}
    assert abs(down.mean() - 0.5) < 5 * 0.5 / math.sqrt(500)


@pytest.mark.verifies("posterior_sampling.3")
def test_eq3_time_matters_to_the_drawn_policy():
    # leave pays 1 now and ends; wait twice and the third step pays 3
    transition = np.zeros((1, 4, 2, 4))
    transition[0, [0, 1, 2], 0, 3] = 1
    transition[0, [0, 1], 1, [1, 2]] = transition[0, 2, 1, 3] = transition[0, 3, :, 3] = 1
    reward = np.zeros((1, 4, 2, 4))
    reward[0, :3, 0] = 1
    reward[0, 2, 1] = 3
    mdp = MDP(np.eye(4)[None, 0], transition, reward)
    family = family_of_candidates("wait", {}, mdp, np.ones(1), 3, 2, rollouts.deterministic)
    learner = posterior_sampling.psrl()
    tasks = family.sample(rng(), 2)
    for horizon, paid in ((3, 3), (2, 1)):
        shorter = family._replace(horizon=horizon)
        state = learner.init(rng(), shorter)
        trial = learner.trial(rng(), state, shorter, tasks)
        assert (trial.rewards.sum(-1) == paid).all()


@pytest.mark.verifies("posterior_sampling.3")
def test_eq3_a_slightly_better_action_is_no_tie():
    reward = np.tile(np.array([0.5, 0.5 + 1e-6])[:, None], (2, 1, 1, 1))
    mdp = MDP(np.ones((1, 1)), np.ones((1, 1, 2, 1)), reward)
    family = family_of_candidates("near", {}, mdp, np.full(2, 0.5), 1, 4, rollouts.deterministic)
    learner = posterior_sampling.psrl()
    tasks = family.sample(rng(), 50)
    trial = learner.trial(rng(), learner.init(rng(), family), family, tasks)
    assert (trial.actions == 1).all()


def test_psrl_pickles_and_refuses_what_it_cannot_play():
    learner = pickle.loads(pickle.dumps(posterior_sampling.psrl()))
    pickle.dumps(learner.init(rng(), make("gridworld", {})))
    for name in ("bandit", "gaussian", "correlated"):
        with pytest.raises(ValueError, match="psrl plays random MDPs and finite hypotheses"):
            learner.init(rng(), make(name, {}))
    noisy = make("gridworld", {})._replace(reward_noise=rollouts.gaussian)
    with pytest.raises(ValueError, match="psrl plays"):
        learner.init(rng(), noisy)
    grid = FAMILIES["uneven"]
    two = grid.prior.mdps._replace(initial=np.array([[1.0, 0], [0, 1.0], [1, 0]]))
    with pytest.raises(ValueError, match="share one distribution"):
        learner.init(rng(), grid._replace(prior=grid.prior._replace(posterior_sampling=two)))


def test_psrl_says_that_a_history_is_impossible():
    agent = posterior_sampling.psrl().init(rng(), make("gridworld", {}))
    step = [np.array([x]) for x in (12, 0, 0.3, 7)]
    with pytest.raises(ValueError, match="history must be possible under the prior"):
        agent.observe(agent.start(1), *step)


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        (
            "bandit", {},
            {"random", "thompson", "optimistic_thompson", "greedy", "ucb1", "best_prior_arm"},
        ),
        ("gaussian", {}, {"random", "thompson", "best_prior_arm"}),
        ("correlated", {}, {"random", "ucb1", "best_prior_arm"}),
        ("correlated", {"kind": "hard"}, {"random", "ucb1", "psrl"}),
        ("gridworld", {}, {"random", "psrl"}),
        ("mdp", {"episodes": "2"}, {"random", "psrl", "greedy"}),
    ],
)  # fmt: skip
def test_baselines_for_lists_exactly_those_that_can_play(name, words, expected):
    family = make(name, words)
    found = posterior_sampling.baselines_for(family)
    assert set(found) == expected
    tasks = family.sample(rng(), 3)
    for learner in found.values():
        trial = learner.trial(rng(), learner.init(rng(), family), family, tasks)
        assert trial.rewards.shape == (3, family.num_episodes, family.horizon)
