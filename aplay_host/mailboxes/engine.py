"""All durable mail of one host: its boxes, the thread that writes, and what people ask of it."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..errors import MailboxUnavailable, StoreCorrupt
from ..kernel import MEMORY, Address, Parcel
from .backlog import NO_LIMIT
from .boxoptions import EngineSettings
from .codec import Codec
from .failpoint import Failpoints
from .folder import prepare_folder
from .kept import now_ms
from .ledger import Ledger
from .link import Link
from .ops import Job, Revival
from .rows import BoxRow, EngineStats, MailRow, Row, StoredLetter
from .sqlitebox import SqliteBox
from .store import SEQ_BITS, Found, Store
from .suspects import plan_boot
from .trial import Trial
from .writer import Report

if TYPE_CHECKING:
    from ..kernel import MailboxSpec
    from .types import TypeRegistry


BATCH = 500
"""How many letters become mail again in one transaction."""


class SqliteEngine:
    """The durable mail below `folder`, in one file; use it with ``async with``, or start and stop.

    All of it is for the loop's thread.
    """

    ledger: Ledger

    def __init__(
        self,
        folder: Path,
        types: TypeRegistry,
        settings: EngineSettings | None = None,
        failpoints: Failpoints | None = None,
    ) -> None:
        self.settings = settings or EngineSettings()
        self.failpoints = failpoints or Failpoints()
        self.codec = Codec(types, max_body=self.settings.max_body)
        self._folder = folder
        self._store = Store(folder / "mail.db", self.settings.max_bytes, self.failpoints)
        self.link = Link(self._store, self.failpoints, self._hear)
        self._fault: Exception | None = None
        self._troubled = False
        self._boxes: dict[str, SqliteBox] = {}
        self._seq = 0
        self._trial = Trial(self)
        # Letters in the file but for those that came since the start.
        self._dead = 0
        self._claimed: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # ---- its life ------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    @property
    def file(self) -> Path:
        """Where the mail is."""
        return self._store.path

    @property
    def problem(self) -> str | None:
        """Why nothing can be written now, None while all is well."""
        return self.link.problem if self._fault is None else str(self._fault)

    @property
    def is_started(self) -> bool:
        """Tell whether the file was opened, or could not be."""
        return self.link.is_open or self._fault is not None

    async def start(self) -> None:
        """Open the file; that it is damaged is told by `problem`, and by each box's `open`.

        Raises `StoreNewer`, `StoreHeld` and `StateDirError`.
        """
        if not self.is_started:
            self._begin(await asyncio.to_thread(self._open))

    def _open(self) -> tuple[Found, dict[int, str]] | StoreCorrupt:
        """Open the file and charge who has killed the host; in any thread."""
        prepare_folder(self._folder, network=self.settings.allow_network_fs)
        self.failpoints.hit("sqlite.open.before_boot")
        try:
            found = self._store.open()
        except StoreCorrupt as error:
            return error
        self.ledger = Ledger(self._folder / "inflight", found.uid)
        listed = self.ledger.read()
        waiting = self._store.present(listed)
        plan = plan_boot(listed, waiting)
        if plan.charged:
            self._store.charge(plan.charged)
        self.failpoints.hit("sqlite.open.after_boot")
        self.ledger.open()
        return found, {seq: waiting[seq] for seq in plan.alone}

    def _begin(self, opened: tuple[Found, dict[int, str]] | StoreCorrupt) -> None:
        if isinstance(opened, StoreCorrupt):
            self._close_with(opened)
            return
        found, suspects = opened
        self._seq = found.boot << SEQ_BITS
        self._dead = found.dead
        for address, count in found.counts.items():
            self._box(address).find(count.messages, count.bytes, count.oldest, self._seq)
        for address, snap in found.states.items():
            self._box(address).find_saved(snap)
        self.link.open()
        me = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _disable(me))
        self._trial.begin(suspects)

    async def stop(self) -> None:
        """Commit what is settled, note that all is in order, and close the file."""
        if self.link.is_open:
            self._trial.end()
            self._close_with(MailboxUnavailable(f"{self.file} is closed"))  # no more is put
            await self.link.close()
            self.ledger.close()

    def forked(self) -> None:
        """Be closed, in a forked child: it has no thread, and the locks are its parent's."""
        self.link.forget()
        self.ledger.close()
        self._close_with(MailboxUnavailable(f"{self.file} belongs to the process that forked"))

    def _close_with(self, fault: Exception) -> None:
        self._fault, self.link.problem = fault, str(fault)

    def check(self) -> None:
        """Raise why no actor can have its mail here; return when it can."""
        if self._fault is not None:
            raise self._fault

    # ---- boxes ---------------------------------------------------------------------------

    def make_mailbox(self, address: Address, spec: MailboxSpec) -> SqliteBox | None:
        """Return the box of an actor; the engine starts with the first one at the latest.

        For mail in memory there is none.
        """
        if spec.kind == MEMORY.kind:
            return None
        if not self.is_started:
            self._begin(self._open())
        box = self._box(address)
        box.adopt(spec)
        return box

    def _box(self, address: str) -> SqliteBox:
        found = self._boxes.get(address)
        if found is None:
            found = self._boxes[address] = SqliteBox(self, address)
        return found

    def go_on(self) -> None:
        """Let all boxes deliver again."""
        for box in tuple(self._boxes.values()):
            box.go_on()

    def existing(self, address: str) -> SqliteBox | None:
        """Return the box of an address that has or had mail."""
        return self._boxes.get(address)

    # ---- what boxes need ---------------------------------------------------------------

    def next_seq(self) -> int:
        """Return the next number; none is ever given twice, not by another boot either."""
        self._seq += 1
        return self._seq

    def reach(self, box: SqliteBox) -> int:
        """Return the last number that `box` may deliver now."""
        return self._trial.reach(box.address) if self._trial.is_on else NO_LIMIT

    def read(self, box: SqliteBox, after: int, count: int) -> None:
        """Have a box read on, as far as it may deliver now."""
        until = self.reach(box)

        def end(rows: list[Row] | None, error: Exception | None) -> None:
            if error is None:
                box.read(rows or [], until)
            else:
                box.stay()

        self.link.submit(Job(lambda store: store.read(box.address, after, count, until), end))

    async def bury_box(self, box: SqliteBox) -> None:
        """Make dead letters of all mail of a removed actor, and forget its state.

        If that cannot be written, the mail stays in the file without an actor.
        """

        def end(count: int | None, error: Exception | None) -> None:
            self._dead += count or 0
            box.buried(done=error is None)

        bury = partial(Store.bury_box, address=box.address, label=self.codec.label, at=now_ms())
        self.link.submit(Job(bury, end, early=False))
        await self.link.flush()

    # ---- what the writer tells -----------------------------------------------------------

    def _hear(self, report: Report) -> None:
        """Act on what a group has changed for all boxes."""
        recovered, self._troubled = self._troubled and not report.problem, bool(report.problem)
        if recovered:
            self.go_on()
        if report.final:
            self._fault = self._fault or MailboxUnavailable(self.problem or "")
            for box in tuple(self._boxes.values()):
                box.fail(self._fault)
        self._trim()

    def _trim(self) -> None:
        keep = self.settings.dead_keep
        if not keep or self.dead <= keep:
            return

        def end(count: int | None, error: Exception | None) -> None:
            self._dead += 0 if count is None else count - self.dead

        self._dead += keep - self.dead
        self.link.submit(Job(lambda store: store.trim(keep), end))

    # ---- what people ask -----------------------------------------------------------------

    @property
    def dead(self) -> int:
        """How many dead letters are kept."""
        return self._dead + self.link.counted.letters

    def stats(self) -> EngineStats:
        """Return the figures of the engine, from memory but for the sizes of the files."""
        counted = self.link.counted
        wal = self.file.with_name(f"{self.file.name}-wal")
        return EngineStats(
            file=str(self.file),
            bytes=_size(self.file),
            wal_bytes=_size(wal),
            dead=self.dead,
            outstanding=self.link.outstanding,
            commits=counted.commits,
            commit_seconds=counted.commit_seconds,
            puts=counted.puts,
            settles=counted.settles,
            retries=counted.retries,
            letters=counted.letters,
        )

    def boxes(self) -> tuple[BoxRow, ...]:
        """Return the figures of each address that has mail here, or an actor that may get some."""
        rows = (box.row() for box in self._boxes.values())
        return tuple(row for row in rows if row.has_actor or row.messages)

    async def peek(self, address: str, limit: int) -> tuple[MailRow, ...]:
        """Return the first messages that wait for `address`, first come first."""
        rows = await self.link.ask(lambda store: store.read(address, 0, limit, NO_LIMIT))
        return tuple(MailRow.of(row, address, self.codec.label(row.record)) for row in rows)

    async def dead_letters(self, limit: int | None = None) -> tuple[StoredLetter, ...]:
        """Return the dead letters, the newest first, without what is in them."""
        return tuple(await self.link.ask(lambda store: store.letters(limit)))

    async def dead_letter(self, id: int) -> StoredLetter | None:
        """Return one dead letter with what is in it; None where none has that number."""
        found = await self.link.ask(lambda store: store.letters(1, [id]))
        return found[0] if found else None

    async def replay(self, ids: Sequence[int], to: str | None = None) -> tuple[int, ...]:
        """Put these letters in line again, for their own address or `to`.

        They come last, as new messages whose counts are 0; each batch of 500 does so at once or
        not at all. Returns those that were there.
        """
        if to is not None:
            Address(to)
        done: set[int] = set()
        with self.claimed(ids) as wanted:
            for at in range(0, len(wanted), BATCH):
                batch = wanted[at : at + BATCH]
                letters = await self.link.ask(partial(Store.letters, limit=None, ids=batch))
                if letters:
                    await self._revive(letters, to)
                done.update(letter.id for letter in letters)
        return tuple(id_ for id_ in wanted if id_ in done)

    @contextmanager
    def claimed(self, ids: Sequence[int]) -> Iterator[list[int]]:
        """Reserve letters for the block: nobody else sends or drops them meanwhile.

        Yields those of `ids` that nobody else has reserved; some of them may not exist.
        """
        mine = [id_ for id_ in dict.fromkeys(ids) if id_ not in self._claimed]
        self._claimed.update(mine)
        try:
            yield mine
        finally:
            self._claimed.difference_update(mine)

    async def _revive(self, letters: Sequence[StoredLetter], to: str | None) -> None:
        self.check()  # it may have been closed since the letters were read
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def end(error: Exception | None) -> None:
            if error is None:
                self._dead -= len(letters)
            if not done.done():
                done.set_result(None) if error is None else done.set_exception(error)

        puts = []
        for letter in sorted(letters, key=lambda one: one.id):
            assert letter.record is not None
            put = self._box(to or letter.address).place(letter.record, Parcel(None))
            put.id, put.replays = letter.id, letter.replays + 1
            puts.append(put)
        self.link.submit(Revival(tuple(puts), tuple(letter.id for letter in letters), end))
        await done

    async def drop(self, ids: Sequence[int]) -> tuple[int, ...]:
        """Forget these letters; return those that were there, and are not being sent again."""
        with self.claimed(ids) as mine:
            return await self.forget(mine)

    async def forget(self, ids: Sequence[int]) -> tuple[int, ...]:
        """Forget letters that the caller has claimed; return those that were there."""
        gone = await self.link.ask(lambda store: store.drop(ids))
        self._dead -= len(gone)
        return tuple(gone)

    async def backup(self, path: Path) -> int:
        """Write all that is committed into a new file; return its size in bytes.

        Raises `FileExistsError`, and `OSError` for a disk that does not take it. What is told
        meanwhile waits for its turn.
        """
        return await self.link.ask(lambda store: store.back_up(path))

    def types_known(self, names: frozenset[str]) -> None:
        """Replay by itself what died because nobody knew its type, now that somebody does."""
        if not (self.link.is_open and self.dead and names):
            return

        def end(ids: list[int] | None, error: Exception | None) -> None:
            if ids:
                task = asyncio.get_running_loop().create_task(
                    self._replay_quietly(ids), name="mail of new types"
                )
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        self.link.submit(Job(lambda store: store.ids_without_handler(names), end))

    async def _replay_quietly(self, ids: Sequence[int]) -> None:
        with suppress(MailboxUnavailable, StoreCorrupt):  # they stay dead letters
            await self.replay(ids)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _disable(engine: weakref.ref[SqliteEngine]) -> None:
    if (living := engine()) is not None:
        living.forked()
