"""Finding, loading and calling the code of installed packages.

The door loads what is asked for and no more: `scan` and `Catalog`, which is all that listing
plugins needs, import neither pluggy nor the kernel nor any plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._door import lazy

if TYPE_CHECKING:
    from .catalog import Catalog, NotOffered, Offer
    from .discovery import scan
    from .entry import Door, Entry, Reason, State, canonical
    from .failure import Failure
    from .hookspecs import HOOK_RULES, HookRule, hookimpl, hookspec
    from .pluginset import PluginSet
    from .records import ActorFailure, ActorRegistration, HookFailure, HostInfo
    from .settings import PluginSettings

__all__ = [
    "HOOK_RULES",
    "ActorFailure",
    "ActorRegistration",
    "Catalog",
    "Door",
    "Entry",
    "Failure",
    "HookFailure",
    "HookRule",
    "HostInfo",
    "NotOffered",
    "Offer",
    "PluginSet",
    "PluginSettings",
    "Reason",
    "State",
    "canonical",
    "hookimpl",
    "hookspec",
    "scan",
]

__getattr__ = lazy(
    __name__,
    {
        "catalog": ("Catalog", "NotOffered", "Offer"),
        "discovery": ("scan",),
        "entry": ("Door", "Entry", "Reason", "State", "canonical"),
        "failure": ("Failure",),
        "hookspecs": ("HOOK_RULES", "HookRule", "hookimpl", "hookspec"),
        "pluginset": ("PluginSet",),
        "records": ("ActorFailure", "ActorRegistration", "HookFailure", "HostInfo"),
        "settings": ("PluginSettings",),
    },
)
