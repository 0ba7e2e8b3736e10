"""Actors that behave as badly as the tests ask them to."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from aplay_host import Actor


class Odd(Actor):
    """Replies with the message, or does what it says."""

    async def msg_handler(self, msg: Any) -> Any:
        match msg:
            case {"do": "raise", "text": text}:
                raise ValueError(text)
            case {"do": "wait"}:
                await asyncio.sleep(3600)
            case {"do": "ignore cancellation"}:
                await ignore_cancellation()
            case {"do": "leave a task behind"}:
                self.create_task(ignore_cancellation())
                await asyncio.sleep(0)  # it has begun
            case {"do": "wait in a thread"}:
                await asyncio.to_thread(time.sleep, 60)
            case {"do": "block for", "seconds": seconds}:
                time.sleep(seconds)  # noqa: ASYNC251
            case {"do": "block"}:
                time.sleep(60)  # noqa: ASYNC251
            case {"do": "begin a thread"}:
                threading.Thread(target=time.sleep, args=(60,)).start()
            case {"do": "raise what cannot be told"}:
                raise Untold
            case {"do": "set a timer"}:
                self.send_every(60.0, "beat", key="beat")
            case {"do": "watch", "address": address}:
                self.watch(address)
            case {"do": "tell the environment"}:
                return sorted(os.environ)
            case {"do": "tell the loop"}:
                return type(self.loop).__module__
            case {"do": "sleep", "seconds": seconds}:
                await asyncio.sleep(seconds)
            case {"do": "exit"}:
                raise SystemExit(3)
        return msg


class Ledger(Actor):
    """Writes down each number that it has handled, after it has taken its time."""

    mailbox: ClassVar = {"capacity": 100_000}

    @dataclass
    class Options:
        path: Path

    def __init__(self) -> None:
        self.file = -1

    async def on_start(self) -> None:
        self.file = os.open(self.options.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def msg_handler(self, msg: int) -> None:
        await asyncio.sleep(0.0005)
        os.write(self.file, b"%d\n" % msg)

    async def on_stop(self, reason: str) -> None:
        os.close(self.file)


class Feeder(Actor):
    """Gives itself work for ever."""

    async def on_start(self) -> None:
        self.send_every(0.01, "more")

    async def msg_handler(self, msg: str) -> None:
        await asyncio.sleep(0.005)


class Untold(Exception):
    def __str__(self) -> str:
        raise self


async def ignore_cancellation() -> None:
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


class NoStart(Actor):
    budget: ClassVar = {"max": 0}

    async def on_start(self) -> None:
        raise RuntimeError("no such device")


class SlowStart(Actor):
    async def on_start(self) -> None:
        await asyncio.sleep(1.0)


class NeverUp(Actor):
    async def on_start(self) -> None:
        await asyncio.Event().wait()


class Crowd(Actor):
    """Has many children, which do nothing."""

    @dataclass
    class Options:
        size: int = 1

    async def on_start(self) -> None:
        for number in range(self.options.size):
            await self.spawn(Odd, f"{number}")
