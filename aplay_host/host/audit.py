"""Who did what: every change that is asked for, as an event and as a line in the log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..control import PROBLEM_PREFIX, EventRing, Who
from ..errors import CommandError
from ..reload import ReloadReport

LONGEST_TARGET = 500

_log = logging.getLogger("aplay_host.audit")


@dataclass(slots=True)
class Deed:
    """What somebody does, and what has come of it so far.

    `target` are addresses, or names of plugins, as they were given. `outcome` is ``done``, or
    that of a reload, or ``dry run``, or

    =============  =======================================================
    ``refused``    nothing was done, because of the `problem`
    ``failed``     it was done, and the `problem` came of it
    ``cancelled``  who wanted it went away before it was over
    =============  =======================================================
    """

    verb: str
    who: Who
    target: Sequence[str] = ()
    reason: str | None = None
    outcome: str = "done"
    problem: str | None = None
    generation_from: int = 0
    generation_to: int = 0

    def of_report(self, report: ReloadReport, dry_run: bool = False) -> ReloadReport:
        """Take over what a reload says of itself; returns it."""
        self.outcome = "dry run" if dry_run else report.outcome
        self.problem = report.error.code if report.error else None
        self.generation_from = report.generation_from
        self.generation_to = report.generation_from if dry_run else report.generation_to
        return report

    def note(self, problems: Iterable[Mapping[str, Any] | None]) -> None:
        """Tell the first of these problem documents, where there is one."""
        if (first := next((it for it in problems if it is not None), None)) is not None:
            self.outcome, self.problem = "failed", first["type"].removeprefix(PROBLEM_PREFIX)


class Audit:
    """Adds deeds to `events` and to the log; `names` are those of users, by uid."""

    def __init__(
        self, events: EventRing, names: Mapping[int, str], generation: Callable[[], int]
    ) -> None:
        self._events = events
        self._names = names
        self._generation = generation

    @contextmanager
    def of(
        self, verb: str, who: Who, target: Sequence[str] = (), reason: str | None = None
    ) -> Iterator[Deed]:
        """Tell of the block, once it has ended, what became of it; it may say so itself."""
        began, number = time.monotonic(), self._generation()
        deed = Deed(verb, who, target, reason, generation_from=number)
        try:
            yield deed
        except CommandError as error:
            done = error.kind.name in ("timeout", "handler-failed")
            deed.outcome, deed.problem = "failed" if done else "refused", error.kind.name
            raise
        except asyncio.CancelledError:
            deed.outcome = "cancelled"
            raise
        except BaseException:
            deed.outcome, deed.problem = "failed", "internal"
            raise
        finally:
            self.tell(deed, time.monotonic() - began)

    def tell(self, deed: Deed, seconds: float | None = None) -> None:
        """Tell of a deed that took so many seconds, where that is known."""
        deed.generation_to = deed.generation_to or self._generation()
        deed.generation_from = deed.generation_from or deed.generation_to
        target = " ".join(deed.target)
        if len(target) > LONGEST_TARGET:
            target = f"{target[:LONGEST_TARGET]}… ({len(deed.target)} in all)"
        is_one = len(deed.target) == 1 and target.startswith("/") and "*" not in target
        told = {
            "verb": deed.verb,
            "target": target,
            "reason": deed.reason,
            "outcome": deed.outcome,
            "problem": deed.problem,
            "generation_from": deed.generation_from,
            "generation_to": deed.generation_to,
            "took_s": None if seconds is None else round(seconds, 6),
        }
        self._events.append("audit", target if is_one else "/", deed.who, told)
        outcome = deed.outcome + (f" ({deed.problem})" if deed.problem else "")
        why = f', reason "{deed.reason}"' if deed.reason else ""
        what = f"{deed.verb} {target}".rstrip()
        _log.info("%s by %s%s: %s", what, self._name(deed.who), why, outcome)

    def _name(self, who: Who) -> str:
        if who.uid is None:
            return f"a {who.kind}" if who.kind in ("signal", "plugin") else f"the {who.kind}"
        name = self._names.get(who.uid)
        return f"uid {who.uid}{f' ({name})' if name else ''}, pid {who.pid}"
