"""One scenario under one seed: its loop, its system, its ledger, and the checks at the end."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from aplay_host.kernel import ActorRef, ActorStopped, ActorSystem, AskTimeout, MailboxFull, Refuse

from ..kernel.ledger import Ledger, outcome_of
from ..kernel.loops import ShuffledLoop, WatchedLoop
from ..kernel.workers import SYSTEMS, TIMEOUTS, Hooked, Worker

Scenario = Callable[["Play"], Awaitable[None]]

ENDINGS = (AskTimeout, ActorStopped, MailboxFull, Refuse, ValueError)
"""What an ask of a `Worker` may raise."""
LONGEST = 1000.0
"""Seconds, in virtual time, after which a play is taken to hang."""


class Play:
    """What a scenario acts with; everything that it begins with `go` is awaited at its end."""

    def __init__(self, loop: WatchedLoop, seed: int, made: dict[str, Any]) -> None:
        self.loop = loop
        self.random = random.Random(seed)
        self.system = ActorSystem("play", seed=seed, **made)
        self.ledger = Ledger(self.system)
        self.end = asyncio.Event()
        self._begun: list[asyncio.Task[Any]] = []

    # ---- acting --------------------------------------------------------------------------

    async def spawn(
        self,
        address: str,
        *,
        starts: Iterable[str] = (),
        stops: Iterable[str] = (),
        children: dict[str, dict[str, Any]] | None = None,
        **settings: Any,
    ) -> ActorRef:
        """Make a `Worker`, with hooks if they have something to do, and return its ref."""
        hooks: dict[str, Any] = {"starts": list(starts), "stops": list(stops)}
        hooks["children"] = children or {}
        kwargs = {"ledger": self.ledger, "end": self.end}
        place = self.system.ref(address).address
        return await self.system.spawn(
            Hooked if any(hooks.values()) else Worker,
            place.name,
            parent=place.parent,
            kwargs={**kwargs, **(hooks if any(hooks.values()) else {})},
            **{**TIMEOUTS, **settings},
        )

    def go(self, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do `coro` beside everything else; what it raises is found at the end."""
        task = self.loop.create_watched(coro)
        self._begun.append(task)
        return task

    async def tells(self, ref: ActorRef, name: str, deeds: Iterable[str], *, wait: bool) -> None:
        """Tell one order after another as the sender `name`, with a chance for others between."""
        for deed in deeds:
            order = self.ledger.order(name, deed)
            if wait:
                await self.ledger.tell(ref, order)
            else:
                self.ledger.tell_nowait(ref, order)
            await self.breathe()

    async def asks(
        self, ref: ActorRef, name: str, deeds: Iterable[str], timeout: float = 5.0
    ) -> list[object]:
        """Ask one after another; return the outcomes, of which each is one that is allowed."""
        outcomes = []
        for deed in deeds:
            order = self.ledger.order(name, deed)
            outcome = await outcome_of(self.ledger.ask(ref, order, timeout))
            allowed = isinstance(outcome, ENDINGS)
            assert allowed or outcome == order.number, f"{order} was answered {outcome!r}"
            outcomes.append(outcome)
            await self.breathe()
        return outcomes

    async def all_done(self) -> None:
        """Wait until all that `go` began has ended."""
        while waiting := [task for task in self._begun if not task.done()]:
            await asyncio.wait(waiting)

    async def breathe(self) -> None:
        """Let others run: often only those that are ready, now and then the clock."""
        await asyncio.sleep(self.random.choice((0, 0, 0, 0, 0.01, 0.3)))

    # ---- the frame -----------------------------------------------------------------------

    async def perform(self, scenario: Scenario) -> None:
        """Play the scenario to its end, then shut down; whoever waits for ever is found."""
        self.system.open()
        async with asyncio.timeout(LONGEST):
            await scenario(self)
            await self.all_done()
            await self.system.shutdown()
        self.end.set()

    def check_end(self) -> None:
        """Check what holds after every scenario."""
        self.loop.run_until_idle()
        self.ledger.check_end()
        assert self.loop.complaints == [], self.loop.complaints
        assert self.loop.left_over() == [], self.loop.left_over()


def play(scenario: Scenario, seed: int) -> None:
    """Play `scenario` once with each way of making a system; a failure names its seed."""
    for made in SYSTEMS:
        loop = ShuffledLoop(seed)
        try:
            performance = Play(loop, seed, made)
            loop.run_until_complete(performance.perform(scenario))
            performance.check_end()
        except BaseException as error:
            error.add_note(f"seed {seed}, {made}: run it again with INTERLEAVING_SEED={seed}")
            raise
        finally:
            loop.end()


def seeds(share: int) -> range:
    """Return the seeds for one of `share` scenarios.

    ``INTERLEAVING_SEEDS`` says how many there are for all together, 1,000 unless it is set;
    ``INTERLEAVING_SEED`` asks for a single one.
    """
    if (only := os.environ.get("INTERLEAVING_SEED")) is not None:
        return range(int(only), int(only) + 1)
    return range(-(-int(os.environ.get("INTERLEAVING_SEEDS", "1000")) // share))
