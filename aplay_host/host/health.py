"""Is the host well? Decided from what it is doing and from its actors' rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from ..control import ActorRow, HealthCheck, HealthReport
from ..kernel import ActorStatus, Address, Started
from ..plugins import SAFE_MODE
from .holds import StoppedBy, stopped_by
from .wording import brief, span

if TYPE_CHECKING:
    from .host import Host

AWAY_SECONDS = 5.0
"""How long a required actor may be away from ``running`` while the host is ready."""
SLICE = 500
"""How many actors are looked at before the loop gets its turn."""


def judge_readiness(
    phase: str,
    rows: Iterable[ActorRow],
    stoppers: Mapping[str, StoppedBy] | None = None,
    told: Iterable[HealthCheck] = (),
    away: Mapping[str, float] | None = None,
) -> HealthReport:
    """Tell whether work may be sent here.

    `stoppers` says who stopped the held actors, `told` is what plugins and the store of mail said
    of themselves, and `away` for how many seconds those actors have not run that do not.

    =================================================  =============
    fact                                               status
    =================================================  =============
    the first tree does not stand yet                  not ready
    the host is stopping                               not ready
    a required actor is failed                         not ready
    a required actor does not run for more than 5 s    not ready
    a critical check of a plugin fails                 not ready
    durable mail cannot be written                     not ready
    another actor is failed                            degraded
    another check of a plugin fails                    degraded
    an actor is held, whoever stopped it               degraded
    none of these                                      ok
    =================================================  =============
    """
    checks = [HealthCheck("host", phase == "running", True, f"the host is {phase}")]
    for row in rows:
        gone_s = (away or {}).get(row.address, 0.0)
        if row.state == "failed":
            error = row.last_error
            detail = f"{row.address} is failed" + (f": {brief(error.text)}" if error else "")
            checks.append(HealthCheck(row.address, False, row.required, detail, row.since))
        elif row.held:
            detail = f"{row.address} {_stop(row, (stoppers or {}).get(row.address, 'person'))}"
            checks.append(HealthCheck(row.address, False, False, detail, row.since))
        elif row.required and gone_s > AWAY_SECONDS:
            detail = f"{row.address} is {row.state}, and has not run for {span(gone_s)}"
            checks.append(HealthCheck(row.address, False, True, detail, row.since))
    checks += told
    if any(check.critical and not check.ok for check in checks):
        return HealthReport("not ready", tuple(checks))
    return HealthReport("ok" if all(check.ok for check in checks) else "degraded", tuple(checks))


def mail_checks(problem: str | None) -> tuple[HealthCheck, ...]:
    """Tell why durable mail cannot be written; nothing while it can."""
    if problem is None:
        return ()
    return (HealthCheck("mail", False, True, f"durable mail cannot be written: {brief(problem)}"),)


def _stop(row: ActorRow, stopper: StoppedBy) -> str:
    if stopper == "safe":
        return f"is held: {SAFE_MODE.message}"
    if stopper != "error":
        return f"was stopped by {'a person' if stopper == 'person' else 'code'}"
    error = f": {brief(row.last_error.text)}" if row.last_error else ""
    return f"stopped itself after an error{error}"


def judge_start(waits_for: Iterable[str] | None) -> HealthReport:
    """Tell whether the first tree stands: every required actor has started once, or is failed.

    `waits_for` are those that have not, None where no actor is made yet.
    """
    if waits_for is None:
        checks = [HealthCheck("start", False, True, "the host is starting")]
    else:
        checks = [
            HealthCheck(address, False, True, f"{address} has not started yet")
            for address in waits_for
        ]
    if checks:
        return HealthReport("not ready", tuple(checks))
    return HealthReport("ok", (HealthCheck("start", True, True, "the first tree stands"),))


def alive() -> HealthReport:
    """Tell that the loop runs, which this answer proves."""
    return HealthReport("ok", (HealthCheck("loop", True, True, "the loop runs"),))


def line_of(report: HealthReport) -> str:
    """Return ``ok``, or ``not ready: /tail is failed``; no error text, as anybody may read it."""
    if report.ready:
        return "ok"
    first, *more = [it for it in report.checks if it.critical and not it.ok]
    text = first.detail.partition(": ")[0]
    if text == first.name:  # a plugin's check, whose words are its own
        text = f"{first.name} fails"
    return f"not ready: {text}" + (f", and {len(more)} more" if more else "")


class Health:
    """Answers the probes of one host, from what is known; nobody is asked."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._stands = False
        self._started: set[Address] = set()
        host.system.events.subscribe((Started,), self._note_start)

    def _note_start(self, event: Started) -> None:
        if not self._stands:
            self._started.add(event.address)

    def started(self) -> HealthReport:
        """Tell whether the first tree stands; once it does, it does for ever."""
        host = self._host
        if host.phase == "running":
            self._stands = True
        elif not self._stands and host.planted:
            waits_for = [
                address
                for address, entry in host.config.actors.items()
                if entry.required and self._waits_for(address)
            ]
            self._stands = not waits_for
            if waits_for:
                return judge_start(waits_for)
        return judge_start(() if self._stands else None)

    def _waits_for(self, address: Address) -> bool:
        cell = self._host.system.cell_at(address)
        settled = cell is None or cell.held or cell.state in ("failed", "stopped")
        return not settled and address not in self._started

    async def ready(self, row_of: Callable[[ActorStatus], ActorRow]) -> HealthReport:
        """Tell whether work may be sent here, and what is wrong; looks at actors in slices."""
        host = self._host
        cells = host.system.registry.snapshot() if host.planted else []
        rows, stoppers, away = [], {}, {}
        for start in range(0, len(cells), SLICE):
            for cell in cells[start : start + SLICE]:
                if (cell.state == "running" and not cell.held) or cell.state == "removed":
                    continue
                status = cell.status()
                rows.append(row_of(status))
                away[str(status.address)] = host.system.now() - status.left
                if (stopper := stopped_by(status, host.holds)) is not None:
                    stoppers[str(status.address)] = stopper
            await asyncio.sleep(0)
        told = (*host.rounds.checks, *mail_checks(host.mail.problem))
        return judge_readiness(host.phase, rows, stoppers, told, away)
