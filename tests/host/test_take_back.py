"""New code that fails its first messages is taken back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import MessageFailed
from aplay_host.reload import ReloadReport

from .conftest import Served
from .guests import Guest, ask, heard_from, reload


async def test_code_that_fails_its_first_messages_is_taken_back_and_they_run_on_the_old(
    plugin: Guest, served: Served
) -> None:
    plugin.edit("parse", "return words.PREFIX", "return words.GONE")
    heard = heard_from(served)
    assert (await reload(served)).outcome == "committed"
    tail = served.host.system.ref("/tail")
    for text in "abcde":
        tail.tell_nowait(text)
    async with asyncio.timeout(60):
        assert (await heard.get()).outcome == "committed"
        taken_back = await heard.get()
    assert (taken_back.outcome, taken_back.generation_to) == ("taken_back", 3)
    assert "reload #2 TAKEN BACK after 3 of 3 messages failed: AttributeError" in taken_back.line()
    assert "on /tail · running #3 = code of #1" in taken_back.line()
    assert await ask(served, "seen") == [f"old {text}" for text in "abcde"]
    status = tail.status()
    assert (status.failed, status.handled, status.pending) == (0, 6, 0)


async def test_three_asks_that_fail_take_new_code_back_too(plugin: Guest, served: Served) -> None:
    heard = await fails_at_once(plugin, served, "a")
    for _ in range(2):
        with pytest.raises(AttributeError, match="GONE"):
            await ask(served, "b")
    async with asyncio.timeout(60):
        assert (await heard.get()).outcome == "taken_back"
    assert await ask(served, "seen") == ["old a"]
    status = served.host.system.ref("/tail").status()
    assert (status.failed, status.handled) == (2, 2)


async def test_an_ask_that_is_handled_ends_the_probation(plugin: Guest, served: Served) -> None:
    heard = await fails_at_once(plugin, served, "a", "b")
    assert await ask(served, "seen") == []
    served.host.system.ref("/tail").tell_nowait("c")
    assert await ask(served, "seen") == []
    assert (served.host.current.number, heard.empty()) == (2, True)
    assert served.host.system.ref("/tail").status().failed == 3


async def fails_at_once(plugin: Guest, served: Served, *texts: str) -> asyncio.Queue[Any]:
    """Commit code that fails on every message, and send these; return what is reported."""
    plugin.edit("parse", "return words.PREFIX", "return words.GONE")
    assert (await reload(served)).outcome == "committed"
    heard = heard_from(served)
    for text in texts:
        served.host.system.ref("/tail").tell_nowait(text)
    return heard


async def test_a_take_back_that_has_to_wait_is_done_when_the_busy_actor_is_idle(
    plugin: Guest, served: Served
) -> None:
    plugin.edit("plain", "return msg", "await msg.wait(); return words.PREFIX")
    plugin.edit("plain", "from aplay_host", "from . import words\nfrom aplay_host")
    assert (await reload(served)).outcome == "committed"
    plugin.edit("words", "old", "new")
    heard = await fails_at_once(plugin, served)
    release = asyncio.Event()
    reply = asyncio.create_task(served.host.system.ref("/plain").ask(release, timeout=60))
    await asyncio.sleep(0.1)
    tail = served.host.system.ref("/tail")
    for text in "abcd":
        tail.tell_nowait(text)
    waiting = await heard.get()
    assert (waiting.outcome, waiting.error.place) == ("waiting", "/plain")
    assert (tail.state, tail.status().pending) == ("paused", 4)
    release.set()
    assert await reply == "new "
    assert (await heard.get()).outcome == "taken_back"
    assert await ask(served, "seen") == [f"old {text}" for text in "abcd"]


async def test_where_nothing_can_be_taken_back_the_new_code_goes_on(
    plugin: Guest, served: Served
) -> None:
    plugin.edit(
        "tail",
        "    async def",
        "    def on_reload(self, info):\n        assert info.cause == 'reload'\n\n    async def",
    )
    assert (await reload(served)).outcome == "committed"
    heard = await fails_at_once(plugin, served, *"abcd")
    refused = await heard.get()
    assert (refused.outcome, refused.error.code) == ("refused", "on_reload")
    assert await ask(served, "seen") == []
    status = served.host.system.ref("/tail").status()
    assert (status.state, status.failed, status.pending) == ("running", 4, 0)


async def test_a_second_commit_comes_first_and_settles_what_was_set_aside(
    plugin: Guest, served: Served
) -> None:
    tail, begun = served.host.system.ref("/tail"), list[asyncio.Task[ReloadReport]]()

    def reload_at_the_third(event: MessageFailed) -> None:
        if tail.state == "paused":
            plugin.edit("parse", "words.GONE", "words.PREFIX")
            begun.append(asyncio.create_task(reload(served)))

    served.host.system.events.subscribe((MessageFailed,), reload_at_the_third)
    heard = await fails_at_once(plugin, served, *"abcd")
    assert (await heard.get()).outcome == "committed"
    assert (await begun[0]).generation_to == 3
    assert await ask(served, "seen") == ["old d"]
    status = served.host.system.ref("/tail").status()
    assert (status.generation, status.failed, status.handled) == (3, 3, 2)
    assert heard.empty()


async def test_a_host_that_ends_does_not_wait_for_a_verdict(plugin: Guest, served: Served) -> None:
    await fails_at_once(plugin, served)
    tail, system = served.host.system.ref("/tail"), served.host.system
    third: asyncio.Future[MessageFailed] = asyncio.get_running_loop().create_future()

    def stop_at_the_third(event: MessageFailed) -> None:
        if tail.state == "paused":
            served.host.stop("the test is over")
            third.set_result(event)

    system.events.subscribe((MessageFailed,), stop_at_the_third)
    for text in "abc":
        tail.tell_nowait(text)
    began = system.now()
    await third
    assert await served.running == 0
    assert system.now() - began < 1


async def test_one_bad_message_does_not_take_new_code_back(plugin: Guest, served: Served) -> None:
    plugin.edit("words", "old", "new")
    await reload(served)
    tail = served.host.system.ref("/tail")
    tail.tell_nowait(5)
    tail.tell_nowait("a")
    assert await ask(served, "seen") == ["new a"]
    assert served.host.current.number == 2
    assert tail.status().failed == 1
