"""The ledger knows what was in hand when a process ended, whatever ended it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from aplay_host.mailboxes.ledger import SLOTS, Ledger

UID = b"u" * 16


def test_what_was_entered_and_not_left_is_read_by_the_next_process(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "inflight", UID)
    ledger.open()
    slots = [ledger.enter(seq) for seq in (5, 6, 7)]
    ledger.leave(slots[1])
    assert Ledger(tmp_path / "inflight", UID).read() == (5, 7)
    ledger.close()


def test_it_survives_a_kill_9(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from aplay_host.mailboxes.ledger import Ledger\n"
        f"ledger = Ledger(Path(sys.argv[1]), {UID!r}); ledger.open(); ledger.enter(42)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    path = tmp_path / "inflight"
    done = subprocess.run(
        [sys.executable, "-c", code, path], env={**os.environ, "PYTHONPATH": paths}, check=False
    )
    assert done.returncode == -9
    assert Ledger(path, UID).read() == (42,)


def test_it_grows_and_forgets_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "inflight", UID)
    ledger.open()
    slots = {ledger.enter(seq) for seq in range(1, SLOTS + 3)}
    assert len(slots) == SLOTS + 2
    ledger.leave(min(slots))
    assert len(Ledger(tmp_path / "inflight", UID).read()) == SLOTS + 1
    ledger.close()


def test_that_of_another_boot_or_another_store_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "inflight"
    ledger = Ledger(path, UID)
    ledger.open()
    ledger.enter(1)
    assert Ledger(path, b"v" * 16).read() == ()
    image = bytearray(path.read_bytes())
    image[8:44] = b"another boot of the machine".ljust(36)
    path.write_bytes(image)
    assert Ledger(path, UID).read() == ()
    ledger.close()


def test_a_damaged_one_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "inflight"
    assert Ledger(path, UID).read() == ()
    for image in (b"", b"short", b"x" * 500):
        path.write_bytes(image)
        assert Ledger(path, UID).read() == ()


def test_one_that_is_closed_takes_everything_and_does_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "inflight", UID)
    ledger.open()
    slot = ledger.enter(1)
    ledger.close()
    ledger.leave(slot)
    ledger.enter(2)
    assert Ledger(tmp_path / "inflight", UID).read() == (1,)
