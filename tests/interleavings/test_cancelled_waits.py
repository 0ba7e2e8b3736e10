"""Whoever waits for the end of a verb may be cancelled at any moment; the verb goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from aplay_host.kernel import ActorRef, Quarantined

from ..kernel.ledger import outcome_of
from ..kernel.loops import WatchedLoop
from ..kernel.workers import SYSTEMS
from .play import Play

VERBS: dict[str, tuple[str, Callable[[ActorRef], Awaitable[object]], str]] = {
    "start": ("failed", lambda ref: ref.start(), "running"),
    "human_start": ("stopped", lambda ref: ref.human_start(), "running"),
    "restart": ("running", lambda ref: ref.restart(), "running"),
    "stop": ("running", lambda ref: ref.stop(), "stopped"),
    "remove": ("running", lambda ref: ref.remove(), "removed"),
    "shutdown": ("running", lambda ref: asyncio.create_task(ref.system.shutdown()), "removed"),
}
"""Verb: the state it begins in, the verb itself, the state it ends in."""


class CuttingLoop(WatchedLoop):
    """Cancels `victim` as soon as it has lived through `passes` passes of the loop."""

    def __init__(self, passes: int) -> None:
        super().__init__()
        self.victim: asyncio.Task[Any] | None = None
        self._passes = passes

    def _run_once(self) -> None:
        if self.victim is not None:
            if self._passes == 0:
                self.victim.cancel()
            self._passes -= 1
        inside: Any = super()  # what asyncio calls for each pass has no public name
        inside._run_once()


async def make_family(play: Play) -> list[asyncio.Task[object]]:
    """Make a parent with slow hooks and a child, both with mail in hand and in line."""
    hooks = {"starts": ["short"] * 9, "stops": ["short"] * 9}
    failing: dict[str, Any] = {"on_error": "restart", "budget": {"max": 0}}
    await play.spawn("/a", children={"x": {}}, **hooks, **failing)
    asking = []
    for address in ("/a", "/a/x"):
        ref = play.system.ref(address)
        for deed in ("short", "turn", "return"):
            play.ledger.tell_nowait(ref, play.ledger.order("sender", deed))
        ask = play.ledger.ask(ref, play.ledger.order("asker"), timeout=20.0)
        asking.append(asyncio.create_task(outcome_of(ask)))
        await asyncio.sleep(0)
    return asking


async def bring(play: Play, ref: ActorRef, state: str) -> None:
    """Bring a running actor into the state in which the verb is to find it."""
    if state == "stopped":
        await ref.stop()
    elif state == "failed":
        has_failed = asyncio.Event()
        play.system.events.subscribe((Quarantined,), lambda _: has_failed.set())
        play.ledger.tell_nowait(ref, play.ledger.order("breaker", "raise"))
        await has_failed.wait()
    assert ref.state == state


async def wait_for(ending: Awaitable[object]) -> None:
    await ending


async def cut(play: Play, loop: CuttingLoop, verb: str) -> bool:
    """Cancel who waits for `verb`; return whether that came before its end."""
    begin, act, state = VERBS[verb]
    play.system.open()
    asking = await make_family(play)
    ref = play.system.ref("/a")
    await bring(play, ref, begin)
    victim = loop.victim = asyncio.create_task(wait_for(act(ref)))
    await asyncio.wait({victim})
    loop.victim = None
    play.ledger.check()
    await act(ref)
    play.ledger.check()
    assert ref.state == state
    if state == "stopped":
        await ref.human_start()
    outcomes = await asyncio.gather(*asking)
    if state != "removed":
        assert play.ledger.system.status().dead == sum(map(is_error, outcomes))
    await play.system.shutdown()
    return victim.cancelled()


def is_error(outcome: object) -> bool:
    return isinstance(outcome, Exception)


def run(verb: str, passes: int, made: dict[str, Any]) -> bool:
    """Cancel after so many passes, in a loop and a system of their own; see `cut`."""
    loop = CuttingLoop(passes)
    try:
        play = Play(loop, 0, made)
        was_cut = loop.run_until_complete(cut(play, loop, verb))
        play.check_end()
        return was_cut
    except BaseException as error:
        error.add_note(f"cancelled after {passes} passes of the loop")
        raise
    finally:
        loop.end()


@pytest.mark.parametrize("made", SYSTEMS, ids=str)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_goes_on_whenever_its_waiter_is_cancelled(
    verb: str, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("aplay_host.kernel"), "disabled", True)
    for passes in count():
        if not run(verb, passes, made):
            break
    assert passes > 5, "the verb has no moments at which one could be cancelled"
