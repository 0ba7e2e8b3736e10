"""What aplay.toml declares follows the file, with the code or without."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aplay_host.config import load_config
from aplay_host.errors import ConfigError
from aplay_host.host.port import HostPort
from aplay_host.kernel import Started
from aplay_host.reload import disk, settle

from .conftest import Served
from .guests import Guest, ask, reload, rewrite
from .orders import by_me


async def test_the_file_starts_removes_and_changes_actors(
    plugin: Guest, served: Served, folder: Path
) -> None:
    system = served.host.system
    rewrite(
        folder,
        'actors."/plain".use = "guest.plain:Plain"',
        'actors."/more".use = "guest.plain:Plain"\nactors."/tail".max_tasks = 2',
    )
    await ask(served, "a")
    started: asyncio.Future[Started] = asyncio.get_running_loop().create_future()
    system.events.subscribe((Started,), started.set_result)
    report = await reload(served, config=True)
    assert (report.outcome, report.modules) == ("committed", ())
    assert {it.key for it in report.config} == {
        'actors."/plain"',
        'actors."/more"',
        'actors."/tail".max_tasks',
    }
    async with asyncio.timeout(60):
        assert (await started).address == "/more"
    assert await ask(served, "x", "/more") == "x"
    assert system.ref("/tail").status().spec.max_tasks == 2
    assert await ask(served, "seen") == ["old a"]
    assert system.ref("/plain").state == "removed"
    assert set(served.host.origins) == {"/tail", "/more"}


PLAIN = 'actors."/plain".use = "guest.plain:Plain"\n'
TAIL = 'actors."/tail".use'


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("stopped", [True, False])
async def test_an_actor_that_the_file_has_again_is_there_and_stopped_if_a_person_had_stopped_it(
    plugin: Guest, served: Served, folder: Path, at_once: bool, stopped: bool
) -> None:
    """Also where the one from before has not ended yet."""
    port, system = HostPort(served.host), served.host.system
    if stopped:
        await port.stop(["/plain"], by_me(5.0))
    rewrite(folder, PLAIN, "")
    assert (await reload(served, config=True)).outcome == "committed"
    before = system.ref("/plain").remove()
    if not at_once:
        await before
    rewrite(folder, TAIL, PLAIN + TAIL)
    report = await reload(served, config=True)
    assert report.plan is not None
    assert [(it.action, it.address) for it in report.plan.cells] == [("start", "/plain")]
    await before
    end = "stopped" if stopped else "running"
    async with asyncio.timeout(60):
        while system.ref("/plain").state != end:  # noqa: ASYNC110 - of virtual time
            await asyncio.sleep(0.01)
    assert system.ref("/plain").held == stopped
    await port.start(["/plain"], by_me(5.0))
    assert await ask(served, "x", "/plain") == "x"


async def test_the_file_and_the_code_commit_together_or_not_at_all(
    plugin: Guest, served: Served, folder: Path
) -> None:
    plugin.edit("words", "old", "new")
    rewrite(folder, '"guest.plain:Plain"', '"guest.plain:Plain"\nactors."/x".us = 1')
    report = await reload(served)
    assert (report.outcome, report.exit_code) == ("refused", 78)
    assert report.error is not None
    assert report.error.place.startswith(str(folder / "aplay.toml:"))
    assert await ask(served, "a") == "old a"
    rewrite(folder, '\nactors."/x".us = 1', '\nactors."/tail".max_tasks = 2')
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "b") == "new b"
    assert served.host.system.ref("/tail").status().spec.max_tasks == 2


async def test_the_file_is_what_was_read_when_it_was_whole(
    served: Served, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "aplay.toml"
    file.write_text(file.read_text() + 'actors."/new".use = "guest.plain:Plain"\n')

    async def read(sizes: dict[str, int]) -> settle.Settled:
        settled = await settle.read_settled(sizes)
        file.write_text("")  # somebody begins to write it once more
        return settled

    monkeypatch.setattr(disk, "read_settled", read)
    assert (await reload(served)).outcome == "committed"
    await asyncio.sleep(0)
    assert await ask(served, "x", "/new") == "x"
    assert await ask(served, "x") == "old x"


async def test_what_a_host_reads_at_its_start_only_waits_for_the_next(
    plugin: Guest, served: Served, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rewrite(folder, "plugins.paths", "host.drain_timeout = 7\nplugins.paths")
    report = await reload(served, config=True)
    text = "aplay.toml: host.drain_timeout: counts from the next start"
    assert caplog.messages[-1] == text
    assert report.outcome == "nothing"
    assert served.host.presence.record().pending_restart == ("host.drain_timeout",)
    assert served.host.presence.record().generation == 1


async def test_only_the_file_is_read_where_that_is_asked_for(plugin: Guest, served: Served) -> None:
    plugin.edit("words", "old", "new")
    assert (await reload(served, config=True)).outcome == "nothing"
    assert await ask(served, "a") == "old a"


SLOW = """
    import asyncio

    from aplay_host import Actor

    class Plain(Actor):
        async def msg_handler(self, msg):
            msg.set()
            await asyncio.sleep(600)
            return "old"
"""


async def test_terms_of_the_file_hold_from_the_commit_that_brought_them(
    plugin: Guest, served: Served, folder: Path
) -> None:
    plugin.write(plain=SLOW)
    assert (await reload(served)).outcome == "committed"
    begun, ref, loop = asyncio.Event(), served.host.system.ref("/plain"), asyncio.get_running_loop()
    ref.tell_nowait(begun)
    await begun.wait()
    plugin.edit("plain", "old", "new")
    began = loop.time()
    assert (await reload(served)).outcome == "waiting"
    assert 5.0 <= loop.time() - began < 5.5
    file = folder / "aplay.toml"
    terms = 'reload = { on_busy = "cancel", drain_timeout = "1s", probation = 0 }\n'
    file.write_text(terms + file.read_text())
    assert (await reload(served, config=True)).outcome == "nothing"
    began = loop.time()
    assert (await reload(served)).outcome == "committed"
    assert 1.0 <= loop.time() - began < 1.5
    assert ref.status().failed == 1
    assert served.host.reloads._probation is None


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("reload.on_busy = 'wait'", "1:18: error: reload.on_busy"),
        ("reload.probation = -1", "1:20: error: reload.probation"),
        ("reload.watch = 'x'", "1:16: error: reload.watch"),
        ("reload.enable = true", "1:8: error: reload.enable: unknown key"),
    ],
)
def test_mistake_in_the_terms_is_told_with_its_place(folder: Path, line: str, place: str) -> None:
    file = folder / "aplay.toml"
    file.write_text(f"{line}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert place in str(caught.value)


async def test_what_is_watched_besides_counts_from_the_next_start(
    served: Served, folder: Path
) -> None:
    file = folder / "aplay.toml"
    file.write_text(f'reload.watch = ["{folder}/more"]\n{file.read_text()}')
    await reload(served)
    assert served.host.presence.record().pending_restart == ("reload.watch",)
