from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from cron.scheduler import Scheduler

from aplay_host import Actor, ActorRef, ActorSystem

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clocked(Scheduler):
    """Reads the time of the loop, which is virtual here, as that of a day in March."""

    ahead: ClassVar = timedelta()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.loop.time()) + self.ahead


class Diary(Actor):
    """Notes what comes, and when."""

    mailbox: ClassVar = {"capacity": 3}

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[tuple[float, Any]] = []

    async def msg_handler(self, msg: Any) -> list[tuple[float, Any]] | None:
        if msg == "read":
            return self.entries
        self.entries.append((self.loop.time(), msg))
        return None


@pytest.fixture
async def system() -> AsyncIterator[ActorSystem]:
    async with ActorSystem("test") as system:
        await system.spawn(Diary, "diary")
        yield system


async def schedule(system: ActorSystem, *jobs: dict[str, Any]) -> ActorRef:
    options = Scheduler.Options.model_validate({"jobs": [{"to": "/diary", **job} for job in jobs]})
    return await system.spawn(Clocked, "cron", options=options)


async def entries(system: ActorSystem) -> list[tuple[float, Any]]:
    read: list[tuple[float, Any]] = await system.ref("/diary").ask("read")
    return read


async def until(system: ActorSystem, seconds: float) -> None:
    """Let time pass until just after the loop's clock shows `seconds`."""
    system.loop.call_at(seconds + 0.5, (passed := system.loop.create_future()).set_result, None)
    await passed


async def test_each_job_is_sent_at_its_times(system: ActorSystem) -> None:
    hourly = {"when": "0 * * * *", "message": "hour"}
    await schedule(system, hourly, {"when": "30 13 * * *", "message": {"tea": 1}})
    await until(system, 2 * 3600)
    assert await entries(system) == [(3600.0, "hour"), (5400.0, {"tea": 1}), (7200.0, "hour")]


async def test_times_are_those_of_the_zone(system: ActorSystem) -> None:
    await schedule(system, {"when": "0 22 * * *", "zone": "Asia/Tokyo", "message": "late"})
    await until(system, 24 * 3600)
    assert await entries(system) == [(3600.0, "late")]


async def test_missed_runs_become_one(system: ActorSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    await schedule(system, {"when": "*/10 * * * *", "message": "ten"})
    await until(system, 30)
    monkeypatch.setattr(Clocked, "ahead", timedelta(hours=5, minutes=1))
    await until(system, 60)
    assert await entries(system) == [(60.0, "ten")]
    await until(system, 600)
    assert [at for at, _ in await entries(system)] == [60.0, 540.0]


async def test_every_message_is_a_copy(system: ActorSystem) -> None:
    await schedule(system, {"when": "0 * * * *", "message": {"seen": []}})
    await until(system, 3600)
    (entry,) = await entries(system)
    entry[1]["seen"].append(1)
    await until(system, 7200)
    assert (await entries(system))[1][1] == {"seen": []}


async def test_a_message_that_cannot_be_delivered_does_not_stop_the_others(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    await system.ref("/diary").stop()
    cron = await schedule(system, {"when": "0 * * * *", "message": 1})
    await until(system, 5 * 3600)
    assert 'the job "0 * * * *" did not reach /diary' in caplog.text
    assert cron.status().failed == 0
    await system.ref("/diary").human_start()
    assert [message for _, message in await entries(system)] == [1, 1, 1]


async def test_jobs_are_told_with_their_next_times(system: ActorSystem) -> None:
    cron = await schedule(system, {"when": "0 * * * *", "message": 1})
    told = [{"when": "0 * * * *", "to": "/diary", "next": "2026-03-01T13:00:00+00:00"}]
    assert await cron.ask({"get": "jobs"}) == told


async def test_without_jobs_nothing_wakes_it(system: ActorSystem) -> None:
    cron = await schedule(system)
    await until(system, 24 * 3600)
    assert cron.status().accepted == 0


async def test_an_unknown_message_raises(system: ActorSystem) -> None:
    cron = await schedule(system)
    with pytest.raises(ValueError, match="Scheduler understands"):
        await cron.ask("now")
