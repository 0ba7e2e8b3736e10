"""What the service manager hears of a host, beat by beat, on a loop without real time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aplay_host import Actor
from aplay_host.host.service import status_line
from aplay_host.telemetry import Notifier

if TYPE_CHECKING:
    from tests.host.conftest import Serve

ECHO = """
    [actors."/echo"]
    use = "tests.host.actors:Echo"
"""


class Heard(Notifier):
    """Keeps what would have been sent."""

    def __init__(self, watchdog: float | None = None) -> None:
        super().__init__("@nobody", watchdog)
        self.told: list[dict[str, str | int]] = []

    def tell(self, **fields: str | int) -> None:
        self.told.append(fields)

    def count(self, key: str) -> int:
        return sum(key in fields for fields in self.told)


class Slow(Actor):
    async def msg_handler(self, msg: float) -> None:
        await asyncio.sleep(msg)


async def test_a_life_is_told_from_start_to_stop(serve: Serve) -> None:
    heard = Heard()
    served = await serve(ECHO, notifier=heard)
    assert await served.stop() == 0
    told = [fields for fields in heard.told if fields]
    assert told[0] == {"STATUS": "starting; no actors", "EXTEND_TIMEOUT_USEC": 15_000_000}
    assert told[1] == {"READY": 1, "STATUS": "1 running"}
    assert told[2] == {"STOPPING": 1, "STATUS": "stopping: the test is over; 1 running"}


async def test_the_watchdog_hears_of_the_loop_twice_in_its_time(serve: Serve) -> None:
    heard = Heard(watchdog=3.0)
    await serve(ECHO, notifier=heard)
    before = heard.count("WATCHDOG")
    await asyncio.sleep(30.1)
    assert heard.count("WATCHDOG") - before == 20


async def test_without_a_watchdog_there_is_news_only_when_there_is_some(serve: Serve) -> None:
    heard = Heard()
    served = await serve(ECHO, notifier=heard)
    before = [*heard.told]
    await asyncio.sleep(30.0)
    assert not any(heard.told[len(before) :])
    served.host.system.ref("/echo").stop()
    await asyncio.sleep(6.0)
    assert {"STATUS": "1 stopped"} in heard.told


async def test_a_drain_asks_for_more_time_as_long_as_it_gets_on(serve: Serve) -> None:
    heard = Heard()
    slow = f'[actors."/slow"]\nuse = "{__name__}:Slow"\n'
    served = await serve("host.drain_timeout = 300\n" + slow, notifier=heard)
    for seconds in (4.0, 4.0, 4.0, 100.0):
        served.host.system.ref("/slow").tell_nowait(seconds)
    assert await served.stop() == 0
    assert 3 <= heard.count("EXTEND_TIMEOUT_USEC") <= 5  # not while the last one is in hand


@pytest.mark.parametrize(
    ("states", "is_up", "reason", "line"),
    [
        (["running"] * 41 + ["failed"], True, "", "41 running, 1 failed"),
        (["failed", "running"], True, "", "1 running, 1 failed"),
        ([], True, "", "no actors"),
        (["running", "starting"], False, "", "starting; 1 running, 1 starting"),
        (["running"], False, "SIGTERM", "stopping: SIGTERM; 1 running"),
    ],
)
def test_the_status_counts_the_actors(
    states: list[str], is_up: bool, reason: str, line: str
) -> None:
    assert status_line(states, is_up, reason) == line
