"""Our reader of entry_points.txt against Python's own."""

from __future__ import annotations

from importlib.metadata import EntryPoints

from hypothesis import example, given
from hypothesis import strategies as st

from aplay_host.plugins.entry_points import parse_entry_points

LINES = st.one_of(
    st.sampled_from(
        ["[aplay_host.actors]", " [ a ] ", "[[x]]", "[]", "# note", "", "a=b", " a = b = c ", "="]
    ),
    st.text("[]#= ab.:\t", max_size=12),
    st.text(max_size=12),
)
ENDS = st.sampled_from(["\n", "\r\n", "\n\n", "\x0c", "\u2028"])


def oracle(text: str) -> list[tuple[str, str, str]] | None:
    try:
        points = list(EntryPoints._from_text(text))  # type: ignore[attr-defined]
    except TypeError:
        return None
    return [(point.group, point.name, point.value) for point in points]


@given(st.lists(st.tuples(LINES, ENDS).map("".join)).map("".join))
@example("[g]\nno value\n")
@example("lost = before:group\n[g]\na = b\n")
def test_parser_agrees_with_importlib_metadata(text: str) -> None:
    lines = list(parse_entry_points(text))
    values = [(line.group, line.name, line.value) for line in lines]
    assert (None if any(line.value is None for line in lines) else values) == oracle(text)


def test_lines_are_counted_from_one_with_blank_ones() -> None:
    numbers = [line.number for line in parse_entry_points("\n[g]\n# note\na = b\n\nc = d\n")]
    assert numbers == [4, 6]
