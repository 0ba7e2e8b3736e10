"""Being told when another actor is gone for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .envelope import Envelope

if TYPE_CHECKING:
    from .address import Address
    from .cell import ActorCell


@dataclass(frozen=True, slots=True)
class Terminated:
    """The message that a watcher gets: the actor at `address` was removed.

    `reason` is ``removed`` or ``shutdown``, or ``no_actor`` when none lived there to be watched.
    """

    address: Address
    reason: str


class Watch:
    """That `watcher` wants to know of the end of whoever lives at `address`.

    Most end with their one notice. While that waits, another actor may come to live at the
    address and be watched as well; `notices` are those that wait.
    """

    __slots__ = ("address", "is_over", "notices", "watcher")

    def __init__(self, watcher: ActorCell, address: Address) -> None:
        self.watcher = watcher
        self.address = address
        self.is_over = False
        self.notices = 0

    def tell(self, reason: str) -> None:
        """Give the watcher its notice, before all its other mail."""
        if self.watcher.wanted != "gone":
            self.notices += 1
            self.watcher.put_first(Notice(self, Terminated(self.address, reason)))


class Notice(Envelope):
    """A `Terminated` in line; it takes no room, and a watch that ended meanwhile voids it."""

    __slots__ = ("message", "watch")

    exempt = True

    def __init__(self, watch: Watch, message: Terminated) -> None:
        self.watch = watch
        self.message = message

    def unwanted(self) -> str | None:
        """Return why it is not handled: nobody watches any more."""
        return "unwatched" if self.watch.is_over else None

    def begin(self, now: float) -> None:
        """End the watch when it has done its work."""
        watch = self.watch
        watch.notices -= 1
        target = watch.watcher.system.cell_at(watch.address)
        if not watch.notices and (target is None or watch not in target.watchers):
            end_watch(watch.watcher, watch.address)


def begin_watch(watcher: ActorCell, address: Address) -> None:
    """Let `watcher` be told once when the actor at `address` is removed; twice is once."""
    watch = watcher.watching.get(address)
    if watch is None:
        watch = watcher.watching[address] = Watch(watcher, address)
    target = watcher.system.cell_at(address)
    if target is not None:
        target.watchers[watch] = None
    elif not watch.notices:
        watch.tell("no_actor")


def end_watch(watcher: ActorCell, address: Address) -> None:
    """End a watch if there is one; a notice that already waits is not handled."""
    watch = watcher.watching.pop(address, None)
    if watch is None:
        return
    watch.is_over = True
    target = watcher.system.cell_at(address)
    if target is not None:
        target.watchers.pop(watch, None)


def end_watches(watcher: ActorCell) -> None:
    """End all watches of an instance that is thrown away."""
    for address in tuple(watcher.watching):
        end_watch(watcher, address)


def tell_watchers(target: ActorCell, reason: str) -> None:
    """Tell whoever watches that `target` was removed."""
    watchers, target.watchers = target.watchers, {}
    for watch in watchers:
        watch.tell(reason)
