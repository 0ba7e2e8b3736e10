"""HTTP over a Unix socket; loaded once there is a host to speak to."""

from __future__ import annotations

import math
import socket
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

__all__ = ["HTTPException", "UnixConnection"]


class UnixConnection(HTTPConnection):
    """HTTP over the Unix socket at `path`."""

    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket; raises `OSError` where nobody listens."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        deadline = math.inf if self.timeout is None else time.monotonic() + self.timeout
        while True:
            try:
                return self.sock.connect(str(self._path))
            except BlockingIOError:  # too many wait to be accepted; there is nothing to wait on
                if time.monotonic() > deadline:
                    raise TimeoutError from None
                time.sleep(0.005)
