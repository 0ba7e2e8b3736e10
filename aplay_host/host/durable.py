"""Mail that survives: the kind of mailbox that every host has, and when its engine is needed."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..config import HostConfig, SqliteBoxTable
from ..errors import StateDirError
from ..kernel import MEMORY, Actor, MailboxSpec, MakeMailbox, TreeNode, TreePlan, in_memory
from ..mailboxes import EngineSettings, SqliteEngine, TypeRegistry, accept
from ..plugins import MailboxRegistration

_log = logging.getLogger("aplay_host")

KIND = "sqlite"
FOLDER = "mail"
"""Where in the state directory the mail is."""
WATCH_SECONDS = 1.0


def make_engine(config: HostConfig, types: TypeRegistry) -> SqliteEngine:
    """Return the engine for the mail of this host; nothing is opened yet."""
    settings = EngineSettings(**config.mailboxes.sqlite.model_dump())
    return SqliteEngine(config.host.state_dir / FOLDER, types, settings)


def durable_kind(make: MakeMailbox | None = None) -> MailboxRegistration:
    """Return the kind ``sqlite``, whose boxes `make` makes; without it they are only checked."""
    made = make or in_memory
    return MailboxRegistration(KIND, made, survives="crash", options=SqliteBoxTable)


def needs_engine(plan: TreePlan, file: Path) -> bool:
    """Tell whether a host has durable mail to begin with: declared, or left from before."""
    boxes = (node.mailbox if node.spec is None else node.spec.mailbox for node in plan.nodes)
    return any(box.kind == KIND for box in boxes) or file.exists()


def keep_on(plan: TreePlan, mail: SqliteEngine) -> TreePlan:
    """Return `plan` with durable mail for each actor that had some and whose class is not there.

    The kind may be stated by the class alone: what the file has of the address tells it then.
    """
    return TreePlan(tuple(_kept_on(node, mail) for node in plan.nodes))


def _kept_on(node: TreeNode, mail: SqliteEngine) -> TreeNode:
    box = node.mailbox
    if node.fault is None or box.kind != MEMORY.kind or mail.existing(node.address) is None:
        return node
    overflow = box.overflow if box.overflow == "wait" else "reject"
    return replace(node, mailbox=MailboxSpec(KIND, box.capacity, overflow))


async def open_mail(mail: SqliteEngine) -> None:
    """Open the file; that it is damaged is told by `problem`, and by its actors.

    Raises `StoreNewer`, `StoreHeld`, and `StateDirError` for what the disk does.
    """
    try:
        await mail.start()
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise StateDirError(f"durable mail: {mail.file} cannot be opened: {why}") from None


async def watch_mail(mail: SqliteEngine) -> None:
    """Log that durable mail cannot be written any more, and that it can again; for ever."""
    told: str | None = None
    while True:
        if mail.problem is not None and told is None:
            _log.error("durable mail cannot be written: %s", mail.problem)
        elif mail.problem is None and told is not None:
            _log.info("durable mail is written again")
        told = mail.problem
        await asyncio.sleep(WATCH_SECONDS)


def learn_types(mail: SqliteEngine, types: TypeRegistry, actors: Iterable[type[Actor]]) -> None:
    """Know the messages that these classes accept, as they are now.

    Dead letters of a type that nobody knew before are mail again. A class whose messages cannot
    be known is told in the log, and goes without.
    """
    new, faults = _accept_each(types, actors)
    for fault in faults:
        _log.error("%s", fault)
    if new and mail.is_started:
        mail.types_known(frozenset(new))


def type_faults(plan: TreePlan) -> list[str]:
    """Say which classes of `plan` accept messages that cannot be known, and why."""
    specs = (node.spec for node in plan.nodes)
    return _accept_each(TypeRegistry(), (it.cls for it in specs if it is not None))[1]


def _accept_each(types: TypeRegistry, actors: Iterable[type[Actor]]) -> tuple[set[str], list[str]]:
    """Return the names that can be read now and could not before, and what is wrong."""
    new: set[str] = set()
    faults = []
    for actor in dict.fromkeys(actors):
        try:
            new |= accept(types, actor)
        except Exception as error:  # of a guest's class, which may say anything
            place = f"{actor.__module__}:{actor.__qualname__}"
            faults.append(f"{place}: what it accepts cannot be kept: {error}")
    return new, faults
