"""TOML documents in every spelling that the format has, drawn by hypothesis."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

KEYS = st.text(min_size=0, max_size=6) | st.sampled_from(["a", "b", "c-d", "e_f", "/tail", "x.y"])
EXPRESSIONS = st.sampled_from(["${UNSET}", "${UNSET:-5}", "$$", "${", "${file:none}", "a://b:c@d"])
STRINGS = EXPRESSIONS | st.text(max_size=12) | st.text("\"'\\\n\t é中#]}=", max_size=12)
SCALARS = (
    STRINGS
    | st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.datetimes()
    | st.dates()
    | st.times()
)


def tables(keys: st.SearchStrategy[str] = KEYS) -> st.SearchStrategy[dict[str, Any]]:
    values = st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=8,
    )
    return st.dictionaries(keys, values, max_size=5)


@st.composite
def documents(draw: st.DrawFn, contents: st.SearchStrategy[dict[str, Any]] | None = None) -> str:
    """Draw the text of a document: its values, and then how each of them is spelt."""
    text = Writer(draw).table((), draw(tables() if contents is None else contents))
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


class Writer:
    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def one_of(self, *spellings: str) -> str:
        return self.draw(st.sampled_from(spellings))

    def table(self, path: tuple[str, ...], content: dict[str, Any]) -> str:
        """Write the pairs, and behind them the tables that get a header of their own."""
        pairs, tables = "", ""
        for key, value in content.items():
            here = (*path, key)
            if isinstance(value, dict) and self.draw(st.booleans()):
                tables += f"{self.gap()}[{self.dotted(here)}]{self.end()}"
                tables += self.table(here, value)
            elif is_list_of_tables(value) and self.draw(st.booleans()):
                for item in value:
                    tables += f"{self.gap()}[[{self.dotted(here)}]]{self.end()}"
                    tables += self.table(here, item)
            else:
                pairs += self.pairs((key,), value)
        return pairs + tables

    def pairs(self, keys: tuple[str, ...], value: Any) -> str:
        if isinstance(value, dict) and value and self.draw(st.booleans()):
            return "".join(self.pairs((*keys, key), inner) for key, inner in value.items())
        sign = self.one_of("=", " = ", "\t=  ")
        return f"{self.gap()}{self.dotted(keys)}{sign}{self.value(value)}{self.end()}"

    def gap(self) -> str:
        return self.one_of("", "", "  ", "\t", "\n", '# "a" = [1]\n')

    def end(self) -> str:
        return self.one_of("\n", "\n", " # it's [a] comment\n")

    def dotted(self, path: tuple[str, ...]) -> str:
        return self.one_of(".", " . ").join(map(self.key, path))

    def key(self, key: str) -> str:
        bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
        if bare and self.draw(st.booleans()):
            return key
        return self.line(key)

    def line(self, text: str) -> str:
        """Write a string on one line."""
        if "'" not in text and all(is_plain(char) for char in text) and self.draw(st.booleans()):
            return f"'{text}'"
        return '"' + "".join(map(escaped, text)) + '"'

    def string(self, text: str) -> str:
        spelling = self.one_of("line", "basic", "literal")
        if spelling == "basic":
            return '"""\n' + "".join(multi_line(text)) + '"""'
        plain = all(is_plain(char) or char == "\n" for char in text)
        if spelling == "literal" and plain and "'''" not in text and not text.endswith("'''"):
            return f"'''\n{text}'''"
        return self.line(text)

    def value(self, value: Any) -> str:
        if isinstance(value, str):
            return self.string(value)
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | float):
            return repr(value)
        if isinstance(value, list):
            parts = [self.value(item) for item in value]
            comma = self.one_of(",", ", ", " ,\n\t", ", # ]\n")
            trailing = self.one_of(",", "") if parts else ""
            return "[" + self.one_of("", " ", "\n") + comma.join(parts) + trailing + "]"
        if isinstance(value, dict):
            items = [f"{self.key(key)} = {self.value(item)}" for key, item in value.items()]
            return "{" + self.one_of(" ", "") + ", ".join(items) + "}"
        return str(value) if self.draw(st.booleans()) else str(value).replace(" ", "T")


def is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(it, dict) for it in value)


def is_plain(char: str) -> bool:
    return char == "\t" or (char >= " " and char != "\x7f")


def escaped(char: str) -> str:
    if char in '"\\' or not is_plain(char):
        return json.dumps(char)[1:-1] if char != "\x7f" else "\\u007f"
    return char


def multi_line(text: str) -> list[str]:
    """Spell `text` with its line ends, and with up to two quotes in a row left as they are."""
    parts, quotes = [], 0
    for char in text:
        quotes = quotes + 1 if char == '"' else 0
        bare = char == "\n" or (char == '"' and quotes <= 2)
        parts.append(char if bare else escaped(char))
        quotes = 0 if not bare else quotes
    return parts
