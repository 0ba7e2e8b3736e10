"""How long hypothesis looks: by the variable ``HYPOTHESIS_PROFILE``."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

SEARCH = (Phase.explicit, Phase.generate)

PROFILES = {
    "brief": settings(max_examples=100, stateful_step_count=30, derandomize=True, phases=SEARCH),
    "default": settings(max_examples=600, stateful_step_count=30, derandomize=True),
    "nightly": settings(max_examples=20_000, stateful_step_count=50, print_blob=True),
}


def profile() -> settings:
    """Return the settings that the environment asks for.

    ===========  ============================================================
    profile      examples
    ===========  ============================================================
    ``default``  the same 600 each time, in about 20 seconds
    ``nightly``  20,000 longer ones, others each time
    ``brief``    100 of the default ones; a failure is not brought to its core
    ===========  ============================================================
    """
    name = os.environ.get("HYPOTHESIS_PROFILE", "default")
    if name not in PROFILES:
        raise ValueError(f"HYPOTHESIS_PROFILE: got {name!r}, want one of {sorted(PROFILES)}")
    slow = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
    return settings(PROFILES[name], database=None, deadline=None, suppress_health_check=slow)
