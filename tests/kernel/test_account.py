"""The equation, at every instant of random lives, and against an independent count.

A seeded driver spawns, tells, asks, cancels, stops, starts, restarts and removes; the actors
sleep, raise, refuse, forward, cancel and remove themselves, exit, ignore being cancelled, set
timers, watch each other, and restart alone, with their siblings or with their parent. After every
step, inside every handler and inside every subscriber the kernel's counters must balance and
agree with a `Ledger`, which the actors and senders keep for themselves.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter, defaultdict
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from aplay_host.kernel import (
    Abandoned,
    Actor,
    ActorRef,
    ActorStopped,
    ActorSystem,
    AplayError,
    AskCycle,
    AskTimeout,
    DeadLettered,
    MailboxFull,
    Refuse,
    Terminated,
)

from .actors import (
    ALL_EVENTS,
    OVERFLOWS,
    check_account,
    ignore_cancels,
    now,
    park_drivers,
    settle,
)

STEPS = 120
DEEDS = (
    *("nothing",) * 20,
    *("sleep", "raise", "refuse", "cancel", "forward", "ask", "task", "timer", "watch") * 4,
    *("stop", "remove", "child", "stubborn", "exit", "unwatch"),
)
QUIET = ("expired", "asker_gone", "timer_cancelled", "unwatched")
ADDRESSES = ("/a", "/b", "/c", "/a/x", "/a/y", "/a", "/b", "/c", "/nobody")


@dataclass(frozen=True)
class Order:
    """A message: what its handler does. `in_line` numbers those that must keep their order."""

    number: int
    deed: str
    in_line: bool = False


class Ledger:
    """What senders sent and handlers did, in their own words."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.end = asyncio.Event()
        self.count = 0
        self.sure: set[int] = set()
        self.refused: set[int] = set()
        self.open_sends: set[int] = set()
        self.unclear: set[int] = set()
        self.begun: dict[int, str] = {}
        self.handled = self.failed = self.open = 0
        self.open_at: Counter[str] = Counter()
        self.dead: set[int] = set()
        self.watches = self.notices_begun = self.notices_dead = 0
        self.abandoned: Counter[str] = Counter()
        self.newest: dict[str, int] = defaultdict(int)
        # What was wrong where an exception would be taken for the actor's or the subscriber's.
        self.wrong: list[AssertionError] = []

    def order(self, in_line: bool = False) -> Order:
        self.count += 1
        return Order(self.count, self.random.choice(DEEDS), in_line)

    # ---- sending -------------------------------------------------------------------------

    def tell_nowait(self, ref: ActorRef) -> None:
        order = self.order(in_line=True)
        try:
            ref.tell_nowait(order)
            self.sure.add(order.number)
        except MailboxFull:
            self.refused.add(order.number)

    async def tell(self, ref: ActorRef) -> None:
        order, began = self.order(), now()
        await self._send(order, ref.tell(order))
        assert now() <= began + 30.0

    async def ask(self, ref: ActorRef) -> None:
        order, began = self.order(), now()
        seconds = self.random.choice((0.01, 0.5, 3.0, 20.0))
        await self._send(order, ref.ask(order, timeout=seconds))
        assert now() <= began + seconds + 0.05 + 1e-9

    async def _send(self, order: Order, sending: Coroutine[Any, Any, Any]) -> None:
        self.open_sends.add(order.number)
        accepted = self.unclear  # cancelled, late or dropped: it may have had a place in line
        try:
            await sending
            accepted = self.sure
        except AskCycle:
            accepted = self.refused
        except (ValueError, Refuse):
            accepted = self.sure
        except (ActorStopped, AskTimeout, MailboxFull):
            pass
        finally:
            self.open_sends.discard(order.number)
            accepted.add(order.number)

    # ---- handling ------------------------------------------------------------------------

    def enter(self, order: Order, address: str, slots: int) -> None:
        self.open += 1
        self.open_at[address] += 1
        with self.noting():
            assert order.number not in self.begun, f"{order} is handled twice"
            assert self.open_at[address] <= slots + self.abandoned[address]
            assert not order.in_line or order.number > self.newest[address], "out of order"
        self.begun[order.number] = address
        if order.in_line:
            self.newest[address] = order.number

    def leave(self, address: str, *, failed: bool) -> None:
        self.open -= 1
        self.open_at[address] -= 1
        self.failed += failed
        self.handled += not failed

    # ---- checking ------------------------------------------------------------------------

    @contextmanager
    def noting(self) -> Iterator[None]:
        try:
            yield
        except AssertionError as error:
            self.wrong.append(error)

    def hear(self, event: object) -> None:
        if isinstance(event, Abandoned) and event.task == event.address:
            self.abandoned[event.address] += 1
        if isinstance(event, DeadLettered):
            order = event.letter.message
            if isinstance(order, Terminated):
                self.notices_dead += 1
                return
            assert isinstance(order, Order)
            assert order.number not in self.dead, f"{order} died twice"
            assert order.number not in self.begun, f"{order} was handled and died"
            self.dead.add(order.number)

    def check(self, system: ActorSystem) -> None:
        """Compare with the kernel; true at any instant but that of an abandonment."""
        check_account(system)
        status = system.status()
        lost = self.abandoned.total()
        assert status.handled == self.handled
        assert status.in_hand == self.open - lost
        assert status.failed == self.failed + lost
        most = len(self.sure | self.unclear | self.open_sends) + self.watches
        assert len(self.sure) <= status.accepted <= most

    def check_end(self, system: ActorSystem) -> None:
        """Compare all fates, when the system has ended: nothing is lost and nothing invented."""
        status = system.status()
        assert (status.pending, status.in_hand) == (0, 0)
        counts = system.dead_letters.counts
        quiet = sum(counts[reason] for reason in QUIET)
        assert status.dead == len(self.dead) + self.notices_dead + quiet
        assert status.accepted == len(self.begun) + self.notices_begun + status.dead
        ended = self.begun.keys() | self.dead
        assert not self.refused & ended
        assert ended <= self.sure | self.unclear
        assert len(self.sure - ended) <= quiet


class Worker(Actor):
    """Does what it is ordered, and keeps the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        if ledger.random.random() < 0.1:
            ledger.tell_nowait(self.ref())
        if ledger.random.random() < 0.05:
            raise ValueError("not made")

    async def msg_handler(self, order: Order | Terminated) -> Any:
        address, ledger = self.address, self.ledger
        if isinstance(order, Terminated):
            ledger.notices_begun += 1
            ledger.handled += 1
            return None
        ledger.enter(order, address, self._here.spec.max_tasks)
        with ledger.noting():
            ledger.check(self.system)
        failed = True
        try:
            result = await getattr(self, f"do_{order.deed}")()
            failed = False
            return result
        except Refuse:
            failed = False
            raise
        finally:
            if order.deed != "stubborn":  # that one is abandoned, sooner or later
                ledger.leave(address, failed=failed)

    async def do_nothing(self) -> None: ...

    async def do_sleep(self) -> None:
        await asyncio.sleep(self.ledger.random.choice((0, 0, 0.1, 0.1, 1, 8)))

    async def do_raise(self) -> None:
        raise ValueError("ordered")

    async def do_refuse(self) -> None:
        raise Refuse("ordered")

    async def do_cancel(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    async def do_forward(self) -> None:
        await self.ledger.tell(self.ref(self.ledger.random.choice(ADDRESSES)))

    async def do_ask(self) -> None:
        await self.ledger.ask(self.ref(self.ledger.random.choice(ADDRESSES)))

    async def do_stop(self) -> None:
        self.ref().stop()

    async def do_remove(self) -> None:
        self.ref().remove()

    async def do_exit(self) -> None:
        self.exit(self.ledger.random.choice((None, ValueError("ordered"))))

    async def do_child(self) -> None:
        with suppress(AplayError):
            await self.spawn(Worker, "child", kwargs={"ledger": self.ledger})

    async def do_task(self) -> None:
        async def later() -> None:
            await asyncio.sleep(1)
            self.ledger.tell_nowait(self.ref())

        self.create_task(later())

    async def do_timer(self) -> None:
        order = self.ledger.order()
        self.ledger.unclear.add(order.number)
        seconds = self.ledger.random.choice((0, 0.1, 2))
        self.send_after(seconds, order, key=self.ledger.random.choice("kl"))

    async def do_watch(self) -> None:
        self.ledger.watches += 1
        self.watch(self.ledger.random.choice(ADDRESSES))

    async def do_unwatch(self) -> None:
        self.unwatch(self.ledger.random.choice(ADDRESSES))

    async def do_stubborn(self) -> None:
        await ignore_cancels(self.ledger.end)


class Slow(Worker):
    """A worker with hooks that take their time and may fail."""

    async def on_start(self) -> None:
        await asyncio.sleep(self.ledger.random.choice((0, 1, 40)))
        if self.ledger.random.random() < 0.2:
            raise ValueError("not started")

    async def on_stop(self, reason: str) -> None:
        await asyncio.sleep(self.ledger.random.choice((0, 0.5, 7)))
        if self.ledger.random.random() < 0.2:
            raise ValueError("not stopped well")


class Driver:
    """Takes one random step after the other."""

    def __init__(self, system: ActorSystem, ledger: Ledger) -> None:
        self.system, self.ledger = system, ledger
        self.random = ledger.random
        self.running: list[asyncio.Task[Any]] = []
        self.steps = (
            *(self.tell_nowait, self.tell, self.ask, self.spawn) * 3,
            *(self.cancel, self.wait) * 2,
            self.verb,
            self.exchange,
        )

    def any_ref(self) -> ActorRef:
        return self.system.ref(self.random.choice(ADDRESSES))

    async def drive(self) -> None:
        for _ in range(10):
            await self.spawn()
        await settle()
        for _ in range(STEPS):
            await self.random.choice(self.steps)()
            self.ledger.check(self.system)
            await asyncio.sleep(0)
            self.ledger.check(self.system)

    def begin(self, coro: Coroutine[Any, Any, Any]) -> None:
        self.running.append(asyncio.create_task(coro))

    async def tell_nowait(self) -> None:
        ref = self.any_ref()
        for _ in range(self.random.choice((1, 1, 3, 20))):
            self.ledger.tell_nowait(ref)

    async def tell(self) -> None:
        self.begin(self.ledger.tell(self.any_ref()))

    async def ask(self) -> None:
        self.begin(self.ledger.ask(self.any_ref()))

    async def spawn(self) -> None:
        address = self.any_ref().address
        mailbox = {
            "capacity": self.random.choice((1, 2, 100)),
            "overflow": self.random.choice(OVERFLOWS),
        }

        async def spawn() -> None:
            with suppress(AplayError, ValueError):
                await self.system.spawn(
                    self.random.choice((Worker, Slow)),
                    address.name,
                    parent=address.parent,
                    kwargs={"ledger": self.ledger},
                    max_tasks=self.random.choice((1, 1, 3)),
                    mailbox=mailbox,
                    on_error=self.random.choice(("resume", "restart", "restart", "escalate")),
                    restart=self.random.choice(("permanent", "permanent", "transient")),
                    strategy=self.random.choice(("one_for_one", "one_for_all", "rest_for_one")),
                )

        if address != "/nobody":
            self.begin(spawn())

    async def verb(self) -> None:
        verbs = ("stop", "human_start", "human_start", "start", "restart", "remove")
        verb = self.random.choice(verbs)

        async def wait_for(op: Any) -> None:
            with suppress(AplayError):
                await op

        with suppress(ActorStopped):
            op = getattr(self.any_ref(), verb)()
            if self.random.random() < 0.5:
                self.begin(wait_for(op))

    async def exchange(self) -> None:
        addresses = {self.any_ref().address for _ in range(3)} - {"/nobody"}

        def build(worker: Actor) -> None:
            vars(worker)["ledger"] = self.ledger

        async def exchange() -> None:
            with suppress(AplayError):
                async with self.system.quiesce(
                    [
                        address
                        for address in addresses
                        if self.system.ref(address).state != "removed"
                    ],
                    deadline=self.random.choice((0.0, 1.0, 20.0)),
                    on_busy=self.random.choice(("abort", "cancel")),
                ) as quiet:
                    await asyncio.sleep(self.random.choice((0, 0, 1.0)))
                    staged = [quiet.stage(view.address, build=build) for view in quiet.cells]
                    await asyncio.sleep(self.random.choice((0, 0, 1.0)))
                    if self.random.random() < 0.7:
                        quiet.swap(staged)
                        quiet.settle()  # the ledger knows no probation
                    self.ledger.check(self.system)

        self.begin(exchange())

    async def cancel(self) -> None:
        if self.running:
            self.random.choice(self.running).cancel()

    async def wait(self) -> None:
        await asyncio.sleep(self.random.choice((0.1, 0.5, 1.0, 10.0)))


@pytest.mark.parametrize("seed", range(8))
async def test_the_account_is_true_at_every_instant(
    seed: int, handoff: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("aplay_host.kernel"), "disabled", True)
    ledger = Ledger(seed)
    system = ActorSystem(handoff=handoff)
    system.open()
    await park_drivers(system)

    def listen(event: object) -> None:
        with ledger.noting():
            ledger.hear(event)
            check_account(system)

    system.events.subscribe(ALL_EVENTS, listen)
    driver = Driver(system, ledger)
    await driver.drive()
    if seed % 4 == 0:
        system.abort()
    await system.shutdown(ledger.random.choice((0.0, 1.0, 30.0)))
    check_account(system)
    before = system.status()
    ledger.end.set()
    for task in driver.running:
        if seed % 2:
            task.cancel()
    await asyncio.wait(driver.running)
    await settle()
    assert ledger.wrong == []
    raised = [task.exception() for task in driver.running if not task.cancelled()]
    assert [error for error in raised if error is not None] == []
    ledger.check_end(system)
    assert system.tree() == []
    assert (before.handled, before.failed) == (system.status().handled, system.status().failed)
