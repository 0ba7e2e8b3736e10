"""A program with durable actors that writes a ledger and may be killed at any moment.

    python -m tests.chaos.workload '{"folder": "/tmp/mail", "ledger": "/tmp/ledger", "number": 1}'

Senders tell ``/plain``, ``/failing``, ``/deadly`` or ``/first``; ``/first`` sends on to
``/second`` in its turn, and that to ``/third``. `live` is one life of it; a test may have one in
its own process.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aplay_host.errors import MailboxUnavailable
from aplay_host.kernel import ActorRef, ActorStopped, ActorSystem, Address, Mailbox, MailboxSpec
from aplay_host.mailboxes import EngineSettings, Failpoints, SqliteEngine

from .actors import (
    ATTEMPTS,
    CRASHES,
    LIFE,
    REPORT,
    ROUTES,
    TREE,
    Deadly,
    Settled,
    Work,
    types_known,
)
from .ledger import Ledger
from .syncs import Syncs

SENDERS = 8
BURST = 20
"""A sender waits until its last message is handled, after so many."""
PATIENCE = 60.0
REFUSED_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Life:
    """What a process is to do: `each` of the senders puts so many, to `targets` by turns.

    With `crash`, the name of a place and a number, it kills itself when it is there so often.
    Unless it `handles`, its actors are stopped. A sender makes a `pause` before each message, and
    ``/plain`` has each in hand for `linger`, in seconds. With `syncs` it notes what of the
    write-ahead log is on the disk. With `beats` it writes a byte to stdout for each handler that
    begins, and each message that is kept.
    """

    folder: str
    ledger: str
    number: int
    each: int = 0
    targets: tuple[str, ...] = ("/first", "/plain", "/failing")
    durability: str = "power"
    crash: tuple[str, int] | None = None
    handles: bool = True
    pause: float = 0.0
    linger: float = 0.0
    max_crashes: int = 1000
    syncs: bool = False
    beats: bool = False

    def text(self) -> str:
        """Return it as the argument of a process."""
        return json.dumps(asdict(self))


class Places(Failpoints):
    """Kills the process where `life.crash` says, without a last word; begins to watch syncs."""

    def __init__(self, life: Life, ledger: Ledger) -> None:
        self.point, self.left = life.crash or ("", 0)
        self.ledger, self.log = ledger, Path(life.folder) / "mail.db-wal"
        self.syncs: Syncs | None = None
        if life.syncs:
            self.syncs = Syncs(self.note_sync)
            sqlite3.connect = self.syncs.connect  # type: ignore[assignment]

    def note_sync(self) -> None:
        """Say that all of the log is on the disk."""
        self.ledger.note("synced", count=self.log.stat().st_size)

    def hit(self, name: str) -> None:
        """Count down."""
        if name == self.point:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        if name == "sqlite.open.after_boot" and self.syncs is not None:
            self.note_sync()  # what an engine writes at its start is synced
            self.syncs.watch()


async def live(life: Life) -> None:
    """Put what is to be put, have all mail handled, note how it ended, and stop in order."""
    beat = (lambda: os.write(1, b".")) if life.beats else int
    ledger = Ledger(Path(life.ledger), life.number, beat)
    async with working(life, ledger) as (engine, system):
        puts = (put_all(system.ref, ledger, life, sender) for sender in range(SENDERS))
        await asyncio.gather(*puts)
        await rest(system, ledger, engine)
    ledger.note("rested")
    ledger.close()


@asynccontextmanager
async def working(
    life: Life,
    ledger: Ledger,
    settings: EngineSettings | None = None,
    failpoints: Failpoints | None = None,
) -> AsyncIterator[tuple[SqliteEngine, ActorSystem]]:
    """Run an engine and all actors for the block."""
    places = failpoints or Places(life, ledger)
    engine = SqliteEngine(Path(life.folder), types_known(), settings, places)
    async with engine, ActorSystem("chaos", mailboxes=boxes_of(engine)) as system:
        await spawn_tree(system, ledger, life)
        yield engine, system


def boxes_of(engine: SqliteEngine) -> Any:
    """Return what makes the mailboxes of a system: the engine's, and memory."""

    def make(address: Address, spec: MailboxSpec) -> Mailbox | None:
        return engine.make_mailbox(address, spec) if spec.kind == "sqlite" else None

    return make


async def spawn_tree(system: ActorSystem, ledger: Ledger, life: Life) -> None:
    """Make all actors; they begin with the mail that is there."""
    durable = {
        "kind": "sqlite",
        "durability": life.durability,
        "retry_base": 0.001,
        "max_attempts": ATTEMPTS,
    }
    for address, kind in TREE.items():
        kwargs: dict[str, Any] = {"ledger": ledger}
        mailbox: dict[str, Any] = {}
        if kind is not Settled:
            kwargs |= {"linger": life.linger, "onward": ROUTES.get(address)}
            crashes = CRASHES if kind is Deadly else life.max_crashes
            mailbox = {**durable, "max_crashes": crashes}
        ref = await system.spawn(kind, address[1:], kwargs=kwargs, mailbox=mailbox)
        if not life.handles:
            await ref.stop()


async def put_all(
    ref_of: Callable[[str], ActorRef], ledger: Ledger, life: Life, sender: int
) -> None:
    """Be one sender: put, wait until it is kept, and after a burst until it is handled."""
    at = life.targets[sender % len(life.targets)]
    ref = ref_of(at)
    for number in range(life.number * LIFE, life.number * LIFE + life.each):
        if life.pause:
            await asyncio.sleep(life.pause)
        ledger.note("put", at, sender, number)
        try:
            await ref.tell(Work(sender, number))
        except MailboxUnavailable:
            ledger.note("refused", at, sender, number)
            await asyncio.sleep(REFUSED_SECONDS)
            continue
        ledger.note("kept", at, sender, number)
        if life.handles and number % BURST == BURST - 1:
            with suppress(ActorStopped):  # somebody holds it, or starts it anew
                await ref.ask(REPORT, timeout=PATIENCE)


async def rest(system: ActorSystem, ledger: Ledger, engine: SqliteEngine) -> None:
    """Wait until all is handled; note the states and the dead letters."""
    for address in reversed(TREE):
        reply = await system.ref(address).ask(REPORT, timeout=PATIENCE)
        if isinstance(reply, dict):
            ledger.note("state", address, count=reply["count"])
            for sender, number in reply["last"].items():
                ledger.note("last", address, int(sender), number)
    for row in await engine.dead_letters():
        letter = await engine.dead_letter(row.id)
        assert letter is not None
        assert letter.record is not None
        msg = engine.codec.decode(letter.record)
        ledger.note("dead", letter.address, msg.sender, msg.number)


def main(text: str) -> None:
    """Live as `text` says, and log nothing: nobody reads it before the end."""
    logging.disable()
    asyncio.run(live(Life(**json.loads(text))))


if __name__ == "__main__":
    main(sys.argv[1])
