"""Judges: classical players and the Bayes-optimal ceiling, all of them Learners."""
