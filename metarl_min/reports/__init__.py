"""Reports: results as tables and pictures, progress, and the index of equations.

progress         the progress of a run
history          one line for each iteration of a run, in a file
score_intervals  scores where the Bayes-optimal return lies between two bounds
tables           results as text
line_labels      labels at the lines of a picture
plots            results as pictures
learning_curves  the picture of a training
comparison_pictures  the pictures of `compare`
trial_stages     the time line of a trial
simplex_pictures  inner steps of a bandit with three arms
grid_policies    policies and visits on a grid
memory_pictures  the memory of a recurrent policy in a trial
equations        the index of equations
"""
