"""What the control API may do with a host: everything, and nothing else, is here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .order import Order
from .pluginrow import PluginRow
from .records import (
    ActorDetail,
    AskReport,
    BackupReport,
    HealthReport,
    HostRecord,
    LetterChoice,
    LetterDetail,
    LetterReport,
    MessageRow,
    Page,
    SendReport,
    TreeRow,
    VerbReport,
)
from .stream import EventRing

if TYPE_CHECKING:
    from ..config import ListedKey
    from ..reload import ReloadReport


class ControlPort(Protocol):
    """Implemented by the host; each method is one verb. All raise `CommandError`.

    Addresses may be patterns (``/workers/*``) where a method takes several of them; one
    that names no actor is ``no-such-actor``. What acts is told by whose order.
    """

    def host(self) -> HostRecord:
        """Return what the host is and how it is."""
        ...

    @property
    def events(self) -> EventRing:
        """What has happened, and what happens."""
        ...

    async def actors(
        self, addresses: Sequence[str], begin: str | None = None, limit: int | None = None
    ) -> Page:
        """Return the rows of these actors, or of all but the root, in tree order.

        From address `begin` on, `limit` of them at most; raises ``bad-request``.
        """
        ...

    async def tree(self, root: str) -> TreeRow:
        """Return the actor at `root` with all those below it."""
        ...

    async def show(self, address: str) -> ActorDetail:
        """Return all that can be told of one actor, and why it is as it is."""
        ...

    async def send(self, addresses: Sequence[str], message: Any, order: Order) -> SendReport:
        """Tell `message` to each of these actors; `order` says how long to wait for room."""
        ...

    async def ask(self, address: str, message: Any, order: Order) -> AskReport:
        """Ask one actor and return its reply."""
        ...

    async def start(self, addresses: Sequence[str], order: Order) -> VerbReport:
        """End a person's hold and start each of these actors."""
        ...

    async def stop(self, addresses: Sequence[str], order: Order) -> VerbReport:
        """Hold each of these actors, with its state and mail, until it is started again."""
        ...

    async def restart(self, addresses: Sequence[str], order: Order) -> VerbReport:
        """Give each of these actors a new instance; it keeps its mail."""
        ...

    async def dead(self, choice: LetterChoice, limit: int | None) -> Page:
        """Return the rows of these dead letters, the newest first, `limit` at most."""
        ...

    async def letter(self, id_: str) -> LetterDetail:
        """Return one dead letter with what is in it; raises ``no-such-dead-letter``."""
        ...

    async def replay(
        self, choice: LetterChoice, to: str | None, rate: float | None, order: Order
    ) -> LetterReport:
        """Send these letters again, `rate` of them a second, to where they were meant for, or `to`.

        `order` says how long they wait for room, all together. Before anything is done it raises
        ``no-such-dead-letter`` for an id that is none, and where none is meant.
        """
        ...

    async def drop(self, choice: LetterChoice, order: Order) -> LetterReport:
        """Forget these letters; raises ``no-such-dead-letter`` as `replay` does."""
        ...

    def mail(self, begin: str | None = None, limit: int | None = None) -> Page:
        """Return a `MailRow` for each address that has durable mail, sorted.

        From address `begin` on, `limit` of them at most; raises ``bad-request``.
        """
        ...

    async def peek(self, address: str, limit: int, *, body: bool) -> list[MessageRow]:
        """Return what waits for one address, the next `limit` messages, with what is in them.

        That is left out without `body`. Raises ``no-such-actor`` where there is neither mail nor
        an actor, and ``mailbox-kind`` for an actor whose mail is in memory.
        """
        ...

    async def backup(self, path: str, order: Order) -> BackupReport:
        """Copy all durable mail into the new file `path`, which is absolute.

        Raises ``bad-request`` for any other path, ``mailbox-kind`` where there is no such mail,
        and ``backup-failed``.
        """
        ...

    async def plugins(self) -> list[PluginRow]:
        """Return what installed packages offer, in order of distribution and name."""
        ...

    async def plugin(self, name: str) -> list[PluginRow]:
        """Return the rows of a distribution, a ``dist/name`` or a name; several, or one.

        Raises ``no-such-plugin``.
        """
        ...

    def config(self) -> Sequence[ListedKey]:
        """Return every key of aplay.toml as it holds here, and where it was said; no secrets."""
        ...

    async def reload(
        self, plugins: Sequence[str], order: Order, *, config: bool, dry_run: bool
    ) -> ReloadReport:
        """Make run what is on disk: of these plugins, or aplay.toml alone, or all.

        A dry run tells what that would do.

        Raises ``no-such-plugin``.
        """
        ...

    async def rollback(self, order: Order, *, dry_run: bool) -> ReloadReport:
        """Go back to the code of the generation before; a second time, to the newest again."""
        ...

    def live(self) -> HealthReport:
        """Return at once: that this runs is the answer."""
        ...

    async def ready(self) -> HealthReport:
        """Tell whether work may be sent here, and what is wrong."""
        ...

    def started(self) -> HealthReport:
        """Tell whether the first tree stands."""
        ...

    async def metrics(self) -> tuple[bytes, str]:
        """Return all metrics as text, and the media type of that."""
        ...
