"""The ceiling, eqs. (1)-(3) of ceilings and (1), (2) of beliefs, against rational searches."""

import itertools
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from belief_search import BeliefSearch, arm_values
from hypothesis import given, settings
from hypothesis import strategies as st

from metarl_min.baselines import posterior_sampling
from metarl_min.ceilings import bayes_optimal, beta_arms, hypotheses
from metarl_min.mdps import rollouts, values
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import family_of_candidates, make

quick = settings(derandomize=True, deadline=None, max_examples=15)
TWO_EPISODES = {
    "size": "3", "start": "0", "stay": "0", "horizon": "6", "episodes": "2", "terminate": "1",
    "goal_reward": "1", "step_reward": "0",
}  # fmt: skip


def rng(seed=0):
    return np.random.default_rng(seed)


def check_against_search(family, num_tasks=30):
    """Value at the start, and Q along random histories."""
    search, ceiling = BeliefSearch(family), bayes_optimal.solve(family)
    assert ceiling.value == pytest.approx(float(search.start_value(search.prior, 0)), abs=1e-12)
    tables = rollouts.sampler(family.sample(rng(), num_tasks), rollouts.deterministic)
    searched = [[search.prior, 0] for _ in range(num_tasks)]

    def act(rng, belief, states):
        values = ceiling.action_values(belief, states)
        for (left, t), s, q in zip(searched, states, values, strict=True):
            np.testing.assert_allclose(q, np.array(search.values(left, s, t), float), atol=1e-12)
        return rng.integers(0, values.shape[1], num_tasks)

    def observe(belief, *step):
        for m, (s, a, r, arrival) in enumerate(zip(*step, strict=True)):
            left, t = searched[m]
            searched[m] = [search.after(left, s, a, Fraction(r), arrival)[1], t + 1]
        return ceiling.observe(belief, *step)

    agent = rollouts.Agent(ceiling.start, rollouts.keep_memory, act, observe)
    rollouts.play(rng(1), tables, agent, family.num_episodes, family.horizon)
    return ceiling


# ---- bandits ----


@pytest.mark.verifies("ceilings.2")
@pytest.mark.verifies("beta_arms.1")
@quick
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=3),
    st.integers(1, 4),
)
def test_every_history_of_a_bandit_has_the_values_of_the_recursion(prior, pulls):
    halves = [(Fraction(a, 2), Fraction(b, 2)) for a, b in prior]
    words = {"arms": str(len(prior)), "pulls": str(pulls)}
    words["prior"] = "/".join(f"{float(a)},{float(b)}" for a, b in halves)
    ceiling = bayes_optimal.solve(make("bandit", words))
    draw, belief = rng(), ceiling.start(3)
    counts = [tuple((0, 0) for _ in prior)] * 3
    assert ceiling.value == pytest.approx(float(max(arm_values(halves, counts[0], pulls))))
    for left in range(pulls, 0, -1):
        expected = [[float(q) for q in arm_values(halves, c, left)] for c in counts]
        np.testing.assert_allclose(ceiling.action_values(belief, None), expected, atol=1e-12)
        actions, rewards = draw.integers(0, len(prior), 3), draw.integers(0, 2, 3)
        belief = ceiling.observe(belief, None, actions, rewards.astype(float), None)
        for m, (i, r) in enumerate(zip(actions, rewards, strict=True)):
            wins, losses = counts[m][i]
            pair = (wins + r, losses + 1 - r)
            counts[m] = (*counts[m][:i], tuple(int(x) for x in pair), *counts[m][i + 1 :])


@pytest.mark.verifies("ceilings.2")
@pytest.mark.parametrize(
    ("words", "value", "random"),
    [
        ({}, 6041941 / 907200, 5.0),
        ({"arms": "2"}, 16861 / 2800, 5.0),
        ({"prior": "1,1/2,2/4,4/1,3/1,5"}, 6.118855218855, 3.83333333333333),
        ({"arms": "1", "pulls": "7", "prior": "2,3"}, 2.8, 2.8),
        ({"arms": "4", "pulls": "1", "prior": "1,1/2,1/1,2/3,2"}, 2 / 3, 21 / 40),
    ],
)
def test_bandit_ceilings_that_are_known(words, value, random):
    ceiling = bayes_optimal.solve(make("bandit", words))
    assert ceiling.value == pytest.approx(value, abs=1e-9)
    assert ceiling.random == pytest.approx(random, abs=1e-12)


def test_the_known_task_of_five_uniform_arms_pays_five_sixths_a_pull():
    assert bayes_optimal.solve(make("bandit", {})).known_task == pytest.approx(25 / 3, abs=1e-10)


@quick
@given(
    st.lists(st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)), min_size=2, max_size=3),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
)
def test_bandit_ceilings_keep_their_order_whatever_the_order_of_the_arms(prior, pulls, shuffle):
    def solve(prior, pulls):
        text = "/".join(f"{a!r},{b!r}" for a, b in prior)
        words = {"arms": str(len(prior)), "pulls": str(pulls), "prior": text}
        return bayes_optimal.solve(make("bandit", words))

    ceiling, longer = solve(prior, pulls), solve(prior, pulls + 1)
    best = max(a / (a + b) for a, b in prior)
    assert ceiling.known_task + 1e-9 >= ceiling.value >= pulls * best - 1e-12
    assert pulls * best + 1e-12 >= ceiling.random
    assert longer.value >= ceiling.value + best - 1e-12  # the last pull is worth at least that
    shuffled = shuffle.sample(prior, len(prior))
    assert solve(shuffled, pulls).value == pytest.approx(ceiling.value, abs=1e-12)


# ---- hypotheses ----

EIGHTHS = {"goal_reward": "1", "step_reward": "-0.125", "stay": "0"}
GRIDS = {
    "slip": {"size": "2", "start": "0", "horizon": "3", "episodes": "2", "slip": "0.5"},
    "absorbing": {"size": "2", "start": "0", "horizon": "3", "episodes": "2", "slip": "0.5",
                  "terminate": "1"},
    "absorbing, free steps": {"size": "2", "start": "0", "horizon": "3", "episodes": "2",
                              "slip": "0.25", "terminate": "1", "step_reward": "0"},
    "walls": {"size": "3", "start": "0", "horizon": "4", "episodes": "2", "walls": "4,5",
              "goals": "2,6,8"},
    "stay": {"size": "2", "start": "3", "horizon": "2", "episodes": "3", "stay": "1",
             "goals": "0,1,2,3"},
    "nothing to learn": {"size": "2", "start": "0", "horizon": "2", "episodes": "2",
                         "step_reward": "1"},
    "one task": {"size": "2", "start": "0", "horizon": "3", "episodes": "2", "goals": "3",
                 "slip": "0.5"},
    "one long episode": {"size": "3", "start": "4", "horizon": "5", "episodes": "1",
                         "goals": "0,2,8"},
}  # fmt: skip


@pytest.mark.verifies("ceilings.1")
@pytest.mark.verifies("ceilings.2")
@pytest.mark.verifies("hypotheses.2")
@pytest.mark.parametrize("name", GRIDS)
def test_grids_have_the_values_of_the_belief_search(name):
    family = make("gridworld", EIGHTHS | GRIDS[name])
    if name == "one task":  # sample from two equal hypotheses: a batch of tasks needs an axis
        one = family.prior.mdps
        two = one._replace(reward=np.repeat(one.reward, 2, axis=0))
        noise = rollouts.deterministic
        family = family_of_candidates("two", {}, two, np.array([0.25, 0.75]), 3, 2, noise)
    ceiling = check_against_search(family)
    assert ceiling.known_task + 1e-12 >= ceiling.value >= ceiling.random - 1e-12


@pytest.mark.verifies("ceilings.1")
@pytest.mark.verifies("hypotheses.1")
@pytest.mark.verifies("hypotheses.2")
@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 2))
def test_random_hypotheses_have_the_values_of_the_belief_search(seed, horizon, num_episodes):
    draw = rng(seed)
    G, S, A = 4, 3, 2
    rows = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]])
    transition = np.repeat(rows[draw.integers(0, 4, (1, S, A))], G, axis=0)
    move = draw.random((G, S, A)) < 0.3  # elsewhere: those that differ do so without chance
    certain = np.where(
        transition.max(-1, keepdims=True) == 1,
        np.eye(S)[draw.integers(0, S, (G, S, A))],
        transition,
    )
    transition = np.where(move[..., None], certain, transition)
    reward = draw.integers(0, 3, (G, S, A, S)) / 2 * (draw.random((1, S, A, 1)) < 0.6)
    weights = np.array([0.5, 0.25, 0.25, 0.0])[draw.permutation(G)]
    mdp = MDP(np.array([[0.25, 0.75, 0]]), transition, reward)
    noise = rollouts.deterministic
    check_against_search(
        family_of_candidates("drawn", {}, mdp, weights, horizon, num_episodes, noise), 8
    )


@pytest.mark.verifies("ceilings.2")
@pytest.mark.parametrize(
    ("words", "value", "random"),
    [({"goals": "4,9,14,19,24"}, 48.56, -4.058179), (TWO_EPISODES, 1.75, None)],
)
def test_grid_ceilings_that_are_known(words, value, random):
    ceiling = bayes_optimal.solve(make("gridworld", words))
    assert ceiling.value == pytest.approx(value, abs=1e-9)
    assert random is None or ceiling.random == pytest.approx(random, abs=1e-6)


def bits(num_episodes):
    """Arriving in state 1 pays one bit, in state 2 the other; both are absorbing."""
    transition = np.zeros((1, 3, 2, 3))
    transition[0, 0, [0, 1], [1, 2]] = transition[0, 1, :, 1] = transition[0, 2, :, 2] = 1
    reward = np.zeros((4, 3, 2, 3))
    reward[:, 0, 0, 1], reward[:, 0, 1, 2] = [0, 0, 1, 1], [0, 1, 0, 1]
    mdp = MDP(np.eye(3)[None, 0], transition, reward)
    noise = rollouts.deterministic
    return family_of_candidates("bits", {}, mdp, np.full(4, 0.25), 2, num_episodes, noise)


@pytest.mark.verifies("hypotheses.2")
@pytest.mark.parametrize(("num_episodes", "num_beliefs"), [(1, 5), (2, 9)])
def test_only_beliefs_that_can_be_met_are_listed(num_episodes, num_beliefs):
    family = bits(num_episodes)
    known = hypotheses.beliefs(family, hypotheses.outcomes(family), hypotheses.LIMIT)
    assert len(known.child) == num_beliefs
    possible = known.child >= 0
    assert (known.chance[possible] > 0).all() and (known.chance[~possible] == 0).all()
    value = 0.5 if num_episodes == 1 else 0.5 + 0.5 * 1 + 0.5 * 0.5
    assert bayes_optimal.solve(family).value == pytest.approx(value, abs=1e-12)


# ---- the limit and what is refused ----


def test_the_size_is_computed_before_anything_is_built(monkeypatch):
    rule = r"at most 100,000,000 table entries, got 476,465,985 \(3.81 GB\)"
    with pytest.raises(ValueError, match=rule):
        bayes_optimal.solve(make("bandit", {"pulls": "40"}))
    family = make("bandit", {"arms": "2", "pulls": "3"})
    # records after 0..3 pulls; F: 2 arms, x from 0 to 10 records, 4 numbers of pulls
    entries = 2 * (1 + 2 + 6 + 10) + 2 * 11 * 4
    monkeypatch.setattr(beta_arms, "LIMIT", entries)
    bayes_optimal.solve(family)
    monkeypatch.setattr(beta_arms, "LIMIT", entries - 1)
    with pytest.raises(ValueError, match=f"may have at most {entries - 1} .* got {entries}"):
        bayes_optimal.solve(family)


def test_the_beliefs_are_counted_while_they_are_found(monkeypatch):
    # 9 beliefs, each with two entries for an outcome and one for each time, state and action;
    # the outcomes: 2 rewards for each of 2 arrivals, and 4 steps that stay
    entries = 9 * (2 * 8 + 4 * 6)
    monkeypatch.setattr(hypotheses, "LIMIT", entries)
    bayes_optimal.solve(bits(2))
    monkeypatch.setattr(hypotheses, "LIMIT", entries - 1)
    with pytest.raises(ValueError, match=f"at most {entries - 1} .* got at least {entries}"):
        bayes_optimal.solve(bits(2))
    for limit, size in ((71, 72), (31, 72)):  # G S A S
        monkeypatch.setattr(hypotheses, "LIMIT", limit)
        with pytest.raises(ValueError, match=f"got {size}"):
            bayes_optimal.solve(bits(2))


def test_the_list_of_outcomes_has_the_limit_too(monkeypatch):
    rewards = np.arange(10.0).reshape(10, 1, 1, 1)
    mdp = MDP(np.ones((1, 1)), np.ones((1, 1, 1, 1)), rewards)
    noise = rollouts.deterministic
    family = family_of_candidates("ten", {}, mdp, np.full(10, 0.1), 1, 1, noise)
    for limit, got in ((9, r"got 10 \("), (99, r"got 100 \("), (100, "got at least")):
        monkeypatch.setattr(hypotheses, "LIMIT", limit)
        with pytest.raises(ValueError, match=got):
            bayes_optimal.solve(family)


def test_too_many_goals_with_slip_are_refused_by_their_size():
    with pytest.raises(ValueError, match="gridworld may have at most 20,000,000 table entries"):
        bayes_optimal.solve(make("gridworld", {"slip": "0.5"}))


@pytest.mark.parametrize(
    ("name", "words", "got"),
    [
        ("gaussian", {}, "GaussianArms"),
        ("mdp", {}, "DirichletMDP"),
    ],
)
def test_a_prior_without_an_exact_ceiling_is_refused(name, words, got):
    with pytest.raises(
        ValueError, match=f"no exact ceiling but for Bernoulli arms and .* got .*{got}"
    ):
        bayes_optimal.solve(make(name, words))


def test_arms_of_other_bandits_are_refused():
    family = make("bandit", {})
    for other in (
        family._replace(horizon=2), family._replace(reward_noise=rollouts.deterministic)
    ):  # fmt: skip
        with pytest.raises(ValueError, match="no exact ceiling but for"):
            bayes_optimal.solve(other)


def test_hypotheses_must_agree_on_the_chance_of_what_they_allow():
    transition = np.array([[0.5, 0.5], [0.25, 0.75]])[:, None, None] * np.ones((2, 2, 1, 1))
    mdp = MDP(np.eye(2)[None, 0], transition, np.zeros((2, 1, 1, 1)))
    family = family_of_candidates("coins", {}, mdp, np.full(2, 0.5), 2, 1, rollouts.deterministic)
    with pytest.raises(ValueError, match=r"no exact ceiling unless .* differ by 0.25"):
        bayes_optimal.solve(family)
    certain = family._replace(prior=family.prior._replace(weights=np.array([0.0, 1.0])))
    assert bayes_optimal.solve(certain).value == 0
    starts = mdp._replace(initial=np.eye(2))
    with pytest.raises(ValueError, match="must share one distribution of the first state"):
        bayes_optimal.solve(family._replace(prior=family.prior._replace(posterior_sampling=starts)))


# ---- regret and play ----


def as_episodes(states, actions, rewards):
    states, actions, rewards = (np.array(x) for x in (states, actions, rewards))
    return Episodes(states, actions, rewards, np.ones(states.shape, bool))


@pytest.mark.verifies("bayes_optimal.1")
@pytest.mark.parametrize(
    "policy", [(Fraction(1, 2), Fraction(1, 2)), (Fraction(1, 8), Fraction(7, 8))]
)
def test_regret_is_exact_over_all_histories_of_a_bandit(policy):
    family = make("bandit", {"arms": "2", "pulls": "3", "prior": "1,1/1,2"})
    prior, ceiling = ((1, 1), (1, 2)), bayes_optimal.solve(family)
    chances, histories = [], list(itertools.product(itertools.product((0, 1), repeat=2), repeat=3))
    for history in histories:
        chance, counts = Fraction(1), [[a, b] for a, b in prior]
        for i, r in history:
            chance *= policy[i] * Fraction(counts[i][1 - r], sum(counts[i]))
            counts[i][1 - r] += 1
        chances.append(float(chance))
    actions, rewards = np.moveaxis(np.array(histories), -1, 0)[..., None]
    regret = bayes_optimal.regret(ceiling, as_episodes(0 * actions, actions, rewards * 1.0))
    assert sum(chances) == pytest.approx(1) and (regret >= -1e-12).all()
    returns = rewards.sum((1, 2))
    assert ceiling.value - chances @ regret == pytest.approx(chances @ returns, abs=1e-12)
    mean = 3 * float(policy[0] / 2 + policy[1] / 3)
    assert ceiling.value - chances @ regret == pytest.approx(mean, abs=1e-12)


@pytest.mark.verifies("bayes_optimal.1")
@pytest.mark.verifies("ceilings.3")
def test_regret_and_random_are_exact_over_all_histories_of_a_grid():
    words = {"size": "2", "start": "0", "stay": "0", "horizon": "2", "episodes": "2"}
    family = make("gridworld", words | {"terminate": "1"})
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


@pytest.mark.verifies("ceilings.3")
def test_families_in_which_a_random_player_earns_the_prior_mean():
    expected = bayes_optimal.expected_random
    assert expected(make("bandit", {"arms": "2", "prior": "1,3/1,1"})) == pytest.approx(3.75)
    assert expected(make("gaussian", {"mean": "0.5", "pulls": "7"})) == pytest.approx(3.5)
    assert expected(make("correlated", {"pulls": "30"})) == pytest.approx(15)
    assert expected(make("correlated", {"kind": "easy", "pulls": "30"})) == pytest.approx(15)
    family = make("mdp", {"states": "3", "actions": "2", "horizon": "4", "episodes": "5"})
    family = family._replace(prior=family.prior._replace(mean=2.0))
    assert expected(family) == pytest.approx(40)


@pytest.mark.verifies("ceilings.3")
def test_a_random_mdp_pays_its_mean_reward_at_each_step():
    family = make("mdp", {"states": "3", "actions": "2", "horizon": "4", "episodes": "5"})
    tasks = family.sample(rng(), 2000)
    returns = 5 * values.expected_return(tasks, posterior_sampling.uniform((3, 2)), 4)
    error = returns.std() / math.sqrt(2000)
    assert abs(returns.mean() - bayes_optimal.expected_random(family)) < 5 * error


@pytest.mark.verifies("ceilings.3")
def test_random_weighs_the_hypotheses():
    family = bits(3)
    family = family._replace(prior=family.prior._replace(weights=np.array([0, 0.5, 0.25, 0.25])))
    assert bayes_optimal.expected_random(family) == pytest.approx(3 * (0.25 + 0.125 + 0.25))


PLAYED = {
    "bandit": make("bandit", {"arms": "3", "pulls": "8", "prior": "1,1/2,2/1,3"}),
    "right column": make("gridworld", {"goals": "4,9,14,19,24"}),
    "absorbing": make("gridworld", TWO_EPISODES),
    "slip": make("gridworld", EIGHTHS | GRIDS["absorbing"] | {"episodes": "1"}),
}


@pytest.mark.verifies("bayes_optimal.1")
@pytest.mark.parametrize("name", PLAYED)
def test_the_optimal_player_earns_the_value_and_has_no_regret(name):
    family = PLAYED[name]
    ceiling = bayes_optimal.solve(family)
    learner = bayes_optimal.bayes_optimal(ceiling)
    state = learner.init(rng(), family)
    trial = learner.trial(rng(2), state, family, family.sample(rng(1), 4000))
    returns = trial.rewards.sum((1, 2))
    assert returns.std() > 0
    assert abs(returns.mean() - ceiling.value) < 5 * returns.std() / math.sqrt(4000)
    assert np.abs(bayes_optimal.regret(ceiling, trial)).max() < 1e-8
    assert learner.step(rng(), state, family) == (state, None)


@pytest.mark.verifies("bayes_optimal.1")
@pytest.mark.parametrize("name", ["bandit", "right column", "absorbing"])
def test_no_baseline_beats_the_value_and_all_pay_their_regret(name):
    family = PLAYED[name]
    ceiling = bayes_optimal.solve(family)
    tasks = family.sample(rng(1), 3000)
    for learner in posterior_sampling.baselines_for(family).values():
        trial = learner.trial(rng(2), learner.init(rng(), family), family, tasks)
        regret, returns = bayes_optimal.regret(ceiling, trial), trial.rewards.sum((1, 2))
        difference = ceiling.value - regret - returns
        assert abs(difference.mean()) < 5 * difference.std() / math.sqrt(3000)
        assert regret.min() > -1e-9 and regret.max() > 0.01


def test_the_optimal_player_breaks_ties_uniformly():
    family = make("bandit", {"arms": "4", "pulls": "2"})
    learner = bayes_optimal.bayes_optimal(bayes_optimal.solve(family))
    trial = learner.trial(rng(), learner.init(rng(), family), family, family.sample(rng(), 8000))
    shares = np.bincount(trial.actions[:, 0, 0], minlength=4) / 8000
    assert np.abs(shares - 0.25).max() < 5 * math.sqrt(3 / 16 / 8000)
    stays = trial.rewards[:, 0, 0] == 1
    same = trial.actions[:, 0, 0] == trial.actions[:, 1, 0]
    assert (same == stays).all()


def test_regret_refuses_histories_that_are_impossible_or_do_not_tell():
    family = make("gridworld", EIGHTHS | GRIDS["slip"])
    ceiling = bayes_optimal.solve(family)
    learner = posterior_sampling.random()
    trial = learner.trial(rng(), None, family, family.sample(rng(), 20))
    with pytest.raises(ValueError, match=r"without the arrivals of the last steps .* after step 2"):
        bayes_optimal.regret(ceiling, trial)
    for wrong in (0.3, 7.0, -7.0):
        with pytest.raises(ValueError, match=r"history must be possible .* impossible step 0"):
            bayes_optimal.regret(ceiling, trial._replace(rewards=0 * trial.rewards + wrong))
    jump = trial._replace(states=trial.states + 3 * (np.arange(3) == 1))
    with pytest.raises(ValueError, match="history must be possible"):
        bayes_optimal.regret(ceiling, jump)


@pytest.mark.parametrize("name", ["bandit", "absorbing"])
def test_a_ceiling_pickles(name):
    family = PLAYED[name]
    ceiling = bayes_optimal.solve(family)
    learner = bayes_optimal.bayes_optimal(ceiling)
    tasks = family.sample(rng(), 5)
    first = learner.trial(rng(), learner.init(rng(), family), family, tasks)
    copy, again = pickle.loads(pickle.dumps((ceiling, learner)))
    second = again.trial(rng(), again.init(rng(), family), family, tasks, greedy=True)
    assert (first.actions == second.actions).all()
    assert (bayes_optimal.regret(copy, first) == bayes_optimal.regret(ceiling, first)).all()
