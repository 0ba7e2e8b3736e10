"""A state machine that does to a kernel whatever its public face allows, in any order.

It owns the loop: a rule puts actions into it and lets it run for some turns, until it is idle,
or for some virtual time. After every rule the ledger is held against the kernel's counts.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from aplay_host.kernel import (
    ActorRef,
    ActorStopped,
    ActorSystem,
    AplayError,
    Busy,
    Op,
    Quiesce,
    StartFailed,
)

from ..kernel.ledger import Ledger, outcome_of
from ..kernel.loops import ShuffledLoop, WatchedLoop
from ..kernel.workers import DEEDS, HOOK_ENDINGS, SYSTEMS, TIMEOUTS, Hooked, Worker

PLACES = ("/a", "/b", "/a/x", "/a/y")
VERBS = ("restart", "stop", "start", "human_start", "restart", "human_start", "remove")
AT_REST = ("paused", "restarting", "stopped", "failed")
"""The states in which an exchange may find an actor."""
LONGEST_OP = 60.0
"""Seconds after which a verb that has not ended is taken for lost."""
REST = 120.0
"""Seconds after which whatever is on its way must have arrived."""

places = st.sampled_from(PLACES)
targets = st.sampled_from((*PLACES, *PLACES[:3], "/nobody"))
deeds = st.lists(st.sampled_from(("return",) * 5 + DEEDS), min_size=1, max_size=5)
timeouts = st.sampled_from((5.0, 0.05, 0.5, 40.0))
turns = st.sampled_from((math.inf, 0, 1, 3))
hooks = st.lists(st.sampled_from(HOOK_ENDINGS), max_size=3)
mailboxes = st.fixed_dictionaries(
    {
        "capacity": st.sampled_from((1, 2, 5, 100)),
        "overflow": st.sampled_from(("reject", "wait", "drop_oldest", "drop_newest")),
    }
)
actors = st.fixed_dictionaries(
    {},
    optional={
        "starts": hooks,
        "stops": hooks,
        "children": st.sets(st.sampled_from(("x", "y"))),
        "max_tasks": st.integers(1, 3),
        "mailbox": mailboxes,
        "on_error": st.sampled_from(("resume", "restart", "stop", "escalate")),
        "restart": st.sampled_from(("permanent", "transient", "temporary")),
        "strategy": st.sampled_from(("one_for_one", "one_for_all", "rest_for_one")),
        "budget": st.fixed_dictionaries({"max": st.integers(0, 2)}),
    },
)


class Kernel(RuleBasedStateMachine):
    """Drives one system; see the module's text."""

    loop: WatchedLoop
    system: ActorSystem
    ledger: Ledger

    def __init__(self) -> None:
        super().__init__()
        self.loop = WatchedLoop()
        self.system = ActorSystem("not open")
        self.end = asyncio.Event()
        # Those who wait for the kernel alone, and those who hold actors for as long as they like.
        self.running: list[asyncio.Task[Any]] = []
        self.holding: list[asyncio.Task[Any]] = []
        self.ops: dict[Op, float] = {}
        self.freed = 0
        # Whether all checks since the last step have passed.
        self.agreed = False

    # ---- the frame -----------------------------------------------------------------------

    @initialize(
        seed=st.integers(0, 1000),
        rests=st.booleans(),
        deadline=st.sampled_from((30.0, 1.0, 0.0, None)),
        made=st.sampled_from(SYSTEMS),
        first=st.lists(actors, min_size=3, max_size=3),
    )
    def open(
        self,
        seed: int,
        rests: bool,
        deadline: float | None,
        made: dict[str, Any],
        first: list[dict[str, Any]],
    ) -> None:
        """Begin with three actors, one of them another's child.

        Seed 0 is asyncio's own order; at the end with no deadline the system is aborted.
        """
        if seed:
            self.loop.close()
            self.loop = ShuffledLoop(seed)
        self.rests, self.deadline = rests, deadline
        self.system = ActorSystem("proof", seed=seed, **made)
        self.loop.run_until_complete(_open(self.system))
        self.ledger = Ledger(self.system)
        for place, actor in zip(PLACES, first, strict=False):
            self.spawn(place, actor, math.inf)

    def teardown(self) -> None:
        try:
            if self.agreed:  # else the error of a rule is on its way
                self._finish(self.loop)
        finally:
            self.end.set()
            self.system.abort()  # if it has not ended already
            self._pass(2.0)
            self.loop.end()

    def _finish(self, loop: WatchedLoop) -> None:
        loop.run_until_idle()
        if self.rests:
            self._pass(REST)
            self.everything_agrees()
            self._check_rest()
        self._shut_down(loop)
        loop.run_until_idle()
        while self.holding:
            self.holding.pop().cancel()
        loop.run_until_idle()
        waiting = [repr(task) for task in self.running if not task.done()]
        assert waiting == [], waiting  # a shutdown lets nobody wait
        self.running.clear()
        self.end.set()
        loop.run_until_idle()
        self.ledger.check_end()
        assert loop.complaints == [], loop.complaints
        assert self.system.tree() == []
        assert [place for place in PLACES if self.system.ref(place).state != "removed"] == []
        assert loop.left_over() == [], loop.left_over()

    def _shut_down(self, loop: WatchedLoop) -> None:
        began, seconds = loop.time(), self.deadline
        if seconds is None:
            loop.call_soon(self.system.abort)
            seconds = 0.0
            loop.run_until_idle()
        shutdown = self.system.shutdown(seconds)
        loop.run_until_complete(asyncio.wait_for(shutdown, seconds + 2.0))
        assert loop.time() <= began + seconds + 1.0 + 1e-6

    # ---- rules ---------------------------------------------------------------------------

    @rule(place=places, actor=actors, turns=turns)
    def spawn(self, place: str, actor: dict[str, Any], turns: float) -> None:
        """Make an actor; one that has nothing to do in its hooks is made without them."""
        settings = {**actor, **TIMEOUTS}
        hooks = {name: settings.pop(name, []) for name in ("starts", "stops", "children")}
        cls = Hooked if any(hooks.values()) else Worker
        hooks["children"] = dict.fromkeys(sorted(hooks["children"]), settings)
        kwargs = {"ledger": self.ledger, "end": self.end, **hooks}
        self._begin(self._spawn(cls, place, kwargs, settings), turns)

    async def _spawn(
        self, cls: type[Worker], place: str, kwargs: dict[str, Any], settings: dict[str, Any]
    ) -> None:
        address = self.system.ref(place).address
        with suppress(AplayError):
            await self.system.spawn(
                cls, address.name, parent=address.parent, kwargs=kwargs, **settings
            )

    @rule(place=targets, deeds=deeds, other=targets, turns=turns)
    def tell_nowait(self, place: str, deeds: list[str], other: str, turns: float) -> None:
        """Send one order for each deed, without a turn of the loop in between."""

        def tell() -> None:
            for deed in deeds:
                order = self.ledger.order("outside", deed, other)
                self.ledger.tell_nowait(self.system.ref(place), order)

        self._do(tell, turns)

    @rule(place=targets, deeds=deeds, other=targets, turns=turns)
    def tell(self, place: str, deeds: list[str], other: str, turns: float) -> None:
        """Send one order for each deed, all at the same time."""

        async def tell(deed: str) -> None:
            order = self.ledger.order("outside", deed, other)
            await self.ledger.tell(self.system.ref(place), order)

        for deed in deeds:
            self._begin(tell(deed), 0)
        self._turn(turns)

    @rule(place=targets, deeds=deeds, other=targets, timeout=timeouts, turns=turns)
    def ask(self, place: str, deeds: list[str], other: str, timeout: float, turns: float) -> None:
        """Ask for each deed, all at the same time."""

        async def ask(deed: str) -> None:
            order = self.ledger.order("outside", deed, other)
            asking = self.ledger.ask(self.system.ref(place), order, timeout)
            outcome = await outcome_of(asking)
            assert outcome == order.number or isinstance(outcome, AplayError | ValueError), outcome

        for deed in deeds:
            self._begin(ask(deed), 0)
        self._turn(turns)

    @rule(place=places, verbs=st.lists(st.sampled_from(VERBS), min_size=1, max_size=3), turns=turns)
    def steer(self, place: str, verbs: list[str], turns: float) -> None:
        """Give one actor verbs, without a turn of the loop in between."""

        def steer() -> None:
            ref = self.system.ref(place)
            for verb in verbs:
                with suppress(ActorStopped):
                    self._steer(ref, verb)

        self._do(steer, turns)

    def _steer(self, ref: ActorRef, verb: str) -> None:
        existed = ref.state != "removed"
        op: Op = getattr(ref, verb)()
        if verb in ("human_start", "remove"):
            self.freed += 1  # whoever is held now may be so no longer
        life = self.ledger.lives[ref.address] if existed else None
        self._begin(self._wait_for(op, ref, verb, life, self.freed), 0)

    async def _wait_for(
        self, op: Op, ref: ActorRef, verb: str, life: int | None, freed: int
    ) -> None:
        self.ops[op] = self.system.now()
        try:
            await op
        except StartFailed:
            assert verb in ("start", "human_start", "restart")
        finally:
            del self.ops[op]
        lives_on = self.ledger.lives[ref.address] == life
        assert verb != "remove" or not lives_on, ref
        if verb == "stop" and lives_on and freed == self.freed:
            assert (ref.held, ref.state) == (True, "stopped"), ref

    @rule(
        chosen=st.sets(places, min_size=1),
        deadline=timeouts,
        on_busy=st.sampled_from(("abort", "cancel")),
        seconds=st.sampled_from((0.0, 0.3, 3.0)),
        swaps=st.booleans(),
        turns=turns,
    )
    def quiesce(
        self,
        chosen: set[str],
        deadline: float,
        on_busy: Literal["abort", "cancel"],
        seconds: float,
        swaps: bool,
        turns: float,
    ) -> None:
        """Hold some actors for a while, and give them a new behaviour or not."""

        async def hold() -> None:
            there = [place for place in sorted(chosen) if self.system.ref(place).state != "removed"]
            with suppress(Busy):
                async with self.system.quiesce(there, deadline=deadline, on_busy=on_busy) as quiet:
                    self._check_held(quiet)
                    await asyncio.sleep(seconds)
                    if swaps:
                        held = [view for view in quiet.cells if view.state in AT_REST]
                        quiet.swap([quiet.stage(view.address) for view in held])

        async def count() -> None:
            self.ledger.exchanges += 1
            try:
                await hold()
            finally:
                self.ledger.exchanges -= 1

        self.holding.append(self.loop.create_watched(count()))
        self._turn(turns)

    def _check_held(self, quiet: Quiesce) -> None:
        for view in quiet.cells:
            if view.state == "paused":
                assert self.system.ref(view.address).status().in_hand == 0, view

    @rule(which=st.integers(0, 7), turns=turns)
    def cancel(self, which: int, turns: float) -> None:
        """Cancel somebody who sends, asks, spawns or waits for the end of a verb."""
        there = [task for task in (*self.running, *self.holding) if not task.done()]
        if there:
            self._do(there[which % len(there)].cancel, turns)

    @rule(turns=turns)
    def release(self, turns: float) -> None:
        """Let the handlers end that ignore being cancelled."""
        self._do(self.end.set, turns)

    @rule(seconds=st.sampled_from((0.05, 0.3, 1.0, 3.0, 40.0)))
    def wait(self, seconds: float) -> None:
        self._pass(seconds)

    # ---- steps of the loop ---------------------------------------------------------------

    def _begin(self, coro: Any, turns: float) -> None:
        self.running.append(self.loop.create_watched(coro))
        self._turn(turns)

    def _do(self, action: Callable[[], object], turns: float) -> None:
        self.loop.call_soon(action)
        self._turn(turns)

    def _turn(self, turns: float) -> None:
        if self.loop.is_running():
            return
        self.agreed = False
        if turns == math.inf:
            self.loop.run_until_idle()
        for _ in range(0 if turns == math.inf else int(turns)):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def _pass(self, seconds: float) -> None:
        self.agreed = False
        self.loop.run_until_complete(asyncio.sleep(seconds))
        self.loop.run_until_idle()

    # ---- what always holds ---------------------------------------------------------------

    @invariant()
    def everything_agrees(self) -> None:
        self.agreed = False
        self.ledger.check_found()
        assert self.loop.complaints == [], self.loop.complaints
        self.ledger.check(idle=self.loop.is_idle)
        lost = [op for op, began in self.ops.items() if began + LONGEST_OP < self.loop.time()]
        assert lost == [], "a verb does not end"
        for status in self.system.tree():
            waits = self.ledger.exchanges and status.state == "paused"
            assert waits or not status.held or status.state in ("stopping", "stopped"), status
            waits = status.pending > self.ledger.set_aside(status.address)
            if self.loop.is_idle and status.state == "running" and waits:
                assert status.in_hand == status.spec.max_tasks, f"nobody woke {status}"
        self.agreed = True

    def _check_rest(self) -> None:
        """Check that nobody is on his way, but for those who wait for a parent that rests."""
        states = {status.address: status.state for status in self.system.tree()}
        for address, state in states.items():
            waits = state == "restarting" and states.get(address.parent) not in (None, "running")
            assert waits or state in ("running", "stopped", "failed"), states


async def _open(system: ActorSystem) -> None:
    system.open()
