"""Habits of a player, measured on its trials, and the name of what the player does.

A name says what the player does, and never how much it earns. The habits are shares of sampled
pulls, steps or trials. The limits of the names are conventions, and some seeds lie near them.

On a bandit the names are, and the first one that fits counts:

    one arm               it pulls one arm in at least 80 % of all pulls
    a fixed order         a win and a loss lead to nearly the same next arm
    an arm is dropped     it hardly ever pulls one of the arms with the largest prior mean
    the last reward only  after a loss, it hardly matters what the arm has paid before
    each arm once         it first pulls every arm once, whatever the first arms pay
    it uses the record    none of these

On the grid with `goals=4,9,14,19,24` they are:

    it wanders           it spends most of its time outside of the column of the goals
    one goal only        it reaches one goal, and hardly ever another one
    some goals only      if the goal is one of the others, it is hardly ever reached
    it forgets the goal  in the last episode it often misses the goal that the first one found
    it returns           none of these
"""

from typing import NamedTuple

import numpy as np

BANDIT_NAMES = (
    "one arm", "a fixed order", "an arm is dropped", "the last reward only", "each arm once",
    "it uses the record",
)  # fmt: skip
GRID_NAMES = (
    "it wanders", "one goal only", "some goals only", "it forgets the goal", "it returns",
)  # fmt: skip


class BanditHabits(NamedTuple):
    """Shares of the pulls of many trials."""

    shares: list[float]  # of each arm in all pulls
    after_win: float  # share of stays after a win
    after_loss: float  # share of stays after a loss
    after_loss_of_bad_arm: float  # .. if the arm has not paid yet in the trial
    after_loss_of_good_arm: float  # .. if the arm has paid more often than not
    each_once: float  # share of the trials whose first A pulls are pulls of A arms


class GridHabits(NamedTuple):
    """Shares of the trials, except for the first field."""

    in_column: float  # share of the steps that end in the column of the goals
    reached: list[float]  # share of the last episodes with each goal in which it was reached
    found: float  # share of the first episodes in which the goal was found
    found_again: float  # .. of the last episodes, if it was found in the first episode


def mean_where(values, condition):
    """Return the mean of the values for which the condition holds; NaN if there are none."""
    return float(values[condition].mean()) if condition.any() else float("nan")


def bandit_habits(episodes, num_arms):
    """Return the habits on trials of a bandit. Arrays of the episodes are [M, N, 1]."""
    arms, wins = episodes.actions[..., 0], episodes.rewards[..., 0] > 0
    pulled = np.eye(num_arms)[arms]  # [M, N, A]
    own = (*np.ogrid[: len(arms), : arms.shape[1]], arms)
    num_wins = (pulled * wins[..., None]).cumsum(1)[own][:, :-1]  # of the arm that was just pulled
    num_pulls = pulled.cumsum(1)[own][:, :-1]
    stays, won = arms[:, 1:] == arms[:, :-1], wins[:, :-1]
    return BanditHabits(
        shares=pulled.mean((0, 1)).tolist(),
        after_win=mean_where(stays, won),
        after_loss=mean_where(stays, ~won),
        after_loss_of_bad_arm=mean_where(stays, ~won & (num_wins == 0)),
        after_loss_of_good_arm=mean_where(stays, ~won & (num_wins > num_pulls / 2)),
        each_once=float((pulled[:, :num_arms].max(1) > 0).all(-1).mean()),
    )


def bandit_name(habits, prior_means):
    """Return the name of a player of a bandit. The prior means are those of the arms."""
    likeliest = [
        share
        for share, mean in zip(habits.shares, prior_means, strict=True)
        if mean > max(prior_means) - 1e-9
    ]
    if max(habits.shares) >= 0.8:
        return "one arm"
    if habits.after_win - habits.after_loss < 0.15:
        return "a fixed order"
    if min(likeliest) < 0.02:
        return "an arm is dropped"
    if habits.after_loss_of_good_arm - habits.after_loss_of_bad_arm < 0.2:
        return "the last reward only"
    if habits.each_once > 0.9:
        return "each arm once"
    return "it uses the record"


def grid_habits(episodes, goals):
    """Return the habits on trials of a grid. Arrays of the episodes are [M, N, T].

    The column of the goals is the set of the goals. Each goal has the same chance, so the number
    of trials with a certain goal is the number of trials, divided by the number of goals.
    """
    ends = np.concatenate([episodes.states[..., 1:], episodes.last_arrivals[..., None]], axis=-1)
    found = (episodes.rewards > 0).any(-1)  # [M, N]
    last = np.where(episodes.rewards[:, -1] > 0, ends[:, -1], -1)  # [M, T] the goal, or -1
    return GridHabits(
        in_column=float(np.isin(ends, goals).mean()),
        reached=[float(len(goals) * (last == goal).any(-1).mean()) for goal in goals],
        found=float(found[:, 0].mean()),
        found_again=mean_where(found[:, -1], found[:, 0]),
    )


def grid_name(habits):
    """Return the name of a player of the grid."""
    if habits.in_column < 0.5:
        return "it wanders"
    if sorted(habits.reached)[-2] < 0.1:
        return "one goal only"
    if min(habits.reached) < 0.1:
        return "some goals only"
    return "it forgets the goal" if habits.found_again < 0.9 else "it returns"
