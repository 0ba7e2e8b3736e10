"""Where an actor's class comes from, as people name it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import FunctionType

from ..config import HostConfig
from ..control import SourceRow
from ..kernel import Actor, Address, Group
from ..plugins import Catalog, Located, NotOffered


@dataclass(frozen=True, slots=True)
class Origin:
    """`type` is ``dist/name``, ``module:Class`` or ``group``; `plugin` the distribution."""

    type: str
    plugin: str | None


def declared_origins(config: HostConfig, catalog: Catalog) -> dict[Address, Origin]:
    """Return the origin of each actor in the file; `plan_tree` found no mistake in it."""
    origins = {}
    for address, entry in config.actors.items():
        found = None if entry.use == "group" else catalog.find(entry.use)
        if found is None or isinstance(found, NotOffered):
            origins[address] = Origin(entry.use, None)
        else:
            origins[address] = Origin(found.id, found.plugin)
    return origins


def origin_of(address: Address, cls: type[Actor], declared: Mapping[Address, Origin]) -> Origin:
    """Return the origin of any actor: the file's word for it, or else its class."""
    if address in declared:
        return declared[address]
    if issubclass(cls, Group):
        return Origin("group", None)
    return Origin(f"{cls.__module__}:{cls.__qualname__}", None)


def source_of(cls: type[Actor], located: Mapping[str, Located]) -> SourceRow | None:
    """Return where `cls` is written, None for a class without a file; reads no file.

    The line is that of the class where Python keeps it (3.13), before that the one of its
    first method, and None where neither is known. The hash is that of the source that runs,
    for a module whose changes can be made run.
    """
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if issubclass(cls, Group) or not isinstance(file, str):
        return None
    codes = [one.__code__ for one in vars(cls).values() if isinstance(one, FunctionType)]
    # A decorated method's code may be the decorator's, which stands elsewhere.
    inside = f"{cls.__qualname__}."
    own = [it for it in codes if it.co_filename == file and it.co_qualname.startswith(inside)]
    first = min((it.co_firstlineno for it in own), default=None)
    module = located.get(cls.__module__)
    digest = None if module is None else module.digest
    return SourceRow(file, vars(cls).get("__firstlineno__", first), digest)
