"""aplay.toml: find it, read it, check it, and plan the tree that it describes.

Finding and reading need tomli alone; the models that check it need pydantic, which is
slow to import. So what checks is loaded on first use, and a command that only looks for
the running host (`find_config`, `peek`) never pays for pydantic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._door import lazy
from .bind import split_bind
from .document import Mistake, read_document
from .duration import parse_duration
from .find import find_config, peek

if TYPE_CHECKING:
    from .listing import ListedOption, list_options
    from .load import HostConfig, load_config
    from .mailbox import ResolvedKind
    from .options import check_options
    from .resolved import Faulty, Known, Resolved, Unresolved
    from .tree import Resolve, plan_tree

__all__ = [
    "Faulty",
    "HostConfig",
    "Known",
    "ListedOption",
    "Mistake",
    "Resolve",
    "Resolved",
    "ResolvedKind",
    "Unresolved",
    "check_options",
    "find_config",
    "list_options",
    "load_config",
    "parse_duration",
    "peek",
    "plan_tree",
    "read_document",
    "split_bind",
]

__getattr__ = lazy(
    __name__,
    {
        "listing": ("ListedOption", "list_options"),
        "load": ("HostConfig", "load_config"),
        "mailbox": ("ResolvedKind",),
        "options": ("check_options",),
        "resolved": ("Faulty", "Known", "Resolved", "Unresolved"),
        "tree": ("Resolve", "plan_tree"),
    },
)
