"""The way in from outside: a versioned HTTP API on a Unix socket, for one host.

`records` and `port` say what can be asked and done; `routes` and `server` carry it over
HTTP; `instance` says where a host is found. Names are loaded on first use: a client that
looks for a host needs no HTTP server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._door import lazy

# At once, because a function named like its file has to be bound after the file is.
from .envelope import API_VERSION, PROBLEM_PREFIX, envelope, problem, rfc3339

if TYPE_CHECKING:
    from .counted import Counted
    from .instance import (
        Instance,
        hold_lock,
        instance_id,
        is_locked,
        prepare_state_dir,
        read_instance,
        remove_instance,
        socket_path,
        write_instance,
    )
    from .jsonable import dump, plain
    from .order import Order, Who
    from .part import page_of
    from .pluginrow import PluginRow, ReasonRow
    from .port import ControlPort
    from .records import (
        ActorDetail,
        ActorRow,
        AskReport,
        BackupReport,
        CounterRow,
        ErrorRow,
        HealthCheck,
        HealthReport,
        HostRecord,
        InHandRow,
        LetterChoice,
        LetterDetail,
        LetterFailure,
        LetterReport,
        LetterRow,
        MailboxRow,
        MailRow,
        MessageRow,
        OptionRow,
        Page,
        RestartRow,
        RetryRow,
        SendReport,
        SendResult,
        SourceRow,
        TimerRow,
        TreeRow,
        VerbReport,
        VerbResult,
        Why,
    )
    from .routes import ControlApi
    from .server import serve_control
    from .slices import in_slices
    from .stream import EventRing, EventRow

__all__ = [
    "API_VERSION",
    "PROBLEM_PREFIX",
    "ActorDetail",
    "ActorRow",
    "AskReport",
    "BackupReport",
    "ControlApi",
    "ControlPort",
    "Counted",
    "CounterRow",
    "ErrorRow",
    "EventRing",
    "EventRow",
    "HealthCheck",
    "HealthReport",
    "HostRecord",
    "InHandRow",
    "Instance",
    "LetterChoice",
    "LetterDetail",
    "LetterFailure",
    "LetterReport",
    "LetterRow",
    "MailRow",
    "MailboxRow",
    "MessageRow",
    "OptionRow",
    "Order",
    "Page",
    "PluginRow",
    "ReasonRow",
    "RestartRow",
    "RetryRow",
    "SendReport",
    "SendResult",
    "SourceRow",
    "TimerRow",
    "TreeRow",
    "VerbReport",
    "VerbResult",
    "Who",
    "Why",
    "dump",
    "envelope",
    "hold_lock",
    "in_slices",
    "instance_id",
    "is_locked",
    "page_of",
    "plain",
    "prepare_state_dir",
    "problem",
    "read_instance",
    "remove_instance",
    "rfc3339",
    "serve_control",
    "socket_path",
    "write_instance",
]

__getattr__ = lazy(
    __name__,
    {
        "counted": ("Counted",),
        "instance": (
            "Instance",
            "hold_lock",
            "instance_id",
            "is_locked",
            "prepare_state_dir",
            "read_instance",
            "remove_instance",
            "socket_path",
            "write_instance",
        ),
        "jsonable": (
            "dump",
            "plain",
        ),
        "order": ("Order", "Who"),
        "part": ("page_of",),
        "pluginrow": ("PluginRow", "ReasonRow"),
        "port": ("ControlPort",),
        "records": (
            "ActorDetail",
            "ActorRow",
            "AskReport",
            "BackupReport",
            "CounterRow",
            "ErrorRow",
            "HealthCheck",
            "HealthReport",
            "HostRecord",
            "InHandRow",
            "LetterChoice",
            "LetterDetail",
            "LetterFailure",
            "LetterReport",
            "LetterRow",
            "MailRow",
            "MailboxRow",
            "MessageRow",
            "OptionRow",
            "Page",
            "RestartRow",
            "RetryRow",
            "SendReport",
            "SendResult",
            "SourceRow",
            "TimerRow",
            "TreeRow",
            "VerbReport",
            "VerbResult",
            "Why",
        ),
        "routes": ("ControlApi",),
        "server": ("serve_control",),
        "slices": ("in_slices",),
        "stream": ("EventRing", "EventRow"),
    },
)
