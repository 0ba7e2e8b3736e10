"""Finding, loading and calling the code of installed packages.

The door loads what is asked for and no more: `scan` and `Catalog`, which is all that listing
plugins needs, import neither pluggy nor the kernel nor any plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._door import lazy

if TYPE_CHECKING:
    from .catalog import Catalog, NotOffered, Offer
    from .discovery import Installed, look, scan, signature
    from .entry import BAD_STATES, Door, Entry, Reason, State, canonical
    from .failure import Failure
    from .finder import Located, ScopeFinder
    from .hookspecs import HOOK_RULES, HookRule, hookimpl, hookspec
    from .pluginset import PluginSet
    from .records import ActorFailure, ActorRegistration, HookFailure, HostInfo
    from .settings import SAFE_MODE, PluginSettings

__all__ = [
    "BAD_STATES",
    "HOOK_RULES",
    "SAFE_MODE",
    "ActorFailure",
    "ActorRegistration",
    "Catalog",
    "Door",
    "Entry",
    "Failure",
    "HookFailure",
    "HookRule",
    "HostInfo",
    "Installed",
    "Located",
    "NotOffered",
    "Offer",
    "PluginSet",
    "PluginSettings",
    "Reason",
    "ScopeFinder",
    "State",
    "canonical",
    "hookimpl",
    "hookspec",
    "look",
    "scan",
    "signature",
]

__getattr__ = lazy(
    __name__,
    {
        "catalog": ("Catalog", "NotOffered", "Offer"),
        "discovery": ("Installed", "look", "scan", "signature"),
        "entry": ("BAD_STATES", "Door", "Entry", "Reason", "State", "canonical"),
        "failure": ("Failure",),
        "finder": ("Located", "ScopeFinder"),
        "hookspecs": ("HOOK_RULES", "HookRule", "hookimpl", "hookspec"),
        "pluginset": ("PluginSet",),
        "records": ("ActorFailure", "ActorRegistration", "HookFailure", "HostInfo"),
        "settings": ("SAFE_MODE", "PluginSettings"),
    },
)
