"""What holds for the options of every kind of model: a dataclass, pydantic's and msgspec's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretBytes, SecretStr

from aplay_host.config import check_options, read_document
from aplay_host.errors import Problem

AT = ("actors", "/a", "options")


@dataclass
class InnerClass:
    count: int


@dataclass
class AsClass:
    count: int
    word: str
    flag: bool
    inner: InnerClass


class InnerModel(BaseModel):
    count: int


class AsModel(BaseModel):
    count: int
    word: str
    flag: bool
    inner: InnerModel


class InnerStruct(msgspec.Struct):
    count: int


class AsStruct(msgspec.Struct):
    count: int
    word: str
    flag: bool
    inner: InnerStruct


MODELS = [AsClass, AsModel, AsStruct]
# By key: what may be written for it, and the code of the problem that it is, if it is one.
WRITTEN: dict[str, list[tuple[str | None, str | None]]] = {
    "count": [("3", None), ("'x'", "wrong-type"), ("[]", "wrong-type"), (None, "missing-key")],
    "word": [("'a'", None), ("3", "wrong-type"), ("{}", "wrong-type"), (None, "missing-key")],
    "flag": [("true", None), ("'maybe'", "wrong-type"), (None, "missing-key")],
    "inner.count": [("1", None), ("'x'", "wrong-type")],
    "cuont": [("1", "unknown-key"), (None, None)],
    "inner.kount": [("1", "unknown-key"), (None, None)],
}


def check(model: type, text: str) -> tuple[Any, tuple[Problem, ...], str]:
    """Return the instance, the problems, and their text."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "aplay.toml"
        file.write_text(f"[actors.'/a'.options]\n{text}\n", "utf-8")
        document = read_document(file)
    raw = document.data["actors"]["/a"]["options"]
    made, problems = check_options(model, raw, at=AT, document=document, owner="m:A")
    return made, problems, str(document.refusal(problems)) if problems else ""


@given(
    st.sampled_from(MODELS),
    st.fixed_dictionaries({k: st.sampled_from(v) for k, v in WRITTEN.items()}),
)
def test_every_wrong_key_of_every_kind_is_reported_with_its_line(
    model: type, written: dict[str, tuple[str | None, str | None]]
) -> None:
    stated = [(key, text, code) for key, (text, code) in written.items() if text is not None]
    _, problems, _ = check(model, "\n".join(f"{key} = {text}" for key, text, _ in stated))
    wanted = {
        (number, code, key) for number, (key, _, code) in enumerate(stated, start=2) if code
    } | {(1, code, key) for key, (text, code) in written.items() if text is None and code}
    found = {(it.line, it.code, it.key.removeprefix('actors."/a".options.')) for it in problems}
    assert found == wanted


@dataclass
class SecretClass:
    pin: SecretStr
    pins: list[SecretStr] | None = None
    by_name: dict[str, SecretBytes] | None = None
    count: int = 0


class SecretModel(BaseModel):
    pin: SecretStr
    pins: list[SecretStr] | None = None
    by_name: dict[str, SecretBytes] | None = None
    count: int = 0


class SecretStruct(msgspec.Struct):
    password: str
    secrets: list[str] | None = None
    count: int = 0


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (SecretClass, "pin = ['hunter2']"),
        (SecretClass, "pin = 'hunter2'\ncount = 'x'"),
        (SecretClass, "pin = 'hunter2', count = 'x'"),
        (SecretClass, "pin = 'x'\npins = ['a', ['hunter2']]"),
        (SecretClass, "pin = 'x'\nby_name = { a = ['hunter2'] }"),
        (SecretModel, "pin = ['hunter2']"),
        (SecretModel, "pin = 'hunter2', count = 'x'"),
        (SecretModel, "pin = 'x'\npins = ['a', ['hunter2']]"),
        (SecretStruct, "password = ['hunter2']"),
        (SecretStruct, "password = 'hunter2', count = 'x'"),
        (SecretStruct, "password = 'x'\nsecrets = 'hunter2'"),
    ],
)
def test_secret_value_is_never_printed(model: type, text: str, tmp_path: Path) -> None:
    file = tmp_path / "aplay.toml"
    inline = "', count" in text  # on one line, the line of another mistake shows the secret
    whole = f"[actors.'/a']\noptions = {{ {text} }}" if inline else f"[actors.'/a'.options]\n{text}"
    file.write_text(whole + "\n", "utf-8")
    document = read_document(file)
    raw = document.data["actors"]["/a"]["options"]
    _, problems = check_options(model, raw, at=AT, document=document, owner="m:A")
    assert problems
    assert "hunter2" not in str(document.refusal(problems))
    assert "hunter2" not in repr(problems)


def test_a_field_that_is_no_secret_is_printed() -> None:
    assert 'got "hunter2", want an integer' in check(SecretClass, "pin = 'x'\ncount = 'hunter2'")[2]
