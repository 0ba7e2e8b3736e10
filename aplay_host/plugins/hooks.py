"""The twelve hooks as the host calls them: what is asked for, and what the answers mean."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pluggy

from ..errors import PluginError
from . import hookspecs
from .dispatch import Dispatcher, Outcome
from .failure import Failure, attempt
from .hookspecs import HOOK_RULES
from .order import HookPlace, explain_place
from .records import Health, HookFailure, HostInfo, Interceptor, Veto

if TYPE_CHECKING:
    from ..kernel import ActorRef, ActorSpec, ActorSystem
    from ..kernel.composing import Handler, Wrap

STARTED_SECONDS = 30.0
"""How long all plugins together may take for `aplay_host_started`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the plugins say to a planned reload; any of the `vetoes` refuses it.

    Both are texts for people; `notes` are answers that do not count.
    """

    vetoes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Hooks:
    """The calls to the plugins of one host.

    `report`, which may be exchanged, is told every hook that fails; `errors` counts them by
    plugin and hook. Under
    `strict` some failures are refusals, as each method says.
    """

    def __init__(self, report: Callable[[HookFailure], None], *, strict: bool = False) -> None:
        self.errors: Counter[tuple[str, str]] = Counter()
        self.report = report
        self._strict = strict
        self._manager = _new_manager()
        self._dispatcher = Dispatcher(self._manager.hook, self.failed)

    def without(self, plugins: Collection[str], report: Callable[[HookFailure], None]) -> Hooks:
        """Return the calls to all but these plugins; this one stays as it is.

        Both share what is queued, and what is counted, for each plugin.
        """
        after = copy.copy(self)
        after.report = report
        after._manager = _new_manager()
        for plugin, instance in self._manager.list_name_plugin():
            if plugin not in plugins:
                after._manager.register(instance, plugin)
        after._dispatcher = self._dispatcher.for_others(after._manager.hook, after.failed)
        return after

    def beyond(self, other: Hooks) -> frozenset[str]:
        """Return the plugins that `other` does not have, or has as another object."""
        mine, theirs = self._manager.list_name_plugin(), other._manager
        return frozenset(name for name, it in mine if theirs.get_plugin(name) is not it)

    @property
    def leaked(self) -> int:
        """Return how many calls ignored their cancellation and were left to themselves."""
        return self._dispatcher.leaked

    def register(self, instance: object, plugin: str) -> None:
        """Add the hooks of `instance`, which were found to fit, under the id `plugin`."""
        self._manager.register(instance, plugin)

    def hears(self, *hooks: str) -> bool:
        """Tell whether any plugin implements any of `hooks`."""
        return any(getattr(self._manager.hook, hook).get_hookimpls() for hook in hooks)

    def places(self, plugin: str) -> tuple[HookPlace, ...]:
        """Return the hooks of `plugin`, each with its place in the order of calls."""
        places = (
            explain_place(
                hook,
                getattr(self._manager.hook, hook).get_hookimpls(),
                plugin,
                self.errors[plugin, hook],
            )
            for hook in HOOK_RULES
        )
        return tuple(place for place in places if place is not None)

    def dropped(self, plugin: str) -> int:
        """Return how many events `plugin` was not told of, because its queue was full."""
        return self._dispatcher.dropped[plugin]

    def failed(self, failure: HookFailure) -> None:
        """Count and report a failure."""
        self.errors[failure.plugin, failure.hook] += 1
        self.report(replace(failure, count=self.errors[failure.plugin, failure.hook]))

    # ---- the host ------------------------------------------------------------------------

    async def host_started(
        self, host: HostInfo, system: ActorSystem, among: Collection[str] | None = None
    ) -> None:
        """Tell the plugins, or those `among` them that came late, that the tree stands.

        Each may take 10 s, all together 30 s. Raises `PluginError` for those that fail under
        a strict host.
        """
        told = {"host": host, "system": system}
        hook = "aplay_host_started"
        outcomes = await self._dispatcher.call(hook, told, seconds=STARTED_SECONDS, among=among)
        self._insist(outcomes)

    async def host_stopping(
        self,
        host: HostInfo,
        system: ActorSystem,
        reason: str,
        seconds_left: float,
        among: Collection[str] | None = None,
    ) -> None:
        """Tell the plugins, last first, that the tree stops; all within `seconds_left`."""
        told = {"host": host, "system": system, "reason": reason, "seconds_left": seconds_left}
        await self._dispatcher.call(
            "aplay_host_stopping", told, seconds=seconds_left, reverse=True, among=among
        )

    def tell(self, hook: str, **arguments: Any) -> None:
        """Queue the news for the plugins that implement `hook`, one of kind ``lane``."""
        self._dispatcher.enqueue(hook, arguments)

    async def close(self, seconds: float) -> None:
        """Give queued calls `seconds` to be made, then end the tasks that make them."""
        await self._dispatcher.close(seconds)

    # ---- questions -----------------------------------------------------------------------

    def interceptors(self, ref: ActorRef, spec: ActorSpec) -> tuple[Wrap, ...]:
        """Return what goes around the handler of an actor that starts, the outermost first.

        A plugin whose answer is bad is left out; a second interceptor of one ``dist/name``
        is. Raises `PluginError` instead under a strict host.
        """
        if not self.hears("aplay_interceptors"):
            return ()
        chain: dict[str, Wrap] = {}
        outcomes = self._dispatcher.call_now("aplay_interceptors", {"ref": ref, "spec": spec})
        self._insist(outcomes)
        for outcome, record in _records(outcomes):
            key = _key(outcome.plugin, record.name)
            if key in chain:
                self._refuse(outcome.plugin, "aplay_interceptors", f'"{key}" is given twice')
            else:
                chain[key] = partial(self._wrap, outcome, record)
        return tuple(chain.values())

    async def before_reload(self, plan: object, replaced: Collection[str] = ()) -> Verdict:
        """Ask every plugin whether `plan` may be carried out.

        ===========================  =========================
        a plugin                     counts as
        ===========================  =========================
        gives a `Veto`               a veto
        is itself in `replaced`      a note, whatever it gives
        raises, or takes too long    a note; strict: a veto
        ===========================  =========================
        """
        outcomes = await self._dispatcher.call("aplay_before_reload", {"plan": plan})
        vetoes: list[str] = []
        notes: list[str] = []
        for outcome in outcomes:
            said = [one.reason for one in outcome.records if isinstance(one, Veto)]
            failure = [outcome.failure.line()] if outcome.failure else []
            own = outcome.plugin in replaced
            counts = not own and (self._strict or not failure)
            why = " (no veto: the plan replaces this plugin)" if own else ""
            texts = [f"{outcome.plugin}: {text}{why}" for text in said + failure]
            (vetoes if counts else notes).extend(texts)
        return Verdict(tuple(vetoes), tuple(notes))

    async def health(self, host: HostInfo) -> tuple[Health, ...]:
        """Ask every plugin how it is; the names are ``dist/name``.

        A plugin that fails is a failing check, which names the hook.
        """
        outcomes = await self._dispatcher.call("aplay_health", {"host": host})
        found: dict[str, Health] = {}
        for outcome in outcomes:
            if outcome.failure is not None:
                name = f"{outcome.plugin} aplay_health"
                found[name] = Health(name, "fail", outcome.failure.line())
        for outcome, record in _records(outcomes):
            key = _key(outcome.plugin, record.name)
            if key in found:
                self._refuse(outcome.plugin, "aplay_health", f'"{key}" is told twice')
            else:
                found[key] = replace(record, name=key)
        return tuple(found.values())

    # ---- what goes wrong -----------------------------------------------------------------

    def _wrap(self, outcome: Outcome, record: Interceptor, next_handler: Handler) -> Handler:
        """Wrap `next_handler`, or return it as it is where the guest cannot do that."""
        hook = "aplay_interceptors"
        made: Any = attempt(partial(record.wrap, next_handler), hook, outcome.guest)
        if callable(made):
            return cast("Handler", made)
        if not isinstance(made, Failure):
            message = f"{record.name}: wrap returned {made!r:.100}, want a handler"
            made = Failure(hook, "bad-record", message)
        self.failed(HookFailure(outcome.plugin, hook, made))
        self._insist([replace(outcome, failure=made)])
        return next_handler

    def _refuse(self, plugin: str, hook: str, message: str) -> None:
        self.failed(HookFailure(plugin, hook, Failure(hook, "duplicate-name", message)))

    def _insist(self, outcomes: Iterable[Outcome]) -> None:
        """Raise `PluginError` for what failed, if the host is strict."""
        lines = [f"{one.plugin}: {one.failure.line()}" for one in outcomes if one.failure]
        if lines and self._strict:
            raise PluginError("\n".join(("strict, and these hooks failed:", *lines)))


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("aplay_host")
    manager.add_hookspecs(hookspecs)
    return manager


def _records(outcomes: Iterable[Outcome]) -> Iterable[tuple[Outcome, Any]]:
    return ((outcome, record) for outcome in outcomes for record in outcome.records)


def _key(plugin: str, name: str) -> str:
    return f"{plugin.partition('/')[0]}/{name}"
