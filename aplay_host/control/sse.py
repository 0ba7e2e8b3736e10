"""Events as they happen, to one client: a response that goes on until somebody ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from starlette.types import Receive, Scope, Send

from .envelope import API_VERSION
from .jsonable import dump
from .stream import EventFilter, EventRing, EventRow

HEARTBEAT = 15.0
"""After so many seconds without an event a comment is sent."""
AT_ONCE = 50
"""So many events at most are made into text before the client has to read."""
LAST_WORDS_SECONDS = 0.3
"""How long a client has for the end of a stream."""

COMMENT = b":\n\n"
OK = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"aplay-api", API_VERSION.encode()),
    ],
}


class EventStream:
    """An ASGI response: the events of `ring` after `seq` that `wanted` lets pass.

    =========  ===================  ====================================================
    event      data                 sent
    =========  ===================  ====================================================
    ``hello``  ``boot seq api``     first
    (none)     an event             for each; its id is ``<boot>-<seq>``
    ``gap``    ``from to``          when events are gone that would have come: the numbers
                                    of the first and of the last of them; `from` is 0 for
                                    a client that comes from another boot
    ``bye``    ``reason``           last, when the host ends the stream
    =========  ===================  ====================================================

    `seq` None is that of a client from another boot. A client that does not read holds as much
    memory as one batch; the listener ends it when it makes no progress.
    """

    def __init__(self, ring: EventRing, wanted: EventFilter, seq: int | None) -> None:
        self._ring = ring
        self._wanted = wanted
        self._seq = seq

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client goes or the ring says that streams are to end."""
        writing = asyncio.ensure_future(self._write(send))
        leaving = asyncio.ensure_future(_left(receive))
        ending = asyncio.ensure_future(self._ended())
        try:
            await asyncio.wait({writing, leaving, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not leaving.done():
                await asyncio.wait({writing, leaving}, timeout=LAST_WORDS_SECONDS)
            if not writing.done():
                scope["state"]["abort"]()
        finally:
            for task in (writing, leaving, ending):
                task.cancel()
            await asyncio.gather(writing, leaving, ending, return_exceptions=True)

    async def _ended(self) -> None:
        while self._ring.ended is None:
            await self._ring.more(self._ring.seq)

    async def _write(self, send: Send) -> None:
        ring = self._ring
        await send(OK)
        hello = {"boot": ring.boot, "seq": ring.seq, "api": API_VERSION}
        await _part(send, _message("hello", hello))
        while ring.ended is None:
            for part in self._due():
                await _part(send, part)
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await ring.more(self._seq or 0)
            except TimeoutError:
                await _part(send, COMMENT)
        for part in self._due():
            await _part(send, part)
        await _part(send, _message("bye", {"reason": ring.ended}), more=False)

    def _due(self) -> Iterator[bytes]:
        """Yield what there is to send now, and note how far that has come."""
        ring = self._ring
        while self._seq is None or self._seq < ring.seq:
            if self._seq is None or self._seq + 1 < ring.oldest:
                first = 0 if self._seq is None else self._seq + 1
                self._seq = ring.oldest - 1
                yield _message("gap", {"from": first, "to": self._seq})
            rows = ring.after(self._seq, AT_ONCE)
            if rows:
                self._seq = rows[-1].seq
            if text := b"".join(_event(row) for row in rows if self._wanted.passes(row)):
                yield text


def position(ring: EventRing, last_id: str) -> int | None:
    """Return the number that a ``Last-Event-ID`` means, None for one of another boot."""
    boot, _, seq = last_id.rpartition("-")
    if boot != ring.boot or not seq.isdecimal() or len(seq) > len(str(ring.seq)):
        return None
    return int(seq) if int(seq) <= ring.seq else None


def _event(row: EventRow) -> bytes:
    return b"id: %s-%d\ndata: %s\n\n" % (row.boot.encode(), row.seq, dump(row))


def _message(name: str, value: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), dump(value))


async def _part(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
