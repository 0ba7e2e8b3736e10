"""What the file says of an actor, for whoever compares it and tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..kernel import Address
from .document import key_of
from .keypath import KeyPath, of_a_guest
from .stars import STARS, without_password

if TYPE_CHECKING:
    from .load import HostConfig


@dataclass(frozen=True, slots=True)
class Told:
    """A value that is compared, and what may be `shown` of it."""

    value: Any = field(repr=False)
    kind: type
    shown: Any = field(compare=False)


def veiled(config: HostConfig, address: Address, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return `said`, the keys of one actor, with a `Told` for each value of a guest's."""
    return _veiled(config, ("actors", key_of(config.document, address)), said)


def _veiled(config: HostConfig, at: KeyPath, table: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in table.items():
        path = (*at, key)
        if isinstance(value, Mapping):
            found[key] = _veiled(config, path, value)
        elif of_a_guest(path):
            shown = STARS if config.document.conceals(path) else _without_passwords(value)
            found[key] = Told(value, type(value), shown)
        else:
            found[key] = value
    return found


def _without_passwords(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_passwords(one) for one in value]
    return without_password(value) if isinstance(value, str) else value
