"""One line of a crontab: when, in which zone, what, and to whom."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import BaseModel, ConfigDict, field_validator

from aplay_host import Address


class Job(BaseModel):
    """A message to send at the times that `when` means in `zone`.

    `when` is a cron expression of five fields, or of six with the seconds first. Over a
    change of summer time it means what Debian's cron makes of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: str
    zone: str = "UTC"
    to: str
    message: Any

    @field_validator("when")
    @classmethod
    def _means_times(cls, when: str) -> str:
        try:
            next(CronSim(when, datetime(2000, 1, 1)))
        except CronSimError as error:
            raise ValueError(f"is no cron expression: {str(error).lower()}") from None
        return when

    @field_validator("zone")
    @classmethod
    def _is_known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is no time zone, want a name such as Europe/Berlin") from None
        return zone

    @field_validator("to")
    @classmethod
    def _is_an_address(cls, to: str) -> str:
        return str(Address(to))  # its error is a ValueError

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time after `moment` that is due, in UTC."""
        local = moment.astimezone(ZoneInfo(self.zone))
        return next(CronSim(self.when, local)).astimezone(UTC)


def seconds_until(due: datetime, now: datetime) -> float:
    """Return how long it is from `now` to `due`, never less than nothing."""
    return max(0.0, (due - now) / timedelta(seconds=1))
