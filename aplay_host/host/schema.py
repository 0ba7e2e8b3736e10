"""The schema of aplay.toml with what installed packages offer: call that in a child process."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ..config import config_schema, options_schema
from ..plugins import Catalog, PluginSet, PluginSettings
from .installed import installed


def schema_with_plugins() -> dict[str, Any]:
    """Import every actor class that is installed, and return the schema with their options.

    A class that cannot be had is left out.
    """
    settings = PluginSettings()
    plugins = PluginSet(Catalog(installed().entries, settings), settings)
    actors = [it for it in plugins.rows() if it.door == "actor" and it.state == "found"]
    short = Counter(it.name for it in actors)
    options: dict[str, Any] = {}
    for entry in actors:
        cls = plugins.load_actor(entry.id)
        if isinstance(cls, type):
            model = getattr(cls, "Options", None)
            schema = {"maxProperties": 0} if model is None else options_schema(model)
            names = [entry.id, entry.name][: 2 if short[entry.name] == 1 else 1]
            options |= dict.fromkeys(names, schema)
    return config_schema(options)
