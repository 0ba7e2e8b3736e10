"""What aplay.toml says of the actors, and in what two states of it differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..config import Told
from ..kernel import Address

Declared = Mapping[Address, Mapping[str, Any]]
"""What aplay.toml says of each actor, defaults included: ``use`` and all that is stated."""


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key of aplay.toml with another value; None stands for a key that is not there."""

    key: str
    before: Any
    after: Any


def differences(before: Any, after: Any, key: str = "") -> Iterator[KeyChange]:
    """Yield the keys of nested tables whose values differ; an address stands in quotes."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        if type(before) is not type(after) or before != after:
            yield KeyChange(key, _plain(before), _plain(after))
        return
    for name in dict.fromkeys((*before, *after)):
        below = f'"{name}"' if isinstance(name, Address) else name
        yield from differences(
            before.get(name), after.get(name), f"{key}.{below}" if key else below
        )


def _plain(value: Any) -> Any:
    """Return what JSON has a form for, and text for the rest; secrets are stars."""
    if isinstance(value, Told):
        value = value.shown
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
