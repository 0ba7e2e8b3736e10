"""Mailboxes that are more than the kernel's line in memory.

Those of programs written for aplay: an author's class that derives from `MailBox`, and
`ObjectMailbox`, which speaks for its instance to the kernel. And what is kept in stores:
`message` and `upcast` for authors, and the `Codec` that makes records of messages. The codec
needs msgspec, which is loaded with the first name that does.

The store is `SqliteEngine`. Read `sqlitebox` first, whose text says where a message is; then
`ops`, `writer` and `store`, the way to the file; `verdicts`, `suspects`, `trial` and `ledger`, what
becomes of a message whose handler raised, or took the host with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._door import lazy
from ..errors import UnreadableRecord
from .mailbox import MailBox, QueueMailBox
from .messages import message, upcast
from .objectmailbox import ObjectMailbox

if TYPE_CHECKING:
    from .boxoptions import BoxOptions, EngineSettings
    from .codec import HARD_MAX_BODY, Codec, Label
    from .engine import SqliteEngine
    from .failpoint import POINTS, Failpoints
    from .rows import BoxRow, EngineStats, MailRow, StoredLetter
    from .sqlitebox import SqliteBox
    from .types import TypeRegistry, accept

__all__ = [
    "HARD_MAX_BODY",
    "POINTS",
    "BoxOptions",
    "BoxRow",
    "Codec",
    "EngineSettings",
    "EngineStats",
    "Failpoints",
    "Label",
    "MailBox",
    "MailRow",
    "ObjectMailbox",
    "QueueMailBox",
    "SqliteBox",
    "SqliteEngine",
    "StoredLetter",
    "TypeRegistry",
    "UnreadableRecord",
    "accept",
    "message",
    "upcast",
]

__getattr__ = lazy(
    __name__,
    {
        "boxoptions": ("BoxOptions", "EngineSettings"),
        "codec": ("HARD_MAX_BODY", "Codec", "Label"),
        "engine": ("SqliteEngine",),
        "failpoint": ("POINTS", "Failpoints"),
        "rows": ("BoxRow", "EngineStats", "MailRow", "StoredLetter"),
        "sqlitebox": ("SqliteBox",),
        "types": ("TypeRegistry", "accept"),
    },
)
