"""Where to listen, as a person writes it."""

from __future__ import annotations

import pytest

from aplay_host.config import split_bind
from aplay_host.config.bind import parse_bind


@pytest.mark.parametrize(
    ("bind", "wanted"),
    [
        ("127.0.0.1:9750", ("127.0.0.1", 9750)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:9750", ("::1", 9750)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),
    ],
)
def test_where_to_listen(bind: str, wanted: tuple[str, int]) -> None:
    assert split_bind(bind) == wanted
    assert parse_bind(bind) == bind


@pytest.mark.parametrize(
    "bind",
    [
        "9750",
        ":9750",
        "a:",
        "a:b",
        "a:65536",
        "::1:9750",
        "[a]:1",
        "a:-1",
        "a:²",
        "a:" + "9" * 5000,
    ],
)
def test_what_is_no_place_to_listen(bind: str) -> None:
    with pytest.raises(ValueError, match=r'want "host:port"'):
        parse_bind(bind)


def test_nowhere_is_a_place_too() -> None:
    assert parse_bind("") == ""
