"""What a refused reload says."""

from __future__ import annotations

import pytest

from aplay_host.errors import ConfigError, Problem
from aplay_host.reload.wording import bad_config


@pytest.mark.parametrize(
    ("key", "got"), [("host.name", "host.name: is no name"), ("", "is no name")]
)
def test_a_mistake_without_a_key_is_told_without_one(key: str, got: str) -> None:
    problem = Problem("aplay.toml", 7, 5, 6, key, "syntax", "is no name")
    refused = bad_config(ConfigError("text", (problem,)))
    assert (refused.refusal.place, refused.refusal.got) == ("aplay.toml:7:5", got)
