"""An actor's own options: checked by its class, located in the user's file."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic import dataclasses as pydantic_dataclasses
from pydantic_core import PydanticCustomError

from aplay_host.config import read_document
from aplay_host.config.options import check_options
from aplay_host.errors import PluginError, Problem

from .conftest import Write

AT = ("actors", "/a", "options")


@dataclass(frozen=True)
class Rule:
    pattern: str
    limit: int = 1


@dataclass(frozen=True)
class Options:
    path: Path
    to: str
    follow: bool = True
    rules: list[Rule] = field(default_factory=list)
    by_name: dict[str, Rule] = field(default_factory=dict)
    size: int | list[int] = 0
    one: Rule | None = None
    mode: Literal["fast", "slow"] = "fast"


class Model(BaseModel):
    path: Path | None = None
    log: Path = Path("default.log")
    text: str = ""
    count: Annotated[int, Field(ge=1)] = 1
    day: date = date(2000, 1, 1)
    id: UUID | None = None
    wait: Annotated[float, Field(gt=0.5)] = 1.0
    api_token: SecretStr | None = None
    passwords: list[int] = []


class Check:
    """Checks one table as the options of the actor `/a`."""

    def __init__(self, write: Write) -> None:
        self.write = write

    def __call__(
        self, model: type | None, text: str, *, head: str = "[actors.'/a'.options]\n"
    ) -> tuple[Any, tuple[Problem, ...]]:
        document = read_document(self.write(f"{head}{text}"))
        self.document = document
        raw = document.data["actors"]["/a"].get("options", {})
        return check_options(model, raw, at=AT, document=document, owner="my.log:Tail")

    def problem(self, model: type | None, text: str) -> Problem:
        made, (problem,) = self(model, text)
        assert made is None
        return problem

    def text(self, model: type | None, text: str) -> str:
        _, problems = self(model, text)
        return str(self.document.refusal(problems))


@pytest.fixture
def check(write: Write) -> Check:
    return Check(write)


def test_a_dataclass_is_made_from_the_table(check: Check, folder: Path) -> None:
    text = "path = '/var/x'\nto = '/b'\nfollow = false\nrules = [{ pattern = 'a' }]\n"
    made, problems = check(Options, text)
    assert problems == ()
    assert made == Options(Path("/var/x"), "/b", follow=False, rules=[Rule("a")])


def test_a_pydantic_model_is_made_from_the_table(check: Check) -> None:
    made, problems = check(Model, "count = 5\n")
    assert problems == ()
    assert isinstance(made, Model)
    assert made.count == 5


def test_a_relative_path_is_relative_to_the_files_folder(check: Check, folder: Path) -> None:
    made, _ = check(Options, "path = 'logs/x'\nto = '/b'\n")
    assert made.path == folder / "logs" / "x"


def test_an_optional_and_a_default_path_are_relative_to_it_too(check: Check, folder: Path) -> None:
    made, _ = check(Model, "path = 'x'\n")
    assert (made.path, made.log) == (folder / "x", folder / "default.log")
    assert check(Model, "")[0].path is None


class Aliased(BaseModel):
    source: Path = Field(Path("in.log"), alias="from")


def test_a_field_is_known_by_its_alias(check: Check, folder: Path) -> None:
    assert check(Aliased, "")[0].source == folder / "in.log"
    assert check.problem(Aliased, "form = 'x'\n").hint.startswith("did you mean from?")


@dataclass
class Nested:
    path: Path = Path("default")
    text: str = "x/y"


@dataclass
class Paths:
    many: list[Path] = field(default_factory=list)
    by_name: dict[str, Path] = field(default_factory=dict)
    nested: Nested = field(default_factory=Nested)
    maybe: Nested | None = None
    texts: list[str] = field(default_factory=list)


class StructPaths(msgspec.Struct):
    many: list[Path]
    by_name: dict[str, Path]
    texts: list[str]


def test_paths_in_arrays_and_inner_tables_are_relative_to_it_and_texts_are_not(
    check: Check, folder: Path
) -> None:
    text = "many = ['a', '/b']\nby_name.c = 'd'\nnested.path = 'e'\nmaybe = {}\ntexts = ['f']\n"
    made, problems = check(Paths, text)
    assert problems == ()
    assert (made.many, made.by_name) == ([folder / "a", Path("/b")], {"c": folder / "d"})
    assert (made.nested.path, made.maybe.path) == (folder / "e", folder / "default")
    assert (made.nested.text, made.texts) == ("x/y", ["f"])
    made, _ = check(StructPaths, "many = ['a', '/b']\nby_name.c = 'd'\ntexts = ['f']\n")
    assert (made.many, made.by_name) == ([folder / "a", Path("/b")], {"c": folder / "d"})
    assert made.texts == ["f"]


def test_a_text_that_looks_like_a_path_is_left_alone(check: Check) -> None:
    assert check(Model, "text = 'logs/x'\n")[0].text == "logs/x"


@pytest.mark.parametrize(
    ("text", "key", "message", "place"),
    [
        ("path = 5", "path", "got 5, want a path", (2, 8)),
        ("to = true", "to", "got true, want a string", (2, 6)),
        ("rules = 5", "rules", "got 5, want an array", (2, 9)),
        ("rules = [5]", "rules[0]", "got 5, want a table", (2, 10)),
        (
            "rules = [{ pattern = 'a', limit = 'x' }]",
            "rules[0].limit",
            'got "x", want an integer',
            (2, 35),
        ),
        ("mode = 'fats'", "mode", 'got "fats", want "fast" or "slow"', (2, 8)),
    ],
)
def test_a_wrong_value_is_marked_in_the_users_file(
    check: Check, text: str, key: str, message: str, place: tuple[int, int]
) -> None:
    stated = {"path": "x", "to": "/b"}
    stated.pop(key, None)
    rest = "".join(f"\n{name} = '{value}'" for name, value in stated.items())
    problem = check.problem(Options, text + rest)
    assert problem.key == f'actors."/a".options.{key}'
    assert problem.message == message
    assert (problem.line, problem.column) == place


def test_an_unknown_key_is_marked_with_what_may_be_meant(check: Check) -> None:
    problem = check.problem(Options, "path = 'x'\nto = '/b'\nfolow = true\n")
    assert (problem.line, problem.column, problem.end_column) == (4, 1, 6)
    assert (problem.code, problem.hint) == (
        "unknown-key",
        "did you mean follow? (options of my.log:Tail)",
    )


@pytest.mark.parametrize(
    "text",
    [
        "rules = [{ pattern = 'a', limt = 1 }]",
        "by_name.x = { pattern = 'a', limt = 1 }",
        "one = { pattern = 'a', limt = 1 }",
    ],
)
def test_an_unknown_key_of_an_inner_table_is_marked_with_what_may_be_meant(
    check: Check, text: str
) -> None:
    problem = check.problem(Options, f"path = 'x'\nto = '/b'\n{text}\n")
    assert (problem.line, problem.message) == (4, "unknown key")
    assert problem.hint.startswith("did you mean limit?")


def test_a_missing_key_is_marked_at_the_tables_header(check: Check) -> None:
    problem = check.problem(Options, "to = '/b'\n")
    assert (problem.key, problem.code) == ('actors."/a".options.path', "missing-key")
    assert (problem.line, problem.column, problem.end_column) == (1, 14, 21)


def test_a_missing_table_is_marked_at_the_actors_header(check: Check) -> None:
    _, problems = check(Options, "", head="[actors.'/a']\nuse = 'x'\n")
    assert [(it.line, it.column, it.key.rpartition(".")[2]) for it in problems] == [
        (1, 9, "path"),
        (1, 9, "to"),
    ]


def test_all_problems_of_a_table_come_at_once(check: Check) -> None:
    _, problems = check(Options, "too = '/b'\nfollow = 'perhaps'\n")
    assert {it.code for it in problems} == {"unknown-key", "missing-key", "wrong-type"}
    assert len(problems) == 4


def test_the_text_names_the_class_below_the_error_line(check: Check) -> None:
    lines = check.text(Model, "count = 0\n").splitlines()
    assert lines[0].endswith("options.count: got 0, want an integer >= 1")
    assert lines[2] == "      |         ^ (options of my.log:Tail)"


def test_a_float_out_of_range_wants_a_number(check: Check) -> None:
    assert check.problem(Model, "wait = 0.25\n").message == "got 0.25, want a number > 0.5"


def test_text_that_does_not_parse_is_told_in_our_words(check: Check) -> None:
    assert check.problem(Model, "day = 'today'\n").message == 'got "today", want a date'


def test_a_type_that_toml_does_not_have_is_told_in_pydantics_words(check: Check) -> None:
    problem = check.problem(Model, "id = 'x'\n")
    assert problem.message.startswith('got "x", want a valid UUID, invalid character')


def test_each_branch_of_a_union_says_what_it_wants(check: Check) -> None:
    _, problems = check(Options, "path = 'x'\nto = '/b'\nsize = {}\n")
    assert [(it.line, it.message) for it in problems] == [
        (4, "got a table, want an integer"),
        (4, "got a table, want an array"),
    ]


def test_no_options_and_an_empty_table_is_nothing(check: Check) -> None:
    assert check(None, "") == (None, ())


def test_options_for_a_class_that_takes_none_are_refused(check: Check) -> None:
    problem = check.problem(None, "a = 1\n")
    assert problem.message == "my.log:Tail takes no options"
    assert (problem.line, problem.column) == (1, 14)


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


@pydantic_dataclasses.dataclass(config=ConfigDict(extra="ignore"))
class Deaf:
    a: int = 0


def test_a_model_that_says_what_unknown_keys_are_is_obeyed(check: Check) -> None:
    made, problems = check(Open, "anything = 1\n")
    assert (made.anything, problems) == (1, ())
    assert check(Deaf, "b = 1\n") == (Deaf(), ())


class Talkative(BaseModel):
    """Validators with words of their own."""

    port: int = 1
    word: str = ""
    api_token: str = ""

    @field_validator("port")
    @classmethod
    def _check_port(cls, value: int) -> int:
        if value == 22:
            raise ValueError("want a port that nobody uses")
        if value == 23:
            raise PydanticCustomError("no_telnet", "telnet is\nover")
        if value == 24:
            raise AssertionError("24 is private")
        return value

    @model_validator(mode="after")
    def _check_all(self) -> Talkative:
        if self.api_token:
            raise ValueError(f"the token {self.api_token} was revoked")
        if self.word == "boom":
            raise KeyError(self.word)
        return self


@pytest.mark.parametrize(
    ("port", "message"),
    [
        (22, "got 22, want a port that nobody uses"),
        (23, "got 23: telnet is over"),
        (24, "got 24: 24 is private"),
    ],
)
def test_the_words_of_a_guests_validator_are_kept(check: Check, port: int, message: str) -> None:
    assert check.problem(Talkative, f"port = {port}\n").message == message


class Odd(BaseModel):
    """A validator that makes an object, and an annotation whose keys cannot be told."""

    made: int = 0
    inner: None | Rule = None  # noqa: RUF036

    @field_validator("made", mode="before")
    @classmethod
    def _make(cls, value: object) -> object:
        return object()


def test_an_object_that_a_guest_made_is_told_by_its_type(check: Check) -> None:
    assert check.problem(Odd, "made = 1\n").message == "got object, want an integer"


def test_an_unknown_key_is_marked_where_the_known_ones_cannot_be_told(check: Check) -> None:
    problem = check.problem(Odd, "inner = { pattern = 'a', limt = 1 }\n")
    assert (problem.column, problem.hint) == (26, "(options of my.log:Tail)")


@pytest.mark.parametrize("error_type", ["missing", "extra_forbidden", "greater_than", "enum"])
def test_a_guest_may_name_its_errors_as_pydantic_does(check: Check, error_type: str) -> None:
    @dataclass
    class Mimic:
        port: int = 1

        def __post_init__(self) -> None:
            raise PydanticCustomError(error_type, "no")

    assert check.problem(Mimic, "port = 5\n").line == 1


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (Model, "api_token = ['hunter2']\n"),
        (Model, "count = 0\napi_token = 'hunter2' # one line above\n"),
        (Model, "passwords = ['hunter2']\n"),
        (Model, "passwords = [\n1,\n'hunter2',\n]\n"),
        (Model, "api_key = 'hunter2'\n"),
        (Model, "secrets = { a = 'hunter2' }\n"),
        (Talkative, "api_token = 'hunter2'\n"),
    ],
)
def test_a_secret_is_never_printed(check: Check, model: type, text: str) -> None:
    _, problems = check(model, text)
    assert problems
    assert "hunter2" not in check.text(model, text)
    assert "hunter2" not in repr(problems)


def test_a_secret_on_the_line_of_another_mistake_is_not_printed(check: Check) -> None:
    document = read_document(
        check.write("[actors.'/a']\noptions = { api_token = 'hunter2', count = 0 }\n")
    )
    raw = document.data["actors"]["/a"]["options"]
    _, problems = check_options(Model, raw, at=AT, document=document, owner="x:Y")
    lines = str(document.refusal(problems)).splitlines()
    assert lines[1] == "    2 | options = { api_token = *********, count = 0 }"
    assert lines[2].index("^") - 8 == problems[0].column - 1 == 43


def test_an_address_that_looks_secret_hides_nothing(write: Write) -> None:
    document = read_document(write("[actors.'/token']\noptions = { count = 0 }\n"))
    at = ("actors", "/token", "options")
    _, problems = check_options(Model, {"count": 0}, at=at, document=document, owner="x:Y")
    assert "got 0, want" in str(document.refusal(problems))
    assert "count = 0" in str(document.refusal(problems))


@dataclass
class Unfinished:
    path: Nowhere  # type: ignore[name-defined]  # noqa: F821


class Unfinishable(BaseModel):
    path: Nowhere  # type: ignore[name-defined]  # noqa: F821


@dataclass
class Arbitrary:
    thing: Check


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Unfinished, "NameError"),
        (Unfinishable, "cannot be used"),
        (Arbitrary, "cannot be used"),
        (dict, "is neither a dataclass nor a pydantic model"),
        (5, "is neither a dataclass nor a pydantic model"),
    ],
)
def test_an_options_class_that_cannot_be_used_is_the_plugins_fault(
    check: Check, model: type, reason: str
) -> None:
    with pytest.raises(PluginError, match=reason) as caught:
        check(model, "a = 1\n")
    assert "my.log:Tail.Options" in str(caught.value)


def test_a_validator_that_breaks_is_the_plugins_fault_and_shows_no_secret(check: Check) -> None:
    with pytest.raises(PluginError, match="KeyError: 'boom'"):
        check(Talkative, "word = 'boom'\n")
