"""Players that are not trained.

bandits             Thompson sampling, UCB1, greedy and other players of bandits
bayesian_bandits    players of bandits that use the prior
gittins             Gittins indices by two definitions
index_policies      players that follow a table of Gittins indices
dirichlet_mdps      players of random MDPs that use the prior
posterior_sampling  the random player and posterior sampling
published           published tables of these players
"""
