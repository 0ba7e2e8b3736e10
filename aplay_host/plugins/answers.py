"""What guests hand over, checked: classes of actors, and the records that hooks give."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..kernel import Actor
from .entry import is_entry_name, plain_target
from .failure import Failure
from .hookspecs import HOOK_RULES
from .records import ActorRegistration, Health, Interceptor, MailboxRegistration, Veto


def check_actor(found: object) -> type[Actor] | Failure:
    """Return `found` if it is a class of actors, else what it is instead."""
    if isinstance(found, type) and issubclass(found, Actor):
        return found
    got = f"class {found.__name__}" if isinstance(found, type) else type(found).__name__
    message = f"got {got}, want a class derived from aplay_host.Actor"
    return Failure("check", "not-an-actor", message)


def read_answer(hook: str, answer: object) -> tuple[Any, ...] | Failure:
    """Return the records in what an implementation of `hook` gave, or what is wrong with it.

    One record, an iterable of records or None will do; a generator is run to its end, so
    this raises what that raises. A hook that gives no records may return anything.
    """
    wanted = HOOK_RULES[hook].gives
    if wanted is None or answer is None:
        return ()
    if isinstance(answer, wanted):
        answer = (answer,)
    if not isinstance(answer, Iterable):
        return _bad(hook, f"got {answer!r:.100}, want {wanted.__name__} records")
    records = tuple(answer)
    for record in records:
        fits = isinstance(record, wanted)
        wrong = _mistake(record) if fits else f"got {record!r:.100}, want {wanted.__name__} records"
        if wrong:
            return _bad(hook, wrong)
    names = [record.name for record in records if isinstance(record, Health)]
    for name in names:
        if names.count(name) > 1:
            return _bad(hook, f'"{name}" is told twice in one answer')
    return records


def _bad(hook: str, message: str) -> Failure:
    return Failure(hook, "bad-record", message)


def _mistake(record: object) -> str:
    """Return what is wrong inside a record of the right class; empty when nothing is."""
    match record:
        case ActorRegistration(name, actor):
            return _bad_name("name", name) or _bad_actor(name, actor)
        case MailboxRegistration(kind, factory, survives):
            word = "" if isinstance(survives, str) else f"survives: got {survives!r:.100}"
            return _bad_name("kind", kind) or _uncallable(kind, "factory", factory) or word
        case Interceptor(name, wrap):
            return _bad_name("name", name) or _uncallable(name, "wrap", wrap)
        case Health(name, status):
            known = status in ("ok", "warn", "fail")
            wrong = "" if known else f"{name}: status: got {status!r:.100}, want ok, warn or fail"
            return _bad_name("name", name) or wrong
        case Veto(reason) if not (isinstance(reason, str) and reason):
            return f"reason: got {reason!r:.100}, want a text"
    return ""


def _bad_name(field: str, name: object) -> str:
    if isinstance(name, str) and is_entry_name(name):
        return ""
    return f'{field}: got {name!r:.100}, want letters, digits, "_", "." and "-" only'


def _bad_actor(name: str, actor: object) -> str:
    if isinstance(actor, str):
        fits = ":" in (plain_target(actor) or "")
        return "" if fits else f'{name}: got "{actor}", want a class or "package.module:Class"'
    checked = check_actor(actor)
    return f"{name}: {checked.message}" if isinstance(checked, Failure) else ""


def _uncallable(name: str, field: str, value: object) -> str:
    return "" if callable(value) else f"{name}: {field}: got {value!r:.100}, want a function"
