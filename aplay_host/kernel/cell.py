"""The lasting side of an actor: address, mail, children, tasks and counters.

A cell outlives its behaviour, the user's instance, and every stop: its mail stays in line.

Where a message is; what stands in brackets is not on every message's way::

    tell, ask ──> [waiting for room] ──> [in a box] ──> in line ──> in hand ──> handled, failed
         │                                                ^          ^ │
         └───────────── ask of an idle actor ─────────────┼──────────┘ │
                                                          └────────────┴─ [postponed, set aside]

=========  ===================================  ========  ====================================
it is      kept by                              counts    who moves it on
=========  ===================================  ========  ====================================
said       an `Outbox`, while a behaviour is    no        the swap: `Outbox.play`
           built for an exchange
told       a `Transaction`, while a handler     no        the settle of its message, and what
           runs whose box commits turns                   is called after the commit
waiting    a `Waiter` of `waiters`: the         no        `admit_waiters`, when there is room
for room   mailbox was full, the rule `wait`
in a box   `box`, a mailbox of another kind     pending   the box: `BoxLine.deliver`, after
                                                          `demand`
in line    `inbox`, a deque that exists only    pending   a `Drain`, begun by `wake` while the
           while there is mail                            gate is open: `is_handling`; or by
                                                          hand, `take_first`
in hand    one of the `hands`: a `Drain` has    in_hand   the end of the handler
           it from the line, a `Driver` was
           handed it by who asks
postponed  `BoxLine`: the box said `Again`      pending   `BoxLine.end_retry`, in its time
set aside  `Probation`: new code failed it      pending   `Probation.settle`, or a swap that
                                                          gives it back
over       nobody but a counter, and            handled,  `Drain`, `Driver`, `fail_message`;
           `DeadLetters`                        failed,   `bury`
                                                dead
=========  ===================================  ========  ====================================

Whatever is not in hand can die where it is, and what was in hand if its box says so; `bury` is
the one way to do that.

The state is written by `enter`: in `lifecycle` when a verb is said, in `steering` as its steps
are taken, and at the two ends of a cell's life, when it is planted with a fault and forgotten.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Union

from . import placing, steering, supervisor
from .actor import overrides
from .composing import Handler, compose_handler
from .drain import Drain
from .envelope import unwrap
from .events import HookFailed, MessageFailed
from .mail import Mail
from .status import ActorStatus, Failure, State
from .timers import Timers
from .transaction import begin_saved
from .watch import end_watches

if TYPE_CHECKING:
    from .actor import Actor
    from .address import Address
    from .handoff import Driver
    from .lifecycle import Wanted
    from .ref import ActorRef
    from .spec import ActorSpec
    from .supervision import Directive
    from .system import ActorSystem


Hand = Union[Drain, "Driver"]
"""A task that takes messages out of the line: it drains that, or was lent to one request."""


class ActorCell(Mail):
    """One actor's place in the tree; the module's text says where its mail is.

    Invariant: ``accepted = handled + failed + dead + pending + in_hand`` at every instant at
    which other code can look.
    """

    __slots__ = (
        "address",
        "behaviour",
        "direct",
        "hands",
        "incarnation",
        "left",
        "limit",
        "made_by",
        "opened",
        "parent",
        "ref",
        "since",
        "spec",
        "state",
        "system",
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
        self.state: State = "new"
        self.since = self.left = system.now()
        self.inbox = None
        self.taken = self.handled = 0
        self.worked = self.emptied = 0.0
        self.hands: tuple[Hand, ...] = ()
        # How many instances were made; `made_by` is the parent's at the time, or its next one.
        self.incarnation = 0
        self.made_by = 0 if parent is None else parent.incarnation + (parent.behaviour is None)
        # Whether `on_start` returned and `on_stop` has not run since.
        self.opened = False
        # Up to this length of `inbox` a sender may append without asking, and whether a request
        # may be handed to the actor when it has nothing else to do; see `open_line`.
        self.limit = 0
        self.direct = False

    @property
    def is_suspended(self) -> bool:
        """Tell whether the cell waits for its parent, or for a sibling, to start it again."""
        if self.state == "failed":
            return self.with_parent
        renewal = self.renewal
        return self.state == "restarting" and renewal is not None and renewal.pause is None

    def next_attempt(self) -> asyncio.Future[bool] | None:
        """Return the future of the start that is under way, None where none is.

        It ends with that start, and tells whether the actor ran then.
        """
        if self.steering is None:
            return None
        if self.attempt is None:
            self.attempt = self.system.loop.create_future()
        return self.attempt

    def end_attempt(self) -> None:
        """Tell those who wait for a start how it has ended."""
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            attempt.set_result(self.state == "running")

    def make_behaviour(self) -> None:
        """Make the user's instance, bound to this cell before its `__init__` runs.

        Raises whatever `__init__` raises; then there is no instance.
        """
        self.incarnation += 1
        actor = self.spec.cls
        self.behaviour = actor.__new__(actor)
        self.behaviour._cell = self
        try:
            begin_saved(self.behaviour)
            actor.__init__(self.behaviour, **self.spec.kwargs)
        except BaseException:
            self.unmake_behaviour()
            raise

    def unmake_behaviour(self) -> None:
        """Throw away an instance that has not begun to run, with what it has begun."""
        self.behaviour = None
        self.timers.clear()
        end_watches(self)
        for task in self.tasks:
            task.cancel()

    def compose(self) -> None:
        """Put around the handler what is to be there from this start on.

        Raises whatever the interceptors raise.
        """
        assert self.behaviour is not None
        handler = compose_handler(self, self.behaviour, self.spec)
        if handler is not self.wrapped:
            self.wrapped = handler

    def take_spec(self, spec: ActorSpec) -> None:
        """Have other settings from now on; the mailbox is told of its own."""
        if self.box is not None and self.spec.mailbox != spec.mailbox:
            self.box.change(spec.mailbox)
        self.spec = spec

    def adopt(self, spec: ActorSpec) -> None:
        """Take new settings from the parent's new instance, which made this child again."""
        assert self.parent is not None
        self.made_by = self.parent.incarnation
        self.take_spec(spec)
        self.open_line()
        self.admit_waiters()  # as far as the new capacity allows

    def cut_hook(self) -> None:
        """Cancel the hook that is running, if there is one; it will not have failed."""
        if self.hook is not None and not self.hook_cut:
            self.hook_cut = True
            self.hook.cancel()

    @cached_property
    def timers(self) -> Timers:
        """The timers that the behaviour set."""
        return Timers(self)

    # ---- handing mail out ----------------------------------------------------------------

    @property
    def handler(self) -> Handler:
        """What is called with each message."""
        if self.wrapped is not None:
            return self.wrapped
        assert self.behaviour is not None
        return self.behaviour.msg_handler

    def open_line(self) -> None:
        """Say anew which senders need not ask."""
        # With several tasks each message may need another drain; then every send is slow.
        slow = self.is_choosy or self.box is not None
        asks = slow or self.spec.max_tasks > 1 or self.wanted == "gone"
        self.limit = 0 if asks else self.spec.mailbox.capacity
        is_open = self.state == "running" and self.wanted == "up" and self.probation is None
        self.direct = is_open and not slow

    def set_max_tasks(self, number: int) -> None:
        """Let that many messages be handled at once from now on; raises `ValueError` below 1."""
        self.spec = replace(self.spec, max_tasks=number)
        self.open_line()
        for _ in range(min(number, len(self.inbox or ()))):
            self.wake()

    def want(self, wanted: Wanted) -> None:
        """Write where the cell is to be; ``gone`` is final, and makes new mail dead letters."""
        if self.wanted != "gone":
            self.wanted = wanted
            self.open_line()

    def steer(self) -> None:
        """Bring the cell where it is wanted, a new one up; before the system is open, then."""
        if self.system.unsteered is not None:
            self.system.unsteered[self] = None
        elif self.steering is None and steering.next_step(self) is not None:
            name = f"{self.address} lifecycle"
            self.steering = self.system.create_task(steering.steer(self), name)

    def wake(self, *, by_name: bool = False) -> None:
        """Begin a drain if mail waits, the actor runs, and a slot is free; from idle, several.

        An actor that nobody asked for by name and that is idle may decide against it. One that
        never was started, and that no plan is going to start, is started by its first message.
        """
        if self.state == "new" and not self.planned and self.inbox and self.steering is None:
            self.steer()
        if self.box is not None:
            self.box.demand()
        if not self._may_begin():
            return
        asks = self.is_choosy and not by_name and not self.hands
        if asks and not (self._decides_to_start() and self._may_begin()):
            return
        count = 1 if self.hands else min(self.spec.max_tasks, len(self.inbox or ()))
        self.hands = (*self.hands, *(Drain(self) for _ in range(count)))

    def _may_begin(self) -> bool:
        is_free = len(self.hands) < self.spec.max_tasks
        return bool(self.inbox) and self.is_handling and is_free

    @property
    def is_handling(self) -> bool:
        """Tell whether mail is handled: the actor runs, or lets something pass its gate."""
        closed = self.probation is not None and self.probation.is_closed
        return not closed and (
            self.state == "running" or (self.state == "paused" and self.lets_pass)
        )

    @property
    def visible_state(self) -> State:
        """The state as it is told: who waits for a verdict on new code has a closed gate."""
        return "paused" if self.state == "running" and not self.is_handling else self.state

    @property
    def is_quiesced(self) -> bool:
        """Tell whether the gate is closed for an exchange."""
        return self.system.quiet is not None and self.system.quiet.pauses(self)

    @property
    def is_choosy(self) -> bool:
        """Tell whether the class decides for itself when it begins to handle mail."""
        return overrides(self.spec.cls, "decide_to_start")

    def _decides_to_start(self) -> bool:
        assert self.behaviour is not None
        try:
            return bool(self.behaviour.decide_to_start())
        except BaseException as error:
            self.tell_hook_failure("decide_to_start", error)
            return False

    def count_refused(self, message: Any) -> None:
        """Count a message that was answered with `Refuse`: as handled, or as its box says."""
        if self.box is None or not self.box.obey(message):
            self.handled += 1

    def offer_mailbox(self, make: Any) -> None:
        """Take a mailbox of the actor's own; see `placing.offer`."""
        placing.offer(self, make)

    def rest(self, hand: Hand) -> None:
        """Take back a hand that ended; without mail and hands the cell keeps no line."""
        if len(self.hands) == 1 and self.hands[0] is hand:
            self.hands = ()
        else:
            self.hands = tuple(other for other in self.hands if other is not hand)
        self.tell_change()
        if self.inbox:
            self.wake()
        elif not self.hands:
            self.inbox = None

    # ---- failures ------------------------------------------------------------------------

    def fail_message(self, error: BaseException, message: Any) -> None:
        """Count, keep, log and tell that the handler raised, and act on it.

        A message of code on probation may be set aside; then it is pending again.
        """
        kind = type(unwrap(message)).__qualname__
        cancelled = isinstance(error, asyncio.CancelledError)
        if self.box is not None and self.box.obey(message, error):
            self.fail(error, kind, "resume" if cancelled else None)
            return
        if (trial := self.probation) is not None and trial.set_aside(message, error):
            self.fail(error, kind, "set aside")
            return
        self.failed += 1
        self.fail(error, kind, "resume" if cancelled else None)

    def tell_hook_failure(self, hook: str, error: BaseException) -> None:
        """Log and tell that a hook raised while the operation went on."""
        failure = Failure.of(error, self.system.now())
        self.system.reports.hook_failure(self.address, hook, failure, error)
        self.system.events.tell(HookFailed, self.address, hook, error)
        self.system.ending.condemn(error)

    def fail(
        self,
        error: BaseException,
        message_type: str | None,
        directive: Directive | Literal["set aside"] | None = None,
    ) -> None:
        """Keep, log and tell the failure of a message, a start or an owned task, and act on it.

        What to do is said by `directive`, else by the actor's ``on_error``.
        """
        failure = Failure.of(error, self.system.now())
        self.remember(failure)
        directive = directive or supervisor.directive_for(self, error)
        self.system.reports.failure(self.address, failure, error, message_type)
        self.system.events.tell(
            MessageFailed, self.address, error, message_type, self.incarnation, directive
        )
        self.system.ending.condemn(error)
        if directive != "set aside":
            supervisor.act(self, directive, error)

    def end_life(self) -> None:
        """Let this incarnation end because it says that it is done."""
        supervisor.end_life(self, "done")

    # ---- looking -------------------------------------------------------------------------

    def enter(self, state: State) -> None:
        """Set the state and the time at which it was entered."""
        self.since = self.system.now()
        if self.state == "running":
            self.left = self.since
        self.state = state
        self.open_line()
        self.tell_change()

    @property
    def pending(self) -> int:
        """How many messages wait."""
        set_aside = self.probation.messages if self.probation is not None else ()
        return self.waiting + len(set_aside)

    def _oldest(self, now: float) -> float:
        """Return at most how many seconds the oldest waiting message has waited."""
        if self.box is not None:
            return self.box.oldest_s
        return now - self.emptied if self.inbox else 0.0

    @property
    def is_busy(self) -> bool:
        """Tell whether mail is in hand or waits."""
        return bool(self.hands) or self.pending > 0

    def status(self) -> ActorStatus:
        """Return the cell as it is at this instant, exact even within a batch."""
        pending, renewal, hands = self.pending, self.renewal, self.hands
        now = self.system.now()
        return ActorStatus(
            address=self.address,
            state=self.visible_state,
            held=self.held,
            accepted=self.taken + sum(hand.taken for hand in self.hands) + pending,
            handled=self.handled + sum(hand.handled for hand in self.hands),
            failed=self.failed,
            dead=self.dead,
            pending=pending,
            in_hand=sum(hand.in_hand for hand in self.hands),
            restarts=max(0, self.incarnation - 1),
            generation=self.generation,
            since=self.since,
            spec=self.spec,
            left=self.left,
            worked_s=self.worked + sum(now - hand.since for hand in hands if hand.in_hand),
            oldest_s=self._oldest(now),
            counts=self.counts,
            history=self.history,
            reason=self.reason,
            restarted_at=self.stamps,
            pause=None if renewal is None else renewal.pause,
            fails=renewal is not None and renewal.fails,
            children=tuple(child.address for child in (self.children or {}).values()),
        )
