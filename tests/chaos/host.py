"""A host in a process of its own, whose actors write the ledger."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aplay_host.mailboxes import MailRow, SqliteEngine

from .actors import types_known
from .nemesis import environment

PARTS = "from tests.chaos.actors import Work\nfrom tests.chaos.hosted import *"
TREE = """
plugins.paths = ["."]
host.drain_timeout = "500ms"
defaults.stop_timeout = "500ms"
actors."/settled" = {{ use = "parts:HostedSettled", mailbox.kind = "memory" }}
actors."/third".use = "parts:HostedTurning"
actors."/second".use = "parts:HostedTurning"
actors."/first".use = "parts:{first}"
actors."/plain".use = "parts:{plain}"
actors."/feed" = {{ use = "parts:{feed}", mailbox.kind = "memory" }}
defaults.mailbox.kind = "sqlite"
"""


class Host:
    """A host that is served from `folder`, life after life, and writes `ledger`."""

    def __init__(
        self, folder: Path, plain: str, feed: str, *, first: str = "HostedTurning"
    ) -> None:
        self.folder, self.ledger = folder, folder / "ledger"
        self.mail = folder / ".aplay" / "mail"
        (folder / "aplay.toml").write_text(TREE.format(plain=plain, feed=feed, first=first))
        self.write(PARTS)

    def write(self, code: str) -> None:
        """Write the module of its actors."""
        (self.folder / "parts.py").write_text(code)

    @contextmanager
    def serving(self, life: int, beats: int) -> Iterator[subprocess.Popen[bytes]]:
        """Serve for the block, which begins when so many things have happened to messages."""
        read, write = os.pipe()
        command = [sys.executable, "-P", "-m", "aplay_host", "serve"]
        environ = {"LEDGER": str(self.ledger), "LIFE": str(life), "BEATS": str(write)}
        with (
            (self.folder / "log").open("ab") as log,
            subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment() | environ,
                pass_fds=(write,),
                stderr=log,
            ) as process,
        ):
            os.close(write)
            try:
                while beats > 0 and (found := os.read(read, beats)):
                    beats -= len(found)
                assert beats == 0, self.log
                yield process
            finally:
                os.close(read)
                process.kill()

    @property
    def log(self) -> str:
        """All that it has logged."""
        return (self.folder / "log").read_text("utf-8")

    def run(self, *verb: str) -> subprocess.CompletedProcess[str]:
        """Carry out a command beside it."""
        command = [sys.executable, "-P", "-m", "aplay_host", *verb]
        return subprocess.run(
            command, cwd=self.folder, env=environment(), capture_output=True, text=True, check=False
        )


async def waiting(mail: Path) -> list[MailRow]:
    """Return all mail in the file, in order, as the next engine has it; no letter is dead."""
    async with SqliteEngine(mail, types_known()) as engine:
        assert await engine.dead_letters() == ()
        rows = [row for box in engine.boxes() for row in await engine.peek(box.address, 10_000)]
    return sorted(rows, key=lambda row: row.id)


def charged(rows: list[MailRow]) -> list[MailRow]:
    """Return what was charged with anything."""
    return [row for row in rows if (row.attempts, row.crashes, row.replays) != (0, 0, 0)]
