"""Players that are not trained.

bandits        Thompson sampling, UCB1, greedy and other players of bandits
arms           players of bandits that use the prior
gittins        Gittins indices by two definitions
index_policies  players that follow a table of Gittins indices
dirichlet      players of random MDPs that use the prior
mdps           the random player and posterior sampling
published      published tables of these players
"""
