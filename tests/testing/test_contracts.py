"""The contract holds for the mailboxes that are here, and so do the tests that say it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from aplay_host.kernel import Address, Mailbox, MailboxSpec, MakeMailbox, in_memory
from aplay_host.mailboxes import BoxOptions, SqliteEngine, TypeRegistry
from aplay_host.testing import Faults
from aplay_host.testing.durable_contract import Tally, TurnContract
from aplay_host.testing.mail_contract import MailContract
from aplay_host.testing.mailbox_contract import MailboxContract


class TestMemory(MailContract):
    make = staticmethod(in_memory)


@pytest.mark.real_time
class TestSqlite(TurnContract):
    """The engine in a folder of the test's own; a kill leaves a copy of its files."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.root = tmp_path
        self.folder = tmp_path / "0"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[MakeMailbox]:
        types = TypeRegistry()
        types.register(Tally)
        options = BoxOptions(retry_base=0.0)
        async with SqliteEngine(self.folder, types) as engine:
            yield lambda address, spec: engine.make_mailbox(
                address, MailboxSpec("sqlite", spec.capacity, spec.overflow, options)
            )

    def kill(self) -> None:
        image = self.root / f"{len(list(self.root.iterdir()))}"
        shutil.copytree(self.folder, image)
        image.chmod(0o700)
        self.folder = image


class TestFaults(MailboxContract):
    """The mailbox that goes wrong is a sound one as long as nobody tells it to."""

    @pytest.fixture(autouse=True)
    def _faults(self) -> None:
        self.faults = Faults()

    def make(self, address: Address, spec: MailboxSpec) -> Mailbox:
        return self.faults(address, spec)

    @contextmanager
    def failing_puts(self) -> Iterator[None]:
        self.faults.keep_error = OSError("no room")
        yield
        self.faults.keep_error = None

    @contextmanager
    def failing_reads(self) -> Iterator[None]:
        self.faults.read_error = OSError("no answer")
        yield
        self.faults.read_error = None


class TestFaultsThatRefuse(TestFaults):
    @contextmanager
    def failing_puts(self) -> Iterator[None]:
        self.faults.put_error = OSError("no answer")
        yield
        self.faults.put_error = None
