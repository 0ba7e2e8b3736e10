"""What a plan can run into: all of it is found before anything is touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..kernel import MEMORY, Address, CellView
from .cells import name_of
from .declared import Declared
from .graph import prefixes
from .refusal import Refusal
from .running import FileChange, RunningModule

if TYPE_CHECKING:
    from .plan import Affected

NEVER = "an extension module, or a package that owns one, is loaded once in a process"


def fixed_modules(modules: Mapping[str, RunningModule]) -> frozenset[str]:
    """Return the names of the modules that can never be run anew.

    They are those without source, and all in the packages that own one.
    """
    fixed = {name for name, it in modules.items() if it.path is not None and it.digest is None}
    owners = fixed | {name.rpartition(".")[0] for name in fixed if "." in name}
    return frozenset(name for name in modules if not owners.isdisjoint(prefixes(name)))


def fixed_in_the_way(affected: Iterable[Affected], fixed: frozenset[str]) -> Iterator[Refusal]:
    """Refuse to run anew what can never be."""
    for it in affected:
        if it.module in fixed:
            got = f"must be run anew ({it.why()}), and cannot: {NEVER}"
            yield Refusal("restart-needed", it.module, got, "a new process", "restart the host")


def lost_packages(modules: Iterable[str], changed: Iterable[FileChange]) -> Iterator[Refusal]:
    """Refuse that a package becomes a namespace: its file goes while modules in it stay."""
    gone = {it.module: it.path for it in changed if it.kind == "deleted"}
    inside = [one for one in modules if one not in gone]
    for name, path in gone.items():
        left = next((one for one in inside if one.startswith(f"{name}.")), None)
        if left:
            got = f"the package's own file is gone, and {left} is not"
            cure = "restore the file, or delete all of the package"
            yield Refusal("package-gone", path, got, f"a source for {name}", cure)


def lost_classes(
    cells: Iterable[CellView], affected: Iterable[Affected], before: Declared, now: Declared
) -> Iterator[Refusal]:
    """Refuse that a module goes while one of its classes has actors that stay."""
    gone = {it.module for it in affected if it.step == "drop"}
    users: dict[str, list[Address]] = {}
    for cell in cells:
        old, new = before.get(cell.address, {}), now.get(cell.address, {})
        leaves = cell.address in before and old.get("use") != new.get("use")
        if cell.spec.cls.__module__ in gone and not leaves:
            users.setdefault(name_of(cell.spec.cls), []).append(cell.address)
    for name, addresses in users.items():
        got = f"its module is gone, and {', '.join(addresses)} is of that class"
        cure = "restore the file, or remove these actors from aplay.toml in the same save"
        yield Refusal("class-gone", name, got, "every class that has actors", cure)


def other_mailboxes(
    cells: Iterable[CellView], before: Declared, now: Declared
) -> Iterator[Refusal]:
    """Refuse another kind of mailbox: an actor has the one of its first start for good."""
    for cell in cells:
        if cell.address in before and cell.address in now:
            old, new = (_kind(cell, declared[cell.address]) for declared in (before, now))
            if old != new:
                yield other_kind(cell.address, old, new)


def other_kind(address: Address, old: str, new: str) -> Refusal:
    """Return why an actor cannot have another kind of mailbox."""
    got = f"{old!r} → {new!r}"
    return Refusal("mailbox-kind", address, got, "the same kind", "restart the host")


def _kind(cell: CellView, entry: Mapping[str, Any]) -> str:
    """Return the kind that aplay.toml states, else the class, else the usual one."""
    own = getattr(cell.spec.cls, "mailbox", None) or {}
    stated = (entry.get("mailbox") or {}).get("kind") or own.get("kind")
    return str(stated or MEMORY.kind)
