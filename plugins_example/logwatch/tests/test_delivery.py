import asyncio
from typing import Any, ClassVar

import pytest
from logwatch import delivery
from logwatch.delivery import deliver

from aplay_host import Actor, ActorSystem, MailboxFull


class Narrow(Actor):
    """Has room for one message, and finishes none before its gate is opened."""

    mailbox: ClassVar = {"capacity": 1, "overflow": "reject"}

    def __init__(self, gate: asyncio.Event, got: asyncio.Queue[Any]) -> None:
        super().__init__()
        self.gate = gate
        self.got = got

    async def msg_handler(self, msg: Any) -> None:
        self.got.put_nowait(msg)
        await self.gate.wait()


async def test_message_refused_by_a_full_mailbox_is_sent_again(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PAUSE", 0)
    gate, got = asyncio.Event(), asyncio.Queue[Any]()
    narrow = await system.spawn(Narrow, "narrow", kwargs={"gate": gate, "got": got})
    await narrow.tell("in hand")
    assert await got.get() == "in hand"
    await narrow.tell("in line")
    with pytest.raises(MailboxFull):
        narrow.tell_nowait("refused")
    refused_at_first = asyncio.create_task(deliver("sent again", narrow))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.wait_for(refused_at_first, 5.0)
    assert [await got.get(), await got.get()] == ["in line", "sent again"]
