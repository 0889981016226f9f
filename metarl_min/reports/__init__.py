"""Reports: results as tables and pictures, progress, and the index of equations.

progress   the progress of a run
tables     results as text
plots      results as pictures
equations  the index of equations
"""
