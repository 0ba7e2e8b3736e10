"""An actor's own settings: its table in aplay.toml, checked by its class's ``Options``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from ..errors import PluginError, Problem
from .accept import accepted
from .document import Document, Mistake
from .fields import fields_of, has_fields, is_struct, secrets_in
from .keypath import KeyPath, secret_paths
from .mistakes import explain
from .structs import make_struct

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def check_options(
    model: type | None,
    raw: Mapping[str, Any],
    *,
    at: KeyPath,
    document: Document,
    owner: str,
) -> tuple[Any, tuple[Problem, ...]]:
    """Make the options of one actor from `raw`, the table at path `at` of `document`.

    `model` is the ``Options`` of the class named by `owner` (``module:Class``): a dataclass,
    a pydantic model, a `msgspec.Struct`, or None when it takes no options. Returns the
    instance, or None, and the problems, which point into aplay.toml. A relative path in a
    field annotated `pathlib.Path` is made relative to the file's folder.

    Raises `PluginError` when the fault is the class's own: `model` is of another kind, or
    it fails with anything but a validation error.
    """
    if model is None:
        unwanted = Mistake(at, "unknown-key", f"{owner} takes no options", hint="remove them")
        return None, (document.problem(unwanted),) if raw else ()
    if not has_fields(model):
        kinds = "a dataclass nor a pydantic model nor a msgspec.Struct"
        raise PluginError(f"{owner}.Options is neither {kinds}")
    try:
        document.hidden.update(secrets_in(model, raw, at))
        make = partial(_made, model, document.path.parent)
        made, table, errors = accepted(make, dict(raw), document, at)
        secrets = {*secrets_in(model, table, at), *secret_paths(table, at)}
        document.hidden.update(secrets)
        document.vetted.update((*at, key) for key in raw)
    except (Exception, SystemExit) as error:
        words = document.silenced(f"{type(error).__name__}: {error}", at)
        raise PluginError(f"{owner}.Options cannot be used: {words}") from error
    mistakes = [explain(one, model, table, at, document) for one in errors]
    mistakes += document.refused(secrets)
    if not mistakes:
        return made, ()
    return None, tuple(document.problem(_signed(mistake, owner)) for mistake in mistakes)


def _made(model: type, folder: Path, raw: dict[str, Any]) -> tuple[Any, Sequence[ErrorDetails]]:
    """Return the instance, or why there is none."""
    table = _anchored(model, raw, folder)
    if is_struct(model):
        return make_struct(model, table)
    try:
        return TypeAdapter(model).validate_python(table, extra=_extra(model)), ()
    except ValidationError as error:
        return None, error.errors()


def _extra(model: type) -> Literal["forbid"] | None:
    """Unknown keys are mistakes, unless the model itself says what they are."""
    own = getattr(model, "model_config", None) or getattr(model, "__pydantic_config__", {})
    return None if "extra" in own else "forbid"


def _anchored(kind: Any, value: Any, folder: Path) -> Any:
    """Return `value` with what is in path fields, stated or default, below `folder`."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    inner = get_args(kind)
    if kind is Path or (Path in inner and isinstance(value, str | Path)):
        return folder / value if isinstance(value, str | Path) else value
    if has_fields(kind) and isinstance(value, Mapping):
        anchored = dict(value)
        for key, (annotation, default) in fields_of(kind).items():
            if key in value or isinstance(default, str | Path):
                one = _anchored(annotation, value.get(key, default), folder)
                if key in value or one is not default:
                    anchored[key] = one
        return anchored
    if get_origin(kind) is dict and isinstance(value, Mapping):
        return {key: _anchored(inner[-1], one, folder) for key, one in value.items()}
    if get_origin(kind) in (list, tuple, set, frozenset) and isinstance(value, list):
        return [_anchored(inner[0], one, folder) for one in value]
    for branch in inner:  # X | None, mostly
        value = _anchored(branch, value, folder)
    return value


def _signed(mistake: Mistake, owner: str) -> Mistake:
    return replace(mistake, hint=f"{mistake.hint} (options of {owner})".lstrip())
