"""Mailboxes that are more than the kernel's line in memory.

So far those of programs written for aplay: an author's class that derives from `MailBox`, and
`ObjectMailbox`, which speaks for its instance to the kernel.
"""

from .mailbox import MailBox, QueueMailBox
from .objectmailbox import ObjectMailbox

__all__ = ["MailBox", "ObjectMailbox", "QueueMailBox"]
