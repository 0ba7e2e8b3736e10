"""A reload waits for busy actors, and their mail for the reload."""

from __future__ import annotations

import asyncio
import sys

from .conftest import Served
from .guests import Guest, ask, heard_from, reload


async def test_waiting_mail_is_handled_by_the_new_code_in_order(
    plugin: Guest, served: Served
) -> None:
    tail = served.host.system.ref("/tail")
    replies = [asyncio.create_task(tail.ask(str(number))) for number in range(3)]
    plugin.edit("words", "old", "new")
    reloading = asyncio.create_task(reload(served))
    told = [await reply for reply in replies]
    assert (await reloading).outcome == "committed"
    replies = [asyncio.create_task(tail.ask(str(number))) for number in range(3, 6)]
    told += [await reply for reply in replies]
    assert [one.partition(" ")[2] for one in told] == ["0", "1", "2", "3", "4", "5"]
    assert await ask(served, "seen") == told


async def test_an_actor_that_is_busy_for_too_long_lets_the_reload_wait(
    plugin: Guest, served: Served
) -> None:
    plugin.edit("plain", "return msg", "await msg.wait(); return 'new'")
    assert (await reload(served)).outcome == "committed"
    release, ref = asyncio.Event(), served.host.system.ref("/plain")
    reply = asyncio.create_task(ref.ask(release, timeout=60))
    for _ in range(3):
        await asyncio.sleep(0)
    assert ref.status().in_hand == 1
    plugin.edit("plain", "'new'", "'newer'")
    report = await reload(served)
    assert (report.outcome, report.exit_code) == ("waiting", 7)
    assert report.error is not None
    assert report.error.place == "/plain"
    assert "plain.py:6 in msg_handler" in report.error.got
    assert served.host.current.number == 2
    heard = heard_from(served)
    release.set()
    assert await reply == "new"
    async with asyncio.timeout(60):
        assert (await heard.get()).outcome == "committed"
    assert await ask(served, release, "/plain") == "newer"


STOPS_SLOWLY = """
    import asyncio
    from aplay_host import Actor

    class Plain(Actor):
        async def msg_handler(self, msg):
            return msg

        async def on_stop(self, reason):
            await asyncio.sleep(4)
"""


async def test_an_actor_that_is_stopping_is_waited_for_and_not_asked_again_and_again(
    plugin: Guest, served: Served
) -> None:
    plugin.write(plain=STOPS_SLOWLY)
    assert (await reload(served)).outcome == "committed"
    stopping = served.host.system.ref("/plain").stop()
    plugin.edit("plain", "return msg", "return 'new'")
    heard = heard_from(served)
    assert (await reload(served)).outcome == "waiting"
    await stopping
    async with asyncio.timeout(60):
        outcomes = [(await heard.get()).outcome for _ in range(2)]
    assert outcomes == ["waiting", "committed"]


async def test_waiting_messages_of_an_edited_class_match_the_new_class(
    plugin: Guest, served: Served
) -> None:
    plugin.write(
        plain="""
            from dataclasses import dataclass

            from aplay_host import Actor

            @dataclass
            class Line:
                text: str

            class Plain(Actor):
                def __init__(self):
                    self.got = []

                async def msg_handler(self, msg):
                    match msg:
                        case Line():
                            self.got.append("old " + msg.text)
                        case "got":
                            return self.got
                        case _:
                            await msg.wait()
        """
    )
    assert (await reload(served)).outcome == "committed"
    line, plain = sys.modules["guest.plain"].Line, served.host.system.ref("/plain")
    release = asyncio.Event()
    for message in (release, line("a"), line("b")):
        plain.tell_nowait(message)
    plugin.edit("plain", "old ", "new ")
    begun = asyncio.create_task(reload(served))
    await asyncio.sleep(1)
    release.set()
    assert (await begun).outcome == "committed"
    assert await ask(served, "got", "/plain") == ["new a", "new b"]


async def test_a_reload_that_waits_for_a_busy_actor_can_be_cancelled_and_a_stop_drops_it(
    plugin: Guest, served: Served
) -> None:
    plugin.edit("plain", "return msg", "await msg.wait(); return 'new'")
    assert (await reload(served)).outcome == "committed"
    release, ref = asyncio.Event(), served.host.system.ref("/plain")
    reply = asyncio.create_task(ref.ask(release, timeout=60))
    await asyncio.sleep(0.1)
    assert ref.status().in_hand == 1
    plugin.edit("plain", "'new'", "'newer'")
    for _ in range(2):
        reloading = asyncio.create_task(reload(served))
        await asyncio.sleep(0.1)
        reloading.cancel()
        await asyncio.wait([reloading])
        assert reloading.cancelled()
        assert await ask(served, "a") == "old a"
    reloading = asyncio.create_task(reload(served))
    await asyncio.sleep(0.1)
    stopping = asyncio.create_task(served.stop())
    await asyncio.sleep(0.1)
    release.set()
    assert await stopping == 0
    assert await reply == "new"
    report = await reloading
    assert report.outcome == "refused"
    assert report.line().startswith("reload #3 REFUSED the host: it stops")
    assert (await reload(served)).outcome == "refused"
