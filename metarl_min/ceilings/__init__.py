"""The best return that any player can earn: exact values and rigorous bounds.

ceilings       a ceiling: the Bayes-optimal value with its tables
beta_arms      Bernoulli arms with independent Beta priors
posteriors     two arms whose means depend on each other
beliefs        a finite set of candidate tasks
walks          branch and bound over walks on a grid
goal_search    one goal among many cells, by the best walk
normal_bounds  bounds for normal rewards
bounds         bounds where no exact value is within reach
bayes_optimal  the solver that fits a family, and the player of its solution
"""
