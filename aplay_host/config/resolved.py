"""What becomes of a name in the file that somebody else has to know."""

from __future__ import annotations

from dataclasses import dataclass

from ..kernel import Actor


@dataclass(frozen=True, slots=True)
class Resolved:
    """A `use` names this class."""

    cls: type[Actor]


@dataclass(frozen=True, slots=True)
class Known:
    """A name of something that may exist and was not loaded, so nothing of it is checked."""


@dataclass(frozen=True, slots=True)
class Faulty:
    """A name of what cannot be loaded; its actor stands failed, the rest runs."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A name of nothing that is installed: a mistake in the file, told with `hint`."""

    message: str
    hint: str = ""
