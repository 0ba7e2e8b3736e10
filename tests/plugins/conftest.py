"""Real distributions in a site directory that is thrown away after the test."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from aplay_host.plugins import (
    Catalog,
    Entry,
    HookFailure,
    HostInfo,
    PluginSet,
    PluginSettings,
    scan,
)
from aplay_host.testing import dist

LONG_AGO = 1_000_000_000


def age(directory: Path) -> None:
    """Make a directory, and what is in it, look as if nobody had touched it for years."""
    for path in (*directory.iterdir(), directory):
        os.utime(path, (LONG_AGO, LONG_AGO))


HOST = HostInfo("demo", "1.0", Path("/nowhere"))


class Site:
    """A site directory: writes distributions, and opens them as a host would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failures: list[HookFailure] = []
        path.mkdir(parents=True)

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text))

    def dist(
        self,
        name: str,
        entry_points: str | bytes = "",
        files: Mapping[str, str] | None = None,
        *,
        version: str = "1.0",
        record: bool = True,
    ) -> Path:
        """Install a distribution; return its ``.dist-info``."""
        metadata = dist(self.path, name, version, files=files, entry_points=entry_points)
        if not record:
            (metadata / "RECORD").unlink()
            age(metadata)
        return metadata

    def actor(self, dist: str, name: str, source: str = "") -> None:
        """Install a package of the same name as `dist` with one entry of the actors' door."""
        source = source or "from aplay_host.kernel import Actor\nclass A(Actor): ..."
        self.dist(
            dist,
            f"[aplay_host.actors]\n{name} = {dist}.mod:A",
            {f"{dist}/__init__.py": "", f"{dist}/mod.py": source},
        )

    def hooks(self, dist: str, source: str) -> None:
        """Install a package of the same name as `dist` with hooks in its module ``hooks``."""
        records = "ActorRegistration, Health, Interceptor, MailboxRegistration, Veto"
        head = f"import asyncio\nfrom aplay_host.plugins import {records}, hookimpl\n"
        self.dist(
            dist,
            f"[aplay_host.plugins]\n{dist} = {dist}.hooks",
            {f"{dist}/__init__.py": "", f"{dist}/hooks.py": head + dedent(source)},
        )

    def scan(self) -> tuple[Entry, ...]:
        return scan([str(self.path)])

    def open(self, settings: PluginSettings | None = None) -> PluginSet:
        settings = settings or PluginSettings()
        return PluginSet(Catalog(self.scan(), settings), settings, self.failures.append)

    def load(self) -> PluginSet:
        plugins = self.open()
        plugins.load_hooks(HOST)
        return plugins

    def load_one(self, source: str) -> Entry:
        """Install hooks as the only plugin, ``guard``, load them and return their entry."""
        self.hooks("guard", source)
        return next(row for row in self.load().rows() if row.door == "plugin")


@pytest.fixture
def make_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Site]]:
    """Make site directories that come first on ``sys.path``, the first one made before all."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made: list[Site] = []

    def make(name: str) -> Site:
        site = Site(tmp_path / name / "site-packages")
        sys.path.insert(len(made), str(site.path))
        made.append(site)
        return site

    yield make
    doomed = [name for name in set(sys.modules) - before if _is_below(sys.modules[name], tmp_path)]
    for name in doomed:  # not before all are known: the path of a namespace asks its parent
        del sys.modules[name]


def _is_below(module: ModuleType, folder: Path) -> bool:
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return any(str(place).startswith(str(folder)) for place in places)


@pytest.fixture
def site(make_site: Callable[[str], Site]) -> Site:
    return make_site("first")


@pytest.fixture
def host() -> HostInfo:
    return HOST
