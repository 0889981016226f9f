"""posterior_sampling (1)-(3): the random player and PSRL."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from comparing import rng, within_errors
from problems import returns_of, trials_of

from metarl_min.baselines import posterior_sampling
from metarl_min.baselines.posterior_sampling import Posterior, candidate_models, sampling_agent
from metarl_min.mdps import mdp as exact
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.policies import uniform
from metarl_min.tasks import Unsupported, family_of_candidates, play_trial
from metarl_min.tasks.bandits import bandit, correlated, gaussian
from metarl_min.tasks.gridworlds import gridworld
from metarl_min.tasks.random_mdps import mdp


@pytest.mark.verifies("posterior_sampling.1")
@pytest.mark.parametrize("maker", [bandit, gaussian, correlated, gridworld, mdp])
def test_eq1_random_plays_any_family_uniformly(maker):
    family = maker()
    player = posterior_sampling.random(family)
    tasks = family.sample(rng(), 300)
    trial = player.trial(rng(1), player.init(rng()), tasks, greedy=True)
    assert trial.actions.shape == (300, family.num_episodes, family.horizon)
    A = tasks.shape[1]
    for action in range(A):
        assert within_errors(trial.actions.ravel() == action, 1 / A)
    assert player.step(rng(), ()) == ((), None)


@pytest.mark.verifies("posterior_sampling.1")
def test_eq1_the_uniform_table():
    np.testing.assert_array_equal(uniform((2, 4)), [[0.25] * 4] * 2)


def filtered(family, history):
    """The posterior of eq. (2) in rational numbers, after one history of (s, a, r, arrival)."""
    weights = family.prior.weights
    transition, reward = family.prior.mdps.transition, family.prior.mdps.reward
    transition = np.broadcast_to(transition, (len(weights), *transition.shape[1:]))
    reward = np.broadcast_to(reward, (*transition.shape[:3], reward.shape[3]))
    beliefs = [Fraction(w) for w in weights]
    for s, a, r, arrival in history:
        for g in range(len(weights)):
            mean = Fraction(float(reward[g, s, a, min(arrival, reward.shape[3] - 1)]))
            chance = Fraction(mean == Fraction(r))
            if family.reward_noise is rollouts.bernoulli:
                chance = mean if r == 1 else 1 - mean
            beliefs[g] *= chance * Fraction(float(transition[g, s, a, arrival]))
    return [float(b / sum(beliefs)) for b in beliefs]


SMALL = {"size": 3, "slip": 0.25, "start": 4, "horizon": 4}
UNEVEN = family_of_candidates(
    "uneven",
    {},
    MDP(
        np.array([[0.5, 0.5]]),
        rng(5).dirichlet(np.ones(2), (3, 2, 2)),
        rng(6).integers(0, 2, (3, 2, 2, 2)) / 2,
    ),
    np.array([0.25, 0.25, 0.5]),
    3,
    2,
    rollouts.deterministic,
)
FAMILIES = {
    "slip": gridworld(**SMALL),
    "absorbing": gridworld(**SMALL, terminate=1),
    "bernoulli": correlated(kind="medium", pulls=5),
    "uneven": UNEVEN,
}


@pytest.mark.verifies("posterior_sampling.2")
@pytest.mark.parametrize("name", FAMILIES)
def test_eq2_the_posterior_is_bayes_rule(name):
    family = FAMILIES[name]
    agent, A = sampling_agent(candidate_models(family)), family.prior.mdps.shape[1]

    def observe(memory, *step):
        posterior, steps = memory
        return agent.observe(posterior, *step), (*steps, step)

    recorder = agent._replace(
        start=lambda num_rows: (agent.start(num_rows), ()),
        begin_episode=lambda rng, memory: (agent.begin_episode(rng, memory[0]), memory[1]),
        act=lambda rng, memory, states: (rng.integers(0, A, len(states)), memory),
        observe=observe,
    )
    draw = rng(3)
    tasks = family.sample(draw, 40)
    posterior, steps = play_trial(draw, family, tasks, recorder)[1]
    for m in range(40):
        history = [(s[m], a[m], float(r[m]), x[m]) for s, a, r, x in steps]
        np.testing.assert_allclose(posterior.probs[m], filtered(family, history), atol=1e-12)
    assert posterior.step == family.horizon


@pytest.mark.verifies("posterior_sampling.3")
def test_eq3_hypotheses_are_drawn_as_often_as_they_are_probable():
    probs = np.tile([0.0, 0.2, 0.5, 0.3, 0.0], (20_000, 1))
    memory = posterior_sampling.sample_hypothesis(rng(), Posterior(probs, None, 7))
    shares = np.bincount(memory.sampled_hypothesis, minlength=5) / 20_000
    assert shares[0] == shares[4] == 0 and memory.step == 0
    error = np.sqrt(probs[0] * (1 - probs[0]) / 20_000)
    assert (np.abs(shares - probs[0]) <= 5 * error).all()


@pytest.mark.verifies("posterior_sampling.3")
def test_eq3_one_of_two_neighbours_is_right_half_the_time_and_known_afterwards():
    family = gridworld(size=2, start=0, stay=0, horizon=1, episodes=3, goals=(1, 2))
    rewards = trials_of(posterior_sampling.psrl(family), 4000).rewards
    first, later = rewards[:, 0, 0], rewards[:, 1:]
    assert set(first) == {-0.1, 1.0} and within_errors(first, 0.45)
    assert (later == 1).all()


@pytest.mark.verifies("posterior_sampling.3")
def test_eq3_the_expected_return_of_two_pulls_by_enumeration():
    family = correlated(kind="medium", pulls=2)  # means .25, .75 or .75, .25
    # the second arm is right with probability sum_r p(r)^2 = 5/8 whatever was pulled first
    expected = 0.5 + 5 / 8 * 0.75 + 3 / 8 * 0.25
    assert within_errors(returns_of(posterior_sampling.psrl(family), 40_000), expected)


@pytest.mark.verifies("posterior_sampling.3")
def test_eq3_the_drawn_task_is_played_optimally_for_a_whole_episode():
    one = gridworld(goals=(24,)).prior.mdps
    twice = one._replace(reward=np.repeat(one.reward, 2, axis=0))
    noise = rollouts.deterministic
    family = family_of_candidates("twice", {}, twice, np.full(2, 0.5), 15, 1, noise)
    trial = trials_of(posterior_sampling.psrl(family), 500)
    best = exact.optimal_return(one, family.horizon)  # four steps there, the last of them paid
    assert best == pytest.approx(-0.3 + 12)
    np.testing.assert_allclose(trial.rewards.sum((1, 2)), 11.7, atol=1e-12)
    assert set(trial.actions[:, 0, 0]) == {1, 3}
    assert within_errors(trial.actions[:, 0, 0] == 1, 0.5)


@pytest.mark.verifies("posterior_sampling.3")
def test_eq3_time_matters_to_the_drawn_policy():
    # leave pays 1 now and ends; wait twice and the third step pays 3
    transition = np.zeros((1, 4, 2, 4))
    transition[0, [0, 1, 2], 0, 3] = 1
    transition[0, [0, 1], 1, [1, 2]] = transition[0, 2, 1, 3] = transition[0, 3, :, 3] = 1
    reward = np.zeros((1, 4, 2, 4))
    reward[0, :3, 0] = 1
    reward[0, 2, 1] = 3
    task = MDP(np.eye(4)[None, 0], transition, reward)
    for horizon, paid in ((3, 3), (2, 1)):
        noise = rollouts.deterministic
        family = family_of_candidates("wait", {}, task, np.ones(1), horizon, 2, noise)
        trial = trials_of(posterior_sampling.psrl(family), 2)
        assert (trial.rewards.sum(-1) == paid).all()


@pytest.mark.verifies("posterior_sampling.3")
def test_eq3_a_slightly_better_action_is_no_tie():
    reward = np.tile(np.array([0.5, 0.5 + 1e-6])[:, None], (2, 1, 1, 1))
    tasks = MDP(np.ones((1, 1)), np.ones((1, 1, 2, 1)), reward)
    family = family_of_candidates("near", {}, tasks, np.full(2, 0.5), 1, 4, rollouts.deterministic)
    assert (trials_of(posterior_sampling.psrl(family), 50).actions == 1).all()


def test_psrl_acts_the_same_in_every_unit_of_rewards():
    def trial(u):
        grid = {"size": 3, "start": 4, "goals": (0, 2, 8), "horizon": 4, "episodes": 3}
        family = gridworld(**grid, goal_reward=u, step_reward=-u / 10)
        return trials_of(posterior_sampling.psrl(family), 100)

    one = trial(1.0)
    for unit in (1e-10, 1e-6, 0.01, 100.0, 1e6, 1e10):
        assert (trial(unit).actions == one.actions).all()


def test_psrl_pickles_and_refuses_a_family_that_it_does_not_support():
    player = posterior_sampling.psrl(UNEVEN)
    again = pickle.loads(pickle.dumps(player))
    assert (trials_of(again, 20).actions == trials_of(player, 20).actions).all()
    for other in (bandit(), gaussian(), correlated()):
        with pytest.raises(Unsupported, match="psrl plays random MDPs and finite hypotheses"):
            posterior_sampling.psrl(other)
    noisy = gridworld()._replace(reward_noise=rollouts.gaussian)
    with pytest.raises(Unsupported, match="psrl plays"):
        posterior_sampling.psrl(noisy)
    starts = UNEVEN.prior.mdps._replace(initial=np.array([[1.0, 0], [0, 1.0], [1, 0]]))
    with pytest.raises(Unsupported, match="share one distribution"):
        posterior_sampling.psrl(UNEVEN._replace(prior=UNEVEN.prior._replace(mdps=starts)))


def test_psrl_says_that_a_history_is_impossible():
    agent = sampling_agent(candidate_models(gridworld()))
    step = [np.array([x]) for x in (12, 0, 0.3, 7)]
    with pytest.raises(ValueError, match="history must be possible under the prior"):
        agent.observe(agent.start(1), *step)
