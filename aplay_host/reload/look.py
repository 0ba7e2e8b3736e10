"""What is on disk: the files that Python could import, compared by stat and by hash."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from typing import NamedTuple

SUFFIXES = (".py", *EXTENSION_SUFFIXES)
_SKIPPED = {"__pycache__", "node_modules"}
_VENV_MARK = "pyvenv.cfg"
_SECOND_NS = 1_000_000_000
_YOUNG_NS = 50_000_000
"""Longer than a tick of any file system's clock that counts in less than seconds."""


class Stamp(NamedTuple):
    """What `stat` tells of a file; another one means that the file may be another."""

    device: int
    inode: int
    modified_ns: int
    changed_ns: int
    size: int

    @classmethod
    def of(cls, told: os.stat_result) -> Stamp:
        """Return the stamp in what `os.stat` returned."""
        return cls(told.st_dev, told.st_ino, told.st_mtime_ns, told.st_ctime_ns, told.st_size)


NO_STAMP = Stamp(0, 0, 0, 0, 0)


class Directory(NamedTuple):
    """A directory that has to be watched; one made again under its name is another."""

    path: str
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Roots:
    """Directories, looked at with all below, and single files; both need not exist.

    Neither what a pattern in `exclude` matches nor anything below it is looked at. Patterns are
    of whole paths; a ``*`` in them stands for any characters, slashes too.
    """

    paths: tuple[str, ...]
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was read; `source` are the bytes that `digest` is of.

    A file that cannot be read has a `problem`, the empty digest and no source; it is read
    again at each look. The bytes of extension modules are not kept. While a file is `fresh`,
    one more change of it may leave the same stamp.
    """

    path: str
    stamp: Stamp
    digest: str
    source: bytes | None
    fresh: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All files under the roots, by `place`."""

    files: Mapping[str, SourceFile]

    @property
    def digests(self) -> dict[str, str]:
        """Return the digest of each file: what two snapshots are compared by."""
        return {path: file.digest for path, file in self.files.items()}

    @property
    def problems(self) -> tuple[SourceFile, ...]:
        """Return what could not be read, in the order of their paths."""
        return tuple(self.files[path] for path in sorted(self.files) if self.files[path].problem)

    def find(self, path: str) -> SourceFile | None:
        """Return the file at `path`, whichever links lead there, if it is under the roots."""
        return self.files.get(place(path)) or self.files.get(os.path.realpath(path))


@dataclass(frozen=True, slots=True)
class Change:
    """Paths in which the disk differs from what is committed, each sorted; false if none."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Listing:
    """The files under the roots by their stamps, and the directories that tell of changes.

    `unreadable` are directories, with the reason; `names` are those of the single files.
    """

    files: Mapping[str, Stamp]
    directories: frozenset[Directory]
    unreadable: Mapping[str, str]
    names: frozenset[str]


def dirty(committed: Mapping[str, str], snapshot: Snapshot) -> Change:
    """Compare the digests that are `committed`, by path, with what is on disk."""
    disk = snapshot.digests
    return Change(
        added=tuple(sorted(disk.keys() - committed.keys())),
        changed=tuple(
            sorted(one for one in disk.keys() & committed if disk[one] != committed[one])
        ),
        removed=tuple(sorted(committed.keys() - disk.keys())),
    )


def place(path: str) -> str:
    """Return the path by which a file is known: its own name in its directory's real path."""
    directory, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(directory), name)


def unreadable(path: str, problem: str, stamp: Stamp = NO_STAMP) -> SourceFile:
    """Return the record of a file, or a directory, that cannot be read."""
    return SourceFile(path, stamp, "", None, problem=problem)


def is_importable(name: str) -> bool:
    """Tell whether a file of that name can be a module.

    No editor's backup, lock or temporary file can, so none of them has to be known by name.
    """
    if not name.endswith(SUFFIXES):
        return False
    return any(name.removesuffix(one).isidentifier() for one in SUFFIXES)


def is_fresh(stamp: Stamp, now_ns: int) -> bool:
    """Tell whether one more change may leave the same stamp, seen at `now_ns` since the epoch.

    That is for as long as the clock of the file system may not have moved on. A time in the
    future counts as fresh: it is another clock's, or ours was set back.
    """
    coarse = stamp.modified_ns % _SECOND_NS == stamp.changed_ns % _SECOND_NS == 0
    age = now_ns - max(stamp.modified_ns, stamp.changed_ns)
    return age < (2 * _SECOND_NS if coarse else _YOUNG_NS)


def plan_reads(
    files: Mapping[str, Stamp], known: Mapping[str, SourceFile], *, recheck: bool = True
) -> tuple[str, ...]:
    """Return which of `files` have to be read, `known` being what was read before.

    ==============  ================  ==========================
    known           its stamp         read
    ==============  ================  ==========================
    no                                yes
    yes             is another        yes
    yes, fresh      same              if this is to `recheck`
    yes, a problem  same              if this is to `recheck`
    yes             same              no
    ==============  ================  ==========================
    """
    return tuple(path for path, stamp in files.items() if _is_due(known.get(path), stamp, recheck))


def _is_due(known: SourceFile | None, stamp: Stamp, recheck: bool) -> bool:
    if known is None or known.stamp != stamp:
        return True
    return recheck and (known.fresh or bool(known.problem))


def list_files(roots: Roots) -> Listing:
    """List what is under the roots now, by stat alone; nothing is opened.

    Looked at are files that `is_importable` allows, in directories that Python could import
    from; links are followed. ``__pycache__`` and virtual environments are left out.
    """
    walk = _Walk(roots.exclude)
    for path in roots.paths:
        walk.enter_root(path)
    single = frozenset(map(os.path.basename, roots.paths))
    return Listing(walk.files, frozenset(walk.directories.values()), walk.unreadable, single)


class _Walk:
    """One way through the roots, in which no directory is entered twice."""

    def __init__(self, exclude: Iterable[str]) -> None:
        self.files: dict[str, Stamp] = {}
        self.directories: dict[str, Directory] = {}
        self.unreadable: dict[str, str] = {}
        self._entered: set[str] = set()
        patterns = (fnmatch.translate(os.path.realpath(one)) for one in exclude)
        self._exclude = re.compile("|".join(patterns) or r"(?!)")

    def enter_root(self, path: str) -> None:
        """Enter a directory, or take a single file; its surroundings tell when it appears."""
        real = os.path.realpath(path)
        for one in (os.path.abspath(path), real):
            self._watch(os.path.dirname(one))
        if os.path.isdir(real):
            self._enter(real)
        else:
            self._take(place(path), path)

    def _enter(self, directory: str) -> None:
        """Take what is in `directory`, by its real path, and below."""
        if directory in self._entered or self._exclude.match(directory):
            return
        self._entered.add(directory)
        try:
            with os.scandir(directory) as found:
                entries = list(found)
        except (FileNotFoundError, NotADirectoryError):
            return  # it went away meanwhile
        except OSError as error:
            self.unreadable[directory] = error.strerror or str(error)
            return
        if any(one.name == _VENV_MARK for one in entries):
            return
        self._watch(directory)
        for one in entries:
            self._see(one)

    def _see(self, entry: os.DirEntry[str]) -> None:
        name, path = entry.name, entry.path
        importable = is_importable(name)
        if not (importable or name.isidentifier()) or name in _SKIPPED:
            return
        if self._exclude.match(path):
            return
        if entry.is_symlink():
            real = os.path.realpath(path)
            if self._exclude.match(real):
                return
            self._watch(os.path.dirname(real))
            path = path if importable else real
        if importable:
            self._take(path, entry)
        elif entry.is_dir():
            self._enter(path)

    def _take(self, path: str, where: str | os.DirEntry[str]) -> None:
        try:
            told = os.stat(where) if isinstance(where, str) else where.stat()
        except OSError:
            return  # it went away meanwhile, or is a link to nowhere
        if stat.S_ISREG(told.st_mode):
            self.files[path] = Stamp.of(told)

    def _watch(self, directory: str) -> None:
        if directory not in self.directories:
            try:
                told = os.stat(directory)
            except OSError:
                return
            self.directories[directory] = Directory(directory, told.st_dev, told.st_ino)
