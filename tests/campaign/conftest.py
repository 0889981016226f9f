"""The tables of base calls have no tests of their own."""

collect_ignore_glob = ["*_calls.py", "*_values.py", "__main__.py"]
