"""A total that other actors raise and read: the smallest plugin there is."""

from dataclasses import dataclass
from typing import Any

from aplay_host import Actor


class Counter(Actor):
    """Keeps a total and answers every message with it.

    ====================  =============================
    message               what it does
    ====================  =============================
    ``{"n": 3}``          adds three steps to the total
    ``{"get": "total"}``  adds nothing
    anything else         raises `ValueError`
    ====================  =============================
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """What ``options`` in aplay.toml may say: the first total, and how much one step adds."""

        start: int = 0
        step: int = 1

    options: Options

    def __init__(self) -> None:
        super().__init__()
        self.total = self.options.start

    async def msg_handler(self, msg: Any) -> int:
        """Return the total after `msg`."""
        match msg:
            case {"n": int(n)}:
                self.total += n * self.options.step
            case {"get": "total"}:
                pass
            case _:
                raise ValueError(
                    f'Counter understands {{"n": 1}} and {{"get": "total"}}, got {msg!r:.100}'
                )
        return self.total
