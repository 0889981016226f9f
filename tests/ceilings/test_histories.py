"""Histories that cannot be are refused by every solver, and those that can be are not."""

from functools import partial

import numpy as np
import pytest
from comparing import rng

from metarl_min import evaluation
from metarl_min.baselines import posterior_sampling
from metarl_min.ceilings import bayes_optimal, goal_search, histories
from metarl_min.mdps import rollouts
from metarl_min.mdps.episodes import map_fields
from metarl_min.tasks import family_of_candidates
from metarl_min.tasks.bandits import bandit, bandit_mdps, contextual, correlated
from metarl_min.tasks.gridworlds import gridworld

TWO_SETS = family_of_candidates(
    "sets", {}, bandit_mdps(np.array([[0.2, 1.0], [0.9, 0.0]])), np.full(2, 0.5), 1, 3,
    rollouts.bernoulli,
)  # fmt: skip
GRID = gridworld(size=3, start=4, goals=(0, 2, 8), horizon=4, episodes=2)
CORNER = gridworld(size=3, start=0, stay=0, horizon=6, episodes=2, terminate=1, step_reward=0.0)


def by_walk(family):
    """The ceiling by the best walk, where `solve` may choose the subsets."""
    return goal_search.solve(family, goal_search.recognise(family))


CEILINGS = {
    "beta": bayes_optimal.solve(bandit(arms=2, pulls=3)),
    "correlated": bayes_optimal.solve(correlated(pulls=3)),
    "sets": bayes_optimal.solve(TWO_SETS),
    "contextual": bayes_optimal.solve(contextual(cues=2, arms=2, pulls=3)),
    "subsets": bayes_optimal.solve(GRID),
    "absorbing subsets": bayes_optimal.solve(CORNER),
    "walk": by_walk(GRID),
    "absorbing walk": by_walk(CORNER),
}


def played(name, num_tasks=30):
    """Trials that can be: those of a random player, or of the optimum where only it has values."""
    ceiling = CEILINGS[name]
    if "walk" in name:
        player = bayes_optimal.bayes_optimal(ceiling.family, ceiling)
    else:
        player = posterior_sampling.random(ceiling.family)
    tasks = ceiling.family.sample(rng(), num_tasks)
    return player.trial(rng(1), player.init(rng()), tasks)


@pytest.mark.parametrize("name", CEILINGS)
def test_what_was_played_is_possible_in_any_whole_or_real_dtype(name):
    ceiling, trial = CEILINGS[name], played(name)
    regret = bayes_optimal.regret(ceiling, trial)
    assert regret.shape == (30,) and regret.min() > -1e-9
    narrow = trial._replace(
        states=trial.states.astype(np.uint8), actions=trial.actions.astype("i1")
    )
    assert (bayes_optimal.regret(ceiling, narrow) == regret).all()


def changed(field, place, value):
    """Write one value into a field of the trials of task 7."""

    def change(trial):
        array = getattr(trial, field).copy()
        array[(7, *place)] = value
        return trial._replace(**{field: array})

    return change


def with_field(field, function):
    return lambda trial: trial._replace(**{field: function(getattr(trial, field))})


def every_field(function):
    return lambda trial: map_fields(function, trial)


FIRST, LAST = (0, 0), (-1, -1)
IMPOSSIBLE = "history must be possible under the prior, got an impossible step"
MUTATIONS = {
    "a reward of no task": (changed("rewards", FIRST, 0.3), ValueError, IMPOSSIBLE),
    "a negative reward": (changed("rewards", FIRST, -1.0), ValueError, IMPOSSIBLE),
    "a last reward of no task": (changed("rewards", LAST, 0.3), ValueError, IMPOSSIBLE),
    "a NaN": (changed("rewards", FIRST, np.nan), ValueError, "rewards must be finite, got"),
    "an infinite last reward": (changed("rewards", LAST, np.inf), ValueError, "must be finite"),
    "an action of -1": (changed("actions", FIRST, -1), ValueError, "actions must be from 0 to"),
    "a last action of -1": (changed("actions", LAST, -1), ValueError, "actions must be from 0 to"),
    "an action too many": (changed("actions", LAST, 99), ValueError, "got 99"),
    "a state of -1": (changed("states", FIRST, -1), ValueError, "states must be from 0 to"),
    "a state too many": (changed("states", LAST, 99), ValueError, "got 99"),
    "states of floats": (with_field("states", np.float64), TypeError, "whole numbers, got float64"),
    "actions of floats": (with_field("actions", np.float64), TypeError, "actions must be an array"),
    "complex rewards": (with_field("rewards", np.complex128), TypeError, "floats, got complex128"),
    "rewards of text": (
        with_field("rewards", lambda x: x.astype(str)),
        TypeError,
        "of floats, got",
    ),
    "too short": (every_field(lambda x: x[:, :-1]), ValueError, "must have the shape"),
    "too long": (every_field(lambda x: np.repeat(x, 2, 1)), ValueError, "must have the shape"),
    "no axis of tasks": (every_field(lambda x: x[0]), ValueError, "must have the shape"),
    "one field of another shape": (with_field("alive", lambda x: x[:5]), ValueError, "the shape"),
    "no tasks": (every_field(lambda x: x[:0]), ValueError, r"at least 1|the shape .* got .0, "),
}


@pytest.mark.parametrize("name", CEILINGS)
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_regret_refuses_what_cannot_be(name, mutation):
    change, error, words = MUTATIONS[mutation]
    with pytest.raises(error, match=words):
        bayes_optimal.regret(CEILINGS[name], change(played(name)))


@pytest.mark.parametrize("name", CEILINGS)
def test_a_score_refuses_what_cannot_be(name):
    def trial(rng, state, tasks, greedy=False):
        return change(played(name, 10))

    change = MUTATIONS["a reward of no task"][0]
    player = posterior_sampling.random(CEILINGS[name].family)._replace(trial=trial)
    if CEILINGS[name].every_history:
        with pytest.raises(ValueError, match=IMPOSSIBLE):
            evaluation.evaluate(player, (), num_tasks=10, seed=0, ceiling=CEILINGS[name])


@pytest.mark.parametrize("name", CEILINGS)
def test_a_belief_ends_with_the_trial(name):
    ceiling, trial = CEILINGS[name], played(name)
    belief, num_steps = ceiling.start(30), ceiling.family.num_episodes * ceiling.family.horizon
    steps = [x.reshape(30, num_steps) for x in trial[:3]]
    for t in range(num_steps):
        belief = ceiling.observe(belief, *(x[:, t] for x in steps), None)
    over = f"the trial must not be over, it has {num_steps} steps, got {num_steps}"
    with pytest.raises(ValueError, match=over):
        ceiling.observe(belief, *(x[:, 0] for x in steps), None)
    with pytest.raises(ValueError, match=over):
        ceiling.action_values(belief, steps[0][:, 0])


@pytest.mark.parametrize("name", ["subsets", "absorbing subsets", "walk", "absorbing walk"])
def test_a_grid_refuses_jumps_other_starts_and_rewards_of_other_cells(name):
    ceiling, trial = CEILINGS[name], played(name)
    start = ceiling.family.prior.mdps.initial[0].argmax()
    for place, words in (((0, 0), "impossible step 0"), ((1, 0), "impossible step [46]")):
        with pytest.raises(ValueError, match=f"possible under the prior, got an {words}"):
            bayes_optimal.regret(ceiling, changed("states", place, (start + 1) % 9)(trial))
    with pytest.raises(ValueError, match=r"possible under the prior, got an impossible step 0"):
        bayes_optimal.regret(ceiling, changed("states", (0, 1), 6)(trial))
    stays = changed("states", (0, 1), start)(changed("actions", (0, 0), 0)(trial))
    no_goal = changed("rewards", (0, 0), 1.0)(stays)  # the start is the goal of no task
    with pytest.raises(ValueError, match=r"possible under the prior, got an impossible step 0"):
        bayes_optimal.regret(ceiling, no_goal)


@pytest.mark.parametrize("solver", [bayes_optimal.solve, by_walk])
def test_a_goal_that_was_ruled_out_is_never_found(solver):
    """Two goals beside the start: a walk that sees neither, or sees one twice, cannot be."""
    family = gridworld(size=3, start=4, goals=(1, 3), horizon=2, episodes=2)
    ceiling = solver(family)
    up, down, left, right = range(4)

    def history(actions, rewards, cells):
        belief, state = ceiling.start(1), 4
        for t, (action, reward, cell) in enumerate(zip(actions, rewards, cells, strict=True)):
            step = (np.array([x]) for x in (state, action))
            belief = ceiling.observe(belief, *step, np.array([reward]), np.array([cell]))
            state = cell if t % 2 == 0 else 4
        return belief

    history([up, down, left, right], [-0.1, -0.1, 1.0, -0.1], [1, 4, 3, 4])
    with pytest.raises(ValueError, match=f"{IMPOSSIBLE} 2"):  # neither cell is the goal
        history([up, down, left], [-0.1, -0.1, -0.1], [1, 4, 3])
    with pytest.raises(ValueError, match=f"{IMPOSSIBLE} 2"):  # the goal was not there before
        history([up, down, up], [-0.1, -0.1, 1.0], [1, 4, 1])
    with pytest.raises(ValueError, match=f"{IMPOSSIBLE} 2"):  # the goal is known to pay
        history([up, down, up], [1.0, -0.1, -0.1], [1, 4, 1])
    with pytest.raises(ValueError, match=f"{IMPOSSIBLE} 2"):  # and to be the only one
        history([up, down, left], [1.0, -0.1, 1.0], [1, 4, 3])
    with pytest.raises(ValueError, match=f"{IMPOSSIBLE} 0"):  # the step ends in another cell
        history([up], [-0.1], [3])


def test_the_states_are_the_arrivals_of_the_step_before():
    ceiling = CEILINGS["subsets"]
    one = np.ones(1, int)
    belief = ceiling.observe(ceiling.start(1), 4 * one, 0 * one, np.array([-0.1]), one)
    ceiling.action_values(belief, one)
    with pytest.raises(ValueError, match=r"must be the arrivals of the step before, got \[2\]"):
        ceiling.action_values(belief, 2 * one)


def test_states_may_be_left_out_only_where_there_is_one():
    assert CEILINGS["beta"].action_values(CEILINGS["beta"].start(2), None).shape == (2, 2)
    with pytest.raises(TypeError, match="states must be an array of whole numbers, got NoneType"):
        CEILINGS["subsets"].action_values(CEILINGS["subsets"].start(2), None)


def test_what_is_no_history_is_refused_by_its_type():
    ceiling, trial = CEILINGS["beta"], played("beta")
    with pytest.raises(TypeError, match="ceiling must be of type Ceiling, got NoneType"):
        bayes_optimal.regret(None, trial)
    with pytest.raises(TypeError, match="episodes must be of type Episodes, got list"):
        bayes_optimal.regret(ceiling, list(trial))
    for wrong in (None, np.zeros((1, 2, 2), int)):
        with pytest.raises(TypeError, match="belief must be of type History"):
            ceiling.action_values(wrong, np.zeros(1, int))
    for wrong in (1.5, True, "2"):
        with pytest.raises(TypeError, match="num_tasks must be a whole number"):
            ceiling.start(wrong)


def test_a_ceiling_of_another_family_is_refused():
    family = bandit(arms=2, pulls=3)
    ceiling, same = bayes_optimal.solve(family), bandit(arms=2, pulls=3)
    player = posterior_sampling.random(same)
    assert evaluation.evaluate(player, (), num_tasks=50, seed=0, ceiling=ceiling).score is not None
    bayes_optimal.bayes_optimal(same, ceiling)
    others = [
        bandit(arms=2, pulls=4),
        bandit(arms=3, pulls=3),
        bandit(arms=2, pulls=3, prior=((1, 9),)),
        same._replace(reward_noise=partial(rollouts.gaussian, std=1.0)),
        correlated(pulls=3),
    ]
    rule = r"the ceiling must be that of the family, .*, got one of bandit"
    for other in others:
        with pytest.raises(ValueError, match=rule):
            bayes_optimal.bayes_optimal(other, ceiling)
        player = posterior_sampling.random(other)
        with pytest.raises(ValueError, match=rule):
            evaluation.evaluate(player, (), num_tasks=50, seed=0, ceiling=ceiling)
    with pytest.raises(TypeError, match="ceiling must be of type Ceiling, got NoneType"):
        bayes_optimal.bayes_optimal(same, None)


def test_a_shape_of_trials_is_that_of_the_tasks():
    for ceiling in CEILINGS.values():
        family, shape = ceiling.family, histories.trial_shape(ceiling.family)
        tasks = family.sample(rng(), 200)
        assert (shape.num_states, shape.num_actions) == tasks.shape
        agent = bayes_optimal.bayes_optimal(family, ceiling)
        episodes = agent.trial(rng(), (), tasks)
        assert set(np.flatnonzero(shape.may_start)) == set(episodes.states[..., 0].ravel())
        assert episodes.rewards[0].size == shape.num_steps
