"""The lasting side of an actor: address, mail, children, tasks and counters.

A cell outlives its behaviour (the user's instance) and every stop, so a reference to it
stays good and its mail stays in line. Where a message is, at any time:

* waiting: in `inbox`, a plain deque that exists only while there is mail;
* in hand: with one of the `drains`, the tasks that exist only while there is mail;
* over: counted as handled, failed or dead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from . import supervisor
from .drain import CURRENT, Drain
from .errors import ActorStopped, Escalated, MailboxFull
from .events import MessageFailed
from .rare import Rare, Waiter
from .request import Request
from .status import ActorStatus, Failure, State
from .supervision import plan_directive

if TYPE_CHECKING:
    from .actor import Actor
    from .address import Address
    from .lifecycle import Wanted
    from .ref import ActorRef
    from .renewal import Renewal
    from .spec import ActorSpec
    from .supervision import Directive
    from .system import ActorSystem

ROOM_TIMEOUT = 30.0
"""How long, in seconds, a `tell` waits for room under the overflow rule ``wait``."""


class ActorCell:
    """One actor's place in the tree; see the module's text for where its mail is.

    Invariant: ``accepted = handled + failed + dead + pending + in_hand`` at every instant at
    which other code can look.
    """

    __slots__ = (
        "_rare",
        "accepted",
        "address",
        "behaviour",
        "children",
        "dead",
        "drains",
        "failed",
        "handled",
        "held",
        "inbox",
        "incarnation",
        "limit",
        "made_by",
        "opened",
        "parent",
        "planned",
        "ref",
        "requests",
        "since",
        "spec",
        "state",
        "system",
        "wanted",
    )

    def __init__(
        self, system: ActorSystem, address: Address, parent: ActorCell | None, spec: ActorSpec
    ) -> None:
        self.system = system
        self.address = address
        self.parent = parent
        self.spec = spec
        self.ref: ActorRef | None = None
        self.behaviour: Actor | None = None
        self.children: dict[str, ActorCell] | None = None
        self.state: State = "new"
        self.since = system.now()
        self.wanted: Wanted = "up"
        self.held = False
        self.inbox: deque[Any] | None = None
        # Up to this length of `inbox` a sender may append without asking; see `_set_limit`.
        self.limit = 0
        self.drains: tuple[Drain, ...] = ()
        self.requests = 0
        self.accepted = self.handled = self.failed = self.dead = 0
        # How many instances were made; `made_by` is the parent's at the time, or its next one.
        self.incarnation = 0
        self.made_by = 0 if parent is None else parent.incarnation + (parent.behaviour is None)
        self.planned = False
        # Whether `on_start` returned and `on_stop` has not run since.
        self.opened = False
        self._rare: Rare | None = None
        self._set_limit()

    @property
    def rare(self) -> Rare:
        """The rarely used parts; made here, so read `_rare` when none will do."""
        if self._rare is None:
            self._rare = Rare()
        return self._rare

    @property
    def steering(self) -> asyncio.Task[None] | None:
        """The task that is bringing the cell where it is wanted, if there are steps to take."""
        return self._rare.steering if self._rare is not None else None

    @property
    def last_error(self) -> Failure | None:
        """The newest failure of a message, a start or an owned task."""
        return self._rare.history[-1] if self._rare is not None and self._rare.history else None

    @property
    def renewal(self) -> Renewal | None:
        """The exchange of the instance that is under way, if one is."""
        return self._rare.renewal if self._rare is not None else None

    @property
    def is_suspended(self) -> bool:
        """Tell whether the cell waits for its parent, or for a sibling, to start it again."""
        if self.state == "failed":
            return self.rare.with_parent
        return (
            self.state == "restarting" and self.renewal is not None and self.renewal.pause is None
        )

    def next_attempt(self) -> asyncio.Future[bool] | None:
        """Return the future of the start that is under way, None where none is.

        It ends with that start, and tells whether the actor ran then.
        """
        if self.steering is None:
            return None
        if self.rare.attempt is None:
            self.rare.attempt = self.system.loop.create_future()
        return self.rare.attempt

    def end_attempt(self) -> None:
        """Tell those who wait for a start how it has ended."""
        attempt, self.rare.attempt = self.rare.attempt, None
        if attempt is not None:
            attempt.set_result(self.state == "running")

    @property
    def owned_tasks(self) -> Iterable[asyncio.Task[Any]]:
        """The tasks that the behaviour began and that end with it."""
        return self._rare.tasks if self._rare is not None else ()

    def make_behaviour(self) -> None:
        """Make the user's instance, bound to this cell before its `__init__` runs.

        Raises whatever `__init__` raises; then there is no instance.
        """
        self.incarnation += 1
        actor = self.spec.cls
        self.behaviour = actor.__new__(actor)
        self.behaviour._cell = self
        try:
            actor.__init__(self.behaviour, **self.spec.kwargs)
        except BaseException:
            self.behaviour = None
            for task in self.owned_tasks:
                task.cancel()
            raise

    def adopt(self, spec: ActorSpec) -> None:
        """Take new settings from the parent's new instance, which made this child again."""
        assert self.parent is not None
        self.made_by = self.parent.incarnation
        self.spec = spec
        self.admit_waiters()  # as far as the new capacity allows

    def cut_hook(self) -> None:
        """Cancel the hook that is running, if there is one; it will not have failed."""
        if self._rare is not None and self.rare.hook is not None and not self.rare.hook_cut:
            self.rare.hook_cut = True
            self.rare.hook.cancel()

    # ---- owned tasks ---------------------------------------------------------------------

    def own(self, coro: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `coro` as a task, held until it ends; its exception is a failure of this actor."""
        task = self.system.create_task(self._guarded(coro), name)
        self.rare.tasks.add(task)
        task.add_done_callback(partial(self._disown, coro))
        return task

    async def _guarded(self, coro: Coroutine[Any, Any, Any]) -> Any:
        # Inside the task: SystemExit that leaves a task takes the whole loop down with it.
        try:
            return await coro
        except (KeyboardInterrupt, SystemExit) as error:
            self.fail(error, None)

    def _disown(self, coro: Coroutine[Any, Any, Any], task: asyncio.Task[Any]) -> None:
        coro.close()  # it has not begun when the task was cancelled before its first step
        error = None if task.cancelled() else task.exception()
        if error is not None and task in self.rare.tasks:  # else it was abandoned
            self.fail(error, None)
        self.rare.tasks.discard(task)

    # ---- accepting mail ------------------------------------------------------------------

    def admit(self, message: Any) -> None:
        """Give `message` a place in line, or raise `MailboxFull`; the cell is not removed.

        The slow path of every send: the fast one is to append to `inbox` below `limit`.
        """
        if self.wanted == "gone":
            return self._refuse_for_good(message)
        if self.is_full:
            raise self.full()
        return self._append(message)

    async def admit_in_turn(self, message: Any, timeout: float = ROOM_TIMEOUT) -> None:
        """Give `message` a place in line as soon as the overflow rule allows.

        Raises `MailboxFull` under ``reject``, after `timeout` seconds, and at once when the
        actor itself is the sender, because nobody but it could make room.
        """
        if not self.is_full or self.wanted == "gone":
            return self.admit(message)
        if self.spec.mailbox.overflow == "reject" or CURRENT.get() is self:
            raise self.full()
        waiter = Waiter(message, self.system.loop.create_future())
        self.rare.waiters.append(waiter)
        self.curtail()  # the first waiter gets its room after the message in hand
        try:
            async with asyncio.timeout(timeout):
                await waiter.room
        except TimeoutError:
            if waiter.room.cancelled():  # else it got its room at the last instant
                raise self.full() from None
        finally:
            self._forget(waiter)

    @property
    def is_full(self) -> bool:
        """Tell whether new mail has no place.

        While senders wait it has none: whoever makes room lets them in before anybody else.
        """
        return self.inbox is not None and len(self.inbox) >= self.spec.mailbox.capacity

    def full(self) -> MailboxFull:
        """Return the error for a sender that found no room."""
        box = self.spec.mailbox
        return MailboxFull(
            f"mailbox of {self.address} is full: {len(self.inbox or ())} of {box.capacity} "
            f"waiting, overflow is {box.overflow}, actor is {self.state}"
        )

    @property
    def has_waiters(self) -> bool:
        """Tell whether senders wait for room."""
        return self._rare is not None and bool(self._rare.waiters)

    def _refuse_for_good(self, message: Any) -> None:
        self.accepted += 1
        self.bury((message,), self.rare.reason)

    def _append(self, message: Any) -> None:
        if self.inbox is None:
            self.inbox = self.system.spare_inboxes.pop() if self.system.spare_inboxes else deque()
        self.inbox.append(message)
        self.accepted += 1
        if message.__class__ is Request:
            self.requests += 1
        self.wake()

    def admit_waiters(self) -> None:
        """Let waiting senders in, first come first served, as far as there is room now."""
        waiters = self.rare.waiters
        while waiters and len(self.inbox or ()) < self.spec.mailbox.capacity:
            waiter = waiters.popleft()
            if not waiter.room.done():
                waiter.room.set_result(None)
                self._append(waiter.message)

    def _forget(self, waiter: Waiter) -> None:
        if waiter in self.rare.waiters:
            self.rare.waiters.remove(waiter)

    def _set_limit(self) -> None:
        # With several tasks each message may need another drain; then, and for the mail of
        # one that is to go, every send is slow.
        slow = self.spec.max_tasks > 1 or self.wanted == "gone"
        self.limit = 0 if slow else self.spec.mailbox.capacity

    def want(self, wanted: Wanted) -> None:
        """Write where the cell is to be; ``gone`` is final, and makes new mail dead letters."""
        if self.wanted != "gone":
            self.wanted = wanted
            self._set_limit()

    # ---- handing mail out ----------------------------------------------------------------

    def wake(self) -> None:
        """Begin a drain if mail waits, the actor runs, and a slot is free."""
        if self.inbox and self.state == "running" and len(self.drains) < self.spec.max_tasks:
            self.drains = (*self.drains, Drain.begin(self))

    def rest(self, drain: Drain) -> None:
        """Take back a drain that ended; without mail and drains the cell keeps neither."""
        self.drains = tuple(other for other in self.drains if other is not drain)
        if not self.drains and not self.inbox and self.inbox is not None:
            self.system.keep_inbox(self.inbox)
            self.inbox = None

    def curtail(self) -> None:
        """Let each drain end after the message it has in hand."""
        for drain in self.drains:
            drain.curtail()

    # ---- endings of messages -------------------------------------------------------------

    def fail(
        self, error: BaseException, message_type: str | None, directive: Directive | None = None
    ) -> None:
        """Keep, log and tell the failure of a message, a start or an owned task, and act on it.

        What to do is said by `directive`, else by the actor's ``on_error``.
        """
        failure = Failure.of(error, self.system.now())
        self.rare.history.append(failure)
        directive = directive or self._directive(error)
        self.system.reports.failure(self.address, failure, error, message_type)
        self.system.events.tell(
            MessageFailed, self.address, error, message_type, self.incarnation, directive
        )
        self.system.condemn(error)
        supervisor.act(self, directive, error)

    def end_life(self) -> None:
        """Let this incarnation end because it says that it is done."""
        supervisor.end_life(self, "done")

    def _directive(self, error: BaseException) -> Directive:
        directive = plan_directive(self.spec.on_error, error)
        if isinstance(error, Escalated) and directive != "escalate":
            return "restart"  # a child's failure has no other remedy
        return directive

    def bury(self, messages: Iterable[Any], reason: str) -> None:
        """Make dead letters of accepted messages; an asker gets `ActorStopped`."""
        messages = tuple(messages)
        self.dead += len(messages)  # all at once: the account holds whenever a letter is told
        for message in messages:
            if message.__class__ is Request:
                if not message.reply.done():
                    message.reply.set_exception(ActorStopped(self.address, reason))
                message = message.message
            self.system.add_dead_letter(self.address, message, reason, self.incarnation)

    def bury_requests(self, reason: str) -> None:
        """Answer every waiting request with `ActorStopped`; other mail keeps its place."""
        if self.requests or self.has_waiters:
            self._bury_waiting(reason, Request)

    def bury_all(self, reason: str) -> None:
        """Make dead letters of all waiting mail."""
        self._bury_waiting(reason, object)

    def _bury_waiting(self, reason: str, kind: type[object]) -> None:
        """Bury what waits and is of that kind, also what its sender could not place yet."""
        waiting = tuple(self.inbox or ())
        buried = [message for message in waiting if isinstance(message, kind)]
        # None when nothing is kept: an empty inbox would take mail and wake nobody.
        self.inbox = deque(m for m in waiting if not isinstance(m, kind)) or None
        self.requests = 0
        for waiter in self.rare.waiters:
            if isinstance(waiter.message, kind) and not waiter.room.done():
                waiter.room.set_result(None)
                self.accepted += 1
                buried.append(waiter.message)
        self.bury(buried, reason)
        self.admit_waiters()

    # ---- looking -------------------------------------------------------------------------

    def enter(self, state: State) -> None:
        """Set the state and the time at which it was entered."""
        self.state = state
        self.since = self.system.now()

    @property
    def in_hand(self) -> int:
        """How many messages handlers have begun and not ended."""
        return sum(drain.in_hand for drain in self.drains)

    def status(self) -> ActorStatus:
        """Return the cell as it is at this instant, exact even within a batch."""
        return ActorStatus(
            address=self.address,
            state=self.state,
            held=self.held,
            accepted=self.accepted,
            handled=self.handled + sum(drain.handled for drain in self.drains),
            failed=self.failed,
            dead=self.dead,
            pending=len(self.inbox) if self.inbox is not None else 0,
            in_hand=self.in_hand,
            restarts=max(0, self.incarnation - 1),
            since=self.since,
            spec=self.spec,
            last_error=self.last_error,
            children=tuple(child.address for child in (self.children or {}).values()),
        )
