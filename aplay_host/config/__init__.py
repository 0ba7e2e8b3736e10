"""aplay.toml: find it, read it, check it, and plan the tree that it describes.

Finding and reading need tomli alone; the models that check it need pydantic, which is
slow to import. So every name is loaded on first use, and a command that only looks for
the running host (`find_config`, `peek`) never pays for pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Eager, because a function named like its module has to be bound after the module is.
from .render import render

if TYPE_CHECKING:
    from .document import Document, Mistake, Peek, peek, read_document
    from .duration import parse_duration
    from .find import find_config
    from .load import HostConfig, load_config
    from .options import check_options
    from .schema import ActorEntry, Settings
    from .tree import Faulty, Known, Resolve, Resolved, Unresolved, plan_tree

__all__ = [
    "ActorEntry",
    "Document",
    "Faulty",
    "HostConfig",
    "Known",
    "Mistake",
    "Peek",
    "Resolve",
    "Resolved",
    "Settings",
    "Unresolved",
    "check_options",
    "find_config",
    "load_config",
    "parse_duration",
    "peek",
    "plan_tree",
    "read_document",
    "render",
]

_NAMES = {
    "document": ("Document", "Mistake", "Peek", "peek", "read_document"),
    "duration": ("parse_duration",),
    "find": ("find_config",),
    "load": ("HostConfig", "load_config"),
    "options": ("check_options",),
    "schema": ("ActorEntry", "Settings"),
    "tree": ("Faulty", "Known", "Resolve", "Resolved", "Unresolved", "plan_tree"),
}


def __getattr__(name: str) -> Any:
    """Import the file that is the home of `name`, and return what it calls so."""
    for home, names in _NAMES.items():
        if name in names:
            return getattr(import_module(f".{home}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
