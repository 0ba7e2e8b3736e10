"""The verbs of the control API, carried out on one host."""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..control import (
    PROBLEM_PREFIX,
    ActorDetail,
    ActorRow,
    AskReport,
    HealthReport,
    HostRecord,
    LetterChoice,
    LetterDetail,
    LetterFailure,
    LetterReport,
    Order,
    Page,
    PluginRow,
    SendReport,
    SendResult,
    TreeRow,
    VerbReport,
    VerbResult,
    plain,
    problem,
)
from ..errors import (
    ActorStopped,
    AplayError,
    AskTimeout,
    BadAddress,
    CommandError,
    MailboxFull,
    Refuse,
    StartFailed,
)
from ..kernel import ActorRef, ActorStatus, Address, DeadLetter, Failure, Op
from ..plugins import Entry, entries_named
from ..reload import ReloadReport, Request
from .audit import Deed
from .detail import actor_detail
from .health import alive
from .holds import Hold, stopped_by
from .letters import Letters
from .origin import origin_of
from .rows import WallClock, actor_row, tree_row

if TYPE_CHECKING:
    from .host import Host

LONGEST_PAUSE = 24 * 3600.0
"""Seconds between two messages of the slowest replay."""


class HostPort:
    """Implements `ControlPort`; see there for what each verb does."""

    def __init__(self, host: Host) -> None:
        self._host = host

    # ---- looking -------------------------------------------------------------------------

    def host(self) -> HostRecord:
        """Return what the host is and how it is."""
        return self._host.presence.record()

    def actors(self, addresses: Sequence[str]) -> list[ActorRow]:
        """Return the rows of these actors, or of all but the root, in tree order."""
        self._must_have_a_tree()
        rows = self._rows()
        if not addresses:
            return rows
        wanted = {address for given in addresses for address in self._named(given)}
        return [row for row in rows if row.address in wanted]

    def tree(self, root: str) -> TreeRow:
        """Return the actor at `root` with all those below it."""
        self._must_have_a_tree()
        rows = {row.address: row for row in self._rows()}
        if root == "/":
            top = self._host.system.ref("/").status()
            return tree_row(self._row(top, self._wall_clock()), rows)
        return tree_row(rows[self._the_one(root)], rows)

    def show(self, address: str) -> ActorDetail:
        """Return all that can be told of one actor, and why it is as it is."""
        self._must_have_a_tree()
        status, wall = self._ref(self._the_one(address)).status(), self._wall_clock()
        return actor_detail(self._host, status, self._row(status, wall), wall)

    def dead(self, choice: LetterChoice, limit: int | None) -> Page:
        """Return the rows of these dead letters, the newest first, `limit` at most."""
        return self._letters.page(choice, limit)

    def letter(self, id_: str) -> LetterDetail:
        """Return one dead letter with what is in it."""
        return self._letters.detail(id_)

    @property
    def _letters(self) -> Letters:
        self._must_have_a_tree()
        return Letters(self._host.system.dead_letters, self._wall_clock())

    def plugins(self) -> list[PluginRow]:
        """Return what installed packages offer, and which actors run it."""
        return self._plugin_rows(self._host.plugins.rows())

    def plugin(self, name: str) -> list[PluginRow]:
        """Return the rows of a distribution, a ``dist/name`` or a name."""
        return self._plugin_rows(entries_named(name, self._host.plugins.rows()))

    def _plugin_rows(self, entries: Iterable[Entry]) -> list[PluginRow]:
        actors = self._rows() if self._host.planted else []
        hooks = self._host.plugins.hooks
        return [
            PluginRow.of(one, actors=tuple(row.address for row in actors if row.type == one.id))
            if one.door == "actor"
            else PluginRow.of(one, hooks=hooks.places(one.id), dropped=hooks.dropped(one.id))
            for one in entries
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

    def _rows(self) -> list[ActorRow]:
        wall = self._wall_clock()
        return [self._row(status, wall) for status in self._host.system.tree()]

    def _row(self, status: ActorStatus, wall: WallClock) -> ActorRow:
        host = self._host
        entry = host.config.actors.get(status.address)
        required = entry is not None and entry.required
        origin = origin_of(status.address, status.spec.cls, host.origins)
        return actor_row(status, origin, required, wall)

    def _wall_clock(self) -> WallClock:
        """Return what turns the loop's times into dates, the same way for a whole answer."""
        zero = time.time() - self._host.system.now()
        return lambda at: datetime.fromtimestamp(zero + at, UTC)

    # ---- acting --------------------------------------------------------------------------

    async def send(self, addresses: Sequence[str], message: Any, order: Order) -> SendReport:
        """Tell `message` to each of these actors; `order` says how long to wait for room."""
        with self._deed("send", order, addresses) as deed:
            ends = time.monotonic() + order.wait_s
            results = [await _tell(ref, message, _left(ends)) for ref in self._refs(addresses)]
            _note(deed, results)
            return SendReport(sum(result.ok for result in results), tuple(results))

    async def ask(self, address: str, message: Any, order: Order) -> AskReport:
        """Ask one actor and return its reply."""
        with self._deed("ask", order, [address]):
            self._must_take_mail()
            named = self._the_one(address)
            began = time.monotonic()
            reply = await _ask(self._ref(named), message, order.wait_s)
            return AskReport(named, reply, round(time.monotonic() - began, 6))

    async def replay(self, choice: LetterChoice, rate: float | None, order: Order) -> LetterReport:
        """Send these dead letters again, each as `send` does; those not accepted are kept."""
        now, room = self._host.system.now, order.wait_s

        async def tell(letter: DeadLetter) -> dict[str, Any] | None:
            nonlocal room  # what is left of it; a pause for the rate costs nothing
            began = now()
            try:
                (ref,) = self._refs([letter.target])
                return (await _tell(ref, letter.message, room)).problem
            except CommandError as error:
                return problem(error)
            finally:
                room = max(0.0, began + room - now())

        with self._host.audit.of("dead.replay", order.who, choice.said, order.reason) as deed:
            self._must_take_mail()
            pause = min(1 / rate, LONGEST_PAUSE) if rate else 0.0
            report = await self._letters.replay(choice, pause, tell)
            _note(deed, report.failed)
            return report

    def drop(self, choice: LetterChoice, order: Order) -> LetterReport:
        """Forget these dead letters."""
        with self._host.audit.of("dead.drop", order.who, choice.said, order.reason):
            return self._letters.drop(choice)

    async def start(self, addresses: Sequence[str], order: Order) -> VerbReport:
        """End a person's hold and start each of these actors.

        The class of one that has none, as it could not be loaded, is tried once more.
        """
        with self._deed("start", order, addresses) as deed:
            refs = self._refs(addresses)
            self._host.keep_holds(ended=[ref.address for ref in refs])
            await self._load_anew(refs)
            return await _steer(refs, ActorRef.human_start, order.wait_s, deed)

    async def _load_anew(self, refs: Sequence[ActorRef]) -> None:
        host = self._host
        ids = {host.origins[ref.address].type for ref in refs if ref.address in host.faults}
        if ids and host.phase == "running":
            await host.reloads.reload(Request("start", retry=tuple(sorted(ids))))

    async def stop(self, addresses: Sequence[str], order: Order) -> VerbReport:
        """Hold each of these actors, with its state and mail, until it is started again."""
        with self._deed("stop", order, addresses) as deed:
            refs, holds = self._refs(addresses), self._host.holds
            new = [ref.address for ref in refs if stopped_by(ref.status(), holds) != "person"]
            uid = order.who.uid
            user = None if uid is None else self._host.users.get(uid)
            hold = Hold(datetime.now(UTC), uid, user, order.reason)
            self._host.keep_holds(begun=dict.fromkeys(new, hold))
            return await _steer(refs, ActorRef.stop, order.wait_s, deed)

    async def restart(self, addresses: Sequence[str], order: Order) -> VerbReport:
        """Give each of these actors a new instance; it keeps its mail."""
        with self._deed("restart", order, addresses) as deed:
            return await _steer(self._refs(addresses), ActorRef.restart, order.wait_s, deed)

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

    def _refs(self, addresses: Sequence[str]) -> list[ActorRef]:
        self._must_take_mail()
        return [self._ref(address) for given in addresses for address in self._named(given)]

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

    def _the_one(self, given: str) -> str:
        """Return the one address that `given` names."""
        named = self._named(given)
        if len(named) != 1:
            detail = f"{given} names {len(named)} actors, want one"
            raise CommandError("bad-request", detail, hint="give the address of one actor")
        return named[0]

    def _named(self, given: str) -> list[str]:
        """Return the addresses that `given` names: itself, or all that match its wildcards."""
        text = given if given.startswith("/") else f"/{given}"
        try:
            known = [ref.address for ref in self._host.system.select("/**")]
            named = [one for one in known if one.matches(text)] if "*" in text else [Address(text)]
        except BadAddress as error:
            raise CommandError("bad-request", str(error)) from None
        if not named or named[0] not in known:
            place = self._host.config.place_of(named[0], "use") if named else None
            if place is not None:
                detail = (
                    f"{text} is removed: it has ended, or code removed it (declared at {place})"
                )
                hint = "it comes back with the next start of the host"
                raise CommandError("no-such-actor", detail, hint=hint, address=text)
            detail = f"{text} names no actor"
            close = difflib.get_close_matches(text, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "see them all: aplay-host status"
            raise CommandError("no-such-actor", detail, hint=hint, address=text)
        return [str(one) for one in named]


async def _tell(ref: ActorRef, message: Any, seconds: float) -> SendResult:
    try:
        async with asyncio.timeout(seconds):
            await ref.tell(message)
    except (AplayError, TimeoutError) as error:
        return SendResult(ref.address, False, problem=problem(_explained(ref, error)))
    return SendResult(ref.address, True)


async def _steer(
    refs: Sequence[ActorRef], verb: Callable[[ActorRef], Op], seconds: float, deed: Deed
) -> VerbReport:
    """Say `verb` to all, then wait for their ends, for `seconds` in all, or not with 0."""
    ends = time.monotonic() + seconds
    before = [_seen(ref) for ref in refs]
    ops = [verb(ref) for ref in refs]  # each takes effect before the first is awaited
    troubles: Sequence[dict[str, Any] | None] = [None] * len(refs)
    if seconds:
        troubles = [await _end_of(op, ref, _left(ends)) for op, ref in zip(ops, refs, strict=True)]
    results = []
    for ref, was, trouble in zip(refs, before, troubles, strict=True):
        pending = 0 if ref.state == "removed" else ref.status().pending
        changed = was != _seen(ref)
        results.append(VerbResult(ref.address, changed, ref.state, pending, trouble))
    _note(deed, results)
    return VerbReport(tuple(results))


def _note(deed: Deed, results: Iterable[SendResult | VerbResult | LetterFailure]) -> None:
    """Let a deed tell the first problem that came of it."""
    problems = (result.problem for result in results if result.problem is not None)
    if (first := next(problems, None)) is not None:
        deed.outcome, deed.problem = "failed", first["type"].removeprefix(PROBLEM_PREFIX)


def _seen(ref: ActorRef) -> tuple[str, bool, int]:
    """Return what a verb may change of an actor, which may be gone by now."""
    return ref.state, ref.held, 0 if ref.state == "removed" else ref.status().restarts


async def _end_of(op: Op, ref: ActorRef, seconds: float) -> dict[str, Any] | None:
    """Wait for the end of a verb; return the problem that kept it from its end, if one did."""
    address = ref.address
    try:
        async with asyncio.timeout(seconds):
            await op
    except StartFailed as error:
        if ref.held:
            hint = f"start it: aplay-host start {address}"
            return problem(CommandError("held", f"{address} is held", hint=hint, address=address))
        hint = f"see why: aplay-host show {address}"
        return problem(CommandError("start-failed", str(error), hint=hint, address=address))
    except TimeoutError:
        detail = f"{address} is still {ref.state}; it goes on"
        return problem(CommandError("timeout", detail, address=address))
    return None


def _left(ends: float) -> float:
    return max(0.0, ends - time.monotonic())


async def _ask(ref: ActorRef, message: Any, seconds: float) -> Any:
    try:
        reply = await ref.ask(message, timeout=seconds)
    except Exception as error:  # whatever a handler may raise: it is the answer
        raise _explained(ref, error) from None
    try:
        return plain(reply)
    except TypeError as error:
        detail = f"{ref.address} replied, but {error}"
        raise CommandError("handler-failed", detail, address=ref.address) from None


def _explained(ref: ActorRef, error: BaseException) -> CommandError:
    """Return the problem that an error of a send or an ask is.

    A handler may raise the same classes, of whatever it did itself; its errors have a note.
    """
    address, state = ref.address, ref.state
    match None if hasattr(error, "__notes__") else error:
        case MailboxFull() if ref.status().spec.mailbox.overflow == "wait":
            return _no_room(address)
        case MailboxFull():
            hint = f"try again later, or see what it does: aplay-host show {address}"
            return CommandError("mailbox-full", str(error), hint=hint, address=address)
        case ActorStopped():
            kind = "actor-failed" if state == "failed" else "actor-stopped"
            hint = f"see why: aplay-host show {address}"
            return CommandError(kind, str(error), hint=hint, address=address)
        case AskTimeout():
            hint = f"give it longer with --timeout, or see what it does: aplay-host show {address}"
            return CommandError("timeout", str(error), hint=hint, address=address)
        case TimeoutError():
            return _no_room(address)
    failure = Failure.of(error, 0.0)  # its text is safe, whatever a guest's __str__ does
    if isinstance(error, Refuse):
        return CommandError("handler-failed", f"{address} refused: {failure.text}", address=address)
    detail = f"{address} failed: {failure.type}: {failure.text}"
    hint = "the log, which serve writes to stderr, has the traceback"
    return CommandError("handler-failed", detail, hint=hint, address=address)


def _no_room(address: str) -> CommandError:
    hint = f"see what it does: aplay-host show {address}"
    return CommandError("timeout", f"{address} had no room in time", hint=hint, address=address)
