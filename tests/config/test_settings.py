"""What the command line says over the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, SecretStr

from aplay_host.config import (
    HostConfig,
    Setting,
    check_options,
    load_config,
    parse_setting,
    peek,
)
from aplay_host.errors import ConfigError
from aplay_host.kernel import Address

from .conftest import Write

Over = Callable[..., HostConfig]
FILE = """
[log]
level = "warning"
[actors."/tail"]
use = "x:Y"
max_tasks = 2
"""


@pytest.fixture
def over(write: Write) -> Over:
    """Load FILE with these ``--set`` over it."""

    def over(*texts: str, text: str = FILE, flags: tuple[Setting, ...] = ()) -> HostConfig:
        settings = (*map(parse_setting, texts), *flags)
        return load_config(write(text), settings=settings)

    return over


def refusal(over: Over, *texts: str, text: str = FILE) -> str:
    with pytest.raises(ConfigError) as caught:
        over(*texts, text=text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("a=1", ("a",), "1"),
        ("a.b = x=y", ("a", "b"), " x=y"),
        ("""actors."/tail".options.'p.q'=""", ("actors", "/tail", "options", "p.q"), ""),
        ('"a\\u0062"=\n', ("ab",), "\n"),
    ],
)
def test_a_key_is_written_as_toml_writes_it(text: str, path: tuple[str, ...], value: str) -> None:
    setting = parse_setting(text)
    assert (setting.path, setting.text, setting.source) == (path, value, "--set")
    assert parse_setting(setting.said) == setting


@pytest.mark.parametrize("text", ["", "a", "=hunter2", "a..b=hunter2", 'a"=hunter2', "é=hunter2"])
def test_what_is_no_key_is_refused_without_telling_the_value(text: str) -> None:
    with pytest.raises(ValueError, match="want KEY=VALUE") as caught:
        parse_setting(text)
    assert "hunter2" not in str(caught.value)


def test_a_key_with_a_slash_is_told_how_to_be_written() -> None:
    with pytest.raises(ValueError, match=r'needs quotes: .actors\."/tail"'):
        parse_setting("actors./tail.max_tasks=2")


def test_set_beats_the_file_and_a_flag_beats_all(over: Over) -> None:
    assert over("log.level=error").log.level == "error"
    assert over("log.level=error", "log.level=info").log.level == "info"
    flag = Setting(("log", "level"), "debug", "flag --log-level")
    config = over("log.level=error", flags=(flag,))
    assert config.log.level == "debug"
    assert config.document.place_of(("log", "level")) == "flag --log-level"


def test_tables_that_the_file_lacks_are_made(over: Over) -> None:
    config = over("actors.new.use=p:Q", "actors.new.options.to=/x", "defaults.mailbox.capacity=7")
    assert config.actors[Address("/new")].options == {"to": "/x"}
    assert config.defaults.mailbox.capacity == 7


@pytest.mark.parametrize("key", ["tail", '"/tail"'])
def test_an_address_counts_with_the_slash_or_without(over: Over, key: str) -> None:
    entry = over(f"actors.{key}.max_tasks=3").actors[Address("/tail")]
    assert entry.max_tasks == 3
    other = FILE.replace('"/tail"', "tail")
    assert over(f"actors.{key}.max_tasks=3", text=other).actors[Address("/tail")].max_tasks == 3


@pytest.mark.parametrize(
    ("text", "table", "key", "value"),
    [
        ("host.name=5", "host", "name", "5"),
        ("host.name=true", "host", "name", "true"),
        ("host.drain_timeout=5", "host", "drain_timeout", 5.0),
        ("host.drain_timeout=5m", "host", "drain_timeout", 300.0),
        ("plugins.strict=true", "plugins", "strict", True),
        ('plugins.allow=["a", "b"]', "plugins", "allow", ["a", "b"]),
        ('log.levels={ "/x" = "debug" }', "log", "levels", {"/x": "debug"}),
        ("reload={ enabled = true }", "reload", "enabled", True),
    ],
)
def test_text_is_read_as_a_value_only_where_a_string_is_refused(
    over: Over, text: str, table: str, key: str, value: object
) -> None:
    found = getattr(getattr(over(text), table), key)
    assert (found, type(found)) == (value, type(value))


def test_what_the_file_writes_is_never_read_again(over: Over) -> None:
    assert 'got "4", want an integer' in refusal(over, text="defaults.max_tasks = '4'")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("log.level=loud", '--set: error: log.level: got "loud", want "debug"'),
        ("log.levl=info", "--set: error: log.levl: unknown key\n      | did you mean level?"),
        ("actors.tail.max_tasks=0", '--set: error: actors."/tail".max_tasks: got 0, want an int'),
        ("actors.tail.max_tasks=a\nb = 1", 'got "a\\u000ab = 1", want an integer'),
        ("actors.tail.max_tasks=[", 'got "[", want an integer'),
        ("log=5", "--set: error: log: got 5, want a table"),
        ("log.level.deep=1", "--set: error: log.level: got a table, want"),
        ("actors.new.max_tasks=1", "--set: error: actors.new.use: missing key"),
        ("actors./=1".replace("/", '"/"'), "--set: error: "),
    ],
)
def test_a_mistake_is_told_of_the_option_and_not_of_the_file(
    over: Over, text: str, told: str
) -> None:
    error = refusal(over, text)
    assert told in error
    assert "aplay.toml:" not in error
    assert error.endswith("1 error in aplay.toml; nothing was started") or "2 errors" in error


def test_a_mistake_of_the_file_that_is_overridden_is_none(over: Over) -> None:
    assert over("log.level=info", text="log.level = 5").log.level == "info"


def test_a_missing_key_beside_one_of_the_option_is_marked_in_the_file(over: Over) -> None:
    text = "[actors.a]\nrequired = true\n"
    assert "aplay.toml:1:9: error: actors.a.use: missing key" in refusal(
        over, "actors.a.max_tasks=2", text=text
    )


@pytest.mark.parametrize(
    "text",
    [
        "actors.tail.options.password=hunter2",
        "actors.tail.options.api_key=hunter2",
        "actors.tail.options.tokens.a=hunter2",
        "plugins.options.'a/b'.secret=hunter2",
        "defaults.mailbox={ kind = 'x', password = 'hunter2' }",
    ],
)
def test_a_secret_by_its_keys_name_is_refused(over: Over, text: str) -> None:
    error = refusal(over, text)
    assert "a secret may not be given with --set" in error
    assert "hunter2" not in error


class WithPin(BaseModel):
    pin: SecretStr = SecretStr("")
    inner: dict[str, SecretStr] = {}
    count: int = 0


@dataclass
class Coded:
    code: Annotated[str, Field(pattern="[a-z]+")]


def test_text_that_a_string_field_refuses_stays_text(over: Over) -> None:
    _, (problem,) = options_of(over("actors.tail.options.code=5"), Coded)
    assert problem.message == 'got "5", want a string that matches [a-z]+'


@dataclass
class Counted:
    count: int
    sizes: list[int]
    name: str = ""


def options_of(config: HostConfig, model: type) -> tuple[Any, tuple[Any, ...]]:
    raw = config.actors[Address("/tail")].options
    at = ("actors", "/tail", "options")
    return check_options(model, raw, at=at, document=config.document, owner="m:A")


@pytest.mark.parametrize("text", ["pin=hunter2", "inner={ a = 'hunter2' }", "inner.a=hunter2"])
def test_a_secret_by_its_type_is_refused(over: Over, text: str) -> None:
    made, (problem,) = options_of(over(f"actors.tail.options.{text}"), WithPin)
    assert made is None
    assert (problem.file, problem.line, problem.code) == ("--set", 0, "secret-set")
    assert "hunter2" not in repr(problem)


def test_options_of_a_class_are_read_as_its_fields_want_them(over: Over) -> None:
    options = "actors.tail.options."
    config = over(f"{options}count=3", f"{options}sizes=[1, 2]", f"{options}name=4")
    made, problems = options_of(config, Counted)
    assert (made, problems) == (Counted(3, [1, 2], "4"), ())


def test_the_state_directory_is_the_same_for_who_serves_and_who_looks(
    over: Over, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN", "state")
    text, settings = "host.state_dir = '${RUN}/here'\nhost.name = '${UNSET}'", ()
    file = folder / "aplay.toml"
    file.write_text(text)
    assert peek(file, settings).state_dir == folder / "state" / "here"
    said = parse_setting("host.state_dir=${RUN}")
    config = over(said.said, text="host.state_dir = 'other'")
    assert peek(file, [said]).state_dir == config.host.state_dir == folder / "state"


def test_a_state_directory_that_cannot_be_told_is_located(write: Write) -> None:
    with pytest.raises(ConfigError, match=r"aplay.toml:1:18: error: host.state_dir: \$\{UNSET\}"):
        peek(write("host.state_dir = '${UNSET}'\n"))
