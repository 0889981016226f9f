"""The command line, `python -m metarl_min`.

jobs              independent pieces of work, spread over processes
console           messages, JSON and words that all commands share
environment       the versions and the machine on which the bits of a result depend
engines           the processes that perform the work: of this machine, of Dask or of MPI
runs              run directories
budgets           the length of training of each learner in the comparison
best_returns      the Bayes-optimal return of a family, or its bounds
score_rows        the scores of a learner, of its start and of its control
comparison        every learner and every baseline on the same fresh tasks
estimation        the work of `estimators`
baseline_columns  the columns of the published tables
published_tables  the work of `tables`
run_commands      the commands `train` and `evaluate`
commands          the commands that print tables
settings_help     the settings of one learner or family, for --help
option_values     the values of options, read from words
parser            the commands and their options
main              from the words to the exit status
"""
