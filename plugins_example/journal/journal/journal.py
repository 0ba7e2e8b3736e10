"""The hooks: which events there are, and what is written of each."""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aplay_host import ActorFailure, ActorRef, ActorSystem, DeadLetter, HostInfo, hookimpl


class Journal:
    """Writes each event as a line; without a path it writes nothing."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """What ``[plugins.options."journal/journal"]`` in aplay.toml may say."""

        path: Path | None = None

    def __init__(self, options: Options) -> None:
        self._path = options.path

    @hookimpl
    async def aplay_host_started(self, host: HostInfo, system: ActorSystem) -> None:
        """Write that the host is up."""
        await self._write("host started", host=host.name, actors=len(system.tree()))

    @hookimpl
    async def aplay_host_stopping(self, host: HostInfo, reason: str) -> None:
        """Write that the host is going down, and why."""
        await self._write("host stopping", host=host.name, reason=reason)

    @hookimpl
    async def aplay_actor_started(self, ref: ActorRef, cause: str) -> None:
        """Write that an actor has started."""
        await self._write("actor started", actor=ref.address, cause=cause)

    @hookimpl
    async def aplay_actor_stopped(self, ref: ActorRef, reason: str) -> None:
        """Write that an actor has stopped."""
        await self._write("actor stopped", actor=ref.address, reason=reason)

    @hookimpl
    async def aplay_actor_failed(
        self, ref: ActorRef, failure: ActorFailure, directive: str
    ) -> None:
        """Write what an actor raised and what was decided."""
        await self._write(
            "actor failed",
            actor=ref.address,
            error=failure.error,
            message=failure.message,
            place=failure.place,
            directive=directive,
        )

    @hookimpl
    async def aplay_dead_letter(self, letter: DeadLetter, missed: int) -> None:
        """Write that a message was lost, but not what was in it."""
        kind = type(letter.message).__qualname__
        await self._write(
            "dead letter", actor=letter.target, type=kind, reason=letter.reason, missed=missed
        )

    @hookimpl
    async def aplay_after_reload(self, report: Any) -> None:
        """Write how a reload ended."""
        await self._write("reload", outcome=report.outcome)

    async def _write(self, event: str, **fields: object) -> None:
        """Append one line, in a thread: the host goes on while the disk works.

        The host tells one plugin its events one after another, so their lines keep that order;
        the two lines about the host may come between them.
        """
        if self._path is not None:
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            line = json.dumps({"at": now, "event": event, **fields}, ensure_ascii=False)
            await asyncio.to_thread(append, self._path, line)


def append(path: Path, line: str) -> None:
    """Write `line` at the end of `path`; opened anew each time, so that it may be rotated."""
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
