"""Finding, loading and calling the code of installed packages.

The door loads what is asked for and no more: `scan` and `Catalog`, which is all that listing
plugins needs, import neither pluggy nor the kernel nor any plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._door import lazy

if TYPE_CHECKING:
    from .alarm import Alarm, ImportTimeout
    from .catalog import Catalog, NotOffered, Offer
    from .discovery import Installed, look, scan, signature
    from .dispatch import hook_in
    from .entry import BAD_STATES, Door, Entry, Reason, State, canonical, canonical_id
    from .failure import Failure, guest_traceback
    from .finder import Located, ScopeFinder, digest_of
    from .guest import place_of
    from .hookplugin import default_options
    from .hooks import Hooks, Verdict
    from .hookspecs import HOOK_RULES, HookRule, hookimpl, hookspec
    from .installed import InstalledChange
    from .lookup import entries_named
    from .order import HookPlace
    from .pluginset import PluginSet
    from .records import (
        ActorFailure,
        ActorRegistration,
        Health,
        HookFailure,
        HostInfo,
        Interceptor,
        MailboxRegistration,
        Veto,
    )
    from .settings import SAFE_MODE, PluginSettings
    from .spelling import suggest
    from .staging import Renewal, StagedPlugins
    from .surroundings import Surroundings

__all__ = [
    "BAD_STATES",
    "HOOK_RULES",
    "SAFE_MODE",
    "ActorFailure",
    "ActorRegistration",
    "Alarm",
    "Catalog",
    "Door",
    "Entry",
    "Failure",
    "Health",
    "HookFailure",
    "HookPlace",
    "HookRule",
    "Hooks",
    "HostInfo",
    "ImportTimeout",
    "Installed",
    "InstalledChange",
    "Interceptor",
    "Located",
    "MailboxRegistration",
    "NotOffered",
    "Offer",
    "PluginSet",
    "PluginSettings",
    "Reason",
    "Renewal",
    "ScopeFinder",
    "StagedPlugins",
    "State",
    "Surroundings",
    "Verdict",
    "Veto",
    "canonical",
    "canonical_id",
    "default_options",
    "digest_of",
    "entries_named",
    "guest_traceback",
    "hook_in",
    "hookimpl",
    "hookspec",
    "look",
    "place_of",
    "scan",
    "signature",
    "suggest",
]

__getattr__ = lazy(
    __name__,
    {
        "alarm": ("Alarm", "ImportTimeout"),
        "catalog": ("Catalog", "NotOffered", "Offer"),
        "dispatch": ("hook_in",),
        "discovery": ("Installed", "look", "scan", "signature"),
        "entry": ("BAD_STATES", "Door", "Entry", "Reason", "State", "canonical", "canonical_id"),
        "failure": ("Failure", "guest_traceback"),
        "finder": ("Located", "ScopeFinder", "digest_of"),
        "guest": ("place_of",),
        "hookplugin": ("default_options",),
        "hooks": ("Hooks", "Verdict"),
        "hookspecs": ("HOOK_RULES", "HookRule", "hookimpl", "hookspec"),
        "installed": ("InstalledChange",),
        "lookup": ("entries_named",),
        "order": ("HookPlace",),
        "pluginset": ("PluginSet",),
        "records": (
            "ActorFailure",
            "ActorRegistration",
            "Health",
            "HookFailure",
            "HostInfo",
            "Interceptor",
            "MailboxRegistration",
            "Veto",
        ),
        "settings": ("SAFE_MODE", "PluginSettings"),
        "spelling": ("suggest",),
        "surroundings": ("Surroundings",),
        "staging": ("Renewal", "StagedPlugins"),
    },
)
