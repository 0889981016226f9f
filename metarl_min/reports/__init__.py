"""Reports: results as tables and pictures, progress, and the index of equations.

progress         the progress of a run
history          one line for each iteration of a run, in a file
score_intervals  scores where the Bayes-optimal return lies between two bounds
tables           results as text
plots            results as pictures
line_labels      labels at the lines of a picture
learning_curves  the picture of a training
comparison_pictures  the pictures of `compare`
equations        the index of equations
"""
