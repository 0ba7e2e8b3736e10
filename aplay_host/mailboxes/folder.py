"""The folder of durable mail: the owner's alone, on a disk of this machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import StateDirError

NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "afs")
"""Kinds of file systems on which locks and fsync promise less than the mail does."""
NETWORK_FUSE = ("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone")
MOUNTS = Path("/proc/self/mountinfo")


def prepare_folder(folder: Path, *, network: bool) -> None:
    """Make `folder` with mode 0700, or see that it is so.

    Raises `StateDirError` for a link, somebody else's folder, one that others may enter, files
    in it that are links, and, without `network`, for a file system that is not of this machine.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise StateDirError(
            f"{folder}: got a link or no folder, want a folder; move it away, and put the whole "
            "host.state_dir elsewhere if it is to be on another disk"
        )
    if found.st_uid != os.geteuid():
        raise StateDirError(f"{folder}: belongs to user {found.st_uid}, want {os.geteuid()}")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise StateDirError(f"{folder}: has mode {mode:o}, want 700; run: chmod 700 {folder}")
    for name in ("mail.db", "mail.db-wal", "inflight"):
        _check_file(folder / name)
    if not network and (kind := file_system_of(folder)) in (*NETWORK, *NETWORK_FUSE):
        raise StateDirError(
            f"{folder} is on a network file system ({kind}), which may lose mail that was kept; "
            "put host.state_dir on a disk of this machine, or state [mailboxes.sqlite] "
            "allow_network_fs = true"
        )


def _check_file(file: Path) -> None:
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise StateDirError(f"{file}: got a link or no file, want a plain file; move it away")
    if mode & 0o077:
        raise StateDirError(
            f"{file}: has mode {stat.S_IMODE(mode):o}, want 600; run: chmod 600 {file}"
        )


def file_system_of(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the kind of file system that `folder` is on; empty where the system does not say."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    place, best, kind = f"{folder.resolve()}/", "", ""
    for line in lines:
        left, _, right = line.partition(" - ")
        mounted = left.split()[4].replace("\\040", " ")
        under = mounted if mounted.endswith("/") else f"{mounted}/"
        if place.startswith(under) and len(under) >= len(best):
            best, kind = under, right.split()[0]
    return kind
