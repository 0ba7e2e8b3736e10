import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from logwatch.follow import Follower
from logwatch.place import Reading
from logwatch.tail import Tail
from pydantic import ValidationError

from aplay_host import Actor, ActorRef, ActorSystem
from aplay_host.kernel import MessageFailed

SOON = 5.0
"""Seconds after which a test stops waiting for what should have come long ago."""


class Collect(Actor):
    """Puts what it gets into a queue that the test holds."""

    def __init__(self, got: asyncio.Queue[Any]) -> None:
        super().__init__()
        self.got = got

    async def msg_handler(self, msg: Any) -> None:
        self.got.put_nowait(msg)


class Pipe:
    """A tail on `path` and the queue into which its lines come."""

    def __init__(self, system: ActorSystem, path: Path) -> None:
        self.system = system
        self.path = path
        self.got: asyncio.Queue[Any] = asyncio.Queue()

    async def open(self, *, follow: bool = True) -> ActorRef:
        await self.system.spawn(Collect, "collect", kwargs={"got": self.got})
        options = Tail.Options(path=self.path, to="/collect", follow=follow)
        return await self.system.spawn(Tail, "tail", options=options)

    async def lines(self, count: int) -> list[Any]:
        async with asyncio.timeout(SOON):
            return [await self.got.get() for _ in range(count)]

    def append(self, content: str) -> None:
        with self.path.open("a") as file:
            file.write(content)


@pytest.fixture
def pipe(system: ActorSystem, tmp_path: Path) -> Pipe:
    return Pipe(system, tmp_path / "access.log")


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logwatch.tail.POLL", 0.001)


async def test_appended_lines_follow_those_that_were_there(pipe: Pipe) -> None:
    pipe.append("one\ntwo\n")
    await pipe.open()
    assert await pipe.lines(2) == ["one", "two"]
    pipe.append("three\r\n\nfive\n")
    assert await pipe.lines(3) == ["three", "", "five"]


async def test_appended_line_arrives_well_within_a_second(pipe: Pipe) -> None:
    pipe.append("one\n")
    await pipe.open()
    await pipe.lines(1)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    pipe.append("two\n")
    await pipe.lines(1)
    assert loop.time() - begun < 0.8


@pytest.mark.usefixtures("fast")
async def test_rotated_truncated_and_recreated_file_is_followed_on(pipe: Pipe) -> None:
    pipe.append("one\n")
    await pipe.open()
    assert await pipe.lines(1) == ["one"]
    pipe.append("two\n")
    pipe.path.rename(pipe.path.with_suffix(".1"))
    pipe.append("three\n")
    assert await pipe.lines(2) == ["two", "three"]
    pipe.path.write_text("four\n")
    assert await pipe.lines(1) == ["four"]
    pipe.path.unlink()
    pipe.append("five\n")
    assert await pipe.lines(1) == ["five"]


@pytest.mark.usefixtures("fast")
async def test_missing_file_is_waited_for_and_told_once(
    pipe: Pipe, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried_often = asyncio.Event()
    tries: list[float] = []
    read = Follower.read

    def counted(follower: Follower, now: float) -> Reading:
        tries.append(now)
        if len(tries) == 5:
            tried_often.set()
        return read(follower, now)

    monkeypatch.setattr(Follower, "read", counted)
    with caplog.at_level(logging.WARNING, "logwatch"):
        ref = await pipe.open()
        await asyncio.wait_for(tried_often.wait(), SOON)
        pipe.append("one\n")
        assert await pipe.lines(1) == ["one"]
    assert [record.getMessage() for record in caplog.records] == [
        f"cannot read {pipe.path}: No such file or directory; trying again"
    ]
    assert ref.status().state == "running"


async def test_directory_is_told_and_does_not_fail_the_actor(
    pipe: Pipe, caplog: pytest.LogCaptureFixture
) -> None:
    pipe.path.mkdir()
    with caplog.at_level(logging.WARNING, "logwatch"):
        ref = await pipe.open()
        pipe.path.rmdir()
        pipe.append("one\n")
        assert await pipe.lines(1) == ["one"]
    assert "not a regular file" in caplog.text
    assert ref.status().failed == 0


async def test_without_follow_the_unterminated_last_line_comes_at_once(pipe: Pipe) -> None:
    pipe.append("one\ncut o")
    await pipe.open(follow=False)
    assert await pipe.lines(2) == ["one", "cut o"]


async def test_without_follow_a_missing_file_is_a_failure(pipe: Pipe, system: ActorSystem) -> None:
    failed: asyncio.Queue[MessageFailed] = asyncio.Queue()
    system.events.subscribe((MessageFailed,), failed.put_nowait)
    ref = await pipe.open(follow=False)
    event = await asyncio.wait_for(failed.get(), SOON)
    assert event.address == ref.address
    assert isinstance(event.error, FileNotFoundError)


@pytest.mark.usefixtures("fast")
async def test_stop_keeps_the_place_in_the_file(pipe: Pipe) -> None:
    pipe.append("one\n")
    ref = await pipe.open()
    assert await pipe.lines(1) == ["one"]
    await ref.stop()
    pipe.append("two\n")
    await ref.human_start()
    assert await pipe.lines(1) == ["two"]


async def test_message_to_a_tail_is_refused(pipe: Pipe) -> None:
    ref = await pipe.open()
    with pytest.raises(NotImplementedError):
        await ref.ask("hello")


def test_options_refuse_an_address_without_a_slash_and_unknown_keys(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"address 'parse': must begin with '/'"):
        Tail.Options(path=tmp_path, to="parse")
    with pytest.raises(ValidationError, match="Extra inputs"):
        Tail.Options.model_validate({"path": "a", "to": "/b", "folow": True})


@pytest.mark.usefixtures("fast")
async def test_lines_for_which_there_is_no_room_come_later_and_once(
    pipe: Pipe, system: ActorSystem
) -> None:
    await system.spawn(
        Collect, "collect", kwargs={"got": pipe.got}, mailbox={"capacity": 2, "overflow": "reject"}
    )
    pipe.append("".join(f"{number}\n" for number in range(20)))
    await system.spawn(Tail, "tail", options=Tail.Options(path=pipe.path, to="/collect"))
    assert await pipe.lines(20) == [str(number) for number in range(20)]
    assert pipe.got.empty()
