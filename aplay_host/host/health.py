"""Is the host well? Decided from what it is doing and from its actors' rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..control import ActorRow, HealthCheck, HealthReport
from ..plugins import SAFE_MODE
from .holds import StoppedBy
from .wording import brief


def judge_readiness(
    phase: str,
    rows: Iterable[ActorRow],
    stoppers: Mapping[str, StoppedBy] | None = None,
    told: Iterable[HealthCheck] = (),
) -> HealthReport:
    """Tell whether work may be sent here.

    `stoppers` says who stopped the held actors, `told` is what plugins said of themselves.

    ======================================  =============
    fact                                    status
    ======================================  =============
    the first tree does not stand yet       not ready
    the host is stopping                    not ready
    a required actor is failed              not ready
    a critical check of a plugin fails      not ready
    another actor is failed                 degraded
    another check of a plugin fails         degraded
    an actor is held, whoever stopped it    degraded
    none of these                           ok
    ======================================  =============
    """
    checks = [HealthCheck("host", phase == "running", True, f"the host is {phase}")]
    for row in rows:
        if row.state == "failed":
            error = row.last_error
            detail = f"{row.address} is failed" + (f": {brief(error.text)}" if error else "")
            checks.append(HealthCheck(row.address, False, row.required, detail, row.since))
        elif row.held:
            detail = f"{row.address} {_stop(row, (stoppers or {}).get(row.address, 'person'))}"
            checks.append(HealthCheck(row.address, False, False, detail, row.since))
    checks += told
    if any(check.critical and not check.ok for check in checks):
        return HealthReport("not ready", tuple(checks))
    return HealthReport("ok" if all(check.ok for check in checks) else "degraded", tuple(checks))


def _stop(row: ActorRow, stopper: StoppedBy) -> str:
    if stopper == "safe":
        return f"is held: {SAFE_MODE.message}"
    if stopper != "error":
        return f"was stopped by {'a person' if stopper == 'person' else 'code'}"
    error = f": {brief(row.last_error.text)}" if row.last_error else ""
    return f"stopped itself after an error{error}"


def judge_start(phase: str) -> HealthReport:
    """Tell whether the first tree stands; once it does, it does for ever."""
    stands = phase != "starting"
    check = HealthCheck("start", stands, True, f"the host is {phase}")
    return HealthReport("ok" if stands else "not ready", (check,))


def alive() -> HealthReport:
    """Tell that the loop runs, which this answer proves."""
    return HealthReport("ok", (HealthCheck("loop", True, True, "the loop runs"),))
