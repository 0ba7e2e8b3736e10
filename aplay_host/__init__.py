"""aplay-host: a plugin-based actor app host.

Every public name is here and loaded on first use, so that importing the package costs
nothing and changes nothing in the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._door import lazy
from ._version import __version__

if TYPE_CHECKING:
    from .errors import ConfigError, PluginError, ReloadError
    from .kernel import (
        Actor,
        ActorRef,
        ActorStatus,
        ActorStopped,
        ActorSystem,
        Address,
        AplayError,
        AskCycle,
        AskTimeout,
        BadAddress,
        DeadLetter,
        KernelActor,
        MailboxFull,
        NameTaken,
        NotBound,
        Refuse,
        SelfWait,
        StartFailed,
        Terminated,
    )
    from .plugins import (
        ActorFailure,
        ActorRegistration,
        Health,
        HostInfo,
        Interceptor,
        MailboxRegistration,
        Veto,
        hookimpl,
    )

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
    "AskCycle",
    "AskTimeout",
    "BadAddress",
    "ConfigError",
    "DeadLetter",
    "Health",
    "HostInfo",
    "Interceptor",
    "KernelActor",
    "MailboxFull",
    "MailboxRegistration",
    "NameTaken",
    "NotBound",
    "PluginError",
    "Refuse",
    "ReloadError",
    "SelfWait",
    "StartFailed",
    "Terminated",
    "Veto",
    "__version__",
    "hookimpl",
]

__getattr__ = lazy(
    __name__,
    {
        "errors": (
            "ConfigError",
            "PluginError",
            "ReloadError",
        ),
        "kernel": (
            "Actor",
            "ActorRef",
            "ActorStatus",
            "ActorStopped",
            "ActorSystem",
            "Address",
            "AplayError",
            "AskCycle",
            "AskTimeout",
            "BadAddress",
            "DeadLetter",
            "KernelActor",
            "MailboxFull",
            "NameTaken",
            "NotBound",
            "Refuse",
            "SelfWait",
            "StartFailed",
            "Terminated",
        ),
        "plugins": (
            "ActorFailure",
            "ActorRegistration",
            "Health",
            "HostInfo",
            "Interceptor",
            "MailboxRegistration",
            "Veto",
            "hookimpl",
        ),
    },
)


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
