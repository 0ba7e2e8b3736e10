"""The composition root: joins configuration, plugins, kernel and control into one daemon.

`host` is the order of start and stop; everything it decides is a pure function beside it.
"""

from .checking import CheckReport, ShowReport, check_config, load_host_config, show_config
from .host import Host, Ready
from .machine import loop_factory
from .plugin_check import PluginCheck, check_plugin
from .schema import schema_with_plugins

__all__ = [
    "CheckReport",
    "Host",
    "PluginCheck",
    "Ready",
    "ShowReport",
    "check_config",
    "check_plugin",
    "load_host_config",
    "loop_factory",
    "schema_with_plugins",
    "show_config",
]
