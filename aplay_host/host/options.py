"""The options of plugins that are classes: aplay.toml's tables for their models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..config import HostConfig, check_options
from ..errors import ConfigError, PluginError, Problem
from ..plugins import Catalog, Failure, canonical_id, suggest

KEYS = ("plugins", "options")


class HookOptions:
    """Makes the options of one plugin after another, and keeps the mistakes that it finds."""

    def __init__(self, config: HostConfig) -> None:
        self.problems: list[Problem] = []
        self._document = config.document
        self._tables = {
            canonical_id(id_): (id_, raw) for id_, raw in config.plugins.options.items()
        }

    def __call__(self, plugin: str, model: type | None) -> object:
        """Return the options of `plugin`, or the failure that it has without them.

        A mistake in the file is kept in `problems` besides; one of the class is not.
        """
        key, raw = self._tables.get(plugin, (plugin, {}))
        try:
            made, problems = check_options(
                model, raw, at=(*KEYS, key), document=self._document, owner=_owner(plugin, model)
            )
        except PluginError as error:
            return Failure("options", "bad-model", str(error))
        self.problems += problems
        if problems:
            first = problems[0]
            text = f"{first.key}: {first.message}"
            return Failure("options", first.code, text, f"{first.file}:{first.line}")
        return made

    def unclaimed(self, catalog: Catalog) -> tuple[str, ...]:
        """Return a text for each table that names no installed plugin."""
        known = [entry.id for entry in catalog.entries if entry.door == "plugin"]
        return tuple(
            suggest(f'[plugins.options."{id_}"]: no such plugin is installed', id_, known)
            for id_, (_, raw) in self._tables.items()
            if id_ not in known
        )

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Raise `ConfigError` with the mistakes found so far and those that the block raises."""
        problems = self.problems
        try:
            yield
        except ConfigError as error:
            problems = [*problems, *error.problems]
        if problems:
            raise self._document.refusal(problems)


def _owner(plugin: str, model: type | None) -> str:
    return plugin if model is None else f"{model.__module__}:{model.__qualname__}"
