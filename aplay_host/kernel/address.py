"""Where an actor lives: a path from the root, checked once when it is made."""

from __future__ import annotations

import re

from .errors import BadAddress

MOST_LEVELS = 64
"""How deep a tree may be. An actor whose start makes another of its kind meets this end."""

_SEGMENT = re.compile(r"[A-Za-z0-9_.-]+\Z")


class Address(str):
    """A checked address such as ``/tail/parse``; the root is ``/``.

    It is a plain string in every respect, so it can be logged, compared, sorted and used
    as a key. Raises `BadAddress` for anything that does not begin with a slash or has a
    segment with other characters than ``A-Z a-z 0-9 _ . -``.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Address:
        """Check `text` and make it an address; an address is handed back as it is."""
        if isinstance(text, Address):
            return text
        if text != "/":
            _check(text)
        return str.__new__(cls, text)

    def child(self, name: str) -> Address:
        """Return the address of the child `name` of this one."""
        if not _SEGMENT.match(name):
            raise BadAddress(f"actor name {name!r}: use letters, digits, '_', '.' and '-' only")
        if self.count("/") >= MOST_LEVELS:
            raise BadAddress(f"{self}/{name} is deeper than {MOST_LEVELS} levels")
        return str.__new__(Address, f"/{name}" if self == "/" else f"{self}/{name}")

    @property
    def name(self) -> str:
        """The last segment; empty for the root."""
        return self.rpartition("/")[2]

    @property
    def parent(self) -> Address:
        """The address one level up; the root is its own parent."""
        return str.__new__(Address, self.rpartition("/")[0] or "/")

    def ancestors(self) -> list[Address]:
        """Return the addresses above this one, the root left out, topmost first."""
        above: list[Address] = []
        address = self
        while (address := address.parent) != "/":
            above.append(address)
        return above[::-1]

    def is_ancestor_of(self, other: Address) -> bool:
        """Tell whether `other` lies below this address."""
        return other != self and (self == "/" or other.startswith(f"{self}/"))

    def matches(self, pattern: str) -> bool:
        """Tell whether `pattern` names this address: ``*`` is one segment, ``**`` any depth."""
        return re.match(_expression(pattern), self) is not None


def _check(text: str) -> None:
    if not text.startswith("/"):
        raise BadAddress(f"address {text!r}: must begin with '/', as in '/tail/parse'")
    if text.count("/") > MOST_LEVELS:
        raise BadAddress(f"address {text!r} is deeper than {MOST_LEVELS} levels")
    for segment in text[1:].split("/"):
        if not _SEGMENT.match(segment):
            raise BadAddress(
                f"address {text!r}: segment {segment!r} is not made of letters, digits, "
                "'_', '.' and '-'"
            )


def _expression(pattern: str) -> str:
    if not pattern.startswith("/"):
        raise BadAddress(f"pattern {pattern!r}: must begin with '/', as in '/workers/*'")
    parts = [_segment_expression(segment) for segment in pattern[1:].split("/") if segment]
    return "".join(parts) + r"\Z" if parts else r"/\Z"


def _segment_expression(segment: str) -> str:
    if segment == "**":
        return r"(?:/[^/]+)*"
    return "/" + re.escape(segment).replace(r"\*", "[^/]+" if segment == "*" else "[^/]*")
