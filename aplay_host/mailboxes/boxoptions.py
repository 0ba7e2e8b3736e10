"""The settings of durable mail: of one actor's box, and of the engine that has all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Durability = Literal["power", "process"]


@dataclass(frozen=True, slots=True)
class BoxOptions:
    """The keys of a ``mailbox`` table of the kind ``sqlite``, beside those of every kind.

    `retry_base` and `retry_cap` are seconds; no pause is longer than the cap. Raises `ValueError`
    for a value out of range.
    """

    durability: Durability = "power"
    max_attempts: int = 5
    max_crashes: int = 3
    retry_base: float = 0.5
    retry_cap: float = 300.0

    def __post_init__(self) -> None:
        if self.durability not in ("power", "process"):
            raise ValueError(f'durability: got {self.durability!r}, want "power" or "process"')
        for name in ("max_attempts", "max_crashes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)!r}, want an integer >= 1")
        for name in ("retry_base", "retry_cap"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: got {getattr(self, name)!r}, want seconds >= 0")

    @classmethod
    def of(cls, given: Any) -> BoxOptions:
        """Return the options of a `MailboxSpec`: a mapping, none, or a model with the same keys."""
        if isinstance(given, cls):
            return given
        keys = given.model_dump() if hasattr(given, "model_dump") else given
        return cls(**(keys or {}))


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The keys of ``[mailboxes.sqlite]``.

    `max_bytes` is the size that the file may have and 0 leaves that to the disk; `dead_keep` is
    how many dead letters are kept and 0 keeps them for ever; `max_body` is in bytes.
    """

    max_bytes: int = 0
    dead_keep: int = 0
    max_body: int = 262_144
    allow_network_fs: bool = False
