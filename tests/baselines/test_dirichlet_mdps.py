"""dirichlet_mdps (1): players of random MDPs that plan once in each episode."""

import math
import pickle
from functools import partial

import numpy as np
import pytest
from comparing import assert_mean, episodes_equal, rng, within_errors
from problems import returns_of, trials_of

from metarl_min.baselines import dirichlet_mdps, posterior_sampling
from metarl_min.baselines.dirichlet_planners import (
    plan_by_draw,
    plan_by_draws,
    plan_by_mean,
    plan_optimistically,
    plan_with_bonus,
)
from metarl_min.mdps import mdp as exact
from metarl_min.mdps import rollouts
from metarl_min.tasks import DirichletMDP, Unsupported, play_trial, random_mdps
from metarl_min.tasks.bandits import bandit, correlated, gaussian
from metarl_min.tasks.gridworlds import gridworld
from metarl_min.tasks.random_mdps import mdp

FLAT = mdp(states=1, actions=2, horizon=1, episodes=2)
SMALL = mdp(states=3, actions=3, horizon=4, episodes=8)


def agent_of(family, eps=0.0):
    """The agent that plans for the posterior mean."""
    return dirichlet_mdps.planning_agent(family.prior, family.horizon, plan_by_mean, eps)


@pytest.mark.verifies("dirichlet_planners.3")
def test_psrl_on_two_normal_arms_in_closed_form():
    # the first arm's mean moves by X ~ N(0, 1/2); it is drawn again with chance Phi(X / sqrt(3/2))
    player = posterior_sampling.psrl(FLAT)
    assert_mean(returns_of(player, 40_000), 2 + 0.5 / math.sqrt(2 * math.pi * 2))


@pytest.mark.verifies("dirichlet_planners.5")
def test_greedy_on_two_normal_arms_in_closed_form():
    # of two normal arms it stays with the first if it paid above 1: E max(X, 0), X ~ N(0, 1/2)
    player = dirichlet_mdps.greedy(FLAT)
    assert_mean(returns_of(player, 40_000), 2 + math.sqrt(0.5 / (2 * math.pi)))


@pytest.mark.verifies("dirichlet_mdps.1")
def test_eq1_any_action_with_probability_eps():
    agent = agent_of(mdp(states=2, actions=4, horizon=1, episodes=1), eps=0.4)
    memory = agent.begin_episode(rng(), agent.start(20_000))
    memory = memory._replace(q=np.broadcast_to([0.0, 2.0, 1.0, 2.0 - 1e-12], memory.q.shape))
    actions, _ = agent.act(rng(), memory, np.zeros(20_000, int))
    for action, expected in enumerate((0.1, 0.4, 0.1, 0.4)):
        assert within_errors(actions == action, expected)


@pytest.mark.verifies("dirichlet_mdps.1")
def test_eq1_with_eps_1_the_player_is_random_and_with_eps_0_it_is_greedy():
    assert_mean(returns_of(dirichlet_mdps.eps_greedy(FLAT, 1.0), 40_000), 2)
    greedy = trials_of(dirichlet_mdps.greedy(SMALL), 50)
    without = trials_of(dirichlet_mdps.eps_greedy(SMALL, 0.0), 50)
    assert (greedy.actions == without.actions).all()


def test_the_steps_of_an_episode_are_counted_at_the_start_of_the_next_one():
    agent = agent_of(mdp(states=3, actions=2, horizon=4, episodes=3))
    memory, draw = agent.start(5), rng(2)
    arrivals, sums = np.zeros((5, 3, 2, 3)), np.zeros((5, 3, 2))
    for _ in range(3):
        memory = agent.begin_episode(draw, memory)
        np.testing.assert_array_equal(memory.counts.arrivals, arrivals)
        np.testing.assert_allclose(memory.counts.sums, sums, atol=1e-14)
        for _ in range(4):
            s, arrived, a = (draw.integers(0, high, 5) for high in (3, 3, 2))
            paid = draw.normal(size=5)
            memory = agent.observe(memory, s, a, paid, arrived)
            for m in range(5):
                arrivals[m, s[m], a[m], arrived[m]] += 1
                sums[m, s[m], a[m]] += paid[m]


def test_the_plan_is_read_at_the_step_of_the_episode():
    agent = agent_of(mdp(states=2, actions=3, horizon=3, episodes=2))
    memory = agent.begin_episode(rng(), agent.start(4))
    best = np.broadcast_to(np.eye(3)[None, :, None], memory.q.shape)  # at step t action t
    memory = memory._replace(q=best)
    for t in range(3):
        actions, memory = agent.act(rng(), memory, np.zeros(4, int))
        assert (actions == t).all()
        memory = agent.observe(memory, *[np.zeros(4, int)] * 4)


MAKERS = {
    "greedy": dirichlet_mdps.greedy,
    "eps_greedy": partial(dirichlet_mdps.eps_greedy, eps=0.1),
    "beb": partial(dirichlet_mdps.beb, beta=10.0),
    "ucrl2": partial(dirichlet_mdps.ucrl2, c=0.05),
    "opsrl": partial(dirichlet_mdps.opsrl, num_draws=2),
    "psrl": posterior_sampling.psrl,
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_player_learns_and_pickles(name):
    player = pickle.loads(pickle.dumps(MAKERS[name](SMALL)))
    assert player.step(rng(), ()) == ((), None)
    returns = returns_of(player, 200)
    assert returns.mean() > 32 + 5 * returns.std() / math.sqrt(200)  # the random player earns 32


PLANNERS = {
    "greedy": plan_by_mean,
    "beb": partial(plan_with_bonus, beta=10.0),
    "ucrl2": partial(plan_optimistically, c=0.05),
    "opsrl": partial(plan_by_draws, num_draws=2),
    "psrl": plan_by_draw,
}


@pytest.mark.parametrize("name", PLANNERS)
def test_a_player_plays_the_agent_of_its_planner(name):
    agent = dirichlet_mdps.planning_agent(SMALL.prior, SMALL.horizon, PLANNERS[name])
    expected, _ = play_trial(rng(1), SMALL, SMALL.sample(rng(), 20), agent)
    assert episodes_equal(trials_of(MAKERS[name](SMALL), 20), expected)


@pytest.mark.parametrize("name", MAKERS)
def test_the_ceiling_of_the_known_task_is_not_exceeded(name):
    tasks = SMALL.sample(rng(), 500)
    trial = MAKERS[name](SMALL).trial(rng(1), (), tasks)
    lost = 8 * exact.optimal_return(tasks, 4) - trial.rewards.sum((1, 2))
    assert lost.mean() > -4 * lost.std() / math.sqrt(500)


def in_unit(u):
    """Random MDPs whose rewards have mean, spread and noise u."""
    prior = DirichletMDP(np.ones((3, 2, 3)), 1.0 * u, 1.0 * u, 1.0 * u)
    family = mdp(states=3, actions=2, horizon=4, episodes=8)
    noise = partial(rollouts.gaussian, std=1.0 * u)
    sample = partial(random_mdps.sample_dirichlet, prior=prior)
    return family._replace(prior=prior, sample=sample, reward_noise=noise)


@pytest.mark.parametrize("name", MAKERS)
def test_a_player_acts_the_same_in_every_unit_of_rewards(name):
    one = trials_of(MAKERS[name](in_unit(1.0)), 100)
    for unit in (1e-10, 1e-6, 0.01, 100.0, 1e6, 1e10):
        other = trials_of(MAKERS[name](in_unit(unit)), 100)
        assert (other.actions == one.actions).all()
        np.testing.assert_allclose(other.rewards / unit, one.rewards, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", MAKERS)
def test_a_player_refuses_other_families(name):
    for other in (bandit(), gaussian(), correlated()):
        with pytest.raises(Unsupported, match=f"{name} plays random MDPs"):
            MAKERS[name](other)
    if name != "psrl":  # psrl plays gridworlds too
        with pytest.raises(Unsupported, match=f"{name} plays random MDPs"):
            MAKERS[name](gridworld())


@pytest.mark.parametrize(
    ("maker", "constant"),
    [
        (dirichlet_mdps.eps_greedy, 1.1),
        (dirichlet_mdps.beb, -1.0),
        (dirichlet_mdps.ucrl2, -1.0),
        (dirichlet_mdps.opsrl, 0),
    ],
)
def test_a_constant_out_of_range_is_refused(maker, constant):
    with pytest.raises(ValueError, match="must be"):
        maker(SMALL, constant)
