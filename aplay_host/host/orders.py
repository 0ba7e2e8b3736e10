"""What a signal orders, carried out on the loop; who sent it is not known."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..control import Who
from ..reload import Request
from .audit import Deed
from .work import work_lines

if TYPE_CHECKING:
    from .host import Host

SIGNAL = Who("signal")

_log = logging.getLogger("aplay_host")


class SignalOrders:
    """Implements `Steered` for one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._asked_to_read = False
        self._is_reading = False

    def stop(self, reason: str) -> None:
        """Stop in order; `reason` begins with the signal's name."""
        self._host.audit.tell(Deed("stop", SIGNAL, reason=reason))
        self._host.stop(reason)

    def cut_off(self) -> None:
        """Stop without waiting for anything."""
        self._host.audit.tell(Deed("cut off", SIGNAL))
        self._host.system.abort()

    def reread(self) -> None:
        """Read aplay.toml again: after the start if that is under way, never during a stop.

        All orders that come while it is read are one more look.
        """
        self._asked_to_read = True
        if self._host.phase == "running" and not self._is_reading:
            self._is_reading = True
            self._host.begin(self._read(), "reads aplay.toml")

    def started(self) -> None:
        """Do what was ordered during the start."""
        if self._asked_to_read:
            self.reread()

    def tell_work(self) -> None:
        """Log what the actors and the loop are at."""
        for line in work_lines(self._host.system):
            _log.warning("SIGUSR1: %s", line)

    async def _read(self) -> None:
        request = Request("SIGHUP", config=True)
        try:
            while self._asked_to_read:
                self._asked_to_read = False
                deed = self._host.audit.of("reload", SIGNAL, reason=request.cause)
                with self._host.service.reloading(), deed as told:
                    told.of_report(await self._host.reloads.reload(request))
        except Exception:  # the next signal has another chance
            _log.exception("a reload ended with an error that is the host's own")
        finally:
            self._is_reading = False
