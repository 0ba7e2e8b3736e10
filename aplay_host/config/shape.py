"""aplay.toml as JSON Schema 2020-12, for editors: made from the models that check it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from .fields import has_fields, is_struct
from .keypath import is_secret
from .schema import SqliteBoxTable, Tables

if TYPE_CHECKING:
    from pydantic_core import core_schema

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_REF = "#/$defs/{model}"
_ABOUT = ("default", "title", "description")
_EXPRESSION = {"type": "string", "pattern": r"\$\{"}
_LITERAL_TABLES = ("PluginsTable", "ControlTable")
"""Those in which no expression counts."""


class _Plain(GenerateJsonSchema):
    """Leaves out what TOML does not have, and what has no schema."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = super().default_schema(schema)
        empty = inner.get("default") is None or isinstance(inner["default"], dict)
        return _without_default(inner) if empty else inner

    def handle_invalid_for_json_schema(
        self, schema: core_schema.CoreSchema, error_info: str
    ) -> JsonSchemaValue:
        return {}


def config_schema(options: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of the whole file, with `options`: those of actors by their ``use``.

    What may hold an expression may be a string with one, whatever else it has to be.
    """
    schema = Tables.model_json_schema(ref_template=_REF, schema_generator=_Plain)
    for name, table in schema["$defs"].items():
        if name not in _LITERAL_TABLES:
            _open(table)
    sqlite = {"properties": {"kind": {"const": "sqlite"}}, "required": ["kind"]}
    then = {"properties": options_schema(SqliteBoxTable)["properties"]}
    schema["$defs"]["MailboxTable"]["allOf"] = [{"if": sqlite, "then": then}]
    entry = schema["$defs"]["ActorEntry"]
    for use, one in (options or {}).items():
        then = {"properties": {"options": one}}
        if one.get("required"):
            then["required"] = ["options"]
        by_name = {"properties": {"use": {"const": use}}, "required": ["use"]}
        entry.setdefault("allOf", []).append({"if": by_name, "then": then})
    return {"$schema": DIALECT, **schema, "title": "aplay.toml", "description": "An aplay host."}


def options_schema(model: object) -> Schema:
    """Return the schema of an ``Options`` class, whole in itself; any table where it has none."""
    if not has_fields(model):
        return {"type": "object"}
    try:
        schema: Schema = _inlined(*_of_model(model))
    except (PydanticUserError, RecursionError, TypeError, NameError):
        return {"type": "object"}
    _open(schema)
    return schema


def _of_model(model: Any) -> tuple[Schema, Mapping[str, Schema]]:
    """Return the schema of a model, and those that it refers to."""
    if is_struct(model):
        import msgspec

        (ref,), parts = msgspec.json.schema_components((model,))
        return ref, parts
    schema = TypeAdapter(model).json_schema(ref_template=_REF, schema_generator=_Plain)
    return schema, schema.pop("$defs", {})


def _inlined(schema: Any, parts: Mapping[str, Schema]) -> Any:
    """Return `schema` with each part in place of its name; raises `RecursionError` for a circle."""
    if isinstance(schema, list):
        return [_inlined(one, parts) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return _inlined({**parts[name], **{k: v for k, v in schema.items() if k != "$ref"}}, parts)
    return {key: _inlined(one, parts) for key, one in schema.items()}


def _open(schema: Any) -> None:
    """Let expressions stand for the values in a table, and take out what is secret."""
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            for place in ("additionalProperties", "items"):
                if isinstance(one.get(place), dict):
                    one[place] = _opened(one[place])
            table = one.get("properties", {})
            for key, inner in table.items():
                secret = is_secret((key,)) or inner.get("writeOnly")
                table[key] = _opened(_without_default(inner) if secret else inner)
            waiting += one.values()


def _opened(schema: Schema) -> Schema:
    kinds = {one.get("type") for one in schema.get("anyOf", [schema])}
    if (
        "enum" not in schema
        and "const" not in schema
        and not kinds & {"integer", "number", "boolean"}
    ):
        return schema
    wanted: Schema = dict(schema)
    about = {key: wanted.pop(key) for key in _ABOUT if key in schema}
    return {**about, "anyOf": [*wanted.pop("anyOf", [wanted]), _EXPRESSION]}


def _without_default(schema: Schema) -> Schema:
    return {key: one for key, one in schema.items() if key != "default"}
