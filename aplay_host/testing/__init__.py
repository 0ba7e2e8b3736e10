"""What the authors of actors test with: virtual time, a pytest plugin, packages, live change.

The loop needs asyncio alone, `dist` nothing at all, and `reload_harness` the whole host. The
plugin is `aplay_host.testing.pytest_plugin`; it is named to pytest, which loads it, and
nothing here imports pytest before that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._door import lazy

if TYPE_CHECKING:
    from .harness import ReloadHarness, reload_harness
    from .packages import Layout, dist
    from .virtual_time import VirtualTimeLoop

__all__ = ["Layout", "ReloadHarness", "VirtualTimeLoop", "dist", "reload_harness"]

__getattr__ = lazy(
    __name__,
    {
        "packages": ("Layout", "dist"),
        "harness": ("ReloadHarness", "reload_harness"),
        "virtual_time": ("VirtualTimeLoop",),
    },
)
