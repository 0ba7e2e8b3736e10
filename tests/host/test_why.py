"""Each way to be slow or to wait, on a running host: what ``show`` says first."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest

from aplay_host.errors import CommandError
from aplay_host.host.port import HostPort
from aplay_host.reload import ReloadEvent, Request
from tests.host.orders import by_me

from .guests import Guest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.host.conftest import Serve

TREE = """
    plugins.paths = ["{folder}"]
    [actors."/tail"]
    use = "guest.tail:Tail"
    [actors."/plain"]
    use = "guest.plain:Plain"
    [actors."/tight"]
    use = "tests.host.actors:Tight"
    [actors."/shy"]
    use = "tests.host.actors:Shy"
    [actors."/again"]
    use = "tests.host.actors:Echo"
    on_error = "restart"
    [actors."/done"]
    use = "tests.host.actors:Done"
    [actors."/above"]
    use = "tests.host.actors:Echo"
    [actors."/above/below"]
    use = "tests.host.actors:Echo"
    on_error = "escalate"
"""
WAITS = "await msg.wait(); return msg"


@pytest.fixture
async def port(plugin: Guest, serve: Serve, folder: Path) -> HostPort:
    plugin.edit("plain", "return msg", WAITS)
    return HostPort((await serve(TREE.format(folder=folder))).host)


async def says(port: HostPort, address: str, rule: str, text: str, command: str | None) -> bool:
    """Tell whether that is the headline; `text` is a regular expression."""
    why = (await port.show(address)).why[0]
    found = re.fullmatch(text, why.text) is not None
    assert (why.rule, found, why.next) == (rule, True, command), why
    return True


async def reload(port: HostPort, **request: Any) -> str:
    return (await port._host.reloads.reload(Request(**request))).outcome


async def busy(port: HostPort, address: str, message: Any) -> None:
    port._host.system.ref(address).tell_nowait(message)
    for _ in range(3):
        await asyncio.sleep(0)
    assert (await port.show(address)).in_hand == 1


async def told(port: HostPort, outcome: str) -> None:
    """Wait until a reload has ended like that."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    port._host.system.events.subscribe((ReloadEvent,), lambda event: heard.put_nowait(event.type))
    async with asyncio.timeout(60):
        while await heard.get() != f"reload.{outcome}":
            pass


async def test_a_message_in_hand_is_told_with_the_line_that_its_author_wrote(
    port: HostPort,
) -> None:
    await busy(port, "/plain", asyncio.Event())
    await asyncio.sleep(12)
    at = r"has been handling Event for 12 s at plain\.py:6 in msg_handler"
    await says(port, "/plain", "in-hand", at, "aplay-host restart /plain")
    await busy(port, "/above", {"ask": "/plain", "within": 60})
    await asyncio.sleep(6)
    at = r"has been handling dict for 6 s at actors\.py:\d+ in msg_handler"
    await says(port, "/above", "in-hand", at, "aplay-host restart /above")


async def test_a_full_mailbox_is_told_with_what_happens_to_senders(port: HostPort) -> None:
    await busy(port, "/tight", "wait")
    port._host.system.ref("/tight").tell_nowait(1)
    text = "is behind: 1 of 1 messages wait, sends are refused"
    await says(port, "/tight", "behind", text, "aplay-host status /tight")


async def test_mail_that_is_old_is_told_before_the_mailbox_is_full(port: HostPort) -> None:
    await busy(port, "/plain", asyncio.Event())
    port._host.system.ref("/plain").tell_nowait(asyncio.Event())
    await asyncio.sleep(12)
    assert [why.rule for why in (await port.show("/plain")).why] == ["in-hand", "behind"]
    text = "is behind: 1 of 10000 messages wait, there has been one for 12 s"
    assert (await port.show("/plain")).why[1].text == text


async def test_who_decides_not_to_begin_says_so(port: HostPort) -> None:
    port._host.system.ref("/shy").tell_nowait(1)
    await asyncio.sleep(1)
    text = "does not want to begin: its decide_to_start says no; 1 message waits"
    await says(port, "/shy", "paused", text, "aplay-host start /shy")
    await port.start(["/shy"], by_me(1.0))
    await asyncio.sleep(1)
    assert (await port.show("/shy")).why[0].rule == "otherwise"


async def test_who_is_held_for_a_reload_says_for_whom_and_until_when(
    plugin: Guest, port: HostPort
) -> None:
    await busy(port, "/plain", release := asyncio.Event())
    plugin.edit("plain", "import Actor", "import Actor  # edited")
    plugin.edit("tail", "import Actor", "import Actor  # edited")
    reloading = asyncio.create_task(reload(port))
    await told(port, "started")
    await asyncio.sleep(1)
    at_work = r"still handling Event for \S+ s at plain\.py:6 in msg_handler; gives up in 4 s"
    text = f"waits for reload 2: /plain is {at_work}"
    await says(port, "/tail", "paused", text, "aplay-host show /plain")
    text = f"waits for reload 2: {at_work}"
    await says(port, "/plain", "paused", text, "aplay-host restart /plain")
    assert await reloading == "waiting"
    text = r"runs generation 1; the source saved since waits, .*: /plain: busy \S+ s in .*"
    await says(port, "/tail", "newer", text, "aplay-host reload --dry-run")
    await asyncio.sleep(1)
    assert [why.rule for why in (await port.show("/plain")).why] == ["in-hand", "newer"]
    release.set()
    await told(port, "committed")
    assert (await port.show("/tail")).why[0].rule == "otherwise"


async def test_who_failed_its_first_messages_waits_for_a_verdict(
    plugin: Guest, port: HostPort
) -> None:
    plugin.edit("plain", "import Actor", "import Actor  # edited")
    plugin.edit("parse", "return words.PREFIX", "return words.GONE")
    assert await reload(port) == "committed"
    await busy(port, "/plain", release := asyncio.Event())
    for text in "abc":
        port._host.system.ref("/tail").tell_nowait(text)
    await told(port, "waiting")
    text = (
        r"waits for a verdict on its new code, which failed its first messages, for 2\d s at most; "
        r"last error AttributeError: .* at parse\.py:5 in parse"
    )
    await says(port, "/tail", "paused", text, "aplay-host rollback")
    release.set()
    await told(port, "taken_back")
    text = (
        r"runs generation 3; the source saved since was taken back just now: "
        r"/tail: 3 of 3 messages failed: AttributeError.*"
    )
    await says(port, "/tail", "newer", text, "aplay-host reload --dry-run")


async def test_newer_source_that_was_refused_is_told_with_its_place(
    plugin: Guest, port: HostPort
) -> None:
    plugin.edit("tail", "import Actor", "import Actor (")
    assert await reload(port) == "refused"
    text = (
        r"runs generation 1; the source saved since was refused just now: "
        r"tail\.py:\d+: SyntaxError: .*"
    )
    await says(port, "/tail", "newer", text, "aplay-host reload --dry-run")
    assert (await port.show("/plain")).why[0].rule == "otherwise"
    plugin.edit("tail", "import Actor (", "import Actor")
    await reload(port)
    assert (await port.show("/tail")).why[0].rule == "otherwise"


async def test_a_file_that_was_refused_concerns_all(port: HostPort) -> None:
    port._host.config.file.write_text("[actors")
    assert await reload(port, config=True) == "refused"
    for address in ("/plain", "/shy"):
        text = r"runs generation 1; .* was refused just now: aplay\.toml:1:8: not TOML.*"
        await says(port, address, "newer", text, "aplay-host reload --dry-run")


async def test_a_rollback_is_told_of_the_actors_that_it_took_back(
    plugin: Guest, port: HostPort
) -> None:
    plugin.edit("tail", "import Actor", "import Actor  # edited")
    assert await reload(port) == "committed"
    assert (await port.rollback(by_me(), dry_run=False)).outcome == "committed"
    text = "runs generation 3; that is code of generation 1, since a rollback just now"
    await says(port, "/tail", "newer", text, "aplay-host reload --dry-run")
    assert (await port.show("/plain")).why[0].rule == "otherwise"


async def test_who_escalated_waits_for_its_parent(port: HostPort) -> None:
    await busy(port, "/above", "wait")
    port._host.system.ref("/above/below").tell_nowait({"raise": "ValueError"})
    await asyncio.sleep(1)
    why = (await port.show("/above/below")).why[0]
    assert (why.rule, why.next) == ("paused", "aplay-host show /above")
    assert why.text == "waits for 1 s for /above, which has to deal with its failure"


async def test_who_failed_under_a_parent_that_is_stopped_names_it(port: HostPort) -> None:
    await port.stop(["/above"], by_me(1.0))
    port._host.system.ref("/above/below").tell_nowait({"raise": "ValueError"})
    await asyncio.sleep(1)
    text = r"failed 1 s ago, and /above, which has to deal with it, is held; last error .*"
    await says(port, "/above/below", "failed", text, "aplay-host start /above/below")


async def test_an_actor_that_has_ended_itself_is_told_from_one_that_never_was(
    port: HostPort,
) -> None:
    await busy(port, "/done", "exit")
    await asyncio.sleep(1)
    with pytest.raises(CommandError, match="/done is removed") as caught:
        await port.show("/done")
    assert caught.value.kind.name == "no-such-actor"
    assert "aplay.toml:" in caught.value.detail
    assert caught.value.hint == "it comes back with the next start of the host"
    assert await reload(port, config=True) == "nothing"
    assert port._host.system.select("/done") == []


async def test_an_actor_that_comes_back_again_and_again_tells_how_often(port: HostPort) -> None:
    for number in (1, 2):
        with pytest.raises(ValueError, match="no such thing"):
            await port._host.system.ref("/again").ask({"raise": "ValueError"})
        await asyncio.sleep(2)
        text = (
            rf"runs for .* \(generation 1, started by config at aplay\.toml:12:7\); {number} of 5 "
            r"restarts in 30 s; last error ValueError: no such thing at actors\.py:\d+ in .*"
        )
        await says(port, "/again", "otherwise", text, None)


async def test_a_stop_is_told_with_who_and_why(port: HostPort) -> None:
    await port.stop(["/tail"], by_me(1.0, "the disk is full"))
    text = r'was stopped by uid 1000 just now, reason "the disk is full"'
    await says(port, "/tail", "held", text, "aplay-host start /tail")


async def test_the_source_that_runs_has_a_hash(plugin: Guest, port: HostPort) -> None:
    source = (await port.show("/tail")).source
    assert source is not None
    before = source.hash
    assert before is not None
    plugin.edit("tail", "import Actor", "import Actor  # edited")
    assert await reload(port) == "committed"
    source = (await port.show("/tail")).source
    assert source is not None
    assert source.hash not in (None, before)
    source = (await port.show("/above")).source
    assert source is not None
    assert source.hash is None
