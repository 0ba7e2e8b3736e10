"""What senders sent and what handlers did, in their own words, to hold against the kernel's.

The kernel is seen through its public face only: refs, status, events. Sends and handlers go
through a `Ledger`; its `check` may be called whenever other code can run, its `check_end` once
the system has shut down.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Coroutine, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, get_args

from aplay_host.kernel import (
    Abandoned,
    Actor,
    ActorRef,
    ActorStopped,
    ActorSystem,
    AskTimeout,
    DeadLetter,
    DeadLettered,
    Event,
    MailboxFull,
    MessageFailed,
    Quarantined,
    Refuse,
    Removed,
    Restarting,
    State,
    Stopped,
    Terminated,
)

from .actors import check_account

LATE = 0.05
"""How much later than its deadline an ask may end, in seconds."""
QUIET = ("expired", "asker_gone", "timer_cancelled", "unwatched")
"""The reasons of dead letters that are counted but not told."""
HEARD = (
    *(DeadLettered, Removed, Abandoned, Restarting, Quarantined),
    *(Stopped, MessageFailed),
)


@dataclass(frozen=True, slots=True)
class Order:
    """A message: the `number` of its call, who sent it, and what its handler does.

    `target` is the address of a deed that reaches another actor.
    """

    number: int
    sender: str
    deed: str = "return"
    target: str = "/nobody"


@dataclass(slots=True)
class Tick:
    """The message of a timer, which was set at `began`; `count` is how often it was handled."""

    key: Hashable
    began: float
    seconds: float
    repeat: bool
    restarts: int
    count: int = 0


@dataclass(slots=True)
class Tally:
    """What is known of one life at an address, from its birth to its removal.

    `sure` are the orders whose send said that they were accepted, `unclear` those of which
    nobody can tell, `waiting` the tells and `asking` the asks that have not ended. `hands` are
    the orders whose handlers run, `abandoned` those whose handlers were left behind; `newest` is
    the newest order that was begun, by sender. Of mail that the kernel itself sends, `own` were
    begun, `own_dead` are dead letters, and `own_due` may be accepted at any time; their hands
    have numbers below zero. `aside` may have been set aside when they failed.
    """

    sure: set[int] = field(default_factory=set)
    unclear: set[int] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)
    asking: set[int] = field(default_factory=set)
    begun: set[int] = field(default_factory=set)
    dead: set[int] = field(default_factory=set)
    hands: set[int] = field(default_factory=set)
    abandoned: set[int] = field(default_factory=set)
    newest: dict[str, int] = field(default_factory=dict)
    handled: int = 0
    failed: int = 0
    own: int = 0
    own_dead: int = 0
    own_due: int = 0
    aside: int = 0

    @property
    def known(self) -> set[int]:
        """The orders that were accepted, by what a sender, a handler or a letter told."""
        return self.sure | self.begun | self.dead

    @property
    def least(self) -> int:
        """How many messages were accepted at least."""
        return len(self.known) + self.own + self.own_dead

    def most(self, *, idle: bool) -> int:
        """How many may have been; an idle loop has told every tell its end."""
        open_ones = self.asking if idle else self.asking | self.waiting
        return self.least + self.own_due + len((self.unclear | open_ones) - self.known)

    def has_failed(self, failed: int) -> bool:
        """Tell whether so many can have failed by now."""
        most = self.failed + len(self.abandoned)
        return most - self.aside <= failed <= most


class Ledger:
    """Counts the mail of a whole system; see the module's text.

    `wrong` collects what was found wrong where an exception would be taken for the actor's or
    the subscriber's; `lives` counts by address how many actors were removed.
    """

    def __init__(self, system: ActorSystem) -> None:
        self.system = system
        self.wrong: list[AssertionError] = []
        self.lives: Counter[str] = Counter()
        self.tallies: defaultdict[tuple[str, int], Tally] = defaultdict(Tally)
        self.nowhere: set[int] = set()
        self.asks: set[int] = set()
        self.deadlines: dict[int, float] = {}
        self.refused: set[int] = set()
        # How many exchanges are under way; they let through a closed gate what they wait for.
        self.exchanges = 0
        self._home: dict[int, Tally] = {}
        self._count = 0
        self._restarts: defaultdict[str, list[float]] = defaultdict(list)
        self._ticks: dict[tuple[str, Hashable], Tick] = {}
        self._watches: Counter[tuple[str, str]] = Counter()
        system.events.subscribe(HEARD, self._hear)

    # ---- sending -------------------------------------------------------------------------

    def order(self, sender: str, deed: str = "return", target: str = "/nobody") -> Order:
        """Return the next order; make it just before it is sent, so that numbers rise."""
        self._count += 1
        return Order(self._count, sender, deed, target)

    def tell_nowait(self, ref: ActorRef, order: Order) -> bool:
        """Send without waiting; return whether the order was accepted."""
        tally = self._tally_for(ref, order)
        try:
            ref.tell_nowait(order)
        except MailboxFull:
            self.refused.add(order.number)
            return False
        self._accept(tally, order)
        return True

    async def tell(self, ref: ActorRef, order: Order) -> bool:
        """Send, waiting for room; return whether the order was accepted."""
        tally = self._tally_for(ref, order)
        tally.waiting.add(order.number)
        try:
            await ref.tell(order)
        except MailboxFull:
            self.refused.add(order.number)
            return False
        except asyncio.CancelledError:
            tally.unclear.add(order.number)  # it may have got its room at the last instant
            raise
        finally:
            tally.waiting.discard(order.number)
        self._accept(tally, order)
        return True

    async def ask(self, ref: ActorRef, order: Order, timeout: float = 5.0) -> Any:
        """Ask, and check that the end comes in time; return and raise what the ask does."""
        tally, began = self._tally_for(ref, order), self.system.now()
        self.asks.add(order.number)
        self.deadlines[order.number] = began + timeout
        tally.asking.add(order.number)
        if _never_waits_for_room(ref):
            tally.sure.add(order.number)
        try:
            return await ref.ask(order, timeout=timeout)
        except (asyncio.CancelledError, AskTimeout) as error:
            tally.unclear.add(order.number)
            if isinstance(error, AskTimeout) and self.system.now() == began:
                tally.sure.discard(order.number)
            raise
        except Exception:
            tally.sure.discard(order.number)  # a handler or a letter tells if it was accepted
            raise
        finally:
            tally.asking.discard(order.number)
            self._end_by(self.deadlines.pop(order.number))

    def _tally_for(self, ref: ActorRef, order: Order) -> Tally:
        tally = self.tallies[ref.address, self.lives[ref.address]]
        self._home[order.number] = tally
        return tally

    def _accept(self, tally: Tally, order: Order) -> None:
        if order.number not in self.nowhere:
            tally.sure.add(order.number)

    def _end_by(self, deadline: float) -> None:
        with self.noting():
            assert self.system.now() <= deadline + LATE, "an ask ended too late"

    # ---- handling ------------------------------------------------------------------------

    @contextmanager
    def handling(self, ref: ActorRef, order: Order) -> Iterator[None]:
        """Enclose the work of one handler; what one that was left behind does is ignored."""
        tally = self._home[order.number]
        with self.noting():
            self._begin(tally, ref, order)
        try:
            yield
        except BaseException as error:
            self._leave(tally, order.number, failed=not isinstance(error, Refuse))
            raise
        self._leave(tally, order.number, failed=False)

    def _begin(self, tally: Tally, ref: ActorRef, order: Order) -> None:
        tally.hands.add(order.number)
        assert order.number not in tally.begun, f"{order} begun twice"
        tally.begun.add(order.number)
        newest = tally.newest.get(order.sender, 0)
        tally.newest[order.sender] = order.number
        assert tally is self.tallies[ref.address, self.lives[ref.address]], f"{order} astray"
        assert order.number not in tally.dead, f"{order} is dead, yet it was begun"
        assert order.number not in self.asks - tally.asking, f"nobody waits for {order}"
        self._check_gate(ref)
        assert order.number > newest, f"{order} begun after {newest} of the same sender"
        most = ref.status().spec.max_tasks
        assert len(tally.hands) <= most, f"more than {most} at once"
        self.check()

    def _check_gate(self, ref: ActorRef) -> None:
        passed = self.exchanges and ref.state == "paused"
        assert passed or (ref.state, ref.held) == ("running", False), f"a closed gate: {ref}"

    def _leave(self, tally: Tally, number: int, *, failed: bool) -> None:
        if number in tally.abandoned:
            return
        tally.hands.discard(number)
        tally.failed += failed
        tally.handled += not failed

    # ---- mail that the kernel sends ------------------------------------------------------

    def set_timer(self, actor: Actor, key: Hashable, seconds: float, *, repeat: bool) -> None:
        """Let `actor` set a timer; a tick that comes early or too late is found out."""
        ref = actor.ref()
        tick = Tick(key, self.system.now(), seconds, repeat, ref.status().restarts)
        self.cancel_timer(actor, key)
        self._ticks[ref.address, key] = tick
        self.tallies[ref.address, self.lives[ref.address]].own_due += 1
        (actor.send_every if repeat else actor.send_after)(seconds, tick, key)

    def cancel_timer(self, actor: Actor, key: Hashable) -> None:
        """Let `actor` cancel a timer."""
        self._ticks.pop((actor.address, key), None)
        actor.cancel_timer(key)

    def watch(self, actor: Actor, target: str) -> None:
        """Let `actor` watch an address; it is told once, or not at all."""
        if (actor.address, target) not in self._watches:
            self.tallies[actor.address, self.lives[actor.address]].own_due += 1
        self._watches[actor.address, target] = 1
        actor.watch(target)

    def handle_own(self, ref: ActorRef, message: Tick | Terminated) -> None:
        """Take note of a message that the kernel sent; its handler does nothing else."""
        tally = self.tallies[ref.address, self.lives[ref.address]]
        tally.own += 1
        tally.hands.add(-tally.own)
        with self.noting():
            self._check_gate(ref)
            if isinstance(message, Tick):
                self._check_tick(tally, ref, message)
            else:
                watched = self._watches.pop((ref.address, message.address), None)
                assert watched, f"{ref} is told of {message}, which it does not watch"
                tally.own_due -= 1
            self.check()
        self._leave(tally, -tally.own, failed=False)

    def _check_tick(self, tally: Tally, ref: ActorRef, tick: Tick) -> None:
        assert self._ticks.get((ref.address, tick.key)) is tick, f"{tick} was cancelled"
        assert tick.restarts == ref.status().restarts, f"{tick} is of an earlier instance"
        tick.count += 1
        passed = (self.system.now() - tick.began) / tick.seconds
        assert tick.count <= passed + 1e-9, f"{tick} comes early"
        if not tick.repeat:
            del self._ticks[ref.address, tick.key]
            tally.own_due -= 1

    # ---- hearing -------------------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        with self.noting():
            if isinstance(event, Removed):
                self.lives[event.address] += 1
            elif isinstance(event, Abandoned) and event.task == event.address:
                self._abandon(self.tallies[event.address, self.lives[event.address]])
            elif isinstance(event, DeadLettered):
                self._bury(event.letter)
                self._check_reason(event.letter)
            elif isinstance(event, Restarting):
                self._check_budget(event)
            elif isinstance(event, MessageFailed) and event.directive == "set aside":
                self.tallies[event.address, self.lives[event.address]].aside += 1
            if isinstance(event, Quarantined | Removed):
                self._restarts.pop(event.address, None)
            if isinstance(event, Stopped | Removed):
                for place in [place for place in self._ticks if place[0] == event.address]:
                    del self._ticks[place]

    def _abandon(self, tally: Tally) -> None:
        # Whoever is not over by now is left behind, if there are several all at once.
        tally.abandoned |= tally.hands
        tally.hands.clear()

    def _bury(self, letter: DeadLetter) -> None:
        order = letter.message
        if not isinstance(order, Order):
            self.tallies[letter.target, self.lives[letter.target]].own_dead += 1
            return
        tally = self._home[order.number]
        assert order.number not in tally.begun, f"{order} was begun, yet it died"
        assert order.number not in tally.dead | self.nowhere, f"{order} died twice"
        if letter.reason == "no_actor":
            self.nowhere.add(order.number)
        else:
            tally.dead.add(order.number)

    def _check_reason(self, letter: DeadLetter) -> None:
        ref, order = self.system.ref(letter.target), letter.message
        asked = isinstance(order, Order) and order.number in self.asks
        if letter.reason == "removed":
            assert ref.state not in ("starting", "running", "paused", "restarting"), letter
        elif letter.reason == "stopped":
            assert asked, letter
            assert ref.held, letter
        elif letter.reason == "failed":
            assert (asked, ref.state) == (True, "failed"), letter
        elif letter.reason == "shutdown":
            assert self.system.stopping, letter
        elif letter.reason == "no_actor":
            assert ref.state == "removed", letter

    def _check_budget(self, event: Restarting) -> None:
        budget = self.system.ref(event.address).status().spec.budget
        stamps = self._restarts[event.address]
        stamps.append(event.time)
        counted = [stamp for stamp in stamps if event.time - stamp < budget.within]
        assert len(counted) <= budget.max, f"{event.address} has spent its budget: {stamps}"

    # ---- checking ------------------------------------------------------------------------

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Keep an `AssertionError` for `check_found`, where nobody could let it through."""
        try:
            yield
        except AssertionError as error:
            self.wrong.append(error)

    def set_aside(self, address: str) -> int:
        """Return how many messages at `address` may wait for a verdict on exchanged code."""
        return self.tallies[address, self.lives[address]].aside

    def check_found(self) -> None:
        """Raise the first of what was found wrong so far."""
        if self.wrong:
            raise self.wrong[0]

    def check(self, *, idle: bool = False) -> None:
        """Hold the kernel's counts against ours; `idle` says that no callback is ready.

        True at any instant but that of an abandonment, at which the kernel is about to count.
        """
        check_account(self.system)
        for status in self.system.tree():
            tally = self.tallies[status.address, self.lives[status.address]]
            assert status.state in get_args(State)
            assert tally.least <= status.accepted <= tally.most(idle=idle), status
            assert status.handled == tally.handled, status
            assert tally.has_failed(status.failed), status
            assert status.in_hand == len(tally.hands), status
            assert status.dead >= len(tally.dead), status
            if idle and status.state in ("stopped", "failed"):
                assert not tally.asking - tally.begun, f"{status} leaves an ask unanswered"
        self._check_sum(idle=idle)
        for number, deadline in self.deadlines.items():
            assert self.system.now() <= deadline + LATE, f"ask {number} outlived its deadline"

    def _check_sum(self, *, idle: bool) -> None:
        status, every = self.system.status(), self.tallies.values()
        least = len(self.nowhere) + sum(tally.least for tally in every)
        most = len(self.nowhere) + sum(tally.most(idle=idle) for tally in every)
        assert least <= status.accepted <= most, status
        assert status.handled == sum(tally.handled for tally in every)
        failed = sum(tally.failed + len(tally.abandoned) for tally in every)
        assert failed - sum(tally.aside for tally in every) <= status.failed <= failed

    def check_end(self) -> None:
        """Compare all fates: nothing is lost, nothing invented, nothing waits."""
        self.check_found()
        check_account(self.system)
        status, counts = self.system.status(), self.system.dead_letters.counts
        assert (status.pending, status.in_hand) == (0, 0)
        every = self.tallies.values()
        begun = set[int]().union(*(tally.begun for tally in every))
        dead = self.nowhere.union(*(tally.dead for tally in every))
        sure = set[int]().union(*(tally.sure for tally in every))
        unclear = set[int]().union(*(tally.unclear for tally in every))
        quiet = sum(counts[reason] for reason in QUIET)
        own = sum(tally.own + tally.own_dead for tally in every)
        assert status.accepted == len(begun) + len(dead) + quiet + own
        assert status.failed == sum(tally.failed + len(tally.abandoned) for tally in every)
        assert not self.refused & (begun | dead)
        lost = sure - begun - dead
        assert lost <= self.asks, f"lost without a trace: {sorted(lost - self.asks)}"
        most = len((sure | unclear) - begun - dead) + sum(tally.own_due for tally in every)
        assert len(lost) <= quiet <= most
        assert not [tally for tally in every if tally.waiting or tally.asking]


def _never_waits_for_room(ref: ActorRef) -> bool:
    with suppress(ActorStopped):
        return ref.status().spec.mailbox.overflow != "wait"
    return False


async def outcome_of(sending: Coroutine[Any, Any, Any]) -> object:
    """Return what a send gives or raises; a cancel goes through."""
    try:
        return await sending
    except Exception as error:
        return error
