"""The command line, `python -m metarl_min`.

runs              run directories
comparison        the jobs of `compare`
estimation        the work of `estimators`
columns           the columns of the published tables
published_tables  the work of `tables`
commands          the work of each command
main              the words of the command line
"""
