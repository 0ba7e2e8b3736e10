"""What an actor imports late, in a handler, is followed as well."""

from __future__ import annotations

import asyncio

import pytest

from .conftest import Served
from .guests import Guest, ask, reload, rollback

LAZY = """
    from aplay_host import Actor

    class Plain(Actor):
        async def msg_handler(self, msg):
            if hasattr(msg, "wait"):
                await msg.wait()
            from . import lazy
            return lazy.said()
"""


@pytest.mark.parametrize("is_reached", [False, True])
async def test_what_was_imported_late_is_followed_after_a_rollback_and_another(
    plugin: Guest, served: Served, *, is_reached: bool
) -> None:
    plugin.write(plain=LAZY, lazy="from . import words\ndef said(): return words.PREFIX + '1'")
    plugin.edit("words", "old", "new")
    edited = "words" if is_reached else "lazy"
    if not is_reached:
        plugin.write(lazy="def said(): return 'new 1'")
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "x", "/plain") == "new 1"
    for _ in range(2):
        assert (await rollback(served)).outcome == "committed"
    assert await ask(served, "x", "/plain") == "new 1"
    plugin.edit(edited, "new", "newer")
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "x", "/plain") == "newer 1"


async def test_what_is_imported_while_a_reload_waits_for_it_is_run_anew(
    plugin: Guest, served: Served
) -> None:
    plugin.write(plain=LAZY, lazy="from .words import PREFIX\ndef said(): return PREFIX + '1'")
    assert (await reload(served)).outcome == "committed"
    release, ref = asyncio.Event(), served.host.system.ref("/plain")
    reply = asyncio.create_task(ref.ask(release, timeout=60))
    await asyncio.sleep(0.1)
    plugin.edit("plain", "return lazy", "return 'plain ' + lazy")
    reloading = asyncio.create_task(reload(served))
    plugin.edit("words", "old", "new")
    await asyncio.sleep(0.5)
    plugin.write(lazy="from .words import PREFIX\ndef said(): return PREFIX + '2'")
    release.set()
    assert (await reply)[-1] == "2"
    assert (await reloading).outcome == "committed"
    assert await ask(served, "x", "/plain") == "plain new 2"
