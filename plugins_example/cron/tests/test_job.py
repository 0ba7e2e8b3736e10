from datetime import UTC, datetime
from typing import Any

import pytest
from cron.job import Job, seconds_until
from pydantic import ValidationError


def job(when: str = "0 * * * *", **more: Any) -> Job:
    return Job.model_validate({"when": when, "to": "/a", "message": 1} | more)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("when", "zone", "now", "due"),
    [
        ("0 * * * *", "UTC", "2026-03-01T12:30", "2026-03-01T13:00"),
        ("0 13 * * *", "UTC", "2026-03-01T13:00", "2026-03-02T13:00"),
        ("*/10 * * * * *", "UTC", "2026-03-01T12:00:01", "2026-03-01T12:00:10"),
        ("0 9 * * *", "Asia/Tokyo", "2026-03-01T12:00", "2026-03-02T00:00"),
        ("0 9 * * *", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T07:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T01:00"),
    ],
)
def test_next_time(when: str, zone: str, now: str, due: str) -> None:
    assert job(when, zone=zone).next_after(at(now)) == at(due)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"when": "61 * * * *"}, "is no cron expression: bad minute"),
        ({"when": "hourly"}, "is no cron expression"),
        ({"when": "0 0 30 2 *"}, "is no cron expression: bad day-of-month"),
        ({"zone": "Mars/Olympus"}, "is no time zone"),
        ({"zone": "../etc"}, "is no time zone"),
        ({"to": "/a b"}, "a b"),
        ({"every": 5}, "Extra inputs"),
    ],
)
def test_mistake_is_told(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        job(**wrong)


def test_what_is_past_is_due_at_once() -> None:
    assert seconds_until(at("2026-03-01"), at("2026-03-02")) == 0.0
