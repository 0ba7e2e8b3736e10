"""Mailboxes that are more than the kernel's line in memory.

Those of programs written for aplay: an author's class that derives from `MailBox`, and
`ObjectMailbox`, which speaks for its instance to the kernel. And what is kept in stores:
`message` and `upcast` for authors, and the `Codec` that makes records of messages. The codec
needs msgspec, which is loaded with the first name that does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._door import lazy
from .mailbox import MailBox, QueueMailBox
from .messages import BadTypeName, message, upcast
from .objectmailbox import ObjectMailbox

if TYPE_CHECKING:
    from ..errors import UnreadableRecord
    from .codec import HARD_MAX_BODY, Codec, Label
    from .types import TypeRegistry, accept

__all__ = [
    "HARD_MAX_BODY",
    "BadTypeName",
    "Codec",
    "Label",
    "MailBox",
    "ObjectMailbox",
    "QueueMailBox",
    "TypeRegistry",
    "UnreadableRecord",
    "accept",
    "message",
    "upcast",
]

__getattr__ = lazy(
    __name__,
    {
        "codec": ("HARD_MAX_BODY", "Codec", "Label", "UnreadableRecord"),
        "types": ("TypeRegistry", "accept"),
    },
)
