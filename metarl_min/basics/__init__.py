"""The tools that every other room is written with.

arguments     checks of arguments: an error states the rule, then the value that broke it
records       NamedTuples that check their fields
numerals      numbers that are written as words
words         settings that are written as name=value
files         files that are replaced in one step, and directories with one writer
plugins       functions in files outside the package, by name
trees         parameters as flat dicts of float arrays, each treated as one vector
optimizers    gradient ascent, momentum and Adam
checks        numerical checks of derivatives
expectations  exact means and covariances of estimators, and a check that one is unbiased
"""
