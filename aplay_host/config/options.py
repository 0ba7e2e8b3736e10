"""An actor's own settings: its table in aplay.toml, checked by its class's ``Options``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..errors import PluginError, Problem
from .document import Document, Mistake
from .fields import fields_of, has_fields
from .keypath import KeyPath
from .mistakes import explain, secrets_in, without_secrets


def check_options(
    model: type | None, raw: Mapping[str, Any], *, at: KeyPath, document: Document, owner: str
) -> tuple[Any, tuple[Problem, ...]]:
    """Make the options of one actor from `raw`, the table at path `at` of `document`.

    `model` is the ``Options`` of the class named by `owner` (``module:Class``): a dataclass,
    a pydantic model, or None when it takes no options. Returns the instance, or None, and
    the problems, which point into aplay.toml. A relative path in a field annotated
    `pathlib.Path` is made relative to the file's folder.

    Raises `PluginError` when the fault is the class's own: `model` is of another kind, or
    it fails with anything but a validation error.
    """
    if model is None:
        return None, (_unwanted(at, document, owner),) if raw else ()
    if not has_fields(model):
        raise PluginError(f"{owner}.Options is neither a dataclass nor a pydantic model")
    try:
        return _made(model, _anchored(model, raw, document.path.parent)), ()
    except ValidationError as error:
        mistakes = explain(error.errors(), model, raw, at)
    except Exception as error:
        words = without_secrets(f"{type(error).__name__}: {error}", secrets_in(raw, at))
        raise PluginError(f"{owner}.Options cannot be used: {words}") from error
    return None, tuple(document.problem(_signed(mistake, owner)) for mistake in mistakes)


def _made(model: type, raw: Mapping[str, Any]) -> Any:
    return TypeAdapter(model).validate_python(raw, extra=_extra(model))


def _extra(model: type) -> Literal["forbid"] | None:
    """Unknown keys are mistakes, unless the model itself says what they are."""
    own: Mapping[str, Any] = (
        model.model_config
        if issubclass(model, BaseModel)
        else getattr(model, "__pydantic_config__", {})
    )
    return None if "extra" in own else "forbid"


def _anchored(model: type, raw: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return `raw` with the paths of path fields, stated or default, below `folder`."""
    anchored = dict(raw)
    for key, field in fields_of(model).items():
        value = raw.get(key, field.default)
        if Path in (field.annotation, *get_args(field.annotation)) and isinstance(
            value, str | Path
        ):
            anchored[key] = folder / value
    return anchored


def _unwanted(at: KeyPath, document: Document, owner: str) -> Problem:
    message, hint = f"{owner} takes no options", "remove them"
    return document.problem(Mistake(at, "unknown-key", message, hint=hint, on="key"))


def _signed(mistake: Mistake, owner: str) -> Mistake:
    return replace(mistake, hint=f"{mistake.hint} (options of {owner})".lstrip())
