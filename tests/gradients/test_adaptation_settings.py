"""adaptation_settings: the settings of adaptation resolved for a family, and what is refused."""

import numpy as np
import pytest
from problems import small_grid

from metarl_min.basics import words
from metarl_min.gradients import adaptation_settings
from metarl_min.gradients.adaptation_settings import Adaptation
from metarl_min.gradients.adaptation_settings import adaptation as resolve
from metarl_min.mdps import policies
from metarl_min.tasks import registry as families
from metarl_min.tasks.bandits import bandit, gaussian
from metarl_min.tasks.gridworlds import gridworld


def test_stages_are_k_steps_and_the_rest():
    family = bandit(pulls=10)

    def sizes(**settings):
        return resolve(family, **settings).sizes

    assert sizes() == (1,) * 10
    assert sizes(inner_episodes=3) == (3, 3, 3, 1)
    assert sizes(inner_steps=2, inner_episodes=3) == (3, 3, 4)
    assert sizes(inner_steps=4, inner_episodes=2) == (2,) * 5
    assert sizes(inner_steps=0) == (10,)


@pytest.mark.parametrize(("steps", "size", "most"), [(4, 3, 3), (5, 2, 4), (10, 1, 9), (1, 10, 0)])
def test_an_episode_follows_each_inner_step(steps, size, most):
    rule = rf"at most \(num_episodes - 1\) // inner_episodes = {most}, because an episode follows"
    with pytest.raises(ValueError, match=rf"{rule} each inner step, got {steps}$"):
        resolve(bandit(pulls=10), inner_steps=steps, inner_episodes=size)
    if most:
        how = resolve(bandit(pulls=10), inner_steps=most, inner_episodes=size)
        assert len(how.sizes) == most + 1 and sum(how.sizes) == 10
        with pytest.raises(ValueError, match=rule):
            how._replace(inner_steps=steps)


@pytest.mark.parametrize("size", [10, 11, 2**60])
def test_a_data_set_that_leaves_no_episode_is_refused(size):
    message = "inner_episodes must be below num_episodes = 10, because an episode follows"
    with pytest.raises(ValueError, match=message):
        resolve(bandit(pulls=10), inner_episodes=size)


@pytest.mark.parametrize(
    ("pulls", "inner_episodes", "inner_steps"),
    [
        (10, 1, 9),
        (3, 1, 2),
        (1, None, 0),
        (40, 1, 9),
        (10, 3, 3),
        (10, 5, 1),
        (4, 2, 1),
        (27, 3, 8),
    ],
)
def test_by_default_there_are_as_many_steps_as_an_episode_follows_and_at_most_nine(
    pulls, inner_episodes, inner_steps
):
    how = resolve(bandit(pulls=pulls), inner_episodes=inner_episodes)
    assert how.inner_steps == inner_steps == len(how.sizes) - 1


@pytest.mark.parametrize(
    ("name", "alpha", "gamma", "baseline"),
    [
        ("bandit", 4.0, 1.0, 0.5),
        ("correlated", 4.0, 1.0, 0.5),
        ("gaussian", 2.0, 1.0, 0.0),
        ("gridworld", 8.0, 0.5, 0.0),
        ("mdp", 1.0, 0.5, 0.0),
    ],
)
def test_settings_that_are_not_given_are_those_of_the_family(name, alpha, gamma, baseline):
    family = families.make(name, {})
    how = resolve(family)
    assert (how.alpha, how.gamma, how.baseline) == (alpha, gamma, baseline)
    assert (how.policy, how.inner_episodes, how.adapt) == (policies.tabular, 1, ())
    assert how.family is family and None not in how
    given = {"alpha": 0.0, "inner_steps": 1, "inner_episodes": 2, "baseline": 0.7, "gamma": 0.0}
    how = resolve(family, **given)
    assert [how.alpha, how.inner_steps, how.inner_episodes, how.baseline, how.gamma] == [
        *given.values()
    ]


# ---- the unit of the rewards ----


@pytest.mark.parametrize("unit", [2.0**-30, 0.01, 100.0, 2.0**40])
def test_a_default_with_the_dimension_of_a_reward_scales_with_the_unit(unit):
    grid = resolve(gridworld(goal_reward=unit, step_reward=-unit / 10))
    assert (grid.alpha, grid.baseline, grid.gamma) == (8.0 / unit, 0.0, 0.5)
    arms = resolve(gaussian(std=unit, noise=unit))
    assert (arms.alpha, arms.baseline) == (2.0 / unit, 0.0)
    own = resolve(bandit()._replace(unit=unit))
    assert (own.alpha, own.baseline) == (4.0 / unit, 0.5 * unit)
    own = resolve(bandit()._replace(unit=unit, name="mine"))
    assert (own.alpha, own.baseline) == (1.0 / unit, 0.0)


def test_a_number_that_is_given_is_taken_as_it_is():
    grid = resolve(gridworld(goal_reward=100.0), alpha=3.0, baseline=2.0)
    assert (grid.alpha, grid.baseline) == (3.0, 2.0)


def test_the_step_size_for_standardised_advantages_has_no_unit():
    grid = gridworld(goal_reward=100.0)
    how = resolve(grid, baseline="standardised", inner_episodes=2)
    assert how.alpha == 8.0
    assert adaptation_settings.unit_of_alpha(100.0, "standardised") == 1.0
    assert adaptation_settings.unit_of_alpha(100.0, "mean") == 100.0


# ---- words ----


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"policy": "network:3", "adapt": "W2,b2"},
        {"baseline": "mean", "inner_episodes": "2"},
        {"baseline": "leave_one_out", "inner_episodes": "2"},
        {"baseline": "linear", "inner_episodes": "2"},
        {"baseline": "standardised", "inner_episodes": "3"},
    ],
)
def test_the_words_of_an_adaptation_make_it_again(settings):
    family = bandit(arms=3)
    how = resolve(family, **words.parse_words("maml", resolve, settings))
    text = {name: str(word) for name, word in how.words.items()}
    again = resolve(family, **words.parse_words("maml", resolve, text))
    assert again.words == how.words and set(how.words) == set(words.keys(resolve))
    assert again.policy.word == how.policy.word and again[2:] == how[2:]


def test_without_an_inner_step_the_words_are_those_that_have_an_effect():
    for family, given in ((bandit(pulls=1), {}), (bandit(), {"inner_steps": 0})):
        how = resolve(family, **given)
        assert how.words == {"policy": "table", "inner_steps": 0}
        assert resolve(family, inner_steps=0).words == how.words


# ---- what is refused ----

OUT_OF_RANGE = [
    ({"alpha": np.nan}, ValueError, "alpha must be finite, from 0 to inf, got nan"),
    ({"alpha": -4.0}, ValueError, "alpha must be finite, from 0 to inf, got -4.0"),
    ({"alpha": "1"}, TypeError, "alpha must be a real number, got '1'"),
    ({"inner_steps": -1}, ValueError, "inner_steps must be at least 0, got -1"),
    ({"inner_steps": 11}, ValueError, "inner_steps must be at most"),
    ({"inner_steps": True}, TypeError, "inner_steps must be a whole number, got True"),
    ({"inner_episodes": 0}, ValueError, "inner_episodes must be at least 1, got 0"),
    ({"gamma": 1.5}, ValueError, "gamma must be finite, from 0 to 1, got 1.5"),
    ({"baseline": "median"}, ValueError, "baseline must be mean, leave_one_out, standardised"),
    ({"baseline": True}, TypeError, "baseline must be a real number, got True"),
    ({"policy": "table"}, TypeError, "policy must be a Policy and adapt a tuple of names"),
    ({"adapt": "logits"}, TypeError, "policy must be a Policy and adapt a tuple of names"),
    ({"adapt": ("W2",)}, ValueError, "adapt must name some of logits, got W2"),
    ({"adapt": ("logits",) * 2}, ValueError, "adapt must name a parameter once, got logits,logits"),
]


@pytest.mark.parametrize(("settings", "error", "message"), OUT_OF_RANGE)
def test_settings_out_of_range_are_refused_with_the_rule(settings, error, message):
    with pytest.raises(error, match=message):
        resolve(bandit(), **settings)


@pytest.mark.parametrize(("settings", "error", "message"), OUT_OF_RANGE)
def test_a_record_is_valid_from_the_moment_it_exists(settings, error, message):
    how = resolve(bandit())
    for make in (how._replace, lambda **new: Adaptation(**(how._asdict() | new))):
        with pytest.raises(error, match=message):
            make(**settings)


def test_a_family_is_a_family():
    for family in (None, "bandit", bandit):
        with pytest.raises(TypeError, match="family must be of type Family, got"):
            resolve(family)


@pytest.mark.parametrize("baseline", ["mean", "leave_one_out", "standardised", "linear"])
def test_a_baseline_that_swallows_its_own_data_is_refused(baseline):
    message = f"inner_episodes must be at least 2 where baseline is {baseline}"
    with pytest.raises(ValueError, match=message):
        resolve(bandit(), baseline=baseline)
    with pytest.raises(ValueError, match=message):
        resolve(bandit(), inner_episodes=2, baseline=baseline)._replace(inner_episodes=1)


def test_linear_needs_twice_as_many_episodes_as_its_fit_has_columns():
    family = small_grid(episodes=25)  # nine cells and four steps: twelve columns
    message = "at least 24 where baseline is linear, twice the number .* of its fit, 12, got 23"
    with pytest.raises(ValueError, match=message):
        resolve(family, baseline="linear", inner_episodes=23)
    assert resolve(family, baseline="linear", inner_episodes=24).inner_steps == 1


@pytest.mark.parametrize(
    "given",
    [
        {"alpha": 2.0}, {"inner_episodes": 1}, {"baseline": 0.5}, {"gamma": 0.5},
        {"adapt": ("logits",)},
    ],
)  # fmt: skip
def test_settings_of_inner_steps_are_refused_where_there_is_none(given):
    for family, more in ((bandit(pulls=1), {}), (bandit(), {"inner_steps": 0})):
        with pytest.raises(ValueError, match=r"where a trial has no inner step|below num_episodes"):
            resolve(family, **given, **more)


def test_numbers_are_converted():
    how = resolve(
        bandit(pulls=20), inner_steps=np.int8(3), inner_episodes=np.uint8(2), gamma=1, alpha=2
    )
    kinds = [type(x) for x in (how.inner_steps, how.inner_episodes, how.gamma, how.alpha)]
    assert kinds == [int, int, float, float]
