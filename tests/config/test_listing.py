"""An actor's options as anybody may see them: what holds, where it was said, and no secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, Secret, SecretBytes, SecretStr

from aplay_host.config import (
    HostConfig,
    Setting,
    Source,
    list_config,
    list_options,
    load_config,
    parse_setting,
)
from aplay_host.config.options import check_options
from aplay_host.kernel import Address

from .conftest import Load, Write

A = Address("/a")
STARS = "********"


@dataclass(frozen=True)
class Server:
    host: str = "localhost"
    port: int = 80


@dataclass(frozen=True)
class Options:
    to: str
    server: Server = Server()
    servers: list[Server] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)


class Model(BaseModel):
    model_config = ConfigDict(extra="allow")

    to: str = Field("x", alias="send-to")


def listed(config: HostConfig, model: Any) -> list[tuple[str, Any, str]]:
    """Check the options of ``/a`` as a start does, then list what came of them."""
    raw = config.actors[A].options
    at = ("actors", "/a", "options")
    made, problems = check_options(model, raw, at=at, document=config.document, owner="m:A")
    assert problems == ()
    return rows(config, made)


def rows(config: HostConfig, options: Any, address: Address = A) -> list[tuple[str, Any, str]]:
    found = [(it.key, it.value, it.source) for it in list_options(config, address, options)]
    json.dumps(found, allow_nan=False)
    return found


@pytest.fixture
def declared(load: Load) -> HostConfig:
    return load('actors."/a".use = "x"')


def test_each_value_comes_with_the_place_that_states_it(load: Load) -> None:
    config = load(
        """\
        [actors."/a"]
        use = "x"
        options.to = "/b"
        options.labels = {}
        [actors."/a".options.server]
        port = 81
        [[actors."/a".options.servers]]
        host = "one"
        """
    )
    assert listed(config, Options) == [
        ("to", "/b", "aplay.toml:3:14"),
        ("server.host", "localhost", "plugin default"),
        ("server.port", 81, "aplay.toml:6:8"),
        ("servers", [{"host": "one", "port": 80}], "aplay.toml:7:23"),
        ("labels", {}, "aplay.toml:4:18"),
    ]


def test_keys_are_those_of_the_file(load: Load) -> None:
    config = load('[actors.a]\nuse = "x"\noptions = { "send-to" = "/b", more = [1, 2] }')
    assert listed(config, Model) == [
        ("send-to", "/b", "aplay.toml:3:25"),
        ("more", [1, 2], "aplay.toml:3:38"),
    ]


def test_options_given_by_code_come_from_code(declared: HostConfig) -> None:
    assert rows(declared, Server(), Address("/a/child")) == [
        ("host", "localhost", "code"),
        ("port", 80, "code"),
    ]
    assert rows(declared, {"n": 1}, Address("/b")) == [("n", 1, "code")]
    assert rows(declared, "all", Address("/b")) == [("", "all", "code")]


@pytest.mark.parametrize("options", [None, {}])
def test_without_options_there_is_nothing_to_list(declared: HostConfig, options: Any) -> None:
    assert rows(declared, options) == []


# ---- secrets -------------------------------------------------------------------------------


@dataclass
class Typed:
    plain: SecretStr
    raw: SecretBytes = field(default_factory=lambda: SecretBytes(b"hidden"))
    maybe: SecretStr | None = field(default_factory=lambda: SecretStr("hidden"))
    unset: SecretStr | None = None
    many: list[SecretStr] = field(default_factory=lambda: [SecretStr("hidden")])
    other: Secret[int] = field(default_factory=lambda: Secret(7654321))
    noted: Annotated[SecretStr, Field(min_length=1)] = field(default_factory=lambda: SecretStr("a"))
    careless: SecretStr | None = "hidden"  # type: ignore[assignment]
    inside: Any = field(default_factory=lambda: {"deep": [{"x": SecretStr("hidden")}]})


class Named(BaseModel):
    password: str = "hidden"
    db_password_2: str = "hidden"
    client_secret: str = "hidden"
    Token: int = 7654321
    api_key: str = ""
    unset_key: str | None = None
    keys: int = 1
    keyboard: str = "fine"
    actors: dict[str, Any] = Field(default={"x": {"token": "hidden"}, "token": ["hidden"]})
    tokens: dict[str, str] = Field(default={"a": "hidden"})
    several: list[dict[str, str]] = Field(default=[{"password": "hidden", "user": "me"}])


def test_what_a_type_says_is_secret_is_not_shown(declared: HostConfig) -> None:
    found = {key: value for key, value, _ in rows(declared, Typed(SecretStr("hidden")))}
    assert found == {
        "plain": STARS,
        "raw": STARS,
        "maybe": STARS,
        "unset": None,
        "many": STARS,
        "other": STARS,
        "noted": STARS,
        "careless": STARS,
        "inside.deep": [{"x": STARS}],
    }


def test_what_its_key_says_is_secret_is_not_shown(declared: HostConfig) -> None:
    found = {key: value for key, value, _ in rows(declared, Named())}
    assert found == {
        "password": STARS,
        "db_password_2": STARS,
        "client_secret": STARS,
        "Token": STARS,
        "api_key": STARS,
        "unset_key": None,
        "keys": 1,
        "keyboard": "fine",
        "actors.x.token": STARS,
        "actors.token": STARS,
        "tokens": STARS,
        "several": [{"password": STARS, "user": "me"}],
    }


def test_a_secret_whose_annotation_cannot_be_read_is_not_shown(declared: HostConfig) -> None:
    @dataclass
    class Local:
        a: NoSuchName | SecretStr = "hidden"  # type: ignore[name-defined]  # noqa: F821
        b: str = "fine"

    assert [row[:2] for row in rows(declared, Local())] == [("a", STARS), ("b", "fine")]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgres://me:hidden@host/db", f"postgres://me:{STARS}@host/db"),
        ("redis://:hidden@host:1/0", f"redis://:{STARS}@host:1/0"),
        ("a://u:p@h and b://u:p@h", f"a://u:{STARS}@h and b://u:{STARS}@h"),
        ("http://host:80/a@b:c@d", "http://host:80/a@b:c@d"),
        (AnyUrl("amqp://me:hidden@host/"), f"amqp://me:{STARS}@host/"),
    ],
)
def test_the_password_in_a_url_is_not_shown(declared: HostConfig, url: Any, shown: str) -> None:
    assert rows(declared, {"at": url, "all": [url]}) == [
        ("at", shown, "plugin default"),
        ("all", [shown], "plugin default"),
    ]


# ---- what JSON has no form of --------------------------------------------------------------


class Mode(Enum):
    FAST = "fast"


class Odd:
    def __repr__(self) -> str:
        return "hidden"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Path("/x"), "/x"),
        (Mode.FAST, "fast"),
        (timedelta(seconds=90), "PT1M30S"),
        (Decimal("1.50"), "1.50"),
        (float("inf"), "inf"),
        (b"bytes", "bytes"),
        (frozenset({1}), [1]),
        ((1, (2,)), [1, [2]]),
        (Odd(), f"<{__name__}.Odd>"),
        (Odd, "<builtins.type>"),
        (None, None),
        (True, True),
    ],
)
def test_any_value_has_a_form_in_json(declared: HostConfig, value: Any, shown: Any) -> None:
    assert rows(declared, {"it": value}) == [("it", shown, "plugin default")]


class Broken(dict[str, Any]):
    def items(self) -> Any:
        raise LookupError("hidden")


def endless() -> dict[str, Any]:
    table: dict[str, Any] = {}
    table["again"] = table
    return table


@pytest.mark.parametrize(
    ("make", "error"),
    [(Broken, "LookupError"), (endless, "RecursionError"), (lambda: {"x": b"\xff"}, "Error")],
)
def test_options_that_cannot_be_looked_at_say_so(
    declared: HostConfig, make: Callable[[], Any], error: str
) -> None:
    ((key, value, _),) = rows(declared, make())
    assert key == ""
    assert value.startswith("cannot be shown: ")
    assert value.endswith(error)


def keys_of(config: HostConfig, options: dict[Address, Any] | None = None) -> dict[str, Any]:
    found = list_config(config, options or {})
    json.dumps([it.value for it in found], allow_nan=False)
    return {it.key: (it.value, it.source) for it in found}


def test_every_key_of_the_configuration_comes_with_where_it_was_said(write: Write) -> None:
    file = write("log.level = 'debug'\n[actors.a]\nuse = 'x'\nbudget.max = 3\n")
    flag = Setting(("reload", "enabled"), "true", "flag --reload")
    config = load_config(file, settings=[parse_setting("host.name=me"), flag])
    found = keys_of(config)
    assert found["log.level"] == ("debug", Source("file", "aplay.toml:1:13"))
    assert found["host.name"] == ("me", Source("--set"))
    assert found["reload.enabled"] == (True, Source("flag", "--reload"))
    assert found["defaults.budget.max"] == (5, Source("default"))
    assert found["actors.a.budget.max"] == (3, Source("file", "aplay.toml:4:14"))
    assert found["host.state_dir"] == (str(file.parent / ".aplay"), Source("default"))


def test_what_a_plugin_has_not_vouched_for_is_not_shown(load: Load) -> None:
    config = load(
        """\
        plugins.options."a/b" = { word = "hunter2", deep.er = 5 }
        defaults.mailbox = { kind = "ring", size = 7 }
        [actors."/a"]
        use = "x"
        options = { to = "/b", server.port = 81 }
        """
    )
    found = {key: value for key, (value, _) in keys_of(config).items()}
    assert found['plugins.options."a/b".word'] == found['plugins.options."a/b".deep.er'] == STARS
    assert (found["defaults.mailbox.kind"], found["defaults.mailbox.size"]) == ("ring", STARS)
    assert found['actors."/a".options.to'] == STARS
    raw, at = config.actors[A].options, ("actors", "/a", "options")
    made, _ = check_options(Options, raw, at=at, document=config.document, owner="m:A")
    found = {key: value for key, (value, _) in keys_of(config, {A: made}).items()}
    assert found['actors."/a".options.to'] == "/b"
    assert found['actors."/a".options.server.port'] == 81
