"""What plugins are told about actors and dead letters: the kernel's events as hooks."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass

from ..kernel import (
    ActorRef,
    ActorSpec,
    ActorSystem,
    Address,
    DeadLettered,
    Event,
    Failure,
    MessageFailed,
    Quarantined,
    Removed,
    Replaced,
    Started,
    Stopped,
)
from ..plugins import ActorFailure, Hooks

STARTED, STOPPED = "aplay_actor_started", "aplay_actor_stopped"
FAILED, LETTER = "aplay_actor_failed", "aplay_dead_letter"
NEWS = (STARTED, STOPPED, FAILED, LETTER)


@dataclass(slots=True)
class _Seen:
    """An actor that has run: what it was made from, and whether plugins believe that it runs."""

    spec: ActorSpec
    runs: bool = True


class ActorNews:
    """Tells the plugins what becomes of actors, as long as anybody listens.

    ====================  =======================================================
    event of the kernel   hook
    ====================  =======================================================
    `Started`             `aplay_actor_started`; before it, for an instance that
                          replaces another, `aplay_actor_stopped` (``restart``)
    `Replaced`            `aplay_actor_started` (``reload``), if it runs
    `Stopped`             `aplay_actor_stopped`: ``stopped``, or ``failed`` where
                          an error asked for it
    `Quarantined`         `aplay_actor_stopped` (``failed``), if it had run
    `Removed`             `aplay_actor_stopped` with its reason, if it had run
    `MessageFailed`       `aplay_actor_failed`
    `DeadLettered`        `aplay_dead_letter`
    ====================  =======================================================
    """

    def __init__(self, system: ActorSystem, hooks: Callable[[], Hooks]) -> None:
        """Listen to `system`; `hooks` returns those of the present generation."""
        self._system = system
        self._hooks = hooks
        self._seen: dict[Address, _Seen] = {}
        system.events.subscribe((Started,), self._started)
        system.events.subscribe((Replaced,), self._replaced)
        system.events.subscribe((Stopped, Quarantined, Removed), self._stopped)
        system.events.subscribe((MessageFailed,), self._failed)
        system.events.subscribe((DeadLettered,), self._lost)

    def _started(self, event: Started) -> None:
        seen, cell = self._seen.get(event.address), self._system.cell_at(event.address)
        if cell is None or not self._hooks().hears(STARTED, STOPPED):
            return
        ref = self._system.ref(event.address)
        if seen is not None and seen.runs:
            self._tell(STOPPED, ref=ref, spec=seen.spec, reason="restart")
        self._seen[event.address] = _Seen(cell.spec)
        self._tell(STARTED, ref=ref, spec=cell.spec, cause=event.cause)

    def _replaced(self, event: Replaced) -> None:
        seen, cell = self._seen.get(event.address), self._system.cell_at(event.address)
        if seen is not None and cell is not None:
            seen.spec = cell.spec
            if seen.runs:
                ref = self._system.ref(event.address)
                self._tell(STARTED, ref=ref, spec=cell.spec, cause="reload")

    def _stopped(self, event: Event) -> None:
        seen = self._seen.get(event.address)
        if seen is None or not (seen.runs or isinstance(event, Removed)):
            return
        seen.runs = False
        if isinstance(event, Removed):
            del self._seen[event.address]
        ref = self._system.ref(event.address)
        self._tell(STOPPED, ref=ref, spec=seen.spec, reason=_reason(event))

    def _failed(self, event: MessageFailed) -> None:
        cell = self._system.cell_at(event.address)
        if cell is None or not self._hooks().hears(FAILED):
            return
        told = Failure.of(event.error, event.time)
        failure = ActorFailure(
            error=told.type,
            message=told.text,
            place=told.where,
            traceback="".join(traceback.format_exception(event.error)),
            message_type=event.message_type,
            count=cell.failed,
        )
        ref: ActorRef = self._system.ref(event.address)
        self._tell(FAILED, ref=ref, spec=cell.spec, failure=failure, directive=event.directive)

    def _lost(self, event: DeadLettered) -> None:
        self._tell(LETTER, letter=event.letter, missed=0)

    def _tell(self, hook: str, **arguments: object) -> None:
        self._hooks().tell(hook, **arguments)


def _reason(event: Event) -> str:
    """Return the word of the hook for what the kernel told."""
    match event:
        case Removed(reason=reason):
            return reason
        case Stopped(reason="error") | Quarantined():
            return "failed"
    return "stopped"
