"""Calling hooks so that no guest hides another: in order, in isolation, within limits.

pluggy knows who implements what; the calls are made here. Its own caller ends at the first
exception and does not await.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType
from typing import Any

import pluggy

from .answers import read_answer
from .failure import Failure, attempt
from .guest import Guest
from .hookspecs import HOOK_RULES
from .lane import Lane
from .order import plan_order
from .records import HookFailure

LANE_CAPACITY = 1024
_GRACE = 1.0  # seconds for a cancelled implementation to end
_SLOW = 0.05  # seconds for which the body of a hook may keep the loop
_STALL = 1.0  # from here on the host's watch over its loop tells it, with the line

_log = logging.getLogger("aplay_host.plugins")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one implementation gave: its records, or why there are none."""

    plugin: str
    guest: Guest
    records: tuple[Any, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class HookCall:
    """One implementation with the arguments of one call."""

    hook: str
    implementation: pluggy.HookImpl
    arguments: Mapping[str, Any]

    @property
    def plugin(self) -> str:
        """The ``dist/name`` of the implementation's owner."""
        return self.implementation.plugin_name

    @property
    def guest(self) -> Guest:
        """The owner of the code."""
        dist = self.plugin.partition("/")[0]
        return Guest.of(self.implementation.function.__module__, dist)

    def begin(self) -> tuple[Any, ...] | Failure | Awaitable[Any]:
        """Run the body; return its records, or what has to be awaited for them.

        Nothing it raises passes, but ``KeyboardInterrupt``.
        """
        return attempt(self._answer, self.hook, self.guest)

    def _answer(self) -> tuple[Any, ...] | Failure | Awaitable[Any]:
        one, arguments = self.implementation, self.arguments
        optional = {name: arguments[name] for name in one.kwargnames if name in arguments}
        answer = one.function(*[arguments[name] for name in one.argnames], **optional)
        if not inspect.isawaitable(answer):
            return read_answer(self.hook, answer)
        if HOOK_RULES[self.hook].timeout is not None:
            return answer
        for end in ("close", "cancel"):  # of a coroutine, of a future
            getattr(answer, end, bool)()
        message = f"returned {type(answer).__name__}, which nobody awaits; write a plain function"
        return Failure(self.hook, "awaitable", message)

    async def end(self, awaitable: Awaitable[Any]) -> tuple[Any, ...] | Failure:
        """Await what `begin` returned, inside the task that does nothing else.

        A task that ends in ``SystemExit`` takes the whole loop with it.
        """
        try:
            return read_answer(self.hook, await awaitable)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return Failure.of(error, self.hook, self.guest)


def hook_in(frame: FrameType) -> HookCall | None:
    """Return the hook whose implementation is run by this one frame, None for any other.

    It may be another thread's.
    """
    if frame.f_code not in (HookCall._answer.__code__, HookCall.end.__code__):
        return None
    call = frame.f_locals.get("self")
    return call if isinstance(call, HookCall) else None


class Dispatcher:
    """The calls to all plugins that are registered with one manager.

    `report` is told every failure, once, in the loop. `leaked` counts the implementations
    that ignored their cancellation and were left to themselves, `dropped` the calls that
    found the lane of their plugin full.
    """

    def __init__(self, hooks: pluggy.HookRelay, report: Callable[[HookFailure], None]) -> None:
        self.leaked = 0
        self.dropped: Counter[str] = Counter()
        self._hooks = hooks
        self._report = report
        self._lanes: dict[str, Lane[Callable[[], Awaitable[object]]]] = {}
        self._closed = False
        self._missed: dict[str, int] = {}  # dead letters not shown, by plugin
        self._slow: set[pluggy.HookImpl] = set()  # those that have been warned of
        self._tasks: set[asyncio.Task[tuple[Any, ...] | Failure]] = set()  # the loop's are weak

    def for_others(
        self, hooks: pluggy.HookRelay, report: Callable[[HookFailure], None]
    ) -> Dispatcher:
        """Return the calls to the plugins of another manager; the lanes and counts are these."""
        other = copy.copy(self)
        other._hooks, other._report = hooks, report
        return other

    def implementations(self, hook: str) -> list[pluggy.HookImpl]:
        """Return who implements `hook`, in the order of calls."""
        return plan_order(getattr(self._hooks, hook).get_hookimpls())

    def call_now(self, hook: str, arguments: Mapping[str, Any]) -> list[Outcome]:
        """Call every implementation of a hook that is plain ``def``; needs no loop."""
        outcomes = []
        for call in self._calls(hook, arguments):
            got = self._begin(call)
            assert isinstance(got, tuple | Failure)
            outcomes.append(self._outcome(call, got))
        return outcomes

    async def call(
        self,
        hook: str,
        arguments: Mapping[str, Any],
        *,
        seconds: float = math.inf,
        reverse: bool = False,
        among: Collection[str] | None = None,
    ) -> list[Outcome]:
        """Call every implementation of `hook`, one after another, and wait for each.

        Each has the time of the hook's rule, and all together have `seconds`. One that
        raises, exits or takes too long is reported. Even when no time is left the others
        are called, and run up to their first wait. With `among`, only these plugins are.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        calls = self._calls(hook, arguments)
        calls = [one for one in calls if among is None or one.plugin in among]
        return [
            await self._run(call, max(0.0, ends - loop.time()))
            for call in (reversed(calls) if reverse else calls)
        ]

    def enqueue(self, hook: str, arguments: Mapping[str, Any]) -> None:
        """Queue the implementations of `hook`, each on its plugin's lane; needs a loop.

        An argument ``missed`` becomes, for each plugin, the number of such calls that it was
        not shown since its last one.
        """
        for call in [] if self._closed else self._calls(hook, arguments):
            if "missed" in arguments:
                missed = {**arguments, "missed": self._missed.pop(call.plugin, 0)}
                call = replace(call, arguments=missed)
            if not self._lane(call.plugin).put(partial(self._run, call)):
                self._drop(call)

    def _drop(self, call: HookCall) -> None:
        """Count a call that found no room; only the first one is a failure."""
        if "missed" in call.arguments:
            self._missed[call.plugin] = call.arguments["missed"] + 1
        self.dropped[call.plugin] += 1
        if self.dropped[call.plugin] == 1:
            message = f"{LANE_CAPACITY} calls wait; newer ones are dropped"
            self._outcome(call, Failure(call.hook, "lane-full", message))

    async def close(self, seconds: float) -> None:
        """Take no more calls, give the lanes `seconds` to empty, then end their tasks."""
        self._closed = True
        await asyncio.gather(*(lane.close(seconds) for lane in self._lanes.values()))

    def _lane(self, plugin: str) -> Lane[Callable[[], Awaitable[object]]]:
        if plugin not in self._lanes:
            self._lanes[plugin] = Lane(f"hooks of {plugin}", lambda call: call(), LANE_CAPACITY)
        return self._lanes[plugin]

    def _calls(self, hook: str, arguments: Mapping[str, Any]) -> list[HookCall]:
        return [HookCall(hook, one, arguments) for one in self.implementations(hook)]

    async def _run(self, call: HookCall, left: float = math.inf) -> Outcome:
        got = self._begin(call)
        if not isinstance(got, tuple | Failure):
            got = await self._wait_for(call, got, left)
        return self._outcome(call, got)

    def _begin(self, call: HookCall) -> tuple[Any, ...] | Failure | Awaitable[Any]:
        began = time.perf_counter()
        got = call.begin()
        took = time.perf_counter() - began
        if _SLOW < took < _STALL and call.implementation not in self._slow:
            self._slow.add(call.implementation)
            text = "plugin %s: %s kept the loop for %.0f ms; make it async, or use a thread"
            _log.warning(text, call.plugin, call.hook, took * 1000)
        return got

    async def _wait_for(
        self, call: HookCall, awaitable: Awaitable[Any], left: float
    ) -> tuple[Any, ...] | Failure:
        seconds = min(HOOK_RULES[call.hook].timeout or 0.0, left)
        task = asyncio.create_task(call.end(awaitable), name=f"{call.hook} of {call.plugin}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            # Not asyncio.timeout(): that waits for those who ignore their cancellation.
            await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:  # the host goes, not the plugin
            task.cancel()
            raise
        if task.cancelled():  # by itself, in its last step, where no guard can catch it
            return Failure(call.hook, "CancelledError", "it cancelled its own task")
        return task.result() if task.done() else await self._give_up(call, task, seconds)

    async def _give_up(self, call: HookCall, task: asyncio.Task[Any], seconds: float) -> Failure:
        task.cancel()
        await asyncio.wait({task}, timeout=min(_GRACE, seconds))
        message = f"not done after {seconds:g} s"
        if not task.done():
            self.leaked += 1
            message += ", and it ignores its cancellation"
        return Failure(call.hook, "TimeoutError", message)

    def _outcome(self, call: HookCall, got: tuple[Any, ...] | Failure) -> Outcome:
        if isinstance(got, Failure):
            self._report(HookFailure(call.plugin, call.hook, got))
            return Outcome(call.plugin, call.guest, failure=got)
        return Outcome(call.plugin, call.guest, got)
