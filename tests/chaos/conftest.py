from __future__ import annotations

import logging
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SEED = int(os.environ.get("APLAY_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)


@pytest.fixture
def seed() -> int:
    """What repeats a run: ``APLAY_CHAOS_SEED``, told with a failure."""
    sys.stdout.write(f"APLAY_CHAOS_SEED={SEED}\n")
    return SEED


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    """A folder for an engine."""
    return tmp_path / "mail"


@pytest.fixture(autouse=True)
def _log_nothing() -> Iterator[None]:
    """Thousands of handlers raise here, each with a traceback."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)
