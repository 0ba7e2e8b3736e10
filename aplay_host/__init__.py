"""aplay-host: a plugin-based actor app host.

Every public name is here and loaded on first use, so that importing the package costs
nothing and changes nothing in the process.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .errors import ConfigError, PluginError
    from .kernel import (
        Actor,
        ActorRef,
        ActorStatus,
        ActorStopped,
        ActorSystem,
        Address,
        AplayError,
        AskTimeout,
        BadAddress,
        DeadLetter,
        MailboxFull,
        NameTaken,
        NotBound,
        Refuse,
        StartFailed,
    )
    from .plugins import ActorFailure, ActorRegistration, HostInfo, hookimpl

_HOMES = {
    **dict.fromkeys(
        (
            "Actor",
            "ActorRef",
            "ActorStatus",
            "ActorStopped",
            "ActorSystem",
            "Address",
            "AplayError",
            "AskTimeout",
            "BadAddress",
            "DeadLetter",
            "MailboxFull",
            "NameTaken",
            "NotBound",
            "Refuse",
            "StartFailed",
        ),
        ".kernel",
    ),
    **dict.fromkeys(("ConfigError", "PluginError"), ".errors"),
    **dict.fromkeys(("ActorFailure", "ActorRegistration", "HostInfo", "hookimpl"), ".plugins"),
}

__all__ = [
    "Actor",
    "ActorFailure",
    "ActorRef",
    "ActorRegistration",
    "ActorStatus",
    "ActorStopped",
    "ActorSystem",
    "Address",
    "AplayError",
    "AskTimeout",
    "BadAddress",
    "ConfigError",
    "DeadLetter",
    "HostInfo",
    "MailboxFull",
    "NameTaken",
    "NotBound",
    "PluginError",
    "Refuse",
    "StartFailed",
    "__version__",
    "hookimpl",
]


def __getattr__(name: str) -> Any:
    """Load a public name from the package that owns it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
