"""Messages as bytes and back: the record that every store keeps.

A record is one msgpack array, which only ever grows at its end::

    [v, type, sender, headers, body]

`v` is 1, `type` the name of `message` or ``aplay:any@1`` for plain values, `sender` an address
or "", `headers` a map that is empty in this version, `body` one msgpack value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from ..errors import MessageTooLarge, Unencodable, UnreadableRecord
from .messages import name_of
from .plain import (
    MAX_NESTING,
    Parts,
    Survey,
    describe,
    find_culprit,
    is_deep,
    may_nest_deep,
    parts,
    plain_parts,
    survey,
)
from .types import ANY, PACK, UNPACK, Reader, TypeRegistry

VERSION = 1
HARD_MAX_BODY = 8 * 1024 * 1024
DEEP = f"nests more than {MAX_NESTING} levels"


class _Record(msgspec.Struct, array_like=True, frozen=True, gc=False):
    v: int
    type: str
    sender: str
    headers: dict[str, msgspec.Raw]
    body: msgspec.Raw


_READ = msgspec.msgpack.Decoder(_Record).decode


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on a record outside its body; `type` is "" where it cannot be read."""

    type: str
    sender: str


class Codec:
    """Writes and reads records for one engine; `decode` on the loop's thread only.

    `max_body` is the largest body in bytes, 8 MiB at most.
    """

    def __init__(self, types: TypeRegistry, *, max_body: int = 262144) -> None:
        if not 0 < max_body <= HARD_MAX_BODY:
            raise ValueError(f"max_body is {max_body}: wanted is 1 to {HARD_MAX_BODY} bytes")
        self.types = types
        self.max_body = max_body

    def encode(self, message: Any, sender: str = "") -> bytes:
        """Return the whole record of `message`.

        Raises `Unencodable`, with the path of what cannot be kept, and `MessageTooLarge`.
        """
        name = name_of(type(message))
        if name is None:
            name, body = ANY, self._plain_body(message)
        else:
            body = self._typed_body(message, name)
        if len(body) > self.max_body:
            raise MessageTooLarge(len(body), self.max_body)
        return PACK((VERSION, name, sender, {}, msgspec.Raw(body)))

    def decode(self, record: bytes) -> Any:
        """Return the message in `record`, a new object each time.

        Raises `UnreadableRecord`: ``no_handler`` for a type that nobody knows, or a newer major
        than is known; ``too_large`` for a body over 8 MiB; else ``undecodable``.
        """
        head = _open(record)
        reader = self.types.reader(head.type)
        if reader is None:
            raise UnreadableRecord("no_handler", self.types.why_unknown(head.type))
        return _read(reader.read, head)

    def decode_as(self, record: bytes, cls: type) -> Any:
        """Return the message in `record` as a `cls`, whether that is registered yet or not.

        For a `saved_type`, also of code that is on its way in: its own module's upcasters count.
        Raises as `decode` does, and `BadMessageType`.
        """
        head = _open(record)
        reader = self.types.reader_as(head.type, cls)
        if reader is None:
            wanted = name_of(cls) or cls.__qualname__
            raise UnreadableRecord("no_handler", f"nothing leads from {head.type} to {wanted}")
        message = _read(reader.read, head)
        if not isinstance(message, cls):
            found = type(message).__qualname__
            raise UnreadableRecord("undecodable", f"found {found}, wanted {cls.__qualname__}")
        return message

    def label(self, record: bytes) -> Label:
        """Return type and sender of `record`, without a look at its body; never raises."""
        try:
            head = _open(record)
        except UnreadableRecord:
            return Label("", "")
        return Label(head.type, head.sender)

    def plain(self, record: bytes) -> Any:
        """Return the body of `record` as data that JSON can say, for people; no class is needed.

        Bytes become base64, what JSON has no word for null or a text. Raises `UnreadableRecord`.
        """
        return _read(_to_json, _open(record))

    def _plain_body(self, message: Any) -> bytes:
        found = survey(message, self.max_body)
        if found is Survey.WIDE:
            raise MessageTooLarge(None, self.max_body)
        if found is Survey.DEEP:
            raise Unencodable("$", DEEP)
        if found is Survey.PLAIN:
            try:
                return PACK(message)
            except UnicodeEncodeError:
                pass  # half of a surrogate pair, somewhere
        raise _refusal(message, _is_foreign, plain_parts)

    def _typed_body(self, message: Any, name: str) -> bytes:
        reader = self.types.reader(name)
        if reader is None:
            raise Unencodable("$", self.types.why_unknown(name))
        body = _pack_typed(message, reader)
        if may_nest_deep(body) and is_deep(UNPACK(body)):
            raise Unencodable("$", DEEP)
        if not reader.proven:  # a class that does not survive the trip is told of here
            _prove(reader, body, name)
        return body


def _open(record: bytes) -> _Record:
    """Return the parts of `record`, its body checked as far as to be one whole value."""
    try:
        head = _READ(record)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UnreadableRecord("undecodable", _told(error)) from None
    if head.v != VERSION:
        raise UnreadableRecord("undecodable", f"a record of version {head.v}: known is {VERSION}")
    return head


def _read(read: Callable[[Any], Any], head: _Record) -> Any:
    if len(head.body) > HARD_MAX_BODY:
        told = f"a body of {len(head.body)} bytes, where at most {HARD_MAX_BODY} are read"
        raise UnreadableRecord("too_large", told)
    try:
        return read(head.body)
    except Exception as error:  # also what an upcaster or a __post_init__ of an author raises
        raise UnreadableRecord("undecodable", f"{head.type}: {_told(error)}") from None


def _to_json(body: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(UNPACK(body), enc_hook=repr))


def _pack_typed(message: Any, reader: Reader) -> bytes:
    try:
        if reader.dumps:
            message = message.model_dump(mode="json", by_alias=True, round_trip=True)
        return PACK(message)
    except RecursionError:
        raise Unencodable("$", DEEP) from None
    except (TypeError, OverflowError, UnicodeEncodeError, msgspec.EncodeError):
        raise _refusal(message, _is_unpackable, parts) from None
    except Exception as error:  # what a model's own serializers raise
        raise Unencodable("$", _told(error)) from None


def _prove(reader: Reader, body: bytes, name: str) -> None:
    """Read the first message of a name back; raises `Unencodable` when that cannot be."""
    try:
        reader.read(body)
    except Exception as error:
        raise Unencodable("$", f"{name} cannot be read back: {_told(error)}") from None
    reader.proven = True


def _refusal(
    message: Any, is_bad: Callable[[Any], bool], parts: Callable[[Any], Parts]
) -> Unencodable:
    path, culprit = find_culprit(message, is_bad, parts)
    return Unencodable(path, describe(culprit))


def _is_foreign(value: Any) -> bool:
    return survey(value, HARD_MAX_BODY) is Survey.FOREIGN or _is_unpackable(value)


def _is_unpackable(value: Any) -> bool:
    try:
        PACK(value)
    except Exception:
        return True
    return False


def _told(error: Exception) -> str:
    """Return what `error` says, without the values that pydantic would add: bodies are private."""
    errors = getattr(error, "errors", None)
    if callable(errors):
        parts = (f"{it['msg']} - at {'.'.join(map(str, it['loc']))}" for it in errors())
        return f"{type(error).__name__}: {'; '.join(parts)}"[:500]
    return f"{type(error).__name__}: {error}"[:500]
