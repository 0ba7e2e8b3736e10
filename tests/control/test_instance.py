"""Lock, record and socket path: by these a host is found, and kept single."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from aplay_host.control import (
    Instance,
    hold_lock,
    instance_id,
    is_locked,
    prepare_state_dir,
    read_instance,
    remove_instance,
    socket_path,
    write_instance,
)
from aplay_host.control import instance as instance_module
from aplay_host.errors import HostBusy, StateDirError

INSTANCE = Instance(
    id="0a1b2c3d",
    boot="b007",
    pid=4711,
    started="2026-03-01T12:00:00.000Z",
    config="/srv/aplay.toml",
    control="/srv/.aplay/run/control.sock",
    metrics=None,
    version="1.0",
    api="1.0",
)


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    prepare_state_dir(folder)
    return folder


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance_module, "LOCK_PATIENCE", 0.0)


@pytest.fixture
def short_of_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A state directory whose path is too long for a socket; what goes to /tmp is removed."""
    deep = tmp_path / ("d" * 120)
    prepare_state_dir(deep)
    yield deep
    identity = Path(f"/tmp/aplay-{os.geteuid()}/{instance_id(deep)}")
    if identity.is_dir():
        identity.rmdir()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


# ---- the state directory -------------------------------------------------------------------


def test_the_state_directory_is_made_with_all_above_it_and_is_ours_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        prepare_state_dir(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert mode(tmp_path / "a" / "b") == 0o700


def test_nothing_but_the_lock_is_left_by_preparing(state_dir: Path) -> None:
    assert [entry.name for entry in state_dir.iterdir()] == ["lock"]


def test_a_state_directory_that_cannot_be_had_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateDirError, match=r"Not a directory.*set state_dir under \[host\]"):
        prepare_state_dir(tmp_path / "file" / "state")


def test_a_lock_that_cannot_be_opened_is_a_fault_of_the_state_directory(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(StateDirError, match="lock"):
        prepare_state_dir(tmp_path)


# ---- the lock ------------------------------------------------------------------------------


def test_the_lock_is_held_for_the_block_and_free_after_it(state_dir: Path) -> None:
    assert not is_locked(state_dir)
    with hold_lock(state_dir):
        assert is_locked(state_dir)
    assert not is_locked(state_dir)


def test_a_second_holder_is_told_who_has_it_and_how_to_stop_it(
    state_dir: Path, impatient: None
) -> None:
    pid = os.getpid()
    write_instance(state_dir, replace(INSTANCE, pid=pid))
    told = rf"pid {pid} since 2026-03-01.*/srv/aplay.toml; stop it first: kill {pid}$"
    with hold_lock(state_dir), pytest.raises(HostBusy, match=told), hold_lock(state_dir):
        pass


@pytest.mark.parametrize("of_a_killed_host", [True, False])
def test_a_second_holder_is_told_the_first_also_before_that_has_a_record_of_its_own(
    state_dir: Path, impatient: None, of_a_killed_host: bool
) -> None:
    if of_a_killed_host:
        write_instance(state_dir, INSTANCE)
    told = f"pid {os.getpid()}; stop it first"
    with hold_lock(state_dir), pytest.raises(HostBusy, match=told), hold_lock(state_dir):
        pass


def test_a_lock_that_names_nobody_is_named_itself(state_dir: Path, impatient: None) -> None:
    with hold_lock(state_dir):
        (state_dir / "lock").write_text("")
        with pytest.raises(HostBusy, match=r"holds the lock .*/lock"), hold_lock(state_dir):
            pass


def test_looking_whether_it_is_locked_takes_nothing_from_the_holder(state_dir: Path) -> None:
    with hold_lock(state_dir):
        assert is_locked(state_dir)
        assert is_locked(state_dir)


def test_without_a_state_directory_nothing_is_locked(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "nowhere")


def test_a_spawned_child_does_not_inherit_the_lock(state_dir: Path) -> None:
    up_and_wait = "import sys; print(flush=True); sys.stdin.read()"
    with hold_lock(state_dir):
        child = subprocess.Popen(
            [sys.executable, "-S", "-c", up_and_wait],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            close_fds=False,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"\n"
    try:
        assert child.poll() is None
        assert not is_locked(state_dir)
    finally:
        child.communicate()


HOLDER = """
import os, sys
from pathlib import Path
from aplay_host.control import hold_lock

with hold_lock(Path(sys.argv[1])):
    if os.fork():
        sys.stdin.readline()
        os._exit(0)
    print(flush=True)
    sys.stdin.read()
"""


def test_a_forked_child_does_not_keep_the_lock_of_a_host_that_is_gone(state_dir: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(state_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as host:
        assert host.stdin is not None
        assert host.stdout is not None
        assert host.stdout.readline() == b"\n"
        assert is_locked(state_dir)  # the child has closed its copy, and not unlocked ours
        host.kill()
        host.wait()
        assert not is_locked(state_dir)
        host.stdin.close()
        assert host.stdout.read() == b""  # the child was there until now


def test_the_lock_file_is_for_us_alone(state_dir: Path) -> None:
    assert mode(state_dir / "lock") == 0o600


# ---- the record ----------------------------------------------------------------------------


def test_the_record_is_read_as_it_was_written(state_dir: Path) -> None:
    write_instance(state_dir, INSTANCE)
    assert read_instance(state_dir) == INSTANCE
    assert mode(state_dir / "instance.json") == 0o600


def test_no_draft_of_the_record_is_left(state_dir: Path) -> None:
    write_instance(state_dir, INSTANCE)
    assert {entry.name for entry in state_dir.iterdir()} == {"lock", "instance.json"}


@pytest.mark.parametrize("text", ["", "no json", "[1]", "null", '"text"', "\xff"])
def test_a_record_that_cannot_be_read_is_none(state_dir: Path, text: str) -> None:
    (state_dir / "instance.json").write_text(text, "latin-1")
    assert read_instance(state_dir) is None


def test_the_record_of_a_later_version_is_read_for_what_we_know(state_dir: Path) -> None:
    (state_dir / "instance.json").write_text('{"pid": 7, "novelty": 1}')
    found = read_instance(state_dir)
    assert found is not None
    assert found.pid == 7
    assert {field.name for field in fields(found)} == {field.name for field in fields(INSTANCE)}


def test_a_record_that_we_may_not_read_is_not_taken_for_none(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, encoding: str) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(PermissionError):
        read_instance(state_dir)


def test_a_record_for_a_group_can_be_read_by_it_alone(state_dir: Path) -> None:
    write_instance(state_dir, INSTANCE, os.getegid())
    assert mode(state_dir / "instance.json") == 0o640


def test_the_directory_of_a_socket_for_a_group_lets_it_through(state_dir: Path) -> None:
    path = socket_path(state_dir, "0a1b2c3d", os.getegid())
    assert mode(path.parent) == 0o750
    assert socket_path(state_dir, "0a1b2c3d").parent == path.parent
    assert mode(path.parent) == 0o700


def test_removing_the_record_twice_is_no_error(state_dir: Path) -> None:
    write_instance(state_dir, INSTANCE)
    remove_instance(state_dir)
    remove_instance(state_dir)
    assert read_instance(state_dir) is None


# ---- identity and socket path --------------------------------------------------------------


def test_the_id_is_that_of_the_real_file(tmp_path: Path) -> None:
    (tmp_path / "aplay.toml").touch()
    (tmp_path / "link.toml").symlink_to("aplay.toml")
    assert instance_id(tmp_path / "link.toml") == instance_id(tmp_path / "aplay.toml")
    assert instance_id(tmp_path / "aplay.toml") != instance_id(tmp_path / "other.toml")
    assert len(instance_id(tmp_path)) == 8


def test_the_socket_lies_in_a_directory_that_is_ours_alone(state_dir: Path) -> None:
    (state_dir / "run").mkdir(mode=0o777)
    assert socket_path(state_dir, "0a1b2c3d") == state_dir / "run" / "control.sock"
    assert mode(state_dir / "run") == 0o700


def test_a_path_too_long_for_a_socket_gives_way_to_tmp(short_of_room: Path) -> None:
    identity = instance_id(short_of_room)
    path = socket_path(short_of_room, identity)
    assert path == Path(f"/tmp/aplay-{os.geteuid()}/{identity}/control.sock")
    assert mode(path.parent) == 0o700
    assert mode(path.parent.parent) == 0o700


def test_two_projects_with_long_paths_never_share_a_socket(tmp_path: Path) -> None:
    one, other = (instance_id(tmp_path / name) for name in ("one.toml", "other.toml"))
    assert one != other


@pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
def test_what_somebody_planted_in_the_place_of_the_directory_is_refused(
    state_dir: Path, tmp_path: Path, kind: str
) -> None:
    run = state_dir / "run"
    if kind == "file":
        run.touch()
    else:
        run.symlink_to(tmp_path if kind == "link" else tmp_path / "nowhere")
    with pytest.raises(StateDirError, match="not a directory of ours"):
        socket_path(state_dir, "0a1b2c3d")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_refused(state_dir: Path) -> None:
    (state_dir / "run").mkdir()
    os.chown(state_dir / "run", 65534, -1)
    with pytest.raises(StateDirError, match="not a directory of ours"):
        socket_path(state_dir, "0a1b2c3d")
