"""Which aplay.toml is meant, and where its host keeps its state."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import ConfigError
from .document import Mistake, read_document
from .render import told
from .settings import Setting

FILE_NAME = "aplay.toml"
VARIABLE = "APLAY_CONFIG"
STATE_DIR = ".aplay"
"""The default of ``host.state_dir``."""


def find_config(explicit: str | None, *, cwd: Path, environ: Mapping[str, str]) -> Path:
    """Return the absolute path of the configuration file; it exists.

    ==========================  =======================================================
    first that holds            the file
    ==========================  =======================================================
    `explicit` (``-c``) given   that one
    ``APLAY_CONFIG`` not empty  that one
    otherwise                   the nearest ``aplay.toml``, from `cwd` upwards to ``/``
    ==========================  =======================================================

    Relative paths are relative to `cwd`. Raises `ConfigError` when there is no such file,
    and when a file found by walking belongs to neither the running user nor root: what a
    stranger left in a parent folder could name code to import.
    """
    if explicit is not None:
        return _named(explicit, cwd, "-c")
    if environ.get(VARIABLE):
        return _named(environ[VARIABLE], cwd, VARIABLE)
    return _nearest(cwd.resolve())


def _named(text: str, cwd: Path, source: str) -> Path:
    path = cwd / text
    if not os.path.exists(path):
        raise ConfigError(f"no file {path}, named by {source}; make it, or name another")
    return path.resolve()


def _nearest(cwd: Path) -> Path:
    for folder in (cwd, *cwd.parents):
        path = folder / FILE_NAME
        if os.path.isfile(path):
            _refuse_strangers(path)
            return path.resolve()
    raise ConfigError(
        f"no {FILE_NAME} in {cwd} or a folder above it; make one, or name it with -c FILE"
    )


def _refuse_strangers(path: Path) -> None:
    # Both ends of a link: a stranger must not point us to another file either.
    owners = {path.lstat().st_uid, path.stat().st_uid} - {os.geteuid(), 0}
    if owners:
        raise ConfigError(
            f"{path} belongs to uid {owners.pop()}, and was found by walking up the folders; "
            f"if you trust it, give it with -c {path}"
        )


@dataclass(frozen=True, slots=True)
class Peek:
    """What a command needs to find the host of a file: its absolute state directory.

    Where the file is `broken`, that is what it says before its mistake: worth a look whether a
    host there runs this file, and else the error to raise.
    """

    state_dir: Path
    broken: ConfigError | None = None


def peek(path: Path, settings: Sequence[Setting] = ()) -> Peek:
    """Read where the host of `path` keeps its state; check nothing else.

    Whoever gives other `settings` than the host was started with, or has another environment
    where the file asks for it, may look in another place. Raises `ConfigError` for a file that
    cannot be read, and where that is no path.
    """
    try:
        return _peek(path, None, settings)
    except ConfigError as error:
        if not error.problems or error.problems[0].code != "syntax":
            raise
        before = path.read_bytes().splitlines(keepends=True)[: error.problems[0].line - 1]
        with suppress(ConfigError):
            return replace(_peek(path, b"".join(before), settings), broken=error)
        raise


def _peek(path: Path, content: bytes | None, settings: Sequence[Setting]) -> Peek:
    at = ("host", "state_dir")
    document = read_document(path, content, settings, only=at)
    host = document.data.get("host", {})
    stated = host.get("state_dir", STATE_DIR) if isinstance(host, dict) else host
    mistakes = [it for it in document.mistakes if it.path == at]
    try:
        state_dir = resolved(document.path.parent, stated)
    except ValueError as error:
        message = f"got {told(stated)}, {error}"
        mistakes.append(Mistake(at, "bad-value", message, got=told(stated), want="a path"))
    if mistakes:
        raise document.refusal(map(document.problem, mistakes[:1]))
    return Peek(state_dir)


def resolved(folder: Path, value: object) -> Path:
    """Return the absolute path that `value`, written in a file in `folder`, means.

    Raises `ValueError` for what is no path.
    """
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("want a path")
    return Path(os.path.abspath(folder / value))
