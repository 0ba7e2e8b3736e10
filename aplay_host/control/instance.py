"""Where a host can be found: its lock, its socket and the record that names them.

The record is the only way in which a client finds a host; the socket's path is never
guessed, because two parties that guess can guess differently.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import HostBusy, StateDirError

LOCK = "lock"
RECORD = "instance.json"
LONGEST_SOCKET_PATH = 100  # Linux has room for 107 bytes, macOS for 103
LOCK_PATIENCE = 1.0  # a client may hold the lock shared for an instant


@dataclass(frozen=True, slots=True)
class Instance:
    """One run of a host; `started` is RFC 3339, `control` the path of its socket."""

    id: str
    boot: str
    pid: int
    started: str
    config: str
    control: str | None
    metrics: str | None
    version: str
    api: str


def instance_id(config: Path) -> str:
    """Return the id of whatever runs this configuration file, the same at each start."""
    return hashlib.sha256(os.fsencode(config.resolve())).hexdigest()[:8]


def prepare_state_dir(state_dir: Path) -> None:
    """Make `state_dir`, for us alone; raises `StateDirError` when it cannot be written."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = state_dir / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
        os.close(_open_lock(state_dir))
    except OSError as error:
        raise StateDirError(
            f"state directory {state_dir} cannot be written: {error.strerror}: {error.filename}; "
            "make it writable or set state_dir under [host] in aplay.toml"
        ) from None


@contextmanager
def hold_lock(state_dir: Path) -> Iterator[None]:
    """Hold the lock of `state_dir` for the block; raises `HostBusy` with who has it.

    The lock is released by closing only: a forked child that unlocked it would take it
    from us. It closes its copy at once, or it would keep the lock when we are gone. The file
    says whose it is, because the record comes later, and may be an old one.
    """
    lock = _Lock(state_dir)
    try:
        deadline = time.monotonic() + LOCK_PATIENCE
        while not _try_lock(lock.descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise HostBusy(_busy_text(state_dir))
            time.sleep(0.05)
        os.ftruncate(lock.descriptor, 0)
        os.write(lock.descriptor, b"%d\n" % os.getpid())
        yield
    finally:
        lock.close()


class _Lock:
    """The open lock file of this process alone: children that it forks close theirs."""

    def __init__(self, state_dir: Path) -> None:
        self.descriptor = _open_lock(state_dir)
        self._is_open = True
        ours = weakref.ref(self)  # what is registered stays so for ever

        def close_copy() -> None:
            if (lock := ours()) is not None:
                lock.close()

        os.register_at_fork(after_in_child=close_copy)

    def close(self) -> None:
        """Close it, once."""
        if self._is_open:
            self._is_open = False
            os.close(self.descriptor)


def is_locked(state_dir: Path) -> bool:
    """Tell whether a host holds the lock of `state_dir`."""
    try:
        descriptor = os.open(state_dir / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def read_instance(state_dir: Path) -> Instance | None:
    """Return the record of the host that runs, or ran last, in `state_dir`.

    Raises `PermissionError` where we may not look.
    """
    try:
        fields = json.loads((state_dir / RECORD).read_text("utf-8"))
        return Instance(**{name: fields.get(name) for name in Instance.__slots__})
    except PermissionError:
        raise
    except (OSError, ValueError, AttributeError):
        return None


def write_instance(state_dir: Path, instance: Instance, group: int | None = None) -> None:
    """Write the record, whole or not at all, for us alone, or for `group` to read."""
    draft = state_dir / f"{RECORD}.{os.getpid()}"
    with open(draft, "w", encoding="utf-8", opener=_for_us_alone) as file:
        file.write(json.dumps(asdict(instance)) + "\n")
    open_to_group(draft, group, 0o640)
    draft.replace(state_dir / RECORD)


def remove_instance(state_dir: Path) -> None:
    """Remove the record."""
    with suppress(OSError):
        (state_dir / RECORD).unlink()


def open_to_group(path: Path, group: int | None, mode: int) -> None:
    """Give what was ours alone to `group` as well, with `mode`; None changes nothing."""
    if group is not None:
        os.chown(path, -1, group)  # first: the mode is meant for no other group
        path.chmod(mode)


def socket_path(state_dir: Path, identity: str, group: int | None = None) -> Path:
    """Return where the control socket goes, and make its directory, for us and `group` alone.

    A path that is too long for a socket address gives way to one below ``/tmp``. Raises
    `StateDirError` when the directory is somebody else's.
    """
    path = state_dir / "run" / "control.sock"
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        path = Path(f"/tmp/aplay-{os.geteuid()}") / identity / "control.sock"
        _own_directory(path.parent.parent)
        open_to_group(path.parent.parent, group, 0o710)
    _own_directory(path.parent)
    open_to_group(path.parent, group, 0o750)
    return path


def _own_directory(directory: Path) -> None:
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    found = directory.lstat()  # not stat: a link planted by somebody else is not followed
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise StateDirError(f"{directory} is not a directory of ours; remove it and start again")
    directory.chmod(0o700)


def _open_lock(state_dir: Path) -> int:
    return os.open(state_dir / LOCK, os.O_RDWR | os.O_CREAT, 0o600)


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _try_lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _busy_text(state_dir: Path) -> str:
    pid, other = _holder(state_dir), read_instance(state_dir)
    if pid is None:
        return f"another host holds the lock {state_dir / LOCK}; stop it first"
    more = ""
    if other is not None and other.pid == pid:  # not one that a killed host left behind
        more = f" since {other.started}, config {other.config}"
    return f"another host runs here: pid {pid}{more}; stop it first: kill {pid}"


def _holder(state_dir: Path) -> int | None:
    """Return the pid that the lock file names."""
    try:
        return int((state_dir / LOCK).read_bytes())
    except (OSError, ValueError):
        return None
