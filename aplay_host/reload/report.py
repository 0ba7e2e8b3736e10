"""How a reload ended: one record and one line for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from .declared import KeyChange
from .plan import ReloadPlan
from .refusal import Refusal

ReloadOutcome = Literal["committed", "nothing", "refused", "waiting", "taken_back"]
RESTART, VETO, BAD_CONFIG = "restart-needed", "veto", "bad-config"
EXIT_CODES: Mapping[str, int] = {RESTART: 7, VETO: 7, BAD_CONFIG: 78}
"""What a command ends with that was refused for one of these, 1 for all other reasons."""


@dataclass(frozen=True, slots=True)
class ReloadTrouble:
    """Why nothing was done: see `Refusal`; `traceback` is empty where no code raised."""

    code: str
    place: str
    got: str
    wanted: str
    cure: str
    traceback: str = ""

    @classmethod
    def of(cls, refusal: Refusal, traceback: str = "") -> ReloadTrouble:
        """Return `refusal` with the traceback of what raised."""
        return cls(**asdict(refusal), traceback=traceback)


@dataclass(frozen=True, slots=True)
class ReloadReport:
    """One transaction: from which generation to which, what was planned, what became of it.

    ``generation_to`` is the number that runs now, or the one that was not reached. `modules`
    were run anew; `config` are the keys of aplay.toml that changed; `phases_s` the seconds
    that each step took. What was committed has an `error` where something was tried that cannot
    be loaded. `code_of` is the number under which the code ran before that a
    rollback, by hand or by probation, has brought back.
    """

    outcome: ReloadOutcome
    generation_from: int
    generation_to: int
    plan: ReloadPlan | None = None
    modules: tuple[str, ...] = ()
    config: tuple[KeyChange, ...] = ()
    phases_s: Mapping[str, float] = field(default_factory=dict)
    error: ReloadTrouble | None = None
    code_of: int | None = None

    def line(self) -> str:
        """Return the one line that people read."""
        plan = self.plan and {
            "changed": [{"path": it.path} for it in self.plan.changed],
            "affected": [{"step": it.step} for it in self.plan.affected],
            "cells": self.plan.cells,
            "config": self.plan.config,
        }
        # Of a large plan the whole JSON takes longer than the reload.
        return report_line(asdict(replace(self, plan=None)) | {"plan": plan})

    @property
    def exit_code(self) -> int:
        """The exit code of a command that led to this."""
        return exit_code_of(asdict(replace(self, plan=None)))


def exit_code_of(report: Mapping[str, Any]) -> int:
    """Return the exit code for a report that is, or came as, an object of JSON.

    ==================  ===========================================
    outcome             exit code
    ==================  ===========================================
    committed, nothing  0
    waiting             7
    refused             7 for a veto and where a restart is needed,
                        78 for a bad aplay.toml, else 1
    ==================  ===========================================
    """
    if report["outcome"] in ("committed", "nothing"):
        return 0
    if report["outcome"] == "waiting":
        return 7
    return EXIT_CODES.get(report["error"]["code"], 1) if report["error"] else 1


def report_line(report: Mapping[str, Any]) -> str:
    """Return the one line for a report that is, or came as, an object of JSON."""
    head = f"reload #{report['generation_to']}"
    still = f"still running #{report['generation_from']}"
    match report["outcome"]:
        case "nothing":
            return f"reload: nothing has changed, {still}"
        case "committed":
            times = report["phases_s"]
            parts = ", ".join(
                f"{name} {1000 * times[name]:.1f}" for name in ("drain", "swap") if name in times
            )
            took = f"{1000 * sum(times.values()):.0f} ms" + (f" ({parts})" if parts else "")
            error = report["error"]
            end = f"NOT LOADED {error['place']}: {error['got']}" if error else "ok"
            if report["code_of"] is not None:
                head = f"rollback #{report['generation_to']}"
            return f"{head} {_what(report['plan'])} · {took} · {end}{_back(report)}"
        case "waiting":
            error = report["error"]
            return f"{head} WAITING {error['place']} {error['got']} · {still}, {error['cure']}"
        case "taken_back":
            error, came = report["error"], report["generation_from"]
            failed = f"reload #{came} TAKEN BACK after {error['got']} on {error['place']}"
            return f"{failed}{_back(report)}"
        case _:
            error = report["error"]
            return f"{head} REFUSED {error['place']}: {error['got']} · {still}"


def _back(report: Mapping[str, Any]) -> str:
    """Return whose code runs now, where that is not new."""
    runs, code = report["generation_to"], report["code_of"]
    return "" if code is None else f" · running #{runs} = code of #{code}"


def _what(plan: Mapping[str, Any] | None) -> str:
    """Return what changed and what that made anew, such as ``parse.py → 2 modules, 3 actors``."""
    if plan is None:
        return "as it was before"
    files = [it["path"].rpartition("/")[2] for it in plan["changed"]]
    if plan["config"]:
        files.append("aplay.toml")
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    modules = sum(it["step"] == "run" for it in plan["affected"])
    counts = f"{_count(modules, 'module')}, {_count(len(plan['cells']), 'actor')}"
    return f"{', '.join(files[:3])}{more} → {counts}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
