"""Calling hooks so that no guest hides another: in order, in isolation, within limits.

pluggy knows who implements what; the calls are made here. Its own caller ends at the first
exception and does not await.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pluggy

from .failure import Failure, attempt
from .guest import Guest
from .hookspecs import HOOK_RULES
from .lane import Lane
from .records import HookFailure

_GRACE = 1.0  # seconds for a cancelled implementation to end
_LANE_CAPACITY = 1024


@dataclass(frozen=True, slots=True)
class _Call:
    hook: str
    implementation: pluggy.HookImpl
    arguments: Mapping[str, Any]

    @property
    def plugin(self) -> str:
        return self.implementation.plugin_name

    @property
    def guest(self) -> Guest:
        dist = self.plugin.partition("/")[0]
        return Guest.of(self.implementation.function.__module__, dist)


def plan_order(implementations: Iterable[pluggy.HookImpl]) -> Sequence[pluggy.HookImpl]:
    """Return the order of calls: ``tryfirst``, plain, ``trylast``; within these by name."""
    return sorted(implementations, key=lambda one: (_band(one), one.plugin_name))


def _band(implementation: pluggy.HookImpl) -> int:
    return 0 if implementation.tryfirst else 2 if implementation.trylast else 1


def call_now(implementation: pluggy.HookImpl, arguments: Mapping[str, Any]) -> Any:
    """Call `implementation` with those of `arguments` that it takes; its errors pass."""
    optional = [name for name in implementation.kwargnames if name in arguments]
    return implementation.function(
        *[arguments[name] for name in implementation.argnames],
        **{name: arguments[name] for name in optional},
    )


class Dispatcher:
    """The calls to all plugins of one `PluginSet`.

    `report` is told every failure, once, in the loop. `leaked` counts the implementations
    that ignored their cancellation and were left to themselves.
    """

    def __init__(self, hooks: pluggy.HookRelay, report: Callable[[HookFailure], None]) -> None:
        self.leaked = 0
        self._hooks = hooks
        self._report = report
        self._lanes: dict[str, Lane[_Call]] = {}
        self._tasks: set[asyncio.Task[object]] = set()  # the loop itself holds tasks weakly

    async def call(
        self,
        hook: str,
        arguments: Mapping[str, Any],
        *,
        seconds: float = math.inf,
        reverse: bool = False,
    ) -> None:
        """Call every implementation of `hook`, one after another, and wait for each.

        Each has the time of the hook's rule, and all together have `seconds`. One that
        raises, exits or takes too long is reported. Even when no time is left the others
        are called, and run up to their first wait.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        calls = self._calls(hook, arguments)
        for call in reversed(calls) if reverse else calls:
            await self._run(call, max(0.0, end - loop.time()))

    def enqueue(self, hook: str, arguments: Mapping[str, Any]) -> None:
        """Queue the implementations of `hook`, each on its plugin's lane; needs a loop."""
        for call in self._calls(hook, arguments):
            lane = self._lanes.get(call.plugin)
            if lane is None:
                name = f"hooks of {call.plugin}"
                lane = self._lanes[call.plugin] = Lane(name, self._run, _LANE_CAPACITY)
            if not lane.put(call) and lane.dropped == 1:
                message = f"{_LANE_CAPACITY} calls wait; newer ones are dropped"
                self._failed(call, Failure(hook, "lane-full", message))

    async def close(self, seconds: float) -> None:
        """Give the lanes `seconds` to empty, together, then end their tasks."""
        await asyncio.gather(*(lane.close(seconds) for lane in self._lanes.values()))

    def _calls(self, hook: str, arguments: Mapping[str, Any]) -> list[_Call]:
        implementations = plan_order(getattr(self._hooks, hook).get_hookimpls())
        return [_Call(hook, one, arguments) for one in implementations]

    async def _run(self, call: _Call, left: float = math.inf) -> None:
        got = attempt(partial(call_now, call.implementation, call.arguments), call.hook, call.guest)
        if inspect.isawaitable(got):
            got = await self._wait_for(call, got, left)
        if isinstance(got, Failure):
            self._failed(call, got)

    async def _wait_for(self, call: _Call, awaitable: Awaitable[Any], left: float) -> object:
        seconds = min(HOOK_RULES[call.hook].timeout, left)
        task: asyncio.Task[object] = asyncio.create_task(
            _guarded(awaitable, call), name=f"{call.hook} of {call.plugin}"
        )
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

    async def _give_up(self, call: _Call, task: asyncio.Task[object], seconds: float) -> Failure:
        task.cancel()
        await asyncio.wait({task}, timeout=min(_GRACE, seconds))
        message = f"not done after {seconds:g} s"
        if not task.done():
            self.leaked += 1
            message += ", and it ignores its cancellation"
        return Failure(call.hook, "TimeoutError", message)

    def _failed(self, call: _Call, failure: Failure) -> None:
        self._report(HookFailure(call.plugin, call.hook, failure))


async def _guarded(awaitable: Awaitable[Any], call: _Call) -> object:
    # Inside the task: a task that ends in SystemExit takes the whole loop with it.
    try:
        return await awaitable
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Failure.of(error, call.hook, call.guest)
