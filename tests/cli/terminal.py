"""A command on a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

from .served import PATIENCE


class OnTerminal:
    """``aplay-host`` with a terminal as its stdin, stdout and stderr; `shown` is all it printed."""

    def __init__(
        self, folder: Path, *arguments: str, lines: int = 24, environ: Mapping[str, str]
    ) -> None:
        outer = {"TERM": "xterm", **os.environ, **environ}
        command = [sys.executable, "-m", "aplay_host", *arguments]
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(sys.executable, command, outer)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, 80, 0, 0))
        self.shown = ""

    def until(self, text: str) -> None:
        """Read until `text` has been printed."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            assert self._read(), self.shown

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def end(self) -> int:
        """Read what is still printed and return the exit code."""
        while self._read():
            pass
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self) -> bool:
        assert select.select([self._fd], [], [], PATIENCE)[0], self.shown
        try:
            more = os.read(self._fd, 65536).decode("utf-8", "replace")
        except OSError:  # how a terminal says that nobody writes to it any more
            more = ""
        self.shown += more.replace("\r\n", "\n")
        return bool(more)
