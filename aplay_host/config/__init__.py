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
from .settings import Setting, parse_setting, read_value

if TYPE_CHECKING:
    from .listing import ListedKey, ListedOption, Source, list_config, list_options
    from .load import HostConfig, load_config
    from .mailbox import ResolvedKind
    from .options import check_options
    from .resolved import Faulty, Known, Resolved, Unresolved
    from .schema import SqliteBoxTable
    from .shape import config_schema, options_schema
    from .told import Told, veiled
    from .tree import Resolve, plan_tree

__all__ = [
    "Faulty",
    "HostConfig",
    "Known",
    "ListedKey",
    "ListedOption",
    "Mistake",
    "Resolve",
    "Resolved",
    "ResolvedKind",
    "Setting",
    "Source",
    "SqliteBoxTable",
    "Told",
    "Unresolved",
    "check_options",
    "config_schema",
    "find_config",
    "list_config",
    "list_options",
    "load_config",
    "options_schema",
    "parse_duration",
    "parse_setting",
    "peek",
    "plan_tree",
    "read_document",
    "read_value",
    "split_bind",
    "veiled",
]

__getattr__ = lazy(
    __name__,
    {
        "listing": ("ListedKey", "ListedOption", "Source", "list_config", "list_options"),
        "load": ("HostConfig", "load_config"),
        "mailbox": ("ResolvedKind",),
        "options": ("check_options",),
        "resolved": ("Faulty", "Known", "Resolved", "Unresolved"),
        "schema": ("SqliteBoxTable",),
        "shape": ("config_schema", "options_schema"),
        "told": ("Told", "veiled"),
        "tree": ("Resolve", "plan_tree"),
    },
)
