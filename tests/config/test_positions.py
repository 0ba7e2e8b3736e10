"""Where keys and values stand, in every spelling of TOML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import tomli
from hypothesis import HealthCheck, given, settings

from aplay_host.config.keypath import KeyPath
from aplay_host.config.positions import Positions, place

from .toml_text import documents


def paths_in(content: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    entries = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in entries:
        yield (*path, key), value
        if isinstance(value, dict | list):
            yield from paths_in(value, (*path, key))


@settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_every_path_is_located_and_every_value_slice_parses_to_the_same_value(text: str) -> None:
    content = tomli.loads(text)
    text = text.replace("\r\n", "\n")
    found = Positions(text)
    paths = dict(paths_in(content))
    assert found.keys.keys() | found.values.keys() == paths.keys()
    for path, span in found.values.items():
        assert tomli.loads(f"value = {text[span]}")["value"] == paths[path]
    for path, span in found.keys.items():
        name = next(part for part in reversed(path) if isinstance(part, str))
        assert [*tomli.loads(f"{text[span]} = 0")] == [name]


@settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_line_and_column_count_the_characters_before_a_token(text: str) -> None:
    text = text.replace("\r\n", "\n")
    found, lines = Positions(text), text.split("\n")
    for span in (*found.keys.values(), *found.values.values()):
        before = text[: span.start]
        line, column, end_column = place(text, span)
        assert (line, column) == (len(before.split("\n")), len(before.split("\n")[-1]) + 1)
        marked = lines[line - 1][column - 1 : end_column - 1]
        assert marked == text[span].split("\n")[0]


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a = 1\n\n  b = 22 # c\n", ("b",), (3, 7, 9)),
        ("\ta =\t-5\n", ("a",), (1, 6, 8)),
        ("a = 1\nb = [\n  1, # ]\n  2,\n]\n", ("b", 1), (4, 3, 4)),
        ('"中é" = "中"\n', ("中é",), (1, 8, 11)),
        ("a . 'b.c' = true", ("a", "b.c"), (1, 13, 17)),
        ("a = { b = 1, c.d = 2 }", ("a", "c", "d"), (1, 20, 21)),
        ("[t]\na = 1\n[t.u]\na = 2\n", ("t", "u", "a"), (4, 5, 6)),
        ("[[t]]\na = 1\n[[t]]\na = 2\n[t.u]\nb = 3\n", ("t", 1, "u", "b"), (6, 5, 6)),
        ("[[t]]\n[[t.u]]\na = 1\n[[t.u]]\na = 2\n", ("t", 0, "u", 1, "a"), (5, 5, 6)),
        ("d = 1979-05-27 07:32:00 # t\n", ("d",), (1, 5, 24)),
        ('a = """\none"""\nb = 1\n', ("a",), (1, 5, 8)),
        ('a = """x"""""\n', ("a",), (1, 5, 14)),
        ("a = '''x''''\nb = 1\n", ("b",), (2, 5, 6)),
        ('a = "\\"]" # "\nb = 1\n', ("b",), (2, 5, 6)),
    ],
)
def test_a_value_is_located(text: str, path: KeyPath, expected: tuple[int, int, int]) -> None:
    tomli.loads(text)
    assert place(text, Positions(text).values[path]) == expected


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("[actors.'/tail'.options]\na = 1\n", ("actors", "/tail"), (1, 9, 16)),
        ("[a.b]\nx = 1\n[a]\ny = 1\n", ("a",), (3, 2, 3)),
        ('"a\\u0062" = 1\n', ("ab",), (1, 1, 10)),
        ("[[t]]\n[[t]]\n", ("t", 1), (2, 3, 4)),
        ("[[t]]\n[[t]]\n", ("t",), (1, 3, 4)),
        ("a.b = 1\na.c = 2\n", ("a", "c"), (2, 3, 4)),
    ],
)
def test_a_key_is_located(text: str, path: KeyPath, expected: tuple[int, int, int]) -> None:
    tomli.loads(text)
    assert place(text, Positions(text).keys[path]) == expected


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ("{ a = ", "}")])
def test_values_are_located_as_deep_as_the_parser_goes(begin: str, end: str) -> None:
    text = f"a = {begin * 400}1{end * 400}\nb = 2\n"
    tomli.loads(text)
    found = Positions(text)
    assert len(found.values) == 402
    assert place(text, found.values[("b",)]) == (2, 5, 6)
