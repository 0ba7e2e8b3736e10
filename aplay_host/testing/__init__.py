"""What the authors of actors test with: virtual time, a pytest plugin, packages, live change.

The loop needs asyncio alone, `dist` nothing at all, `Faults`, for mailboxes that go wrong, the
kernel, and `reload_harness` the whole host. The plugin is `aplay_host.testing.pytest_plugin`; it
is named to pytest, which loads it, and nothing here imports pytest before that.

Whoever makes a kind of mailbox derives tests from `mailbox_contract.MailboxContract`, or from
`DurableContract` or `TurnContract` of `durable_contract`, which demand more and more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._door import lazy

if TYPE_CHECKING:
    from .faults import FaultMailbox, Faults
    from .harness import ReloadHarness, reload_harness
    from .packages import Layout, dist
    from .virtual_time import VirtualTimeLoop

__all__ = [
    "FaultMailbox",
    "Faults",
    "Layout",
    "ReloadHarness",
    "VirtualTimeLoop",
    "dist",
    "reload_harness",
]

__getattr__ = lazy(
    __name__,
    {
        "packages": ("Layout", "dist"),
        "faults": ("FaultMailbox", "Faults"),
        "harness": ("ReloadHarness", "reload_harness"),
        "virtual_time": ("VirtualTimeLoop",),
    },
)
