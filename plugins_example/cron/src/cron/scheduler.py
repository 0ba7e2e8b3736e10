"""The actor that sends what is due."""

import copy
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from aplay_host import Actor, AplayError

from .job import Job, seconds_until

TICK: Final = {"tick": None}
LONGEST = 60.0
"""Seconds after which the clock is looked at again: it may have been set, or have slept."""


class Scheduler(Actor):
    """Sends each of its `jobs` at its times.

    There is one timer, for the job that is next. A job that was due several times since the
    last look, because the machine slept or the clock was set forward, is sent once. What was
    due while no host ran is not made up for. A message that cannot be delivered is logged,
    and the job goes on with its next time.

    ===================  ==========================================
    message              what it does
    ===================  ==========================================
    ``{"get": "jobs"}``  answers with when each job is sent next
    anything else        raises `ValueError`
    ===================  ==========================================
    """

    class Options(BaseModel):
        """`jobs`: tables with the fields of `Job`."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        jobs: list[Job]

    options: Options

    def now(self) -> datetime:
        """Return what the clock on the wall shows; a test may have one of its own."""
        return datetime.now(UTC)

    async def on_start(self) -> None:
        """Look forward from now."""
        now = self.now()
        self._due = [job.next_after(now) for job in self.options.jobs]
        self._sleep(now)

    async def msg_handler(self, msg: Any) -> list[dict[str, str]] | None:
        """Send what is due, or tell what will be."""
        match msg:
            case {"tick": None}:
                now = self.now()
                self._send_due(now)
                self._sleep(now)
            case {"get": "jobs"}:
                both = zip(self.options.jobs, self._due, strict=True)
                return [
                    {"when": job.when, "to": job.to, "next": due.isoformat()} for job, due in both
                ]
            case _:
                raise ValueError(f'Scheduler understands {{"get": "jobs"}}, got {msg!r:.100}')
        return None

    def _send_due(self, now: datetime) -> None:
        for number, job in enumerate(self.options.jobs):
            if self._due[number] <= now:
                self._due[number] = job.next_after(now)
                self._send(job)

    def _send(self, job: Job) -> None:
        try:
            # A copy: whoever gets it may do with it what he likes.
            self.ref(job.to).tell_nowait(copy.deepcopy(job.message))
        except AplayError as error:
            self.log.warning('the job "%s" did not reach %s: %s', job.when, job.to, error)

    def _sleep(self, now: datetime) -> None:
        if self._due:
            self.send_after(min(seconds_until(min(self._due), now), LONGEST), TICK, key="tick")
