"""What becomes of the actors, of reloads and of plugins, as events for whoever watches a host."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..control import EventRing, Who
from ..kernel import (
    Abandoned,
    ActorSystem,
    DeadLetter,
    DeadLettered,
    Event,
    Failure,
    HookFailed,
    MessageFailed,
    Quarantined,
    Removed,
    Replaced,
    Restarting,
    Started,
    StartRefused,
    Stopped,
    SystemStopped,
    SystemStopping,
)
from ..plugins import HookFailure
from ..reload import ReloadEvent, ReloadReport
from .audit import Audit, Deed
from .wording import brief

RARE = (
    *(Started, Stopped, Removed, Replaced, Restarting, Quarantined, StartRefused, Abandoned),
    *(SystemStopping, SystemStopped),
)
"""The kernel's events that need nobody's mail to go wrong."""
FREQUENT = (MessageFailed, HookFailed, DeadLettered)
"""Those that may come with every message."""
MOST_A_SECOND = 10
"""So many of each frequent type are kept; or they would push out all else within a moment."""
DECIDED = (Restarting, Quarantined)
"""What supervision has decided by itself."""
SUPERVISOR = Who("supervisor")
BY_ITSELF = {"a file changed": Who("watcher"), "probation": SUPERVISOR}
"""The reloads that nobody asks for, by their trigger, and that nobody but this tells of."""
HEAD = {field.name for field in dataclasses.fields(Event)}


class EventFeed:
    """Adds to `events` what `system` tells, and what is said to it of plugins.

    ====================  ==============================================================
    type                  data
    ====================  ==============================================================
    `Started` and so on   the fields of the kernel's event; never a message
    `reload.*`            `trigger` and `text`, of an outcome the generations and seconds
    `config`              `outcome`, and `keys` of aplay.toml that changed, or the `text`
                          of what is wrong with it
    `plugin`              `id`, `change` and `text`
    ====================  ==============================================================

    Of failed messages and hooks and dead letters there are `MOST_A_SECOND` of each type;
    the next one after a pause says how many were `missed`.
    """

    def __init__(self, system: ActorSystem, events: EventRing, audit: Audit) -> None:
        self._events = events
        self._audit = audit
        self._rates: dict[type[Event], _Rate] = {kind: _Rate() for kind in FREQUENT}
        system.events.subscribe(RARE, self._rare)
        system.events.subscribe(FREQUENT, self._frequent)
        system.events.subscribe((ReloadEvent,), self._reloaded)

    def installed(self, found: Mapping[str, tuple[str, ...]]) -> None:
        """Tell of distributions that were ``added``, ``changed`` or ``removed``."""
        for change, dists in found.items():
            for dist in dists:
                self._plugin(dist, change, f"{dist} is {change}")

    def hook_failed(self, failed: HookFailure) -> None:
        """Tell of a plugin's hook that failed."""
        self._plugin(failed.plugin, "failed", failed.failure.line())

    def _plugin(self, id_: str, change: str, text: str) -> None:
        self._events.append("plugin", "/", None, {"id": id_, "change": change, "text": text})

    def _rare(self, event: Event) -> None:
        who = SUPERVISOR if isinstance(event, DECIDED) else None
        self._events.append(type(event).__name__, event.address, who, _told(event))

    def _frequent(self, event: Event) -> None:
        missed = self._rates[type(event)].missed(event.time)
        if missed is not None:
            told = _told(event) | {"missed": missed}
            self._events.append(type(event).__name__, event.address, None, told)

    def _reloaded(self, event: ReloadEvent) -> None:
        report, told = event.report, {"trigger": event.trigger, "text": event.text}
        if report is None:
            self._events.append(event.type, "/", None, told)
            return
        who = BY_ITSELF.get(event.trigger)
        self._events.append(event.type, "/", who, told | _figures(report))
        if report.config or (report.error and report.error.code == "bad-config"):
            self._config(report, who)
        if who is not None:
            deed = Deed("reload", who, reason=event.trigger)
            deed.of_report(report)
            self._audit.tell(deed, sum(report.phases_s.values()))

    def _config(self, report: ReloadReport, who: Who | None) -> None:
        """Tell which keys changed; not their values, which may be secrets."""
        keys = [change.key for change in report.config]
        text = f"{report.error.place}: {brief(report.error.got)}" if report.error else ""
        told = {"outcome": report.outcome, "keys": keys, "text": text}
        self._events.append("config", "/", who, told)


class _Rate:
    """Lets `MOST_A_SECOND` through in each second."""

    def __init__(self) -> None:
        self._second = self._count = self._missed = 0

    def missed(self, now: float) -> int | None:
        """Return how many were kept back before this one, None when it is kept back, too."""
        if int(now) != self._second:
            self._second, self._count = int(now), 0
        self._count += 1
        if self._count > MOST_A_SECOND:
            self._missed += 1
            return None
        missed, self._missed = self._missed, 0
        return missed


def _told(event: Event) -> dict[str, Any]:
    """Return the fields that are an event's own, errors as text and letters without mail."""
    told: dict[str, Any] = {}
    for field in dataclasses.fields(event):
        if field.name not in HEAD:
            told[field.name] = _shown(getattr(event, field.name), event.time)
    return told


def _shown(value: Any, now: float) -> Any:
    match value:
        case BaseException():
            return _shown(Failure.of(value, now), now)
        case Failure():
            return {"type": value.type, "text": brief(value.text), "where": value.where}
        case DeadLetter():
            kind = type(value.message).__qualname__
            error = value.error and brief(value.error)
            return {"reason": value.reason, "message_type": kind, "error": error}
        case tuple():
            return [_shown(one, now) for one in value]
        case str():
            return brief(value)
    return value


def _figures(report: ReloadReport) -> dict[str, Any]:
    return {
        "generation_from": report.generation_from,
        "generation_to": report.generation_to,
        "took_s": round(sum(report.phases_s.values()), 6),
    }
