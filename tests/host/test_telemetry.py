"""A host and what watches it: the log follows the file, and a stall has the type of its actor."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aplay_host import Actor
from aplay_host.reload import Request
from aplay_host.telemetry import ActorLabels, HostLog
from tests.host.conftest import life_of

if TYPE_CHECKING:
    from aplay_host.telemetry.logs import LogSettings
    from tests.host.conftest import Make, Serve

TREE = """
    [actors."/blocks"]
    use = "tests.host.test_telemetry:Blocks"
"""


class Blocks(Actor):
    async def msg_handler(self, msg: Any) -> None:
        msg()


class Followed(HostLog):
    """Notes what it is to follow, and touches no logger."""

    def __init__(self) -> None:
        super().__init__(io.StringIO(), "h")
        self.settings: list[tuple[str, str]] = []

    def follow(self, settings: LogSettings) -> None:
        self.settings.append((settings.level, settings.format))


async def test_the_log_follows_the_file_from_the_commit_on(serve: Serve, folder: Path) -> None:
    log = Followed()
    served = await serve(TREE, log=log)
    log.settings.clear()
    file = folder / "aplay.toml"
    file.write_text('log.level = "debug"\nlog.format = "json"\n' + file.read_text())
    await served.host.reloads.reload(Request("the test", config=True))
    assert log.settings == [("debug", "json")]
    assert served.host.pending_restart == ()


async def test_whether_there_is_a_log_counts_from_the_next_start(
    serve: Serve, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(TREE)
    file = folder / "aplay.toml"
    file.write_text('log.configure = false\nlog.level = "debug"\n' + file.read_text())
    await served.host.reloads.reload(Request("the test", config=True))
    assert served.host.pending_restart == ("log.configure",)
    assert "aplay.toml: log.configure: counts from the next start" in caplog.messages


async def test_lines_are_labelled_with_what_the_host_knows_of_an_actor(serve: Serve) -> None:
    log = Followed()
    await serve(TREE, log=log)
    type_ = "tests.host.test_telemetry:Blocks"
    assert log.labels("/blocks") == ActorLabels(type_, None, 1)
    assert log.labels("/nobody") is None


async def test_what_holds_up_the_loop_is_counted_by_the_type_of_the_actor(make: Make) -> None:
    host = make(TREE)

    def until_seen() -> None:
        while not host.stalls._seen:
            time.sleep(0.001)

    def ready(told: object) -> None:
        host.system.ref("/blocks").tell_nowait(until_seen)
        host.stop("seen")

    host._on_ready = ready
    assert await life_of(host) == 0
    assert [one.address for one in host.stalls.stalls] == ["/blocks"]
    assert host.vitals.metrics._stalls == {"tests.host.test_telemetry:Blocks": 1}
