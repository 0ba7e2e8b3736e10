"""What a service manager is told of this process: systemd's notify protocol."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import MutableMapping
from typing import Self

_log = logging.getLogger("aplay_host")


class Notifier:
    """Sends datagrams to the service manager at `address`: a path, or ``@name`` in no folder.

    `watchdog` is how many seconds without a ``WATCHDOG=1`` it takes for death, None where it
    does not look. Without an address nobody is told anything.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self._address = address if address.startswith(("/", "@")) else ""
        self.watchdog = watchdog if self._address else None

    @classmethod
    def taken_from(cls, environ: MutableMapping[str, str]) -> Self:
        """Return what `environ` says, and take it out: no child may speak in our name."""
        address = environ.pop("NOTIFY_SOCKET", "")
        usec, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        looks = usec.isdecimal() and int(usec) > 0 and pid in ("", str(os.getpid()))
        return cls(address, int(usec) / 1e6 if looks else None)

    @property
    def is_heard(self) -> bool:
        """Tell whether anybody listens."""
        return bool(self._address)

    def tell(self, **fields: str | int) -> None:
        """Send `fields`, such as ``READY=1``, in one datagram, without waiting.

        One that cannot be sent is a warning: the host runs on.
        """
        if not self._address:
            return
        lines = [f"{key}={' '.join(str(value).splitlines())}" for key, value in fields.items()]
        where = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.setblocking(False)
                channel.sendto("\n".join(lines).encode(), where)
        except OSError as error:
            _log.warning("the service manager was not told %s: %s", ", ".join(lines), error)
