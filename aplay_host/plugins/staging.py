"""The plugins of the next generation, made beside those that go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

from .exchange import Exchange
from .failure import Failure
from .finder import Noted, ScopeFinder

if TYPE_CHECKING:
    from .pluginset import PluginSet

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Renewal:
    """What is to be loaded anew.

    `order` are the modules to import, in this order; `superseded` those whose present objects
    go, `tried` those that could not be imported and may be now; `actors` the ids of the classes
    to look up again; `sources` the bytes to run, by file; `upgraded` the distributions of which
    what is installed now is to be run. `pardoned` are the ids of quarantined plugins that a
    person wants to be tried all the same.
    """

    order: tuple[str, ...]
    superseded: tuple[str, ...]
    tried: tuple[str, ...]
    actors: tuple[str, ...]
    sources: Mapping[str, bytes]
    upgraded: frozenset[str] = frozenset()
    pardoned: tuple[str, ...] = ()


class StagedPlugins:
    """New modules and the `plugins` that go with them, which nobody else sees until `keep`.

    `failure` tells why they cannot be used. `modules` has what stands in the place of each
    superseded module, None for one that is gone. After `keep`, `drop` undoes it as long as
    `forget` was not called.
    """

    def __init__(self, plugins: PluginSet, finder: ScopeFinder) -> None:
        self.plugins = plugins
        self.failure: Failure | None = None
        self.modules: dict[str, ModuleType | None] = {}
        self._finder = finder
        self._before: Noted = finder.noted()
        self._after: Noted = self._before
        self._exchange: Exchange | None = Exchange(finder)

    def run(
        self,
        renewal: Renewal,
        load: Callable[[Exchange, Iterable[str]], Failure | None],
        look_up: Callable[[], Failure | None],
    ) -> None:
        """Take out what is superseded, import it anew, and `look_up` the classes."""
        exchange, read = self._needed(), self._finder.read
        sources = renewal.sources
        self._finder.read = lambda path: sources[path] if path in sources else read(path)
        self._finder.forget(set(renewal.superseded) - set(renewal.order))
        exchange.take(renewal.superseded)
        try:
            self.failure = load(exchange, renewal.order) or exchange.run(look_up)
            new = exchange.modules()
            self.modules = {name: new.get(name) for name in renewal.superseded}
        except BaseException:
            self._after = self._finder.noted()
            self.drop()
            raise
        finally:
            self._finder.read = read
        self._after = self._finder.noted()
        self._finder.shift(self._after, self._before)
        lost = [name for name in renewal.order if self.modules.get(name) is None]
        if self.failure is None and lost:
            text = f"{lost[0]} is not among the loaded modules after its import"
            self.failure = Failure("import", "lost-module", text)
        if self.failure is not None:
            self.drop()

    def back(self, plugins: PluginSet) -> StagedPlugins:
        """Return what undoes this once it is kept: the former modules, and their `plugins`."""
        back = StagedPlugins(plugins, self._finder)
        back._exchange = self._needed().reversed()
        back._before, back._after = self._after, self._before
        back.modules = back._exchange.modules()
        return back

    def take_out(self, names: Iterable[str]) -> None:
        """Have more modules go, those that came to depend on what goes; they are imported anew."""
        gone = {one: self._finder.located[one] for one in names}
        self._needed().take(gone)
        self.modules.update(dict.fromkeys(gone))
        stay = {it: one for it, one in self._after.located.items() if it not in gone}
        self._before = replace(self._before, located=self._before.located | gone)
        self._after = replace(self._after, located=stay)

    def within(self, action: Callable[[], T]) -> T:
        """Call `action` with the new modules in place; what it imports is among them then."""
        self._finder.shift(self._before, self._after)
        try:
            return self._needed().run(action)
        finally:
            self._after = self._finder.noted()
            self._finder.shift(self._after, self._before)

    def keep(self) -> None:
        """Put the new modules in the places of the old ones."""
        self._needed().keep()
        self._finder.shift(self._before, self._after)

    def put_back(self) -> None:
        """Undo `keep`; what is staged stays so."""
        self._needed().put_back()
        self._finder.shift(self._after, self._before)

    def drop(self) -> None:
        """Let the old modules be where they were; a second call does nothing."""
        if self._exchange is not None:
            self._exchange.drop()
            self._finder.shift(self._after, self._before)
            self._exchange = None

    def forget(self) -> None:
        """Let go of what was there before: it cannot be undone any more."""
        self._exchange = None

    def _needed(self) -> Exchange:
        if self._exchange is None:
            raise RuntimeError("this staging has ended")
        return self._exchange
