"""Where mail goes, and how it gets there without loss."""

import asyncio
from typing import Annotated

from pydantic import AfterValidator

from aplay_host import ActorRef, Address, MailboxFull

Target = Annotated[str, AfterValidator(Address)]
"""The address of the next actor, as an option; a bad one is told before anything starts."""

PAUSE = 0.2
"""Seconds before a refused message is tried again."""


async def deliver(message: object, to: ActorRef) -> None:
    """Tell `to` the message, and try again for as long as its mailbox is full.

    Returns when the message has its place in line. With overflow ``wait`` the first try
    waits for room by itself, but not for ever.
    """
    while True:
        try:
            return await to.tell(message)
        except MailboxFull:
            await asyncio.sleep(PAUSE)
