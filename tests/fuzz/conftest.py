"""Profiles of Hypothesis: "short" for every run, "long" for ``FUZZ=long``."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

#: How many times as many examples the long profile tries.
LONG = 30

# The fixtures hold nothing that an example leaves behind: each test clears its application itself.
COMMON = settings(
    deadline=None,
    database=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

settings.register_profile("short", COMMON, max_examples=100, stateful_step_count=25)
settings.register_profile("long", COMMON, max_examples=100 * LONG, stateful_step_count=40)

settings.load_profile("long" if os.environ.get("FUZZ") == "long" else "short")
