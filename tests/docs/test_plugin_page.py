"""The way from an empty folder to a published plugin, gone as docs/plugins.md says it."""

from __future__ import annotations

from .pages import ROOT, blocks
from .terminal import Terminal

PAGE = ROOT / "docs/plugins.md"


def test_the_way_to_a_published_plugin_is_as_the_page_says(terminal: Terminal) -> None:
    way = [one for one in blocks(page=PAGE) if one.file or one.language == "console"]
    assert len(way) >= 10
    assert {one.language for one in blocks(page=PAGE)} == {"console", "python", "toml"}
    for block in way:
        if block.file:
            terminal.write(block)
        else:
            terminal.type(block)
    (served,) = terminal.served
    assert served.poll() is None
