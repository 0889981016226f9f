"""Hypothesis: the same examples every time, or others each night (METARL_HYPOTHESIS=nightly)."""

import os

from hypothesis import settings

settings.register_profile("default", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("nightly", derandomize=False, deadline=None, max_examples=300)
settings.load_profile(os.environ.get("METARL_HYPOTHESIS", "default"))
