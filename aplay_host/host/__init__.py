"""The composition root: joins configuration, plugins, kernel and control into one daemon.

`host` is the order of start and stop; everything it decides is a pure function beside it.
"""

from .checking import CheckReport, check_config, load_host_config
from .host import Host, Ready
from .machine import loop_factory
from .plugin_check import PluginCheck, check_plugin

__all__ = [
    "CheckReport",
    "Host",
    "PluginCheck",
    "Ready",
    "check_config",
    "check_plugin",
    "load_host_config",
    "loop_factory",
]
