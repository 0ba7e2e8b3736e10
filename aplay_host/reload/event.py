"""What became of reloads, on the stream of events that the actors' own events are on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..kernel import Event
from .report import ReloadReport

ReloadEventType = Literal[
    "reload.started",
    "reload.committed",
    "reload.refused",
    "reload.waiting",
    "reload.taken_back",
    "reload.leak",
    "reload.watch_degraded",
]


@dataclass(frozen=True, slots=True)
class ReloadEvent(Event):
    """Something that became of a reload; it is told at ``/``.

    =========================  ======================================  ===================
    type                       told                                    text
    =========================  ======================================  ===================
    ``reload.started``         before anything of a plan is done       empty
    ``reload.OUTCOME``         once for each transaction               the report's line
    ``reload.leak``            when superseded code is still held      what a person reads
    ``reload.watch_degraded``  when hints fail, a lock is ignored      what a person reads
    =========================  ======================================  ===================

    `trigger` is who or what asked for it; only an outcome has a `report`.
    """

    type: ReloadEventType
    trigger: str
    text: str = ""
    report: ReloadReport | None = None
