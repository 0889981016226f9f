"""The solver that fits a family, regret, eq. (1), and the player of the optimum."""

import itertools
import math
import pickle
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from comparing import at_most_lines, rng, within_errors

from metarl_min import evaluation, learners
from metarl_min.baselines import posterior_sampling
from metarl_min.baselines.registry import players_for
from metarl_min.ceilings import TooLarge, bayes_optimal, beta_arms, goal_search, hypotheses, walks
from metarl_min.mdps import rollouts
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Unsupported, family_of_candidates
from metarl_min.tasks.bandits import bandit, bandit_mdps, contextual, correlated, gaussian
from metarl_min.tasks.gridworlds import gridworld
from metarl_min.tasks.random_mdps import mdp

CORNER = gridworld(
    size=3, start=0, stay=0, horizon=6, episodes=2, terminate=1, goal_reward=1.0, step_reward=0.0
)
SLIP = gridworld(
    size=2, start=0, stay=0, horizon=3, episodes=2, slip=0.5, goal_reward=1.0, step_reward=-0.125
)
ABSORBING_SLIP = gridworld(
    size=2, start=0, stay=0, horizon=3, episodes=1, slip=0.5, terminate=1,
    goal_reward=1.0, step_reward=-0.125,
)  # fmt: skip
PLAYED = {
    "bandit": bandit(arms=3, pulls=8, prior=((1, 1), (2, 2), (1, 3))),
    "right column": gridworld(goals=(4, 9, 14, 19, 24)),
    "absorbing": CORNER,
    "slip": ABSORBING_SLIP,
}


def as_episodes(states, actions, rewards):
    states, actions, rewards = np.array(states), np.array(actions), np.array(rewards)
    return Episodes(states, actions, rewards, np.ones(states.shape, bool))


# ---- the choice of a solver ----


@pytest.mark.parametrize(
    ("family", "value"),
    [
        (bandit(arms=2), 16861 / 2800),
        (correlated(kind="easy", pulls=1), 0.5),
        (contextual(cues=1, arms=2, pulls=3), 2.5),
        (gridworld(goals=(4, 9, 14, 19, 24)), 48.56),
        (CORNER, 1.75),
    ],
)
def test_each_kind_of_family_has_a_solver(family, value):
    assert bayes_optimal.solve(family).value == pytest.approx(value, abs=1e-9)


def test_small_grids_have_values_for_every_history_and_large_ones_do_not():
    assert bayes_optimal.solve(CORNER).every_history
    assert not bayes_optimal.solve(gridworld()).every_history


def test_a_goal_search_that_is_too_large_in_both_ways_is_refused(monkeypatch):
    monkeypatch.setattr(walks, "MAX_STATES", 100)
    with pytest.raises(TooLarge, match="may meet at most 100 states"):
        bayes_optimal.solve(gridworld(episodes=2))


def test_many_goals_with_slip_are_refused_by_their_size():
    with pytest.raises(TooLarge, match="gridworld may have at most 20,000,000 table entries"):
        bayes_optimal.solve(gridworld(slip=0.5))


@pytest.mark.parametrize(
    ("family", "got"),
    [
        (gaussian(), "the prior must be .* got gaussian with a prior of GaussianArms"),
        (mdp(), "the prior must be .* got mdp with a prior of DirichletMDP"),
        (bandit()._replace(horizon=2), "one step, got horizon 2"),
        (bandit()._replace(reward_noise=rollouts.deterministic), "got rewards by deterministic"),
        (correlated()._replace(reward_noise=rollouts.gaussian), "got rewards by gaussian"),
        (CORNER._replace(reward_noise=rollouts.gaussian), "got rewards by gaussian"),
    ],
)
def test_a_family_without_an_exact_ceiling_is_refused_by_the_condition_that_fails(family, got):
    with pytest.raises(Unsupported, match=f"^no exact ceiling .*{got}$"):
        bayes_optimal.solve(family)


def test_an_error_inside_a_solver_is_not_taken_for_a_table_that_is_too_large(monkeypatch):
    def broken(*arguments):
        raise ValueError("a fault")

    monkeypatch.setattr(hypotheses, "solve", broken)
    assert goal_search.recognise(CORNER) is not None
    with pytest.raises(ValueError, match="a fault"):
        bayes_optimal.solve(CORNER)


def drawn_arms(num_sets, arms, pulls):
    """Candidate sets of means that tell each other apart with every arm."""
    mdps, weights = bandit_mdps(rng().random((num_sets, arms))), np.full(num_sets, 1 / num_sets)
    return family_of_candidates("drawn", {}, mdps, weights, 1, pulls, rollouts.bernoulli)


@pytest.mark.parametrize(
    "family",
    [
        bandit(arms=2, pulls=10**7),
        bandit(arms=10**5, pulls=3),
        bandit(arms=100, pulls=30, prior=tuple((1 + i, 1.0) for i in range(100))),
        correlated(pulls=10**7),
        correlated(kind="easy", pulls=10**7),
        drawn_arms(2, 3, 10**6),
        contextual(cues=2, pulls=10**7),
        gridworld(horizon=10**7),
        gridworld(episodes=10**7),
        gridworld(horizon=10**3),
        gridworld(horizon=10**5, goals=(3,)),
        gridworld(horizon=10**7, goals=(3,), slip=0.5),
        gridworld(size=30),
    ],
    ids=lambda family: f"{family.name} {family.horizon} {family.num_episodes}",
)
def test_any_size_is_refused_in_one_line_and_in_few_steps(family):
    with pytest.raises(TooLarge, match=r"^[^\n]* may have at most [\d,]+ .*, got [^\n]*$"):
        at_most_lines(lambda: bayes_optimal.solve(family), 300_000)


# ---- regret ----


@pytest.mark.verifies("bayes_optimal.1")
@pytest.mark.parametrize(
    "policy", [(Fraction(1, 2), Fraction(1, 2)), (Fraction(1, 8), Fraction(7, 8))]
)
def test_eq1_is_exact_over_all_histories_of_a_bandit(policy):
    prior = ((1, 1), (1, 2))
    ceiling = beta_arms.solve(bandit(arms=2, pulls=3, prior=prior))
    probs, histories = [], list(itertools.product(itertools.product((0, 1), repeat=2), repeat=3))
    for history in histories:
        prob, counts = Fraction(1), [[a, b] for a, b in prior]
        for i, r in history:
            prob *= policy[i] * Fraction(counts[i][1 - r], sum(counts[i]))
            counts[i][1 - r] += 1
        probs.append(float(prob))
    actions, rewards = np.moveaxis(np.array(histories), -1, 0)[..., None]
    regret = bayes_optimal.regret(ceiling, as_episodes(0 * actions, actions, rewards * 1.0))
    assert sum(probs) == pytest.approx(1) and (regret >= -1e-12).all()
    returns = rewards.sum((1, 2))
    assert ceiling.value - probs @ regret == pytest.approx(probs @ returns, abs=1e-12)
    mean = 3 * float(policy[0] / 2 + policy[1] / 3)
    assert ceiling.value - probs @ regret == pytest.approx(mean, abs=1e-12)


@pytest.mark.verifies("bayes_optimal.1", "ceilings.3")
def test_eq1_and_random_are_exact_over_all_histories_of_a_grid():
    family = gridworld(size=2, start=0, stay=0, horizon=2, episodes=2, terminate=1)
    moves = [[0, 2, 0, 1], [1, 3, 0, 1], [0, 2, 2, 3], [1, 3, 2, 3]]  # up, down, left, right
    states, actions, rewards = [], [], []
    for goal, plan in itertools.product((1, 2, 3), itertools.product(range(4), repeat=4)):
        for n in range(2):
            s = 0
            for t in range(2):
                states.append(s)
                arrival = s if s == goal else moves[s][plan[2 * n + t]]
                rewards.append(0.0 if s == goal else 1.0 if arrival == goal else -0.1)
                actions.append(plan[2 * n + t])
                s = arrival
    shape = (3 * 256, 2, 2)
    episodes = as_episodes(*(np.reshape(x, shape) for x in (states, actions, rewards)))
    ceiling = bayes_optimal.solve(family)
    regret = bayes_optimal.regret(ceiling, episodes)
    mean = episodes.rewards.sum((1, 2)).mean()
    assert ceiling.value - regret.mean() == pytest.approx(mean, abs=1e-12)
    assert ceiling.random == pytest.approx(mean, abs=1e-12) and regret.min() > -1e-12


def test_regret_refuses_histories_that_are_impossible_or_do_not_show_the_belief():
    ceiling, player = bayes_optimal.solve(SLIP), posterior_sampling.random(SLIP)
    trial = player.trial(rng(), player.init(rng()), SLIP.sample(rng(), 20))
    with pytest.raises(ValueError, match=r"episodes need last_arrivals, .* got none after step 2"):
        bayes_optimal.regret(ceiling, trial._replace(last_arrivals=None))
    with pytest.raises(ValueError, match=r"history must be possible .* impossible step 2"):
        bayes_optimal.regret(ceiling, trial._replace(last_arrivals=3 - trial.last_arrivals))
    with pytest.raises(ValueError, match="arrivals must be from 0 to 3"):
        bayes_optimal.regret(ceiling, trial._replace(last_arrivals=4 + trial.last_arrivals))
    for wrong in (0.3, 7.0, -7.0):
        with pytest.raises(ValueError, match=r"history must be possible .* impossible step 0"):
            bayes_optimal.regret(ceiling, trial._replace(rewards=0 * trial.rewards + wrong))
    jump = trial._replace(states=trial.states + 3 * (np.arange(3) == 1))
    with pytest.raises(ValueError, match=r"history must be possible|must be from 0 to 3"):
        bayes_optimal.regret(ceiling, jump)


# ---- the player of the optimum, and others ----


@pytest.mark.verifies("bayes_optimal.1")
@pytest.mark.parametrize("name", PLAYED)
def test_the_optimal_player_earns_the_value_and_has_no_regret(name):
    family = PLAYED[name]
    ceiling = bayes_optimal.solve(family)
    learner = bayes_optimal.bayes_optimal(family, ceiling)
    trial = learner.trial(rng(2), learner.init(rng()), family.sample(rng(1), 4000))
    returns = trial.rewards.sum((1, 2))
    assert returns.std() > 0
    assert within_errors(returns, ceiling.value)
    assert np.abs(bayes_optimal.regret(ceiling, trial)).max() < 1e-8


@pytest.mark.verifies("bayes_optimal.1")
@pytest.mark.parametrize("name", ["bandit", "right column", "absorbing"])
def test_no_baseline_beats_the_value_and_all_pay_their_regret(name):
    family = PLAYED[name]
    ceiling = bayes_optimal.solve(family)
    tasks = family.sample(rng(1), 3000)
    for player in players_for(family).values():
        trial = player.trial(rng(2), player.init(rng()), tasks)
        regret, returns = bayes_optimal.regret(ceiling, trial), trial.rewards.sum((1, 2))
        assert within_errors(ceiling.value - regret - returns, 0)
        assert regret.min() > -1e-9 and regret.max() > 0.01


IN_UNITS = {
    "subsets": lambda u: gridworld(
        size=3, start=4, horizon=4, episodes=3, goal_reward=u, step_reward=-u / 10
    ),
    "walk": lambda u: gridworld(goals=(4, 9, 14, 19, 24), goal_reward=u, step_reward=-u / 10),
    "slip": lambda u: gridworld(
        size=3, start=4, goals=(0, 2, 8), slip=0.25, episodes=1, goal_reward=u, step_reward=-u / 10
    ),
}


@cache
def measured_in(name, unit):
    """The actions of the optimal player, numbers divided by the unit, and scores."""
    family = IN_UNITS[name](unit)
    ceiling = bayes_optimal.solve(family)
    player = bayes_optimal.bayes_optimal(family, ceiling)
    trial = player.trial(rng(2), (), family.sample(rng(1), 200))
    random = posterior_sampling.random(family)
    scores = evaluation.evaluate(random, (), num_tasks=200, seed=0, ceiling=ceiling)
    numbers = [ceiling.value, ceiling.known_task, ceiling.random, scores.value]
    regret = bayes_optimal.regret(ceiling, trial) if name != "walk" else np.zeros(200)
    return trial.actions, np.array([*numbers, *regret]) / unit, scores[2:6]


@pytest.mark.parametrize("name", IN_UNITS)
@pytest.mark.parametrize("unit", [1e-10, 1e-6, 0.01, 100.0, 1e6, 1e10])
def test_rewards_in_another_unit_change_nothing_but_the_unit(name, unit):
    """Value, bounds of the task, regret, scores, and each action of the optimal player."""
    one, other = measured_in(name, 1.0), measured_in(name, unit)
    assert (one[0] == other[0]).all()
    np.testing.assert_allclose(other[1], one[1], rtol=1e-12, atol=1e-12)
    assert other[2] == pytest.approx(one[2], rel=1e-10)


def test_the_optimal_player_breaks_ties_uniformly():
    family = bandit(arms=4, pulls=2)
    learner = bayes_optimal.bayes_optimal(family, bayes_optimal.solve(family))
    trial = learner.trial(rng(), learner.init(rng()), family.sample(rng(), 8000))
    shares = np.bincount(trial.actions[:, 0, 0], minlength=4) / 8000
    assert np.abs(shares - 0.25).max() < 5 * math.sqrt(3 / 16 / 8000)
    stays = trial.rewards[:, 0, 0] == 1
    same = trial.actions[:, 0, 0] == trial.actions[:, 1, 0]
    assert (same == stays).all()


@pytest.mark.parametrize("name", PLAYED)
def test_the_optimal_player_keeps_to_the_protocol_and_is_not_trained(name):
    learner = bayes_optimal.bayes_optimal(PLAYED[name], bayes_optimal.solve(PLAYED[name]))
    learners.check(learner)
    state = learner.init(rng())
    assert learner.step(rng(), state) == (state, None) and learner.iterations == 0
    assert learner.family is PLAYED[name]


@pytest.mark.parametrize("name", ["bandit", "absorbing"])
def test_a_ceiling_and_its_player_pickle(name):
    family = PLAYED[name]
    ceiling = bayes_optimal.solve(family)
    learner = bayes_optimal.bayes_optimal(family, ceiling)
    tasks = family.sample(rng(), 5)
    first = learner.trial(rng(), learner.init(rng()), tasks)
    copy, again = pickle.loads(pickle.dumps((ceiling, learner)))
    second = again.trial(rng(), again.init(rng()), tasks, greedy=True)
    assert (first.actions == second.actions).all()
    assert (bayes_optimal.regret(copy, first) == bayes_optimal.regret(ceiling, first)).all()
