"""aplay-host: a plugin-based actor app host.

Every public name is here and loaded on first use, so that importing the package costs
nothing and changes nothing in the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._door import lazy
from ._version import __version__

if TYPE_CHECKING:
    from .errors import (
        ConfigError,
        MailboxUnavailable,
        MessageTooLarge,
        PluginError,
        ReloadError,
        Unencodable,
    )
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
    from .mailboxes import message, upcast
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
    "MailboxUnavailable",
    "MessageTooLarge",
    "NameTaken",
    "NotBound",
    "PluginError",
    "Refuse",
    "ReloadError",
    "SelfWait",
    "StartFailed",
    "Terminated",
    "Unencodable",
    "Veto",
    "__version__",
    "hookimpl",
    "message",
    "upcast",
]

__getattr__ = lazy(
    __name__,
    {
        "errors": (
            "ConfigError",
            "MailboxUnavailable",
            "MessageTooLarge",
            "PluginError",
            "ReloadError",
            "Unencodable",
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
        "mailboxes": (
            "message",
            "upcast",
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
