"""The actor that counts records."""

from typing import ClassVar

from aplay_host import Actor

from .totals import Report, Totals


class Count(Actor):
    """Counts the records of `logwatch.parse` and answers with the totals.

    =====================  ===============================
    message                what it does
    =====================  ===============================
    a record               counts a good line
    ``{"bad": line}``      counts a bad line
    ``{"get": "totals"}``  answers with a `Report`
    anything else          raises `ValueError`
    =====================  ===============================

    On a mailbox that commits turns the totals are kept, and each record is counted once.
    """

    mailbox: ClassVar = {"overflow": "wait"}
    saved_type = Totals
    saved: Totals

    async def msg_handler(self, msg: object) -> Report | None:
        """Count `msg`, or return the totals if it asks for them."""
        match msg:
            case {"host": str(host), "status": int(status), "bytes": int(size)}:
                self.saved.add(host, status, size)
            case {"bad": str()}:
                self.saved.add_bad()
            case {"get": "totals"}:
                return self.saved.report()
            case _:
                raise ValueError(
                    'Count understands {"get": "totals"}, {"bad": line} and records with '
                    f"host, status and bytes, got {msg!r:.100}"
                )
        return None
