"""What the authors of actors test with: an event loop in virtual time, and a pytest plugin.

The loop needs asyncio alone. The plugin is `aplay_host.testing.pytest_plugin`; it is named
to pytest, which loads it, and nothing here imports pytest before that.
"""

from .virtual_time import VirtualTimeLoop

__all__ = ["VirtualTimeLoop"]
