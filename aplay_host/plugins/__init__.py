"""Finding, loading and calling the code of installed packages.

The door loads what is asked for and no more: `scan` and `Catalog`, which is all that listing
plugins needs, import neither pluggy nor the kernel nor any plugin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_FILES = {
    "catalog": ("Catalog", "NotOffered", "Offer"),
    "discovery": ("scan",),
    "entry": ("Door", "Entry", "Reason", "State", "canonical"),
    "failure": ("Failure",),
    "hookspecs": ("HOOK_RULES", "HookRule", "hookimpl", "hookspec"),
    "pluginset": ("PluginSet",),
    "records": ("ActorFailure", "ActorRegistration", "HookFailure", "HostInfo"),
    "settings": ("PluginSettings",),
}
_HOMES = {name: file for file, names in _FILES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
