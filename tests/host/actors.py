"""Actors that the tests of the host name in their aplay.toml as ``tests.host.actors:…``."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar

from aplay_host import Actor, MailboxFull, Refuse


class Echo(Actor):
    """Replies with the message, or does what it says."""

    async def msg_handler(self, msg: Any) -> Any:
        match msg:
            case {"raise": "ValueError"}:
                raise ValueError("no such thing")
            case {"raise": "TimeoutError"}:
                raise TimeoutError("of my own")
            case {"raise": "MailboxFull"}:
                raise MailboxFull("of another")
            case {"raise": "Refuse"}:
                raise Refuse("not now")
            case {"raise": "SystemExit"}:
                raise SystemExit(3)
            case {"ask": str(other), "within": seconds}:
                return await self.ref(other).ask("x", timeout=seconds)
            case {"reply": "nan"}:
                return float("nan")
            case {"reply": "object"}:
                return object()
            case "wait":
                await asyncio.Event().wait()
        return msg


class Tight(Echo):
    """Has room for one message."""

    mailbox: ClassVar = {"capacity": 1}


class Choosy(Echo):
    @dataclass
    class Options:
        to: str
        db_password: str
        most: int = 3


class NoStart(Actor):
    async def on_start(self) -> None:
        raise OSError("the disk is gone")


class NeverUp(Actor):
    async def on_start(self) -> None:
        await asyncio.Event().wait()


class Exits(Actor):
    async def on_start(self) -> None:
        raise SystemExit(5)


class Parent(Actor):
    """Makes a child that no file declares."""

    async def on_start(self) -> None:
        await self.spawn(Echo, "child")


class Shy(Actor):
    """Begins with nothing unless somebody starts it."""

    def decide_to_start(self) -> bool:
        return False

    async def msg_handler(self, msg: Any) -> Any:
        return msg


class Done(Actor):
    """Ends itself with its first message."""

    restart: ClassVar = "transient"

    async def msg_handler(self, msg: Any) -> None:
        await asyncio.sleep(0.1)
        self.exit()
