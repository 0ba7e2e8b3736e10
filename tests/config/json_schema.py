"""As much of JSON Schema 2020-12 as the schema of aplay.toml uses; anything else is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

KNOWN = {
    *("$schema", "$defs", "$ref", "title", "description", "default", "format", "writeOnly"),
    *("type", "enum", "const", "anyOf", "allOf", "if", "then", "properties", "required"),
    *("additionalProperties", "maxProperties", "items", "minimum", "maximum", "pattern"),
    *("minLength", "maxLength", "exclusiveMinimum", "exclusiveMaximum"),
}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


def violations(value: Any, schema: Any, root: Any, path: str = "$") -> Iterator[str]:
    """Yield each way in which `value` does not fit `schema`, a part of `root`."""
    if isinstance(schema, bool):
        if not schema:
            yield f"{path} may not be"
        return
    assert schema.keys() <= KNOWN, schema.keys() - KNOWN
    if "$ref" in schema:
        yield from violations(value, root["$defs"][schema["$ref"].split("/")[-1]], root, path)
    if "anyOf" in schema and not any(fits(value, one, root) for one in schema["anyOf"]):
        yield f"{path}: {value!r} fits none of {schema['anyOf']}"
    for one in schema.get("allOf", ()):
        yield from violations(value, one, root, path)
    if "if" in schema and fits(value, schema["if"], root):
        yield from violations(value, schema["then"], root, path)
    if "type" in schema and not is_of(value, schema["type"]):
        yield f"{path}: {value!r} is no {schema['type']}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    elif "const" in schema and value != schema["const"]:
        yield f"{path}: {value!r} is not {schema['const']!r}"
    elif isinstance(value, dict):
        yield from of_table(value, schema, root, path)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from violations(one, schema.get("items", True), root, f"{path}[{index}]")
    elif isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{path}: {value!r} does not match"
    elif isinstance(value, int | float) and not in_range(value, schema):
        yield f"{path}: {value!r} is out of range"


def fits(value: Any, schema: Any, root: Any) -> bool:
    return not any(violations(value, schema, root))


def is_of(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def in_range(value: float, schema: Any) -> bool:
    return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))


def of_table(value: dict[str, Any], schema: Any, root: Any, path: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    missing = set(schema.get("required", ())) - value.keys()
    yield from (f"{path}.{key} is missing" for key in missing)
    if len(value) > schema.get("maxProperties", len(value)):
        yield f"{path} has too many keys"
    for key, one in value.items():
        below = properties.get(key, schema.get("additionalProperties", True))
        yield from violations(one, below, root, f"{path}.{key}")
