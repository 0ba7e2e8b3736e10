"""From which level on whose records are written."""

from __future__ import annotations

import logging

import pytest

from aplay_host.kernel import Address
from aplay_host.telemetry.levels import Levels

LEVELS = Levels.of(
    "info",
    {
        "/ingest/**": "debug",
        "/ingest/noisy": "error",
        "/*": "warning",
        "acme": "error",
        "acme.sql": "debug",
        "lib.*.wire": "error",
    },
)


@pytest.mark.parametrize(
    ("logger", "actor", "least"),
    [
        ("other", None, logging.INFO),
        ("other", "/a/b", logging.INFO),
        ("other", "/ingest", logging.DEBUG),
        ("other", "/ingest/a/b", logging.DEBUG),
        ("other", "/ingest/noisy", logging.ERROR),
        ("other", "/top", logging.WARNING),
        ("acme", None, logging.ERROR),
        ("acme.web", None, logging.ERROR),
        ("acme.sql", None, logging.DEBUG),
        ("acme.sql.pool", None, logging.DEBUG),
        ("acmesql", None, logging.INFO),
        ("lib.http.wire", None, logging.ERROR),
        ("acme.sql", "/ingest/noisy", logging.ERROR),
        ("acme", "/ingest/a", logging.DEBUG),
    ],
)
def test_the_most_specific_pattern_decides(logger: str, actor: str | None, least: int) -> None:
    address = None if actor is None else Address(actor)
    levels = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
    admitted = [level for level in levels if LEVELS.admits(level, logger, address)]
    assert admitted == [level for level in levels if level >= least]


def test_the_lowest_is_that_of_all() -> None:
    assert LEVELS.lowest == logging.DEBUG
    assert Levels.of("warning", {"a": "error"}).lowest == logging.WARNING
