"""What the authors of actors test with: a loop in virtual time, a pytest plugin, packages.

The loop needs asyncio alone, and `dist` nothing at all. The plugin is
`aplay_host.testing.pytest_plugin`; it is named to pytest, which loads it, and nothing here
imports pytest before that.
"""

from .packages import Layout, dist
from .virtual_time import VirtualTimeLoop

__all__ = ["Layout", "VirtualTimeLoop", "dist"]
