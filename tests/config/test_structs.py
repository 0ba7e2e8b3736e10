"""Options that are a msgspec.Struct, told as those of any other kind are."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from aplay_host.config import check_options, read_document
from aplay_host.errors import PluginError, Problem

from .conftest import Write

AT = ("actors", "/a", "options")


class Rule(msgspec.Struct):
    pattern: str
    limit: Annotated[int, msgspec.Meta(ge=1)] = 1

    def __post_init__(self) -> None:
        if self.pattern == "bad":
            raise ValueError("the pattern is bad")
        if self.pattern == "worse":
            raise KeyError(self.pattern)


class Options(msgspec.Struct, frozen=True):
    path: Path
    to: str
    rules: list[Rule] = []
    by_name: dict[str, Rule] = {}
    one: Rule | None = None
    mode: Literal["fast", "slow"] = "fast"
    wait: float = 1.0
    sizes: list[int] = []
    day: datetime.date | None = None
    either: int | str = 1
    log: Path | None = None
    source: str = msgspec.field(default="", name="from")
    api_token: str = ""


class Kind(msgspec.Struct, tag="fast", tag_field="type"):
    size: int = 1


class Tagged(msgspec.Struct):
    kind: Kind | None = None


def check(write: Write, model: type, text: str) -> tuple[Any, tuple[Problem, ...]]:
    document = read_document(write(f"[actors.'/a'.options]\n{text}\n"))
    raw = document.data["actors"]["/a"]["options"]
    return check_options(model, raw, at=AT, document=document, owner="my.log:Tail")


def test_a_struct_is_made_from_the_table(write: Write, folder: Path) -> None:
    text = (
        "path = 'x'\nto = '/b'\nwait = 3\nday = 2026-03-01\nlog = 'y'\nfrom = 'z'\n"
        "rules = [{ pattern = 'a', limit = 2 }]\none = { pattern = 'b' }\n"
    )
    made, problems = check(write, Options, text)
    assert problems == ()
    assert made == Options(
        folder / "x",
        "/b",
        rules=[Rule("a", 2)],
        one=Rule("b"),
        wait=3.0,
        day=datetime.date(2026, 3, 1),
        log=folder / "y",
        source="z",
    )


@pytest.mark.parametrize(
    ("text", "key", "message", "place"),
    [
        ("path = 5", "path", "got 5, want a path", (2, 8)),
        ("to = true", "to", "got true, want a string", (2, 6)),
        ("wait = 'x'", "wait", 'got "x", want a number', (2, 8)),
        ("rules = 5", "rules", "got 5, want an array", (2, 9)),
        ("rules = [5]", "rules[0]", "got 5, want a table", (2, 10)),
        ("one = 5", "one", "got 5, want a table", (2, 7)),
        ("one = { pattern = 'a', limit = 0 }", "one.limit", "got 0, want an integer >= 1", (2, 32)),
        ("by_name.x = { pattern = 1 }", "by_name.x.pattern", "got 1, want a string", (2, 25)),
        ("mode = 'fats'", "mode", 'got "fats", want "fast" or "slow"', (2, 8)),
        ("either = []", "either", "got an array, want an integer or a string", (2, 10)),
        (
            "rules = [{ pattern = 'bad' }]",
            "rules[0]",
            "the pattern is bad",
            (2, 10),
        ),
    ],
)
def test_a_wrong_value_is_marked_in_the_users_file(
    write: Write, text: str, key: str, message: str, place: tuple[int, int]
) -> None:
    stated = {"path": "x", "to": "/b"}
    stated.pop(key, None)
    rest = "".join(f"\n{name} = '{value}'" for name, value in stated.items())
    made, (problem,) = check(write, Options, text + rest)
    assert made is None
    assert problem.key == f'actors."/a".options.{key}'
    assert problem.message == message
    assert (problem.line, problem.column) == place


def test_all_problems_of_a_table_come_at_once_at_any_depth(write: Write) -> None:
    text = "too = 1\nsizes = [1, 'x', 'y']\nrules = [{ limt = 1 }]\nwait = 'z'"
    _, problems = check(write, Options, text)
    assert sorted((it.line, it.code, it.key.rpartition("options.")[2]) for it in problems) == [
        (1, "missing-key", "path"),
        (1, "missing-key", "to"),
        (2, "unknown-key", "too"),
        (3, "wrong-type", "sizes[1]"),
        (3, "wrong-type", "sizes[2]"),
        (4, "missing-key", "rules[0].pattern"),
        (4, "unknown-key", "rules[0].limt"),
        (5, "wrong-type", "wait"),
    ]


def test_an_unknown_key_is_told_with_what_may_be_meant(write: Write) -> None:
    _, (problem,) = check(write, Options, "path = 'x'\nto = '/b'\nfrm = 'y'")
    assert problem.hint == "did you mean from? (options of my.log:Tail)"


def test_the_tag_of_a_struct_is_a_key_of_its_table(write: Write) -> None:
    made, problems = check(write, Tagged, "kind = { type = 'fast', size = 2 }")
    assert (made, problems) == (Tagged(Kind(2)), ())
    _, (problem,) = check(write, Tagged, "kind = { type = 'slow' }")
    assert problem.line == 2


def test_a_struct_that_breaks_is_the_plugins_fault(write: Write) -> None:
    with pytest.raises(PluginError, match=r"my\.log:Tail\.Options cannot be used: KeyError"):
        check(write, Options, "path = 'x'\nto = 'y'\none = { pattern = 'worse' }")


class Odd(msgspec.Struct):
    thing: complex = 0j


def test_a_field_that_no_file_can_give_is_the_plugins_fault(write: Write) -> None:
    with pytest.raises(PluginError, match="a field of type complex cannot be read"):
        check(write, Odd, "thing = 1")


def test_config_does_not_import_msgspec_where_no_model_does(tmp_path: Path) -> None:
    file = tmp_path / "aplay.toml"
    file.write_text("[actors.'/a']\nuse = 'tests.host.actors:Echo'\noptions = { a = 1 }\n")
    program = (
        "import sys\n"
        "from dataclasses import dataclass\n"
        "from pathlib import Path\n"
        "from aplay_host.config import check_options, read_document\n"
        "@dataclass\n"
        "class Options:\n"
        "    a: int\n"
        "document = read_document(Path(sys.argv[1]))\n"
        "at = ('actors', '/a', 'options')\n"
        "made, _ = check_options(Options, {'a': 1}, at=at, document=document, owner='m:A')\n"
        "assert made == Options(1)\n"
        "print('msgspec' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(file)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
