"""The ways in which editors save a file, and a package to save in."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

CHUNK_PAUSE = 0.12

Save = Callable[[Path, str], None]


def in_place(file: Path, text: str) -> None:
    file.write_text(text)


def atomically(file: Path, text: str) -> None:
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.write_text(text)
    os.replace(temporary, file)


def with_backup(file: Path, text: str) -> None:
    """As vim does: the old file is renamed, a new one written, the old one deleted."""
    (file.parent / "4913").touch()
    (file.parent / "4913").unlink()
    backup = file.with_name(f"{file.name}~")
    file.rename(backup)
    file.write_text(text)
    backup.unlink()


def copied_over(file: Path, text: str) -> None:
    """A backup is made by copying, and the file is emptied, written and synced."""
    file.with_name(f"{file.name}.bak").write_text(file.read_text())
    with file.open("w") as stream:
        stream.flush()
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def emptied_twice(file: Path, text: str) -> None:
    """As a shell does: one process empties the file, the next one fills it."""
    file.write_text("")
    file.write_text(text)


def slowly(file: Path, text: str) -> None:
    """Emptied, then written in four parts, with time between them."""
    quarter = len(text) // 4 + 1
    with file.open("w") as stream:
        for at in range(0, len(text), quarter):
            time.sleep(CHUNK_PAUSE)
            stream.write(text[at : at + quarter])
            stream.flush()


SAVES: tuple[Save, ...] = (
    in_place,
    atomically,
    with_backup,
    copied_over,
    emptied_twice,
    slowly,
)


def write(root: Path, **texts: str) -> Path:
    """Make the package `root` with modules, ``a__b="..."`` being ``a/b.py``; return it."""
    for name, text in texts.items():
        file = root.joinpath(*f"{name}.py".split("__"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    root.mkdir(parents=True, exist_ok=True)
    (root / "__init__.py").touch()
    return root
