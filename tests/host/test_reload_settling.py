"""Files are read when nobody is writing them any more."""

from __future__ import annotations

import asyncio

import pytest

from aplay_host.reload import settle
from aplay_host.reload.hold import Hold

from .conftest import Served
from .guests import Guest, ask, reload


async def test_a_file_that_is_being_written_is_taken_when_it_is_whole(
    plugin: Guest, served: Served
) -> None:
    with (plugin.folder / "words.py").open("w") as stream:
        begun = asyncio.create_task(reload(served))
        for text in ("PREFIX = 'new", " an", "d whole '\n"):
            stream.write(text)
            stream.flush()
            await asyncio.sleep(0.12)  # longer, and it would count as forgotten
            assert not begun.done()
    assert (await begun).outcome == "committed"
    assert await ask(served, "a") == "new and whole a"


async def test_a_file_that_nothing_is_written_to_is_waited_for_until_it_is_closed(
    plugin: Guest, served: Served
) -> None:
    with (plugin.folder / "words.py").open("w") as stream:
        begun = asyncio.create_task(reload(served))
        await asyncio.sleep(2)
        assert not begun.done()
        stream.write("PREFIX = 'new '")
    assert (await begun).outcome == "committed"
    assert await ask(served, "a") == "new a"


async def test_a_file_that_loses_most_of_its_text_is_taken(plugin: Guest, served: Served) -> None:
    plugin.write(parse="def parse(msg): return 'new'")
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "a") == "new"


async def test_where_nobody_can_tell_of_writers_files_are_taken_all_the_same(
    plugin: Guest, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "writer_open", lambda descriptor: None)
    plugin.edit("words", "old", "new")
    assert (await reload(served)).outcome == "committed"


async def test_while_an_installer_is_at_work_for_too_long_nothing_is_read(
    plugin: Guest, served: Served
) -> None:
    at_work = True
    served.host.reloads._hold = Hold(lambda: at_work, print)
    plugin.edit("words", "old", "new")
    report = await reload(served)
    assert report.error is not None
    assert (report.outcome, report.error.code) == ("refused", "unsettled")
    begun = asyncio.create_task(reload(served))
    await asyncio.sleep(1)
    assert not begun.done()
    at_work = False
    assert (await begun).outcome == "committed"


async def test_a_checkout_is_waited_for(plugin: Guest, served: Served) -> None:
    lock = plugin.folder / ".git" / "index.lock"
    lock.parent.mkdir()
    lock.touch()
    plugin.edit("words", "old", "(")
    begun = asyncio.create_task(reload(served))
    await asyncio.sleep(1)
    assert not begun.done()
    plugin.edit("words", "(", "new")
    lock.unlink()
    assert (await begun).outcome == "committed"
