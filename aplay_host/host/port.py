"""The verbs of the control API, carried out on one host."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..config import ListedKey, list_config
from ..control import (
    ActorDetail,
    ActorRow,
    AskReport,
    BackupReport,
    EventRing,
    HealthReport,
    HostRecord,
    LetterChoice,
    LetterDetail,
    LetterReport,
    MessageRow,
    Order,
    Page,
    PluginRow,
    SendReport,
    TreeRow,
    VerbReport,
    in_slices,
    page_of,
)
from ..errors import (
    BadAddress,
    CommandError,
)
from ..kernel import ActorRef, ActorStatus, Address
from ..plugins import Entry, entries_named
from ..reload import ReloadReport, Request
from .delivery import Post, ask, tell
from .detail import actor_detail
from .durable import KIND
from .health import alive
from .holds import Hold, stopped_by
from .letters import Letters
from .mailview import back_up, mail_page, message_rows, reached
from .origin import origin_of
from .rows import WallClock, actor_row, tree_row
from .steering import steer

if TYPE_CHECKING:
    from ..kernel.cell import ActorCell
    from .audit import Deed
    from .host import Host

LONGEST_PAUSE = 24 * 3600.0
"""Seconds between two messages of the slowest replay."""
LONGEST_GUESS = 200
"""How long an address may be for what is most like it to be looked for."""
CLOCK_STEP = 0.1
"""Seconds by which the clock and the loop's time part until one of them has been set."""


class HostPort:
    """Implements `ControlPort`; see there for what each verb does."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._zero = 0.0

    # ---- looking -------------------------------------------------------------------------

    def host(self) -> HostRecord:
        """Return what the host is and how it is."""
        return self._host.presence.record()

    @property
    def events(self) -> EventRing:
        """What has happened, and what happens."""
        return self._host.events

    async def actors(
        self, addresses: Sequence[str], begin: str | None = None, limit: int | None = None
    ) -> Page:
        """Return the rows of these actors, or of all but the root, in tree order."""
        self._must_have_a_tree()
        cells = list(self._host.system.cells())
        if addresses:
            wanted = set(await self._named_by(addresses))
            cells = [cell for cell in cells if cell.address in wanted]
        page = page_of(cells, begin, limit)
        return Page(self._rows_of(page.rows), page.next)

    async def tree(self, root: str) -> TreeRow:
        """Return the actor at `root` with all those below it."""
        self._must_have_a_tree()
        named = "/" if root == "/" else await self._the_one(root)
        cell = self._host.system.cell_at(Address(named))
        if cell is None:  # it went while the others were looked at
            raise CommandError("no-such-actor", f"{named} names no actor", address=named)
        return self._branch(cell, self._wall_clock())

    async def show(self, address: str) -> ActorDetail:
        """Return all that can be told of one actor, and why it is as it is."""
        self._must_have_a_tree()
        status, wall = self._ref(await self._the_one(address)).status(), self._wall_clock()
        return await actor_detail(self._host, status, self._row(status, wall), wall)

    async def dead(self, choice: LetterChoice, limit: int | None) -> Page:
        """Return the rows of these dead letters, the newest first, `limit` at most."""
        with reached():
            return await self._letters.page(choice, limit)

    async def letter(self, id_: str) -> LetterDetail:
        """Return one dead letter with what is in it."""
        with reached():
            return await self._letters.detail(id_)

    @property
    def _letters(self) -> Letters:
        self._must_have_a_tree()
        return Letters(self._host.system.dead_letters, self._host.mail, self._wall_clock())

    def mail(self, begin: str | None = None, limit: int | None = None) -> Page:
        """Return a row for each address that has durable mail, sorted."""
        self._must_have_a_tree()
        return mail_page(self._host.mail, begin, limit)

    async def peek(self, address: str, limit: int, *, body: bool) -> list[MessageRow]:
        """Return the next messages that wait for one address, declared or not."""
        self._must_have_a_tree()
        if not any(box.address == address for box in self._host.mail.boxes()):
            kind = self._ref(await self._the_one(address)).status().spec.mailbox.kind
            if kind != KIND:
                detail = f"{address} keeps its mail in a mailbox of the kind {kind}"
                hint = "see who has mail in the file: aplay-host mail list"
                raise CommandError("mailbox-kind", detail, hint=hint, address=address)
        with reached():
            return await message_rows(self._host.mail, address, limit, body=body)

    async def backup(self, path: str, order: Order) -> BackupReport:
        """Copy all durable mail into a new file."""
        with self._host.audit.of("mail.backup", order.who, [path], order.reason):
            self._must_have_a_tree()
            with reached():
                return await back_up(self._host.mail, path)

    async def plugins(self) -> list[PluginRow]:
        """Return what installed packages offer, and which actors run it."""
        return await self._plugin_rows(self._host.plugins.rows())

    async def plugin(self, name: str) -> list[PluginRow]:
        """Return the rows of a distribution, a ``dist/name`` or a name."""
        return await self._plugin_rows(entries_named(name, self._host.plugins.rows()))

    def config(self) -> Sequence[ListedKey]:
        """Return every key of aplay.toml as it holds here, and where it was said."""
        host = self._host
        there = {ref.address: ref for ref in host.system.select("/**")} if host.planted else {}
        options = {
            address: there[address].status().spec.options
            for address in host.config.actors
            if address in there and address not in host.faults
        }
        return list_config(host.config, options)

    async def _plugin_rows(self, entries: Iterable[Entry]) -> list[PluginRow]:
        actors: dict[str, list[str]] = {}
        cells = list(self._host.system.cells()) if self._host.planted else []
        async for cell in in_slices(cells):
            origin = origin_of(cell.address, cell.spec.cls, self._host.origins)
            actors.setdefault(origin.type, []).append(cell.address)
        hooks = self._host.plugins.hooks
        return [
            PluginRow.of(one, actors=tuple(actors.get(one.id, ())))
            if one.door == "actor"
            else PluginRow.of(one, hooks=hooks.places(one.id), dropped=hooks.dropped(one.id))
            async for one in in_slices(entries)
        ]

    def live(self) -> HealthReport:
        """Return at once: that this runs is the answer."""
        return alive()

    async def ready(self) -> HealthReport:
        """Tell whether work may be sent here, and what is wrong."""
        wall = self._wall_clock()
        return await self._host.health.ready(lambda status: self._row(status, wall))

    def started(self) -> HealthReport:
        """Tell whether the first tree stands."""
        return self._host.health.started()

    async def metrics(self) -> tuple[bytes, str]:
        """Return all metrics as text, and the media type of that."""
        metrics = self._host.vitals.metrics
        return await metrics.text(), metrics.media_type

    def _rows_of(self, cells: Iterable[ActorCell]) -> Iterator[ActorRow]:
        wall = self._wall_clock()
        return (
            self._row(cell.status(), wall)
            for cell in cells
            if cell.state != "removed"  # while others had their turn
        )

    def _branch(self, cell: ActorCell, wall: WallClock) -> TreeRow:
        row, below = self._row(cell.status(), wall), tuple((cell.children or {}).values())
        branches = (self._branch(one, wall) for one in below if one.state != "removed")
        return tree_row(row, branches if below else ())

    def _row(self, status: ActorStatus, wall: WallClock) -> ActorRow:
        host = self._host
        entry = host.config.actors.get(status.address)
        required = entry is not None and entry.required
        origin = origin_of(status.address, status.spec.cls, host.origins)
        return actor_row(status, origin, required, wall)

    def _wall_clock(self) -> WallClock:
        """Return what turns the loop's times into dates, the same way until the clock is set."""
        zero = time.time() - self._host.system.now()
        if abs(zero - self._zero) > CLOCK_STEP:
            self._zero = zero
        fixed = self._zero
        return lambda at: datetime.fromtimestamp(fixed + at, UTC)

    # ---- acting --------------------------------------------------------------------------

    async def send(self, addresses: Sequence[str], message: Any, order: Order) -> SendReport:
        """Tell `message` to each of these actors; `order` says how long to wait for room."""
        with self._deed("send", order, addresses) as deed:
            ends = time.monotonic() + order.wait_s
            results = [
                await tell(ref, message, _left(ends))
                async for ref in in_slices(await self._refs(addresses))
            ]
            deed.note(result.problem for result in results)
            return SendReport(sum(result.ok for result in results), tuple(results))

    async def ask(self, address: str, message: Any, order: Order) -> AskReport:
        """Ask one actor and return its reply."""
        with self._deed("ask", order, [address]):
            self._must_take_mail()
            named = await self._the_one(address)
            began = time.monotonic()
            reply = await ask(self._ref(named), message, order.wait_s)
            return AskReport(named, reply, round(time.monotonic() - began, 6))

    async def replay(
        self, choice: LetterChoice, to: str | None, rate: float | None, order: Order
    ) -> LetterReport:
        """Send these dead letters again, each as `send` does; those not accepted are kept."""
        with self._host.audit.of("dead.replay", order.who, choice.said, order.reason) as deed:
            self._must_take_mail()
            target = None if to is None else await self._the_one(to)
            pause = min(1 / rate, LONGEST_PAUSE) if rate else 0.0
            post = Post(self._host.system.now, self._the_ref, order.wait_s)
            with reached():
                report = await self._letters.replay(choice, target, pause, post)
            deed.note(one.problem for one in report.failed)
            return report

    async def drop(self, choice: LetterChoice, order: Order) -> LetterReport:
        """Forget these dead letters."""
        audit = self._host.audit.of("dead.drop", order.who, choice.said, order.reason)
        with audit, reached():
            return await self._letters.drop(choice)

    async def start(self, addresses: Sequence[str], order: Order) -> VerbReport:
        """End a person's hold and start each of these actors.

        The class of one that has none, as it could not be loaded, is tried once more.
        """
        with self._deed("start", order, addresses) as deed:
            refs = await self._refs(addresses)
            self._host.keep_holds(ended=[ref.address for ref in refs])
            await self._load_anew(refs)
            return await steer(refs, ActorRef.human_start, order.wait_s, deed)

    async def _load_anew(self, refs: Sequence[ActorRef]) -> None:
        host = self._host
        ids = {host.origins[ref.address].type for ref in refs if ref.address in host.faults}
        if ids and host.phase == "running":
            await host.reloads.reload(Request("start", retry=tuple(sorted(ids))))

    async def stop(self, addresses: Sequence[str], order: Order) -> VerbReport:
        """Hold each of these actors, with its state and mail, until it is started again."""
        with self._deed("stop", order, addresses) as deed:
            refs, holds = await self._refs(addresses), self._host.holds
            new = [
                ref.address
                async for ref in in_slices(refs)
                if stopped_by(ref.status(), holds) != "person"
            ]
            uid = order.who.uid
            user = None if uid is None else self._host.users.get(uid)
            hold = Hold(datetime.now(UTC), uid, user, order.reason)
            self._host.keep_holds(begun=dict.fromkeys(new, hold))
            return await steer(refs, ActorRef.stop, order.wait_s, deed)

    async def restart(self, addresses: Sequence[str], order: Order) -> VerbReport:
        """Give each of these actors a new instance; it keeps its mail."""
        with self._deed("restart", order, addresses) as deed:
            refs = await self._refs(addresses)
            return await steer(refs, ActorRef.restart, order.wait_s, deed)

    async def reload(
        self, plugins: Sequence[str], order: Order, *, config: bool, dry_run: bool
    ) -> ReloadReport:
        """Make run what is on disk: of these plugins, or aplay.toml alone, or all."""
        with self._host.audit.of("reload", order.who, plugins, order.reason) as deed:
            self._must_be_up()
            request = Request("command", tuple(plugins), config=config, dry_run=dry_run)
            return deed.of_report(await self._host.reloads.reload(request), dry_run)

    async def rollback(self, order: Order, *, dry_run: bool) -> ReloadReport:
        """Go back to the code of the generation before; a second time, to the newest again."""
        with self._host.audit.of("rollback", order.who, (), order.reason) as deed:
            self._must_be_up()
            return deed.of_report(await self._host.reloads.rollback(dry_run=dry_run), dry_run)

    def _deed(
        self, verb: str, order: Order, addresses: Sequence[str]
    ) -> AbstractContextManager[Deed]:
        target = [one if one.startswith("/") else f"/{one}" for one in addresses]
        return self._host.audit.of(verb, order.who, target, order.reason)

    async def _refs(self, addresses: Sequence[str]) -> list[ActorRef]:
        self._must_take_mail()
        return [self._ref(address) for address in await self._named_by(addresses)]

    async def _the_ref(self, address: str) -> ActorRef:
        self._must_take_mail()
        return self._ref(await self._the_one(address))

    def _ref(self, address: str) -> ActorRef:
        return self._host.system.ref(address)

    # ---- what a verb needs ---------------------------------------------------------------

    def _must_have_a_tree(self) -> None:
        if not self._host.planted:
            hint = "wait for it: aplay-host health --wait"
            raise CommandError("starting", "the host is still starting", hint=hint)

    def _must_be_up(self) -> None:
        if self._host.phase == "starting":
            hint = "wait for it: aplay-host health --wait"
            raise CommandError("starting", "the host is still starting", hint=hint)
        self._must_take_mail()

    def _must_take_mail(self) -> None:
        self._must_have_a_tree()
        if self._host.phase == "stopping":
            raise CommandError("stopping", "the host is stopping and takes no more mail")

    async def _the_one(self, given: str) -> str:
        """Return the one address that `given` names."""
        named = await self._named(given)
        if len(named) != 1:
            detail = f"{given} names {len(named)} actors, want one"
            raise CommandError("bad-request", detail, hint="give the address of one actor")
        return named[0]

    async def _named_by(self, addresses: Sequence[str]) -> list[str]:
        return [named for given in addresses for named in await self._named(given)]

    async def _named(self, given: str) -> list[str]:
        """Return the addresses that `given` names: itself, or all that match its wildcards."""
        text, system = given if given.startswith("/") else f"/{given}", self._host.system
        try:
            if "*" not in text:
                cell = None if text == "/" else system.cell_at(Address(text))
                named = [] if cell is None else [str(cell.address)]
            else:
                cells = in_slices(list(system.cells()))
                named = [str(cell.address) async for cell in cells if cell.address.matches(text)]
        except BadAddress as error:
            raise CommandError("bad-request", str(error)) from None
        if not named:
            place = None if "*" in text else self._host.config.place_of(Address(text), "use")
            if place is not None:
                detail = (
                    f"{text} is removed: it has ended, or code removed it (declared at {place})"
                )
                hint = "it comes back with the next start of the host"
                raise CommandError("no-such-actor", detail, hint=hint, address=text)
            close = await self._closest(text)
            hint = f"did you mean {close}?" if close else "see them all: aplay-host status"
            raise CommandError("no-such-actor", f"{text} names no actor", hint=hint, address=text)
        return named

    async def _closest(self, text: str) -> str | None:
        """Return the address that is most like `text`, if one is like it."""
        found: list[str] = []
        if len(text) <= LONGEST_GUESS:
            async for cell in in_slices(list(self._host.system.cells())):
                found += difflib.get_close_matches(text, [cell.address], n=1)
        return next(iter(difflib.get_close_matches(text, found, n=1)), None)


def _left(ends: float) -> float:
    return max(0.0, ends - time.monotonic())
