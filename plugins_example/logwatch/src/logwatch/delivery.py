"""Where mail goes, and how it gets there without loss."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from aplay_host import ActorRef, Address, MailboxFull, message

Target = Annotated[str, AfterValidator(Address)]
"""The address of the next actor, as an option; a bad one is told before anything starts."""

PAUSE = 0.2
"""Seconds before a refused message is tried again."""


@message("logwatch:Stateless@1")
@dataclass(frozen=True)
class Stateless:
    """What an actor saves that has no state, so that what it sends and its message end at once."""


async def deliver(content: object, to: ActorRef) -> None:
    """Tell `to` the content, and try again for as long as its mailbox is full.

    Returns when the message has its place in line. With overflow ``wait`` the first try
    waits for room by itself, but not for ever.
    """
    while True:
        try:
            return await to.tell(content)
        except MailboxFull:
            await asyncio.sleep(PAUSE)
