import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from journal import Journal

from aplay_host import Actor, ActorFailure, ActorSystem, DeadLetter, HostInfo

pytestmark = pytest.mark.real_time  # lines are written by threads
HOST = HostInfo("edge", "1.0", Path())
FAILURE = ActorFailure("KeyError", "'ts'", "tail.py:3", "Traceback …", "str", 1)


def lines(path: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for line in found:
        assert line.pop("at").endswith("Z")
    return found


async def test_each_event_is_a_line_in_order(tmp_path: Path) -> None:
    journal = Journal(Journal.Options(tmp_path / "log"))
    async with ActorSystem("edge") as system:
        ref = await system.spawn(Actor, "tail")
        letter = DeadLetter(ref.address, "secret", "removed", None, 0.0, 1)
        await journal.aplay_actor_started(ref, "start")
        await journal.aplay_host_started(HOST, system)
        await journal.aplay_actor_failed(ref, FAILURE, "restart")
        await journal.aplay_actor_stopped(ref, "restart")
        await journal.aplay_dead_letter(letter, 2)
        await journal.aplay_after_reload(SimpleNamespace(outcome="refused"))
        await journal.aplay_host_stopping(HOST, "SIGTERM")
    assert lines(tmp_path / "log") == [
        {"event": "actor started", "actor": "/tail", "cause": "start"},
        {"event": "host started", "host": "edge", "actors": 1},
        {
            "event": "actor failed",
            "actor": "/tail",
            "error": "KeyError",
            "message": "'ts'",
            "place": "tail.py:3",
            "directive": "restart",
        },
        {"event": "actor stopped", "actor": "/tail", "reason": "restart"},
        {"event": "dead letter", "actor": "/tail", "type": "str", "reason": "removed", "missed": 2},
        {"event": "reload", "outcome": "refused"},
        {"event": "host stopping", "host": "edge", "reason": "SIGTERM"},
    ]


async def test_what_was_in_a_lost_message_is_not_written(tmp_path: Path) -> None:
    journal = Journal(Journal.Options(tmp_path / "log"))
    async with ActorSystem("edge") as system:
        address = system.ref("/gone").address
    await journal.aplay_dead_letter(DeadLetter(address, "hunter2", "x", None, 0.0, 1), 0)
    assert "hunter2" not in (tmp_path / "log").read_text("utf-8")


async def test_the_file_may_be_rotated_between_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    journal = Journal(Journal.Options(path))
    await journal.aplay_host_stopping(HOST, "one")
    path.rename(tmp_path / "log.1")
    await journal.aplay_host_stopping(HOST, "two")
    assert [line["reason"] for line in lines(path)] == ["two"]


async def test_without_a_path_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await Journal(Journal.Options()).aplay_host_stopping(HOST, "SIGTERM")
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_cannot_be_written_is_an_error_for_the_host_to_report(
    tmp_path: Path,
) -> None:
    journal = Journal(Journal.Options(tmp_path / "no such folder" / "log"))
    with pytest.raises(FileNotFoundError):
        await journal.aplay_host_stopping(HOST, "SIGTERM")
