"""What people look at.

progress   a bar that shows how far a run is
tables     results as text
plots      results as pictures
equations  the index of equations
"""
