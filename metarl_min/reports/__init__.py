"""Reports: results as tables and pictures, progress, and the index of equations.

progress         the progress of a run
history          one line for each iteration of a run, in a file
tables           results as text
plots            results as pictures
learning_curves  the picture of a training
equations        the index of equations
"""
