"""What the kernel logs: once in full, then seldom, however often it happens."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from typing import TYPE_CHECKING

from .errors import StartFailed

if TYPE_CHECKING:
    from .address import Address
    from .letters import DeadLetter
    from .status import Failure


FREE = 10
MINUTE = 60.0
KEYS = 10_000


class Reports:
    """Writes the kernel's log lines; each names the actor, as text and as ``actor``."""

    def __init__(self) -> None:
        self._log = logging.getLogger("aplay_host.kernel")
        self._limit = LogLimit()

    def failure(
        self, address: Address, failure: Failure, error: BaseException, message_type: str | None
    ) -> None:
        """Log a failed message (or, without a type, a failed start or owned task)."""
        what = f"failed on a message of type {message_type}" if message_type else "failed"
        missed = self._limit.admit((address, type(error), what), failure.at)
        if missed is None:
            return
        text = f"{address} {what}: {failure.type}: {failure.text}{_more(missed)}"
        # That a start below failed was logged there, with its traceback.
        cause = None if isinstance(error, StartFailed) else error
        self._log.error(text, exc_info=cause, extra={"actor": address})

    def hook_failure(
        self, address: Address, hook: str, failure: Failure, error: BaseException
    ) -> None:
        """Log a hook that raised while the operation went on."""
        text = f"{address} {hook} failed: {failure.type}: {failure.text}"
        self._log.error(text, exc_info=error, extra={"actor": address})

    def quarantined(self, address: Address, history: tuple[Failure, ...]) -> None:
        """Log that an actor is failed, and its newest error."""
        newest = f": {history[-1].type}: {history[-1].text}" if history else ""
        text = f"{address} is failed and stays so until somebody starts it{newest}"
        self._log.error(text, extra={"actor": address})

    def abandoned(self, address: Address, task: str, line: str) -> None:
        """Log a task that ignored its cancellation."""
        text = f"{address} left a task behind that ignored its cancellation: {task} at {line}"
        self._log.warning(text, extra={"actor": address})

    def dead_letter(self, letter: DeadLetter) -> None:
        """Log a letter; ten for a target and reason, then one a minute."""
        missed = self._limit.admit((letter.target, letter.reason), letter.time)
        if missed is None:
            return
        # Of a letter that was never read, such as one that is ``crashed``, there is no message.
        kind = "" if letter.message is None else f", {type(letter.message).__qualname__}"
        text = f"dead letter to {letter.target}: {letter.reason}{kind}{_more(missed)}"
        self._log.warning(text, extra={"actor": letter.target})


def _more(missed: int) -> str:
    return f" ({missed} more of these since the last line)" if missed else ""


class LogLimit:
    """Lets the first ten lines of a key through, then one a minute.

    Remembers at most 10,000 keys; beyond that it starts anew, which can only log more.
    """

    def __init__(self) -> None:
        self._seen: dict[Hashable, tuple[int, float, int]] = {}

    def admit(self, key: Hashable, now: float) -> int | None:
        """Return how many were held back since the last line, or None to hold this one back."""
        if len(self._seen) >= KEYS and key not in self._seen:
            self._seen.clear()
        let_through, last, missed = self._seen.get(key, (0, now, 0))
        if let_through >= FREE and now - last < MINUTE:
            self._seen[key] = (let_through, last, missed + 1)
            return None
        self._seen[key] = (let_through + 1, now, 0)
        return missed
