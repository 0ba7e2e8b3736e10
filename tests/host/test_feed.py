"""What becomes of actors, reloads and plugins is an event; what comes with mail is kept few."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import pytest

from aplay_host.control import EventRow, Who, dump
from aplay_host.host import Host
from aplay_host.host.feed import MOST_A_SECOND
from aplay_host.host.port import HostPort
from aplay_host.plugins import Failure, HookFailure
from tests.host.orders import by_me

if TYPE_CHECKING:
    from tests.host.conftest import Serve

ECHO = """
    [actors."/echo"]
    use = "tests.host.actors:Echo"
"""
TREE = f"""{ECHO}
    [actors."/bad"]
    use = "tests.host.actors:NoStart"
    required = false
"""


def of_type(host: Host, *types: str) -> list[EventRow]:
    return [row for row in host.events.after(0) if row.type in types]


async def test_what_becomes_of_an_actor_is_told_by_the_kernels_names(serve: Serve) -> None:
    host = (await serve(TREE)).host
    await host.system.ref("/echo").stop()
    await host.system.ref("/echo").human_start()
    told = [(row.type, row.data) for row in host.events.after(0) if row.address == "/echo"]
    assert told == [
        ("Started", {"cause": "start"}),
        ("Stopped", {"reason": "stop"}),
        ("Started", {"cause": "start"}),
    ]
    (failed,) = of_type(host, "Quarantined")
    assert (failed.address, failed.who) == ("/bad", Who("supervisor"))
    assert failed.data["history"][-1]["text"] == "the disk is gone"
    assert all(json.loads(dump(row))["boot"] == host.events.boot for row in host.events.after(0))


async def test_messages_that_fail_are_told_without_the_message_and_not_each(serve: Serve) -> None:
    host = (await serve(TREE)).host
    ref = host.system.ref("/echo")
    await asyncio.sleep(5)  # what failed before, in seconds of their own
    before = host.events.seq
    for _ in range(3 * MOST_A_SECOND):
        ref.tell_nowait({"raise": "ValueError", "secret": "hunter2"})
        host.system.ref("/nobody").tell_nowait("hunter2")
    await asyncio.sleep(2)
    rows = [row for row in of_type(host, "MessageFailed") if row.seq > before]
    assert len(rows) == MOST_A_SECOND
    assert (rows[0].data["error"]["type"], rows[0].data["message_type"]) == ("ValueError", "dict")
    assert len(of_type(host, "DeadLettered")) == MOST_A_SECOND
    ref.tell_nowait({"raise": "ValueError"})
    await asyncio.sleep(1)
    assert of_type(host, "MessageFailed")[-1].data["missed"] == 2 * MOST_A_SECOND
    assert "hunter2" not in str(host.events.after(0))


async def test_a_reload_of_the_file_is_told_with_the_keys_that_changed(serve: Serve) -> None:
    host = (await serve(TREE)).host
    file = host.config.file
    file.write_text(file.read_text("utf-8") + "max_tasks = 2\n", "utf-8")
    await HostPort(host).reload([], by_me(), config=True, dry_run=False)
    (done,) = of_type(host, "reload.committed")
    assert (done.data["generation_from"], done.data["generation_to"]) == (1, 2)
    (config,) = of_type(host, "config")
    assert config.data["outcome"] == "committed"
    assert any("max_tasks" in key for key in config.data["keys"])
    (audit,) = of_type(host, "audit")
    assert (audit.data["outcome"], audit.data["generation_to"]) == ("committed", 2)
    file.write_text("nonsense = 1\n", "utf-8")
    await HostPort(host).reload([], by_me(), config=True, dry_run=False)
    assert of_type(host, "config")[-1].data["outcome"] == "refused"


@pytest.mark.real_time
async def test_a_reload_that_the_watcher_began_is_its_own_deed(serve: Serve) -> None:
    host = (await serve(ECHO, reload=True)).host
    file = host.config.file
    await asyncio.sleep(0.2)  # the watcher looks a first time
    file.write_text(file.read_text("utf-8") + "max_tasks = 2\n", "utf-8")
    while not (rows := of_type(host, "audit")):
        await host.events.more(host.events.seq)
    assert rows[0].who == Who("watcher")
    assert (rows[0].data["verb"], rows[0].data["outcome"]) == ("reload", "committed")


async def test_plugins_that_come_go_and_fail_are_told(serve: Serve) -> None:
    host = (await serve(TREE)).host
    host.feed.installed({"added": ("acme",), "removed": ()})
    failure = Failure("hooks", "ValueError", "boom", "", "x.py:3")
    for count in range(1, 101):
        host._hook_failed(HookFailure("acme/x", "aplay_actor_started", failure, count))
    told = [(row.data["id"], row.data["change"]) for row in of_type(host, "plugin")]
    assert told == [("acme", "added"), *[("acme/x", "failed")] * 3]


@pytest.mark.real_time
async def test_a_stop_does_not_wait_for_three_open_streams(serve: Serve) -> None:
    served = await serve(ECHO)
    streams = []
    for _ in range(3):
        reader, writer = await asyncio.open_unix_connection(served.ready.control)
        writer.write(b"GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
        await reader.readuntil(b"event: hello")
        streams.append((reader, writer))
    began = time.monotonic()
    assert await served.stop() == 0
    assert time.monotonic() - began < 1.0
    for reader, writer in streams:
        assert b"event: bye" in await reader.read()
        writer.close()
