"""The JSON Schema: it takes what the loader takes, and tells what the models say."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
import tomli
from hypothesis import HealthCheck, given, settings
from pydantic import BaseModel, Field, SecretStr

from aplay_host.config import config_schema, load_config, options_schema
from aplay_host.errors import ConfigError

from .json_schema import fits, violations
from .sound_toml import contents
from .toml_text import documents

EXAMPLES = int(os.environ.get("APLAY_TOML_EXAMPLES", "100"))


def complaints(text: str, schema: Any = None) -> list[str]:
    schema = schema or config_schema()
    return [*violations(tomli.loads(text), schema, schema)]


@settings(
    deadline=None,
    database=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(documents(contents()))
def test_the_schema_accepts_what_the_loader_accepts(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    for name, value in {"A": "a", "N": "3", "LEVEL": "info"}.items():
        monkeypatch.setenv(name, value)
    file = tmp_path_factory.getbasetemp() / "sound.toml"
    file.write_text(text, encoding="utf-8", newline="")
    if is_sound(file):
        assert complaints(text) == []


def is_sound(file: Path) -> bool:
    try:
        load_config(file)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize(
    "text",
    [
        "hots.name = 'x'",
        "log.level = 'loud'",
        "defaults.max_tasks = 0",
        "defaults.stop_timeout = 'soon'",
        "defaults.mailbox.capacity = 0",
        "actors.a.max_tasks = 1",
        "actors.a = { use = 'x', colour = 'red' }",
        "plugins.strict = '${STRICT}'",
        "log.levels = { 'a' = 'loud' }",
        "mailboxes.sqlite.max_body = 0",
        "mailboxes.sqlite.colour = 'red'",
        "defaults.mailbox = { kind = 'sqlite', max_attempts = 0 }",
        "defaults.mailbox = { kind = 'sqlite', durability = 'wish' }",
    ],
)
def test_the_schema_refuses_what_an_editor_should_mark(text: str) -> None:
    assert complaints(text)


def test_the_schema_says_which_dialect_it_is_in_and_is_json() -> None:
    schema = config_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema
    assert "null" not in json.dumps(schema)


def test_the_files_of_this_repository_fit() -> None:
    root = Path(__file__).parents[2]
    assert complaints((root / "aplay.toml").read_text("utf-8")) == []


@dataclass
class Inner:
    port: int = 80


@dataclass
class Plain:
    to: str
    kind: Literal["a", "b"] = "a"
    path: Path = Path("x")
    server: Inner = field(default_factory=Inner)
    api_key: str = "hunter2"


class Model(BaseModel):
    to: str
    kind: Literal["a", "b"] = "a"
    server: Inner = Inner()
    pin: SecretStr = SecretStr("hunter2")
    ratio: Annotated[float, Field(ge=0, le=1)] = 0.5


class Place(msgspec.Struct):
    port: int = 80


class Struct(msgspec.Struct):
    to: str
    kind: Literal["a", "b"] = "a"
    server: Place = msgspec.field(default_factory=Place)
    my_token: str = "hunter2"


@pytest.mark.parametrize("model", [Plain, Model, Struct])
def test_an_actors_own_options_are_part_of_it(model: type) -> None:
    schema = config_schema({"d/n": options_schema(model), "n": options_schema(model)})
    assert "hunter2" not in json.dumps(schema)
    entry = "actors.a = {{ use = '{}', options = {{ {} }} }}"
    for use in ("d/n", "n"):
        assert complaints(entry.format(use, "to = '/b', server.port = '${P}'"), schema) == []
        for wrong in ("to = 5", "to = '/b', kind = 'c'", "to = '/b', server.port = 'x'", ""):
            assert complaints(entry.format(use, wrong), schema)
        assert complaints(f"actors.a.use = '{use}'", schema)
    assert complaints(entry.format("other", "to = 5"), schema) == []


class Odd:
    pass


class Strange(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    odd: Odd = Odd()
    inner: list[Strange] = []


@pytest.mark.parametrize("model", [Odd, Strange, 5])
def test_what_has_no_schema_is_any_table(model: object) -> None:
    schema = options_schema(model)
    assert fits({"odd": 1, "x": 2}, schema, schema)
