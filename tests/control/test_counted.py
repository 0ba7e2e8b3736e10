"""Which answers of the control API are counted, and under what names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from aplay_host.control import ControlApi, Counted, serve_control

from .wire import FakePort, call


@pytest.mark.parametrize(
    ("method", "target", "route", "code"),
    [
        ("GET", "/v1/actors", "/v1/actors", 200),
        ("GET", "/v1/actors/a/b/c?x=y", "/v1/actors/{address}", 200),
        ("POST", "/v1/actors:stop", "/v1/actors:stop", 400),
        ("POST", "/v1/actors", "/v1/actors", 404),
        ("GET", "/metrics", "/metrics", 200),
        ("GET", "/v1/secrets", "none", 404),
    ],
)
async def test_an_answer_is_counted_by_the_pattern_of_its_route(
    socket_file: Path, method: str, target: str, route: str, code: int
) -> None:
    counts: Counter[tuple[str, int]] = Counter()

    def count(route: str, code: int) -> None:
        counts[route, code] += 1

    app = Counted(ControlApi(FakePort()).app(), count)
    async with serve_control(app, socket_file):
        got = await call(socket_file, method, target)
    assert got.status == code
    assert counts == {(route, code): 1}


async def test_metrics_are_text_without_an_envelope(socket_file: Path) -> None:
    async with serve_control(ControlApi(FakePort()).app(), socket_file):
        got = await call(socket_file, "GET", "/metrics")
    assert got.body == b"up 1\n"
    assert got.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
