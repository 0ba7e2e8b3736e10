"""Expressions in the values of a file: what they stand for, and where there are none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aplay_host.config import check_options, load_config, parse_setting, read_document
from aplay_host.config.expand import LARGEST_FILE, CannotExpand, expand
from aplay_host.errors import ConfigError, Problem
from aplay_host.kernel import Address

from .conftest import Load, Mistakes, Write


def only(problems: tuple[Problem, ...]) -> Problem:
    (problem,) = problems
    return problem


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "one")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("NESTED", "${A} $$ ${file:x}")
    monkeypatch.delenv("UNSET", raising=False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "one"),
        ("x${A}${A}y", "xoneoney"),
        ("${EMPTY}", ""),
        ("${EMPTY:-two}", "two"),
        ("${UNSET:-two}", "two"),
        ("${A:-two}", "one"),
        ("${UNSET:-}", ""),
        ("${UNSET:-a:-b $c\n}", "a:-b $c\n"),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("$$${A}", "$one"),
        ("$A $ a$", "$A $ a$"),
        ("${NESTED}", "${A} $$ ${file:x}"),
        ("${file:text}", "a\nb"),
        ("${file:sub/../text}", "a\nb"),
        ("${file:windows}", "a"),
        ("${file:two lines}", "a\n"),
    ],
)
def test_an_expression_stands_for_its_value(tmp_path: Path, text: str, value: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "text").write_bytes(b"a\nb\n")
    (tmp_path / "windows").write_bytes(b"a\r\n")
    (tmp_path / "two lines").write_bytes(b"a\n\n")
    assert expand(text, tmp_path) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("${UNSET}", r"\$\{UNSET\}: UNSET is not set"),
        ("${A", r"\$\{A has no end"),
        ("${}", r"\$\{\} is no expression"),
        ("${A-b}", r"\$\{A-b\} is no expression"),
        ("${1}", r"\$\{1\} is no expression"),
        ("${BAD_BYTES}", "is not UTF-8 text"),
        ("${file:none}", r"\$\{file:none\} cannot be read: no such file"),
        ("${file:}", "is a directory"),
        ("${file:pipe}", "is no plain file"),
        ("${file:bytes}", "not utf-8"),
        ("${file:large}", f"more than {LARGEST_FILE} bytes"),
        ("${file:a\0b}", "names no file"),
    ],
)
def test_what_has_no_value_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    monkeypatch.setitem(os.environ, "BAD_BYTES", "\udcff")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bytes").write_bytes(b"\xff")
    (tmp_path / "large").write_bytes(b"a" * (LARGEST_FILE + 1))
    with pytest.raises(CannotExpand, match=told) as caught:
        expand(text, tmp_path)
    assert caught.value.hint


def test_values_have_expressions_at_any_depth(load: Load) -> None:
    config = load(
        """
        host.name = "${A}"
        log.level = "${UNSET:-debug}"
        reload.exclude = ["x", "${A}"]
        [plugins.options."a/b"]
        word = "${A}"
        [actors.a]
        use = "x"
        options = { "${A}" = [{ deep = "${A}" }] } # ${UNSET}
        """
    )
    assert (config.host.name, config.log.level) == ("one", "debug")
    assert config.reload.exclude[1].endswith("/one")
    assert config.plugins.options == {"a/b": {"word": "one"}}
    assert config.actors[Address("/a")].options == {"${A}": [{"deep": "one"}]}


def test_what_names_code_or_lets_people_in_has_none(load: Load, folder: Path) -> None:
    config = load(
        """
        plugins = { allow = ["${A}"], disable = ["$$"], paths = ["${UNSET}"] }
        [actors."/a"]
        use = "${A}"
        [actors."/b"]
        use = "x"
        options.use = "${A}"
        """
    )
    assert (config.plugins.allow, config.plugins.disable) == (["${A}"], ["$$"])
    assert config.plugins.paths == [folder / "${UNSET}"]
    assert config.actors[Address("/a")].use == "${A}"
    assert config.actors[Address("/b")].options == {"use": "one"}


def test_a_group_is_named_in_the_file(mistakes: Mistakes) -> None:
    assert only(mistakes("control.group = '${A}'").problems).key == "control.group"


@pytest.mark.parametrize(("value", "seconds"), [("5", 5.0), ("500ms", 0.5), ("0.25", 0.25)])
def test_a_number_is_read_where_one_is_wanted(
    load: Load, monkeypatch: pytest.MonkeyPatch, value: str, seconds: float
) -> None:
    monkeypatch.setenv("N", value)
    assert load("host.drain_timeout = '${N}'").host.drain_timeout == seconds


@dataclass
class Options:
    text: str = ""
    many: list[str] | None = None


@pytest.mark.parametrize("value", ['["a"]', "{ a = 1 }", '"a"\nb = 1', "[x]\ny = 1", "1, 2", "'"])
def test_the_environment_adds_no_structure(
    write: Write, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("V", value)
    document = read_document(write("[actors.a.options]\ntext = '${V}'\nmany = '${V}'\n"))
    raw = document.data["actors"]["a"]["options"]
    at = ("actors", "a", "options")
    made, problems = check_options(Options, raw, at=at, document=document, owner="m:A")
    assert made is None
    assert [it.message for it in problems] == ['got "${V}", want an array']
    del raw["many"]
    made, problems = check_options(Options, raw, at=at, document=document, owner="m:A")
    assert made == Options(value)


@settings(
    deadline=None,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30))
def test_any_text_of_a_variable_is_that_text(
    monkeypatch: pytest.MonkeyPatch, write: Write, value: str
) -> None:
    monkeypatch.setenv("V", value)
    config = load_config(write("log.level = 'debug'\n[actors.a]\nuse = 'x'\noptions.a = '<${V}>'"))
    assert config.actors[Address("/a")].options == {"a": f"<{value}>"}
    assert config.log.level == "debug"


def test_an_error_quotes_the_expression_and_not_its_value(
    mistakes: Mistakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("V", "hunter2")
    error = mistakes("host.drain_timeout = '${V}'\nlog.level = '${UNSET}'\n")
    assert str(error).splitlines() == [
        'aplay.toml:1:22: error: host.drain_timeout: got "${V}", want seconds, or text such as '
        '"500ms", "30s", "5m", "2h" or "1d"',
        "    1 | host.drain_timeout = '${V}'",
        "      |                      ^^^^^^",
        "aplay.toml:2:13: error: log.level: ${UNSET}: UNSET is not set",
        "    2 | log.level = '${UNSET}'",
        "      |             ^^^^^^^^^^ set UNSET for the host, or write ${UNSET:-default}",
        "2 errors in aplay.toml; nothing was started",
    ]
    assert "hunter2" not in repr(error.problems)


@pytest.mark.parametrize("said", ["${V}", r"${GONE:-a\1}"])
def test_a_guests_words_do_not_tell_the_value_either(
    write: Write, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    @dataclass
    class Talking:
        text: str

        def __post_init__(self) -> None:
            raise ValueError(f"{self.text} will not do")

    monkeypatch.setenv("V", "hunter2")
    document = read_document(write(f"[actors.a.options]\ntext = '{said}'\n"))
    raw, at = document.data["actors"]["a"]["options"], ("actors", "a", "options")
    _, problems = check_options(Talking, raw, at=at, document=document, owner="m:A")
    assert only(problems).message == f"{said} will not do"


def test_an_expression_in_an_option_of_the_command_line_counts(write: Write) -> None:
    said = [parse_setting("host.name=${A}$$"), parse_setting('reload.exclude=["${A}"]')]
    assert load_config(write(""), settings=said[:1]).host.name == "one$"
    with pytest.raises(ConfigError, match="want an array") as error:
        load_config(write(""), settings=said)
    assert "--set: error: reload.exclude" in str(error.value)
