"""An actor's own settings: its table in aplay.toml, checked by its class's ``Options``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import TypeAdapter, ValidationError

from ..errors import PluginError, Problem
from .document import Document, Mistake
from .fields import fields_of, has_fields, is_struct, secrets_in
from .keypath import KeyPath
from .mistakes import explain
from .structs import make_struct

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def check_options(
    model: type | None, raw: Mapping[str, Any], *, at: KeyPath, document: Document, owner: str
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
        document.hide(secrets_in(model, raw, at))
        anchored = _anchored(model, raw, document.path.parent)
        made, errors = _made(model, anchored)
    except (Exception, SystemExit) as error:
        words = document.silenced(f"{type(error).__name__}: {error}")
        raise PluginError(f"{owner}.Options cannot be used: {words}") from error
    if not errors:
        return made, ()
    mistakes = [explain(one, model, raw, at, document) for one in errors]
    return None, tuple(document.problem(_signed(mistake, owner)) for mistake in mistakes)


def _made(model: type, table: Mapping[str, Any]) -> tuple[Any, Sequence[ErrorDetails]]:
    """Return the instance, or why there is none."""
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


def _anchored(model: type, raw: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return `raw` with the paths of path fields, stated or default, below `folder`."""
    anchored = dict(raw)
    for key, (annotation, default) in fields_of(model).items():
        value = raw.get(key, default)
        if Path in (annotation, *get_args(annotation)) and isinstance(value, str | Path):
            anchored[key] = folder / value
    return anchored


def _signed(mistake: Mistake, owner: str) -> Mistake:
    return replace(mistake, hint=f"{mistake.hint} (options of {owner})".lstrip())
