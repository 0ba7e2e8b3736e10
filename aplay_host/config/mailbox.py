"""An actor's ``mailbox`` table against the kind of mailbox that it names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ..errors import PluginError, Problem
from ..kernel import MEMORY, Actor, ActorSpec, Address, MailboxSpec, class_settings
from .document import Mistake, key_of
from .keypath import KeyPath
from .load import HostConfig
from .mistakes import meant
from .options import check_options
from .render import told
from .resolved import Faulty, Known, Unresolved
from .schema import MailboxTable


@dataclass(frozen=True, slots=True)
class ResolvedKind:
    """A kind of mailbox that exists: `options` is the model of its own keys, None without any."""

    options: type | None = None


class ResolveKind(Protocol):
    """Tells what a ``kind`` names; it answers and never raises."""

    def mailbox(self, kind: str) -> ResolvedKind | Known | Faulty | Unresolved:
        """Return what is known of `kind`."""
        ...


def plan_mailbox(
    config: HostConfig, address: Address, spec: ActorSpec, resolve: ResolveKind
) -> tuple[MailboxSpec, tuple[Problem, ...]]:
    """Return how the actor keeps its mail, with checked options, and the mistakes of the file.

    The keys beside ``kind capacity overflow`` are the kind's own. Raises `PluginError` for a
    kind that cannot be had, and for what is wrong in the class's own table.
    """
    box = spec.mailbox
    where = _Stated(config, address, spec.cls)
    match resolve.mailbox(box.kind):
        case Known():
            return box, ()
        case Faulty(reason):
            raise PluginError(reason)
        case Unresolved(message, hint):
            return box, where.problems("kind", "unknown-mailbox", message, hint, box.kind)
        case ResolvedKind(model):
            if box.kind != MEMORY.kind and box.overflow not in ("reject", "wait"):
                message = f'got {told(box.overflow)}, want "reject" or "wait" with {told(box.kind)}'
                return box, where.problems("overflow", "bad-value", message, "", box.overflow)
            if model is None:
                return box, where.unknown(box.options or ())
            return where.checked(box, model)


def unknown_defaults(config: HostConfig, resolve: ResolveKind) -> tuple[Problem, ...]:
    """Return the own keys in ``[defaults]`` of a kind that has none, whoever may use them."""
    table = config.defaults.mailbox
    found = resolve.mailbox(table.kind or MEMORY.kind)
    if not isinstance(found, ResolvedKind) or found.options is not None:
        return ()
    at = ("defaults", "mailbox")
    return tuple(config.document.problem(_unknown((*at, key))) for key in table.model_extra or ())


class _Stated:
    """Knows who states a key of one actor's mailbox: its table, its class, or the defaults."""

    def __init__(self, config: HostConfig, address: Address, cls: type[Actor]) -> None:
        self._document = config.document
        self._cls = f"{cls.__module__}:{cls.__qualname__}"
        own, class_ = config.actors[address].mailbox, class_settings(cls).get("mailbox", {})
        at = ("actors", key_of(config.document, address), "mailbox")
        self._layers: tuple[tuple[KeyPath | None, Iterable[str]], ...] = (
            (at, own.model_fields_set),
            (None, class_),
            (("defaults", "mailbox"), config.defaults.mailbox.model_fields_set),
        )

    def _table(self, *keys: str) -> KeyPath | None:
        """Return the table that states one of `keys`; None for the class's."""
        return next((at for at, has in self._layers if any(one in has for one in keys)), None)

    def problems(
        self, key: str, code: str, message: str, hint: str, got: str
    ) -> tuple[Problem, ...]:
        """Locate a mistake; raises `PluginError` for one of the class."""
        table = self._table(key)
        if table is None:
            raise self._fault(f"mailbox {key}: {message}")
        mistake = Mistake((*table, key), code, message, got=told(got), hint=hint)
        return (self._document.problem(mistake),)

    def unknown(self, keys: Iterable[str]) -> tuple[Problem, ...]:
        """Locate keys that the kind does not know; raises `PluginError` for one of the class."""
        places = {key: self._table(key) for key in keys}
        for key, table in places.items():
            if table is None:
                raise self._fault(f"mailbox {key}: unknown key")
        paths = ((*table, key) for key, table in places.items() if table is not None)
        return tuple(self._document.problem(_unknown(path)) for path in paths)

    def checked(self, box: MailboxSpec, model: type) -> tuple[MailboxSpec, tuple[Problem, ...]]:
        """Make the options of `box`; raises `PluginError` where the class states them wrongly."""
        raw: dict[str, Any] = box.options or {}
        table = self._table(*raw) or self._table("kind")
        made, problems = check_options(
            model, raw, at=table or (), document=self._document, owner=f"mailbox {told(box.kind)}"
        )
        if problems and table is None:
            raise self._fault(f"mailbox {problems[0].key}: {problems[0].message}")
        for at, _ in self._layers:
            if table is not None and at is not None:
                self._document.judge_alike(table, at)
        return replace(box, options=made), problems

    def _fault(self, message: str) -> PluginError:
        return PluginError(f"class setting of {self._cls}: {message}")


def _unknown(path: KeyPath) -> Mistake:
    hint = meant(path, None, list(MailboxTable.model_fields))
    return Mistake(path, "unknown-key", "unknown key", hint=hint)
