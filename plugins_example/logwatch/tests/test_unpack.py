import gzip
from pathlib import Path
from typing import Any

import pytest
from logwatch import hooks
from logwatch.unpack import Unpack

from aplay_host import Actor, ActorSystem

pytestmark = pytest.mark.real_time  # a thread unpacks


class Collect(Actor):
    """Keeps what it gets, and tells it when asked."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    async def msg_handler(self, msg: Any) -> Any:
        if msg == "all":
            return self.got
        self.got.append(msg)
        return None


async def lines_of(system: ActorSystem, path: Path, count: int) -> Any:
    collect = await system.spawn(Collect, "collect")
    await system.spawn(Unpack, "unpack", options=Unpack.Options(path=path, to="/collect"))
    while len(got := await collect.ask("all")) < count:
        pass  # asking lets the others run
    return got


async def test_each_line_of_a_compressed_file_is_sent_once(
    system: ActorSystem, tmp_path: Path
) -> None:
    path = tmp_path / "access.log.1.gz"
    path.write_bytes(gzip.compress(b"".join(b"line %d\r\n" % n for n in range(2_500)) + b"\xff"))
    got = await lines_of(system, path, 2_501)
    assert got == [*(f"line {n}" for n in range(2_500)), "\ufffd"]


async def test_a_stop_keeps_its_place(system: ActorSystem, tmp_path: Path) -> None:
    path = tmp_path / "access.log.1.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n"))
    assert await lines_of(system, path, 2) == ["one", "two"]
    path.write_bytes(gzip.compress(b"one\ntwo\nthree\n"))
    unpack, collect = system.ref("/unpack"), system.ref("/collect")
    await unpack.stop()
    await unpack.human_start()
    while len(got := await collect.ask("all")) < 3:
        pass
    assert got == ["one", "two", "three"]


def test_it_is_offered_where_python_has_zlib(monkeypatch: pytest.MonkeyPatch) -> None:
    (record,) = hooks.aplay_actors()
    assert (record.name, record.actor) == ("logwatch.unpack", "logwatch.unpack:Unpack")
    monkeypatch.setattr(hooks, "find_spec", lambda name: None)
    assert list(hooks.aplay_actors()) == []
