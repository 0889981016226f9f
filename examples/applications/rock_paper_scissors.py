# %% [markdown]
# # How to win rock-paper-scissors against an opponent of unknown style?
#
# Rock loses to paper, paper to scissors, and scissors to rock. A player who draws each move with
# probability 1/3 wins as often as it loses, against every opponent. But people play otherwise. In
# an experiment, the next move of a player depended on whether the last round was won, lost or drawn
# (Wang, Xu and Zhou 2014, *Social cycling and conditional responses in the Rock-Paper-Scissors
# game*, Scientific Reports 4). So a player who learns the style of the opponent within a few rounds
# can win more often than it loses.
#
# A trial is four matches against one opponent, and a match has five rounds. The reward of a round
# is 1 for a win, -1 for a loss and 0 for a draw, so the unit of a return is wins minus losses. The
# opponent keeps its style for all four matches. A new trial brings a new opponent.
#
# ## The family
#
# The state is the joint move of the last round: my move and the move of the opponent, nine pairs.
# A tenth state is the start of a match, when there is no last round. There are five styles, and the
# style of the opponent is hidden:
#
# - `copies`: it plays the move that I have just played.
# - `counters`: it plays the move that would have beaten my last move.
# - `stays or shifts`: it repeats a move that has won or drawn. After a loss it plays the move that
#   would have beaten me.
# - `loves rock`: it plays rock.
# - `random`: it draws each move with probability 1/3. On average, nobody wins.
#
# **The probabilities are invented.** Each style has probability 1/5. An opponent that is not random
# follows its style in 80 % of the rounds, and makes each of the other two moves in 10 %. The first
# move of a match is drawn at random, except for `loves rock`.

# %%
from functools import partial

import numpy as np

from metarl_min.baselines import act_by, learner_of_agent, random_argmax
from metarl_min.basics.arguments import whole
from metarl_min.cli.budgets import Budget
from metarl_min.mdps import rollouts
from metarl_min.mdps.agents import Agent, keep_memory
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import family_of_candidates

ROCK, PAPER, SCISSORS = range(3)  # move (m + 1) % 3 beats move m
START = 9  # the state 3 * mine + theirs is a joint move, and state 9 is the start of a match
FOLLOWS = 0.8  # probability that an opponent follows its style
MINE, THEIRS = np.divmod(np.arange(9), 3)  # the moves of the last round in each state
WINS = np.array([0.0, 1.0, -1.0])[(MINE - THEIRS) % 3]  # reward of each joint move
RANDOM = np.full(3, 1 / 3)


def follows(move):
    """Return the probabilities of the moves of an opponent whose style says `move`. [3]"""
    return np.where(np.arange(3) == move, FOLLOWS, (1 - FOLLOWS) / 2)


def styles():
    """Return, for each style, the probability of each move in each state. [S, 3] each"""
    beats_mine = (MINE + 1) % 3
    says = {
        "copies": MINE,
        "counters": beats_mine,
        "stays or shifts": np.where(WINS == 1, beats_mine, THEIRS),
    }
    found = {name: [*map(follows, moves), RANDOM] for name, moves in says.items()}
    found |= {"loves rock": [follows(ROCK)] * 10, "random": [RANDOM] * 10}
    return {name: np.array(moves) for name, moves in found.items()}


def rock_paper_scissors(*, matches: int = 4, rounds: int = 5):
    """Return an opponent of a hidden style.

    matches  matches against one opponent, the episodes of a trial
    rounds   rounds of one match
    """
    moves = np.stack(list(styles().values()))  # [G, S, 3]
    transition = np.zeros((len(moves), 10, 3, 10))
    for mine in range(3):
        transition[:, :, mine, 3 * mine : 3 * mine + 3] = moves
    reward = np.append(WINS, 0.0)  # the arrival is the joint move; no step arrives at the start
    return family_of_candidates(
        name="rock_paper_scissors",
        parameters={"matches": matches, "rounds": rounds},
        mdps=MDP(np.eye(10)[None, START], transition, reward[None, None, None]),
        weights=np.full(len(moves), 1 / len(moves)),
        horizon=whole("rounds", rounds),
        num_episodes=whole("matches", matches),
        noise=rollouts.deterministic,
    )


# %% [markdown]
# The ceiling is exact, although 20 rounds have more than 10^19 histories. A belief depends only
# on the number of rounds in which the opponent followed each style (`ceilings/belief_vectors`).
#
# ```
# cd examples/applications
# python -m metarl_min ceiling rock_paper_scissors.py:rock_paper_scissors
# python -m metarl_min compare --tasks rock_paper_scissors.py:rock_paper_scissors
# ```
#
# `compare` trains every learner with a short budget.
#
# ## Who plays
#
# Three players are not trained. `counts` knows the rules of the game, and nothing about opponents.
# It counts the moves of the opponent after each joint move, adds 1 to each count, and plays the
# move that wins most often against these counts. This is fictitious play (Brown 1951) for each
# state. `psrl` and `qmdp` have the five styles with all their probabilities. `psrl` draws one style
# from the posterior before each match and plays against this style. `qmdp` updates the posterior
# after each round. It values each move as if the next round told it the style, averages this value
# over the styles, and plays the best move.
#
# The learners have no list of styles. They train against simulated opponents, and see joint moves.


# %%
def no_moves(num_tasks):
    """Return the counts [B, S, 3] of a new opponent."""
    return np.ones((num_tasks, 10, 3))


def count_move(counts, states, actions, rewards, arrivals):
    """Return the counts after one more move of the opponent."""
    counts = counts.copy()
    counts[np.arange(len(counts)), states, arrivals % 3] += 1
    return counts


def choose_by_counts(rng, counts, states):
    """Choose the move with the most wins minus losses against the counts of the state. [B]"""
    theirs = counts[np.arange(len(counts)), states]  # [B, 3]
    return random_argmax(rng, theirs @ WINS.reshape(3, 3).T)


def counts(family):
    """Return the player that counts the moves of the opponent in each state."""
    agent = Agent(
        start=no_moves,
        begin_episode=keep_memory,
        act=partial(act_by, choose=choose_by_counts),
        observe=count_move,
    )
    return learner_of_agent(family, agent)


PLAYERS = {"counts": counts}

# The alpha of each learner was chosen among 1, 4 and 16, with a seed that is not used below.
ASCENT = {"num_tasks": "100", "beta": "0.1"}
LEARNERS = {
    "maml": Budget(500, {"alpha": "16", **ASCENT}),
    "fomaml": Budget(500, {"alpha": "4", **ASCENT}),
    "reptile": Budget(500, {"alpha": "16", **ASCENT}),
    "meta_sgd": Budget(500, {"alpha": "4", **ASCENT}),
    "rl2": Budget(1500),
    "mann": Budget(700),
    "es": Budget(600, {"beta": "0.1"}),
    "ga": Budget(150),
    "es_maml": Budget(300, {"alpha": "1", "beta": "0.1"}),
    "evolved_rule": Budget(200, {"beta": "0.2"}),
}
FAMILY = rock_paper_scissors
EPISODES, FIRST = (1, 2, 3, 4), 1
SHOWN = ("rl2", "psrl", "es", "counts", "maml")
CURVES = {"bayes_optimal": "Bayes-optimal, qmdp", **{name: name for name in SHOWN}}
CURVES["maml untrained"] = "maml, untrained"
AXES = {"xlabel": "match against the same opponent", "ylabel": "wins minus losses in the match"}

# %% [markdown]
# ## Results
#
# The score is 0 for the random player and 1 for the Bayes-optimal player. The row of a learner
# shows its median seed on 10,000 fresh opponents, and the range of its five scores on 500 others.
# `untrained` is the score without meta-training, `ep 1` is the return of the first match, and
# `after 1` is the sum over all later matches.
#
# ```
#                return   score         5 seeds  untrained   ep 1  ep 2  ep 3  ep 4  after 1
# maml             5.13   0.603  0.592 .. 0.619      0.271   1.10  1.26  1.38  1.39     4.03
# fomaml           5.05   0.592  0.591 .. 0.592      0.271   1.26  1.24  1.29  1.26     3.79
# reptile          5.04   0.591  0.586 .. 0.593      0.271   1.26  1.24  1.28  1.26     3.78
# meta_sgd         5.11   0.601  0.590 .. 0.612      0.271   1.18  1.23  1.34  1.36     3.93
# rl2              8.10   0.951  0.954 .. 0.956     -0.002   1.56  2.07  2.23  2.24     6.53
# mann             7.99   0.939  0.933 .. 0.943     -0.002   1.58  2.03  2.16  2.22     6.41
# es               5.77   0.673  0.629 .. 0.846     -0.001   1.26  1.52  1.52  1.47     4.51
# ga               5.22   0.607  0.558 .. 0.689     -0.118   1.13  1.35  1.36  1.38     4.09
# es_maml          5.31   0.628  0.589 .. 0.624      0.271   1.00  1.31  1.47  1.53     4.31
# evolved_rule     2.87   0.336  0.325 .. 0.336      0.077   0.13  0.57  0.99  1.18     2.74
# bayes_optimal    8.52   1.000                              1.61  2.20  2.33  2.37     6.90
# random           0.01  -0.002                             -0.02  0.01  0.01  0.01     0.02
# psrl             6.22   0.734                              0.32  1.64  2.05  2.22     5.90
# counts           4.28   0.499                              0.30  0.97  1.37  1.64     3.98
# qmdp             8.49   1.000                              1.62  2.19  2.32  2.36     6.87
# ```
#
# ![wins minus losses in each match](results/rock_paper_scissors.png)
#
# `python examples/applications/measure.py rock_paper_scissors` measures everything again.


# %%
def answer(result):
    """Return the answer of this page, from its results."""
    rows = {**result["players"], **result["learners"]}
    score = {name: row["score"] for name, row in rows.items()}
    late = {name: sum(row["per_episode"][FIRST:]) for name, row in rows.items()}
    low, high = min(rows["rl2"]["seeds"]), max(rows["rl2"]["seeds"])
    untrained = {name: rows[name]["untrained"]["score"] for name in ("rl2", "maml")}
    assert score["qmdp"] > high + 0.02 and low > score["psrl"] + 0.05
    assert min(rows["maml"]["seeds"]) > untrained["maml"] + 0.05
    assert late["qmdp"] > late["rl2"] > late["psrl"] > late["maml"] > late["counts"] - 0.2
    return (
        f"Answer: qmdp, if the styles are known. It scores {score['qmdp']:.3f}, and no learner "
        "beats it, neither at first nor later. If the styles are not known but opponents can be "
        f"simulated: rl2. Its five seeds score {low:.3f} to {high:.3f}; without meta-training it "
        f"scores {untrained['rl2']:.3f}. After the first match it wins {late['rl2']:.2f} rounds "
        f"more than it loses, and qmdp {late['qmdp']:.2f}. maml scores {score['maml']:.3f}, and "
        f"{untrained['maml']:.3f} without meta-training. After the first match it wins "
        f"{late['maml']:.2f} more than it loses, and `counts`, which knows no styles, "
        f"{late['counts']:.2f}."
    )


if __name__ == "__main__":
    import measure

    measure.show("rock_paper_scissors")


# %% [markdown]
# Answer: qmdp, if the styles are known. It scores 1.000, and no learner beats it, neither at first
# nor later. If the styles are not known but opponents can be simulated: rl2. Its five seeds score
# 0.954 to 0.956; without meta-training it scores -0.002. After the first match it wins 6.53 rounds
# more than it loses, and qmdp 6.87. maml scores 0.603, and 0.271 without meta-training. After the
# first match it wins 4.03 more than it loses, and `counts`, which knows no styles, 3.98.
#
# ## What to choose
#
# - If you have a list of styles, use qmdp. A player sees the moves of the opponent whatever it
#   plays, so nobody needs to explore, and the score of qmdp is less than 0.0001 below 1. psrl has
#   the same list, but it plays each match against the style that it has drawn.
# - rl2 needs no list, but simulated opponents: one seed has met 96,000. All its seeds come close to
#   qmdp, and mann is nearly as good. es evolves such a network too, but its seeds differ much.
# - `counts` needs no list and no simulator. It learns each of the ten states separately, and 20
#   rounds are few for ten states.
# - maml and its relatives change little from match to match. Meta-training finds a start that earns
#   something against most styles.
# - evolved_rule learns each state from rewards alone. `counts` also uses the rules of the game.
