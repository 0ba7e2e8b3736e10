"""The composition root: joins configuration, plugins, kernel and control into one daemon.

`host` is the order of start and stop; everything it decides is a pure function beside it.
"""

from .checking import CheckReport, check_config, load_host_config
from .host import Host, Ready

__all__ = ["CheckReport", "Host", "Ready", "check_config", "load_host_config"]
